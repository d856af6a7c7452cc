//! One MSRP session of one leg (RFC 4975 §5): what it sends, what it receives, and its connection.

use core::time::Duration;

use bytes::Bytes;

use super::receive::{Got, Keep, Receiving, Whole, report};
use super::relay::outward;
use super::send::{Letter, Line, More, Outbound, Sent};
use crate::offer::Negotiated;
use crate::{
    Action, Context, Continuation, Down, Failure, FailureReport, MessageId, MsrpEvent, Notice,
    OpenMsrp, SessionId, Timer,
};

/// A session from the moment that it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    id: SessionId,
    own: Bytes,
    /// What offer and answer agreed on; a peer may connect before we know.
    media: Option<Negotiated>,
    link: Link,
    greeting: Greeting,
    /// What the count of chunks was when [`Timer::KeepAlive`] was started.
    beat: Option<u32>,
    traffic: Traffic,
}

/// The messages of a session. They outlive it when it is replaced by another one (RFC 4975 §5.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) sending: Outbound,
    pub(crate) receiving: Receiving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The connection is to be made, or the binding SEND to arrive.
    Awaited,
    /// Octets may flow.
    Up,
    /// The connection is gone, or we have let go of it.
    Down,
}

/// Who has octets when they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Greeting {
    /// They come in the same call: the first of them bind the session.
    Content,
    /// They may take a while: a request without body binds the session.
    Empty,
}

/// What a session has to say to its leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upcall {
    Nothing,
    /// Requests may flow.
    Up,
    /// A message wants these octets.
    Wants(MessageId, u64, usize),
    /// The peer's stack has every octet of the message.
    Taken(MessageId),
    /// Success reports cover the whole message.
    Confirmed(MessageId),
    /// The message that it sends has failed.
    Failed(MessageId, Failure),
    /// A message begins to arrive.
    Begun {
        message: MessageId,
        mime: Bytes,
        total: Option<u64>,
    },
    /// A message has arrived.
    Received(Whole),
    /// A message ended before it was complete; the application has been told.
    Incomplete,
    /// The connection is gone (CC-50) or never came (CC-49, CC-57). Nothing else is tried.
    Lost(Failure),
}

impl Session {
    /// Gets ready for a session before its description leaves: the peer may connect before its
    /// answer arrives (TC-LM-14).
    pub(crate) fn offered(id: SessionId, own: Bytes, cx: &mut Context<'_>) -> Self {
        Self::open(id, own, Greeting::Content, Traffic::default(), cx)
    }

    /// The same, for messages that may have been begun on another session.
    pub(crate) fn resumed(
        id: SessionId,
        own: Bytes,
        traffic: Traffic,
        cx: &mut Context<'_>,
    ) -> Self {
        Self::open(id, own, Greeting::Empty, traffic, cx)
    }

    fn open(
        id: SessionId,
        own: Bytes,
        greeting: Greeting,
        traffic: Traffic,
        cx: &mut Context<'_>,
    ) -> Self {
        let open = OpenMsrp {
            id,
            connect: false,
            own: own.clone(),
            peer: Bytes::new(),
            target: Bytes::new(),
        };
        cx.act(Action::OpenMsrp(open));
        Self {
            id,
            own,
            media: None,
            link: Link::Awaited,
            greeting,
            beat: None,
            traffic,
        }
    }

    /// Offer and answer agree: connects if that is our part, and awaits the binding for `wait`.
    pub(crate) fn agree(
        &mut self,
        media: Negotiated,
        keep: Keep,
        wait: Duration,
        cx: &mut Context<'_>,
    ) {
        let peer = outward(&cx.config.route, media.peer());
        let connect = media.connect;
        cx.act(Action::OpenMsrp(OpenMsrp {
            id: self.id,
            connect,
            own: self.own.clone(),
            peer,
            target: media.target(),
        }));
        // A connection that came before the answer and broke again may come anew.
        if !self.is_up() {
            self.link = Link::Awaited;
            cx.start(Timer::Bind, wait);
        }
        let receives = media.can_receive;
        self.traffic
            .receiving
            .keep(if receives { keep } else { Keep::Nothing });
        self.traffic.receiving.resume(cx);
        self.media = Some(media);
    }

    pub(crate) fn media(&self) -> Option<&Negotiated> {
        self.media.as_ref()
    }

