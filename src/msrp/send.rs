//! The sending half of a session: messages, chunk by chunk, in turns (RFC 4975 §7.1).

use alloc::vec::Vec;

use arrayvec::ArrayVec;
use bytes::Bytes;

use super::RangeSet;
use crate::{
    Action, Chunk, ChunkId, Context, Continuation, Failure, FailureReport, MessageId, ReportHead,
    Timer, Token,
};

/// The messages that a session sends, oldest first.
///
/// | event | what happens |
/// |---|---|
/// | a chunk has been written | its 30 s begin; the next octets of its message are asked for |
/// | octets | they go out as one chunk, at most eight a message unanswered |
/// | 200 | the chunk is done; with the last one the message is taken |
/// | any other status, a failure report, 30 s | the message has failed: `#` if it is midway, and no more of it |
/// | success report | its range is added; with the last octet the message is confirmed |
///
/// Every message has one chunk at the connection at most, so that a small message never waits for more
/// than what the connection writes of a large one before it gives others their turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outbound {
    messages: Vec<Sending>,
    begun: u32,
    minted: u32,
    /// Who is asked first for octets: the place after the one that was asked last.
    turn: u32,
    /// Whether [`Timer::ChunkResponse`] runs.
    guarded: bool,
}

/// One message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sending {
    id: MessageId,
    message: Token,
    letter: Letter,
    sent: u64,
    /// Octets up to which every chunk has been answered.
    answered: u64,
    /// Whether the chunk that ends it has been pushed.
    ended: bool,
    next: Next,
    /// Chunks without a response, oldest first; of those that ask for failures only, the last eight.
    unanswered: ArrayVec<Awaited, 8>,
    reported: RangeSet,
    progress: Progress,
    /// What is to be told of it.
    news: Option<News>,
}

/// What a message looks like before its first octet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its size in octets; `None` if it is not known yet.
    pub size: Option<u64>,
    /// The MIME header lines, each ended by CRLF, Content-Type last.
    pub mime: Bytes,
    /// Whether the receiver is asked to confirm what it got.
    pub success: bool,
    /// Which failures are reported.
    pub failure: FailureReport,
}

/// What the message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Its turn.
    Turn,
    /// Octets, which it has asked for.
    Octets,
    /// That its chunk is written.
    Written(ChunkId),
}

/// A chunk whose response is awaited, now or as soon as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaited {
    chunk: ChunkId,
    octets: u32,
    /// Transactions that have been written and not answered.
    open: u16,
    /// Whether the timer that runs was started for it.
    guarded: bool,
    /// Answered, and one before it is not.
    answered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Octets are still to be sent or answered.
    Going,
    /// Every octet is taken (D-09), and a report is awaited.
    Taken,
    /// It is over; what there is to say of it is still to be said.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Taken,
    Confirmed,
    Failed(Failure),
}

/// What the sending half has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Nothing,
    /// A message wants these octets: offset from 0 and how many at most.
    Wants(MessageId, u64, usize),
    /// The peer's stack has every octet.
    Taken(MessageId),
    /// Success reports cover the whole message.
    Confirmed(MessageId),
    Failed(MessageId, Failure),
}

/// Whether more octets follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    /// As the size says.
    Sized,
    /// These are the last.
    No,
}

/// Whether the peer can still hear us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Open,
    Dead,
}

impl Outbound {
    /// Begins a message. Its octets are asked for when it is its turn.
    pub(crate) fn begin(&mut self, letter: Letter, cx: &mut Context<'_>) -> MessageId {
        let id = MessageId(self.begun);
        self.begun = self.begun.wrapping_add(1);
        // Nearly always there is one.
        self.messages.reserve_exact(1);
        self.messages.push(Sending {
            id,
            message: cx.token(),
            letter,
            sent: 0,
            answered: 0,
            ended: false,
            next: Next::Turn,
            unanswered: ArrayVec::new(),
            reported: RangeSet::default(),
            progress: Progress::Going,
            news: None,
        });
        id
    }

    /// How many messages are not over.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The messages that are not over, and what they look like.
    pub(crate) fn letters(&self) -> impl Iterator<Item = (MessageId, &Letter)> {
        self.messages.iter().map(|one| (one.id, &one.letter))
    }

    /// Whether every octet of this message is taken, and its report is awaited.
    pub(crate) fn is_taken(&self, id: MessageId) -> bool {
        let mut taken = self.messages.iter();
        taken.any(|one| one.id == id && one.progress == Progress::Taken)
    }

    /// How many chunks there have been.
    pub(crate) fn pushed(&self) -> u32 {
        self.minted
    }

    pub(crate) fn mint(&mut self) -> ChunkId {
        self.minted = self.minted.wrapping_add(1);
        ChunkId(self.minted)
    }

