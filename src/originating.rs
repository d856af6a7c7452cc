//! The originating client: one message, by MESSAGE or as a large message, as its size decides.

use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::compose::{ALLOW, Lines, Speaker};
use crate::leg::{Invitation, Leg, Refused, Upcall};
use crate::msrp::{Keep, Letter, Upcall as Media};
use crate::offer::{self, Direction, Identity, Negotiated, Wanted};
use crate::page::{self, Inbox, Page};
use crate::profile::{MultipartPolicy, Profile, SessionParam, SizeBasis};
use crate::roster::{self, CopyControl, Entry};
use crate::wire::{lists, mime};
use crate::{
    Action, ClientTxn, Context, Event, Failure, FailureReport, LegId, Machine, MessageId, Notice,
    Outcome, Outgoing, RecipientId, Status, Timer, Uri,
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
#[expect(
    clippy::large_enum_variant,
    reason = "a machine is in one state; a box would cost a block a message"
)]
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

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// To whom.
    pub target: Target,
    /// What.
    pub content: Content,
    /// Whether the sender wants to stay anonymous (OC-PM-06).
    pub anonymous: bool,
    /// What is known of the way to the recipient (D-03).
    pub path: PathKnowledge,
    /// Whether the recipient is asked to confirm a large message.
    pub success_report: bool,
    /// Which failures of a large message are reported.
    pub failure_report: FailureReport,
}

impl Draft {
    /// A message that is not anonymous, over an unknown path, with the default reports.
    pub fn new(target: Target, content: Content) -> Self {
        Self {
            target,
            content,
            anonymous: false,
            path: PathKnowledge::Unknown,
            success_report: false,
            failure_report: FailureReport::Yes,
        }
    }
}

/// To whom a message goes (D-04).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// One user.
    One(Uri),
    /// Several users, listed in the request; the home service distributes it.
    List(Vec<Recipient>),
    /// A group that its server knows the members of.
    Group(Uri),
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The address.
    pub uri: Uri,
    /// How the other recipients see it (RFC 5364); `None` is as `Bcc` and shows nobody.
    pub copy: Option<CopyControl>,
    /// Whether the others see that there is someone, but not who.
    pub anonymize: bool,
    /// Whether the address is a group's (D-26).
    pub group: bool,
}

impl Recipient {
    /// A user, without copy control.
    pub fn new(uri: Uri) -> Self {
        Self {
            uri,
            copy: None,
            anonymize: false,
            group: false,
        }
    }
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The media type with its parameters.
    pub kind: Bytes,
    /// The octets.
    pub body: Bytes,
    /// Whether it must not be rendered by itself (UP-05). Of `message/cpim` the wrapped part says so.
    pub attachment: bool,
}

impl Content {
    /// `text/plain;charset=UTF-8`.
    pub fn text(text: &str) -> Self {
        Self::new(
            "text/plain;charset=UTF-8",
            Bytes::copy_from_slice(text.as_bytes()),
        )
    }

    /// Any content of the given media type.
    pub fn new(kind: &str, body: Bytes) -> Self {
        Self {
            kind: Bytes::copy_from_slice(kind.as_bytes()),
            body,
            attachment: false,
        }
    }

    /// Content that is elsewhere: `message/external-body` with a URL (OC-PM-15, UP-04, RFC 4483). Its
    /// octets are the header lines of what is found there.
    ///
    /// # Errors
    ///
    /// [`Misuse::Malformed`] if the URL, the media type or the disposition is none, or a value holds what
    /// cannot stand between quotes.
    pub fn external(what: &External<'_>) -> Result<Self, Misuse> {
        let quotable = |text: &str| {
            let plain = |octet: u8| matches!(octet, b' '..=b'~') && octet != b'"' && octet != b'\\';
            !text.is_empty() && text.bytes().all(plain)
        };
        let named = |text: &str| text.bytes().all(|octet| !octet.is_ascii_control());
        let sound = quotable(what.url)
            && what.url.contains(':')
            && !what.url.contains(' ')
            && quotable(what.expiration)
            && named(what.kind)
            && what.kind.contains('/')
            && named(what.disposition)
            && !what.disposition.is_empty();
        if !sound {
            return Err(Misuse::Malformed);
        }
        let mut kind = format!(
            "message/external-body;access-type=\"URL\";expiration=\"{}\";URL=\"{}\"",
            what.expiration, what.url
        );
        if let Some(size) = what.size {
            kind += &format!(";size={size}");
        }
        if let Some(hash) = what.hash {
            kind += ";hash=";
            for octet in hash {
                kind += &format!("{octet:02X}");
            }
        }
        let body = format!(
            "Content-Type: {}\r\nContent-Disposition: {}\r\n\r\n",
            what.kind, what.disposition
        );
        Ok(Self::new(&kind, Bytes::from(body)))
    }

