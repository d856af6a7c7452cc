//! A large message to every member: one leg in, N out, stored once (CF-LM rows).

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::pager::{history, history_part};
use super::{SERVER, Speaker, has_room, stranger};
use crate::capabilities::ALLOW;
use crate::compose::{Angle, Conference as ConferenceUri, described, text};
use crate::leg::{Arriving, Invitation, Leg, Refused, Upcall};
use crate::msrp::{Keep, Letter, Store, Upcall as Media, Whole};
use crate::offer::{self, Description, Forwarded, Identity};
use crate::profile::{CfReportPolicy, FromPolicy};
use crate::roster::Entry;
use crate::wire::mime;
use crate::{
    Action, Context, Event, Failure, FailureReport, Head, LegId, MessageId, Notice, Outcome,
    RecipientId, Request, Timer, Uri,
};

/// One large message and everyone whom it concerns.
///
/// | originator's leg | what happens |
/// |---|---|
/// | answered | the members are invited, a window at a time |
/// | the message is complete | it goes out on every leg that is up, and on each that comes up later |
/// | left before that | CANCEL, BYE to the members |
/// | left after that | delivery goes on until each member's own deadline (CC-81) |
/// | no member has no outcome any more | BYE to the originator: at once if the message is not here (CC-87), else when it had the time to say so itself |
///
/// | member's leg | what happens |
/// |---|---|
/// | answered, and the message is there | it is sent, if the answer allows |
/// | all octets taken | BYE, outcome |
/// | anything else that ends it | outcome; the others go on |
///
/// The originator's leg stands for the machine too: it is closed last.
#[derive(Clone, Debug)]
pub(super) struct Conference {
    inbound: Leg,
    plan: Plan,
    message: Incoming,
    members: Vec<Uri>,
    /// The first member whose turn has not come.
    next: usize,
    legs: Vec<Slot>,
    /// Places of `legs` that are free.
    free: Vec<u32>,
    /// Members that hold a place of the window.
    awaited: u32,
    /// Legs that are not closed.
    live: u32,
    /// Legs without an outcome.
    open: u32,
    /// Members that have the message.
    taken: u32,
    sweep: Sweep,
    /// Whether the continuation has been asked for.
    continued: bool,
    finished: bool,
}

/// What every member is told.
///
/// The identity goes on within the trust domain (CF-LM-10); Allow and Contact of the answers are the
/// leg's to remember (CF-LM-19 to CF-LM-22), and so are its own ring and session timers (CC-102,
/// CC-103).
#[derive(Clone, Debug)]
struct Plan {
    speaker: Speaker,
    lines: Bytes,
    history: Option<Bytes>,
    forwarded: Forwarded,
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
    /// Nobody needs it any more. The originator has [`Timer::Delivery`] to leave.
    Done,
}

