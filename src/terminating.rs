//! The terminating client: a page or a large message arrives.

use alloc::boxed::Box;

use bytes::Bytes;

use crate::capabilities::Ability;
use crate::compose::Speaker;
use crate::leg::stranger;
use crate::leg::{self, Leg, Refused, Upcall};
use crate::msrp::{Keep, Upcall as Media};
use crate::offer::Shape;
use crate::page::{Inbox, arrival, readable, refusal_of};
use crate::profile::Prack;
use crate::replace::judge;
use crate::{
    Action, Answer, AskId, Context, DialogView, Event, Found, LegId, Machine, Method, Notice,
    Outcome, Question, Request, ServerTxn, Tag, Timer,
};

/// Receives one page or one large message.
///
/// | state | event | what happens | next |
/// |---|---|---|---|
/// | idle | MESSAGE | 420, 415, or the application is asked to keep it | paged |
/// | paged | kept, refused, too late | 200, its status, 480 | closed |
/// | idle | INVITE with Replaces | 420, 400, 481, or the driver is asked for the dialog | matching |
/// | matching | there is none, it is over, not the caller's to replace, too early, too late | 481, 603, 603, 481, 486 | closed |
/// | matching | it may be replaced | as INVITE; the old one ends when the ACK is there | asked |
/// | idle | INVITE | 420, 415, 422, 400, 488, or the application is asked | asked |
/// | asked | accepted | ready for the connection, then 200 | receiving |
/// | asked | refused, too late, CANCEL | its status, 480, 487 | closed |
/// | receiving | a message is complete | 200, the report, and the application has it | receiving |
/// | receiving | BYE | 200, release; what is not complete is told as such | closed |
/// | receiving | the connection breaks, or nobody binds it (CC-117) | BYE | receiving |
#[derive(Clone, Debug, Default)]
pub struct Terminating {
    state: State,
    inbox: Inbox,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Idle,
    /// A page waits for the application.
    Paged,
    /// An invitation wants to replace a dialog: which one is that?
    Matching(Claim),
    /// An invitation waits for the application.
    Asked {
        leg: Leg,
        ask: AskId,
    },
    /// The session is there, or ends.
    Receiving {
        leg: Leg,
    },
    Closed,
}

/// An INVITE that wants to replace a dialog (RFC 3891). It is kept as it came, handles and all, for the
/// time of one lookup.
#[derive(Clone, Debug)]
struct Claim {
    txn: ServerTxn,
    request: Box<Request>,
    ask: AskId,
    /// Our tag of the dialog.
    tag: Tag,
}

impl Terminating {
    /// A client that waits for a stranger's request.
    pub fn new() -> Self {
        Self::default()
    }

    fn idle(&mut self, txn: ServerTxn, request: &Request, cx: &mut Context<'_>) -> State {
        match request.method {
            Method::Message => {
                self.inbox.arrive(txn, request, cx);
                if self.inbox.is_empty() {
                    State::Closed
                } else {
                    State::Paged
                }
            }
            Method::Invite => match claimed(request, cx) {
                Ok(None) => self.invited(txn, request, None, cx),
                Ok(Some((tag, remote_tag))) => {
                    let ask = self.inbox.mint();
                    cx.act(Action::Ask(ask, Question::Dialog { tag, remote_tag }));
                    cx.start(Timer::Lookup, cx.config.limits.lookup);
                    let request = Box::new(request.clone());
                    State::Matching(Claim {
                        txn,
                        request,
                        ask,
                        tag,
                    })
                }
                Err(refused) => refuse(txn, refused, cx),
            },
            _ => {
                stranger(Event::Request(txn, request), cx);
                State::Closed
            }
        }
    }

    /// An INVITE, in the place of the dialog with this tag if it names one.
    fn invited(
        &mut self,
        txn: ServerTxn,
        request: &Request,
        old: Option<Tag>,
        cx: &mut Context<'_>,
    ) -> State {
        match invited(txn, request, cx) {
            Ok((mut leg, size)) => {
                if let Some(old) = old {
                    leg.replacing(old);
                }
                let ask = self.inbox.mint();
                let question = Question::Invitation {
                    arrival: arrival(request),
                    size,
                };
                cx.act(Action::Ask(ask, question));
                leg.ring(cx);
                cx.start(Timer::Decide, cx.config.limits.decide);
                State::Asked { leg, ask }
            }
            Err(refused) => refuse(txn, refused, cx),
        }
    }

