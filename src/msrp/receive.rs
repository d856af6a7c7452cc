//! The receiving half of a session: reassembly by Byte-Range, responses, reports (RFC 4975 §7.3).

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Ident, RangeSet, store::Store};
use crate::profile::Reports;
use crate::{
    Action, Context, Continuation, FailureReport, MessageId, MsrpTxn, Notice, Report, SendHead,
    Timer,
};

/// Message-IDs of messages that are over and remembered, to tell a resent one (CC-138).
const REMEMBERED: usize = 16;

/// Incoming messages and the chunk that is just arriving.
///
/// | event | what happens |
/// |---|---|
/// | a request begins | wrong direction 403, wrong type 415, too large 413; else its message is found or begun |
/// | octets | they go to their place; above the limit 413 and the message is dropped |
/// | `+` | 200 |
/// | `$` | 200; complete when all octets from the first to the last are there |
/// | `#` | 200; the message is dropped |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Receiving {
    keep: Keep,
    chunk: Option<InChunk>,
    /// At most `limits.incoming`. In a block of its own, as is `over`: most sessions receive nothing, and a
    /// session is moved with every event.
    messages: Vec<Incoming>,
    /// At most [`REMEMBERED`].
    over: Vec<(Ident, Over)>,
    begun: u32,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Complete,
    /// It was too large or is not wanted; the sender was told and should have stopped (RFC 4975 §10.5).
    TooLarge,
}

/// What happens to the octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Small messages are assembled, large ones are handed on as they come; at most so many octets.
    ForUser { most: u64 },
    /// Every message is kept whole until it is taken; at most so many octets.
    Stored { most: u64 },
    /// We said that we receive nothing.
    #[default]
    Nothing,
}

impl Keep {
    fn most(self) -> u64 {
        match self {
            Self::ForUser { most } | Self::Stored { most } => most,
            Self::Nothing => 0,
        }
    }
}

/// One request that is arriving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InChunk {
    txn: MsrpTxn,
    failure: FailureReport,
    fate: Fate,
    /// Where it begins, and where the next octet belongs, from 0.
    start: u64,
    at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// No body as yet: a keep-alive, or the beginning of a message.
    Bodiless,
    /// Part of the message with this Message-ID.
    Part(Ident),
    /// Answered already; the rest is skipped.
    Refused,
    /// A message that we have already (RFC 4975 §5.4): answered, not kept again.
    Again(Ident, bool),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Incoming {
    ident: Ident,
    message: MessageId,
    ranges: RangeSet,
    store: Store,
    streaming: bool,
    /// Defined by the `$` chunk, wherever it ends; before that what Byte-Range declares.
    total: Option<u64>,
    ended: bool,
    success: bool,
    failure: FailureReport,
    mime: Bytes,
}

/// What the receiving half has to say to its leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Nothing,
    /// A message has begun.
    Begun {
        message: MessageId,
        mime: Bytes,
        total: Option<u64>,
    },
    /// A whole message; kept ones hand out their store.
    Message(Whole),
    /// A message that ended before it was complete.
    Incomplete {
        message: MessageId,
        received: u64,
        total: Option<u64>,
    },
}

/// A message that has arrived completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) message: MessageId,
    pub(crate) ident: Ident,
    pub(crate) mime: Bytes,
    pub(crate) size: u64,
    pub(crate) store: Store,
    pub(crate) success: bool,
    pub(crate) failure: FailureReport,
}

impl Whole {
    /// Hands it to the application: whole if it is small, with the headers that say whether its
    /// content is elsewhere (TC-LM-15).
    pub(crate) fn tell(self, cx: &mut Context<'_>) {
        let Self {
            message,
            mime,
            size,
            store,
            ..
        } = self;
        let whole = if store.held() == size {
            store.into_whole()
        } else {
            Bytes::new()
        };
        cx.act(Action::Tell(Notice::Received {
            message,
            mime,
            whole,
            size,
        }));
    }
}

impl Receiving {
    /// What to do with content from now on.
    pub(crate) fn keep(&mut self, keep: Keep) {
        self.keep = keep;
    }

