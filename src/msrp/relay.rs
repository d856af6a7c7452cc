//! The client of a relay (RFC 4976): AUTH, until there is a path that peers can be given.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::mem;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::sessions::Target;
use crate::wire::msrp::{Head, Kind, Url, check_path, urls, write_request};
use crate::{AskId, Config, Down, Entropy, Flaw, Status, Tag};

mod digest;

pub use digest::{Digest, Login};

/// The port of a relay whose URI names none, if no SRV record does (RFC 4976 §8).
pub const DEFAULT_PORT: u16 = 2855;

/// AUTH requests that one relay gets for one path, at most: two would do where all goes well.
const ATTEMPTS: u8 = 6;
/// Times that the credentials of a password may be called stale for one path, before it is a loop.
const STALE: u8 = 2;
/// Challenges of one response that the host may choose from; further ones are passed over.
const CHALLENGES: usize = 4;
/// How long before the end of a path it is asked for anew, if it is valid for twice as long: time for a
/// new offer and answer, which the new path needs (RFC 4976 §9.4).
const LEAD: Duration = Duration::from_secs(60);

/// Gets a path through one relay or a chain of them, and keeps getting one.
///
/// A driver makes one for each session that is to run over relays (RFC 4976 §4.2: a URI is of no use to a
/// second session), connects to the [`target`](Self::target), and hands [`Event`]s over; what is to be
/// done comes back as [`Action`]s, in order. Requests and responses go over a
/// [`Connection`](super::Connection), which carries the session too: [`authorize`](super::Connection::authorize),
/// [`authorized`](super::Connection::authorized). What is granted goes into [`Config::route`](crate::Config::route),
/// from where offers and answers of the session take it.
///
/// | state | event | what happens | next |
/// |---|---|---|---|
/// | idle, closed | [`open`](Self::open) | `Connect`, the timer starts | connecting |
/// | connecting | connected | AUTH without credentials | awaiting |
/// | awaiting | 200, a relay is left | AUTH to that one, through those before | awaiting |
/// | awaiting | 200, last relay | `Granted`, the timer starts | granted |
/// | awaiting | 401 | `Ask` | asking |
/// | awaiting | 401 to fresh credentials, not stale | `Closed`: [`Why::WrongPassword`] | closed |
/// | awaiting | 401 without a challenge that we can meet | `Closed`: [`Why::Unusable`] | closed |
/// | awaiting | 423 | the interval is mended, then as after 401, or AUTH if none came | asking, awaiting |
/// | awaiting | 408 | AUTH once more | awaiting |
/// | awaiting | 403, 404, 481, any other | `Closed`: [`Why::Refused`] | closed |
/// | awaiting | 200 without a path, too many of all these | `Closed`: [`Why::Unusable`], [`Why::Loop`] | closed |
/// | asking | credentials | AUTH with them | awaiting |
/// | asking | none, or for no such challenge | `Closed`: [`Why::NoCredentials`] | closed |
/// | connecting, awaiting, asking | timer | `Closed`: [`Why::NoAnswer`], or [`Why::Expired`] if a path had been granted | closed |
/// | granted | timer | AUTH from the first relay on; the timer runs until the path ends | awaiting, asking |
/// | any but idle, closed | connection lost | `Closed`: [`Why::Lost`]: its path is invalid with it | closed |
/// | any but idle, closed | [`release`](Self::release) | the timer stops | closed |
///
/// Anything else does nothing: responses to other transactions, answers to other questions, a timer that
/// was stopped. The connection is the driver's to close.
#[derive(Clone, Debug)]
pub struct Relay {
    relays: String,
    own: String,
    /// How long a path should be valid, in seconds.
    wish: Option<u32>,
    state: State,
    round: Round,
    /// The challenge that each relay is known to pose, so that a path is granted anew without a refusal.
    known: Vec<Option<Digest>>,
    asked: u32,
    granted: bool,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Idle,
    Connecting,
    /// An AUTH is out.
    Awaiting(Tag, Shown),
    /// The host is asked for credentials.
    Asking(AskId, Vec<Digest>, Fresh),
    Granted,
    Closed,
}

/// What an AUTH had for credentials.
#[derive(Clone, Debug)]
enum Shown {
    Nothing,
    /// Made for this challenge.
    Credentials(Digest, Fresh),
}