    /// The dialog that is to be replaced is being looked for.
    fn matching(&mut self, claim: Claim, event: Event<'_>, cx: &mut Context<'_>) -> State {
        match event {
            Event::Answer(ask, answer) if ask == claim.ask => {
                cx.stop(Timer::Lookup);
                let found = match answer {
                    Answer::Dialog(found) => found,
                    // An impossible answer counts as a refusal.
                    Answer::Accept | Answer::Refuse(_) | Answer::Access(_) | Answer::Members(_) => {
                        Found::Nothing
                    }
                };
                let Claim {
                    txn, request, tag, ..
                } = claim;
                match judge(&request.head, found) {
                    Ok(()) => self.invited(txn, &request, Some(tag), cx),
                    Err(status) => refuse(txn, Refused::plain(status), cx),
                }
            }
            Event::Cancel { cancel, invite } if invite == claim.txn => {
                cx.stop(Timer::Lookup);
                refuse(cancel, Refused::plain(200), cx);
                refuse(invite, Refused::plain(487), cx)
            }
            Event::Timer(Timer::Lookup) => refuse(claim.txn, Refused::plain(500), cx),
            event => {
                stranger(event, cx);
                State::Matching(claim)
            }
        }
    }

    fn asked(&mut self, mut leg: Leg, ask: AskId, event: Event<'_>, cx: &mut Context<'_>) -> State {
        match event {
            Event::Answer(id, answer) if id == ask => {
                cx.stop(Timer::Decide);
                match answer {
                    Answer::Accept => {
                        leg.accept(cx);
                        return State::Receiving { leg };
                    }
                    Answer::Refuse(refusal) => leg.refuse(refusal_of(refusal, cx), cx),
                    // An impossible answer counts as a refusal.
                    Answer::Access(_) | Answer::Members(_) | Answer::Dialog(_) => {
                        leg.refuse(Refused::plain(480), cx)
                    }
                }
            }
            Event::Timer(Timer::Decide) => {
                leg.refuse(Refused::plain(480), cx);
                cx.act(Action::Tell(Notice::Missed));
            }
            event => {
                if leg.handle(event, cx) == Upcall::PeerLeft {
                    // The prompt goes away; a later answer is about nothing (CC-110).
                    cx.stop(Timer::Decide);
                    cx.act(Action::Tell(Notice::Missed));
                }
            }
        }
        if leg.is_closed() {
            cx.act(Action::Closed);
            return State::Closed;
        }
        State::Asked { leg, ask }
    }

    fn receiving(&mut self, mut leg: Leg, event: Event<'_>, cx: &mut Context<'_>) -> State {
        let unanswered = leg.is_unanswered();
        match (leg.handle(event, cx), event) {
            // It was accepted, and taken back before its 2xx could leave.
            (Upcall::PeerLeft, _) if unanswered => cx.act(Action::Tell(Notice::Missed)),
            (Upcall::Media(Media::Received(whole)), _) => {
                if let Some(session) = leg.session() {
                    session.report(&whole, 200, cx);
                }
                whole.tell(cx);
            }
            (Upcall::Page(txn), Event::Request(_, request)) => self.inbox.arrive(txn, request, cx),
            _ => {}
        }
        if leg.is_closed() {
            self.inbox.close(cx);
            cx.act(Action::Closed);
            return State::Closed;
        }
        State::Receiving { leg }
    }
}

impl Machine for Terminating {
    fn handle(&mut self, leg: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        if leg != LegId::FIRST {
            return stranger(event, cx);
        }
        self.state = match (core::mem::take(&mut self.state), event) {
            (State::Idle, Event::Request(txn, request)) if request.head.to().tag().is_none() => {
                self.idle(txn, request, cx)
            }
            (State::Paged, Event::Answer(ask, answer)) => {
                if self.inbox.answer(ask, answer, cx) {
                    State::Closed
                } else {
                    State::Paged
                }
            }
            (State::Paged, Event::Timer(Timer::Decide)) => {
                self.inbox.give_up(cx);
                State::Closed
            }
            (State::Matching(claim), event) => self.matching(claim, event, cx),
            (State::Asked { leg, ask }, event) => self.asked(leg, ask, event, cx),
            (State::Receiving { leg }, Event::Answer(ask, answer)) => {
                self.inbox.answer(ask, answer, cx);
                State::Receiving { leg }
            }
            (State::Receiving { leg }, Event::Timer(Timer::Decide)) => {
                self.inbox.give_up(cx);
                State::Receiving { leg }
            }
            (State::Receiving { leg }, event) => self.receiving(leg, event, cx),
            (state @ (State::Idle | State::Paged | State::Closed), event) => {
                stranger(event, cx);
                state
            }
        };
    }

