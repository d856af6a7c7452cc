//! What every driver needs, without a runtime: which timer next, whose message is this, who waits for whom.

mod dispatch;
mod outbox;
mod timers;
