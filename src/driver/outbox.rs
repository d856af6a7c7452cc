//! One pending MESSAGE a request URI.

use alloc::collections::VecDeque;

use hashbrown::HashMap;

use crate::{Limits, Uri};

/// Holds back what would be a second pending MESSAGE to the same request URI (RFC 3428 §8,
/// OC-PM-02): the driver passes every MESSAGE outside a dialog through it, and the next one goes when
/// the one before has its final response or has failed. Lists that share the exploder's URI are held
/// back for one another too (CC-33).
///
/// At most `limits.queue` wait for one URI. URIs are not counted: each of them has a transaction
/// under way, and how many of these there are is the driver's bound. URIs that are equivalent
/// (RFC 3261 §19.1.4) share a line, and so may, once in a while, two that are not; they only wait longer.
#[derive(Clone, Debug)]
pub struct Outbox<T> {
    /// What waits, by fingerprint of the URI. A line without anyone waiting still says that one is under way.
    lines: HashMap<u64, VecDeque<T>>,
}

/// What became of an item handed to the [`Outbox`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed<T> {
    /// Send it now.
    Go(T),
    /// It waits for its turn, in order (CC-32).
    Waiting,
    /// As many as `limits.queue` wait already: it is handed back.
    Full(T),
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
        }
    }
}

impl<T> Outbox<T> {
    /// An outbox without anything under way.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to send `item` to `uri`.
    pub fn push(&mut self, uri: &Uri, item: T, limits: &Limits) -> Pushed<T> {
        let Some(line) = self.lines.get_mut(&uri.fingerprint()) else {
            self.lines.insert(uri.fingerprint(), VecDeque::new());
            return Pushed::Go(item);
        };
        if line.len() >= limits.queue {
            return Pushed::Full(item);
        }
        line.push_back(item);
        Pushed::Waiting
    }

    /// Says that what was under way to `uri` has its final response or has failed; returns what is to
    /// be sent next. Call it again when that one is through.
    pub fn done(&mut self, uri: &Uri) -> Option<T> {
        let key = uri.fingerprint();
        let next = self.lines.get_mut(&key)?.pop_front();
        if next.is_none() {
            self.lines.remove(&key);
        }
        next
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}
