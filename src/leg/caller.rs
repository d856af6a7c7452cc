//! The caller's half of a leg: from its INVITE to the answer.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{
    Call, Leg, Pracks, Refreshing, Refused, Role, State, Step, Up, Upcall, close, end_stray,
    failed, respond,
};
use crate::action::{Fresh, Keys};
use crate::compose::Speaker;
use crate::dialog::Dialog;
use crate::msrp::{Keep, Session};
use crate::offer::{self, Concluded, Offered};
use crate::outcome::of_refusal;
use crate::profile::{Prack, Refresher};
use crate::refresh::{Proposal, Refresh};
use crate::{
    Action, ClientTxn, Context, Event, Failure, Method, Notice, Outcome, Outgoing, Request,
    Response, ServerTxn, Timer, Uri,
};

/// Whom to invite, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// The Request-URI.
    pub(crate) target: Uri,
    /// The header lines, From first, up to those of the session timer.
    pub(crate) lines: Bytes,
    /// The header lines after those of the session timer.
    pub(crate) more: Bytes,
    pub(crate) body: Bytes,
    pub(crate) offered: Offered,
}

/// An INVITE of ours that has no final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invite {
    txn: ClientTxn,
    cseq: u32,
    invitation: Invitation,
    ids: Fresh,
    session: Session,
    ask: Proposal,
    early: Vec<Early>,
}

/// An early dialog: one fork of the INVITE that has given its tag (RFC 3261 §12.1).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Early {
    dialog: Dialog,
    /// The last reliable response that came in order (RFC 3262 §4).
    rseq: Option<u32>,
    /// What its first description makes of the session (CC-17).
    agreed: Option<Result<Agreed, Failure>>,
    /// Whether that description came in a reliable response: then the 2xx may do without (CC-16).
    sure: bool,
}

/// What an answer makes of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Agreed {
    media: Concluded,
    /// The origin line of the peer's description.
    origin: Bytes,
}

impl Leg {
    /// Invites (OC-LM-03). The session is open from now on: the peer may connect before its answer arrives.
    pub(crate) fn invite(
        invitation: Invitation,
        speaker: Speaker,
        anonymous: bool,
        keep: Keep,
        cx: &mut Context<'_>,
    ) -> Self {
        let ids = Fresh { token: cx.token() };
        let id = invitation.offered.id;
        cx.act(Action::Opened(Keys {
            dialog: Some(ids.tag()),
            msrp: Some(id),
        }));
        let session = Session::offered(id, invitation.offered.own.clone(), cx);
        let mut call = Call {
            speaker,
            anonymous,
            keep,
            wait: cx.config.limits.connect_wait,
            allowed: None,
            invited: None,
            pracks: Pracks::No,
            unheard: None,
            replaces: None,
            minted: 0,
        };
        let invite = Box::new(Invite {
            txn: call.mint(),
            cseq: 1,
            invitation,
            ids,
            session,
            ask: Proposal::first(cx),
            early: Vec::new(),
        });
        invite.send(cx);
        let state = State::Inviting(invite);
        Self { call, state }
    }
}

impl Call {
    /// The INVITE is under way; `stay` is the state that it is in.
    pub(super) fn calling(
        &mut self,
        mut invite: Box<Invite>,
        stay: fn(Box<Invite>) -> State,
        event: Event<'_>,
        cx: &mut Context<'_>,
    ) -> Step {
        match event {
            Event::Response(txn, response)
                if txn == invite.txn && response.status.is_provisional() =>
            {
                self.learn(&response.head);
                let news = self.heard(&mut invite, response, cx);
                (State::Ringing(invite), news)
            }
            Event::Response(txn, response) if txn == invite.txn => {
                cx.stop(Timer::Ring);
                self.learn(&response.head);
                match response.status.0 {
                    200..300 => self.answered(invite, response, cx),
                    422 => self.too_small(invite, response, cx),
                    _ => close(invite.session, Upcall::Left(of_refusal(response)), cx),
                }
            }
            Event::TxnFailed(txn, why) if txn == invite.txn => {
                cx.stop(Timer::Ring);
                close(invite.session, Upcall::Left(failed(why)), cx)
            }
            Event::Timer(Timer::Ring) => {
                let why = Outcome::Failed(Failure::NoAnswer);
                let state = match stay(invite) {
                    State::Ringing(invite) => invite.cancel(why, cx),
                    State::Inviting(invite) => State::CancelPending(invite, why),
                    other => other,
                };
                (state, Upcall::Nothing)
            }
            // A session may be bound before its answer arrives.
            Event::Msrp(event) => {
                let _ = invite.session.handle(event, cx);
                (stay(invite), Upcall::Nothing)
            }
            Event::Request(txn, request) => {
                self.asked_early(&mut invite, txn, request, cx);
                (stay(invite), Upcall::Nothing)
            }
            event @ (Event::Ack(_)
            | Event::Cancel { .. }
            | Event::Response(..)
            | Event::TxnFailed(..)
            | Event::Timer(_)
            | Event::Answer(..)) => self.other(stay(invite), event, cx),
        }
    }

