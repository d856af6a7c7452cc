//! OMA SIMPLE Instant Messaging as pure state machines.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
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
mod offer;
mod originating;
mod outcome;
mod page;
pub mod profile;
mod refresh;
mod roster;
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
}
