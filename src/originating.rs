//! The originating client: one message, by MESSAGE or as a large message, as its size decides.

mod draft;
mod request;

pub use draft::{Content, Draft, External, Misuse, Mode, PathKnowledge, Recipient, Target, mode};
use request::{Message, Settled, settle};

use alloc::boxed::Box;

use crate::leg::{Leg, Upcall, stranger};
use crate::msrp::{Letter, Upcall as Media};
use crate::page::{Inbox, Page};
use crate::profile::SizeBasis;
use crate::{
    Action, Context, DialogView, Event, Failure, LegId, Machine, MessageId, Notice, Outcome,
    RecipientId, Response, Timer,
};

/// Sends one message.
///
/// | state | event | what happens | next |
/// |---|---|---|---|
/// | idle | send, small | MESSAGE | paging |
/// | idle | send, large | INVITE | large |
/// | paging | 413, 513 | INVITE, once (D-03) | large |
/// | paging | other final, none | outcome | closed |
/// | large | 2xx with a good answer | ACK; the message is sent when the session is bound | large |
/// | large | other 2xx | ACK, BYE | large |
/// | large | all octets taken, or confirmed where that was asked for (D-09) | BYE | large |
/// | large | failure at either plane | `#` if midway, BYE | large |
/// | large | the leg is closed | outcome | telling |
/// | telling | continue | more outcomes | closed |
///
/// # Examples
///
/// ```
/// use simple_im::{Account, Actions, Config, Context, Entropy, MsrpAuthority, Uri};
/// use simple_im::{Content, Originating, Draft, Target};
///
/// struct Dice(u64);
/// impl Entropy for Dice {
///     fn draw(&mut self) -> u64 {
///         self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
///         self.0
///     }
/// }
///
/// let alice = Account::new(Uri::copy("sip:alice@example.com")?, Uri::copy("sip:alice@192.0.2.1")?);
/// let msrp = MsrpAuthority { host: "192.0.2.1".into(), port: 2855, tls: false };
/// let config = Config::new(alice, msrp, [1, 2]);
/// let (mut dice, mut actions) = (Dice(7), Actions::new());
///
/// let mut machine = Originating::new();
/// let draft = Draft::new(Target::One(Uri::copy("sip:bob@example.com")?), Content::text("hi"));
/// machine.send(draft, &mut Context::new(&config, &mut dice, &mut actions)).unwrap();
/// assert_eq!(actions.len(), 1, "one MESSAGE");
/// # Ok::<(), simple_im::Flaw>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Originating {
    state: State,
    inbox: Inbox,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Idle,
    Paging {
        page: Page,
        message: Message,
    },
    Large {
        leg: Leg,
        message: Message,
        progress: Progress,
    },
    /// The outcome is being told to a list of recipients.
    Telling(Told),
    Closed,
}

/// How far an outcome has been told.
#[derive(Clone, Copy, Debug)]
struct Told {
    outcome: Outcome,
    recipients: u32,
    next: u32,
    leg: Open,
}

/// Whether a leg is to be closed after the last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Yes,
    No,
}

/// How far a large message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// No answer to the INVITE.
    Calling,
    /// The session is agreed on; octets go out as soon as it is bound.
    Sending { focus: bool },
    /// Every octet is taken; success reports are awaited.
    AwaitReport { focus: bool },
    /// The outcome is known; the leg is being closed.
    Ending { outcome: Outcome, focus: bool },
}

/// Only one message travels on a machine.
const THE_MESSAGE: MessageId = MessageId(0);