    pub(crate) fn begin(&mut self, txn: MsrpTxn, head: &SendHead<'_>, cx: &mut Context<'_>) -> Got {
        let mut got = Got::Nothing;
        let at = head.range.start.saturating_sub(1);
        let mut chunk = InChunk {
            txn,
            failure: head.failure,
            fate: Fate::Bodiless,
            start: at,
            at,
        };
        if head.has_content() {
            let before = self.messages.len();
            chunk.fate = match self.admit(head, cx) {
                Ok(fate) => {
                    if let Some(new) = self.messages.get(before) {
                        got = new.begun();
                    }
                    fate
                }
                Err(status) => {
                    refuse(txn, head.failure, status, cx);
                    if let Some(ident) = Ident::copy(head.message).filter(|_| status == 413) {
                        got = self.too_large(ident, cx);
                    }
                    Fate::Refused
                }
            };
        }
        self.chunk = Some(chunk);
        got
    }

    /// Which message a chunk belongs to, or the status with which it is refused.
    fn admit(&mut self, head: &SendHead<'_>, cx: &mut Context<'_>) -> Result<Fate, u16> {
        // We said that we send only (CC-46, CC-101).
        if self.keep == Keep::Nothing {
            return Err(403);
        }
        let ident = Ident::copy(head.message).ok_or(400u16)?;
        match self.over.iter().find(|(over, _)| *over == ident) {
            Some((_, Over::Complete)) => return Ok(Fate::Again(ident, head.success)),
            Some((_, Over::TooLarge)) => return Err(413),
            None => {}
        }
        let most = self.keep.most();
        if head.range.total.is_some_and(|total| total > most) || head.range.start > most {
            return Err(413);
        }
        if self.messages.iter().any(|message| message.ident == ident) {
            return Ok(Fate::Part(ident));
        }
        let kind = head.content_type.unwrap_or_default();
        if !crate::offer::matches_any(&cx.config.account.accept_types, kind) {
            return Err(415);
        }
        if self.messages.len() >= cx.config.limits.incoming {
            return Err(413);
        }
        let message = Incoming {
            ident,
            message: MessageId(self.begun),
            ranges: RangeSet::default(),
            store: Store::default(),
            streaming: false,
            total: head.range.total,
            ended: false,
            success: head.success,
            failure: head.failure,
            mime: Bytes::copy_from_slice(head.mime.as_bytes()),
        };
        // Nearly always there is one.
        self.messages.reserve_exact(1);
        self.messages.push(message);
        cx.start(Timer::NextChunk, cx.config.limits.chunk_reception);
        self.begun = self.begun.wrapping_add(1);
        Ok(Fate::Part(ident))
    }

    pub(crate) fn octets(&mut self, octets: &Bytes, cx: &mut Context<'_>) -> Got {
        let Some(chunk) = &mut self.chunk else {
            return Got::Nothing;
        };
        let at = chunk.at;
        chunk.at = at.saturating_add(octets.len() as u64);
        let end = chunk.at;
        let Fate::Part(ident) = chunk.fate else {
            return Got::Nothing;
        };
        let limits = &cx.config.limits;
        let (most, ranges) = match self.keep {
            Keep::ForUser { most } => (most, limits.ranges.min(limits.batch / 2)),
            keep => (keep.most(), limits.ranges),
        };
        let held = self.held();
        let Some(message) = self
            .messages
            .iter_mut()
            .find(|message| message.ident == ident)
        else {
            return Got::Nothing;
        };
        let full = !message.streaming && held + octets.len() as u64 > limits.assembled;
        if full || end > most || message.ranges.insert(at, end, ranges).is_err() {
            return self.full(cx);
        }
        if message.streaming {
            message.hand_on(at, octets.clone(), cx);
            return Got::Nothing;
        }
        message.store.insert(at, octets.clone());
        if matches!(self.keep, Keep::ForUser { .. })
            && message.store.held() > cx.config.limits.whole
        {
            message.streaming = true;
            for (at, octets) in message.store.take() {
                message.hand_on(at, octets, cx);
            }
        }
        Got::Nothing
    }

    /// There is no room for the chunk that is arriving. Stops it at once, does not wait for its end (RFC 4975 §10.5,
    /// CC-115).
    pub(crate) fn full(&mut self, cx: &mut Context<'_>) -> Got {
        let Some(chunk) = &mut self.chunk else {
            return Got::Nothing;
        };
        let Fate::Part(ident) = chunk.fate else {
            return Got::Nothing;
        };
        refuse(chunk.txn, chunk.failure, 413, cx);
        chunk.fate = Fate::Refused;
        self.too_large(ident, cx)
    }

