//! One MESSAGE to every member (CF-PM-06, CF-PM-10 to CF-PM-13).

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use super::check::LIST;
use super::large::hop_limit;
use super::{SERVER, has_room, stranger};
use crate::compose::text;
use crate::leg::{Refused, reply_lines};
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
    /// The first member whose turn has not come.
    next: usize,
    turn: Turn,
    /// Whether the continuation has been asked for: others' news do not go before it.
    continued: bool,
    /// Members that hold a place of the window.
    awaited: u32,
    /// Members without an outcome.
    open: usize,
}

/// What happens to a member whose turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It is sent its copy.
    Copy,
    /// It is told of as not served: the host has closed.
    Nothing,
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
        list: Option<usize>,
        entries: Vec<Entry>,
        cx: &mut Context<'_>,
    ) -> Result<Self, Refused<'static>> {
        let (kind, body) = copied_body(request, list, &entries, cx)?;
        let head = copied_head(request, kind, cx);
        let members: Vec<_> = entries
            .into_iter()
            // Request-URI and To of the copy (CF-PM-12).
            .map(|entry| (entry.uri.bare(), Progress::Waiting))
            .collect();
        let open = members.len();
        Ok(Self {
            txn,
            head,
            body,
            members,
            next: 0,
            turn: Turn::Copy,
            continued: false,
            awaited: 0,
            open,
        })
    }

    /// The first copies, then 202 in the same batch: it waits for nobody (CF-PM-07, D-23), and what
    /// becomes of them is not told to the originator (CC-76).
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
                Event::Timer(Timer::Continue) => {
                    self.continued = false;
                    self.fill(0, cx);
                }
                event => stranger(event, cx),
            };
        };
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
            tell(u32::try_from(place).unwrap_or(u32::MAX), outcome, cx);
        }
        self.fill(0, cx);
    }

    /// Goes through the members as the window and the batch allow. `spare` actions are to follow.
    fn fill(&mut self, spare: usize, cx: &mut Context<'_>) {
        let limits = &cx.config.limits;
        while !self.continued
            && (self.turn == Turn::Nothing || self.awaited < limits.in_flight.max(1))
        {
            let Some((uri, progress)) = self.members.get_mut(self.next) else {
                return;
            };
            if !has_room(3 + spare, cx) {
                self.continued = true;
                return cx.start(Timer::Continue, core::time::Duration::ZERO);
            }
            let place = u32::try_from(self.next).unwrap_or(u32::MAX);
            self.next += 1;
            let uri = uri.clone();
            cx.act(Action::Tell(Notice::Member(
                RecipientId(place),
                uri.clone(),
            )));
            match self.turn {
                Turn::Copy => {
                    *progress = Progress::Sent;
                    self.awaited += 1;
                    let (head, body) = (self.head.clone(), self.body.clone());
                    let mut cx = cx.on(LegId::new(place + 1, 0));
                    let request = page::compose(ClientTxn(0), uri, head, body, &mut cx);
                    page::Page::send(request, &mut cx);
                    cx.start(Timer::Patience, limits.patience);
                }
                Turn::Nothing => {
                    *progress = Progress::Done;
                    self.open -= 1;
                    tell(place, Outcome::Cancelled, cx);
                }
            }
        }
    }

    /// No further copies; those that are out will be answered. Whoever has none yet is told of, a
    /// batch at a time.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) {
        self.turn = Turn::Nothing;
        self.fill(0, cx);
    }
}

