//! One INVITE dialog that carries one MSRP session: they rise and fall together.
//!
//! What each state does with each event is in `docs/states.md`, which is made by trying.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;

use crate::capabilities::{ALLOW, ALLOW_PRACK};
use crate::compose::Speaker;
use crate::dialog::Dialog;
use crate::msrp::{Keep, Letter, More, Session, Upcall as Media};
use crate::refresh::{Proposal, Refresh};
use crate::replace::{DialogView, Stage};
use crate::stray::stray;
use crate::{
    Action, ClientTxn, Context, Event, Failure, Head, MessageId, Method, Methods, Outcome, Reply,
    Response, ServerTxn, Status, Tag, Timer, TxnError,
};

mod anew;
mod callee;
mod caller;
mod inside;
mod provisional;
mod refusal;
#[cfg(test)]
#[path = "states/leg.rs"]
pub(crate) mod states;

pub(crate) use callee::{Arriving, check};
pub(crate) use caller::Invitation;
pub(crate) use refusal::{Refused, reply_lines, stranger};

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
    /// The last INVITE that the peer has sent: a CANCEL of another one matches nothing
    /// (RFC 3261 §9.2).
    invited: Option<ServerTxn>,
    /// Whether PRACK has a use in this dialog.
    pracks: Pracks,
    /// RSeq and CSeq number of a reliable provisional response of ours that has no PRACK: it may come
    /// after the final response too (RFC 3262 §3).
    unheard: Option<Box<(u32, u32)>>,
    /// The dialog in whose place this one comes, by our tag, until it has come. Few are.
    replaces: Option<Box<Tag>>,
    minted: u32,
}

/// Whether the INVITE that made a dialog speaks of reliable provisional responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pracks {
    Yes,
    No,
}

/// What a state holds is in a block of its own: a state is moved with every event.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// We have invited the peer and heard nothing.
    Inviting(Box<caller::Invite>),
    /// We have heard that it works on it.
    Ringing(Box<caller::Invite>),
    /// To be cancelled as soon as the peer lets us: CANCEL may not overtake its INVITE (CC-01).
    CancelPending(Box<caller::Invite>, Outcome),
    /// We have said CANCEL and await the final response.
    Cancelling(Box<caller::Invite>, Outcome),
    /// The peer has invited us, and somebody decides.
    Deciding(Box<callee::Decision>),
    /// We have answered an INVITE with 2xx and repeat it until its ACK.
    AwaitingAck(Box<Up>, AckWait),
    /// Messages flow.
    Up(Box<Up>),
    /// We have said BYE and wait to be told so.
    Ending(Box<Ending>),
    /// Nothing more will happen.
    Closed,
}

/// A 2xx of ours without its ACK.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AckWait {
    invite: ServerTxn,
    /// The CSeq number of the INVITE: the ACK of an earlier one says nothing about this.
    cseq: u32,
    /// In a block of its own: most of the time nothing is repeated.
    reply: Box<Reply>,
    interval: Duration,
    then: Then,
}

/// What to do when the ACK is there: BYE may not overtake it (RFC 3261 §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Stay,
    /// With this Reason, if there is one to give.
    Bye(Option<&'static str>),
}

/// An established session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Up {
    dialog: Dialog,
    session: Session,
    refresh: Refresh,
    refreshing: Refreshing,
    /// How often in a row the peer has put our refresh off.
    put_off: u8,
    ask: Proposal,
    role: Role,
    /// Our session description, for re-INVITEs that change nothing.
    sdp: Bytes,
    /// The origin line of the peer's, to see whether a re-INVITE changes something (G-10).
    origin: Bytes,
    /// Our second offer, while the session waits for its answer.
    anew: Option<Box<anew::Anew>>,
}

/// Which side of the INVITE that made the session we were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Caller,
    Callee,
}