    pub(crate) fn end(&mut self, flag: Continuation, cx: &mut Context<'_>) -> Got {
        let Some(chunk) = self.chunk.take() else {
            return Got::Nothing;
        };
        match chunk.fate {
            Fate::Refused => Got::Nothing,
            Fate::Bodiless => {
                accept(chunk, cx);
                Got::Nothing
            }
            Fate::Again(ident, success) => {
                accept(chunk, cx);
                // The sender has not heard of it, or it would not send it again.
                if success && self.by_chunk(cx) {
                    chunk.report(ident, None, cx);
                } else if success && flag == Continuation::Last {
                    report(ident, chunk.at, 200, cx);
                }
                Got::Nothing
            }
            Fate::Part(ident) => {
                accept(chunk, cx);
                if flag != Continuation::Abandoned && self.by_chunk(cx) {
                    let of = |message: &&Incoming| message.ident == ident && message.success;
                    if let Some(message) = self.messages.iter().find(of) {
                        let total = match flag {
                            Continuation::Last => Some(chunk.at),
                            Continuation::More | Continuation::Abandoned => message.total,
                        };
                        chunk.report(ident, total, cx);
                    }
                }
                self.ended(ident, chunk.at, flag, cx)
            }
        }
    }

    /// Whether success is reported chunk by chunk.
    pub(crate) fn by_chunk(&self, cx: &Context<'_>) -> bool {
        // Who stores for others says when these have it, not when the octets are here (DR-10).
        let ours = matches!(self.keep, Keep::ForUser { .. });
        ours && cx.config.profile.msrp_reports == Reports::PerChunk
    }

    fn ended(&mut self, ident: Ident, end: u64, flag: Continuation, cx: &mut Context<'_>) -> Got {
        let Some(place) = self
            .messages
            .iter()
            .position(|message| message.ident == ident)
        else {
            return Got::Nothing;
        };
        if flag == Continuation::Abandoned {
            // No success report, nothing kept (CC-128).
            return self.drop_message(ident, cx);
        }
        let Some(message) = self.messages.get_mut(place) else {
            return Got::Nothing;
        };
        if flag == Continuation::Last {
            // The last chunk defines the length, whatever range-end or an earlier total said.
            message.total = Some(end);
            message.ended = true;
        }
        let whole = message
            .total
            .filter(|total| message.ended && message.ranges.covers(0, *total));
        // A hole may still be filled, until the session ends (CC-127).
        let Some(size) = whole else {
            cx.start(Timer::NextChunk, cx.config.limits.chunk_reception);
            return Got::Nothing;
        };
        self.remember(ident, Over::Complete);
        let Incoming {
            message,
            mime,
            mut store,
            success,
            failure,
            ..
        } = self.remove(place, cx);
        // A chunk before may have reached further than the last one.
        store.truncate(size);
        Got::Message(Whole {
            message,
            ident,
            mime,
            size,
            store,
            success,
            failure,
        })
    }

    /// The sender is told with the next chunk too, if it goes on.
    fn too_large(&mut self, ident: Ident, cx: &mut Context<'_>) -> Got {
        if !self.over.iter().any(|(over, _)| *over == ident) {
            self.remember(ident, Over::TooLarge);
        }
        self.drop_message(ident, cx)
    }

    fn remember(&mut self, ident: Ident, how: Over) {
        if self.over.len() == REMEMBERED {
            self.over.remove(0);
        }
        self.over.push((ident, how));
    }

    /// One message less; the timer runs as long as there is one that is not complete.
    fn remove(&mut self, place: usize, cx: &mut Context<'_>) -> Incoming {
        if self.messages.len() == 1 {
            cx.stop(Timer::NextChunk);
        }
        self.messages.remove(place)
    }

    fn drop_message(&mut self, ident: Ident, cx: &mut Context<'_>) -> Got {
        let Some(place) = self
            .messages
            .iter()
            .position(|message| message.ident == ident)
        else {
            return Got::Nothing;
        };
        self.remove(place, cx).incomplete()
    }

    /// Takes nothing more: the chunk that is arriving is refused, and so is every other.
    pub(crate) fn refuse(&mut self, cx: &mut Context<'_>) {
        if let Some(InChunk {
            txn,
            failure,
            fate: fate @ Fate::Part(_),
            ..
        }) = &mut self.chunk
        {
            refuse(*txn, *failure, 413, cx);
            *fate = Fate::Refused;
        }
        self.keep = Keep::Stored { most: 0 };
    }