    /// The next thing that there is to say; called until there is nothing. `line` says whether octets
    /// may be asked for.
    pub(crate) fn poll(&mut self, line: Line, cx: &mut Context<'_>) -> Sent {
        if let Some(told) = self.tell(cx) {
            return told;
        }
        if line == Line::Dead {
            return Sent::Nothing;
        }
        let count = self.messages.len();
        let turn = self.turn as usize;
        for place in (0..count).map(|step| turn.wrapping_add(step) % count) {
            let Some(one) = self.messages.get_mut(place) else {
                break;
            };
            let most = one.wants(cx);
            if most > 0 {
                one.next = Next::Octets;
                let (id, sent) = (one.id, one.sent);
                self.turn = u32::try_from(place + 1).unwrap_or_default();
                return Sent::Wants(id, sent, most);
            }
            if one.is_empty() {
                // There are no octets to wait for.
                one.next = Next::Octets;
                let id = one.id;
                self.supply(id, Bytes::new(), More::No, cx);
            }
        }
        Sent::Nothing
    }

    fn tell(&mut self, cx: &mut Context<'_>) -> Option<Sent> {
        let place = self.messages.iter().position(|one| one.news.is_some())?;
        let one = self.messages.get_mut(place)?;
        let (id, news) = (one.id, one.news.take()?);
        if one.progress == Progress::Over {
            self.messages.remove(place);
            self.tend(cx);
        }
        Some(match news {
            News::Taken => Sent::Taken(id),
            News::Confirmed => Sent::Confirmed(id),
            News::Failed(why) => Sent::Failed(id, why),
        })
    }

    /// How many octets a message has asked for, none if it has not, and how many are left if that is
    /// known; `None` if there is no such message.
    pub(crate) fn asked(&self, id: MessageId, cx: &Context<'_>) -> Option<(usize, Option<u64>)> {
        let one = self.messages.iter().find(|one| one.id == id)?;
        let most = match one.next {
            Next::Octets => one.chunk(cx),
            Next::Turn | Next::Written(_) => 0,
        };
        Some((most, one.letter.size.map(|size| size - one.sent)))
    }

    /// Sends octets that a message asked for; nothing if it is over, or has not asked.
    pub(crate) fn supply(&mut self, id: MessageId, body: Bytes, more: More, cx: &mut Context<'_>) {
        let chunk = self.mint();
        let Some(one) = self.messages.iter_mut().find(|one| one.id == id) else {
            return;
        };
        if one.ended || one.next != Next::Octets {
            return;
        }
        let start = one.sent;
        one.sent = start.saturating_add(body.len() as u64);
        if let Some(size) = one.letter.size {
            one.sent = one.sent.min(size);
        }
        one.ended = more == More::No || one.letter.size == Some(one.sent);
        if one.ended {
            one.letter.size = Some(one.sent);
        }
        one.next = Next::Written(chunk);
        if one.unanswered.is_full() {
            one.unanswered.remove(0);
        }
        one.unanswered.push(Awaited {
            chunk,
            octets: u32::try_from(body.len()).unwrap_or(u32::MAX),
            open: 0,
            guarded: false,
            answered: false,
        });
        let flag = if one.ended {
            Continuation::Last
        } else {
            Continuation::More
        };
        one.push(chunk, start + 1, flag, body, cx);
    }

    /// A chunk has been written, and its message may send the next one.
    pub(crate) fn written(&mut self, chunk: ChunkId, cx: &mut Context<'_>) {
        if let Some(one) = self.find(chunk) {
            one.written(chunk);
        }
        self.tend(cx);
    }

    /// A part of a chunk has been written; the rest will follow.
    pub(crate) fn cut(&mut self, chunk: ChunkId, cx: &mut Context<'_>) {
        if let Some(one) = self.find(chunk) {
            one.cut(chunk);
        }
        self.tend(cx);
    }

    /// The message whose chunk this is, as far as it is remembered.
    fn find(&mut self, chunk: ChunkId) -> Option<&mut Sending> {
        let holds = |one: &&mut Sending| {
            let mut chunks = one.unanswered.iter();
            one.next == Next::Written(chunk) || chunks.any(|awaited| awaited.chunk == chunk)
        };
        self.messages.iter_mut().find(holds)
    }

    /// A transaction of a chunk was answered. Responses may come in any order and twice (CC-43, CC-129).
    pub(crate) fn answered(
        &mut self,
        chunk: ChunkId,
        status: u16,
        line: Line,
        cx: &mut Context<'_>,
    ) {
        let Some(one) = self.find(chunk) else {
            return;
        };
        if one.progress != Progress::Going {
            return;
        }
        if (200..300).contains(&status) {
            one.answered(chunk);
        } else {
            let id = one.id;
            self.fail(id, Failure::Msrp(status), line, cx);
        }
        self.tend(cx);
    }

