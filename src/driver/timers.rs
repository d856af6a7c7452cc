//! Which timer fires next.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;
use core::ops::Add;
use core::time::Duration;

use hashbrown::HashMap;

use crate::{LegId, MachineId, Timer};

/// A timer of one leg of one machine.
type Key = (MachineId, LegId, Timer);

/// The timers of all machines of a driver, over any clock: `I` is its instant.
///
/// No firing from before the last start or stop of a timer is ever delivered. Starting and popping
/// take the logarithm of what is pending, stopping is constant but for the stops that clear the way
/// to the next deadline. Memory is bounded by twice what was pending at the same time.
#[derive(Clone, Debug)]
pub struct TimerQueue<I> {
    /// Every start that has not been popped, those that mean nothing any more among them; never one
    /// of these on top, so that `deadline` only looks.
    starts: BinaryHeap<Reverse<Start<I>>>,
    /// The number of the start that counts.
    running: HashMap<Key, u64>,
    /// How many starts there have been. A number is used once, so that a start from before a stop
    /// never looks like the one after it.
    count: u64,
}

/// Ordered by deadline, first come first served among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Start<I> {
    due: I,
    number: u64,
    key: Key,
}

impl<I: Ord> Default for TimerQueue<I> {
    fn default() -> Self {
        Self {
            starts: BinaryHeap::new(),
            running: HashMap::new(),
            count: 0,
        }
    }
}

impl<I: Copy + Ord + Add<Duration, Output = I>> TimerQueue<I> {
    /// A queue without timers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a timer, or starts it anew: it fires once, `after` from `now`.
    pub fn start(&mut self, key: (MachineId, LegId, Timer), now: I, after: Duration) {
        let number = self.count;
        self.count = self.count.wrapping_add(1);
        self.running.insert(key, number);
        let due = now + after;
        self.starts.push(Reverse(Start { due, number, key }));
        self.tidy();
    }

    /// Stops a timer; it need not be running.
    pub fn stop(&mut self, key: (MachineId, LegId, Timer)) {
        if self.running.remove(&key).is_some() {
            self.tidy();
        }
    }

    /// Stops all timers of a machine that is dropped before it is closed. Looks at every timer.
    pub fn forget(&mut self, machine: MachineId) {
        self.running.retain(|key, _| key.0 != machine);
        self.tidy();
    }

    /// When the next timer fires; `None` while none is running.
    pub fn deadline(&self) -> Option<I> {
        self.starts.peek().map(|Reverse(start)| start.due)
    }

    /// Takes out the next timer that is due at `now`: in the order of deadlines, and of starts where
    /// deadlines are equal. Hand it to its machine before anything else is done to that timer.
    pub fn pop(&mut self, now: I) -> Option<(MachineId, LegId, Timer)> {
        if self.deadline()? > now {
            return None;
        }
        let Reverse(start) = self.starts.pop()?;
        self.running.remove(&start.key);
        self.tidy();
        Some(start.key)
    }

    /// How many timers are running.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether no timer is running.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Clears the top, and everything once most of it means nothing: a session that restarts its
    /// guard with every chunk would otherwise leave one entry a chunk until the deadline passes.
    fn tidy(&mut self) {
        let running = &self.running;
        let counts = |start: &Start<I>| running.get(&start.key) == Some(&start.number);
        if self.starts.len() > 2 * running.len() + SLACK {
            self.starts.retain(|Reverse(start)| counts(start));
        }
        while self.starts.peek().is_some_and(|Reverse(s)| !counts(s)) {
            self.starts.pop();
        }
    }
}

/// Small queues are not worth tidying.
const SLACK: usize = 32;
