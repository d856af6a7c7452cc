//! A large message to every member: one leg in, N out, stored once (CF-LM rows).

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::pager::{history, history_part};
use super::{SERVER, Speaker};
use crate::compose::{ALLOW, Angle, Conference as ConferenceUri};
use crate::leg::{Arriving, Invitation, Leg, Refused, Upcall};
use crate::msrp::{Keep, Letter, Store, Upcall as Media, Whole};
use crate::offer::{self, Description, Wanted};
use crate::originating::{described, stranger, text};
use crate::profile::{CfReportPolicy, FromPolicy};
use crate::roster::Entry;
use crate::wire::mime;
use crate::{
    Action, Context, Event, Failure, FailureReport, Head, LegId, MessageId, Notice, Outcome,
    RecipientId, Request, Timer, Uri,
};

/// One large message and everyone whom it concerns.
///
/// | originator's leg | what happens to the members |
/// |---|---|
/// | answered | they are invited, a window at a time |
/// | the message is complete | it goes out on every leg that is up, and on each that comes up later |
/// | left before that | CANCEL, BYE |
/// | left after that | delivery goes on until each member's own deadline (CC-81) |
///
/// | member's leg | what happens |
/// |---|---|
/// | answered, and the message is there | it is sent, if the answer allows |
/// | all octets taken | BYE, outcome |
/// | anything else that ends it | outcome; the others go on |
#[derive(Clone, Debug)]
pub(super) struct Conference {
    inbound: Leg,
    plan: Plan,
    message: Incoming,
    members: Vec<Uri>,
    next: usize,
    legs: Vec<Slot>,
    awaited: u32,
    live: u32,
    taken: u32,
    sweep: Sweep,
}

/// What every member is told.
#[derive(Clone, Debug)]
struct Plan {
    speaker: Speaker,
    lines: Bytes,
    history: Option<Bytes>,
    accept_types: String,
    filelength: Option<u64>,
    direction: offer::Direction,
}

/// The message at the focus.
#[derive(Clone, Debug)]
enum Incoming {
    /// Its octets are still to come.
    Awaited,
    /// It is here, whole.
    Stored {
        mime: Bytes,
        size: u64,
        store: Store,
        report: Reporting,
    },
    /// It will not come.
    Lost,
}

/// What the originator still is to be told at the user plane (DR-10).
#[derive(Clone, Debug)]
enum Reporting {
    Done,
    Owed(Whole),
}

/// A place for a member's leg.
#[derive(Clone, Debug)]
struct Slot {
    generation: u32,
    member: Option<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    recipient: u32,
    leg: Leg,
    window: Window,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    /// No response yet: it holds a place of the fan-out window.
    Held,
    Free,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Inviting,
    /// Its session is agreed on.
    Answered,
    Sending,
    Ending(Outcome),
}

/// Work on every leg that did not fit into one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweep {
    No,
    /// The message is there: send it where a leg is ready.
    Deliver {
        next: usize,
    },
    /// Nothing more is to be delivered.
    End {
        next: usize,
        why: Outcome,
    },
}

const THE_MESSAGE: MessageId = MessageId(0);
/// The most actions that one step of one leg pushes.
const STEP: usize = 12;

impl Conference {
    pub(super) fn new(
        arriving: Arriving,
        request: &Request,
        sdp: &Description,
        entries: Vec<Entry>,
        cx: &mut Context<'_>,
    ) -> Self {
        let speaker = Speaker::Focus(cx.token());
        let announced = sdp.filelength().unwrap_or(u64::MAX);
        let keep = Keep::Stored {
            most: cx.config.limits.stored.min(announced),
        };
        let plan = Plan::new(speaker, request, sdp, &entries, cx);
        Self {
            inbound: Leg::arrive(arriving, speaker, keep, cx),
            plan,
            message: Incoming::Awaited,
            members: entries.into_iter().map(|entry| entry.uri.bare()).collect(),
            next: 0,
            legs: Vec::new(),
            awaited: 0,
            live: 0,
            taken: 0,
            sweep: Sweep::No,
        }
    }

    /// 200 to the originator, then the invitations (CF-LM-03, AC-26).
    pub(super) fn begin(&mut self, cx: &mut Context<'_>) {
        self.inbound.accept(cx);
        self.go_on(cx);
    }