    /// 30 s without a response: a failure, or with Failure-Report partial the good news.
    pub(crate) fn overdue(&mut self, line: Line, cx: &mut Context<'_>) {
        self.guarded = false;
        for place in 0..self.messages.len() {
            let Some(one) = self.messages.get_mut(place) else {
                break;
            };
            let late = |awaited: &Awaited| awaited.guarded && awaited.open > 0;
            if one.progress != Progress::Going || !one.unanswered.iter().any(late) {
                continue;
            }
            match one.letter.failure {
                FailureReport::Yes => {
                    let id = one.id;
                    self.fail(id, Failure::NoResponse, line, cx);
                }
                // Only silence says that nothing went wrong (D-09, CC-56).
                FailureReport::Partial | FailureReport::No => one.taken(),
            }
        }
        self.tend(cx);
    }

    /// A REPORT, perhaps on one of these messages (RFC 4975 §7.1.2). Ranges are merged (CC-52).
    pub(crate) fn reported(&mut self, report: &ReportHead<'_>, line: Line, cx: &mut Context<'_>) {
        let Some(token) = Token::read(report.message) else {
            return;
        };
        let Some(one) = self.messages.iter_mut().find(|one| one.message == token) else {
            return;
        };
        if one.progress == Progress::Over {
            return;
        }
        if (200..300).contains(&report.status) {
            one.confirmed(report, cx);
        } else {
            let id = one.id;
            self.fail(id, Failure::Msrp(report.status), line, cx);
        }
        self.tend(cx);
    }

    /// The message has failed: nothing more is sent with its Message-ID, and what is midway ends with
    /// `#` at once (CC-130).
    fn fail(&mut self, id: MessageId, why: Failure, line: Line, cx: &mut Context<'_>) {
        let chunk = self.mint();
        if let Some(one) = self.messages.iter_mut().find(|one| one.id == id) {
            if line == Line::Open {
                one.abandon(chunk, cx);
            }
            one.progress = Progress::Over;
            one.news = Some(News::Failed(why));
        }
    }

    /// Ends a message that the application no longer wants sent: with `#` if it is midway (CC-59, CC-86).
    /// Whether there was one; nothing more is said of it.
    pub(crate) fn cancel(&mut self, id: MessageId, line: Line, cx: &mut Context<'_>) -> bool {
        let Some(place) = self.messages.iter().position(|one| one.id == id) else {
            return false;
        };
        let chunk = self.mint();
        let one = self.messages.remove(place);
        if line == Line::Open && one.progress == Progress::Going {
            one.abandon(chunk, cx);
        }
        self.tend(cx);
        true
    }

    /// Forgets a message while there is no connection; whether there was one.
    pub(crate) fn forget(&mut self, id: MessageId) -> bool {
        let before = self.messages.len();
        self.messages.retain(|one| one.id != id);
        self.messages.len() < before
    }

    /// No more sending. A message that is taken may still be confirmed by a late report (CC-54).
    pub(crate) fn hush(&mut self, line: Line, cx: &mut Context<'_>) {
        for place in 0..self.messages.len() {
            let chunk = self.mint();
            let Some(one) = self.messages.get_mut(place) else {
                break;
            };
            if one.progress == Progress::Going {
                if line == Line::Open {
                    one.abandon(chunk, cx);
                }
                one.progress = Progress::Over;
            }
        }
        self.tend(cx);
    }

    /// The connection is gone: the timer stops, and what the peer has not confirmed is to be sent
    /// again once there is another one (RFC 4975 §5.4).
    pub(crate) fn rewind(&mut self, cx: &mut Context<'_>) {
        for one in &mut self.messages {
            one.rewind();
        }
        self.tend(cx);
    }

    /// Keeps the timer running as long as a response is awaited. It was started for some, the oldest
    /// among them, and starts anew for the others when these are answered.
    fn tend(&mut self, cx: &mut Context<'_>) {
        let going = |one: &Sending| one.progress == Progress::Going;
        let (mut any, mut guarded) = (false, false);
        for one in self.messages.iter().filter(|one| going(one)) {
            for awaited in one.unanswered.iter().filter(|awaited| awaited.open > 0) {
                any = true;
                guarded |= awaited.guarded;
            }
        }
        if any && !(self.guarded && guarded) {
            for one in self.messages.iter_mut().filter(|one| going(one)) {
                for awaited in &mut one.unanswered {
                    awaited.guarded = awaited.open > 0;
                }
            }
            self.guarded = true;
            cx.start(Timer::ChunkResponse, cx.config.limits.msrp_response);
        } else if !any && self.guarded {
            self.guarded = false;
            cx.stop(Timer::ChunkResponse);
        }
    }
}

