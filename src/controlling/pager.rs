//! One MESSAGE to every member (CF-PM-06, CF-PM-10 to CF-PM-13).

use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use super::SERVER;
use super::large::hop_limit;
use crate::leg::{Refused, reply_lines};
use crate::originating::{stranger, text};
use crate::outcome::of_message;
use crate::page::{self, of_silence};
use crate::roster::Entry;
use crate::wire::{lists, mime};
use crate::{
    Action, ClientTxn, Context, Event, LegId, MessageId, Notice, Outcome, Part, RecipientId, Reply,
    Request, ServerTxn, Status, Timer, Uri,
};

/// A page on its way to many.
///
/// A member that waits for its turn costs its URI; one whose answer is awaited no more. Each has a
/// leg number of its own, so that answers and timers need no search, but no dialog and no key.
#[derive(Clone, Debug)]
pub(super) struct Fanout {
    txn: ServerTxn,
    head: Bytes,
    body: Bytes,
    members: Vec<(Uri, Progress)>,
    next: usize,
    /// Members that hold a place of the window.
    awaited: u32,
    /// Members without an outcome.
    open: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Its turn has not come.
    Waiting,
    /// It has been sent its copy and holds a place of the window.
    Sent,
    /// It has answered provisionally or too slowly: others go on.
    Slow,
    /// Its outcome has been told.
    Done,
}

impl Fanout {
    /// Prepares the copies.
    pub(super) fn new(
        txn: ServerTxn,
        request: &Request,
        list: Option<&Part>,
        entries: Vec<Entry>,
        cx: &mut Context<'_>,
    ) -> Result<Self, Refused<'static>> {
        let (kind, body) = copied_body(request, list, &entries, cx)?;
        let head = copied_head(request, kind, cx);
        let members: Vec<_> = entries
            .into_iter()
            .map(|entry| (entry.uri.bare(), Progress::Waiting))
            .collect();
        let open = members.len();
        Ok(Self {
            txn,
            head,
            body,
            members,
            next: 0,
            awaited: 0,
            open,
        })
    }

    /// The first copies, then 202 in the same batch: it waits for nobody (CF-PM-07, D-23).
    pub(super) fn begin(&mut self, cx: &mut Context<'_>) {
        self.fill(1, cx);
        let head = reply_lines(cx, SERVER).take();
        let tag = Some(cx.tag());
        let reply = Reply {
            status: Status(202),
            tag,
            head,
            body: Bytes::new(),
        };
        cx.act(Action::Respond(self.txn, reply));
    }

    pub(super) fn is_done(&self) -> bool {
        self.open == 0
    }

    pub(super) fn handle(&mut self, leg: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        let place = (leg.slot() as usize).checked_sub(1);
        let place = place.filter(|_| leg.generation() == 0);
        let member = place
            .and_then(|place| self.members.get_mut(place))
            .map(|(_, progress)| progress);
        let (Some(place), Some(progress)) = (place, member) else {
            return match event {
                Event::Timer(Timer::Continue) => self.fill(0, cx),
                event => stranger(event, cx),
            };
        };
        let recipient = RecipientId(u32::try_from(place).unwrap_or(u32::MAX));
        let outcome = match (*progress, event) {
            (Progress::Sent | Progress::Slow, Event::Response(ClientTxn(0), response))
                if !response.status.is_provisional() =>
            {
                Some(of_message(response))
            }
            (Progress::Sent | Progress::Slow, Event::TxnFailed(ClientTxn(0), why)) => {
                Some(of_silence(why))
            }
            (Progress::Sent, Event::Response(ClientTxn(0), _) | Event::Timer(Timer::Patience)) => {
                None
            }
            (_, event) => return stranger(event, cx),
        };
        // Its place of the window is free, whatever it said (seam 17).
        if *progress == Progress::Sent {
            self.awaited -= 1;
            if !matches!(event, Event::Timer(_)) {
                cx.on(leg).stop(Timer::Patience);
            }
        }
        *progress = if outcome.is_some() {
            Progress::Done
        } else {
            Progress::Slow
        };
        if let Some(outcome) = outcome {
            self.open -= 1;
            cx.act(Action::Tell(Notice::Outcome(
                MessageId(0),
                recipient,
                outcome,
            )));
        }
        self.fill(0, cx);
    }

    /// Sends copies while the window and the batch allow. `spare` actions are to follow.
    fn fill(&mut self, spare: usize, cx: &mut Context<'_>) {
        let limits = &cx.config.limits;
        while self.awaited < limits.in_flight.max(1) {
            let Some((uri, progress)) = self.members.get_mut(self.next) else {
                return;
            };
            if *progress == Progress::Waiting {
                // Three for this member, one for the continuation.
                if cx.pushed() + 4 + spare > limits.batch.max(8) {
                    return cx.start(Timer::Continue, core::time::Duration::ZERO);
                }
                *progress = Progress::Sent;
                let place = u32::try_from(self.next).unwrap_or(u32::MAX);
                let uri = uri.clone();
                cx.act(Action::Tell(Notice::Member(
                    RecipientId(place),
                    uri.clone(),
                )));
                let (head, body) = (self.head.clone(), self.body.clone());
                let mut cx = cx.on(LegId::new(place + 1, 0));
                let request = page::compose(ClientTxn(0), uri, head, body, &mut cx);
                page::Page::send(request, &mut cx);
                cx.start(Timer::Patience, limits.patience);
                self.awaited += 1;
            }
            self.next += 1;
        }
    }

    /// No further copies; those that are out will be answered.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) {
        let left = self.members.iter_mut().enumerate().skip(self.next);
        for (place, (_, progress)) in left {
            if *progress == Progress::Waiting {
                *progress = Progress::Done;
                self.open -= 1;
                let recipient = RecipientId(u32::try_from(place).unwrap_or(u32::MAX));
                cx.act(Action::Tell(Notice::Outcome(
                    MessageId(0),
                    recipient,
                    Outcome::Cancelled,
                )));
            }
        }
        self.next = self.members.len();
    }
}

