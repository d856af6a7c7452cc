//! MSRP alone: an endpoint without SIP.

use alloc::vec::Vec;

use bytes::Bytes;

use super::receive::{Keep, Whole};
use super::send::{Letter, More};
use super::session::{Session, Traffic, Upcall};
use crate::offer::{Negotiated, Offered};
use crate::wire::mime;
use crate::{
    Action, Context, Event, Failure, LegId, Machine, MessageId, Misuse, Notice, Outcome,
    RecipientId, Timer,
};

mod open;

pub use open::{Invitation, NoSession, Part};

/// Sends and receives messages over MSRP, for those who have no SIP or their own: gateways, tools.
///
/// Its one leg is one MSRP session. How the two sides learn of each other is not its business: it makes
/// and reads session descriptions as text, or is told the peer's path.
///
/// | state | what | what happens | next |
/// |---|---|---|---|
/// | idle | [`offer`](Self::offer) | ready for the peer | offered |
/// | idle | [`answer`](Self::answer) | ready for the peer, or connects | open |
/// | offered | [`conclude`](Self::conclude), [`join`](Self::join) | connects, or awaits the peer | open |
/// | open | bound | [`Notice::Connected`] | open |
/// | open | the connection breaks, or never comes | [`Notice::Disconnected`]; the leg is closed | idle |
/// | any | [`close`](Machine::close) | every message gets its end; the leg is closed | closed |
///
/// Messages that are midway when the connection breaks wait for the next session, which has a leg of its
/// own, and go on there with the same Message-ID from the first octet that was not confirmed (RFC 4975
/// §5.4). What the peer had in full already it answers, and does not show again (CC-138).
///
/// | message out | what happens |
/// |---|---|
/// | [`send`](Self::send) | it takes its turn among the others |
/// | [`Notice::Wanted`] | the application is asked for the next octets |
/// | [`supply`](Self::supply), [`finish`](Self::finish) | they go out as one chunk |
/// | [`Notice::Outcome`] | the end, exactly once; none after [`cancel`](Self::cancel) |
///
/// | message in | what happens |
/// |---|---|
/// | [`Notice::Begun`] | its first chunk is here; [`refuse`](Self::refuse) says 413 and ends it |
/// | [`Notice::Data`] | octets, once it is larger than `limits.whole` |
/// | [`Notice::Received`], [`Notice::Incomplete`] | the end, exactly once |
///
/// Outgoing and incoming messages are numbered apart. Of the account only the media types matter here,
/// and the address, which a session description names.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    state: State,
    /// How many sessions there were before.
    generation: u32,
    /// Messages that are taken and whose report is awaited.
    unconfirmed: Vec<(MessageId, Age)>,
}

#[derive(Clone, Debug)]
enum State {
    /// There is no session: none yet, or its connection is gone.
    Idle(Traffic, Option<Failure>),
    /// The peer may connect; we do not know its path.
    Offered(Session, Offered),
    /// Both sides know each other.
    Open(Session),
    Closed,
}

impl Default for State {
    fn default() -> Self {
        Self::Idle(Traffic::default(), None)
    }
}

/// How long a report has been awaited: one timer serves all, so that a message waits at least
/// `profile.report_wait` and at most twice that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Young,
    Old,
}

impl Letter {
    /// A message of this media type, without reports on success.
    pub fn new(content_type: &str, size: Option<u64>) -> Self {
        let mut mime = Vec::with_capacity(content_type.len() + 16);
        for piece in ["Content-Type: ", content_type, "\r\n"] {
            mime.extend_from_slice(piece.as_bytes());
        }
        Self {
            size,
            mime: mime.into(),
            success: false,
            failure: crate::FailureReport::Yes,
        }
    }

    fn kind(&self) -> &str {
        mime::content_type(core::str::from_utf8(&self.mime).unwrap_or_default())
    }

