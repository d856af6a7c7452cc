//! One pager-mode MESSAGE (RFC 3428), on its way out or in.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::capabilities::Ability;
use crate::compose::Speaker;
use crate::leg::{Refused, reply_lines};
use crate::outcome::of_message;
use crate::{
    Account, Action, Answer, Arrival, AskId, ClientTxn, Context, Event, Failure, Fresh, Marks,
    Method, Notice, Outcome, Outgoing, Part, Question, Refusal, Reply, Request, Response,
    ServerTxn, Status, Timer, TxnError, Uri,
};

/// A page that we have sent.
///
/// | event | what happens |
/// |---|---|
/// | 1xx | nothing |
/// | final response, timeout, transport error | its outcome |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    txn: ClientTxn,
}

/// A MESSAGE before it is sent.
pub(crate) fn compose(
    txn: ClientTxn,
    target: Uri,
    head: Bytes,
    body: Bytes,
    cx: &mut Context<'_>,
) -> Outgoing {
    let fresh = Some(Fresh { token: cx.token() });
    Outgoing {
        method: Method::Message,
        txn,
        cseq: 1,
        fresh,
        target,
        head,
        body,
    }
}

impl Page {
    pub(crate) fn send(request: Outgoing, cx: &mut Context<'_>) -> Self {
        let txn = request.txn;
        cx.act(Action::SendRequest(request));
        Self { txn }
    }

    /// The final word of the recipient, if this is it.
    pub(crate) fn handle<'e>(&self, event: &Event<'e>) -> Option<Final<'e>> {
        match *event {
            Event::Response(txn, response)
                if txn == self.txn && !response.status.is_provisional() =>
            {
                Some(Final {
                    outcome: of_message(response),
                    response: Some(response),
                })
            }
            Event::TxnFailed(txn, why) if txn == self.txn => Some(Final {
                outcome: of_silence(why),
                response: None,
            }),
            _ => None,
        }
    }
}

/// How a page ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Final<'e> {
    pub(crate) outcome: Outcome,
    pub(crate) response: Option<&'e Response>,
}

/// A MESSAGE without an answer may have arrived all the same (CC-35).
pub(crate) fn of_silence(why: TxnError) -> Outcome {
    match why {
        TxnError::Timeout => Outcome::Unknown,
        TxnError::Transport => Outcome::Failed(Failure::Transport),
    }
}

/// Pages that have arrived and that the application has not taken or refused yet.
///
/// | event | what happens |
/// |---|---|
/// | MESSAGE | 420, 415, or the application is asked |
/// | the application keeps it | 200, without body and without Contact (TC-PM-04) |
/// | the application refuses it | its status |
/// | nobody decides in time, or the exchange ends | 480, and the application is told |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inbox {
    /// Nearly always one, at most [`UNDECIDED`].
    asked: SmallVec<[(AskId, ServerTxn); 1]>,
    minted: u32,
}

/// Pages that may wait for the application at the same time; a further one is refused with 486.
const UNDECIDED: usize = 8;

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// A number for a question.
    pub(crate) fn mint(&mut self) -> AskId {
        self.minted = self.minted.wrapping_add(1);
        AskId(self.minted)
    }

    /// Takes a MESSAGE: nothing is answered before the application has it (CC-108).
    pub(crate) fn arrive(&mut self, txn: ServerTxn, request: &Request, cx: &mut Context<'_>) {
        if let Err(refused) = check(request, cx) {
            return refuse(refused, txn, cx);
        }
        if self.asked.len() == UNDECIDED {
            return refuse(Refused::plain(486), txn, cx);
        }
        let ask = self.mint();
        let first = self.asked.is_empty();
        self.asked.push((ask, txn));
        cx.act(Action::Ask(ask, Question::Page(arrival(request))));
        if first {
            // It guards the oldest: none may wait until its sender gives up (64·T1).
            cx.start(Timer::Decide, cx.config.limits.lookup);
        }
    }

    /// The application's word on one of them; false if it is about something else.
    pub(crate) fn answer(&mut self, ask: AskId, answer: Answer<'_>, cx: &mut Context<'_>) -> bool {
        let Some(place) = self.asked.iter().position(|(asked, _)| *asked == ask) else {
            return false;
        };
        let (_, txn) = self.asked.remove(place);
        if self.asked.is_empty() {
            cx.stop(Timer::Decide);
        }
        match answer {
            Answer::Accept => {
                let head = reply_lines(cx, Speaker::Client).take();
                let tag = Some(cx.tag());
                cx.act(Action::Respond(
                    txn,
                    Reply {
                        status: Status(200),
                        tag,
                        head,
                        body: Bytes::new(),
                    },
                ));
            }
            Answer::Refuse(refusal) => refuse(page_refusal(refusal, cx), txn, cx),
            // An impossible answer counts as a refusal.
            Answer::Access(_) | Answer::Members(_) | Answer::Dialog(_) => {
                refuse(Refused::plain(480), txn, cx)
            }
        }
        true
    }

    /// The end of the exchange: what is undecided is refused.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        if !self.asked.is_empty() {
            cx.stop(Timer::Decide);
            self.give_up(cx);
        }
    }

    /// Nobody decided in time: a later answer is about nothing.
    pub(crate) fn give_up(&mut self, cx: &mut Context<'_>) {
        if !self.asked.is_empty() {
            cx.act(Action::Tell(Notice::Missed));
        }
        for (_, txn) in core::mem::take(&mut self.asked) {
            refuse(Refused::plain(480), txn, cx);
        }
    }
}

