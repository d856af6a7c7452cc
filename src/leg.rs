//! One INVITE dialog that carries one MSRP session: they rise and fall together.

use core::time::Duration;

use bytes::Bytes;

use crate::action::{Fresh, Keys};
use crate::compose::{ALLOW, ALLOWED, Lines, Speaker};
use crate::dialog::Dialog;
use crate::msrp::{Keep, Letter, Session, Upcall as Media};
use crate::offer::{self, Answered, Offered};
use crate::outcome::of_refusal;
use crate::profile::Refresher;
use crate::refresh::{Proposal, Refresh, grant, least};
use crate::stray::stray;
use crate::{
    Action, ClientTxn, Context, Event, Failure, Head, Method, Methods, Outcome, Outgoing, Reply,
    Request, Response, ServerTxn, SessionExpires, Status, Tag, Timer, TxnError, Uri,
};

/// One leg, as caller or as callee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    call: Call,
    state: State,
}

/// What stays the same from the first request to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    speaker: Speaker,
    anonymous: bool,
    keep: Keep,
    wait: Duration,
    /// The methods that the peer allows, as far as it has said (OC-LM-11, TC-LM-02).
    allowed: Option<Methods>,
    minted: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// We have invited the peer and heard nothing.
    Inviting(Invite),
    /// We have heard that it works on it.
    Ringing(Invite),
    /// To be cancelled as soon as the peer lets us: CANCEL may not overtake its INVITE (CC-01).
    CancelPending(Invite, Outcome),
    /// We have said CANCEL and await the final response.
    Cancelling(Invite, Outcome),
    /// The peer has invited us, and somebody decides.
    Deciding {
        invite: ServerTxn,
        tag: Tag,
        dialog: Dialog,
        session: Session,
        answered: Answered,
        origin: Bytes,
        granted: Option<SessionExpires>,
    },
    /// We have answered with 2xx and repeat it until its ACK.
    AwaitingAck {
        up: Up,
        invite: ServerTxn,
        reply: Reply,
        interval: Duration,
        then: Then,
    },
    /// Messages flow.
    Up(Up),
    /// We have said BYE and wait to be told so.
    Ending {
        bye: ClientTxn,
        dialog: Dialog,
        session: Session,
        invite: Role,
    },
    /// Nothing more will happen.
    Closed,
}

/// What to do when the ACK is there: BYE may not overtake it (RFC 3261 §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Stay,
    /// With this Reason, if there is one to give.
    Bye(Option<&'static str>),
}

/// An INVITE of ours that has no final response.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Invite {
    txn: ClientTxn,
    cseq: u32,
    invitation: Invitation,
    ids: Fresh,
    session: Session,
    ask: Proposal,
}

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

/// An established session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Up {
    dialog: Dialog,
    session: Session,
    refresh: Refresh,
    refreshing: Refreshing,
    ask: Proposal,
    invite: Role,
    /// Our session description, for re-INVITEs that change nothing.
    sdp: Bytes,
    /// The origin line of the peer's, to see whether a re-INVITE changes something (G-10).
    origin: Bytes,
}

/// Which side of the INVITE that made the session we were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Caller { txn: ClientTxn, cseq: u32 },
    Callee,
}

/// The refresh request of ours that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refreshing {
    No,
    /// It has met another request and is tried again.
    Later,
    Yes {
        txn: ClientTxn,
        method: Method,
        cseq: u32,
    },
}

/// What a leg has to say to its role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upcall {
    Nothing,
    /// A provisional response other than 100.
    Ringing,
    /// The peer accepted; it is a focus or not (OC-LM-30).
    Answered {
        focus: bool,
    },
    /// News of the MSRP session.
    Media(Media),
    /// A page came inside the dialog (CC-40).
    Page(ServerTxn),
    /// The peer has ended the session.
    PeerLeft,
    /// The leg is no longer of use. It may still wait for the answer to a BYE.
    Left(Outcome),
}

type Step = (State, Upcall);