    pub(crate) fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    /// Octets of messages that are not complete.
    pub(crate) fn held(&self) -> u64 {
        self.traffic.receiving.held()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Begins to send a message; the answer may ask for its first octets.
    pub(crate) fn send(&mut self, letter: Letter, cx: &mut Context<'_>) -> Upcall {
        self.traffic.sending.begin(letter, cx);
        self.poll(cx)
    }

    /// Sends octets that a message asked for.
    pub(crate) fn supply(
        &mut self,
        message: MessageId,
        octets: Bytes,
        more: More,
        cx: &mut Context<'_>,
    ) {
        self.traffic.sending.supply(message, octets, more, cx);
    }

    pub(crate) fn handle(&mut self, event: MsrpEvent<'_>, cx: &mut Context<'_>) -> Upcall {
        let line = self.line();
        let Traffic { sending, receiving } = &mut self.traffic;
        let got = match event {
            MsrpEvent::Up => return self.bound(cx),
            MsrpEvent::Down(down) => return self.down(down, cx),
            MsrpEvent::Written(chunk) => {
                sending.written(chunk, cx);
                Got::Nothing
            }
            MsrpEvent::Cut(chunk) => {
                sending.cut(chunk, cx);
                Got::Nothing
            }
            MsrpEvent::Response(chunk, status) => {
                sending.answered(chunk, status, line, cx);
                Got::Nothing
            }
            MsrpEvent::Report(head) => {
                sending.reported(head, line, cx);
                Got::Nothing
            }
            MsrpEvent::Send(txn, head) => receiving.begin(txn, head, cx),
            MsrpEvent::Octets(octets) => receiving.octets(octets, cx),
            MsrpEvent::End(flag) => receiving.end(flag, cx),
            MsrpEvent::Full => receiving.full(cx),
        };
        match got_upcall(got, cx) {
            Upcall::Nothing => self.poll(cx),
            news => news,
        }
    }

    /// A timer of the session.
    pub(crate) fn timer(&mut self, timer: Timer, cx: &mut Context<'_>) -> Upcall {
        match timer {
            Timer::Bind if self.link == Link::Awaited && self.media.is_some() => {
                self.link = Link::Down;
                Upcall::Lost(Failure::NotConnected)
            }
            Timer::ChunkResponse => {
                let line = self.line();
                self.traffic.sending.overdue(line, cx);
                self.poll(cx)
            }
            Timer::KeepAlive if self.link == Link::Up => {
                if self.beat == Some(self.traffic.sending.pushed()) {
                    self.greet(cx);
                }
                self.keep_alive(cx);
                Upcall::Nothing
            }
            Timer::NextChunk if self.traffic.receiving.is_midway() => {
                Upcall::Lost(Failure::Incomplete)
            }
            _ => Upcall::Nothing,
        }
    }

    /// The next thing that there is to say. A session with one message has no more to say than
    /// `handle` returns; with several, this is asked until there is nothing.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Upcall {
        // Before all is agreed on nobody knows what the peer takes.
        let line = match self.media {
            Some(_) => self.line(),
            None => Line::Dead,
        };
        match self.traffic.sending.poll(line, cx) {
            Sent::Nothing => Upcall::Nothing,
            Sent::Wants(message, at, most) => Upcall::Wants(message, at, most),
            Sent::Taken(message) => Upcall::Taken(message),
            Sent::Confirmed(message) => Upcall::Confirmed(message),
            Sent::Failed(message, why) => Upcall::Failed(message, why),
        }
    }

    fn line(&self) -> Line {
        match self.link {
            Link::Up => Line::Open,
            Link::Awaited | Link::Down => Line::Dead,
        }
    }

    fn bound(&mut self, cx: &mut Context<'_>) -> Upcall {
        if self.link != Link::Awaited {
            return Upcall::Nothing;
        }
        if self.media.is_some() {
            cx.stop(Timer::Bind);
        }
        self.link = Link::Up;
        self.keep_alive(cx);
        // Who connects sends at once; with nothing to say, a request without a body binds the
        // session (RFC 4975 §5.4, CC-58).
        let connects = self.media.as_ref().is_some_and(|media| media.connect);
        if self.greeting == Greeting::Content && self.traffic.sending.len() > 0 {
            return self.poll(cx);
        }
        if connects {
            self.greet(cx);
        }
        Upcall::Up
    }

    fn keep_alive(&mut self, cx: &mut Context<'_>) {
        self.beat = cx.config.profile.msrp_keepalive.map(|after| {
            cx.start(Timer::KeepAlive, after);
            self.traffic.sending.pushed()
        });
    }

    fn greet(&mut self, cx: &mut Context<'_>) {
        let id = self.traffic.sending.mint();
        let message = cx.token();
        cx.act(Action::SendChunk(crate::Chunk {
            id,
            message,
            start: 1,
            total: Some(0),
            flag: Continuation::Last,
            success: false,
            failure: FailureReport::Yes,
            mime: Bytes::new(),
            body: Bytes::new(),
        }));
    }

