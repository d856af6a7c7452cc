//! What every driver needs, without a runtime: which timer next, whose message is this, who waits for whom.
//!
//! A driver owns sockets, a clock and randomness. It hands events to machines, performs the actions
//! that it gets back, and shows each of them to [`Dispatch::learn`] on the way.

mod dispatch;
mod outbox;
mod outside;
mod timers;

pub use crate::stray::stray;
pub use dispatch::{Dispatch, Known, Role, Route};
pub use outbox::{Outbox, Pushed};
pub use timers::TimerQueue;
