//! The sending half of a session: one message, chunk by chunk (RFC 4975 §7.1).

use arrayvec::ArrayVec;
use bytes::Bytes;

use super::RangeSet;
use crate::{
    Action, Chunk, ChunkId, Context, Continuation, Failure, FailureReport, ReportHead, Timer, Token,
};

/// One message on its way out.
///
/// | event | what happens |
/// |---|---|
/// | room | the chunk before has been written: its 30 s begin; the next octets are asked for |
/// | octets | they go out as one chunk, at most eight unanswered |
/// | 200 | the chunk is done; with the last one the message is taken |
/// | any other status, a failure report, 30 s | the message has failed |
/// | success report | its range is added; with the last octet the message is confirmed |
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    message: Token,
    size: u64,
    sent: u64,
    success: bool,
    failure: FailureReport,
    mime: Bytes,
    /// Chunks without a response, oldest first; only those of Failure-Report yes stay once written.
    unanswered: ArrayVec<(ChunkId, Written), 8>,
    reported: RangeSet,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Pushed,
    Written,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Octets are still to be sent or answered.
    Going,
    /// Every octet is taken (D-09).
    Taken,
    /// The message has failed; nothing more is sent with its Message-ID (CC-130).
    Failed,
}

/// What a message looks like before its first octet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    /// The size in octets, at least 1.
    pub(crate) size: u64,
    /// The MIME header lines, Content-Type last.
    pub(crate) mime: Bytes,
    pub(crate) success: bool,
    pub(crate) failure: FailureReport,
}

/// What the sending half has to say to its leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Nothing,
    /// It wants these octets: offset from 0 and how many at most.
    Wants(u64, usize),
    /// The peer's stack has every octet.
    Taken,
    /// Success reports cover the whole message.
    Confirmed,
    Failed(Failure),
}

impl Sending {
    pub(crate) fn new(letter: Letter, cx: &mut Context<'_>) -> Self {
        Self {
            message: cx.token(),
            size: letter.size,
            sent: 0,
            success: letter.success,
            failure: letter.failure,
            mime: letter.mime,
            unanswered: ArrayVec::new(),
            reported: RangeSet::default(),
            progress: Progress::Going,
        }
    }

    /// Whether the peer has got the beginning of a message that it will not get the end of.
    fn is_midway(&self) -> bool {
        self.sent > 0 && self.sent < self.size
    }

    /// How many octets to ask for, if `room` are wanted and the window is open.
    pub(crate) fn wants(&self, room: usize, cx: &Context<'_>) -> Sent {
        let limits = &cx.config.limits;
        let open = self.unanswered.len() < limits.chunks.clamp(1, self.unanswered.capacity());
        if self.progress != Progress::Going || self.sent == self.size || !open || room == 0 {
            return Sent::Nothing;
        }
        let chunk = room.min(cx.config.profile.msrp_chunk.clamp(1, 2048));
        let left = usize::try_from(self.size - self.sent).unwrap_or(usize::MAX);
        Sent::Wants(self.sent, chunk.min(left))
    }

    /// Sends the next octets, which were asked for.
    pub(crate) fn supply(&mut self, id: ChunkId, body: Bytes, cx: &mut Context<'_>) {
        let start = self.sent + 1;
        self.sent = (self.sent + body.len() as u64).min(self.size);
        let last = self.sent == self.size;
        self.unanswered.push((id, Written::Pushed));
        let flag = if last {
            Continuation::Last
        } else {
            Continuation::More
        };
        self.push(id, start, flag, body, cx);
    }

    fn push(&self, id: ChunkId, start: u64, flag: Continuation, body: Bytes, cx: &mut Context<'_>) {
        cx.act(Action::SendChunk(Chunk {
            id,
            message: self.message,
            start,
            total: self.size,
            flag,
            success: self.success,
            failure: self.failure,
            mime: self.mime.clone(),
            body,
        }));
    }

    /// What was pushed has been written: its response is awaited from now on (CC-51).
    pub(crate) fn written(&mut self, cx: &mut Context<'_>) -> Sent {
        if self.progress != Progress::Going {
            return Sent::Nothing;
        }
        let waiting = self.is_awaiting();
        match self.failure {
            FailureReport::Yes => {
                for (_, written) in &mut self.unanswered {
                    *written = Written::Written;
                }
                if !waiting && self.is_awaiting() {
                    cx.start(Timer::ChunkResponse, cx.config.limits.msrp_response);
                }
                Sent::Nothing
            }
            FailureReport::Partial | FailureReport::No => {
                self.unanswered.clear();
                match (self.sent == self.size, self.failure) {
                    (false, _) => Sent::Nothing,
                    // Only silence says that nothing went wrong (D-09, CC-56).
                    (true, FailureReport::Partial) => {
                        cx.start(Timer::ChunkResponse, cx.config.limits.msrp_response);
                        Sent::Nothing
                    }
                    (true, _) => self.taken(),
                }
            }
        }
    }