/// The extensions that a dialog of ours understands.
pub(crate) const SUPPORTED: &[&str] = &["timer"];

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
        let wait = cx.config.limits.connect_wait;
        let mut call = Call {
            speaker,
            anonymous,
            keep,
            wait,
            allowed: None,
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
        cx.start(Timer::Ring, cx.config.limits.ring);
        Self {
            call,
            state: State::Inviting(invite),
        }
    }

    /// Takes an INVITE that has passed all checks; somebody is to decide about it.
    pub(crate) fn arrive(
        arrival: Arriving,
        speaker: Speaker,
        keep: Keep,
        cx: &mut Context<'_>,
    ) -> Self {
        let Arriving {
            invite,
            tag,
            dialog,
            session,
            answered,
            origin,
            granted,
            allowed,
        } = arrival;
        let wait = cx.config.limits.bind;
        let call = Call {
            speaker,
            anonymous: false,
            keep,
            wait,
            allowed,
            minted: 0,
        };
        Self {
            call,
            state: State::Deciding {
                invite,
                tag,
                dialog,
                session,
                answered,
                origin,
                granted,
            },
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether messages can flow: the dialog is there and the session bound.
    pub(crate) fn is_up(&self) -> bool {
        match &self.state {
            State::Up(up) | State::AwaitingAck { up, .. } => up.session.is_up(),
            _ => false,
        }
    }

    /// The session, while there is one that is agreed on.
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        match &mut self.state {
            State::Up(up) | State::AwaitingAck { up, .. } => Some(&mut up.session),
            _ => None,
        }
    }

    /// Begins to send a message.
    pub(crate) fn send(&mut self, letter: Letter, cx: &mut Context<'_>) -> Upcall {
        self.session().map_or(Upcall::Nothing, |session| {
            Upcall::Media(session.send(letter, cx))
        })
    }

    /// Sends octets that the session asked for.
    pub(crate) fn supply(&mut self, octets: Bytes, cx: &mut Context<'_>) {
        if let Some(session) = self.session() {
            session.supply(octets, cx);
        }
    }

    /// Says that somebody is being asked.
    pub(crate) fn ring(&mut self, cx: &mut Context<'_>) {
        if let State::Deciding { invite, tag, .. } = &self.state {
            let head = reply_lines(cx, self.call.speaker)
                .line("Allow", ALLOW)
                .contact(self.call.speaker, false)
                .take();
            let reply = Reply {
                status: Status(180),
                tag: Some(*tag),
                head,
                body: Bytes::new(),
            };
            cx.act(Action::Respond(*invite, reply));
        }
    }

    /// Accepts the invitation: 2xx with the answer, repeated until its ACK (RFC 3261 §13.3.1.4).
    pub(crate) fn accept(&mut self, cx: &mut Context<'_>) {
        let state = core::mem::replace(&mut self.state, State::Closed);
        let State::Deciding {
            invite,
            tag,
            dialog,
            mut session,
            answered,
            origin,
            granted,
        } = state
        else {
            self.state = state;
            return;
        };
        let Answered { sdp, media, .. } = answered;
        // Ready for the connection before the 2xx leaves (TC-LM-14).
        session.agree(media, self.call.keep, self.call.wait, cx);
        let speaker = self.call.speaker;
        let mut lines = reply_lines(cx, speaker);
        lines.contact(speaker, false).line("Allow", ALLOW);
        if matches!(speaker, Speaker::Focus(_)) {
            lines.line("Allow-Events", "conference");
        }
        granted_lines(&mut lines, granted);
        let head = lines.line("Content-Type", "application/sdp").take();
        let reply = Reply {
            status: Status(200),
            tag: Some(tag),
            head,
            body: sdp.clone(),
        };
        cx.act(Action::Respond(invite, reply.clone()));
        let interval = cx.config.limits.t1;
        cx.start(Timer::Repeat, interval);
        cx.start(Timer::FinalWait, cx.config.limits.final_wait);
        let mut up = Up {
            dialog,
            session,
            refresh: Refresh::Off,
            refreshing: Refreshing::No,
            ask: Proposal::first(cx),
            invite: Role::Callee,
            sdp,
            origin,
        };
        up.refresh.agree(granted, Refresher::Uas, cx);
        self.state = State::AwaitingAck {
            up,
            invite,
            reply,
            interval,
            then: Then::Stay,
        };
    }

    /// Refuses the invitation.
    pub(crate) fn refuse(&mut self, refusal: Refused<'_>, cx: &mut Context<'_>) {
        let state = core::mem::replace(&mut self.state, State::Closed);
        let State::Deciding {
            invite,
            tag,
            session,
            ..
        } = state
        else {
            self.state = state;
            return;
        };
        refusal.respond(invite, tag, self.call.speaker, cx);
        self.close(session, cx);
    }

    /// Ends the leg as soon as the protocol allows: CANCEL, BYE or a refusal. `why` is told when the
    /// leg is left because of it.
    pub(crate) fn end(
        &mut self,
        why: Outcome,
        reason: Option<&'static str>,
        cx: &mut Context<'_>,
    ) -> Upcall {
        let state = core::mem::replace(&mut self.state, State::Closed);
        let (state, upcall) = match state {
            State::Inviting(invite) => {
                cx.stop(Timer::Ring);
                (State::CancelPending(invite, why), Upcall::Nothing)
            }
            State::Ringing(invite) => {
                cx.stop(Timer::Ring);
                (self.cancel(invite, why, cx), Upcall::Nothing)
            }
            State::Deciding {
                invite,
                tag,
                session,
                ..
            } => {
                Refused::plain(480).respond(invite, tag, self.call.speaker, cx);
                self.close(session, cx);
                (State::Closed, Upcall::Left(why))
            }
            // The ACK must come first, or 64·T1 pass.
            State::AwaitingAck {
                up,
                invite,
                reply,
                interval,
                then: _,
            } => (
                State::AwaitingAck {
                    up,
                    invite,
                    reply,
                    interval,
                    then: Then::Bye(reason),
                },
                Upcall::Left(why),
            ),
            State::Up(up) => (self.bye(up, reason, cx), Upcall::Left(why)),
            state @ (State::CancelPending(..)
            | State::Cancelling(..)
            | State::Ending { .. }
            | State::Closed) => (state, Upcall::Nothing),
        };
        self.state = state;
        upcall
    }

    /// Takes one event.
    pub(crate) fn handle(&mut self, event: Event<'_>, cx: &mut Context<'_>) -> Upcall {
        let state = core::mem::replace(&mut self.state, State::Closed);
        let (state, upcall) = self.step(state, event, cx);
        self.state = state;
        upcall
    }

    fn step(&mut self, state: State, event: Event<'_>, cx: &mut Context<'_>) -> Step {
        match (state, event) {
            // The INVITE of ours is under way.
            (State::Inviting(invite) | State::Ringing(invite), Event::Response(txn, response))
                if txn == invite.txn && response.status.is_provisional() =>
            {
                self.call.learn(&response.head);
                // A 100 only says that the next hop has it.
                let news = if response.status.0 > 100 {
                    Upcall::Ringing
                } else {
                    Upcall::Nothing
                };
                (State::Ringing(invite), news)
            }
            (State::Inviting(invite) | State::Ringing(invite), Event::Response(txn, response))
                if txn == invite.txn =>
            {
                cx.stop(Timer::Ring);
                match response.status.0 {
                    200..300 => self.answered(invite, response, cx),
                    422 => self.too_small(invite, response, cx),
                    _ => self.refused(invite.session, of_refusal(response), cx),
                }
            }
            (State::Inviting(invite) | State::Ringing(invite), Event::TxnFailed(txn, why))
                if txn == invite.txn =>
            {
                cx.stop(Timer::Ring);
                self.refused(invite.session, failed(why), cx)
            }
            (State::Inviting(invite), Event::Timer(Timer::Ring)) => (
                State::CancelPending(invite, Outcome::Failed(Failure::NoAnswer)),
                Upcall::Nothing,
            ),
            (State::Ringing(invite), Event::Timer(Timer::Ring)) => (
                self.cancel(invite, Outcome::Failed(Failure::NoAnswer), cx),
                Upcall::Nothing,
            ),

            // It is to be cancelled, or has been.
            (State::CancelPending(invite, why), Event::Response(txn, response))
                if txn == invite.txn && response.status.is_provisional() =>
            {
                (self.cancel(invite, why, cx), Upcall::Nothing)
            }
            (State::Cancelling(invite, why), Event::Response(txn, response))
                if txn == invite.txn && response.status.is_provisional() =>
            {
                (State::Cancelling(invite, why), Upcall::Nothing)
            }
            (State::CancelPending(invite, why), Event::Response(txn, response))
                if txn == invite.txn =>
            {
                self.crossed(invite, why, response, cx)
            }
            (State::Cancelling(invite, why), Event::Response(txn, response))
                if txn == invite.txn =>
            {
                cx.stop(Timer::FinalWait);
                self.crossed(invite, why, response, cx)
            }
            (State::CancelPending(invite, why), Event::TxnFailed(txn, _)) if txn == invite.txn => {
                self.refused(invite.session, why, cx)
            }
            (State::Cancelling(invite, why), Event::TxnFailed(txn, _)) if txn == invite.txn => {
                cx.stop(Timer::FinalWait);
                self.refused(invite.session, why, cx)
            }
            // Nobody says that it is over: it is (CC-03). A 2xx that comes later is ended by itself.
            (State::Cancelling(invite, why), Event::Timer(Timer::FinalWait)) => {
                self.refused(invite.session, why, cx)
            }
            // A session may be bound before its answer arrives.
            (State::Inviting(mut invite), Event::Msrp(event)) => {
                let _ = invite.session.handle(event, cx);
                (State::Inviting(invite), Upcall::Nothing)
            }
            (State::Ringing(mut invite), Event::Msrp(event)) => {
                let _ = invite.session.handle(event, cx);
                (State::Ringing(invite), Upcall::Nothing)
            }

            // We are invited.
            (
                State::Deciding {
                    invite,
                    tag,
                    session,
                    ..
                },
                Event::Cancel {
                    cancel,
                    invite: cancelled,
                },
            ) if invite == cancelled => {
                ok(cancel, self.call.speaker, cx);
                Refused::plain(487).respond(invite, tag, self.call.speaker, cx);
                self.close(session, cx);
                (State::Closed, Upcall::PeerLeft)
            }
            // Legal from the caller even now (CC-09).
            (
                State::Deciding {
                    invite,
                    tag,
                    dialog,
                    session,
                    ..
                },
                Event::Request(txn, request),
            ) if request.method == Method::Bye && dialog.owns(&request.head) => {
                ok(txn, self.call.speaker, cx);
                Refused::plain(487).respond(invite, tag, self.call.speaker, cx);
                self.close(session, cx);
                (State::Closed, Upcall::PeerLeft)
            }
            // The offer is unanswered: whatever else the caller wants has to wait (section 3.2).
            (state @ State::Deciding { .. }, Event::Request(txn, _)) => {
                self.try_later(txn, cx);
                (state, Upcall::Nothing)
            }
            (
                State::Deciding {
                    invite,
                    tag,
                    dialog,
                    mut session,
                    answered,
                    origin,
                    granted,
                },
                Event::Msrp(event),
            ) => {
                let _ = session.handle(event, cx);
                (
                    State::Deciding {
                        invite,
                        tag,
                        dialog,
                        session,
                        answered,
                        origin,
                        granted,
                    },
                    Upcall::Nothing,
                )
            }

            // We have answered.
            (State::AwaitingAck { up, then, .. }, Event::Ack(request))
                if up.dialog.owns(&request.head) =>
            {
                cx.stop(Timer::Repeat);
                cx.stop(Timer::FinalWait);
                match then {
                    Then::Stay => (State::Up(up), Upcall::Nothing),
                    Then::Bye(reason) => (self.bye(up, reason, cx), Upcall::Nothing),
                }
            }
            (
                State::AwaitingAck {
                    up,
                    invite,
                    reply,
                    interval,
                    then,
                },
                Event::Timer(Timer::Repeat),
            ) => {
                cx.act(Action::Respond(invite, reply.clone()));
                let interval = (interval * 2).min(cx.config.limits.t2);
                cx.start(Timer::Repeat, interval);
                (
                    State::AwaitingAck {
                        up,
                        invite,
                        reply,
                        interval,
                        then,
                    },
                    Upcall::Nothing,
                )
            }
            // Never acknowledged: the session is ended all the same (CC-06).
            (State::AwaitingAck { up, then, .. }, Event::Timer(Timer::FinalWait)) => {
                cx.stop(Timer::Repeat);
                let (reason, news) = match then {
                    Then::Stay => (None, Upcall::Left(Outcome::Failed(Failure::NoAnswer))),
                    Then::Bye(reason) => (reason, Upcall::Nothing),
                };
                (self.bye(up, reason, cx), news)
            }
            (State::AwaitingAck { up, then, .. }, Event::Request(txn, request))
                if request.method == Method::Bye && up.dialog.owns(&request.head) =>
            {
                cx.stop(Timer::Repeat);
                cx.stop(Timer::FinalWait);
                let (state, news) = self.left(up, txn, cx);
                (
                    state,
                    if matches!(then, Then::Bye(_)) {
                        Upcall::Nothing
                    } else {
                        news
                    },
                )
            }
            (state @ State::AwaitingAck { .. }, Event::Request(txn, request))
                if request.method == Method::Invite =>
            {
                self.try_later(txn, cx);
                (state, Upcall::Nothing)
            }
            (
                State::AwaitingAck {
                    mut up,
                    invite,
                    reply,
                    interval,
                    then,
                },
                Event::Request(txn, request),
            ) => {
                let news = self.inside(&mut up, txn, request, cx);
                (
                    State::AwaitingAck {
                        up,
                        invite,
                        reply,
                        interval,
                        then,
                    },
                    news,
                )
            }
            (
                State::AwaitingAck {
                    mut up,
                    invite,
                    reply,
                    interval,
                    then,
                },
                Event::Msrp(event),
            ) => {
                let news = up.session.handle(event, cx);
                let quiet = matches!(then, Then::Bye(_));
                let then = if matches!(news, Media::Lost(_)) && then == Then::Stay {
                    Then::Bye(None)
                } else {
                    then
                };
                let news = match news {
                    _ if quiet => Upcall::Nothing,
                    Media::Lost(why) => Upcall::Left(Outcome::Failed(why)),
                    news => Upcall::Media(news),
                };
                (
                    State::AwaitingAck {
                        up,
                        invite,
                        reply,
                        interval,
                        then,
                    },
                    news,
                )
            }

            // Messages flow.
            (State::Up(up), Event::Request(txn, request))
                if request.method == Method::Bye && up.dialog.owns(&request.head) =>
            {
                self.left(up, txn, cx)
            }
            (State::Up(up), Event::Request(txn, request)) if request.method == Method::Invite => {
                self.reinvited(up, txn, request, cx)
            }
            (State::Up(mut up), Event::Request(txn, request)) => {
                let news = self.inside(&mut up, txn, request, cx);
                (State::Up(up), news)
            }
            (State::Up(mut up), Event::Msrp(event)) => match up.session.handle(event, cx) {
                Media::Lost(why) => (self.bye(up, None, cx), Upcall::Left(Outcome::Failed(why))),
                news => (State::Up(up), Upcall::Media(news)),
            },
            (
                State::Up(mut up),
                Event::Timer(timer @ (Timer::Bind | Timer::ChunkResponse | Timer::NextChunk)),
            ) => match up.session.timer(timer, cx) {
                Media::Lost(why) => (self.bye(up, None, cx), Upcall::Left(Outcome::Failed(why))),
                news => (State::Up(up), Upcall::Media(news)),
            },
            (
                State::AwaitingAck {
                    mut up,
                    invite,
                    reply,
                    interval,
                    then,
                },
                Event::Timer(timer @ (Timer::Bind | Timer::ChunkResponse | Timer::NextChunk)),
            ) => {
                let news = up.session.timer(timer, cx);
                let then = if matches!(news, Media::Lost(_)) && then == Then::Stay {
                    Then::Bye(None)
                } else {
                    then
                };
                let news = match news {
                    Media::Lost(why) => Upcall::Left(Outcome::Failed(why)),
                    news => Upcall::Media(news),
                };
                (
                    State::AwaitingAck {
                        up,
                        invite,
                        reply,
                        interval,
                        then,
                    },
                    news,
                )
            }
            // A repeated 2xx, or one of a second fork (CC-04, CC-05).
            (State::Up(up), Event::Response(txn, response)) if up.invite.is(txn) => {
                self.again(&up.dialog, up.invite, response, cx);
                (State::Up(up), Upcall::Nothing)
            }
            (State::Up(up), Event::Response(txn, response)) => {
                self.refreshed(up, txn, Ok(response), cx)
            }
            (State::Up(up), Event::TxnFailed(txn, why)) => self.refreshed(up, txn, Err(why), cx),
            (State::Up(mut up), Event::Timer(Timer::Refresh)) => {
                self.refresh(&mut up, None, cx);
                (State::Up(up), Upcall::Nothing)
            }
            (State::Up(mut up), Event::Timer(Timer::Retry))
                if up.refreshing == Refreshing::Later =>
            {
                up.refreshing = Refreshing::No;
                self.refresh(&mut up, None, cx);
                (State::Up(up), Upcall::Nothing)
            }
            // Nobody refreshed it: whatever is under way, it is over (CC-22).
            (State::Up(up), Event::Timer(Timer::Expiry)) if up.refresh != Refresh::Off => (
                self.bye(up, None, cx),
                Upcall::Left(Outcome::Failed(Failure::ConnectionLost)),
            ),
            (
                State::AwaitingAck {
                    up,
                    invite,
                    reply,
                    interval,
                    then: _,
                },
                Event::Timer(Timer::Expiry),
            ) if up.refresh != Refresh::Off => (
                State::AwaitingAck {
                    up,
                    invite,
                    reply,
                    interval,
                    then: Then::Bye(None),
                },
                Upcall::Left(Outcome::Failed(Failure::ConnectionLost)),
            ),

            // We have said BYE.
            (State::Ending { bye, session, .. }, Event::Response(txn, response))
                if txn == bye && !response.status.is_provisional() =>
            {
                self.close(session, cx);
                (State::Closed, Upcall::Nothing)
            }
            // No answer, no route: it is over all the same (OC-LM-39, D-16).
            (State::Ending { bye, session, .. }, Event::TxnFailed(txn, _)) if txn == bye => {
                self.close(session, cx);
                (State::Closed, Upcall::Nothing)
            }
            (
                State::Ending {
                    bye,
                    dialog,
                    session,
                    invite,
                },
                Event::Response(txn, response),
            ) if invite.is(txn) => {
                self.again(&dialog, invite, response, cx);
                (
                    State::Ending {
                        bye,
                        dialog,
                        session,
                        invite,
                    },
                    Upcall::Nothing,
                )
            }
            // BYE and BYE have crossed: both are answered, both are done (CC-08).
            (
                State::Ending {
                    dialog, session, ..
                },
                Event::Request(txn, request),
            ) if request.method == Method::Bye && dialog.owns(&request.head) => {
                ok(txn, self.call.speaker, cx);
                self.close(session, cx);
                (State::Closed, Upcall::Nothing)
            }
            // A late report may still say something (CC-54); nothing is sent any more.
            (
                State::Ending {
                    bye,
                    dialog,
                    mut session,
                    invite,
                },
                Event::Msrp(event),
            ) => {
                let news = match session.handle(event, cx) {
                    news @ (Media::Confirmed | Media::Received(_)) => Upcall::Media(news),
                    _ => Upcall::Nothing,
                };
                (
                    State::Ending {
                        bye,
                        dialog,
                        session,
                        invite,
                    },
                    news,
                )
            }

            // What is left, by event: strangers' requests are refused, the rest is too late to matter.
            (state, Event::Cancel { cancel, .. }) => {
                ok(cancel, self.call.speaker, cx);
                (state, Upcall::Nothing)
            }
            (state, Event::Request(txn, _)) => {
                Refused::plain(481).respond_within(txn, self.call.speaker, cx);
                (state, Upcall::Nothing)
            }
            (state, Event::Response(_, response)) => {
                end_stray(response, cx);
                (state, Upcall::Nothing)
            }
            (
                state,
                Event::Ack(_)
                | Event::TxnFailed(..)
                | Event::Timer(_)
                | Event::Answer(..)
                | Event::Msrp(_),
            ) => (state, Upcall::Nothing),
        }
    }

    /// 2xx to our INVITE: ACK, and the session begins if the answer lets us.
    fn answered(&mut self, invite: Invite, response: &Response, cx: &mut Context<'_>) -> Step {
        self.call.learn(&response.head);
        let Invite {
            txn,
            cseq,
            invitation,
            mut session,
            ask,
            ..
        } = invite;
        let role = Role::Caller { txn, cseq };
        let Ok(mut dialog) = Dialog::calling(response, &invitation.target, cx) else {
            return self.refused(session, Outcome::Failed(Failure::BadAnswer), cx);
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
                let bye = self.say_bye(&mut dialog, None, cx);
                let state = State::Ending {
                    bye,
                    dialog,
                    session,
                    invite: role,
                };
                return (state, Upcall::Left(Outcome::Failed(why)));
            }
        };
        session.agree(media, self.call.keep, self.call.wait, cx);
        let mut up = Up {
            dialog,
            session,
            refresh: Refresh::Off,
            refreshing: Refreshing::No,
            ask,
            invite: role,
            sdp: invitation.offered.sdp.clone(),
            origin,
        };
        up.refresh
            .agree(response.head.session_expires(), Refresher::Uac, cx);
        (
            State::Up(up),
            Upcall::Answered {
                focus: response.head.is_focus(),
            },
        )
    }

    /// 422: the same call again with a longer interval, while that makes sense (RFC 4028 §7.3).
    fn too_small(&mut self, mut invite: Invite, response: &Response, cx: &mut Context<'_>) -> Step {
        let Some(ask) = invite.ask.after_422(&response.head) else {
            return self.refused(
                invite.session,
                Outcome::Failed(Failure::SessionInterval),
                cx,
            );
        };
        invite.ask = ask;
        invite.cseq += 1;
        invite.txn = self.call.mint();
        invite.send(cx);
        cx.start(Timer::Ring, cx.config.limits.ring);
        (State::Inviting(invite), Upcall::Nothing)
    }

    fn refused(&mut self, session: Session, why: Outcome, cx: &mut Context<'_>) -> Step {
        self.close(session, cx);
        (State::Closed, Upcall::Left(why))
    }

    fn cancel(&mut self, invite: Invite, why: Outcome, cx: &mut Context<'_>) -> State {
        cx.act(Action::SendCancel(invite.txn));
        cx.start(Timer::FinalWait, cx.config.limits.final_wait);
        State::Cancelling(invite, why)
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
        let Invite {
            txn,
            cseq,
            invitation,
            session,
            ..
        } = invite;
        if !response.status.is_success() {
            return self.refused(session, why, cx);
        }
        let Ok(mut dialog) = Dialog::calling(response, &invitation.target, cx) else {
            return self.refused(session, why, cx);
        };
        let ack = dialog.ack(cseq, b"", cx);
        cx.act(Action::SendAck(ack));
        let bye = self.say_bye(&mut dialog, None, cx);
        let invite = Role::Caller { txn, cseq };
        (
            State::Ending {
                bye,
                dialog,
                session,
                invite,
            },
            Upcall::Left(why),
        )
    }

    /// A 2xx after the first: the same again is acknowledged again, another fork's is ended.
    fn again(&mut self, dialog: &Dialog, invite: Role, response: &Response, cx: &mut Context<'_>) {
        let Role::Caller { cseq, .. } = invite else {
            return;
        };
        if !response.status.is_success() {
            return;
        }
        if dialog.is_with(&response.head.to()) {
            let ack = dialog.ack(cseq, b"", cx);
            cx.act(Action::SendAck(ack));
        } else {
            end_stray(response, cx);
        }
    }

    /// The peer has said BYE.
    fn left(&mut self, mut up: Up, txn: ServerTxn, cx: &mut Context<'_>) -> Step {
        ok(txn, self.call.speaker, cx);
        up.quiet(cx);
        self.close(up.session, cx);
        (State::Closed, Upcall::PeerLeft)
    }

    /// We say BYE. What is being sent stops; what was received stays open for the answer.
    fn bye(&mut self, mut up: Up, reason: Option<&str>, cx: &mut Context<'_>) -> State {
        up.session.hush(cx);
        up.quiet(cx);
        let bye = self.say_bye(&mut up.dialog, reason, cx);
        State::Ending {
            bye,
            dialog: up.dialog,
            session: up.session,
            invite: up.invite,
        }
    }

    /// BYE within the dialog (OC-LM-35 to OC-LM-38).
    fn say_bye(
        &mut self,
        dialog: &mut Dialog,
        reason: Option<&str>,
        cx: &mut Context<'_>,
    ) -> ClientTxn {
        let txn = self.call.mint();
        let mut lines = cx.lines();
        lines
            .user_agent(self.call.speaker)
            .line("Supported", "timer")
            .privacy(self.call.anonymous);
        if let Some(reason) = reason {
            lines.line("Reason", reason);
        }
        let lines = lines.take();
        let bye = dialog.request(Method::Bye, txn, &lines, Bytes::new(), cx);
        cx.act(Action::SendRequest(bye));
        txn
    }

    /// Gives the session back. [`Action::Closed`] is the role's to push, after its last word.
    fn close(&mut self, session: Session, cx: &mut Context<'_>) {
        session.release(cx);
    }

    /// A request inside the dialog, BYE and INVITE apart.
    fn inside(
        &mut self,
        up: &mut Up,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Upcall {
        let (head, speaker) = (&request.head, self.call.speaker);
        if !up.dialog.owns(head) {
            Refused::plain(481).respond_within(txn, speaker, cx);
        } else if !up.dialog.in_order(head) {
            Refused::plain(500).respond_within(txn, speaker, cx);
        } else if head.unsupported_by(SUPPORTED).next().is_some() {
            Refused {
                unsupported: Some((head, SUPPORTED)),
                ..Refused::plain(420)
            }
            .respond_within(txn, speaker, cx);
        } else {
            match request.method {
                Method::Message => return Upcall::Page(txn),
                Method::Update => self.updated(up, txn, request, cx),
                Method::Options => {
                    let head = reply_lines(cx, speaker)
                        .line("Allow", ALLOW)
                        .line("Accept", "application/sdp")
                        .line("Supported", "timer")
                        .take();
                    respond(txn, 200, head, Bytes::new(), cx);
                }
                Method::Prack => Refused::plain(481).respond_within(txn, speaker, cx),
                method if !ALLOWED.has(method) => {
                    Refused {
                        allow: true,
                        ..Refused::plain(405)
                    }
                    .respond_within(txn, speaker, cx);
                }
                // BYE, INVITE, ACK and CANCEL never come here.
                _ => Refused::plain(481).respond_within(txn, speaker, cx),
            }
        }
        Upcall::Nothing
    }

    /// UPDATE: a refresh of the session or of the target; it changes no media (G-10, RFC 3311).
    fn updated(&mut self, up: &mut Up, txn: ServerTxn, request: &Request, cx: &mut Context<'_>) {
        let speaker = self.call.speaker;
        let changes = !request.body.is_empty() && !up.is_repeated(request);
        match grant(&request.head, cx) {
            _ if changes => Refused::plain(488).respond_within(txn, speaker, cx),
            Err(_) => Refused {
                min_se: Some(least(cx)),
                ..Refused::plain(422)
            }
            .respond_within(txn, speaker, cx),
            Ok(granted) => {
                up.dialog.retarget(&request.head);
                self.call.learn(&request.head);
                let body = if request.body.is_empty() {
                    Bytes::new()
                } else {
                    up.sdp.clone()
                };
                let head = self.refreshed_lines(granted, &body, cx);
                respond(txn, 200, head, body, cx);
                up.refresh.agree(granted, Refresher::Uas, cx);
            }
        }
    }

    /// re-INVITE: like UPDATE, and its 2xx wants an ACK.
    fn reinvited(
        &mut self,
        mut up: Up,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Step {
        let (head, speaker) = (&request.head, self.call.speaker);
        let changes = !request.body.is_empty() && !up.is_repeated(request);
        let ours = matches!(
            up.refreshing,
            Refreshing::Yes {
                method: Method::Invite,
                ..
            }
        );
        let refusal = if !up.dialog.owns(head) {
            Some(Refused::plain(481))
        } else if !up.dialog.in_order(head) {
            Some(Refused::plain(500))
        } else if ours {
            Some(Refused::plain(491))
        } else if head.unsupported_by(SUPPORTED).next().is_some() {
            Some(Refused {
                unsupported: Some((head, SUPPORTED)),
                ..Refused::plain(420)
            })
        } else if changes {
            Some(Refused::plain(488))
        } else {
            None
        };
        let granted = match (refusal, grant(head, cx)) {
            (Some(refusal), _) => {
                refusal.respond_within(txn, speaker, cx);
                return (State::Up(up), Upcall::Nothing);
            }
            (None, Err(_)) => {
                Refused {
                    min_se: Some(least(cx)),
                    ..Refused::plain(422)
                }
                .respond_within(txn, speaker, cx);
                return (State::Up(up), Upcall::Nothing);
            }
            (None, Ok(granted)) => granted,
        };
        up.dialog.retarget(head);
        self.call.learn(head);
        let body = up.sdp.clone();
        let lines = self.refreshed_lines(granted, &body, cx);
        let reply = Reply {
            status: Status(200),
            tag: None,
            head: lines,
            body,
        };
        cx.act(Action::Respond(txn, reply.clone()));
        up.refresh.agree(granted, Refresher::Uas, cx);
        let interval = cx.config.limits.t1;
        cx.start(Timer::Repeat, interval);
        cx.start(Timer::FinalWait, cx.config.limits.final_wait);
        (
            State::AwaitingAck {
                up,
                invite: txn,
                reply,
                interval,
                then: Then::Stay,
            },
            Upcall::Nothing,
        )
    }

    fn refreshed_lines(
        &self,
        granted: Option<SessionExpires>,
        body: &Bytes,
        cx: &mut Context<'_>,
    ) -> Bytes {
        let mut lines = reply_lines(cx, self.call.speaker);
        lines.contact(self.call.speaker, false).line("Allow", ALLOW);
        granted_lines(&mut lines, granted);
        if !body.is_empty() {
            lines.line("Content-Type", "application/sdp");
        }
        lines.take()
    }

    /// Refreshes the session: UPDATE without body if the peer knows it, else re-INVITE with the
    /// description as it stands (RFC 4028 §7.4).
    fn refresh(&mut self, up: &mut Up, method: Option<Method>, cx: &mut Context<'_>) {
        let (
            Refreshing::No,
            Refresh::On {
                seconds,
                ours: true,
            },
        ) = (up.refreshing, up.refresh)
        else {
            return;
        };
        let knows = self
            .call
            .allowed
            .is_some_and(|allowed| allowed.has(Method::Update));
        let method = method.unwrap_or(if knows {
            Method::Update
        } else {
            Method::Invite
        });
        let txn = self.call.mint();
        let mine = Some(Refresher::Uac);
        let mut lines = cx.lines();
        lines
            .contact(self.call.speaker, false)
            .user_agent(self.call.speaker)
            .line("Allow", ALLOW)
            .line("Supported", "timer")
            .session_expires(
                seconds
                    .max(up.ask.min_se.unwrap_or(0))
                    .max(crate::refresh::SHORTEST),
                mine,
                up.ask.min_se,
            )
            .privacy(self.call.anonymous);
        let body = if method == Method::Invite {
            lines.line("Content-Type", "application/sdp");
            up.sdp.clone()
        } else {
            Bytes::new()
        };
        let lines = lines.take();
        let request = up.dialog.request(method, txn, &lines, body, cx);
        up.refreshing = Refreshing::Yes {
            txn,
            method,
            cseq: request.cseq,
        };
        cx.act(Action::SendRequest(request));
    }

    /// The answer to our refresh, or its lack.
    fn refreshed(
        &mut self,
        mut up: Up,
        txn: ClientTxn,
        answer: Result<&Response, TxnError>,
        cx: &mut Context<'_>,
    ) -> Step {
        let (method, cseq) = match up.refreshing {
            Refreshing::Yes {
                txn: ours,
                method,
                cseq,
            } if ours == txn => (method, cseq),
            // A refresh INVITE's 2xx again, or news of something that is long over.
            Refreshing::Yes { .. } | Refreshing::Later | Refreshing::No => {
                if let Ok(response) = answer {
                    let late = response.status.is_success()
                        && response.head.cseq_method() == Method::Invite;
                    if late && up.dialog.is_with(&response.head.to()) {
                        let ack = up.dialog.ack(response.head.cseq(), b"", cx);
                        cx.act(Action::SendAck(ack));
                    }
                }
                return (State::Up(up), Upcall::Nothing);
            }
        };
        let status = match answer {
            Ok(response) if response.status.is_provisional() => {
                return (State::Up(up), Upcall::Nothing);
            }
            Ok(response) => response.status.0,
            Err(TxnError::Timeout) => 408,
            Err(_) => 503,
        };
        up.refreshing = Refreshing::No;
        match (status, answer) {
            (200..300, Ok(response)) => {
                if method == Method::Invite {
                    let ack = up.dialog.ack(cseq, b"", cx);
                    cx.act(Action::SendAck(ack));
                }
                up.dialog.retarget(&response.head);
                self.call.learn(&response.head);
                up.refresh
                    .agree(response.head.session_expires(), Refresher::Uac, cx);
            }
            (408 | 481, _) => {
                return (
                    self.bye(up, None, cx),
                    Upcall::Left(Outcome::Failed(Failure::ConnectionLost)),
                );
            }
            (422, Ok(response)) => {
                if let Some(ask) = up.ask.after_422(&response.head) {
                    up.ask = ask;
                    self.refresh(&mut up, Some(method), cx);
                }
            }
            // The peer knows no UPDATE after all (CC-21).
            (405 | 501, _) if method == Method::Update => {
                self.refresh(&mut up, Some(Method::Invite), cx)
            }
            // Two requests have met: the owner of the Call-ID waits longer (RFC 3261 §14.1, CC-11).
            (491, _) => {
                let ours = matches!(up.invite, Role::Caller { .. });
                let tens = if ours {
                    210 + cx.draw() % 191
                } else {
                    cx.draw() % 201
                };
                cx.start(Timer::Retry, Duration::from_millis(tens * 10));
                up.refreshing = Refreshing::Later;
            }
            // Anything else leaves the session as it is until it expires.
            _ => {}
        }
        (State::Up(up), Upcall::Nothing)
    }

    /// 500 with a random time to wait (RFC 3261 §14.2, RFC 3311 §5.2).
    fn try_later(&mut self, txn: ServerTxn, cx: &mut Context<'_>) {
        let retry_after = Some((cx.draw() % 11) as u32);
        Refused {
            retry_after,
            ..Refused::plain(500)
        }
        .respond_within(txn, self.call.speaker, cx);
    }
}

impl Call {
    fn mint(&mut self) -> ClientTxn {
        self.minted = self.minted.wrapping_add(1);
        ClientTxn(self.minted)
    }

    /// Remembers the peer's methods; a message without Allow changes nothing (OC-LM-11).
    fn learn(&mut self, head: &Head) {
        self.allowed = head.allow().or(self.allowed);
    }
}

impl Invite {
    fn send(&self, cx: &mut Context<'_>) {
        let refresher = cx.config.profile.refresher;
        let mut lines = cx.lines();
        let head = lines
            .lines(&self.invitation.lines)
            .session_expires(self.ask.seconds, refresher, self.ask.min_se)
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
    }
}

impl Up {
    /// Whether a request offers just what the session has already.
    fn is_repeated(&self, request: &Request) -> bool {
        let described = request
            .body
            .description_part()
            .ok()
            .flatten()
            .and_then(|part| part.sdp().ok());
        described.is_some_and(|description| description.origin().as_bytes() == self.origin)
    }

    /// Stops the timers of the session timer.
    fn quiet(&mut self, cx: &mut Context<'_>) {
        self.refresh.stop(cx);
        if self.refreshing == Refreshing::Later {
            self.refreshing = Refreshing::No;
            cx.stop(Timer::Retry);
        }
    }
}

impl Role {
    fn is(self, txn: ClientTxn) -> bool {
        matches!(self, Self::Caller { txn: ours, .. } if ours == txn)
    }
}

/// An INVITE that has passed the checks of its role.
#[derive(Clone, Debug)]
pub(crate) struct Arriving {
    invite: ServerTxn,
    tag: Tag,
    dialog: Dialog,
    session: Session,
    answered: Answered,
    origin: Bytes,
    granted: Option<SessionExpires>,
    allowed: Option<Methods>,
}

/// Checks what every callee checks, in order: Require, the session timer, the body, the offer.
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
    let offered = part.sdp().map_err(|_| Refused::plain(400))?;
    let id = cx.session_id();
    let answered = offer::answer(cx, &offered, id, limit).map_err(|refused| Refused {
        warning: refused.warning,
        ..Refused::plain(refused.status.0)
    })?;
    let tag = cx.tag();
    let dialog = Dialog::called(request, tag, cx).map_err(|_| Refused::plain(400))?;
    cx.act(Action::Opened(Keys {
        dialog: Some(tag),
        msrp: Some(id),
    }));
    let session = Session::offered(id, answered.own.clone(), cx);
    let origin = Bytes::copy_from_slice(offered.origin().as_bytes());
    Ok(Arriving {
        invite,
        tag,
        dialog,
        session,
        answered,
        origin,
        granted,
        allowed: head.allow(),
    })
}