    /// Whether its header lines are such, the last of them Content-Type.
    fn is_sound(&self) -> bool {
        let Some(lines) = core::str::from_utf8(&self.mime)
            .ok()
            .and_then(|text| text.strip_suffix("\r\n"))
        else {
            return false;
        };
        let named = |line: &str, name: &str| {
            let head = line.get(..name.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        let sound =
            |line: &str| named(line, "Content-") && !line.contains(|c: char| c.is_control());
        let last = lines.rsplit("\r\n").next().unwrap_or_default();
        lines.split("\r\n").all(sound) && named(last, "Content-Type:") && self.kind().contains('/')
    }

    /// Whether the peer says that it takes such a message.
    fn suits(&self, media: &Negotiated) -> Result<(), Failure> {
        if !media.can_send {
            Err(Failure::BadAnswer)
        } else if !media.accepts(self.kind()) {
            Err(Failure::UnsupportedType)
        } else if self.size > media.max_size && media.max_size.is_some() {
            Err(Failure::TooLarge)
        } else {
            Ok(())
        }
    }
}

impl Endpoint {
    /// An endpoint without a session.
    pub fn new() -> Self {
        Self::default()
    }

    /// The leg of the session that there is, or of the next one.
    pub fn leg(&self) -> LegId {
        LegId::new(0, self.generation)
    }

    /// Begins to send a message. Its octets are asked for by [`Notice::Wanted`] when it is its turn;
    /// before there is a session it waits.
    ///
    /// # Errors
    ///
    /// [`Misuse::Malformed`] if its header lines are none, [`Misuse::TooManyMessages`],
    /// [`Misuse::NotTaken`] if the peer has said that it does not take it, [`Misuse::NotNow`] after the
    /// end. Nothing has been sent then.
    pub fn send(&mut self, letter: Letter, cx: &mut Context<'_>) -> Result<MessageId, Misuse> {
        let cx = &mut cx.on(self.leg());
        if !letter.is_sound() {
            return Err(Misuse::Malformed);
        }
        let taken = match &self.state {
            State::Open(session) => session
                .media()
                .is_none_or(|media| letter.suits(media).is_ok()),
            State::Idle(..) | State::Offered(..) | State::Closed => true,
        };
        if !taken {
            return Err(Misuse::NotTaken);
        }
        let traffic = self.traffic().ok_or(Misuse::NotNow)?;
        if traffic.sending.len() >= cx.config.limits.outgoing {
            return Err(Misuse::TooManyMessages);
        }
        let message = traffic.sending.begin(letter, cx);
        self.stir(cx);
        Ok(message)
    }

    /// Sends the octets that a message has asked for: at least one, and at most as many as it asked
    /// for. Fewer are a smaller chunk.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoSuchMessage`] if it is over, [`Misuse::NotAsked`]. Nothing has been sent then.
    pub fn supply(
        &mut self,
        message: MessageId,
        octets: Bytes,
        cx: &mut Context<'_>,
    ) -> Result<(), Misuse> {
        if octets.is_empty() {
            return Err(Misuse::EmptyMessage);
        }
        self.feed(message, octets, More::Sized, cx)
    }

    /// The same for the last octets of a message whose size was not known; there may be none.
    ///
    /// # Errors
    ///
    /// As for [`supply`](Self::supply), and [`Misuse::NotAsked`] if the size was known and is another.
    pub fn finish(
        &mut self,
        message: MessageId,
        octets: Bytes,
        cx: &mut Context<'_>,
    ) -> Result<(), Misuse> {
        self.feed(message, octets, More::No, cx)
    }

    fn feed(
        &mut self,
        message: MessageId,
        octets: Bytes,
        more: More,
        cx: &mut Context<'_>,
    ) -> Result<(), Misuse> {
        let cx = &mut cx.on(self.leg());
        let sending = &self.traffic().ok_or(Misuse::NotNow)?.sending;
        let (most, rest) = sending.asked(message, cx).ok_or(Misuse::NoSuchMessage)?;
        let ends = rest.is_none_or(|rest| rest == octets.len() as u64);
        if most == 0 || octets.len() > most || (more == More::No && !ends) {
            return Err(Misuse::NotAsked);
        }
        if let State::Open(session) = &mut self.state {
            session.supply(message, octets, more, cx);
        }
        self.stir(cx);
        Ok(())
    }

    /// Takes a message back: with `#` if the peer has got a part of it (CC-128). It has no outcome then.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoSuchMessage`] if it is over.
    pub fn cancel(&mut self, message: MessageId, cx: &mut Context<'_>) -> Result<(), Misuse> {
        let cx = &mut cx.on(self.leg());
        let last = self.forget(message);
        let was = match &mut self.state {
            State::Idle(traffic, _) => traffic.sending.forget(message),
            State::Offered(session, _) => session.cancel(message, cx),
            State::Open(session) => {
                if last {
                    cx.stop(Timer::SuccessReport);
                }
                session.cancel(message, cx)
            }
            State::Closed => false,
        };
        was.then_some(()).ok_or(Misuse::NoSuchMessage)
    }

    /// Refuses a message that is arriving: 413 at once, and to whatever still comes of it. It has no
    /// other end then.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoSuchMessage`] if no such message is arriving.
    pub fn refuse(&mut self, message: MessageId, cx: &mut Context<'_>) -> Result<(), Misuse> {
        let cx = &mut cx.on(self.leg());
        let was = match &mut self.state {
            State::Idle(traffic, _) => traffic.receiving.forget(message),
            State::Offered(session, _) | State::Open(session) => {
                session.traffic().receiving.refuse_one(message, cx)
            }
            State::Closed => false,
        };
        was.then_some(()).ok_or(Misuse::NoSuchMessage)
    }

    fn traffic(&mut self) -> Option<&mut Traffic> {
        match &mut self.state {
            State::Idle(traffic, _) => Some(traffic),
            State::Offered(session, _) | State::Open(session) => Some(session.traffic()),
            State::Closed => None,
        }
    }

    /// Asks the session what there is to do after a command.
    fn stir(&mut self, cx: &mut Context<'_>) {
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Open(session) => self.go_on(session, Upcall::Nothing, cx),
            other => self.state = other,
        }
    }

    /// Deals with what the session says until it has said everything.
    fn go_on(&mut self, mut session: Session, mut upcall: Upcall, cx: &mut Context<'_>) {
        loop {
            match upcall {
                Upcall::Lost(why) => return self.lost(session, why, cx),
                Upcall::Nothing | Upcall::Incomplete => {}
                Upcall::Up => cx.act(Action::Tell(Notice::Connected)),
                other => self.hear(&mut session, other, cx),
            }
            upcall = session.poll(cx);
            if upcall == Upcall::Nothing {
                self.state = State::Open(session);
                return;
            }
        }
    }

    fn hear(&mut self, session: &mut Session, upcall: Upcall, cx: &mut Context<'_>) {
        match upcall {
            Upcall::Wants(message, offset, octets) => cx.act(Action::Tell(Notice::Wanted {
                message,
                offset,
                octets,
            })),
            Upcall::Taken(message) if session.traffic().sending.is_taken(message) => {
                if self.unconfirmed.is_empty() {
                    cx.start(Timer::SuccessReport, cx.config.profile.report_wait);
                }
                self.unconfirmed.push((message, Age::Young));
            }
            Upcall::Taken(message) => tell(message, Outcome::Sent, cx),
            // It may come before the last response, and says more (CC-53).
            Upcall::Confirmed(message) => {
                self.settle(message, cx);
                tell(message, Outcome::Delivered, cx);
            }
            Upcall::Failed(message, why) => {
                self.settle(message, cx);
                tell(message, Outcome::Failed(why), cx);
            }
            Upcall::Begun {
                message,
                mime,
                total,
            } => cx.act(Action::Tell(Notice::Begun {
                message,
                mime,
                total,
            })),
            Upcall::Received(whole) => received(session, whole, cx),
            Upcall::Nothing | Upcall::Up | Upcall::Incomplete | Upcall::Lost(_) => {}
        }
    }

    /// The message's report is not awaited any more.
    fn settle(&mut self, message: MessageId, cx: &mut Context<'_>) {
        if self.forget(message) {
            cx.stop(Timer::SuccessReport);
        }
    }

    /// The same without a session; whether it was the last one that was awaited.
    fn forget(&mut self, message: MessageId) -> bool {
        let before = self.unconfirmed.len();
        self.unconfirmed.retain(|(other, _)| *other != message);
        before > 0 && self.unconfirmed.is_empty()
    }

    /// No report has come for those that have waited long enough.
    fn unreported(&mut self, mut session: Session, cx: &mut Context<'_>) {
        self.unconfirmed.retain_mut(|(message, age)| {
            let old = core::mem::replace(age, Age::Old) == Age::Old;
            if old {
                session.cancel(*message, cx);
                tell(*message, Outcome::Unconfirmed, cx);
            }
            !old
        });
        if !self.unconfirmed.is_empty() {
            cx.start(Timer::SuccessReport, cx.config.profile.report_wait);
        }
        self.go_on(session, Upcall::Nothing, cx);
    }

    /// The session is over, not its messages.
    fn lost(&mut self, session: Session, why: Failure, cx: &mut Context<'_>) {
        if !self.unconfirmed.is_empty() {
            cx.stop(Timer::SuccessReport);
        }
        let traffic = session.retire(cx);
        cx.act(Action::Tell(Notice::Disconnected(why)));
        cx.act(Action::Closed);
        self.generation = self.generation.wrapping_add(1);
        self.state = State::Idle(traffic, Some(why));
    }

    /// Every message gets its end.
    fn give_up(&mut self, mut traffic: Traffic, outcome: Outcome, cx: &mut Context<'_>) {
        for (message, _) in traffic.sending.letters() {
            let taken = traffic.sending.is_taken(message);
            tell(message, if taken { Outcome::Sent } else { outcome }, cx);
        }
        self.unconfirmed.clear();
        traffic.give_up(None, cx);
    }
}

impl Machine for Endpoint {
    fn handle(&mut self, leg: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        // A session before, or SIP, which is none of our business.
        if leg != self.leg() {
            return;
        }
        let cx = &mut cx.on(leg);
        match (core::mem::replace(&mut self.state, State::Closed), event) {
            (State::Open(mut session), Event::Msrp(event)) => {
                let upcall = session.handle(event, cx);
                self.go_on(session, upcall, cx);
            }
            (State::Open(session), Event::Timer(Timer::SuccessReport)) => {
                self.unreported(session, cx);
            }
            // Nothing has come of any of them for long. The session may be used for others.
            (State::Open(mut session), Event::Timer(Timer::NextChunk)) => {
                session.traffic().give_up(None, cx);
                self.state = State::Open(session);
            }
            (State::Open(mut session), Event::Timer(timer)) => {
                let upcall = session.timer(timer, cx);
                self.go_on(session, upcall, cx);
            }
            (State::Offered(mut session, offered), Event::Timer(Timer::NextChunk)) => {
                session.traffic().give_up(None, cx);
                self.state = State::Offered(session, offered);
            }
            // It came early.
            (State::Offered(mut session, offered), Event::Msrp(event)) => {
                match session.handle(event, cx) {
                    Upcall::Up => cx.act(Action::Tell(Notice::Connected)),
                    upcall => self.hear(&mut session, upcall, cx),
                }
                self.state = State::Offered(session, offered);
            }
            (state, _) => self.state = state,
        }
    }