/// Whether a challenge came in this round. One of an earlier round may have grown old without being
/// called stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    Yes,
    No,
}

/// The way to one path.
#[derive(Clone, Debug, Default)]
struct Round {
    /// Which relay is asked.
    hop: usize,
    /// The Use-Path of those before it.
    route: String,
    /// The shortest time for which any of them grants it.
    valid: Option<u32>,
    attempts: u8,
    stale: u8,
    /// The interval that this relay wants, if it is not the one that we wish.
    interval: Option<u32>,
    rspauth: Option<String>,
}

/// What happens to a [`Relay`].
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The connection to the first relay is up, TLS and the relay's certificate included.
    Connected,
    /// A response to an AUTH.
    Response(&'a Head),
    /// The host answers a question: `None` if it has no credentials.
    Answer(AskId, Option<Login<'a>>),
    /// The timer fired.
    Timer,
    /// The connection could not be made, or is gone.
    Down(Down),
}

/// What a [`Relay`] asks its driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect to the [`target`](Relay::target), or use a connection to it.
    Connect,
    /// Write this AUTH, and hear the response to it.
    Send(Tag, Bytes),
    /// Ask the host for credentials: for one of these challenges, the relay's favourite first.
    Ask(AskId, Vec<Digest>),
    /// Start the one timer, or start it anew.
    StartTimer(Duration),
    /// Stop it.
    StopTimer,
    /// There is a path, or a new one in place of the one before, which is valid until its time is over:
    /// peers that know that one need a new offer.
    Granted(Grant),
    /// There is no path, or none any more.
    Closed(Why),
}

/// Why there is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The connection could not be made.
    Unreachable,
    /// The connection is gone, and the path with it (RFC 4976 §6.3).
    Lost,
    /// The relay did not answer in time, or the host did not.
    NoAnswer,
    /// The path's time is over, and no other was to be had.
    Expired,
    /// The host has no credentials.
    NoCredentials,
    /// The relay does not take the credentials.
    WrongPassword,
    /// The relay refuses with this status: 403 not allowed, 404 and 481 unknown there, 408 no answer from a
    /// relay behind it, 501 no relay.
    Refused(Status),
    /// What the relay answers is of no use: a 401 without a digest challenge for `auth`, a 200 without
    /// a readable Use-Path, a 423 without bounds.
    Unusable,
    /// The relay goes on answering and grants nothing.
    Loop,
}

/// A path through relays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The URIs of our relays, separated by blanks, in the order in which our To-Path has them
    /// (RFC 4976 §5.1): for [`Config::route`](crate::Config::route).
    pub route: String,
    /// How long it is valid; `None` if the relays do not say.
    pub valid: Option<Duration>,
    /// The hash by which the last relay shows that it knows the password, if it does (RFC 2617 §3.2.3).
    pub rspauth: Option<String>,
}

impl Grant {
    /// The path that peers are to be given, for `a=path`: the relays from the outside in, then `own`.
    pub fn path(&self, own: &str) -> String {
        inward(&self.route, own)
    }
}

/// What a call is lent.
struct Lent<'a> {
    config: &'a Config,
    entropy: &'a mut dyn Entropy,
    actions: &'a mut Vec<Action>,
}

impl Relay {
    /// A client of these relays, the innermost first, their URIs separated by blanks. `own` is the URI that
    /// the relay sees as ours; `wish` is how long a path should be valid, in whole seconds.
    ///
    /// # Errors
    ///
    /// A URI cannot be read, there is none, or a relay would be reached without TLS and
    /// [`Profile::relay_in_clear`](crate::Profile::relay_in_clear) does not allow that: passwords and
    /// paths are secrets (RFC 4976 §9.2). The offset is counted from the beginning of the text that is
    /// wrong.
    pub fn new(
        relays: &str,
        own: &str,
        wish: Option<Duration>,
        config: &Config,
    ) -> Result<Self, Flaw> {
        check_path(relays)?;
        Url::parse(own)?;
        let in_clear = |url: &&str| Url::parse(url).is_ok_and(|url| !url.tls);
        if let Some(url) = urls(relays).find(in_clear)
            && !config.profile.relay_in_clear
        {
            return Err(Flaw {
                at: url.as_ptr().addr().saturating_sub(relays.as_ptr().addr()),
                what: "relay is reached without TLS",
                status: Status(400),
            });
        }
        Ok(Self {
            relays: relays.into(),
            own: own.into(),
            wish: wish.map(|wish| u32::try_from(wish.as_secs()).unwrap_or(u32::MAX).max(1)),
            state: State::Idle,
            round: Round::default(),
            known: urls(relays).map(|_| None).collect(),
            asked: 0,
            granted: false,
        })
    }

