//! The callee's half of a leg: from the INVITE that arrives to its ACK.

use alloc::boxed::Box;

use bytes::Bytes;

use super::provisional::Provisional;
use super::{
    AckWait, Call, Leg, Pracks, Refreshing, Refused, Role, State, Step, Then, Up, Upcall, close,
    ok, respond,
};
use crate::action::Keys;
use crate::compose::{Lines, Speaker};
use crate::dialog::Dialog;
use crate::msrp::{Keep, Session};
use crate::offer::{self, Answered};
use crate::profile::{Prack, Refresher};
use crate::refresh::{Grant, Proposal, Refresh, grant, least};
use crate::{
    Action, Context, Event, Failure, Method, Methods, Outcome, Reply, Request, ServerTxn, Status,
    Tag, Timer,
};

/// An INVITE that waits for somebody's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) invite: ServerTxn,
    pub(super) cseq: u32,
    pub(super) tag: Tag,
    pub(super) provisional: Provisional,
    /// Whether a reliable response has given the answer already.
    answered_early: bool,
    /// It is wanted; the 2xx waits for the PRACK of the answer.
    accepted: bool,
    pub(super) dialog: Dialog,
    session: Session,
    answered: Answered,
    origin: Bytes,
    granted: Option<Grant>,
}

/// An INVITE that has passed the checks of its role.
#[derive(Clone, Debug)]
pub(crate) struct Arriving {
    decision: Box<Decision>,
    allowed: Option<Methods>,
    pracks: Pracks,
}

/// Checks what every callee checks, in order: the session timer, the body, the offer.
/// Opens the leg if all is well; else says what to answer. `limit`: the largest message, in octets.
pub(crate) fn check(
    invite: ServerTxn,
    request: &Request,
    limit: u64,
    cx: &mut Context<'_>,
) -> Result<Arriving, Refused<'static>> {
    let head = &request.head;
    let granted = grant(head, cx).map_err(|_| Refused {
        min_se: Some(least(cx)),
        ..Refused::plain(422)
    })?;
    let part = request
        .body
        .description_part()
        .map_err(|_| Refused::plain(400))?;
    // A large message that offers nothing cannot be one (section 3.2: offerless INVITE).
    let part = part.ok_or(Refused::plain(488))?;
    let offered = part.sdp().map_err(|flaw| Refused::plain(flaw.status.0))?;
    let mint = cx.mint();
    let id = mint.id;
    // TC-LM-10, TC-LM-12: table 3.5.
    let answered = offer::answer(cx.config, mint, &offered, limit, cx.scratch());
    let answered = answered.map_err(|refused| Refused {
        warning: refused.warning,
        ..Refused::plain(refused.status.0)
    })?;
    let tag = cx.tag();
    // The Contact is the Session Identity from now on (TC-LM-03).
    let dialog = Dialog::called(request, tag, cx).map_err(|_| Refused::plain(400))?;
    cx.act(Action::Opened(Keys {
        dialog: Some(tag),
        msrp: Some(id),
    }));
    let session = Session::offered(id, answered.own.clone(), cx);
    let origin = Bytes::copy_from_slice(offered.origin().as_bytes());
    let decision = Box::new(Decision {
        invite,
        cseq: head.cseq(),
        tag,
        provisional: Provisional::first(head, cx),
        answered_early: false,
        accepted: false,
        dialog,
        session,
        answered,
        origin,
        granted,
    });
    // Who does not speak of reliable responses has no use for PRACK.
    let reliable = head.required().reliable || head.supported().reliable;
    Ok(Arriving {
        decision,
        allowed: head.allow(),
        pracks: if reliable && cx.config.profile.prack_callee != Prack::Off {
            Pracks::Yes
        } else {
            Pracks::No
        },
    })
}