    fn close(&mut self, cx: &mut Context<'_>) {
        let cx = &mut cx.on(self.leg());
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Idle(traffic, why) => {
                self.give_up(traffic, why.map_or(Outcome::Cancelled, Outcome::Failed), cx);
            }
            State::Offered(mut session, _) | State::Open(mut session) => {
                if !self.unconfirmed.is_empty() {
                    cx.stop(Timer::SuccessReport);
                }
                session.hush(cx);
                let traffic = session.retire(cx);
                self.give_up(traffic, Outcome::Cancelled, cx);
                cx.act(Action::Closed);
            }
            State::Closed => {}
        }
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn held(&self, leg: LegId) -> u64 {
        match &self.state {
            State::Offered(session, _) | State::Open(session) if leg == self.leg() => {
                session.held()
            }
            _ => 0,
        }
    }
}

fn keep(cx: &Context<'_>) -> Keep {
    Keep::ForUser {
        most: cx.config.limits.message,
    }
}

/// A message is complete: it is reported on, if that is wanted, and handed over.
fn received(session: &Session, whole: Whole, cx: &mut Context<'_>) {
    session.report(&whole, 200, cx);
    whole.tell(cx);
}

fn tell(message: MessageId, outcome: Outcome, cx: &mut Context<'_>) {
    cx.act(Action::Tell(Notice::Outcome(
        message,
        RecipientId(0),
        outcome,
    )));
}

#[cfg(test)]
#[path = "../states/endpoint.rs"]
pub(crate) mod states;