/// The refresh request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refreshing {
    No,
    /// It is under way.
    Yes {
        txn: ClientTxn,
        method: Method,
    },
    /// It goes out when [`Timer::Retry`] fires.
    Later,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ending {
    bye: ClientTxn,
    dialog: Dialog,
    session: Session,
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
    /// The peer has ended the session or taken its invitation back, or does not hear us.
    PeerLeft,
    /// The leg is no longer of use. It may still wait for the answer to a BYE.
    Left(Outcome),
}

type Step = (State, Upcall);

impl Leg {
    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether our INVITE has had no response of any kind.
    pub(crate) fn is_unheard(&self) -> bool {
        matches!(self.state, State::Inviting(_) | State::CancelPending(..))
    }

    /// Whether messages can flow: the dialog is there and the session bound.
    pub(crate) fn is_up(&self) -> bool {
        match &self.state {
            State::Up(up) | State::AwaitingAck(up, _) => up.session.is_up(),
            _ => false,
        }
    }

    /// Whether the peer's INVITE has no final answer of ours.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.state, State::Deciding(_))
    }

    /// The dialog; of several early ones that with the peer's tag, or the first.
    pub(crate) fn dialog(&self, remote_tag: Option<&str>) -> Option<DialogView> {
        match &self.state {
            State::Inviting(invite) | State::Ringing(invite) => {
                invite.dialog(remote_tag)?.view(Stage::Calling)
            }
            State::CancelPending(invite, _) | State::Cancelling(invite, _) => {
                invite.dialog(remote_tag)?.view(Stage::Over)
            }
            State::Deciding(decision) => decision.dialog.view(Stage::Called),
            State::AwaitingAck(up, wait) => match wait.then {
                Then::Stay => up.dialog.view(Stage::Confirmed),
                Then::Bye(_) => up.dialog.view(Stage::Over),
            },
            State::Up(up) => up.dialog.view(Stage::Confirmed),
            State::Ending(ending) => ending.dialog.view(Stage::Over),
            State::Closed => None,
        }
    }

    /// The session, while there is one that is agreed on.
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        match &mut self.state {
            State::Up(up) | State::AwaitingAck(up, _) => Some(&mut up.session),
            _ => None,
        }
    }

    /// Octets that the session holds of messages that are not complete. Before all is agreed on it takes none.
    pub(crate) fn held(&self) -> u64 {
        match &self.state {
            State::Up(up) | State::AwaitingAck(up, _) => up.session.held(),
            State::Ending(ending) => ending.session.held(),
            _ => 0,
        }
    }

    /// Begins to send a message.
    pub(crate) fn send(&mut self, letter: Letter, cx: &mut Context<'_>) -> Upcall {
        self.session().map_or(Upcall::Nothing, |session| {
            Upcall::Media(session.send(letter, cx))
        })
    }

    /// Sends octets that the session asked for.
    pub(crate) fn supply(&mut self, message: MessageId, octets: Bytes, cx: &mut Context<'_>) {
        if let Some(session) = self.session() {
            session.supply(message, octets, More::Sized, cx);
        }
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
                (invite.cancel(why, cx), Upcall::Nothing)
            }
            State::Deciding(decision) => {
                decision.refuse(Refused::plain(480), self.call.speaker, cx);
                (State::Closed, Upcall::Left(why))
            }
            State::AwaitingAck(up, wait) => self.call.over(up, Some(wait), why, reason, cx),
            State::Up(up) => self.call.over(up, None, why, reason, cx),
            state @ (State::CancelPending(..)
            | State::Cancelling(..)
            | State::Ending(_)
            | State::Closed) => (state, Upcall::Nothing),
        };
        self.state = state;
        upcall
    }

    /// Takes one event.
    pub(crate) fn handle(&mut self, event: Event<'_>, cx: &mut Context<'_>) -> Upcall {
        let call = &mut self.call;
        let (state, upcall) = match core::mem::replace(&mut self.state, State::Closed) {
            State::Inviting(invite) => call.calling(invite, State::Inviting, event, cx),
            State::Ringing(invite) => call.calling(invite, State::Ringing, event, cx),
            State::CancelPending(invite, why) => call.cancel_pending(invite, why, event, cx),
            State::Cancelling(invite, why) => call.cancelling(invite, why, event, cx),
            State::Deciding(decision) => call.deciding(decision, event, cx),
            State::AwaitingAck(up, wait) => call.awaiting_ack(up, wait, event, cx),
            State::Up(up) => call.established(up, None, event, cx),
            State::Ending(ending) => call.ending(ending, event, cx),
            State::Closed => call.other(State::Closed, event, cx),
        };
        self.state = state;
        upcall
    }
}