impl Leg {
    /// Takes an INVITE that has passed all checks; somebody is to decide about it.
    pub(crate) fn arrive(
        arrival: Arriving,
        speaker: Speaker,
        keep: Keep,
        cx: &mut Context<'_>,
    ) -> Self {
        let Arriving {
            decision,
            allowed,
            pracks,
        } = arrival;
        let call = Call {
            speaker,
            anonymous: false,
            keep,
            wait: cx.config.limits.bind,
            allowed,
            invited: Some(decision.invite),
            pracks,
            unheard: None,
            replaces: None,
            minted: 0,
        };
        let state = State::Deciding(decision);
        Self { call, state }
    }

    /// Says that somebody is being asked, and goes on saying so.
    pub(crate) fn ring(&mut self, cx: &mut Context<'_>) {
        if let State::Deciding(decision) = &mut self.state {
            self.call.ring(decision, cx);
        }
    }

    /// Accepts the invitation: 2xx with the answer (TC-LM-11, TC-LM-13), repeated until its ACK
    /// (RFC 3261 §13.3.1.4).
    pub(crate) fn accept(&mut self, cx: &mut Context<'_>) {
        self.state = match core::mem::replace(&mut self.state, State::Closed) {
            // Whoever does not have the answer yet cannot be told that it counts (RFC 3262 §5).
            State::Deciding(mut decision)
                if decision.answered_early && decision.provisional.is_unheard() =>
            {
                decision.accepted = true;
                State::Deciding(decision)
            }
            State::Deciding(decision) => decision.accept(&self.call, cx),
            state => state,
        };
    }

    /// Once it is there, the dialog with this tag of ours is replaced by it.
    pub(crate) fn replacing(&mut self, old: Tag) {
        self.call.replaces = Some(Box::new(old));
    }

    /// Refuses the invitation.
    pub(crate) fn refuse(&mut self, refusal: Refused<'_>, cx: &mut Context<'_>) {
        self.state = match core::mem::replace(&mut self.state, State::Closed) {
            State::Deciding(decision) => {
                decision.refuse(refusal, self.call.speaker, cx);
                State::Closed
            }
            state => state,
        };
    }
}

impl Decision {
    fn accept(self, call: &Call, cx: &mut Context<'_>) -> State {
        let Self {
            invite,
            cseq,
            tag,
            dialog,
            mut session,
            answered: Answered { sdp, media, .. },
            origin,
            granted,
            answered_early,
            ..
        } = self;
        // What was offered sets the user plane (TC-LM-04), which is ready for the connection before the
        // 2xx leaves (TC-LM-14).
        session.agree(media, call.keep, call.wait, cx);
        let speaker = call.speaker;
        let mut lines = cx.lines();
        lines
            .contact(speaker, false)
            .server(speaker)
            .line("Allow", call.allow());
        if matches!(speaker, Speaker::Focus(_)) {
            lines.line("Allow-Events", "conference");
        }
        granted_lines(&mut lines, granted);
        lines.identity(speaker);
        let body = if answered_early {
            Bytes::new()
        } else {
            lines.line("Content-Type", "application/sdp");
            sdp.clone()
        };
        let reply = Reply {
            status: Status(200),
            tag: Some(tag),
            head: lines.take(),
            body,
        };
        let mut up = Box::new(Up {
            dialog,
            session,
            refresh: Refresh::Off,
            refreshing: Refreshing::No,
            put_off: 0,
            ask: Proposal::first(cx),
            role: Role::Callee,
            sdp,
            origin,
            anew: None,
        });
        let wait = AckWait::answer(invite, cseq, reply, cx);
        up.agree(granted.map(Into::into), Refresher::Uas, cx);
        State::AwaitingAck(up, wait)
    }

    pub(super) fn refuse(self, refusal: Refused<'_>, speaker: Speaker, cx: &mut Context<'_>) {
        self.provisional.stop(cx);
        refusal.respond(self.invite, self.tag, speaker, cx);
        self.session.release(cx);
    }

    /// Whether the next reliable response gives the answer: once, and only where the knob says so.
    pub(super) fn answers_early(&mut self, cx: &Context<'_>) -> bool {
        let first = !self.answered_early && cx.config.profile.answer_in_provisional;
        self.answered_early |= first;
        first
    }