    /// Where to connect to: the first relay, at [`DEFAULT_PORT`] if its URI names none.
    pub fn target(&self) -> Option<Target<'_>> {
        let url = Url::parse(urls(&self.relays).next()?).ok()?;
        Some(Target {
            host: url.bare_host(),
            port: url.port.unwrap_or(DEFAULT_PORT),
            tls: url.tls,
        })
    }

    /// Whether SRV records of `_msrps._tcp` at that host come first: its URI names no port, and its host is
    /// a name (RFC 4976 §8).
    pub fn is_service(&self) -> bool {
        let first = urls(&self.relays).next().map(Url::parse);
        first.is_some_and(|url| url.is_ok_and(|url| url.port.is_none() && url.address().is_none()))
    }

    /// Whether there is a path.
    pub fn is_granted(&self) -> bool {
        self.granted
    }

    /// Whether nothing is going on.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Idle | State::Closed)
    }

    /// Begins, or begins anew after the end; does nothing in between.
    pub fn open(&mut self, config: &Config, actions: &mut Vec<Action>) {
        if !self.is_closed() {
            return;
        }
        self.state = State::Connecting;
        // Another connection may lead to another relay of a farm.
        self.known.fill(None);
        actions.push(Action::Connect);
        actions.push(Action::StartTimer(config.limits.connect_wait));
    }

    /// Gives the path up. There is no request for that: it ends with the connection.
    pub fn release(&mut self, actions: &mut Vec<Action>) {
        if !self.is_closed() {
            self.end(actions);
        }
    }

    /// Takes one event, and pushes what is to be done. Total: it never fails, whatever arrives.
    pub fn handle(
        &mut self,
        event: Event<'_>,
        config: &Config,
        entropy: &mut dyn Entropy,
        actions: &mut Vec<Action>,
    ) {
        let lent = &mut Lent {
            config,
            entropy,
            actions,
        };
        self.state = match (mem::take(&mut self.state), event) {
            (State::Connecting, Event::Connected) => self.begin(lent),
            (State::Awaiting(txn, shown), Event::Response(head)) if answers(head, txn) => {
                self.answered(shown, head, lent)
            }
            (State::Asking(ask, digests, fresh), Event::Answer(answered, login))
                if answered == ask =>
            {
                self.log_in(digests, fresh, login, lent)
            }
            (State::Granted, Event::Timer) => match self.round.valid {
                // The path is good for so much longer: one timer for all the steps that this takes.
                Some(valid) => {
                    lent.actions.push(Action::StartTimer(lead(seconds(valid))));
                    self.begin(lent)
                }
                // It was stopped.
                None => State::Granted,
            },
            (State::Connecting | State::Awaiting(..) | State::Asking(..), Event::Timer) => {
                let why = if self.granted {
                    Why::Expired
                } else {
                    Why::NoAnswer
                };
                self.granted = false;
                lent.actions.push(Action::Closed(why));
                State::Closed
            }
            (
                State::Connecting | State::Awaiting(..) | State::Asking(..) | State::Granted,
                Event::Down(down),
            ) => self.fail(
                match down {
                    Down::Unreachable => Why::Unreachable,
                    Down::Lost | Down::Malformed => Why::Lost,
                },
                lent,
            ),
            // Late, early or not for us.
            (
                state,
                Event::Connected
                | Event::Response(_)
                | Event::Answer(..)
                | Event::Timer
                | Event::Down(_),
            ) => state,
        };
    }

    /// Asks for a path, from the first relay on.
    fn begin(&mut self, lent: &mut Lent<'_>) -> State {
        self.round = Round::default();
        self.attempt(lent)
    }

    /// Asks the relay whose turn it is, with credentials if its challenge is known.
    fn attempt(&mut self, lent: &mut Lent<'_>) -> State {
        match self.known.get_mut(self.round.hop).and_then(Option::take) {
            Some(known) => self.ask([known], Fresh::No, lent),
            None => self.send(Shown::Nothing, "", lent),
        }
    }

    fn ask(
        &mut self,
        digests: impl IntoIterator<Item = Digest>,
        fresh: Fresh,
        lent: &mut Lent<'_>,
    ) -> State {
        let again = |digest: Digest| digest.again(lent.entropy);
        let digests: Vec<_> = digests.into_iter().map(again).collect();
        self.asked = self.asked.wrapping_add(1);
        let ask = AskId(self.asked);
        lent.actions.push(Action::Ask(ask, digests.clone()));
        self.wait(lent.config.limits.lookup, lent);
        State::Asking(ask, digests, fresh)
    }

    fn log_in(
        &mut self,
        mut digests: Vec<Digest>,
        fresh: Fresh,
        login: Option<Login<'_>>,
        lent: &mut Lent<'_>,
    ) -> State {
        let Some(login) = login.filter(|login| login.challenge < digests.len()) else {
            return self.fail(Why::NoCredentials, lent);
        };
        let digest = digests.swap_remove(login.challenge);
        let mut line = String::new();
        let credentials = digest.credentials(login.username, login.response);
        let _ = write!(line, "Authorization: {credentials}\r\n");
        self.send(Shown::Credentials(digest, fresh), &line, lent)
    }

    fn send(&mut self, shown: Shown, authorization: &str, lent: &mut Lent<'_>) -> State {
        if self.round.attempts == ATTEMPTS {
            return self.fail(Why::Loop, lent);
        }
        self.round.attempts += 1;
        let txn = Tag(lent.entropy.draw());
        let mut id = String::new();
        let _ = write!(id, "{txn}");
        let mut lines = String::from(authorization);
        if let Some(interval) = self.round.interval.or(self.wish) {
            let _ = write!(lines, "Expires: {interval}\r\n");
        }
        let mut to = self.round.route.clone();
        if !to.is_empty() {
            to.push(' ');
        }
        to.push_str(self.relay());
        let mut frame = BytesMut::new();
        let (to, own) = (to.as_bytes(), self.own.as_bytes());
        write_request(&mut frame, &id, Digest::METHOD, to, own, lines.as_bytes());
        lent.actions.push(Action::Send(txn, frame.freeze()));
        self.wait(lent.config.limits.msrp_response, lent);
        State::Awaiting(txn, shown)
    }

    /// The URI of the relay whose turn it is.
    fn relay(&self) -> &str {
        urls(&self.relays).nth(self.round.hop).unwrap_or_default()
    }

    fn answered(&mut self, shown: Shown, head: &Head, lent: &mut Lent<'_>) -> State {
        match status_of(head) {
            200..300 => self.accepted(shown, head, lent),
            401 => self.challenged(shown, head, lent),
            423 => self.mend(shown, head, lent),
            // As if nothing had come (RFC 4975 §10.4), but here there is time left to try again.
            408 if self.round.attempts < ATTEMPTS => self.repeat(shown, lent),
            status => self.fail(Why::Refused(Status(status)), lent),
        }
    }

    fn challenged(&mut self, shown: Shown, head: &Head, lent: &mut Lent<'_>) -> State {
        let readable = head.challenges().flatten();
        let mut stale = true;
        let digests: Vec<_> = readable
            .filter_map(|challenge| {
                stale &= challenge.stale;
                Digest::to(&challenge, self.relay())
            })
            .take(CHALLENGES)
            .collect();
        if digests.is_empty() {
            return self.fail(Why::Unusable, lent);
        }
        if matches!(shown, Shown::Credentials(_, Fresh::Yes)) {
            if !stale {
                return self.fail(Why::WrongPassword, lent);
            }
            if self.round.stale == STALE {
                return self.fail(Why::Loop, lent);
            }
            self.round.stale += 1;
        }
        self.ask(digests, Fresh::Yes, lent)
    }

    /// The interval is out of bounds: the nearest that is within them.
    fn mend(&mut self, shown: Shown, head: &Head, lent: &mut Lent<'_>) -> State {
        let bound = |bound: Result<Option<u32>, Flaw>| bound.ok().flatten();
        let (least, most) = (bound(head.min_expires()), bound(head.max_expires()));
        let sent = self.round.interval.or(self.wish);
        let mended = match (least, most, sent) {
            (None, None, _) => None,
            (Some(least), Some(most), _) if least > most => None,
            (_, _, Some(sent)) => Some(sent.max(least.unwrap_or(1)).min(most.unwrap_or(u32::MAX))),
            (Some(least), _, None) => Some(least),
            (None, Some(most), None) => Some(most),
        };
        match mended {
            Some(0) | None => self.fail(Why::Unusable, lent),
            // It is within the bounds already.
            mended if mended == sent => self.fail(Why::Loop, lent),
            mended => {
                self.round.interval = mended;
                self.repeat(shown, lent)
            }
        }
    }

    /// The same request once more. Its credentials have a count in them and must be made anew.
    fn repeat(&mut self, shown: Shown, lent: &mut Lent<'_>) -> State {
        match shown {
            Shown::Nothing => self.send(Shown::Nothing, "", lent),
            Shown::Credentials(digest, fresh) => self.ask([digest], fresh, lent),
        }
    }

    fn accepted(&mut self, shown: Shown, head: &Head, lent: &mut Lent<'_>) -> State {
        let (Ok(Some(path)), Ok(valid)) = (head.use_path(), head.expires()) else {
            return self.fail(Why::Unusable, lent);
        };
        if valid == Some(0) {
            return self.fail(Why::Unusable, lent);
        }
        let info = head.authentication_info().ok().flatten();
        if let (Shown::Credentials(mut digest, _), Some(place)) =
            (shown, self.known.get_mut(self.round.hop))
        {
            if let Some(next) = info.and_then(|info| info.nextnonce) {
                digest.nonce = next.into();
                digest.nc = 0;
            }
            *place = Some(digest);
        }
        let shortest = [self.round.valid, valid].into_iter().flatten().min();
        self.round = Round {
            hop: self.round.hop + 1,
            route: path.into(),
            valid: shortest,
            rspauth: info.and_then(|info| info.rspauth).map(Into::into),
            ..Round::default()
        };
        if self.round.hop < self.known.len() {
            return self.attempt(lent);
        }
        self.granted = true;
        match shortest.map(seconds) {
            Some(valid) => lent.actions.push(Action::StartTimer(valid - lead(valid))),
            None => lent.actions.push(Action::StopTimer),
        }
        lent.actions.push(Action::Granted(Grant {
            route: mem::take(&mut self.round.route),
            valid: shortest.map(seconds),
            rspauth: self.round.rspauth.take(),
        }));
        State::Granted
    }

    /// Waits for so long, unless the end of the path that there still is limits all that is done.
    fn wait(&self, long: Duration, lent: &mut Lent<'_>) {
        if !self.granted {
            lent.actions.push(Action::StartTimer(long));
        }
    }

    fn fail(&mut self, why: Why, lent: &mut Lent<'_>) -> State {
        self.end(lent.actions);
        lent.actions.push(Action::Closed(why));
        State::Closed
    }

    fn end(&mut self, actions: &mut Vec<Action>) {
        self.state = State::Closed;
        self.granted = false;
        actions.push(Action::StopTimer);
    }
}