impl Call {
    /// The session is there; `wait` if a 2xx of ours is without its ACK.
    fn established(
        &mut self,
        mut up: Box<Up>,
        wait: Option<AckWait>,
        event: Event<'_>,
        cx: &mut Context<'_>,
    ) -> Step {
        match event {
            Event::Request(txn, request) => self.requested(up, wait, txn, request, cx),
            Event::Msrp(event) => {
                let news = up.session.handle(event, cx);
                self.media(up, wait, news, cx)
            }
            Event::Timer(
                timer @ (Timer::Bind | Timer::ChunkResponse | Timer::NextChunk | Timer::KeepAlive),
            ) => {
                let news = up.session.timer(timer, cx);
                self.media(up, wait, news, cx)
            }
            // It was stopped: the peer has refreshed in the meantime (CC-24).
            Event::Timer(Timer::Retry) if up.refreshing != Refreshing::Later => {
                (held(up, wait), Upcall::Nothing)
            }
            Event::Timer(Timer::Refresh | Timer::Retry) => {
                match wait {
                    None => self.refresh_due(&mut up, cx),
                    // No INVITE of ours while one of the peer's is under way (RFC 3261 §14.1).
                    Some(_) => up.refresh_later(cx.config.limits.t2, cx),
                }
                (held(up, wait), Upcall::Nothing)
            }
            // Nobody refreshed it: whatever is under way, it is over (CC-22).
            Event::Timer(Timer::Expiry) if up.refresh != Refresh::Off => {
                self.over(up, wait, Outcome::Failed(Failure::ConnectionLost), None, cx)
            }
            // Nobody answers our second offer (RFC 6714 §4.2).
            Event::Timer(Timer::Ring) if up.anew.is_some() => {
                self.over(up, wait, Outcome::Failed(Failure::NotConnected), None, cx)
            }
            Event::Response(txn, response) => {
                let verdict = self.refreshed(&mut up, &wait, txn, Ok(response), cx);
                self.judged(up, wait, verdict, cx)
            }
            Event::TxnFailed(txn, why) => {
                let verdict = self.refreshed(&mut up, &wait, txn, Err(why), cx);
                self.judged(up, wait, verdict, cx)
            }
            event @ (Event::Ack(_)
            | Event::Cancel { .. }
            | Event::Answer(..)
            | Event::Timer(
                Timer::Continue
                | Timer::Decide
                | Timer::Lookup
                | Timer::Patience
                | Timer::Ring
                | Timer::FinalWait
                | Timer::Repeat
                | Timer::SuccessReport
                | Timer::Expiry
                | Timer::Delivery,
            )) => self.other(held(up, wait), event, cx),
        }
    }

    fn media(
        &mut self,
        up: Box<Up>,
        wait: Option<AckWait>,
        news: Media,
        cx: &mut Context<'_>,
    ) -> Step {
        match news {
            Media::Lost(why) => self.over(up, wait, Outcome::Failed(why), None, cx),
            news if is_leaving(&wait) => (held(up, wait), late(news)),
            news => (held(up, wait), Upcall::Media(news)),
        }
    }