    /// Whether a PRACK is awaited, and by an acceptance.
    #[cfg(test)]
    pub(super) fn awaits(&self) -> (bool, bool) {
        (self.provisional.is_unheard(), self.accepted)
    }

    /// Whether the caller has the answer.
    fn is_answered(&self) -> bool {
        self.answered_early && !self.provisional.is_unheard()
    }

    /// The answer.
    pub(super) fn answer(&self) -> Bytes {
        self.answered.sdp.clone()
    }

    /// What becomes of an offer that comes with PRACK or UPDATE while somebody decides: the same once more
    /// is answered the same. For another one somebody would have to be asked (RFC 3311 §5.2).
    fn offered_again(&self, request: &Request) -> Result<Bytes, Refused<'static>> {
        let part = request.body.description_part().ok().flatten();
        let sdp = part.and_then(|part| part.sdp().ok());
        match sdp {
            _ if request.body.is_empty() => Ok(Bytes::new()),
            Some(sdp) if sdp.origin().as_bytes() == self.origin => Ok(self.answer()),
            _ if request.method == Method::Update => Err(Refused::plain(504)),
            _ => Err(Refused::plain(488)),
        }
    }
}

impl AckWait {
    /// Answers an INVITE with 2xx, and begins to wait.
    pub(super) fn answer(invite: ServerTxn, cseq: u32, reply: Reply, cx: &mut Context<'_>) -> Self {
        cx.act(Action::Respond(invite, reply.clone()));
        let interval = cx.config.limits.t1;
        cx.start(Timer::Repeat, interval);
        cx.start(Timer::FinalWait, cx.config.limits.final_wait);
        Self {
            invite,
            cseq,
            reply: Box::new(reply),
            interval,
            then: Then::Stay,
        }
    }
}

impl Call {
    pub(super) fn deciding(
        &mut self,
        mut decision: Box<Decision>,
        event: Event<'_>,
        cx: &mut Context<'_>,
    ) -> Step {
        match event {
            Event::Cancel { cancel, invite } if invite == decision.invite => {
                self.withdrawn(decision, cancel, cx)
            }
            Event::Request(txn, request) => {
                match self.within(&mut decision.dialog, txn, request, cx) {
                    // Legal from the caller even now (CC-09).
                    Some(Method::Bye) => return self.withdrawn(decision, txn, cx),
                    Some(Method::Prack) => return self.heard_by(decision, txn, request, cx),
                    Some(Method::Update) if request.body.is_empty() || decision.is_answered() => {
                        decision.dialog.retarget(&request.head);
                        self.again_early(&decision, txn, request, cx);
                    }
                    // The offer is unanswered: whatever else it wants has to wait (section 3.2).
                    Some(_) => self.try_later(txn, cx),
                    None => {}
                }
                (State::Deciding(decision), Upcall::Nothing)
            }
            // A session may be bound before it is answered.
            Event::Msrp(event) => {
                let _ = decision.session.handle(event, cx);
                (State::Deciding(decision), Upcall::Nothing)
            }
            Event::Timer(Timer::Repeat) => {
                self.ring_again(&mut decision, cx);
                (State::Deciding(decision), Upcall::Nothing)
            }
            // Who does not hear that it rings will not hear more (RFC 3262 §3).
            Event::Timer(Timer::FinalWait) if decision.provisional.is_unheard() => {
                decision.refuse(Refused::plain(504), self.speaker, cx);
                (State::Closed, Upcall::PeerLeft)
            }
            event @ (Event::Ack(_)
            | Event::Cancel { .. }
            | Event::Response(..)
            | Event::TxnFailed(..)
            | Event::Timer(_)
            | Event::Answer(..)) => self.other(State::Deciding(decision), event, cx),
        }
    }