    /// A provisional response: what it says of its early dialog, and PRACK if it is reliable.
    fn heard(&mut self, invite: &mut Invite, response: &Response, cx: &mut Context<'_>) -> Upcall {
        // A 100 only says that the next hop has it.
        if response.status.0 == 100 {
            return Upcall::Nothing;
        }
        let head = &response.head;
        let reliable = cx.config.profile.prack_caller != Prack::Off && head.required().reliable;
        let rseq = head.rseq().filter(|_| reliable);
        let concluded = invite.concluded(response, cx);
        let Some(early) = invite.early(response, cx) else {
            // Not told apart: it rings somewhere, and that is all.
            return Upcall::Ringing;
        };
        if let Some(rseq) = rseq {
            // Once more, or one that has overtaken another: as if it had not come (RFC 3262 §4).
            if early
                .rseq
                .is_some_and(|last| last.checked_add(1) != Some(rseq))
            {
                return Upcall::Nothing;
            }
            early.rseq = Some(rseq);
            early.dialog.retarget(head);
            let txn = self.mint();
            let lines = cx
                .lines()
                .user_agent(self.speaker)
                .line("RAck", format_args!("{rseq} {} INVITE", head.cseq()))
                .line("Supported", "timer")
                .privacy(self.anonymous)
                .take();
            let dialog = &mut early.dialog;
            let prack = dialog.request(Method::Prack, txn, &lines, Bytes::new(), cx);
            cx.act(Action::SendRequest(prack));
        }
        // The first description is the answer, whatever follows (RFC 3261 §13.2.1, CC-17).
        if early.agreed.is_none() {
            early.sure = rseq.is_some() && concluded.is_some();
            early.agreed = concluded;
        }
        Upcall::Ringing
    }

    /// A request of the callee's before it has answered our INVITE.
    fn asked_early(
        &mut self,
        invite: &mut Invite,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) {
        let head = &request.head;
        let early = invite
            .early
            .iter_mut()
            .find(|early| early.dialog.owns(head));
        let in_order = early.map(|early| early.dialog.in_order(head));
        match self.sorted(in_order, txn, request, cx) {
            // Its target refresh counts when it answers: the 2xx says where it is (RFC 3261 §13.2.2.4).
            Some(Method::Update) if request.body.is_empty() => {
                let head = self.refreshed_lines(None, &Bytes::new(), cx);
                respond(txn, 200, head, Bytes::new(), cx);
            }
            // Our offer is unanswered: one of the callee's has to wait (RFC 3311 §5.2, RFC 3261 §14.2).
            Some(Method::Update | Method::Invite) => {
                Refused::plain(491).respond_within(txn, self.speaker, cx);
            }
            // It may refuse, but not hang up yet (RFC 3261 §15).
            Some(Method::Bye) => Refused::plain(481).respond_within(txn, self.speaker, cx),
            Some(_) => self.try_later(txn, cx),
            None => {}
        }
    }

    /// To be cancelled, and not a word from the peer as yet.
    pub(super) fn cancel_pending(
        &mut self,
        invite: Box<Invite>,
        why: Outcome,
        event: Event<'_>,
        cx: &mut Context<'_>,
    ) -> Step {
        match event {
            Event::Response(txn, response)
                if txn == invite.txn && response.status.is_provisional() =>
            {
                (invite.cancel(why, cx), Upcall::Nothing)
            }
            Event::Response(txn, response) if txn == invite.txn => {
                self.crossed(invite, why, response, cx)
            }
            Event::TxnFailed(txn, _) if txn == invite.txn => {
                close(invite.session, Upcall::Left(why), cx)
            }
            event => self.other(State::CancelPending(invite, why), event, cx),
        }
    }