    fn kind(&self) -> &str {
        core::str::from_utf8(&self.kind).unwrap_or_default()
    }
}

/// Content that is elsewhere, for [`Content::external`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External<'a> {
    /// Where it is: an absolute `http` or `https` URL.
    pub url: &'a str,
    /// Until when it can be fetched, as the Date of SIP is written: `Mon, 24 Jun 2002 09:00:00 GMT`.
    /// Mandatory (RFC 4483 §5.7).
    pub expiration: &'a str,
    /// Its size in octets.
    pub size: Option<u64>,
    /// Its SHA-1.
    pub hash: Option<[u8; 20]>,
    /// Its media type with parameters.
    pub kind: &'a str,
    /// Its Content-Disposition: `render`, `attachment`, with parameters such as `handling=optional`.
    pub disposition: &'a str,
}

/// What the host knows of the way to the recipient. That the first hop is TCP says nothing (D-03).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathKnowledge {
    /// Nothing.
    #[default]
    Unknown,
    /// Every hop is over a congestion-controlled transport.
    CongestionSafeEndToEnd,
}

/// How a message travels, and why (OC-PM-01, OC-LM-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// MESSAGE: it is below the limit.
    PagerSmall,
    /// MESSAGE: it is not, but the whole path is known to be safe.
    PagerSafePath,
    /// Large message: it is not below the limit.
    LargeTooBig,
    /// Large message: the path is safe, and it is above `max_pager_size` all the same.
    LargeAboveMost,
}

/// The size rule. `size` is counted in octets as `profile.size_basis` says.
pub fn mode(size: usize, path: PathKnowledge, profile: &Profile) -> Mode {
    let size = match profile.size_basis {
        SizeBasis::WholeRequest => size.saturating_add(profile.expected_overhead),
        SizeBasis::BodyOnly | SizeBasis::ContentOnly => size,
    };
    match path {
        // Strictly below: exactly 1300 octets are too many (D-02).
        _ if size < profile.pager_limit => Mode::PagerSmall,
        PathKnowledge::Unknown => Mode::LargeTooBig,
        PathKnowledge::CongestionSafeEndToEnd => match profile.max_pager_size {
            Some(most) if size > most => Mode::LargeAboveMost,
            _ => Mode::PagerSafePath,
        },
    }
}

/// Why a command was not carried out. The machine is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The machine has had its message.
    InUse,
    /// There is nothing to cancel.
    NothingToCancel,
    /// A message without content (CC-38, CC-55).
    EmptyMessage,
    /// Nobody is left after the sender and duplicates are gone (CC-31).
    NoRecipient,
    /// More recipients than `limits.list_entries`.
    TooManyRecipients,
    /// A list needs the factory or exploder URI of the home service, and none is provisioned (DR-22).
    NotProvisioned,
    /// A header field value with a line break, or a media type that is none.
    Malformed,
}

impl core::fmt::Display for Misuse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::InUse => "the machine has had its message",
            Self::NothingToCancel => "there is nothing to cancel",
            Self::EmptyMessage => "the message is empty",
            Self::NoRecipient => "no recipient is left",
            Self::TooManyRecipients => "too many recipients",
            Self::NotProvisioned => "no factory or exploder URI is provisioned",
            Self::Malformed => "a value holds what it must not",
        })
    }
}

impl core::error::Error for Misuse {}

/// A draft whose recipients are settled.
#[derive(Clone, Debug)]
struct Message {
    target: Settled,
    content: Content,
    anonymous: bool,
    success: bool,
    failure: FailureReport,
}

