//! The caller's half of a leg: from its INVITE to the answer.

use bytes::Bytes;

use super::{Call, Leg, Refreshing, Role, State, Step, Up, Upcall, close, failed};
use crate::action::{Fresh, Keys};
use crate::compose::Speaker;
use crate::dialog::Dialog;
use crate::msrp::{Keep, Session};
use crate::offer::{self, Offered};
use crate::outcome::of_refusal;
use crate::profile::Refresher;
use crate::refresh::{Proposal, Refresh};
use crate::{
    Action, ClientTxn, Context, Event, Failure, Method, Outcome, Outgoing, Response, Timer, Uri,
};

/// Whom to invite, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// The Request-URI.
    pub(crate) target: Uri,
    /// The header lines, From first, without those of the session timer.
    pub(crate) lines: Bytes,
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
}

impl Leg {
    /// Invites. The session is open from now on: the peer may connect before its answer arrives.
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
        self.learn(&response.head);
        let Invite {
            cseq,
            invitation,
            mut session,
            ask,
            ..
        } = invite;
        let Ok(dialog) = Dialog::calling(response, &invitation.target, cx) else {
            return close(
                session,
                Upcall::Left(Outcome::Failed(Failure::BadAnswer)),
                cx,
            );
        };
        let ack = dialog.ack(cseq, b"", cx);
        cx.act(Action::SendAck(ack));
        let answer = match response.body.description_part() {
            Ok(Some(part)) => part.sdp().map_err(|_| Failure::BadAnswer),
            // None at all (CC-16), two, or a body that cannot be split.
            Ok(None) | Err(_) => Err(Failure::BadAnswer),
        };
        let agreed = answer.and_then(|answer| {
            let media = offer::conclude(cx.config, &invitation.offered, &answer)?;
            Ok((media, Bytes::copy_from_slice(answer.origin().as_bytes())))
        });
        let (media, origin) = match agreed {
            Ok(agreed) => agreed,
            Err(why) => {
                let state = self.say_bye(dialog, session, None, cx);
                return (state, Upcall::Left(Outcome::Failed(why)));
            }
        };
        session.agree(media, self.keep, self.wait, cx);
        let mut up = Up {
            dialog,
            session,
            refresh: Refresh::Off,
            refreshing: Refreshing::No,
            ask: ask.within(),
            role: Role::Caller,
            sdp: invitation.offered.sdp.clone(),
            origin,
        };
        up.agree(response.head.session_expires(), Refresher::Uac, cx);
        let focus = response.head.is_focus();
        (State::Up(up), Upcall::Answered { focus })
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
        let accepted = response.status.is_success();
        let dialog = Dialog::calling(response, &invite.invitation.target, cx);
        let Some(dialog) = dialog.ok().filter(|_| accepted) else {
            return close(invite.session, Upcall::Left(why), cx);
        };
        let ack = dialog.ack(invite.cseq, b"", cx);
        cx.act(Action::SendAck(ack));
        let state = self.say_bye(dialog, invite.session, None, cx);
        (state, Upcall::Left(why))
    }
}

impl Invite {
    fn send(&self, cx: &mut Context<'_>) {
        let refresher = cx.config.profile.refresher;
        let mut lines = cx.lines();
        let head = lines
            .lines(&self.invitation.lines)
            .session_expires(self.ask.seconds(), refresher, self.ask.min_se())
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