impl Originating {
    /// A client that has nothing to send yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a message, by MESSAGE or as a large message (OC-PM-01, OC-PM-08, OC-LM-01, OC-LM-15).
    ///
    /// Its outcome is told once for each recipient: for a list in the order of the list without
    /// duplicates and without the sender, for a group once.
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing has been sent then.
    pub fn send(&mut self, draft: Draft, cx: &mut Context<'_>) -> Result<MessageId, Misuse> {
        if !matches!(self.state, State::Idle) {
            return Err(Misuse::InUse);
        }
        if draft.content.body.is_empty() {
            return Err(Misuse::EmptyMessage);
        }
        if !draft.content.kind().contains('/')
            || draft.content.kind.iter().any(u8::is_ascii_control)
        {
            return Err(Misuse::Malformed);
        }
        // Only one dialog is replaced, and only by a dialog: a page is none.
        let one = matches!(draft.target, Target::One(_));
        let fits = |old: &DialogView| one && old.replaces().is_some();
        if !draft.replaces.as_ref().is_none_or(fits) {
            return Err(Misuse::NotReplaceable);
        }
        let message = Message {
            target: settle(draft.target, cx)?,
            content: draft.content,
            anonymous: draft.anonymous,
            success: draft.success_report,
            failure: draft.failure_report,
        };
        let profile = &cx.config.profile;
        let pager = |size| {
            matches!(
                mode(size, draft.path, profile),
                Mode::PagerSmall | Mode::PagerSafePath
            )
        };
        // What is too large by itself need not be copied into a request to be measured.
        if draft.replaces.is_none() && pager(message.content.body.len()) {
            // The rule is for the request as it will be: all headers, all octets, the list too (CC-27, CC-28, CC-29).
            let page = message.page(cx)?;
            let size = match profile.size_basis {
                SizeBasis::WholeRequest => page.wire_len(),
                SizeBasis::BodyOnly => page.body.len(),
                SizeBasis::ContentOnly => message.content.body.len(),
            };
            if pager(size) {
                let page = Page::send(page, cx);
                self.state = State::Paging { page, message };
                return Ok(THE_MESSAGE);
            }
        }
        self.state = State::Large {
            leg: message.invite(draft.replaces.as_ref(), cx)?,
            message,
            progress: Progress::Calling,
        };
        Ok(THE_MESSAGE)
    }

    /// Takes the message back: CANCEL as soon as that is allowed, BYE if the session is up
    /// (OC-LM-34, CC-59). A page cannot be taken back (RFC 3261 §9.1), nor can a message that the peer
    /// has: then only the wait for its report ends.
    ///
    /// # Errors
    ///
    /// [`Misuse::NothingToCancel`] if there is no large message under way.
    pub fn cancel(&mut self, cx: &mut Context<'_>) -> Result<(), Misuse> {
        let State::Large { leg, progress, .. } = &mut self.state else {
            return Err(Misuse::NothingToCancel);
        };
        let (outcome, focus) = match *progress {
            Progress::Calling => (Outcome::Cancelled, false),
            Progress::Sending { focus } => (Outcome::Cancelled, focus),
            Progress::AwaitReport { focus } => (Outcome::Sent, focus),
            Progress::Ending { .. } => return Err(Misuse::NothingToCancel),
        };
        stop_waiting(*progress, cx);
        *progress = Progress::Ending { outcome, focus };
        leg.end(outcome, None, cx);
        Ok(())
    }

    fn paging(
        &mut self,
        page: Page,
        message: Message,
        event: &Event<'_>,
        cx: &mut Context<'_>,
    ) -> State {
        let Some(last) = page.handle(event) else {
            stranger(*event, cx);
            return State::Paging { page, message };
        };
        let too_big = last
            .response
            .is_some_and(|response| matches!(response.status.0, 413 | 513));
        if too_big && cx.config.profile.pager_too_big_fallback {
            // Once: what follows is a large message, which has no way back (D-03, CC-36).
            if let Ok(leg) = message.invite(None, cx) {
                return State::Large {
                    leg,
                    message,
                    progress: Progress::Calling,
                };
            }
        }
        if let Some(response) = last.response {
            explain(response, cx);
        }
        message.told(last.outcome, Open::No).tell(cx)
    }

    fn large(
        &mut self,
        mut leg: Leg,
        message: Message,
        mut progress: Progress,
        event: Event<'_>,
        cx: &mut Context<'_>,
    ) -> State {
        if matches!(event, Event::Timer(Timer::SuccessReport)) {
            if let Progress::AwaitReport { focus } = progress {
                progress = message.end(&mut leg, Outcome::Unconfirmed, focus, cx);
            }
        } else {
            let upcall = leg.handle(event, cx);
            match (&upcall, event) {
                (Upcall::Page(txn), Event::Request(_, request)) => {
                    self.inbox.arrive(*txn, request, cx);
                }
                (Upcall::Left(_), Event::Response(_, response))
                    if progress == Progress::Calling =>
                {
                    explain(response, cx);
                }
                _ => {}
            }
            progress = message.step(&mut leg, progress, upcall, cx);
        }
        if !leg.is_closed() {
            return State::Large {
                leg,
                message,
                progress,
            };
        }
        self.inbox.close(cx);
        let outcome = match progress {
            Progress::Ending { outcome, .. } => outcome,
            _ => Outcome::Failed(Failure::Incomplete),
        };
        message.told(outcome, Open::Yes).tell(cx)
    }
}