/// Whether it is the response to the request with this transaction id.
fn answers(head: &Head, txn: Tag) -> bool {
    status_of(head) != 0 && Tag::read(head.txn()) == Some(txn)
}

/// The status of a response; of a request, none that there is.
fn status_of(head: &Head) -> u16 {
    match head.kind() {
        Kind::Response(status) => status,
        _ => 0,
    }
}

/// From the peer to us: the relays from the outside in (RFC 4976 §5.1).
pub(super) fn inward(route: &str, own: &str) -> String {
    let mut path = String::with_capacity(route.len() + 1 + own.len());
    for url in urls(route).rev() {
        path.push_str(url);
        path.push(' ');
    }
    path.push_str(own);
    path
}

/// From us to the peer: the relays, and the path that the peer gave (RFC 4976 §5.1).
pub(super) fn outward(route: &str, peer: Bytes) -> Bytes {
    if route.is_empty() {
        return peer;
    }
    let mut path = Vec::with_capacity(route.len() + 1 + peer.len());
    path.extend_from_slice(route.as_bytes());
    path.push(b' ');
    path.extend_from_slice(&peer);
    path.into()
}

const fn seconds(number: u32) -> Duration {
    Duration::from_secs(number as u64)
}

/// How long before the end of a path that is valid for so long it is asked for anew.
fn lead(valid: Duration) -> Duration {
    LEAD.min(valid / 2)
}

#[cfg(test)]
#[path = "../states/relay.rs"]
pub(crate) mod states;