fn tell(place: u32, outcome: Outcome, cx: &mut Context<'_>) {
    let recipient = RecipientId(place);
    cx.act(Action::Tell(Notice::Outcome(
        MessageId(0),
        recipient,
        outcome,
    )));
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

/// What is copied from the originator's request and what is ours (DR-23, RFC 5365 §7.2): the asserted
/// identity for the core (CF-PM-08), nothing that belongs to one hop.
fn copied_head(request: &Request, kind: Kind<'_>, cx: &mut Context<'_>) -> Bytes {
    let head = &request.head;
    let anonymous = head.privacy().id;
    let hops = hop_limit(head);
    let (account, profile) = (&cx.config.account, &cx.config.profile);
    let own = [account.contact.host(), account.address.host()];
    let mut lines = cx.lines();
    lines
        .copied_from(head, anonymous)
        .line("Max-Forwards", hops)
        .accept_contact(profile.accept_contact_server)
        .user_agent(SERVER)
        .line("Supported", "timer")
        .privacy(anonymous);
    lines.asserted(head);
    for name in ["Date", "Expires", "Priority"] {
        lines.copied(head, name);
    }
    if !anonymous {
        // They may say who it is (CC-99).
        lines.copied(head, "Subject").copied(head, "Reply-To");
        // Credentials for another realm travel on, our own stop here.
        for name in ["Authorization", "Proxy-Authorization"] {
            let foreign =
                |value: &&str| !own.iter().any(|own| realm(value).eq_ignore_ascii_case(own));
            for value in head.fields(name).filter(foreign) {
                lines.line(name, value);
            }
        }
    }
    match kind {
        Kind::Mixed(kind) => lines
            .copied(head, "Content-Language")
            .line("Content-Type", text(&kind)),
        Kind::Of(part) => {
            for line in part.mime_lines() {
                // A folded line, or one with a stray line end, must not become two.
                let (name, value) = line.split_once(':').unwrap_or_default();
                if !name.trim().eq_ignore_ascii_case("Content-Type") {
                    lines.line(name.trim(), Unfolded(value));
                }
            }
            lines.line("Content-Type", Unfolded(part.content_type()))
        }
        Kind::AsIs => DESCRIBING
            .iter()
            .fold(&mut lines, |lines, name| lines.copied(head, name)),
    };
    lines.take()
}

/// The header fields that describe a body.
const DESCRIBING: [&str; 7] = [
    "MIME-Version",
    "Content-Language",
    "Content-ID",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Transfer-Encoding",
    "Content-Type",
];

/// A value on one line.
struct Unfolded<'a>(&'a str);

impl fmt::Display for Unfolded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pieces = self
            .0
            .split(['\r', '\n'])
            .map(str::trim)
            .filter(|piece| !piece.is_empty());
        f.write_str(pieces.next().unwrap_or_default())?;
        pieces.try_for_each(|piece| write!(f, " {piece}"))
    }
}

/// The realm of credentials (RFC 3261 §20.7); empty if they name none.
fn realm(credentials: &str) -> &str {
    let mut params = credentials.split([',', ' ']);
    let value = params.find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("realm").then_some(value)
    });
    value.unwrap_or_default().trim_matches('"')
}

/// The body without the recipient list, with the list of those who may be seen (RFC 5365 §7.3). A
/// list that came to a group counts for nothing, and is nobody's to see either (DR-07 #3).
fn copied_body<'r>(
    request: &'r Request,
    list: Option<usize>,
    entries: &[Entry],
    cx: &mut Context<'_>,
) -> Result<(Kind<'r>, Bytes), Refused<'static>> {
    let parts = request
        .body
        .parts()
        .map_err(|flaw| Refused::plain(flaw.status.0))?;
    let parts = parts.iter().enumerate();
    let (lists, payload): (SmallVec<[_; 4]>, SmallVec<[_; 4]>) =
        parts.partition(|(place, part)| list == Some(*place) || part.is_disposed(LIST));
    if lists.is_empty() {
        // As it came, wrapper and all (CC-94).
        return Ok((Kind::AsIs, request.body.whole().clone()));
    }
    let history = history(entries, cx);
    match (payload.as_slice(), &history) {
        // A list and nothing to say (CC-93).
        ([], _) => Err(Refused::plain(400)),
        // A wrapper around one part is no use (CC-94, D-06).
        ([(_, only)], None) => Ok((Kind::Of(only), only.content().clone())),
        (payload, history) => {
            let part = |(_, part): &(usize, &'r Part)| mime::OutPart {
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

#[cfg(test)]
#[path = "../states/copies.rs"]
pub(crate) mod states;
