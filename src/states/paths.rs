//! How a path is kept, against a list of deadlines.

use core::time::Duration;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Open,
    Connected,
    /// The relay grants a path, for so many seconds if it says.
    Grant(Option<u32>),
    Answer(u16, &'static str),
    Login(bool),
    /// The next deadline is there.
    Tick,
    /// So many seconds pass, no deadline among them.
    Pass(u64),
    Down,
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    let answers = [
        (401, CHALLENGE),
        (401, CHALLENGE),
        (401, STALE),
        (423, "Max-Expires: 300\r\n"),
        (408, ""),
    ];
    let answer = prop_oneof![
        20 => prop::sample::select(answers.to_vec()),
        1 => prop::sample::select(Vec::from([(403, ""), (200, "")])),
    ];
    let valid = prop::sample::select(Vec::from([1u32, 2, 60, 119, 120, 121, 600, 86_400]));
    prop_oneof![
        20 => Just(Step::Open),
        20 => Just(Step::Connected),
        40 => prop::option::weighted(0.95, valid).prop_map(Step::Grant),
        20 => answer.prop_map(|(status, lines)| Step::Answer(status, lines)),
        40 => prop::bool::weighted(0.97).prop_map(Step::Login),
        20 => Just(Step::Tick),
        20 => (0..200u64).prop_map(Step::Pass),
        1 => Just(Step::Down),
        1 => Just(Step::Release),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The relay or the host ought to have answered. Not while there is a path.
    Answer,
    /// The path is asked for anew.
    Renewal,
    /// The path is over.
    End,
}

#[derive(Debug, Default)]
struct Naive {
    deadlines: Vec<(What, Duration)>,
    granted: bool,
    /// Whether an AUTH is out.
    out: bool,
    /// For how long the relays so far grant it.
    valid: Vec<Option<u32>>,
}

impl Naive {
    fn next(&self) -> Option<(What, Duration)> {
        self.deadlines.iter().min_by_key(|(_, due)| *due).copied()
    }

    /// The last relay has granted it.
    fn granted(&mut self, now: Duration) -> Option<Duration> {
        (self.granted, self.out) = (true, false);
        let valid = self.valid.drain(..).flatten().min();
        let valid = valid.map(|valid| Duration::from_secs(valid.into()));
        self.deadlines.clear();
        if let Some(valid) = valid {
            let lead = (valid / 2).min(Duration::from_secs(60));
            self.deadlines.push((What::Renewal, now + valid - lead));
            self.deadlines.push((What::End, now + valid));
        }
        valid
    }

    fn waits(&mut self, until: Duration) {
        if !self.granted {
            self.deadlines = Vec::from([(What::Answer, until)]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_is_kept_by_a_list_of_deadlines(
        chain: bool,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut it = Scene::at(At::Idle);
        let relays = "msrps://r.example.com;tcp msrps://s.example.com;tcp";
        if chain {
            let own = "msrps://alice.example.com:9892/x;tcp";
            it.relay = Relay::new(relays, own, None, &it.desk.config).unwrap();
        }
        let mut naive = Naive::default();
        let (mut now, mut due) = (Duration::ZERO, None);
        for step in steps {
            it.done.clear();
            let (was_out, closed) = (naive.out, it.relay.is_closed());
            let fires = naive.next().filter(|_| matches!(step, Step::Tick));
            match step {
                Step::Open => drop(it.open()),
                Step::Connected => drop(it.hear(Event::Connected)),
                Step::Grant(valid) => {
                    let expires = valid.map_or(String::new(), |valid| format!("Expires: {valid}\r\n"));
                    it.answer(200, &format!("Use-Path: msrps://r.example.com:9000/x;tcp\r\n{expires}"));
                    if was_out {
                        naive.valid.push(valid);
                    }
                }
                Step::Answer(status, lines) => drop(it.answer(status, lines)),
                Step::Login(true) => drop(it.log_in()),
                Step::Login(false) => drop(it.hear(Event::Answer(it.ask, None))),
                Step::Tick => {
                    let Some((what, then)) = fires else { continue };
                    now = then;
                    due = None;
                    naive.deadlines.retain(|(other, _)| *other != what);
                    it.hear(Event::Timer);
                }
                Step::Pass(seconds) => {
                    let then = now + Duration::from_secs(seconds);
                    now = naive.next().map_or(then, |(_, due)| then.min(due));
                    continue;
                }
                Step::Down => drop(it.hear(Event::Down(Down::Lost))),
                Step::Release => drop(it.release()),
            }
            // What it is to do at this moment.
            let asks = it.done.iter().filter(|action| matches!(action, Action::Send(..) | Action::Ask(..)));
            prop_assert!(asks.count() <= 1);
            let ends = it.done.iter().find_map(|action| match action {
                Action::Closed(why) => Some(*why),
                _ => None,
            });
            match fires {
                Some((What::Answer, _)) => prop_assert_eq!(ends, Some(Why::NoAnswer)),
                Some((What::End, _)) => prop_assert_eq!(ends, Some(Why::Expired)),
                Some((What::Renewal, _)) => prop_assert_eq!(ends, None),
                None => prop_assert!(!matches!(ends, Some(Why::NoAnswer | Why::Expired))),
            }
            let whole = naive.valid.len() == if chain { 2 } else { 1 };
            let grants = it.done.iter().any(|action| matches!(action, Action::Granted(_)));
            prop_assert_eq!(grants, whole && was_out);
            let limits = it.desk.config.limits.clone();
            for action in &it.done {
                match action {
                    Action::Connect => naive.waits(now + limits.connect_wait),
                    Action::Send(..) => {
                        naive.out = true;
                        naive.waits(now + limits.msrp_response);
                    }
                    Action::Ask(..) => {
                        naive.out = false;
                        naive.waits(now + limits.lookup);
                    }
                    Action::StartTimer(after) => due = Some(now + *after),
                    Action::StopTimer => due = None,
                    Action::Granted(grant) => prop_assert_eq!(grant.valid, naive.granted(now)),
                    Action::Closed(_) => naive = Naive::default(),
                }
            }
            match step {
                Step::Release => naive = Naive::default(),
                Step::Open => prop_assert_eq!(it.done.is_empty(), !closed),
                // It begins with the first relay, in time.
                Step::Tick if matches!(fires, Some((What::Renewal, _))) => {
                    naive.valid.clear();
                    prop_assert!(it.done.iter().any(|action| matches!(action, Action::Send(..) | Action::Ask(..))));
                    prop_assert_eq!(naive.next().map(|(what, _)| what), Some(What::End));
                }
                _ => {}
            }
            prop_assert_eq!(due, naive.next().map(|(_, due)| due));
            prop_assert_eq!(it.relay.is_granted(), naive.granted);
            prop_assert_eq!(it.relay.is_closed(), naive.deadlines.is_empty() && !naive.granted);
        }
    }
}