    pub(super) fn is_done(&self) -> bool {
        self.inbound.is_closed() && self.live == 0 && self.next == self.members.len()
    }

    pub(super) fn handle(&mut self, leg: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        if leg == LegId::FIRST {
            // The only timer here that is not the leg's.
            if !matches!(event, Event::Timer(Timer::Continue)) {
                self.originator(event, cx);
            }
        } else {
            self.member(leg, event, cx);
        }
        self.go_on(cx);
    }

    pub(super) fn close(&mut self, cx: &mut Context<'_>) {
        self.inbound.end(Outcome::Cancelled, None, cx);
        self.abort(Outcome::Cancelled);
        self.go_on(cx);
    }

    /// An event of the originator's leg.
    fn originator(&mut self, event: Event<'_>, cx: &mut Context<'_>) {
        if self.inbound.is_closed() {
            return stranger(event, cx);
        }
        match self.inbound.handle(event, cx) {
            Upcall::Media(Media::Received(whole)) => self.stored(whole, cx),
            // No chat: pages inside it are not for distribution.
            Upcall::Page(txn) => Refused::plain(403).respond_within(txn, SERVER, cx),
            Upcall::Media(Media::Incomplete) | Upcall::PeerLeft | Upcall::Left(_) => self.left(),
            Upcall::Nothing | Upcall::Ringing | Upcall::Answered { .. } | Upcall::Media(_) => {}
        }
        if self.inbound.is_closed() {
            cx.act(Action::Closed);
        }
    }

    /// The whole message is at the switch: all legs may have it (CF-LM-23, CC-85).
    fn stored(&mut self, mut whole: Whole, cx: &mut Context<'_>) {
        if !matches!(self.message, Incoming::Awaited) {
            return;
        }
        let store = core::mem::take(&mut whole.store);
        let (mime, size) = (core::mem::take(&mut whole.mime), whole.size);
        let report = match cx.config.profile.cf_report {
            CfReportPolicy::OnStored => {
                self.report(&whole, 200, cx);
                Reporting::Done
            }
            CfReportPolicy::OnAllDelivered | CfReportPolicy::OnFirstDelivered => {
                Reporting::Owed(whole)
            }
        };
        self.message = Incoming::Stored {
            mime,
            size,
            store,
            report,
        };
        if !matches!(self.sweep, Sweep::End { .. }) {
            self.sweep = Sweep::Deliver { next: 0 };
        }
    }

    /// The originator is gone. What is stored is delivered all the same (CC-80, CC-81).
    fn left(&mut self) {
        if matches!(self.message, Incoming::Awaited) {
            self.abort(Outcome::Failed(Failure::NothingToSend));
        }
    }

    fn abort(&mut self, why: Outcome) {
        self.message = Incoming::Lost;
        self.sweep = Sweep::End { next: 0, why };
    }

    fn report(&mut self, whole: &Whole, status: u16, cx: &mut Context<'_>) {
        if let Some(session) = self.inbound.session() {
            session.report(whole, status, cx);
        }
    }

    /// An event of a member's leg.
    fn member(&mut self, id: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        let place = id.slot().checked_sub(1).map(|slot| slot as usize);
        let slot = place.and_then(|place| self.legs.get_mut(place));
        let slot = slot.filter(|slot| slot.generation & 0xFFF == id.generation());
        let Some(member) = slot.and_then(|slot| slot.member.as_mut()) else {
            // It is gone, and something still comes for it (CC-82).
            return stranger(event, &mut cx.on(id));
        };
        let first = matches!(
            event,
            Event::Response(..) | Event::TxnFailed(..) | Event::Timer(Timer::Patience)
        );
        if member.window == Window::Held && first {
            member.window = Window::Free;
            self.awaited -= 1;
            if !matches!(event, Event::Timer(_)) {
                cx.on(id).stop(Timer::Patience);
            }
        }
        let mut cx = cx.on(id);
        match event {
            Event::Timer(Timer::Patience) => {}
            Event::Timer(Timer::Delivery) => member.end(Outcome::Failed(Failure::TooSlow), &mut cx),
            event => {
                let upcall = member.leg.handle(event, &mut cx);
                if let Upcall::Page(txn) = upcall {
                    Refused::plain(403).respond_within(txn, SERVER, &mut cx);
                }
                member.step(upcall, &self.message, &mut cx);
            }
        }
        self.settle(id, &mut cx);
    }