impl Sending {
    /// How many octets to ask for: none if it is not its turn, or too much is unanswered.
    fn wants(&self, cx: &Context<'_>) -> usize {
        let window = cx.config.limits.chunks.clamp(1, self.unanswered.capacity());
        let open = self.letter.failure != FailureReport::Yes || self.unanswered.len() < window;
        if self.progress != Progress::Going || self.ended || self.next != Next::Turn || !open {
            return 0;
        }
        self.chunk(cx)
    }

    /// How many octets of it a chunk may have.
    fn chunk(&self, cx: &Context<'_>) -> usize {
        let most = cx.config.profile.msrp_chunk.octets();
        match self.letter.size {
            Some(size) => usize::try_from(size - self.sent).map_or(most, |left| left.min(most)),
            None => most,
        }
    }

    /// Whether it has no octets at all, and its only chunk is still to be sent.
    fn is_empty(&self) -> bool {
        let going = self.progress == Progress::Going && !self.ended;
        going && self.next == Next::Turn && self.letter.size == Some(self.sent)
    }

    fn push(&self, id: ChunkId, start: u64, flag: Continuation, body: Bytes, cx: &mut Context<'_>) {
        cx.act(Action::SendChunk(Chunk {
            id,
            message: self.message,
            start,
            total: self.letter.size,
            flag,
            success: self.letter.success,
            failure: self.letter.failure,
            mime: self.letter.mime.clone(),
            body,
        }));
    }

    /// A chunk has been written: its response is awaited from now on (CC-51).
    fn written(&mut self, chunk: ChunkId) {
        // Once.
        if self.next != Next::Written(chunk) {
            return;
        }
        self.next = Next::Turn;
        if self.progress != Progress::Going {
            return;
        }
        let last = self.ended;
        match self.letter.failure {
            FailureReport::Yes => self.open(chunk),
            FailureReport::Partial if last => self.open(chunk),
            FailureReport::No if last => self.taken(),
            FailureReport::Partial | FailureReport::No => {}
        }
    }

    /// A part of a chunk has been written: it is a transaction of its own.
    fn cut(&mut self, chunk: ChunkId) {
        if self.progress == Progress::Going && self.letter.failure == FailureReport::Yes {
            self.open(chunk);
        }
    }

    fn open(&mut self, chunk: ChunkId) {
        for awaited in &mut self.unanswered {
            if awaited.chunk == chunk {
                awaited.open += 1;
            }
        }
    }

    fn answered(&mut self, chunk: ChunkId) {
        // Who asks for failures only hears nothing of success, or cannot rely on what it hears.
        if self.letter.failure != FailureReport::Yes {
            return;
        }
        if let Some(awaited) = self.unanswered.iter_mut().find(|one| one.chunk == chunk) {
            if awaited.open == 0 && self.next == Next::Written(chunk) {
                // What is answered has been written, whoever forgot to say so.
                self.next = Next::Turn;
            }
            awaited.open = awaited.open.saturating_sub(1);
            awaited.answered = awaited.open == 0 && self.next != Next::Written(chunk);
        }
        while let Some(first) = self.unanswered.first().filter(|first| first.answered) {
            self.answered += u64::from(first.octets);
            self.unanswered.remove(0);
        }
        if self.ended && self.unanswered.is_empty() {
            self.taken();
        }
    }

    fn taken(&mut self) {
        self.unanswered.clear();
        self.news = Some(News::Taken);
        self.progress = if self.letter.success {
            Progress::Taken
        } else {
            Progress::Over
        };
    }

    fn confirmed(&mut self, report: &ReportHead<'_>, cx: &Context<'_>) {
        let end = report.range.end.unwrap_or(self.sent).min(self.sent);
        let start = report.range.start.saturating_sub(1);
        if !self.letter.success || start > end {
            return;
        }
        // A peer that reports in more splinters than we keep is not believed further.
        let _ = self.reported.insert(start, end, cx.config.limits.ranges);
        if self.ended && self.reported.covers(0, self.sent) {
            self.progress = Progress::Over;
            self.news = Some(News::Confirmed);
        }
    }

    /// `#`, if the peer has got the beginning of a message that it will not get the end of.
    fn abandon(&self, chunk: ChunkId, cx: &mut Context<'_>) {
        if self.sent > 0 && !(self.ended && self.next == Next::Turn) {
            let start = self.sent + 1;
            self.push(chunk, start, Continuation::Abandoned, Bytes::new(), cx);
        }
    }

    fn rewind(&mut self) {
        if self.progress == Progress::Going {
            // Of a message that hears of failures only, nobody has said that it arrived.
            self.sent = self.answered.max(self.reported.first());
            self.ended = false;
            self.next = Next::Turn;
            self.unanswered.clear();
        }
    }
}

#[cfg(test)]
#[path = "../states/sending.rs"]
pub(crate) mod states;