/// How the body of the copies is described.
enum Kind<'r> {
    /// As the originator described its body.
    AsIs,
    /// As the one part was described that is left.
    Of(&'r Part),
    /// As a new `multipart/mixed`.
    Mixed(Bytes),
}

/// What is copied from the originator's request and what is ours (DR-23, RFC 5365 §7.2).
fn copied_head(request: &Request, kind: Kind<'_>, cx: &mut Context<'_>) -> Bytes {
    let head = &request.head;
    let anonymous = head.privacy().id;
    let hops = hop_limit(head);
    let own = cx.config.account.contact.host();
    let profile = &cx.config.profile;
    let mut lines = cx.lines();
    lines
        .from(head.from().uri, anonymous)
        .line("Max-Forwards", hops)
        .accept_contact(profile.accept_contact_server)
        .user_agent(SERVER)
        .line("Supported", "timer")
        .privacy(anonymous);
    lines.asserted(head);
    for name in ["Date", "Expires", "Priority", "Content-Language"] {
        lines.copied(head, name);
    }
    if !anonymous {
        // They may say who it is (CC-99).
        lines.copied(head, "Subject").copied(head, "Reply-To");
        // Credentials for another realm travel on, our own stop here.
        for name in ["Authorization", "Proxy-Authorization"] {
            for value in head.fields(name).filter(|value| !value.contains(own)) {
                lines.line(name, value);
            }
        }
    }
    match kind {
        Kind::Mixed(kind) => lines.line("Content-Type", text(&kind)),
        Kind::Of(part) => part
            .mime_lines()
            .fold(&mut lines, |lines, line| lines.raw(line)),
        Kind::AsIs => lines
            .copied(head, "Content-Disposition")
            .copied(head, "Content-Type"),
    };
    lines.take()
}

/// The body without the recipient list, with the list of those who may be seen (RFC 5365 §7.3).
fn copied_body<'r>(
    request: &'r Request,
    list: Option<&Part>,
    entries: &[Entry],
    cx: &mut Context<'_>,
) -> Result<(Kind<'r>, Bytes), Refused<'static>> {
    let parts = request
        .body
        .parts()
        .map_err(|flaw| Refused::plain(flaw.status.0))?;
    let Some(list) = list else {
        if request.body.is_empty() {
            return Err(Refused::plain(400));
        }
        // As it came, wrapper and all (CC-94).
        return Ok((Kind::AsIs, request.body.whole().clone()));
    };
    let payload = parts.iter().filter(|part| !core::ptr::eq(*part, list));
    let payload: SmallVec<[&Part; 4]> = payload.collect();
    if payload.is_empty() {
        return Err(Refused::plain(400));
    }
    let history = history(entries, cx);
    match (payload.as_slice(), &history) {
        // A wrapper around one part is no use (CC-94, D-06).
        ([only], None) => Ok((Kind::Of(only), only.content().clone())),
        (payload, history) => {
            let part = |part: &&'r Part| mime::OutPart {
                lines: text(part.lines()),
                content: part.content(),
            };
            let mut out: SmallVec<[mime::OutPart<'_>; 4]> = payload.iter().map(part).collect();
            out.extend(history.as_ref().map(history_part));
            let mixed = mime::write_mixed(cx.scratch(), &out);
            Ok((Kind::Mixed(mixed.content_type), mixed.body))
        }
    }
}

/// The list for the recipients' eyes, if anyone in it may be seen (RFC 5364 §4).
pub(super) fn history(entries: &[Entry], cx: &mut Context<'_>) -> Option<Bytes> {
    let written = lists::write_history(cx.scratch(), entries);
    written.then(|| cx.block())
}

pub(super) fn history_part(list: &Bytes) -> mime::OutPart<'_> {
    let lines = concat!(
        "Content-Type: application/resource-lists+xml\r\n",
        "Content-Disposition: recipient-list-history; handling=optional\r\n",
    );
    mime::OutPart {
        lines,
        content: list,
    }
}