/// What the originator still is to be told at the user plane (DR-10).
#[derive(Clone, Debug)]
enum Reporting {
    Done,
    Owed(Box<Whole>),
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
    /// Its outcome has been told.
    Over(Outcome),
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
/// The most actions that one step of one leg pushes: a 2xx whose answer does not let us send, so that
/// the session that it begins ends at once.
const STEP: usize = 13;
/// Why the originator need not go on (DR-09).
const NOBODY: &str = "SIP;cause=480;text=\"No destinations\"";

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
            free: Vec::new(),
            awaited: 0,
            live: 0,
            open: 0,
            taken: 0,
            sweep: Sweep::No,
            continued: false,
            finished: false,
        }
    }

    /// 200 to the originator with the answer of the switch (CF-LM-03 to CF-LM-08), then the invitations
    /// (AC-26): the one policy of initiation that there is (CF-LM-26, DR-29).
    pub(super) fn begin(&mut self, cx: &mut Context<'_>) {
        self.inbound.accept(cx);
        self.go_on(cx);
    }

    pub(super) fn is_done(&self) -> bool {
        self.finished
    }

    pub(super) fn handle(&mut self, leg: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        match (leg, event) {
            (LegId::FIRST, Event::Timer(Timer::Continue)) => self.continued = false,
            (LegId::FIRST, Event::Timer(Timer::Delivery)) => self.dismiss(cx),
            (LegId::FIRST, event) => self.originator(event, cx),
            (leg, event) => self.member(leg, event, cx),
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
            // A CANCEL that comes after the 200 has been answered by the leg (CC-79).
            // No chat: pages inside it are not for distribution.
            Upcall::Page(txn) => Refused::plain(403).respond_within(txn, SERVER, cx),
            Upcall::Media(Media::Incomplete) | Upcall::PeerLeft | Upcall::Left(_) => self.left(),
            Upcall::Nothing | Upcall::Ringing | Upcall::Answered { .. } | Upcall::Media(_) => {}
        }
    }

    /// The whole message is at the switch: all legs may have it (CF-LM-23, CC-85).
    fn stored(&mut self, mut whole: Whole, cx: &mut Context<'_>) {
        if !matches!(self.message, Incoming::Awaited) {
            return;
        }
        // One conference, one message: a further one would be lost, and is refused.
        if let Some(session) = self.inbound.session() {
            session.refuse(cx);
        }
        if whole.size == 0 {
            return self.left();
        }
        let store = core::mem::take(&mut whole.store);
        let (mime, size) = (core::mem::take(&mut whole.mime), whole.size);
        let report = match cx.config.profile.cf_report {
            CfReportPolicy::OnStored => {
                self.report(&whole, 200, cx);
                Reporting::Done
            }
            CfReportPolicy::OnAllDelivered | CfReportPolicy::OnFirstDelivered => {
                Reporting::Owed(Box::new(whole))
            }
        };
        self.message = Incoming::Stored {
            mime,
            size,
            store,
            report,
        };
        self.sweep = Sweep::Deliver { next: 0 };
    }

    /// The originator is gone, and with it what is not complete: CANCEL or BYE to each leg as it stands
    /// (CF-LM-09, CC-78, CC-80). What is stored is delivered all the same (CC-81).
    fn left(&mut self) {
        if matches!(self.message, Incoming::Awaited) {
            self.abort(Outcome::Failed(Failure::NothingToSend));
        }
    }

    fn abort(&mut self, why: Outcome) {
        if !matches!(self.message, Incoming::Done) {
            self.message = Incoming::Lost;
        }
        self.sweep = Sweep::End { next: 0, why };
    }

    fn report(&mut self, whole: &Whole, status: u16, cx: &mut Context<'_>) {
        if let Some(session) = self.inbound.session() {
            session.report(whole, status, cx);
        }
    }

    /// Whoever has nothing more to do here and does not leave is shown out (DR-09).
    fn dismiss(&mut self, cx: &mut Context<'_>) {
        if matches!(self.message, Incoming::Done) {
            let reason = (self.taken == 0).then_some(NOBODY);
            self.inbound.end(Outcome::Cancelled, reason, cx);
        }
    }

    /// Octets of the message as long as it is not complete. No member's leg takes any.
    pub(super) fn held(&self) -> u64 {
        self.inbound.held()
    }

    /// An event of a member's leg.
    fn member(&mut self, id: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        let cx = &mut cx.on(id);
        let Some(member) = self.find(id) else {
            // It is gone, and something still comes for it (CC-82).
            return stranger(event, cx);
        };
        if matches!(event, Event::Timer(Timer::Patience)) {
            if member.window == Window::Held {
                member.window = Window::Free;
                self.awaited -= 1;
            }
            return;
        }
        self.step(id, cx, |member, message, cx| match event {
            Event::Timer(Timer::Delivery) => member.end(Outcome::Failed(Failure::TooSlow), cx),
            event => {
                let upcall = member.leg.handle(event, cx);
                member.hear(upcall, message, cx);
            }
        });
    }

    /// The member whose leg this is; none if another one has its place.
    fn find(&mut self, id: LegId) -> Option<&mut Member> {
        let place = id.slot().checked_sub(1)?;
        let slot = self.legs.get_mut(usize::try_from(place).ok()?)?;
        (slot.generation & 0xFFF == id.generation())
            .then_some(slot.member.as_mut())
            .flatten()
    }

    /// Lets a member act, keeps count of the outcomes, and gives its place back when its leg is closed.
    /// The originator hears nothing of it (CF-LM-24).
    fn step(
        &mut self,
        id: LegId,
        cx: &mut Context<'_>,
        act: impl FnOnce(&mut Member, &Incoming, &mut Context<'_>),
    ) {
        let place = id.slot().wrapping_sub(1);
        let slot = self.legs.get_mut(place as usize);
        let Some((generation, member)) =
            slot.and_then(|slot| Some((&mut slot.generation, slot.member.as_mut()?)))
        else {
            return;
        };
        let decided = matches!(member.progress, Progress::Over(_));
        act(member, &self.message, cx);
        // A call that is repeated (422) has not been heard either, and keeps its place.
        if member.window == Window::Held && !member.leg.is_unheard() {
            member.window = Window::Free;
            self.awaited -= 1;
            cx.stop(Timer::Patience);
        }
        let closed = member.leg.is_closed();
        if closed {
            // Whatever it was that closed it has said why; this is for what nobody thought of.
            member.decide(Outcome::Failed(Failure::Incomplete), cx);
        }
        if let (false, Progress::Over(outcome)) = (decided, member.progress) {
            self.open -= 1;
            self.taken += u32::from(outcome == Outcome::Sent);
        }
        if closed {
            cx.stop(Timer::Delivery);
            cx.act(Action::Closed);
            *generation = generation.wrapping_add(1);
            if let Some(slot) = self.legs.get_mut(place as usize) {
                slot.member = None;
            }
            self.free.push(place);
            self.live -= 1;
        }
    }

    /// Whatever there is room for in this call: work on all legs, then further invitations, then
    /// what the originator is owed.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        if self.continued {
            // It has its turn: an event that means nothing must not come to mean more.
            return;
        }
        let mut first = cx.on(LegId::FIRST);
        let cx = &mut first;
        if !self.sweep(cx) || !self.invite(cx) || !self.conclude(cx) {
            self.continued = true;
            cx.start(Timer::Continue, core::time::Duration::ZERO);
        }
    }

    /// Does for every leg what is to be done for every leg; false if there was no room for all.
    fn sweep(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let place = match &mut self.sweep {
                Sweep::No => return true,
                Sweep::Deliver { next } | Sweep::End { next, .. } => next,
            };
            let Some(slot) = self.legs.get(*place) else {
                break;
            };
            if !has_room(STEP, cx) {
                return false;
            }
            let id = LegId::new(*place as u32 + 1, slot.generation);
            *place += 1;
            let sweep = self.sweep;
            self.step(id, &mut cx.on(id), |member, message, cx| match sweep {
                Sweep::Deliver { .. } => member.deliver(message, cx),
                Sweep::End { why, .. } => member.end(why, cx),
                Sweep::No => {}
            });
        }
        if let Sweep::End { why, .. } = self.sweep {
            // Those who were never invited have an outcome too.
            while let Some(uri) = self.members.get(self.next) {
                if !has_room(2, cx) {
                    return false;
                }
                let recipient = u32::try_from(self.next).unwrap_or(u32::MAX);
                name(recipient, uri.clone(), cx);
                tell(recipient, why, cx);
                self.next += 1;
            }
        }
        self.sweep = Sweep::No;
        true
    }

    /// Invites members while the window, the number of legs and the batch allow (CF-LM-11 to CF-LM-18).
    fn invite(&mut self, cx: &mut Context<'_>) -> bool {
        let limits = &cx.config.limits;
        let legs = limits.legs.clamp(1, LegId::MAX_SLOT);
        while self.awaited < limits.in_flight.max(1) && self.live < legs {
            let Some(uri) = self.members.get(self.next).cloned() else {
                break;
            };
            if !has_room(STEP, cx) {
                return false;
            }
            let recipient = u32::try_from(self.next).unwrap_or(u32::MAX);
            name(recipient, uri.clone(), cx);
            let place = self.free.pop().unwrap_or_else(|| {
                self.legs.push(Slot {
                    generation: 0,
                    member: None,
                });
                self.live
            });
            let Some(slot) = self.legs.get_mut(place as usize) else {
                break;
            };
            let id = LegId::new(place + 1, slot.generation);
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
            self.open += 1;
            self.awaited += 1;
        }
        true
    }

    /// The reports that were put off, the end of a conference that has nobody left, and of the
    /// machine; false if there was no room for it.
    fn conclude(&mut self, cx: &mut Context<'_>) -> bool {
        let over = self.open == 0 && self.next == self.members.len();
        let policy = cx.config.profile.cf_report;
        let first = policy == CfReportPolicy::OnFirstDelivered && self.taken > 0;
        if !over && !first {
            return true;
        }
        if !has_room(STEP, cx) {
            return false;
        }
        if let Incoming::Stored { report, .. } = &mut self.message
            && let Reporting::Owed(whole) = core::mem::replace(report, Reporting::Done)
        {
            // Nobody took it: as a relay says that its next hop did not (DR-10).
            let status = if self.taken > 0 { 200 } else { 408 };
            self.report(&whole, status, cx);
        }
        let waits = !matches!(self.message, Incoming::Done) && !self.inbound.is_closed();
        if over && waits {
            if matches!(self.message, Incoming::Awaited) {
                // Nobody is left before the message is here: it need not go on (CC-87).
                if let Some(session) = self.inbound.session() {
                    session.refuse(cx);
                }
                let why = Outcome::Failed(Failure::NotReachable);
                self.inbound.end(why, Some(NOBODY), cx);
            }
            // Else its own BYE is due; without one the leg would stay as long as it likes.
            self.message = Incoming::Done;
            cx.start(Timer::Delivery, cx.config.limits.final_wait);
        }
        if over && self.live == 0 && self.inbound.is_closed() {
            if matches!(self.message, Incoming::Done) {
                cx.stop(Timer::Delivery);
            }
            if self.continued {
                cx.stop(Timer::Continue);
            }
            cx.act(Action::Closed);
            self.finished = true;
        }
        true
    }
}