fn refuse(refused: Refused<'_>, txn: ServerTxn, cx: &mut Context<'_>) {
    let tag = cx.tag();
    refused.respond(txn, tag, Speaker::Client, cx);
}

/// What every receiver of a page checks, in order: Require (CC-107), then the types of its parts (CC-106).
fn check<'r>(request: &'r Request, cx: &Context<'_>) -> Result<(), Refused<'r>> {
    Ability::Page.suits(&request.head, &cx.config.profile)?;
    // It has a meaning for INVITE alone (RFC 3891 §3).
    if request.head.header("Replaces").is_some() {
        return Err(Refused::plain(400));
    }
    readable(request)?;
    let parts = request.body.parts().map_err(|_| Refused::plain(400))?;
    let foreign = |part: &&Part| !part.handling_optional() && !takes(&cx.config.account, part);
    match parts.iter().find(foreign) {
        Some(_) => Err(UNSUPPORTED_TYPE),
        None => Ok(()),
    }
}

/// 415 with the types that would do.
const UNSUPPORTED_TYPE: Refused<'static> = Refused {
    accept: true,
    ..Refused::plain(415)
};

/// Containers are looked into by the application: every user agent understands them (RFC 5621 §3.1).
/// So is `message/external-body`, if it is among our types.
fn takes(account: &Account, part: &Part) -> bool {
    let kind = part.content_type();
    crate::offer::matches_any("multipart/*", kind)
        || crate::offer::matches_any(&account.accept_types, kind)
        || crate::offer::matches_any(&account.accept_wrapped_types, kind)
}

/// A body in an encoding that we do not know cannot be looked at (RFC 3261 §8.2.3).
pub(crate) fn readable(request: &Request) -> Result<(), Refused<'static>> {
    match request.head.header("Content-Encoding") {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => Err(Refused {
            identity: true,
            ..Refused::plain(415)
        }),
        _ => Ok(()),
    }
}

/// What arrived, as the application sees it: the asserted identity first (DR-03), and whatever the core
/// has put in (TC-PM-07, TC-LM-09). With Date and Expires at hand, whether a page is stale is the
/// application's to say (CC-109).
pub(crate) fn arrival(request: &Request) -> Arrival {
    let head = &request.head;
    let from = head.from();
    // It travels with the head that it is a piece of: no copy.
    let shared = |uri: &str| Uri::parse(head.lines().slice_ref(uri.as_bytes()));
    let sender = head.asserted().next().unwrap_or(from.uri);
    let sender = shared(sender)
        .or_else(|_| shared(from.uri))
        .unwrap_or_else(|_| request.uri.clone());
    let nobody = shared(from.uri).is_ok_and(|uri| is_anonymous(&uri));
    let parts = request.body.parts().unwrap_or_default();
    let marks = Marks {
        anonymous: head.privacy().id || nobody,
        indirect: parts
            .iter()
            .any(|part| matches!(part.indirection(), Ok(Some(_)))),
        attachment: parts
            .iter()
            .any(|part| part.disposition() == Some("attachment")),
        replaces: head.header("Replaces").is_some(),
    };
    Arrival {
        sender,
        head: head.lines().clone(),
        body: request.body.whole().clone(),
        marks,
    }
}

/// RFC 3323 §4.1.1.3.
fn is_anonymous(from: &Uri) -> bool {
    from.host().eq_ignore_ascii_case("anonymous.invalid")
}

/// How the application's no to a page is said (TC-PM-01, DR-30).
fn page_refusal(refusal: Refusal, cx: &Context<'_>) -> Refused<'static> {
    match refusal {
        Refusal::Declined | Refusal::Blocked => Refused::plain(403),
        other => refusal_of(other, cx),
    }
}

/// How the application's no is said to an invitation (TC-LM-01, DR-30, CC-121).
pub(crate) fn refusal_of(refusal: Refusal, cx: &Context<'_>) -> Refused<'static> {
    match refusal {
        Refusal::Declined | Refusal::Blocked => Refused::plain(603),
        Refusal::Anonymous => Refused::plain(cx.config.profile.anonymous_status),
        Refusal::NoResources {
            status,
            retry_after,
        } => {
            let known = matches!(status.0, 480 | 486 | 503);
            Refused {
                retry_after,
                ..Refused::plain(if known { status.0 } else { 480 })
            }
        }
        Refusal::Status(Status(415)) => UNSUPPORTED_TYPE,
        Refusal::Status(Status(status @ 400..700)) => Refused::plain(status),
        Refusal::Status(_) => Refused::plain(480),
    }
}

#[cfg(test)]
#[path = "states/page.rs"]
pub(crate) mod states;
