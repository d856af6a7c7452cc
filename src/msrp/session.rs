//! One MSRP session of one leg (RFC 4975 §5): what it sends, what it receives, and its connection.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;

use super::receive::{Got, Keep, Receiving, Whole, report};
use super::send::{Letter, Sending, Sent};
use crate::offer::Negotiated;
use crate::{
    Action, ChunkId, Context, Continuation, Down, Failure, FailureReport, MessageId, MsrpEvent,
    Notice, OpenMsrp, SessionId, Timer,
};

/// A session from the moment that it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    id: SessionId,
    own: Bytes,
    /// What offer and answer agreed on; a peer may connect before we know.
    media: Option<Negotiated>,
    link: Link,
    next: u32,
    /// How many octets the connection wants and we had none for.
    room: usize,
    /// In a block of its own: half of all sessions send nothing.
    sending: Option<Box<Sending>>,
    receiving: Receiving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The connection is to be made, or the binding SEND to arrive.
    Awaited,
    Up,
    /// The connection is gone, or we have let go of it.
    Down,
}

/// What a session has to say to its leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upcall {
    Nothing,
    /// Requests may flow.
    Up,
    /// It wants these octets of the message that it sends.
    Wants(u64, usize),
    /// The peer's stack has every octet of the message.
    Taken,
    /// Success reports cover the whole message.
    Confirmed,
    /// The message that it sends has failed.
    Failed(Failure),
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
        let open = OpenMsrp {
            id,
            connect: false,
            own: own.clone(),
            peer: Bytes::new(),
        };
        cx.act(Action::OpenMsrp(open));
        Self {
            id,
            own,
            media: None,
            link: Link::Awaited,
            next: 0,
            room: 0,
            sending: None,
            receiving: Receiving::new(Keep::Nothing),
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
        let (connect, peer) = (media.connect, media.peer());
        cx.act(Action::OpenMsrp(OpenMsrp {
            id: self.id,
            connect,
            own: self.own.clone(),
            peer,
        }));
        // A connection that came before the answer and broke again may come anew.
        if self.link != Link::Up {
            self.link = Link::Awaited;
            cx.start(Timer::Bind, wait);
        }
        if media.can_receive {
            self.receiving.keep(keep);
        }
        self.media = Some(media);
    }

    pub(crate) fn media(&self) -> Option<&Negotiated> {
        self.media.as_ref()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Begins to send a message; the answer may ask for its first octets.
    pub(crate) fn send(&mut self, letter: Letter, cx: &mut Context<'_>) -> Upcall {
        let sending = self.sending.insert(Box::new(Sending::new(letter, cx)));
        let wants = sending.wants(self.room, cx);
        self.say(wants)
    }

    /// Sends octets that it asked for.
    pub(crate) fn supply(&mut self, octets: Bytes, cx: &mut Context<'_>) {
        let id = self.mint();
        self.room = 0;
        if let Some(sending) = &mut self.sending {
            sending.supply(id, octets, cx);
        }
    }

    pub(crate) fn handle(&mut self, event: MsrpEvent<'_>, cx: &mut Context<'_>) -> Upcall {
        match event {
            MsrpEvent::Up => self.bound(cx),
            MsrpEvent::Room(octets) => self.room(octets, cx),
            MsrpEvent::Response(id, status) => {
                let Some(sending) = &mut self.sending else {
                    return Upcall::Nothing;
                };
                match sending.answered(id, status, cx) {
                    // The window may have opened while the connection was waiting.
                    Sent::Nothing => {
                        let wants = sending.wants(self.room, cx);
                        self.say(wants)
                    }
                    news => self.say(news),
                }
            }
            MsrpEvent::Report(head) => {
                let Some(sending) = &mut self.sending else {
                    return Upcall::Nothing;
                };
                let news = sending.reported(head, cx);
                self.say(news)
            }
            MsrpEvent::Send(txn, head) => {
                let got = self.receiving.begin(txn, head, cx);
                got_upcall(got, cx)
            }
            MsrpEvent::Octets(octets) => {
                let got = self.receiving.octets(octets, cx);
                got_upcall(got, cx)
            }
            MsrpEvent::End(flag) => {
                let got = self.receiving.end(flag, cx);
                got_upcall(got, cx)
            }
            MsrpEvent::Down(down) => {
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
        }
    }

    /// A timer of the session.
    pub(crate) fn timer(&mut self, timer: Timer, cx: &mut Context<'_>) -> Upcall {
        match timer {
            Timer::Bind if self.link == Link::Awaited => {
                self.link = Link::Down;
                Upcall::Lost(Failure::NotConnected)
            }
            Timer::ChunkResponse => match &mut self.sending {
                Some(sending) => {
                    let news = sending.overdue(cx);
                    self.say(news)
                }
                None => Upcall::Nothing,
            },
            Timer::NextChunk if self.receiving.is_midway() => Upcall::Lost(Failure::Incomplete),
            _ => Upcall::Nothing,
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
        // Who connects sends at once; with nothing to say, a request without a body binds the
        // session (RFC 4975 §5.4, CC-58).
        let connects = self.media.as_ref().is_some_and(|media| media.connect);
        if connects && self.sending.is_none() {
            self.bind(cx);
        }
        Upcall::Up
    }

    fn bind(&mut self, cx: &mut Context<'_>) {
        let id = self.mint();
        let message = cx.token();
        cx.act(Action::SendChunk(crate::Chunk {
            id,
            message,
            start: 1,
            total: 0,
            flag: Continuation::Last,
            success: false,
            failure: FailureReport::Yes,
            mime: Bytes::new(),
            body: Bytes::new(),
        }));
    }

    fn room(&mut self, octets: usize, cx: &mut Context<'_>) -> Upcall {
        if self.link != Link::Up {
            return Upcall::Nothing;
        }
        self.room = octets;
        let Some(sending) = &mut self.sending else {
            return Upcall::Nothing;
        };
        match sending.written(cx) {
            Sent::Nothing => {
                let wants = sending.wants(self.room, cx);
                self.say(wants)
            }
            news => self.say(news),
        }
    }

    fn say(&self, news: Sent) -> Upcall {
        match news {
            Sent::Nothing => Upcall::Nothing,
            Sent::Wants(..) if self.link != Link::Up => Upcall::Nothing,
            Sent::Wants(at, most) => Upcall::Wants(at, most),
            Sent::Taken => Upcall::Taken,
            Sent::Confirmed => Upcall::Confirmed,
            Sent::Failed(why) => Upcall::Failed(why),
        }
    }

    fn mint(&mut self) -> ChunkId {
        self.next = self.next.wrapping_add(1);
        ChunkId(self.next)
    }

    /// No more sending: a message that is midway ends with `#` if the peer can still hear it.
    pub(crate) fn hush(&mut self, cx: &mut Context<'_>) {
        let id = self.mint();
        if let Some(sending) = &mut self.sending {
            match self.link {
                Link::Up => sending.abandon(id, cx),
                Link::Awaited | Link::Down => sending.stop(cx),
            }
        }
    }

    /// The end: timers stop, what was not complete is reported as such (DR-11, TC-LM-18), and the
    /// resources are given back.
    pub(crate) fn release(mut self, cx: &mut Context<'_>) {
        if self.link == Link::Awaited && self.media.is_some() {
            cx.stop(Timer::Bind);
        }
        if let Some(sending) = &mut self.sending {
            sending.stop(cx);
        }
        while let Got::Incomplete {
            message,
            received,
            total,
        } = self.receiving.give_up(cx)
        {
            let announced = self.media.as_ref().and_then(|media| media.filelength);
            incomplete(message, received, total.or(announced), cx);
        }
        // Released even when the peer closed first: the driver's socket is ours to give back.
        cx.act(Action::ReleaseMsrp);
    }

    /// Wants nothing more: what is arriving is refused at once (CC-87).
    pub(crate) fn refuse(&mut self, cx: &mut Context<'_>) {
        self.receiving.refuse(cx);
    }

    /// Reports on a message that asked for it.
    pub(crate) fn report(&self, whole: &Whole, status: u16, cx: &mut Context<'_>) {
        let wanted = if status == 200 {
            whole.success
        } else {
            whole.failure != FailureReport::No
        };
        if wanted && self.link == Link::Up {
            report(whole.ident, whole.size, status, cx);
        }
    }
}

fn got_upcall(got: Got, cx: &mut Context<'_>) -> Upcall {
    match got {
        Got::Nothing => Upcall::Nothing,
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