    /// Gives a member's place back when its leg is closed.
    fn settle(&mut self, id: LegId, cx: &mut Context<'_>) {
        let Some(slot) = self.legs.get_mut((id.slot() as usize).wrapping_sub(1)) else {
            return;
        };
        let Some(member) = slot.member.take_if(|member| member.leg.is_closed()) else {
            return;
        };
        slot.generation = slot.generation.wrapping_add(1);
        self.live -= 1;
        if member.window == Window::Held {
            self.awaited -= 1;
            cx.stop(Timer::Patience);
        }
        cx.stop(Timer::Delivery);
        let outcome = match member.progress {
            Progress::Ending(outcome) => outcome,
            Progress::Inviting | Progress::Answered | Progress::Sending => {
                Outcome::Failed(Failure::Incomplete)
            }
        };
        if outcome == Outcome::Sent {
            self.taken += 1;
        }
        tell(member.recipient, outcome, cx);
        cx.act(Action::Closed);
    }

    /// Whatever there is room for in this call: work on all legs, then further invitations, then
    /// what the originator is owed.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        let mut first = cx.on(LegId::FIRST);
        let cx = &mut first;
        if !self.sweep(cx) || !self.invite(cx) {
            return cx.start(Timer::Continue, core::time::Duration::ZERO);
        }
        self.conclude(cx);
    }

    /// Whether there is room for one more step.
    fn has_room(cx: &Context<'_>) -> bool {
        // Something always goes on, however small the batch.
        cx.pushed() == 0 || cx.pushed() + STEP + 1 <= cx.config.limits.batch
    }

    /// Does for every leg what is to be done for every leg; false if there was no room for all.
    fn sweep(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let (place, end) = match self.sweep {
                Sweep::No => return true,
                Sweep::Deliver { next } => (next, None),
                Sweep::End { next, why } => (next, Some(why)),
            };
            let Some(slot) = self.legs.get_mut(place) else {
                break;
            };
            if !Self::has_room(cx) {
                return false;
            }
            let id = LegId::new(place as u32 + 1, slot.generation);
            if let Some(member) = &mut slot.member {
                match end {
                    None => member.deliver(&self.message, &mut cx.on(id)),
                    Some(why) => member.end(why, &mut cx.on(id)),
                }
                self.settle(id, &mut cx.on(id));
            }
            self.sweep = match end {
                None => Sweep::Deliver { next: place + 1 },
                Some(why) => Sweep::End {
                    next: place + 1,
                    why,
                },
            };
        }
        if let Sweep::End { why, .. } = self.sweep {
            // Those who were never invited have an outcome too.
            while self.next < self.members.len() {
                if !Self::has_room(cx) {
                    return false;
                }
                tell(self.next as u32, why, cx);
                self.next += 1;
            }
        }
        self.sweep = Sweep::No;
        true
    }

    /// Invites members while the window, the number of legs and the batch allow (CF-LM-11 to CF-LM-18).
    fn invite(&mut self, cx: &mut Context<'_>) -> bool {
        let limits = &cx.config.limits;
        while self.awaited < limits.in_flight.max(1) && self.live < limits.legs.max(1) {
            let Some(uri) = self.members.get(self.next).cloned() else {
                break;
            };
            if !Self::has_room(cx) {
                return false;
            }
            let recipient = u32::try_from(self.next).unwrap_or(u32::MAX);
            cx.act(Action::Tell(Notice::Member(
                RecipientId(recipient),
                uri.clone(),
            )));
            let place = self
                .legs
                .iter()
                .position(|slot| slot.member.is_none())
                .unwrap_or(self.legs.len());
            if place == self.legs.len() {
                self.legs.push(Slot {
                    generation: 0,
                    member: None,
                });
            }
            let Some(slot) = self.legs.get_mut(place) else {
                break;
            };
            let id = LegId::new(place as u32 + 1, slot.generation);
            let mut cx = cx.on(id);
            let leg = self.plan.invite(uri, &mut cx);
            cx.start(Timer::Patience, limits.patience);
            cx.start(Timer::Delivery, limits.delivery);
            slot.member = Some(Member {
                recipient,
                leg,
                window: Window::Held,
                progress: Progress::Inviting,
            });
            self.next += 1;
            self.live += 1;
            self.awaited += 1;
        }
        true
    }

    /// The reports that were put off, and the end of a conference that has nobody left.
    fn conclude(&mut self, cx: &mut Context<'_>) {
        let over = self.live == 0 && self.next == self.members.len();
        let first =
            cx.config.profile.cf_report == CfReportPolicy::OnFirstDelivered && self.taken > 0;
        match &mut self.message {
            Incoming::Stored {
                report: report @ Reporting::Owed(_),
                ..
            } if over || first => {
                if let Reporting::Owed(whole) = core::mem::replace(report, Reporting::Done) {
                    // Nobody took it: as a relay says that its next hop did not (DR-10).
                    let status = if self.taken > 0 { 200 } else { 408 };
                    self.report(&whole, status, cx);
                }
            }
            // Nobody is left before the message is here: the originator need not go on (CC-87, DR-09).
            Incoming::Awaited if over => {
                self.message = Incoming::Lost;
                if let Some(session) = self.inbound.session() {
                    session.refuse(cx);
                }
                let reason = "SIP;cause=480;text=\"No destinations\"";
                self.inbound
                    .end(Outcome::Failed(Failure::NotReachable), Some(reason), cx);
                if self.inbound.is_closed() {
                    cx.act(Action::Closed);
                }
            }
            Incoming::Awaited | Incoming::Stored { .. } | Incoming::Lost => {}
        }
    }
}