    /// It is over for us: BYE, or as soon as the ACK is there or 64·T1 have passed.
    fn over(
        &mut self,
        up: Box<Up>,
        wait: Option<AckWait>,
        why: Outcome,
        reason: Option<&'static str>,
        cx: &mut Context<'_>,
    ) -> Step {
        match wait {
            None => (self.bye(up, reason, cx), Upcall::Left(why)),
            // It was said already.
            Some(wait) if wait.then != Then::Stay => {
                (State::AwaitingAck(up, wait), Upcall::Nothing)
            }
            Some(mut wait) => {
                wait.then = Then::Bye(reason);
                (State::AwaitingAck(up, wait), Upcall::Left(why))
            }
        }
    }

    /// We say BYE. What is being sent stops; what was received stays open for the answer.
    fn bye(&mut self, mut up: Box<Up>, reason: Option<&str>, cx: &mut Context<'_>) -> State {
        up.session.hush(cx);
        up.quiet(cx);
        self.say_bye(up.dialog, up.session, reason, cx)
    }

    /// BYE within the dialog, to its target and by its route set (OC-LM-35, OC-LM-36, OC-LM-38), anonymous if
    /// the INVITE was (OC-LM-37), and with `Supported: timer` as every request (OC-LM-09).
    fn say_bye(
        &mut self,
        mut dialog: Dialog,
        session: Session,
        reason: Option<&str>,
        cx: &mut Context<'_>,
    ) -> State {
        let txn = self.mint();
        let mut lines = cx.lines();
        lines
            .user_agent(self.speaker)
            .line("Supported", "timer")
            .privacy(self.anonymous);
        if let Some(reason) = reason {
            lines.line("Reason", reason);
        }
        let lines = lines.take();
        let bye = dialog.request(Method::Bye, txn, &lines, Bytes::new(), cx);
        cx.act(Action::SendRequest(bye));
        State::Ending(Box::new(Ending {
            bye: txn,
            dialog,
            session,
        }))
    }

    fn ending(&mut self, mut ending: Box<Ending>, event: Event<'_>, cx: &mut Context<'_>) -> Step {
        match event {
            // Any answer will do, or none: it is over all the same (OC-LM-39, D-16, CC-08).
            Event::Response(txn, response) if txn == ending.bye => {
                if response.status.is_provisional() {
                    return (State::Ending(ending), Upcall::Nothing);
                }
                close(ending.session, Upcall::Nothing, cx)
            }
            Event::TxnFailed(txn, _) if txn == ending.bye => {
                close(ending.session, Upcall::Nothing, cx)
            }
            // A re-INVITE of ours was under way (CC-23).
            Event::Response(_, response) => {
                again(&ending.dialog, response, cx);
                (State::Ending(ending), Upcall::Nothing)
            }
            // BYE and BYE have crossed: both are answered, both are done (CC-08).
            Event::Request(txn, request)
                if request.method == Method::Bye && ending.dialog.owns(&request.head) =>
            {
                ok(txn, self.speaker, cx);
                close(ending.session, Upcall::Nothing, cx)
            }
            Event::Msrp(event) => {
                let news = late(ending.session.handle(event, cx));
                (State::Ending(ending), news)
            }
            event @ (Event::Request(..)
            | Event::Ack(_)
            | Event::Cancel { .. }
            | Event::TxnFailed(..)
            | Event::Timer(_)
            | Event::Answer(..)) => self.other(State::Ending(ending), event, cx),
        }
    }

    /// What means nothing in this state: requests are refused, the rest is too late to matter.
    fn other(&mut self, state: State, event: Event<'_>, cx: &mut Context<'_>) -> Step {
        match event {
            // Once there is a final answer, CANCEL changes nothing (CC-111).
            Event::Cancel { cancel, invite } if self.invited == Some(invite) => {
                ok(cancel, self.speaker, cx)
            }
            Event::Cancel { cancel: txn, .. } => self.no_such(txn, cx),
            Event::Request(_, request) if request.method == Method::Ack => {}
            Event::Request(txn, _) => self.no_such(txn, cx),
            Event::Response(_, response) => end_stray(response, cx),
            Event::Ack(_)
            | Event::TxnFailed(..)
            | Event::Timer(_)
            | Event::Answer(..)
            | Event::Msrp(_) => {}
        }
        (state, Upcall::Nothing)
    }