    pub(super) fn cancelling(
        &mut self,
        invite: Box<Invite>,
        why: Outcome,
        event: Event<'_>,
        cx: &mut Context<'_>,
    ) -> Step {
        match event {
            Event::Response(txn, response)
                if txn == invite.txn && response.status.is_provisional() =>
            {
                (State::Cancelling(invite, why), Upcall::Nothing)
            }
            Event::Response(txn, response) if txn == invite.txn => {
                cx.stop(Timer::FinalWait);
                self.crossed(invite, why, response, cx)
            }
            Event::TxnFailed(txn, _) if txn == invite.txn => {
                cx.stop(Timer::FinalWait);
                close(invite.session, Upcall::Left(why), cx)
            }
            // Nobody says that it is over: it is (CC-03). A 2xx that comes later is ended by itself.
            Event::Timer(Timer::FinalWait) => close(invite.session, Upcall::Left(why), cx),
            event => self.other(State::Cancelling(invite, why), event, cx),
        }
    }

    /// 2xx to our INVITE: ACK, and the session begins if the answer lets us.
    fn answered(&mut self, invite: Box<Invite>, response: &Response, cx: &mut Context<'_>) -> Step {
        let agreed = invite.agreed(response, cx);
        let early = invite.of(response).cloned();
        let Invite {
            cseq,
            invitation,
            session,
            ask,
            ..
        } = *invite;
        let bad = Upcall::Left(Outcome::Failed(Failure::BadAnswer));
        let Ok(dialog) = Dialog::calling(response, &invitation.target, cx) else {
            end_stray(response, cx);
            return close(session, bad, cx);
        };
        let dialog = dialog.after(early.as_ref().map(|early| &early.dialog));
        let ack = dialog.ack(cseq, b"", cx);
        cx.act(Action::SendAck(ack));
        // Without a Contact there is nothing to speak to for long (CC-12).
        let reachable = response.head.contact().ok_or(Failure::BadAnswer);
        let Agreed { media, origin } = match reachable.and(agreed) {
            Ok(agreed) => agreed,
            Err(why) => {
                let state = self.say_bye(dialog, session, None, cx);
                return (state, Upcall::Left(Outcome::Failed(why)));
            }
        };
        let offered = invitation.offered;
        let mut up = Box::new(Up {
            dialog,
            session,
            refresh: Refresh::Off,
            refreshing: Refreshing::No,
            put_off: 0,
            ask: ask.within(),
            role: Role::Caller,
            sdp: offered.sdp.clone(),
            origin,
            anew: None,
        });
        // The 2xx alone says so, whatever a provisional response said (CC-41).
        let focus = response.head.is_focus();
        let news = match media {
            Concluded::Agreed(media) => {
                up.session.agree(media, self.keep, self.wait, cx);
                Upcall::Answered { focus }
            }
            Concluded::Again => Upcall::Nothing,
        };
        // OC-LM-13.
        up.agree(response.head.session_expires(), Refresher::Uac, cx);
        if news == Upcall::Nothing {
            self.offer_anew(&mut up, &offered, focus, cx);
        }
        (State::Up(up), news)
    }

    /// 422: the same call again with a longer interval, while that makes sense (RFC 4028 §7.3).
    fn too_small(
        &mut self,
        mut invite: Box<Invite>,
        response: &Response,
        cx: &mut Context<'_>,
    ) -> Step {
        let Some(ask) = invite.ask.after_422(&response.head) else {
            let why = Outcome::Failed(Failure::SessionInterval);
            return close(invite.session, Upcall::Left(why), cx);
        };
        invite.ask = ask;
        // The early dialogs have ended with it.
        invite.early.clear();
        invite.cseq += 1;
        invite.txn = self.mint();
        invite.send(cx);
        (State::Inviting(invite), Upcall::Nothing)
    }