    /// The PRACK of our reliable response. An offer in it is one more than there should be, unless the answer
    /// to the first has been given (RFC 3262 §5).
    fn heard_by(
        &mut self,
        mut decision: Box<Decision>,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Step {
        decision.provisional.heard(cx);
        if decision.answered_early {
            self.again_early(&decision, txn, request, cx);
        } else {
            ok(txn, self.speaker, cx);
        }
        if decision.accepted {
            return (decision.accept(self, cx), Upcall::Nothing);
        }
        (State::Deciding(decision), Upcall::Nothing)
    }

    /// Answers a PRACK or UPDATE that may offer again.
    fn again_early(
        &mut self,
        decision: &Decision,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) {
        match decision.offered_again(request) {
            Ok(body) if request.method == Method::Prack && body.is_empty() => {
                ok(txn, self.speaker, cx);
            }
            Ok(body) => {
                let head = self.refreshed_lines(None, &body, cx);
                respond(txn, 200, head, body, cx);
            }
            Err(refused) => refused.respond_within(txn, self.speaker, cx),
        }
    }

    /// The caller has given up by CANCEL or BYE: that is answered, and so is the INVITE.
    fn withdrawn(&mut self, decision: Box<Decision>, txn: ServerTxn, cx: &mut Context<'_>) -> Step {
        ok(txn, self.speaker, cx);
        decision.refuse(Refused::plain(487), self.speaker, cx);
        (State::Closed, Upcall::PeerLeft)
    }

    pub(super) fn awaiting_ack(
        &mut self,
        up: Box<Up>,
        mut wait: AckWait,
        event: Event<'_>,
        cx: &mut Context<'_>,
    ) -> Step {
        match event {
            Event::Ack(request)
                if up.dialog.owns(&request.head) && request.head.cseq() == wait.cseq =>
            {
                cx.stop(Timer::Repeat);
                cx.stop(Timer::FinalWait);
                match wait.then {
                    Then::Stay => {
                        // The new one is there: the old one goes (RFC 3891 §3).
                        if let Some(old) = self.replaces.take() {
                            cx.act(Action::Replace(*old));
                        }
                        (State::Up(up), Upcall::Nothing)
                    }
                    Then::Bye(reason) => (self.bye(up, reason, cx), Upcall::Nothing),
                }
            }
            Event::Timer(Timer::Repeat) => {
                cx.act(Action::Respond(wait.invite, (*wait.reply).clone()));
                wait.interval = (wait.interval * 2).min(cx.config.limits.t2);
                cx.start(Timer::Repeat, wait.interval);
                (State::AwaitingAck(up, wait), Upcall::Nothing)
            }
            // Never acknowledged: the session is ended all the same (CC-06).
            Event::Timer(Timer::FinalWait) => {
                cx.stop(Timer::Repeat);
                let (reason, news) = match wait.then {
                    Then::Stay => (None, Upcall::Left(Outcome::Failed(Failure::NoAnswer))),
                    Then::Bye(reason) => (reason, Upcall::Nothing),
                };
                (self.bye(up, reason, cx), news)
            }
            event => self.established(up, Some(wait), event, cx),
        }
    }

    /// The peer has said BYE, perhaps before its ACK (CC-07): 200 first (TC-LM-16, TC-LM-17), then the
    /// user plane is released (TC-LM-18). What was read before counts (D-33).
    pub(super) fn left(
        &mut self,
        mut up: Box<Up>,
        wait: Option<AckWait>,
        txn: ServerTxn,
        cx: &mut Context<'_>,
    ) -> Step {
        let news = match &wait {
            Some(AckWait {
                then: Then::Bye(_), ..
            }) => Upcall::Nothing,
            Some(_) | None => Upcall::PeerLeft,
        };
        if wait.is_some() {
            cx.stop(Timer::Repeat);
            cx.stop(Timer::FinalWait);
        }
        ok(txn, self.speaker, cx);
        up.quiet(cx);
        close(up.session, news, cx)
    }
}

/// The session timer in a 2xx.
pub(super) fn granted_lines(lines: &mut Lines<'_, '_>, granted: Option<Grant>) {
    if granted.is_some_and(|granted| granted.required) {
        lines.line("Require", "timer");
    }
    lines.line("Supported", "timer");
    if let Some(Grant {
        seconds, refresher, ..
    }) = granted
    {
        lines.session_expires(seconds, Some(refresher), None);
    }
}