    /// Wants no more of this message: 413 at once, and for every chunk of it that still comes
    /// (RFC 4975 §10.5). Whether it was arriving.
    pub(crate) fn refuse_one(&mut self, message: MessageId, cx: &mut Context<'_>) -> bool {
        let Some(place) = self.messages.iter().position(|one| one.message == message) else {
            return false;
        };
        let ident = self.remove(place, cx).ident;
        self.remember(ident, Over::TooLarge);
        if let Some(chunk) = &mut self.chunk
            && chunk.fate == Fate::Part(ident)
        {
            refuse(chunk.txn, chunk.failure, 413, cx);
            chunk.fate = Fate::Refused;
        }
        true
    }

    /// Wants no more of this message, while there is no connection. Whether it was arriving.
    pub(crate) fn forget(&mut self, message: MessageId) -> bool {
        let Some(place) = self.messages.iter().position(|one| one.message == message) else {
            return false;
        };
        let ident = self.messages.remove(place).ident;
        self.remember(ident, Over::TooLarge);
        true
    }

    /// Octets that are kept of messages that are not complete; those that were handed on are not.
    pub(crate) fn held(&self) -> u64 {
        self.messages.iter().map(|one| one.store.held()).sum()
    }

    /// Whether a message has begun and is not complete.
    pub(crate) fn is_midway(&self) -> bool {
        !self.messages.is_empty()
    }

    /// Whether a user waits for a message and none has begun.
    pub(crate) fn never_began(&self) -> bool {
        matches!(self.keep, Keep::ForUser { .. }) && self.begun == 0
    }

    /// The connection is gone: what has arrived stays, and what was arriving may come again.
    pub(crate) fn pause(&mut self, cx: &mut Context<'_>) {
        self.chunk = None;
        if self.is_midway() {
            cx.stop(Timer::NextChunk);
        }
    }

    /// There is another session: what is not complete may go on.
    pub(crate) fn resume(&mut self, cx: &mut Context<'_>) {
        if self.is_midway() {
            cx.start(Timer::NextChunk, cx.config.limits.chunk_reception);
        }
    }

    /// Gives up the oldest message that is not complete, after a pause; called until there is none.
    pub(crate) fn give_up(&mut self) -> Got {
        if self.messages.is_empty() {
            return Got::Nothing;
        }
        self.messages.remove(0).incomplete()
    }
}

impl InChunk {
    /// Confirms its octets; the last chunk of a message says how many there are.
    fn report(&self, message: Ident, total: Option<u64>, cx: &mut Context<'_>) {
        cx.act(Action::SendReport(Report {
            message,
            start: self.start + 1,
            end: self.at,
            total,
            status: 200,
        }));
    }
}

impl Incoming {
    fn begun(&self) -> Got {
        Got::Begun {
            message: self.message,
            mime: self.mime.clone(),
            total: self.total,
        }
    }

    fn incomplete(self) -> Got {
        Got::Incomplete {
            message: self.message,
            received: self.ranges.len(),
            total: self.total,
        }
    }

    fn hand_on(&self, offset: u64, octets: Bytes, cx: &mut Context<'_>) {
        cx.act(Action::Tell(Notice::Data {
            message: self.message,
            offset,
            octets,
        }));
    }
}

/// 200, unless the sender wants to hear of failures only (section 3.6: response duties).
fn accept(chunk: InChunk, cx: &mut Context<'_>) {
    if chunk.failure == FailureReport::Yes {
        cx.act(Action::RespondMsrp(chunk.txn, 200));
    }
}

fn refuse(txn: MsrpTxn, failure: FailureReport, status: u16, cx: &mut Context<'_>) {
    if failure != FailureReport::No {
        cx.act(Action::RespondMsrp(txn, status));
    }
}

/// A report on a whole message of `size` octets. Never on one that did not ask for it.
pub(crate) fn report(message: Ident, size: u64, status: u16, cx: &mut Context<'_>) {
    cx.act(Action::SendReport(Report {
        message,
        start: 1,
        end: size,
        total: Some(size),
        status,
    }));
}

#[cfg(test)]
#[path = "../states/receiving.rs"]
pub(crate) mod states;