    fn close(&mut self, cx: &mut Context<'_>) {
        self.state = match core::mem::take(&mut self.state) {
            State::Idle | State::Closed => State::Closed,
            State::Paged => {
                self.inbox.close(cx);
                State::Closed
            }
            State::Matching(claim) => {
                cx.stop(Timer::Lookup);
                refuse(claim.txn, Refused::plain(480), cx)
            }
            State::Asked { mut leg, .. } => {
                cx.stop(Timer::Decide);
                leg.refuse(Refused::plain(480), cx);
                cx.act(Action::Closed);
                State::Closed
            }
            State::Receiving { mut leg } => {
                self.inbox.close(cx);
                leg.end(Outcome::Cancelled, None, cx);
                // Accepted, but not answered yet: then that is all.
                if leg.is_closed() {
                    cx.act(Action::Closed);
                    State::Closed
                } else {
                    State::Receiving { leg }
                }
            }
        };
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn dialog(&self, leg: LegId, remote_tag: Option<&str>) -> Option<DialogView> {
        match &self.state {
            State::Asked { leg: own, .. } | State::Receiving { leg: own }
                if leg == LegId::FIRST =>
            {
                own.dialog(remote_tag)
            }
            _ => None,
        }
    }

    fn held(&self, leg: LegId) -> u64 {
        match &self.state {
            State::Receiving { leg: own } if leg == LegId::FIRST => own.held(),
            _ => 0,
        }
    }
}

fn refuse(txn: ServerTxn, refused: Refused<'_>, cx: &mut Context<'_>) -> State {
    let tag = cx.tag();
    refused.respond(txn, tag, Speaker::Client, cx);
    State::Closed
}

/// By what an INVITE names the dialog that it wants to replace, if it does: our tag and the peer's.
fn claimed<'r>(
    request: &'r Request,
    cx: &Context<'_>,
) -> Result<Option<(Tag, Bytes)>, Refused<'r>> {
    Ability::Client.suits(&request.head, &cx.config.profile)?;
    let replaces = request.head.replaces().map_err(|_| Refused::plain(400))?;
    let Some(replaces) = replaces else {
        return Ok(None);
    };
    let tag = Tag::read(replaces.to_tag).ok_or(Refused::plain(481))?;
    let remote = Bytes::copy_from_slice(replaces.from_tag.as_bytes());
    Ok(Some((tag, remote)))
}

/// The checks of an INVITE, in order: Require, encoding, session timer, offer, shape (TC-LM-10).
/// All of them before the user is asked, so that nobody is asked about an impossible session (D-34).
fn invited<'r>(
    txn: ServerTxn,
    request: &'r Request,
    cx: &mut Context<'_>,
) -> Result<(Leg, Option<u64>), Refused<'r>> {
    let head = &request.head;
    Ability::Client.suits(head, &cx.config.profile)?;
    let heard = head.required().reliable || head.supported().reliable;
    if cx.config.profile.prack_callee == Prack::Required && !heard {
        return Err(Refused {
            require: Some("100rel"),
            ..Refused::plain(421)
        });
    }
    readable(request)?;
    let part = request
        .body
        .description_part()
        .map_err(|_| Refused::plain(400))?;
    // Who offers nothing cannot mean a large message (section 3.2: offerless INVITE).
    let part = part.ok_or(Refused::plain(488))?;
    let sdp = part.sdp().map_err(|_| Refused::plain(400))?;
    let size = sdp.filelength();
    match sdp.shape_of(head) {
        // An offer that does not send has no message (D-30).
        Shape::LargeMessage if sdp.is_open() && !sdp.direction().sends() => return Err(FOREIGN),
        Shape::LargeMessage => {}
        // An offer without an open message line is refused for that (TC-LM-10).
        Shape::Session if !sdp.is_open() => {}
        // Chats and files come with features of their own.
        Shape::Session | Shape::File => return Err(FOREIGN),
    }
    // Configuration is lent per call: a host with less room lends a smaller limit (CC-114).
    let arriving = leg::check(txn, request, cx.config.limits.message, cx)?;
    // What is announced is what is taken, and never more than the limit (CC-115).
    let most = size.unwrap_or(u64::MAX).min(cx.config.limits.message);
    Ok((
        Leg::arrive(arriving, Speaker::Client, Keep::ForUser { most }, cx),
        size,
    ))
}

/// What this client does not do.
const FOREIGN: Refused<'static> = Refused {
    warning: Some((399, "Function not allowed")),
    ..Refused::plain(488)
};

#[cfg(test)]
#[path = "states/terminating.rs"]
pub(crate) mod states;