impl Member {
    fn hear(&mut self, upcall: Upcall, message: &Incoming, cx: &mut Context<'_>) {
        match (self.progress, upcall) {
            (_, Upcall::Page(txn)) => Refused::plain(403).respond_within(txn, SERVER, cx),
            (Progress::Over(_), _) => {}
            (Progress::Inviting, Upcall::Answered { .. }) => {
                self.progress = Progress::Answered;
                self.deliver(message, cx);
            }
            (Progress::Answered, Upcall::Media(Media::Up)) => self.deliver(message, cx),
            (Progress::Sending, Upcall::Media(Media::Wants(id, at, most))) => {
                self.supply(message, (id, at), most, cx);
            }
            // Not a chat: the leg ends when it has the message (CF-LM-25).
            (Progress::Sending, Upcall::Media(Media::Taken(_))) => self.end(Outcome::Sent, cx),
            (Progress::Sending, Upcall::Media(Media::Failed(_, why))) => {
                self.end(Outcome::Failed(why), cx);
            }
            (_, Upcall::PeerLeft) => self.decide(Outcome::Failed(Failure::Incomplete), cx),
            (_, Upcall::Left(outcome)) => self.decide(outcome, cx),
            (
                Progress::Inviting | Progress::Answered | Progress::Sending,
                Upcall::Nothing | Upcall::Ringing | Upcall::Answered { .. } | Upcall::Media(_),
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
            size: Some(*size),
            mime: mime.clone(),
            success: false,
            failure: FailureReport::Yes,
        };
        if let Upcall::Media(Media::Wants(id, at, most)) = self.leg.send(letter, cx) {
            self.supply(message, (id, at), most, cx);
        }
    }

    /// The next octets, each leg at its own pace over one store.
    fn supply(
        &mut self,
        message: &Incoming,
        (id, at): (MessageId, u64),
        most: usize,
        cx: &mut Context<'_>,
    ) {
        if let Incoming::Stored { store, .. } = message {
            self.leg.supply(id, store.slice(at, most), cx);
        }
    }

    fn end(&mut self, why: Outcome, cx: &mut Context<'_>) {
        if !matches!(self.progress, Progress::Over(_)) {
            self.decide(why, cx);
            self.leg.end(why, None, cx);
        }
    }

    /// Tells the outcome, once.
    fn decide(&mut self, outcome: Outcome, cx: &mut Context<'_>) {
        if !matches!(self.progress, Progress::Over(_)) {
            self.progress = Progress::Over(outcome);
            tell(self.recipient, outcome, cx);
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
                lines.copied_from(head, anonymous);
            }
        }
        lines
            .line("Max-Forwards", hop_limit(head))
            .contact(speaker, true)
            .accept_contact(config.profile.accept_contact_server)
            .accept_large(config.profile.accept_contact_server)
            .user_agent(speaker)
            .line("Allow", ALLOW)
            .supported()
            .privacy(anonymous)
            .asserted(head);
        if !anonymous {
            lines.copied(head, "Subject");
        }
        let lines = lines.take();
        let shown = if anonymous {
            Identity::Hidden
        } else {
            Identity::Shown
        };
        Self {
            speaker,
            lines: Bytes::copy_from_slice(&lines),
            history,
            forwarded: Forwarded::select(config, sdp, shown),
        }
    }

    /// One invitation: its own path, the rest as selected from the originator's offer (CF-LM-14 to CF-LM-17).
    fn invite(&self, target: Uri, cx: &mut Context<'_>) -> Leg {
        let config = cx.config;
        let wanted = self.forwarded.wanted(config.limits.stored);
        let offered = offer::offer(config, cx.mint(), &wanted, cx.scratch());
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

fn name(recipient: u32, uri: Uri, cx: &mut Context<'_>) {
    cx.act(Action::Tell(Notice::Member(RecipientId(recipient), uri)));
}

fn tell(recipient: u32, outcome: Outcome, cx: &mut Context<'_>) {
    cx.act(Action::Tell(Notice::Outcome(
        THE_MESSAGE,
        RecipientId(recipient),
        outcome,
    )));
}

#[cfg(test)]
#[path = "../states/distribution.rs"]
pub(crate) mod states;