impl Member {
    fn step(&mut self, upcall: Upcall, message: &Incoming, cx: &mut Context<'_>) {
        match (self.progress, upcall) {
            (Progress::Inviting, Upcall::Answered { .. }) => {
                self.progress = Progress::Answered;
                self.deliver(message, cx);
            }
            (Progress::Answered, Upcall::Media(Media::Up)) => self.deliver(message, cx),
            (Progress::Sending, Upcall::Media(Media::Wants(at, most))) => {
                self.supply(message, at, most, cx)
            }
            // Not a chat: the leg ends when it has the message (CF-LM-25).
            (Progress::Sending, Upcall::Media(Media::Taken)) => self.end(Outcome::Sent, cx),
            (Progress::Sending, Upcall::Media(Media::Failed(why))) => {
                self.end(Outcome::Failed(why), cx)
            }
            (Progress::Ending(_), _) => {}
            (_, Upcall::PeerLeft) => {
                self.progress = Progress::Ending(Outcome::Failed(Failure::Incomplete))
            }
            (_, Upcall::Left(outcome)) => self.progress = Progress::Ending(outcome),
            (
                Progress::Inviting | Progress::Answered | Progress::Sending,
                Upcall::Nothing
                | Upcall::Ringing
                | Upcall::Answered { .. }
                | Upcall::Media(_)
                | Upcall::Page(_),
            ) => {}
        }
    }

    /// Begins to send, if the message is here, the leg is up and its answer allows (CC-83, CC-84).
    fn deliver(&mut self, message: &Incoming, cx: &mut Context<'_>) {
        let Incoming::Stored { mime, size, .. } = message else {
            return;
        };
        if self.progress != Progress::Answered {
            return;
        }
        let Some(media) = self.leg.session().and_then(|session| session.media()) else {
            return;
        };
        let kind = mime::content_type(text(mime));
        let refusal = if !media.can_send {
            Some(Failure::BadAnswer)
        } else if !media.accepts(kind) {
            Some(Failure::UnsupportedType)
        } else if media.max_size.is_some_and(|most| *size > most) {
            Some(Failure::TooLarge)
        } else {
            None
        };
        if let Some(why) = refusal {
            return self.end(Outcome::Failed(why), cx);
        }
        if !self.leg.is_up() {
            return;
        }
        self.progress = Progress::Sending;
        let letter = Letter {
            size: *size,
            mime: mime.clone(),
            success: false,
            failure: FailureReport::Yes,
        };
        if let Upcall::Media(Media::Wants(at, most)) = self.leg.send(letter, cx) {
            self.supply(message, at, most, cx);
        }
    }

    /// The next octets, each leg at its own pace over one store.
    fn supply(&mut self, message: &Incoming, at: u64, most: usize, cx: &mut Context<'_>) {
        if let Incoming::Stored { store, .. } = message {
            self.leg.supply(store.slice(at, most), cx);
        }
    }