    fn is_awaiting(&self) -> bool {
        self.unanswered
            .iter()
            .any(|(_, written)| *written == Written::Written)
    }

    fn taken(&mut self) -> Sent {
        self.progress = Progress::Taken;
        Sent::Taken
    }

    /// A chunk was answered. Responses may come in any order and twice (CC-43, CC-129).
    pub(crate) fn answered(&mut self, id: ChunkId, status: u16, cx: &mut Context<'_>) -> Sent {
        if self.progress != Progress::Going {
            return Sent::Nothing;
        }
        if !(200..300).contains(&status) {
            return self.failed(Failure::Msrp(status), cx);
        }
        let Some(place) = self.unanswered.iter().position(|(chunk, _)| *chunk == id) else {
            return Sent::Nothing;
        };
        let awaited = self.is_awaiting();
        self.unanswered.remove(place);
        if awaited && self.is_awaiting() {
            // One timer guards the oldest; it starts anew for the next.
            if place == 0 {
                cx.start(Timer::ChunkResponse, cx.config.limits.msrp_response);
            }
        } else if awaited {
            cx.stop(Timer::ChunkResponse);
        }
        if self.sent == self.size && self.unanswered.is_empty() {
            return self.taken();
        }
        Sent::Nothing
    }

    /// 30 s without a response: a failure, or with Failure-Report partial the good news.
    pub(crate) fn overdue(&mut self, cx: &mut Context<'_>) -> Sent {
        let quiet = self.sent == self.size && self.unanswered.is_empty();
        match (self.progress, self.failure) {
            (Progress::Going, FailureReport::Yes) if self.is_awaiting() => {
                self.failed(Failure::NoResponse, cx)
            }
            (Progress::Going, FailureReport::Partial) if quiet => self.taken(),
            (Progress::Going | Progress::Taken | Progress::Failed, _) => Sent::Nothing,
        }
    }

    /// A REPORT, perhaps on this message (RFC 4975 §7.1.2). Ranges are merged (CC-52).
    pub(crate) fn reported(&mut self, report: &ReportHead<'_>, cx: &mut Context<'_>) -> Sent {
        if Token::read(report.message) != Some(self.message) || self.progress == Progress::Failed {
            return Sent::Nothing;
        }
        if !(200..300).contains(&report.status) {
            return self.failed(Failure::Msrp(report.status), cx);
        }
        let end = report.range.end.unwrap_or(self.sent).min(self.sent);
        let start = report.range.start.saturating_sub(1);
        let before = self.is_confirmed();
        if !self.success || start >= end {
            return Sent::Nothing;
        }
        // A peer that reports in more splinters than we keep is not believed further.
        let _ = self.reported.insert(start, end, cx.config.limits.ranges);
        if !before && self.is_confirmed() {
            Sent::Confirmed
        } else {
            Sent::Nothing
        }
    }

    fn is_confirmed(&self) -> bool {
        self.reported.covers(0, self.size)
    }

    fn failed(&mut self, why: Failure, cx: &mut Context<'_>) -> Sent {
        self.stop(cx);
        self.progress = Progress::Failed;
        Sent::Failed(why)
    }

    /// Ends a message that is midway with `#` (CC-59, CC-86). `next` names the chunk that says so.
    pub(crate) fn abandon(&mut self, next: ChunkId, cx: &mut Context<'_>) {
        self.stop(cx);
        if self.is_midway() {
            self.push(
                next,
                self.sent + 1,
                Continuation::Abandoned,
                Bytes::new(),
                cx,
            );
        }
        // A message that is taken may still be confirmed by a late report (CC-54).
        if self.progress == Progress::Going {
            self.progress = Progress::Failed;
        }
    }

    /// Stops the timer, if it runs.
    pub(crate) fn stop(&mut self, cx: &mut Context<'_>) {
        let quiet = self.failure == FailureReport::Partial && self.sent == self.size;
        if self.progress == Progress::Going && (self.is_awaiting() || quiet) {
            cx.stop(Timer::ChunkResponse);
        }
    }
}