    /// A final response has crossed our wish to cancel: a 2xx is ended at once, never left
    /// unacknowledged (CC-02).
    fn crossed(
        &mut self,
        invite: Box<Invite>,
        why: Outcome,
        response: &Response,
        cx: &mut Context<'_>,
    ) -> Step {
        if !response.status.is_success() {
            return close(invite.session, Upcall::Left(why), cx);
        }
        let Ok(dialog) = Dialog::calling(response, &invite.invitation.target, cx) else {
            end_stray(response, cx);
            return close(invite.session, Upcall::Left(why), cx);
        };
        let dialog = dialog.after(invite.of(response).map(|early| &early.dialog));
        let ack = dialog.ack(invite.cseq, b"", cx);
        cx.act(Action::SendAck(ack));
        let state = self.say_bye(dialog, invite.session, None, cx);
        (state, Upcall::Left(why))
    }
}

impl Invite {
    /// The early dialog that a response belongs to; `None` if there is none for it, and no room.
    fn early(&mut self, response: &Response, cx: &mut Context<'_>) -> Option<&mut Early> {
        let to = response.head.to();
        to.tag()?;
        let known = self
            .early
            .iter()
            .position(|early| early.dialog.is_with(&to));
        if known.is_none() {
            if self.early.len() >= cx.config.limits.forks {
                return None;
            }
            let dialog = Dialog::calling(response, &self.invitation.target, cx).ok()?;
            self.early.push(Early {
                dialog,
                rseq: None,
                agreed: None,
                sure: false,
            });
        }
        match known {
            Some(place) => self.early.get_mut(place),
            None => self.early.last_mut(),
        }
    }

    /// The early dialog with this tag of the callee's, or the first.
    pub(super) fn dialog(&self, tag: Option<&str>) -> Option<&Dialog> {
        let wanted = |early: &&Early| tag.is_none_or(|tag| early.dialog.is_named(tag));
        self.early.iter().find(wanted).map(|early| &early.dialog)
    }

    /// The early dialog that a final response confirms.
    fn of(&self, response: &Response) -> Option<&Early> {
        let to = response.head.to();
        self.early.iter().find(|early| early.dialog.is_with(&to))
    }

    /// What the description in a response makes of the session; `None` if there is none.
    fn concluded(&self, response: &Response, cx: &Context<'_>) -> Option<Result<Agreed, Failure>> {
        let part = match response.body.description_part() {
            Ok(part) => part?,
            // Two of them, or a body that cannot be split.
            Err(_) => return Some(Err(Failure::BadAnswer)),
        };
        let answer = part.sdp().map_err(|_| Failure::BadAnswer);
        Some(answer.and_then(|answer| {
            let media = offer::conclude(cx.config, &self.invitation.offered, &answer)?;
            let origin = Bytes::copy_from_slice(answer.origin().as_bytes());
            Ok(Agreed { media, origin })
        }))
    }

    /// What a 2xx makes of the session.
    fn agreed(&self, response: &Response, cx: &mut Context<'_>) -> Result<Agreed, Failure> {
        let early = self.of(response);
        let first = early.and_then(|early| early.agreed.as_ref());
        // The answer must be in the 2xx, unless a reliable response had it (CC-16).
        let Some(last) = self.concluded(response, cx) else {
            let sure = first.filter(|_| early.is_some_and(|early| early.sure));
            return sure.cloned().unwrap_or(Err(Failure::BadAnswer));
        };
        match first {
            Some(first) if *first != last => {
                cx.act(Action::Tell(Notice::AnswerChanged));
                if cx.config.profile.answer_from_2xx {
                    last
                } else {
                    first.clone()
                }
            }
            _ => last,
        }
    }

    fn send(&self, cx: &mut Context<'_>) {
        let refresher = cx.config.profile.refresher;
        let mut lines = cx.lines();
        let head = lines
            .lines(&self.invitation.lines)
            .session_expires(self.ask.seconds(), refresher, self.ask.min_se())
            .lines(&self.invitation.more)
            .take();
        cx.act(Action::SendRequest(Outgoing {
            method: Method::Invite,
            txn: self.txn,
            cseq: self.cseq,
            fresh: Some(self.ids),
            target: self.invitation.target.clone(),
            head,
            body: self.invitation.body.clone(),
        }));
        cx.start(Timer::Ring, cx.config.limits.ring);
    }

    /// The peer has heard of the INVITE: it may be cancelled.
    pub(super) fn cancel(self: Box<Self>, why: Outcome, cx: &mut Context<'_>) -> State {
        cx.act(Action::SendCancel(self.txn));
        cx.start(Timer::FinalWait, cx.config.limits.final_wait);
        State::Cancelling(self, why)
    }
}