impl Told {
    /// Tells the outcome to each recipient, a batch at a time.
    fn tell(mut self, cx: &mut Context<'_>) -> State {
        while self.next < self.recipients {
            if cx.pushed() + 2 >= cx.config.limits.batch.max(32) {
                cx.start(Timer::Continue, core::time::Duration::ZERO);
                return State::Telling(self);
            }
            let recipient = RecipientId(self.next);
            let notice = Notice::Outcome(THE_MESSAGE, recipient, self.outcome);
            cx.act(Action::Tell(notice));
            self.next += 1;
        }
        if self.leg == Open::Yes {
            cx.act(Action::Closed);
        }
        State::Closed
    }
}

impl Machine for Originating {
    fn handle(&mut self, leg: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        if leg != LegId::FIRST {
            return stranger(event, cx);
        }
        if let Event::Answer(ask, answer) = event {
            self.inbox.answer(ask, answer, cx);
            return;
        }
        if let Event::Timer(Timer::Decide) = event {
            return self.inbox.give_up(cx);
        }
        self.state = match (core::mem::take(&mut self.state), event) {
            (State::Paging { page, message }, event) => self.paging(page, message, &event, cx),
            (
                State::Large {
                    leg,
                    message,
                    progress,
                },
                event,
            ) => self.large(leg, message, progress, event, cx),
            (State::Telling(told), Event::Timer(Timer::Continue)) => told.tell(cx),
            (state @ (State::Idle | State::Telling(_) | State::Closed), event) => {
                stranger(event, cx);
                state
            }
        };
    }

    fn close(&mut self, cx: &mut Context<'_>) {
        match &self.state {
            State::Idle => self.state = State::Closed,
            State::Large { .. } => {
                let _ = self.cancel(cx);
            }
            // Nothing can hurry these.
            State::Paging { .. } | State::Telling(_) | State::Closed => {}
        }
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn dialog(&self, leg: LegId, remote_tag: Option<&str>) -> Option<DialogView> {
        match &self.state {
            State::Large { leg: own, .. } if leg == LegId::FIRST => own.dialog(remote_tag),
            _ => None,
        }
    }
}

impl Message {
    /// One step of a large message: what the leg says, and how far we are.
    fn step(
        &self,
        leg: &mut Leg,
        progress: Progress,
        upcall: Upcall,
        cx: &mut Context<'_>,
    ) -> Progress {
        match (progress, upcall) {
            (_, Upcall::Ringing) => {
                cx.act(Action::Tell(Notice::Ringing));
                progress
            }
            (Progress::Calling, Upcall::Answered { focus }) => self.agreed(leg, focus, cx),
            (
                Progress::Sending { .. } | Progress::AwaitReport { .. },
                Upcall::Media(Media::Wants(id, at, most)),
            ) => {
                self.supply(leg, (id, at), most, cx);
                progress
            }
            (Progress::Sending { focus }, Upcall::Media(Media::Taken(_))) => {
                if self.wants_report(focus) {
                    cx.start(Timer::SuccessReport, cx.config.profile.report_wait);
                    return Progress::AwaitReport { focus };
                }
                // The last octet is taken: BYE by ourselves (OC-LM-02, OC-LM-32, UP-06).
                self.end(leg, Outcome::Sent, focus, cx)
            }
            // The report may come before the last response: it says more (CC-53).
            (
                Progress::Sending { focus } | Progress::AwaitReport { focus },
                Upcall::Media(Media::Confirmed(_)),
            ) => {
                stop_waiting(progress, cx);
                self.end(leg, confirmed(focus), focus, cx)
            }
            (
                Progress::Sending { focus } | Progress::AwaitReport { focus },
                Upcall::Media(Media::Failed(_, why)),
            ) => {
                stop_waiting(progress, cx);
                self.end(leg, Outcome::Failed(why), focus, cx)
            }
            // It has everything: that the session ends at once changes nothing (CC-44, DR-11). Before,
            // whatever ends the session ends the message (CC-50).
            (Progress::AwaitReport { focus }, Upcall::PeerLeft | Upcall::Left(_)) => {
                stop_waiting(progress, cx);
                Progress::Ending {
                    outcome: Outcome::Sent,
                    focus,
                }
            }
            // It has not (CC-45).
            (Progress::Sending { .. } | Progress::Calling, Upcall::PeerLeft) => Progress::Ending {
                outcome: Outcome::Failed(Failure::Incomplete),
                focus: false,
            },
            // Not too late while the session is there (CC-54).
            (
                Progress::Ending {
                    outcome: Outcome::Sent | Outcome::Unconfirmed,
                    focus,
                },
                Upcall::Media(Media::Confirmed(_)),
            ) => Progress::Ending {
                outcome: confirmed(focus),
                focus,
            },
            (Progress::Ending { .. }, _) => progress,
            (Progress::Calling | Progress::Sending { .. }, Upcall::Left(outcome)) => {
                Progress::Ending {
                    outcome,
                    focus: false,
                }
            }
            (_, Upcall::Nothing | Upcall::Media(_) | Upcall::Page(_) | Upcall::Answered { .. }) => {
                progress
            }
        }
    }

