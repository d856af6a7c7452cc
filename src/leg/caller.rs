//! The caller's half of a leg: from its INVITE to the answer.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{
    Call, Leg, Refreshing, Refused, Role, State, Step, Up, Upcall, close, end_stray, failed,
};
use crate::action::{Fresh, Keys};
use crate::compose::Speaker;
use crate::dialog::Dialog;
use crate::msrp::{Keep, Session};
use crate::offer::{self, Concluded, Offered};
use crate::outcome::of_refusal;
use crate::profile::Refresher;
use crate::refresh::{Proposal, Refresh};
use crate::{
    Action, ClientTxn, Context, Event, Failure, Head, Method, Notice, Outcome, Outgoing, Response,
    Timer, Token, Uri,
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

/// What the first description of an early dialog makes of the session (CC-17).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Early {
    /// The To-tag that names the dialog.
    tag: Bytes,
    agreed: Result<Agreed, Failure>,
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
            minted: 0,
        };
        let invite = Invite {
            txn: call.mint(),
            cseq: 1,
            invitation,
            ids,
            session,
            ask: Proposal::first(cx),
            early: Vec::new(),
        };
        invite.send(cx);
        let state = State::Inviting(invite);
        Self { call, state }
    }
}

impl Call {
    /// The INVITE is under way; `stay` is the state that it is in.
    pub(super) fn calling(
        &mut self,
        mut invite: Invite,
        stay: fn(Invite) -> State,
        event: Event<'_>,
        cx: &mut Context<'_>,
    ) -> Step {
        match event {
            Event::Response(txn, response)
                if txn == invite.txn && response.status.is_provisional() =>
            {
                self.learn(&response.head);
                invite.hear(response, cx);
                // A 100 only says that the next hop has it.
                let news = if response.status.0 > 100 {
                    Upcall::Ringing
                } else {
                    Upcall::Nothing
                };
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
            // Our offer is unanswered: one of the callee's has to wait (RFC 3311 §5.2).
            Event::Request(txn, request)
                if request.method == Method::Update && invite.has_called(&request.head) =>
            {
                Refused::plain(491).respond_within(txn, self.speaker, cx);
                (stay(invite), Upcall::Nothing)
            }
            event @ (Event::Request(..)
            | Event::Ack(_)
            | Event::Cancel { .. }
            | Event::Response(..)
            | Event::TxnFailed(..)
            | Event::Timer(_)
            | Event::Answer(..)) => self.other(stay(invite), event, cx),
        }
    }

    /// To be cancelled, and not a word from the peer as yet.
    pub(super) fn cancel_pending(
        &mut self,
        invite: Invite,
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
        invite: Invite,
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
    fn answered(&mut self, invite: Invite, response: &Response, cx: &mut Context<'_>) -> Step {
        let agreed = invite.agreed(response, cx);
        let Invite {
            cseq,
            invitation,
            session,
            ask,
            ..
        } = invite;
        let bad = Upcall::Left(Outcome::Failed(Failure::BadAnswer));
        let Ok(dialog) = Dialog::calling(response, &invitation.target, cx) else {
            end_stray(response, cx);
            return close(session, bad, cx);
        };
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
        let mut up = Up {
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
        };
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
    fn too_small(&mut self, mut invite: Invite, response: &Response, cx: &mut Context<'_>) -> Step {
        let Some(ask) = invite.ask.after_422(&response.head) else {
            let why = Outcome::Failed(Failure::SessionInterval);
            return close(invite.session, Upcall::Left(why), cx);
        };
        invite.ask = ask;
        invite.cseq += 1;
        invite.txn = self.mint();
        invite.send(cx);
        (State::Inviting(invite), Upcall::Nothing)
    }

    /// A final response has crossed our wish to cancel: a 2xx is ended at once, never left
    /// unacknowledged (CC-02).
    fn crossed(
        &mut self,
        invite: Invite,
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
        let ack = dialog.ack(invite.cseq, b"", cx);
        cx.act(Action::SendAck(ack));
        let state = self.say_bye(dialog, invite.session, None, cx);
        (state, Upcall::Left(why))
    }
}

impl Invite {
    /// Whether a request has the Call-ID of this INVITE.
    fn has_called(&self, head: &Head) -> bool {
        Token::read(head.call_id()) == Some(self.ids.token)
    }

    /// Keeps the first description of each early dialog: it is the answer, whatever follows (RFC 3261
    /// §13.2.1, CC-17).
    fn hear(&mut self, response: &Response, cx: &Context<'_>) {
        let limits = &cx.config.limits;
        let to = response.head.to();
        let Some(tag) = to.tag().filter(|tag| tag.len() <= limits.dialog_octets) else {
            return;
        };
        if self.first(tag).is_some() || self.early.len() >= limits.forks {
            return;
        }
        if let Some(agreed) = self.concluded(response, cx) {
            let tag = Bytes::copy_from_slice(tag.as_bytes());
            self.early.push(Early { tag, agreed });
        }
    }

    fn first(&self, tag: &str) -> Option<&Result<Agreed, Failure>> {
        let same = |early: &&Early| early.tag.eq_ignore_ascii_case(tag.as_bytes());
        self.early.iter().find(same).map(|early| &early.agreed)
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
        // The answer must be in the 2xx, wherever else it has been before (CC-16).
        let Some(last) = self.concluded(response, cx) else {
            return Err(Failure::BadAnswer);
        };
        let tag = response.head.to().tag().unwrap_or_default();
        match self.first(tag) {
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
    pub(super) fn cancel(self, why: Outcome, cx: &mut Context<'_>) -> State {
        cx.act(Action::SendCancel(self.txn));
        cx.start(Timer::FinalWait, cx.config.limits.final_wait);
        State::Cancelling(self, why)
    }
}
