//! OMA SIMPLE Instant Messaging as pure state machines: no socket, no clock, no thread, no randomness.
//!
//! Three roles: [`Originating`] sends a message, [`Terminating`] receives one, [`Controlling`] distributes
//! one to a list or a group. Each is a [`Machine`]: a driver hands it an [`Event`] of one of its legs, and
//! performs the [`Action`]s that it finds in the buffer that it lent.
//!
//! ```text
//!                     ┌── originating client ──┐     1 leg
//!  (leg, Event) ────▶ ├── terminating client ──┤     1 leg             ────▶ (leg, Action)
//!                     └─ controlling function ─┘     1 in, N out
//! ```
//!
//! A message of fewer than 1300 octets travels as one SIP MESSAGE (pager mode); a larger one as an MSRP
//! message inside an INVITE dialog that is there for nothing else (large message mode). The machine
//! decides; see [`mode`].
//!
//! # What is whose
//!
//! | the driver's | the crate's |
//! |---|---|
//! | SIP transactions and transport, digest (RFC 3261 §17, §18, §22) | dialogs, forks, ACK to 2xx, CANCEL, offer and answer, session timers |
//! | TCP, TLS, DNS | MSRP: frames, sessions, chunks, reports ([`msrp::Connection`]) |
//! | the clock | which timer next ([`driver::TimerQueue`]) |
//! | members, policy, the user's yes or no | asking for them at the right moment ([`Question`], [`Answer`]) |
//! | storage | [`wire`]: octets to values and back |
//!
//! # A message from alice to bob
//!
//! ```
//! use simple_im::wire::sip;
//! use simple_im::{Account, Action, Actions, Answer, Config, Content, Context, Draft, Entropy, Event};
//! use simple_im::{LegId, Machine, MsrpAuthority, Originating, ServerTxn, Target, Terminating, Uri};
//! use bytes::BytesMut;
//!
//! struct Dice(u64);
//! impl Entropy for Dice {
//!     fn draw(&mut self) -> u64 {
//!         self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
//!         self.0
//!     }
//! }
//!
//! fn user(name: &str) -> Result<Config, simple_im::Flaw> {
//!     let address = Uri::copy(&format!("sip:{name}@example.com"))?;
//!     let msrp = MsrpAuthority { host: format!("{name}.example.com"), port: 2855, tls: false };
//!     Ok(Config::new(Account::new(address.clone(), address), msrp, [1, 2]))
//! }
//!
//! let (alice, bob) = (user("alice")?, user("bob")?);
//! let (mut dice, mut actions) = (Dice(1), Actions::new());
//!
//! // Alice has something to say.
//! let mut sender = Originating::new();
//! let draft = Draft::new(Target::One(bob.account.address.clone()), Content::text("hi"));
//! sender.send(draft, &mut Context::new(&alice, &mut dice, &mut actions))?;
//! let Some((_, Action::SendRequest(message))) = actions.drain().next() else { panic!() };
//!
//! // It crosses as octets; Via is the transport's.
//! let mut wire = BytesMut::new();
//! sip::write_request(&mut wire, &message, "Via: SIP/2.0/UDP alice.example.com;branch=z9hG4bK1\r\n");
//! let request = sip::parse_request(&wire.freeze())?;
//!
//! // Bob's machine asks before it answers: a 200 means that the page is kept.
//! let mut receiver = Terminating::new();
//! let event = Event::Request(ServerTxn(1), &request);
//! receiver.handle(LegId::FIRST, event, &mut Context::new(&bob, &mut dice, &mut actions));
//! let Some((_, Action::Ask(ask, _))) = actions.drain().next() else { panic!() };
//! receiver.handle(LegId::FIRST, Event::Answer(ask, Answer::Accept), &mut Context::new(&bob, &mut dice, &mut actions));
//! assert!(actions.drain().any(|(_, action)| matches!(action, Action::Respond(_, reply) if reply.status.0 == 200)));
//! assert!(receiver.is_closed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A host that has a SIP stack with message types of its own finds the way to sit on it in `docs/your-stack.md`: pieces
//! go in through [`Request::build`] and [`Response::build`], and come out through [`Outgoing::each_field`] and
//! [`Reply::each_field`].
//!
//! # Memory and time
//!
//! Every collection that a peer can grow has its bound in [`Limits`]. Bodies are [`bytes::Bytes`] handles
//! from the socket to the socket and are never copied by a machine. A call does a bounded amount of work
//! and asks for [`Timer::Continue`] when more is left.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
mod capabilities;
mod compose;
mod context;
mod controlling;
mod dialog;
pub mod driver;
mod event;
mod id;
mod leg;
mod limits;
mod message;
pub mod msrp;
pub mod offer;
mod originating;
mod outcome;
mod page;
pub mod profile;
mod refresh;
mod replace;
mod roster;
#[cfg(test)]
mod states;
mod stray;
mod terminating;
pub mod wire;

pub use action::{
    Action, Arrival, Chunk, Continuation, FailureReport, Fresh, Keys, Marks, Notice, OpenMsrp,
    Outgoing, Question, Reply, Report, Timer,
};
pub use context::{Account, Actions, Config, Context, Entropy, MsrpAuthority};
pub use controlling::Controlling;
pub use event::{
    Access, Answer, ByteRange, Down, Event, LookupError, MsrpEvent, Refusal, ReportHead, SendHead,
    TxnError,
};
pub use id::{
    AskId, ChunkId, ClientTxn, LegId, MachineId, MessageId, MsrpTxn, RecipientId, ServerTxn,
    SessionId, Tag, Token,
};
pub use limits::Limits;
pub use message::{
    Address, Body, Flaw, Head, Method, Methods, OptionTags, Part, Preference, Privacy, Request,
    Response, SessionExpires, Status, Uri,
};
pub use originating::{
    Content, Draft, External, Misuse, Mode, Originating, PathKnowledge, Recipient, Target, mode,
};
pub use outcome::{Failure, Outcome};
pub use profile::Profile;
pub use replace::{DialogView, Found, Stage};
pub use roster::{CopyControl, Entry};
pub use terminating::Terminating;

/// A role, as drivers, simulators and fuzzers see it.
pub trait Machine {
    /// Takes one event of one leg and pushes what is to be done. Total: it never fails, whatever
    /// arrives in whatever order.
    fn handle(&mut self, leg: LegId, event: Event<'_>, cx: &mut Context<'_>);

    /// Ends the exchange as soon as the protocol allows. After the answers to whatever is
    /// outstanding every leg is closed.
    fn close(&mut self, cx: &mut Context<'_>);

    /// Whether nothing will happen any more: the machine can be dropped.
    fn is_closed(&self) -> bool;

    /// The dialog of a leg; of several early ones that with the peer's tag, or the first. `None` where
    /// there is none, or none that could be replaced.
    fn dialog(&self, leg: LegId, remote_tag: Option<&str>) -> Option<DialogView> {
        let _ = (leg, remote_tag);
        None
    }

    /// Octets that the leg's MSRP session holds of messages that are not complete:
    /// [`msrp::Connection::holds`] is to be told after each call.
    fn held(&self, leg: LegId) -> u64 {
        let _ = leg;
        0
    }
}

/// The README's code is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// And that of the page for hosts with a SIP stack.
#[cfg(doctest)]
#[doc = include_str!("../docs/your-stack.md")]
mod your_stack {}