    fn down(&mut self, down: Down, cx: &mut Context<'_>) -> Upcall {
        if self.media.is_none() {
            // It came early and went: once all is agreed it has its time to come again.
            self.link = Link::Awaited;
            return Upcall::Nothing;
        }
        let before = core::mem::replace(&mut self.link, Link::Down);
        match before {
            Link::Down => return Upcall::Nothing,
            Link::Awaited => cx.stop(Timer::Bind),
            Link::Up => {}
        }
        Upcall::Lost(match (before, down) {
            (Link::Awaited, _) | (_, Down::Unreachable) => Failure::NotConnected,
            (_, Down::Lost | Down::Malformed) => Failure::ConnectionLost,
        })
    }

    /// Ends one message that is being sent, with `#` if the peer has got a part of it; whether there was one.
    pub(crate) fn cancel(&mut self, message: MessageId, cx: &mut Context<'_>) -> bool {
        let line = self.line();
        self.traffic.sending.cancel(message, line, cx)
    }

    /// No more sending: a message that is midway ends with `#` if the peer can still hear it.
    pub(crate) fn hush(&mut self, cx: &mut Context<'_>) {
        let line = self.line();
        self.traffic.sending.hush(line, cx);
    }

    /// The end: timers stop, what was not complete is reported as such (DR-11, TC-LM-18), and the
    /// resources are given back.
    pub(crate) fn release(mut self, cx: &mut Context<'_>) {
        let announced = self.media.as_ref().and_then(|media| media.filelength);
        let mut traffic = self.quiet(cx);
        // A user who waits for a message hears of its end even if it never began.
        if traffic.receiving.never_began() {
            incomplete(MessageId(0), 0, announced, cx);
        }
        traffic.give_up(announced, cx);
        // Released even when the peer closed first: the driver's socket is ours to give back.
        cx.act(Action::ReleaseMsrp);
    }

    /// The end of the session, not of its messages.
    pub(crate) fn retire(mut self, cx: &mut Context<'_>) -> Traffic {
        let traffic = self.quiet(cx);
        cx.act(Action::ReleaseMsrp);
        traffic
    }

    fn quiet(&mut self, cx: &mut Context<'_>) -> Traffic {
        if self.link == Link::Awaited && self.media.is_some() {
            cx.stop(Timer::Bind);
        }
        if self.beat.is_some() {
            cx.stop(Timer::KeepAlive);
        }
        let mut traffic = core::mem::take(&mut self.traffic);
        traffic.sending.rewind(cx);
        traffic.receiving.pause(cx);
        traffic
    }

    /// Wants nothing more: what is arriving is refused at once (CC-87).
    pub(crate) fn refuse(&mut self, cx: &mut Context<'_>) {
        self.traffic.receiving.refuse(cx);
    }

    /// Reports on a message that asked for it.
    pub(crate) fn report(&self, whole: &Whole, status: u16, cx: &mut Context<'_>) {
        let wanted = if status == 200 {
            whole.success
        } else {
            whole.failure != FailureReport::No
        };
        let said = status == 200 && self.traffic.receiving.by_chunk(cx);
        if wanted && !said && self.is_up() {
            report(whole.ident, whole.size, status, cx);
        }
    }
}

impl Traffic {
    /// What has not arrived completely never will.
    pub(crate) fn give_up(&mut self, announced: Option<u64>, cx: &mut Context<'_>) {
        while let Got::Incomplete {
            message,
            received,
            total,
        } = self.receiving.give_up()
        {
            incomplete(message, received, total.or(announced), cx);
        }
    }
}

fn got_upcall(got: Got, cx: &mut Context<'_>) -> Upcall {
    match got {
        Got::Nothing => Upcall::Nothing,
        Got::Begun {
            message,
            mime,
            total,
        } => Upcall::Begun {
            message,
            mime,
            total,
        },
        Got::Message(whole) => Upcall::Received(whole),
        Got::Incomplete {
            message,
            received,
            total,
        } => {
            incomplete(message, received, total, cx);
            Upcall::Incomplete
        }
    }
}

fn incomplete(message: MessageId, received: u64, total: Option<u64>, cx: &mut Context<'_>) {
    cx.act(Action::Tell(Notice::Incomplete {
        message,
        received,
        total,
    }));
}

#[cfg(test)]
#[path = "../states/session.rs"]
pub(crate) mod states;