/// What the body of an INVITE to a list may consist of.
const SESSION_TYPES: [&str; 3] = [
    "application/sdp",
    "application/resource-lists+xml",
    "multipart/mixed",
];

/// A refusal, with what goes with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) status: u16,
    pub(crate) warning: Option<(u16, &'static str)>,
    pub(crate) min_se: Option<u32>,
    pub(crate) retry_after: Option<u32>,
    pub(crate) allow: bool,
    pub(crate) accept: bool,
    /// What an INVITE may bring to a list is to be named.
    pub(crate) accept_session: bool,
    pub(crate) identity: bool,
    /// The request, and the option tags that we do support.
    pub(crate) unsupported: Option<(&'a Head, &'static [&'static str])>,
}

impl Refused<'_> {
    pub(crate) const fn plain(status: u16) -> Self {
        Self {
            status,
            warning: None,
            min_se: None,
            retry_after: None,
            allow: false,
            accept: false,
            accept_session: false,
            identity: false,
            unsupported: None,
        }
    }

    /// Answers a request that opens a dialog, or is outside of one.
    pub(crate) fn respond(self, txn: ServerTxn, tag: Tag, speaker: Speaker, cx: &mut Context<'_>) {
        self.answer(txn, Some(tag), speaker, cx);
    }

    /// Answers a request inside a dialog.
    pub(crate) fn respond_within(self, txn: ServerTxn, speaker: Speaker, cx: &mut Context<'_>) {
        self.answer(txn, None, speaker, cx);
    }

    fn answer(self, txn: ServerTxn, tag: Option<Tag>, speaker: Speaker, cx: &mut Context<'_>) {
        let accept = &cx.config.account.accept_types;
        let mut lines = reply_lines(cx, speaker);
        if let Some((code, text)) = self.warning {
            lines.warning(code, text);
        }
        if let Some(min_se) = self.min_se {
            lines.line("Min-SE", min_se);
        }
        if let Some(seconds) = self.retry_after {
            lines.line("Retry-After", seconds);
        }
        if self.allow {
            lines.line("Allow", ALLOW);
        }
        if self.accept {
            for kind in accept.split(' ') {
                lines.line("Accept", kind);
            }
        }
        if self.accept_session {
            for kind in SESSION_TYPES {
                lines.line("Accept", kind);
            }
        }
        if self.identity {
            lines.line("Accept-Encoding", "identity");
        }
        if let Some((head, known)) = self.unsupported {
            for tag in head.unsupported_by(known) {
                lines.line("Unsupported", tag);
            }
        }
        let head = lines.take();
        let status = Status(self.status);
        cx.act(Action::Respond(
            txn,
            Reply {
                status,
                tag,
                head,
                body: Bytes::new(),
            },
        ));
    }
}

/// The lines of every reply: release and identity (TC-LM-06, TC-LM-08, DR-05).
pub(crate) fn reply_lines<'a, 'b>(cx: &'a mut Context<'b>, speaker: Speaker) -> Lines<'a, 'b> {
    let mut lines = cx.lines();
    lines.server(speaker).identity(speaker);
    lines
}

/// The session timer in a 2xx. Require is a must when the caller refreshes (RFC 4028 §9).
fn granted_lines(lines: &mut Lines<'_, '_>, granted: Option<SessionExpires>) {
    if let Some(SessionExpires { seconds, refresher }) = granted {
        if refresher == Some(Refresher::Uac) {
            lines.line("Require", "timer");
        }
        lines
            .line("Supported", "timer")
            .session_expires(seconds, refresher, None);
    } else {
        lines.line("Supported", "timer");
    }
}

fn ok(txn: ServerTxn, speaker: Speaker, cx: &mut Context<'_>) {
    let head = reply_lines(cx, speaker).take();
    respond(txn, 200, head, Bytes::new(), cx);
}

fn respond(txn: ServerTxn, status: u16, head: Bytes, body: Bytes, cx: &mut Context<'_>) {
    cx.act(Action::Respond(
        txn,
        Reply {
            status: Status(status),
            tag: None,
            head,
            body,
        },
    ));
}

/// ACK and BYE for a 2xx that nobody waits for (CC-03, CC-05, CC-82). The answer to the BYE names a
/// transaction that no leg knows.
pub(crate) fn end_stray(response: &Response, cx: &mut Context<'_>) {
    if let Some([ack, bye]) = stray(response, cx.config) {
        cx.act(Action::SendAck(ack));
        cx.act(Action::SendRequest(bye));
    }
}

/// An INVITE that nobody answered.
fn failed(why: TxnError) -> Outcome {
    Outcome::Failed(match why {
        TxnError::Timeout => Failure::NoAnswer,
        TxnError::Transport => Failure::Transport,
    })
}