    /// The answer is there: is it one that takes this message?
    fn agreed(&self, leg: &mut Leg, focus: bool, cx: &mut Context<'_>) -> Progress {
        let media = leg.session().and_then(|session| session.media());
        let why = match media {
            // No octet is sent to a peer that does not list its type (CC-47, table 3.5), or takes less (CC-48).
            Some(media) if !media.can_send => Failure::BadAnswer,
            Some(media) if !self.content.suits(media) => Failure::UnsupportedType,
            Some(media) if media.max_size.is_some_and(|most| self.size() > most) => {
                Failure::TooLarge
            }
            Some(_) => return self.begin(leg, focus, cx),
            None => Failure::BadAnswer,
        };
        self.end(leg, Outcome::Failed(why), focus, cx)
    }

    /// Hands the message to the session, which sends it when it is bound (CC-58).
    fn begin(&self, leg: &mut Leg, focus: bool, cx: &mut Context<'_>) -> Progress {
        let mime = self.content.lines(cx);
        let letter = Letter {
            size: Some(self.size()),
            mime,
            // A focus only says that it took the job: ask what it did (OC-LM-30, D-27).
            success: self.wants_report(focus),
            failure: self.failure,
        };
        let upcall = leg.send(letter, cx);
        self.step(leg, Progress::Sending { focus }, upcall, cx)
    }

    fn size(&self) -> u64 {
        self.content.body.len() as u64
    }

    fn wants_report(&self, focus: bool) -> bool {
        focus || self.success
    }

    fn supply(&self, leg: &mut Leg, (id, at): (MessageId, u64), most: usize, cx: &mut Context<'_>) {
        let body = &self.content.body;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
        leg.supply(
            id,
            body.slice(from..from.saturating_add(most).min(body.len())),
            cx,
        );
    }

    /// The session has done what it was for, or cannot: it is released (OC-LM-31, OC-LM-33).
    fn end(&self, leg: &mut Leg, outcome: Outcome, focus: bool, cx: &mut Context<'_>) -> Progress {
        leg.end(outcome, None, cx);
        Progress::Ending { outcome, focus }
    }

    fn recipients(&self) -> u32 {
        match &self.target {
            Settled::One(_) | Settled::Group(_) => 1,
            Settled::List(entries) => u32::try_from(entries.len()).unwrap_or(u32::MAX),
        }
    }

    fn told(&self, outcome: Outcome, leg: Open) -> Told {
        let outcome = match (&self.target, outcome) {
            // A server that does not serve lists says 403 and no more (D-21). It may say the same of anonymity.
            (Settled::List(_), Outcome::Failed(Failure::Forbidden)) if !self.anonymous => {
                Outcome::Failed(Failure::ListUnsupported)
            }
            _ => outcome,
        };
        Told {
            outcome,
            recipients: self.recipients(),
            next: 0,
            leg,
        }
    }
}

/// A focus confirms that it took the job, and says nothing of the recipients (CC-61).
fn confirmed(focus: bool) -> Outcome {
    if focus {
        Outcome::AcceptedByServer
    } else {
        Outcome::Delivered
    }
}

/// Hands a final refusal over: where else to try, when, and what was wrong.
fn explain(response: &Response, cx: &mut Context<'_>) {
    if response.status.0 >= 300 {
        cx.act(Action::Tell(Notice::Refused(Box::new(response.clone()))));
    }
}

fn stop_waiting(progress: Progress, cx: &mut Context<'_>) {
    if let Progress::AwaitReport { .. } = progress {
        cx.stop(Timer::SuccessReport);
    }
}

#[cfg(test)]
#[path = "states/originating.rs"]
pub(crate) mod states;