#[derive(Clone, Debug)]
enum Settled {
    One(Uri),
    List(Vec<Entry>),
    Group(Uri),
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
        let message = Message {
            target: settle(draft.target, cx)?,
            content: draft.content,
            anonymous: draft.anonymous,
            success: draft.success_report,
            failure: draft.failure_report,
        };
        // The rule is for the request as it will be: all headers, all octets, the list too (CC-27, CC-28, CC-29).
        let page = message.page(cx)?;
        let size = match cx.config.profile.size_basis {
            SizeBasis::WholeRequest => page.wire_len(),
            SizeBasis::BodyOnly => page.body.len(),
            SizeBasis::ContentOnly => message.content.body.len(),
        };
        self.state = match mode(size, draft.path, &cx.config.profile) {
            Mode::PagerSmall | Mode::PagerSafePath => State::Paging {
                page: Page::send(page, cx),
                message,
            },
            Mode::LargeTooBig | Mode::LargeAboveMost => {
                let leg = message.invite(cx)?;
                State::Large {
                    leg,
                    message,
                    progress: Progress::Calling,
                }
            }
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
            if let Ok(leg) = message.invite(cx) {
                return State::Large {
                    leg,
                    message,
                    progress: Progress::Calling,
                };
            }
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
            if let (Upcall::Page(txn), Event::Request(_, request)) = (&upcall, event) {
                self.inbox.arrive(*txn, request, cx);
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
                Upcall::Media(Media::Wants(at, most)),
            ) => {
                self.supply(leg, at, most, cx);
                progress
            }
            (Progress::Sending { focus }, Upcall::Media(Media::Taken)) => {
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
                Upcall::Media(Media::Confirmed),
            ) => {
                stop_waiting(progress, cx);
                self.end(leg, confirmed(focus), focus, cx)
            }
            (
                Progress::Sending { focus } | Progress::AwaitReport { focus },
                Upcall::Media(Media::Failed(why)),
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
                Upcall::Media(Media::Confirmed),
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
            size: self.size(),
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

    fn supply(&self, leg: &mut Leg, at: u64, most: usize, cx: &mut Context<'_>) {
        let body = &self.content.body;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
        leg.supply(
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
            (Settled::List(_), Outcome::Failed(Failure::Status(Status(403))))
                if !self.anonymous =>
            {
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

    /// The MESSAGE that would carry it. Its route set is the stack's (OC-PM-16).
    fn page(&self, cx: &mut Context<'_>) -> Result<Outgoing, Misuse> {
        let config = cx.config;
        let target = self.request_uri(config.account.exploder.as_ref(), cx)?;
        let (kind, body) = match &self.target {
            Settled::One(_) | Settled::Group(_) => (None, self.content.body.clone()),
            Settled::List(entries) => {
                let list = self.list(entries, cx);
                let lines = self.content.lines(cx);
                let content = mime::OutPart {
                    lines: text(&lines),
                    content: &self.content.body,
                };
                let mixed = mime::write_mixed(cx.scratch(), &[content, list_part(&list)]);
                (Some(mixed.content_type), mixed.body)
            }
        };
        let mut lines = cx.lines();
        lines
            .from(config.account.address.as_str(), self.anonymous)
            .line("Max-Forwards", 70)
            .accept_contact(config.profile.accept_contact_message);
        // RFC 3428 §4 forbids it, the seeds demand it (OC-PM-05, D-10).
        if config.profile.contact_in_message {
            lines.contact(Speaker::Client, false);
        }
        if kind.is_some() {
            lines.line("Require", "recipient-list-message");
        }
        lines
            .user_agent(Speaker::Client)
            .line("Supported", "timer")
            .privacy(self.anonymous)
            .identity(Speaker::Client);
        match &kind {
            Some(kind) => lines.line("Content-Type", text(kind)),
            None => self.content.describe(&mut lines),
        };
        let head = lines.take();
        Ok(page::compose(ClientTxn(0), target, head, body, cx))
    }

    /// The INVITE that announces it (OC-LM-03). Its route set is the stack's (OC-LM-29).
    fn invite(&self, cx: &mut Context<'_>) -> Result<Leg, Misuse> {
        let config = cx.config;
        let target = self.request_uri(None, cx)?;
        let id = cx.session_id();
        // One line that says where we are, what we take, that we send and how much (OC-LM-23, OC-LM-24,
        // OC-LM-25, OC-LM-26, OC-LM-27).
        let offered = offer::offer(
            cx,
            id,
            &Wanted {
                direction: Direction::SendOnly,
                accept_types: &config.account.accept_types,
                accept_wrapped_types: &config.account.accept_wrapped_types,
                filelength: config.profile.lm_filelength.then_some(self.size()),
                max_size: None,
                identity: if self.anonymous {
                    Identity::Hidden
                } else {
                    Identity::Shown
                },
            },
        );
        let list = match &self.target {
            Settled::List(entries) => Some(self.list(entries, cx)),
            Settled::One(_) | Settled::Group(_) => None,
        };
        let (kind, body) = described(&offered.sdp, list.as_ref().map(list_part), cx);
        let mut lines = cx.lines();
        lines
            .from(config.account.address.as_str(), self.anonymous)
            .line("Max-Forwards", 70)
            .contact(Speaker::Client, true)
            .accept_contact(config.profile.accept_contact_invite)
            .accept_large(config.profile.accept_contact_invite);
        if list.is_some() {
            lines.line("Require", "recipient-list-invite");
        }
        lines
            .user_agent(Speaker::Client)
            .line("Allow", ALLOW)
            .line("Supported", "timer");
        let lines = lines.take();
        let more = cx
            .lines()
            .privacy(self.anonymous)
            .identity(Speaker::Client)
            .line("Content-Type", text(&kind))
            .take();
        if self.anonymous && matches!(self.target, Settled::One(_)) {
            // The path in our description names our host (DR-20).
            cx.act(Action::Tell(Notice::AnonymityLimited));
        }
        let invitation = Invitation {
            target,
            lines,
            more,
            body,
            offered,
        };
        Ok(Leg::invite(
            invitation,
            Speaker::Client,
            self.anonymous,
            Keep::Nothing,
            cx,
        ))
    }

    /// R-URI and To: the recipient (OC-PM-09, OC-LM-16), the service that distributes to a list (OC-PM-11,
    /// OC-PM-12, OC-LM-18), or the group with its Session Type (OC-PM-13, OC-PM-14, OC-LM-19, OC-LM-20).
    fn request_uri(&self, exploder: Option<&Uri>, cx: &Context<'_>) -> Result<Uri, Misuse> {
        let (account, profile) = (&cx.config.account, &cx.config.profile);
        match &self.target {
            Settled::One(uri) => Ok(uri.clone()),
            Settled::List(_) => {
                let exploder = exploder.filter(|_| profile.use_exploder);
                let service = exploder
                    .or(account.factory.as_ref())
                    .ok_or(Misuse::NotProvisioned)?;
                match profile.session_param {
                    SessionParam::PocAdhoc => of_kind(service, "session=adhoc"),
                    SessionParam::None | SessionParam::Poc | SessionParam::Legacy => {
                        Ok(service.clone())
                    }
                }
            }
            Settled::Group(uri) => match profile.session_param {
                SessionParam::None => Ok(uri.clone()),
                SessionParam::Poc | SessionParam::PocAdhoc => of_kind(uri, "session=prearranged"),
                SessionParam::Legacy => of_kind(uri, "session=imgroup"),
            },
        }
    }

    fn list(&self, entries: &[Entry], cx: &mut Context<'_>) -> Bytes {
        lists::write_list(cx.scratch(), entries);
        cx.block()
    }
}

impl Content {
    /// The MIME header lines, Content-Type last (UP-03, UP-05, CC-62).
    fn lines(&self, cx: &mut Context<'_>) -> Bytes {
        let mut lines = cx.lines();
        self.describe(&mut lines).take()
    }

    fn describe<'l, 'a, 'b>(&self, lines: &'l mut Lines<'a, 'b>) -> &'l mut Lines<'a, 'b> {
        if self.attachment && !self.is_wrapped() {
            lines.line("Content-Disposition", "attachment");
        }
        lines.line("Content-Type", self.kind())
    }

    /// Whether the peer receives this type, and what it wraps (table 3.5).
    fn suits(&self, media: &Negotiated) -> bool {
        let wrapped = self
            .is_wrapped()
            .then(|| mime::wrapped_type(&self.body))
            .flatten();
        media.accepts(self.kind()) && wrapped.is_none_or(|kind| media.accepts_wrapped(kind))
    }

    fn is_wrapped(&self) -> bool {
        offer::matches_any("message/cpim", self.kind())
    }
}

/// Who the recipients are, for the service (OC-PM-10, OC-LM-17).
fn list_part(list: &Bytes) -> mime::OutPart<'_> {
    let lines =
        "Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n";
    mime::OutPart {
        lines,
        content: list,
    }
}

/// The body of an INVITE: the session description, and what goes with it (OC-LM-22, D-06).
pub(crate) fn described(
    sdp: &Bytes,
    more: Option<mime::OutPart<'_>>,
    cx: &mut Context<'_>,
) -> (Bytes, Bytes) {
    let always = cx.config.profile.multipart == MultipartPolicy::Always;
    let part = mime::OutPart {
        lines: "Content-Type: application/sdp\r\n",
        content: sdp,
    };
    let mixed = match more {
        Some(more) => mime::write_mixed(cx.scratch(), &[part, more]),
        None if always => mime::write_mixed(cx.scratch(), &[part]),
        None => return (Bytes::from_static(b"application/sdp"), sdp.clone()),
    };
    (mixed.content_type, mixed.body)
}

/// A header field value of ours.
pub(crate) fn text(value: &Bytes) -> &str {
    core::str::from_utf8(value).unwrap_or_default()
}

/// Who the recipients are: a list without the sender and without duplicates (CC-31), and a list of
/// one is that one (CC-30).
fn settle(target: Target, cx: &Context<'_>) -> Result<Settled, Misuse> {
    let recipients = match target {
        Target::One(uri) => return Ok(Settled::One(uri)),
        Target::Group(uri) => return Ok(Settled::Group(uri)),
        Target::List(recipients) => recipients,
    };
    if recipients.len() > cx.config.limits.list_entries {
        return Err(Misuse::TooManyRecipients);
    }
    let groups: Vec<Uri> = recipients
        .iter()
        .filter(|recipient| recipient.group)
        .map(|recipient| recipient.uri.clone())
        .collect();
    let entry = |recipient: Recipient| Entry {
        uri: recipient.uri,
        copy: recipient.copy,
        anonymize: recipient.anonymize,
    };
    let mut entries = roster::effective(
        recipients.into_iter().map(entry),
        &[&cx.config.account.address],
        &[],
        &cx.config.profile,
    );
    if let [only] = entries.as_slice() {
        let uri = only.uri.clone();
        // A group is a group wherever it was named (CC-39).
        return Ok(if groups.contains(&uri) {
            Settled::Group(uri)
        } else {
            Settled::One(uri)
        });
    }
    if entries.is_empty() {
        return Err(Misuse::NoRecipient);
    }
    // A group inside a list says so (OC-LM-21).
    if cx.config.profile.session_param == SessionParam::Legacy {
        for entry in &mut entries {
            if groups.contains(&entry.uri) {
                entry.uri = of_kind(&entry.uri, "session=pre-arranged")?;
            }
        }
    }
    Ok(Settled::List(entries))
}

/// A URI with the Session Type parameter (D-05).
fn of_kind(uri: &Uri, param: &str) -> Result<Uri, Misuse> {
    uri.with_param(param).map_err(|_| Misuse::Malformed)
}

/// A focus confirms that it took the job, and says nothing of the recipients (CC-61).
fn confirmed(focus: bool) -> Outcome {
    if focus {
        Outcome::AcceptedByServer
    } else {
        Outcome::Delivered
    }
}

fn stop_waiting(progress: Progress, cx: &mut Context<'_>) {
    if let Progress::AwaitReport { .. } = progress {
        cx.stop(Timer::SuccessReport);
    }
}

/// Requests that reach a machine which is not, or no longer, in a dialog.
pub(crate) fn stranger(event: Event<'_>, cx: &mut Context<'_>) {
    match event {
        Event::Request(txn, _) | Event::Cancel { cancel: txn, .. } => {
            let tag = cx.tag();
            Refused::plain(481).respond(txn, tag, Speaker::Client, cx);
        }
        Event::Response(_, response) => {
            crate::leg::end_stray(response, cx);
        }
        _ => {}
    }
}