    /// 481, with a tag for a request that has none.
    fn no_such(&self, txn: ServerTxn, cx: &mut Context<'_>) {
        let tag = cx.tag();
        Refused::plain(481).respond(txn, tag, self.speaker, cx);
    }

    /// The methods that we understand in this dialog (OC-LM-06, TC-LM-07).
    fn allow(&self) -> &'static str {
        match self.pracks {
            Pracks::Yes => ALLOW_PRACK,
            Pracks::No => ALLOW,
        }
    }

    fn mint(&mut self) -> ClientTxn {
        self.minted = self.minted.wrapping_add(1);
        ClientTxn(self.minted)
    }

    /// Remembers the peer's methods; a message without Allow changes nothing (OC-LM-11).
    fn learn(&mut self, head: &Head) {
        self.allowed = head.allow().or(self.allowed);
    }
}

fn held(up: Box<Up>, wait: Option<AckWait>) -> State {
    match wait {
        Some(wait) => State::AwaitingAck(up, wait),
        None => State::Up(up),
    }
}

fn is_leaving(wait: &Option<AckWait>) -> bool {
    matches!(
        wait,
        Some(AckWait {
            then: Then::Bye(_),
            ..
        })
    )
}

/// What still counts when the leg is left: a late report (CC-54), the end of a message. Nothing is
/// sent any more.
fn late(news: Media) -> Upcall {
    match news {
        news @ (Media::Confirmed(_) | Media::Received(_)) => Upcall::Media(news),
        _ => Upcall::Nothing,
    }
}

/// Gives the session back. [`Action::Closed`] is the role's to push, after its last word.
fn close(session: Session, last: Upcall, cx: &mut Context<'_>) -> Step {
    session.release(cx);
    (State::Closed, last)
}

/// A response that nobody waits for. The 2xx of an INVITE of this dialog is acknowledged as often as
/// it comes (CC-04, CC-10, CC-23), that of another fork is ended (CC-05).
fn again(dialog: &Dialog, response: &Response, cx: &mut Context<'_>) {
    let head = &response.head;
    if !response.status.is_success() || head.cseq_method() != Method::Invite {
        return;
    }
    if dialog.is_with(&head.to()) {
        let ack = dialog.ack(head.cseq(), b"", cx);
        cx.act(Action::SendAck(ack));
    } else {
        end_stray(response, cx);
    }
}

/// ACK and BYE for a 2xx that nobody waits for (CC-03, CC-05, CC-82). The answer to the BYE names a
/// transaction that no leg knows.
pub(crate) fn end_stray(response: &Response, cx: &mut Context<'_>) {
    if let Some([ack, bye]) = stray(response, cx.config) {
        cx.act(Action::SendAck(ack));
        cx.act(Action::SendRequest(bye));
    }
}

fn ok(txn: ServerTxn, speaker: Speaker, cx: &mut Context<'_>) {
    let head = reply_lines(cx, speaker).take();
    respond(txn, 200, head, Bytes::new(), cx);
}

fn respond(txn: ServerTxn, status: u16, head: Bytes, body: Bytes, cx: &mut Context<'_>) {
    let reply = Reply {
        status: Status(status),
        tag: None,
        head,
        body,
    };
    cx.act(Action::Respond(txn, reply));
}

/// An INVITE that nobody answered.
fn failed(why: TxnError) -> Outcome {
    Outcome::Failed(match why {
        TxnError::Timeout => Failure::NoAnswer,
        TxnError::Transport => Failure::Transport,
    })
}
