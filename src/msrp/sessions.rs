//! The driver's table of MSRP sessions.

use alloc::string::String;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::profile::SessionMatch;
use crate::wire::msrp::{Url, leftmost};
use crate::{LegId, MachineId, OpenMsrp, SessionId};

/// A byte stream, named by the driver when it makes or accepts one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// Whose session it is.
pub(super) type Owner = (MachineId, LegId);

/// Which MSRP sessions there are, whose they are, and over which connection each runs.
///
/// It grows only by what our own machines open, one session a leg: a peer cannot add to it.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: HashMap<Owner, Session>,
    owners: HashMap<SessionId, Owner>,
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    connect: bool,
    own: Bytes,
    peer: Bytes,
    /// The From-Path of the peer's last SEND, if it is another than its path: what relays and gateways made
    /// of it. Empty otherwise. No longer than the head of a frame.
    back: String,
    target: Bytes,
    connection: Option<ConnectionId>,
}

/// Where to connect to for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// A host name, or an address without brackets.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS is spoken there.
    pub tls: bool,
}

/// What a To-Path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No session of ours.
    Nothing,
    /// A session that awaits its connection.
    Unbound(Owner),
    /// A session that has one.
    Bound(Owner, ConnectionId),
}

impl Sessions {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Performs [`Action::OpenMsrp`](crate::Action::OpenMsrp). A session that is open already learns
    /// what its answer said; another one that the leg had before is forgotten.
    pub fn open(&mut self, at: (MachineId, LegId), open: &OpenMsrp) {
        if let Some(session) = self
            .sessions
            .get_mut(&at)
            .filter(|session| session.id == open.id)
        {
            session.connect = open.connect;
            session.peer = open.peer.clone();
            session.target = open.target.clone();
            return;
        }
        debug_assert!(!self.sessions.contains_key(&at), "one session a leg");
        self.release(at);
        self.owners.insert(open.id, at);
        let session = Session {
            id: open.id,
            connect: open.connect,
            own: open.own.clone(),
            peer: open.peer.clone(),
            back: String::new(),
            target: open.target.clone(),
            connection: None,
        };
        self.sessions.insert(at, session);
    }

    /// Forgets a session, as [`Action::ReleaseMsrp`](crate::Action::ReleaseMsrp) asks, and says which
    /// connection it had: [`Connection::release`](crate::msrp::Connection::release) is to be told.
    pub fn release(&mut self, at: (MachineId, LegId)) -> Option<ConnectionId> {
        let session = self.sessions.remove(&at)?;
        self.owners.remove(&session.id);
        session.connection
    }

    /// The connection over which a session runs, once it is bound.
    pub fn connection(&self, at: (MachineId, LegId)) -> Option<ConnectionId> {
        self.sessions.get(&at)?.connection
    }

    /// Where to connect to: the address that the peer's description names beside its path, if that is what
    /// counts (RFC 6714), or else the leftmost URI. `None` if the session awaits the peer's connection, or if the URI has
    /// no port (RFC 4975 §6.2), or cannot be read.
    ///
    /// Where the session has relays of its own, this is the first of them: the connection to it is there
    /// already, since it was asked for the path over it ([`Relay`](super::Relay)), and no other would do
    /// (RFC 4976 §6.3).
    ///
    /// When the connection cannot be made, the leg is to hear [`Down::Unreachable`](crate::Down).
    pub fn target(&self, at: (MachineId, LegId)) -> Option<Target<'_>> {
        let session = self.sessions.get(&at).filter(|session| session.connect)?;
        let url = Url::parse(leftmost(text(&session.peer))).ok()?;
        if let Some((host, port)) = text(&session.target).rsplit_once(':') {
            let bare = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            return Some(Target {
                host: bare.unwrap_or(host),
                port: port.parse().ok()?,
                tls: url.tls,
            });
        }
        Some(Target {
            host: url.bare_host(),
            port: url.port?,
            tls: url.tls,
        })
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Which session a To-Path of one URI names.
    pub(super) fn find(&self, path: &str, to: &Url<'_>, how: SessionMatch) -> Found {
        let id = to.session.and_then(SessionId::read);
        let found = id
            .and_then(|id| self.owners.get(&id))
            .and_then(|owner| Some((*owner, self.sessions.get(owner)?)));
        match found {
            Some((owner, session)) if session.is_named(path, to, how) => match session.connection {
                Some(connection) => Found::Bound(owner, connection),
                None => Found::Unbound(owner),
            },
            _ => Found::Nothing,
        }
    }

    /// Binds a session that has no connection yet to this one; whether it is bound to it then.
    pub(super) fn bind(&mut self, at: Owner, connection: ConnectionId) -> bool {
        let session = self.sessions.get_mut(&at);
        session.is_some_and(|session| *session.connection.get_or_insert(connection) == connection)
    }

    /// Takes the connection from a session.
    pub(super) fn unbind(&mut self, at: Owner) {
        if let Some(session) = self.sessions.get_mut(&at) {
            session.connection = None;
        }
    }

    /// The peer has sent something, and this is how it came.
    pub(super) fn heard_from(&mut self, at: Owner, from: &str) {
        if let Some(session) = self.sessions.get_mut(&at) {
            session.came(from);
        }
    }

    /// Our URI and the way of the peer's last SEND back, all of it (RFC 4975 §7.1.3).
    pub(super) fn way_back(&self, at: Owner, connection: ConnectionId) -> Option<(&[u8], &[u8])> {
        let session = self.sessions.get(&at)?;
        let back = match session.back.as_bytes() {
            [] => &session.peer[..],
            back => back,
        };
        (session.connection == Some(connection)).then_some((&session.own[..], back))
    }

    /// Our URI and the peer's path, if the session runs over this connection.
    pub(super) fn paths(&self, at: Owner, connection: ConnectionId) -> Option<(&Bytes, &Bytes)> {
        let session = self.sessions.get(&at)?;
        (session.connection == Some(connection)).then_some((&session.own, &session.peer))
    }
}

impl Session {
    fn came(&mut self, from: &str) {
        self.back.clear();
        // Mostly it is the same text, and nothing is kept.
        if from.as_bytes() != self.peer {
            self.back.push_str(from);
        }
    }

    fn is_named(&self, path: &str, to: &Url<'_>, how: SessionMatch) -> bool {
        match how {
            SessionMatch::SessionIdOnly => true,
            // Peers copy the URI that we gave them, so that it is the same text nearly always.
            SessionMatch::Full4975 if path.as_bytes() == self.own => true,
            SessionMatch::Full4975 => {
                Url::parse(leftmost(text(&self.own))).is_ok_and(|own| own.same(to))
            }
        }
    }
}

fn text(path: &Bytes) -> &str {
    core::str::from_utf8(path).unwrap_or_default()
}
