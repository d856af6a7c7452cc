//! What a driver lends a machine for one call: configuration, randomness and a buffer for actions.

use alloc::string::String;
use alloc::vec::{self, Vec};
use core::fmt;
use core::time::Duration;

use bytes::BytesMut;

use crate::offer::Mint;
use crate::{Action, LegId, Limits, Profile, SessionId, Tag, Timer, Token, Uri};

/// Randomness, lent per call: the same events and the same entropy give the same actions.
pub trait Entropy {
    /// 64 bits that nobody can guess.
    fn draw(&mut self) -> u64;
}

/// Where this user agent is known and reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The IM address of the user, or of the service at the controlling function.
    pub address: Uri,
    /// The URI for Contact header fields; at the controlling function its host names conferences too.
    pub contact: Uri,
    /// The Conference-factory-URI of the home IM service (DR-22).
    pub factory: Option<Uri>,
    /// The URI of the service that explodes pager messages to lists (D-31).
    pub exploder: Option<Uri>,
    /// Product tokens after the release token in User-Agent and Server, such as `Acme/1.4` (DR-01). May be empty.
    pub product: String,
    /// The media types that we accept, separated by blanks, as in `a=accept-types` (UP-02, DR-27).
    pub accept_types: String,
    /// The media types that we accept inside a container, as in `a=accept-wrapped-types`; may be empty.
    pub accept_wrapped_types: String,
}

impl Account {
    /// An account with the given address and Contact URI, without provisioned servers, that accepts
    /// `message/cpim text/plain`.
    pub fn new(address: Uri, contact: Uri) -> Self {
        Self {
            address,
            contact,
            factory: None,
            exploder: None,
            product: String::new(),
            accept_types: String::from("message/cpim text/plain"),
            accept_wrapped_types: String::new(),
        }
    }
}

/// The authority of our MSRP URIs. The driver listens there as long as it runs, so that an offer
/// never waits for a listener (TC-LM-14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsrpAuthority {
    /// A host name, an IPv4 address or an IPv6 address in brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS is spoken there (`msrps`).
    pub tls: bool,
}

/// Configuration, lent to every call and never held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What differs between deployments.
    pub profile: Profile,
    /// Bounds and waiting times.
    pub limits: Limits,
    /// Who we are.
    pub account: Account,
    /// Where we speak MSRP.
    pub msrp: MsrpAuthority,
    /// The URIs of relays between us and the peers of the session, separated by blanks, as
    /// [`Grant::route`](crate::msrp::relay::Grant::route) has them; empty without relays, as by default.
    ///
    /// It is lent like everything else: a machine whose session has relays is lent a configuration that
    /// names them, its own ones, when it offers or answers (RFC 4976 §4.2).
    pub route: String,
    /// A secret of the host's, any random value: makes the tags of our INVITEs recognisable to us
    /// alone, so that a late 2xx is answered without memory of the call.
    pub key: [u64; 2],
}

impl Config {
    /// The default profile and limits for `account`, reached for MSRP at `msrp`.
    pub fn new(account: Account, msrp: MsrpAuthority, key: [u64; 2]) -> Self {
        Self {
            profile: Profile::default(),
            limits: Limits::default(),
            account,
            msrp,
            route: String::new(),
            key,
        }
    }
}

/// The actions of one call, in the order in which to perform them.
///
/// The driver keeps one and lends it again and again; nothing is allocated once it has grown to the
/// size of a typical call.
#[derive(Debug, Default)]
pub struct Actions {
    queue: Vec<(LegId, Action)>,
    pub(crate) scratch: BytesMut,
}

impl Actions {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the actions out, first to last; the buffer is empty and reusable afterwards.
    pub fn drain(&mut self) -> vec::Drain<'_, (LegId, Action)> {
        self.queue.drain(..)
    }

    /// The actions, first to last.
    pub fn as_slice(&self) -> &[(LegId, Action)] {
        &self.queue
    }

    /// How many actions there are.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// What a machine gets for the time of one call.
pub struct Context<'a> {
    /// Who and where we are, and what differs between deployments.
    pub config: &'a Config,
    entropy: &'a mut dyn Entropy,
    actions: &'a mut Actions,
    leg: LegId,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("leg", &self.leg)
            .field("actions", &self.actions)
            .finish()
    }
}

impl<'a> Context<'a> {
    /// A context for one call. Actions are appended to `actions`.
    pub fn new(config: &'a Config, entropy: &'a mut dyn Entropy, actions: &'a mut Actions) -> Self {
        Self {
            config,
            entropy,
            actions,
            leg: LegId::FIRST,
        }
    }

    /// The same context for another leg.
    pub(crate) fn on(&mut self, leg: LegId) -> Context<'_> {
        Context {
            config: self.config,
            entropy: self.entropy,
            actions: self.actions,
            leg,
        }
    }

    /// One more thing to do, for the leg of this context: how roles speak, those of a host or a test too.
    pub fn act(&mut self, action: Action) {
        self.actions.queue.push((self.leg, action));
    }

    pub(crate) fn start(&mut self, timer: Timer, after: Duration) {
        self.act(Action::StartTimer(timer, after));
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.act(Action::StopTimer(timer));
    }

    /// How many actions the buffer holds.
    pub(crate) fn pushed(&self) -> usize {
        self.actions.queue.len()
    }

    /// Room to write a head or a body in; what was written before has been split off.
    pub(crate) fn scratch(&mut self) -> &mut BytesMut {
        &mut self.actions.scratch
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.entropy.draw()
    }

    pub(crate) fn token(&mut self) -> Token {
        Token::sealed(self.entropy.draw(), self.config.key)
    }

    pub(crate) fn tag(&mut self) -> Tag {
        Tag(self.entropy.draw())
    }

    /// What a session description is made of.
    pub(crate) fn mint(&mut self) -> Mint {
        Mint {
            id: self.session_id(),
            number: self.draw() >> 2,
        }
    }

    fn session_id(&mut self) -> SessionId {
        let (a, b) = (
            self.entropy.draw().to_be_bytes(),
            self.entropy.draw().to_be_bytes(),
        );
        let mut octets = [0; 10];
        for (octet, random) in octets.iter_mut().zip(a.into_iter().chain(b)) {
            *octet = random;
        }
        SessionId(octets)
    }
}
