//! The driver's bookkeeping: timers, dispatch, outbox, and the simulator that uses them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use proptest::prelude::*;
use simple_im::driver::TimerQueue;
use simple_im::{LegId, MachineId, Timer};

mod timers {
    use super::*;

    type Key = (MachineId, LegId, Timer);

    fn key(n: u8) -> Key {
        let timer = [Timer::Ring, Timer::Repeat][usize::from(n % 2)];
        let leg = LegId::new(u32::from(n / 2 % 2), 0);
        (MachineId(u32::from(n / 4)), leg, timer)
    }

    fn ms(n: u16) -> Duration {
        Duration::from_millis(n.into())
    }

    #[test]
    fn timers_fire_by_deadline_and_first_come_first_served() {
        let mut timers = TimerQueue::new();
        timers.start(key(0), ms(0), ms(7));
        timers.start(key(1), ms(2), ms(5));
        timers.start(key(2), ms(0), ms(3));
        assert_eq!(timers.deadline(), Some(ms(3)));
        assert_eq!(timers.pop(ms(2)), None);
        assert_eq!(timers.pop(ms(9)), Some(key(2)));
        assert_eq!(timers.pop(ms(9)), Some(key(0)));
        assert_eq!(timers.pop(ms(9)), Some(key(1)));
        assert_eq!(timers.pop(ms(9)), None);
    }

    #[test]
    fn a_timer_stopped_and_started_again_fires_once_at_its_new_time() {
        let mut timers = TimerQueue::new();
        timers.start(key(0), ms(0), ms(1));
        timers.stop(key(0));
        timers.start(key(0), ms(0), ms(5));
        assert_eq!(timers.pop(ms(4)), None);
        assert_eq!(timers.pop(ms(5)), Some(key(0)));
        assert_eq!(timers.pop(ms(99)), None);
    }

    #[test]
    fn restarting_one_timer_a_million_times_takes_no_room() {
        let mut timers = TimerQueue::new();
        for _ in 0..1_000_000 {
            timers.start(key(0), ms(0), ms(9));
        }
        assert_eq!(timers.len(), 1);
        let shown = format!("{timers:?}");
        assert!(shown.len() < 40 * 200, "{} octets", shown.len());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Start(u8, u16),
        Stop(u8),
        Forget(u8),
        Pop,
        Pass(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..12u8, 0..20u16).prop_map(|(k, after)| Step::Start(k, after)),
            2 => (0..12u8).prop_map(Step::Stop),
            1 => (0..3u8).prop_map(Step::Forget),
            3 => Just(Step::Pop),
            2 => (0..9u16).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn the_queue_does_what_a_plain_list_does(steps in prop::collection::vec(step(), 0..400)) {
            let (mut queue, mut list, mut now) = (TimerQueue::new(), Vec::<(Duration, Key)>::new(), ms(0));
            for step in steps {
                match step {
                    Step::Start(k, after) => {
                        queue.start(key(k), now, ms(after));
                        list.retain(|(_, other)| *other != key(k));
                        list.push((now + ms(after), key(k)));
                        // Stable: equals stay in the order of their starts.
                        list.sort_by_key(|(due, _)| *due);
                    }
                    Step::Stop(k) => {
                        queue.stop(key(k));
                        list.retain(|(_, other)| *other != key(k));
                    }
                    Step::Forget(machine) => {
                        queue.forget(MachineId(machine.into()));
                        list.retain(|(_, other)| other.0 != MachineId(machine.into()));
                    }
                    Step::Pop => {
                        let due = list.first().is_some_and(|(due, _)| *due <= now);
                        prop_assert_eq!(queue.pop(now), due.then(|| list.remove(0).1));
                    }
                    Step::Pass(time) => now += ms(time),
                }
                prop_assert_eq!(queue.deadline(), list.first().map(|(due, _)| *due));
                prop_assert_eq!(queue.len(), list.len());
            }
        }
    }
}