    fn end(&mut self, why: Outcome, cx: &mut Context<'_>) {
        if !matches!(self.progress, Progress::Ending(_)) {
            self.progress = Progress::Ending(why);
            self.leg.end(why, None, cx);
        }
    }
}

impl Plan {
    /// What all invitations have in common (DR-05).
    fn new(
        speaker: Speaker,
        request: &Request,
        sdp: &Description,
        entries: &[Entry],
        cx: &mut Context<'_>,
    ) -> Self {
        let config = cx.config;
        let head = &request.head;
        let anonymous = head.privacy().id;
        let originator = head.asserted().next().unwrap_or(head.from().uri);
        let history = history(entries, cx);
        let mut lines = cx.lines();
        match (config.profile.from_policy, speaker) {
            (FromPolicy::ConferenceUri, Speaker::Focus(token)) => {
                lines.line(
                    "From",
                    format_args!("<{}>", ConferenceUri(&config.account.contact, token)),
                );
                if !anonymous {
                    lines.line("Referred-By", Angle(originator));
                }
            }
            (FromPolicy::Originator, _) | (_, Speaker::Client) => {
                lines.from(head.from().uri, anonymous);
            }
        }
        lines
            .line("Max-Forwards", hop_limit(head))
            .contact(speaker, true)
            .accept_contact(config.profile.accept_contact_server)
            .accept_large(config.profile.accept_contact_server)
            .user_agent(speaker)
            .line("Allow", ALLOW)
            .line("Supported", "timer")
            .privacy(anonymous)
            .asserted(head);
        if !anonymous {
            lines.copied(head, "Subject");
        }
        let lines = lines.take();
        Self {
            speaker,
            lines: Bytes::copy_from_slice(&lines),
            history,
            accept_types: selected(sdp.accept_types(), &config.account.accept_types),
            filelength: sdp.filelength(),
            direction: sdp.direction(),
        }
    }

    /// One invitation: its own path, the rest as selected from the originator's offer (CF-LM-14 to CF-LM-17).
    fn invite(&self, target: Uri, cx: &mut Context<'_>) -> Leg {
        let config = cx.config;
        let id = cx.session_id();
        let offered = offer::offer(
            cx,
            id,
            &Wanted {
                direction: self.direction,
                accept_types: &self.accept_types,
                accept_wrapped_types: &config.account.accept_wrapped_types,
                filelength: self.filelength,
                max_size: None,
                identity: offer::Identity::Shown,
            },
        );
        let (kind, body) = described(&offered.sdp, self.history.as_ref().map(history_part), cx);
        let more = cx.lines().line("Content-Type", text(&kind)).take();
        let invitation = Invitation {
            target,
            lines: self.lines.clone(),
            more,
            body,
            offered,
        };
        Leg::invite(invitation, self.speaker, false, Keep::Nothing, cx)
    }
}

/// Types of the offer that our policy knows; `*` is whatever we know (CF-LM-16).
fn selected(offered: &str, ours: &str) -> String {
    let known = offered
        .split_ascii_whitespace()
        .filter(|kind| *kind != "*" && offer::matches_any(ours, kind));
    let mut selected = String::new();
    for kind in known {
        if !selected.is_empty() {
            selected.push(' ');
        }
        selected.push_str(kind);
    }
    if selected.is_empty() {
        String::from(ours)
    } else {
        selected
    }
}

/// 70 for a user's request; what another server sent loses a hop, so that lists which name each
/// other come to an end (CC-72).
pub(super) fn hop_limit(head: &Head) -> u8 {
    let server = |name| {
        head.header(name).is_some_and(|agent| {
            agent
                .get(..7)
                .is_some_and(|name| name.eq_ignore_ascii_case("IM-serv"))
        })
    };
    match head.max_forwards() {
        Some(hops) if server("User-Agent") || server("Server") => hops.saturating_sub(1).min(70),
        _ => 70,
    }
}

fn tell(recipient: u32, outcome: Outcome, cx: &mut Context<'_>) {
    cx.act(Action::Tell(Notice::Outcome(
        THE_MESSAGE,
        RecipientId(recipient),
        outcome,
    )));
}
