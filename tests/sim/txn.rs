//! A minimal SIP transaction layer over an unreliable transport: RFC 3261 §17 with the Accepted states
//! of RFC 6026. Sans-IO: octets and the time go in, octets and news come out.
//!
//! Merged requests (§8.2.2.2) are told apart one layer up, by `Dispatch`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use simple_im::wire::sip::{self, Message};
use simple_im::{
    ClientTxn, Head, LegId, MachineId, Method, Outgoing, Reply, Request, Response, ServerTxn,
    Status, TxnError,
};

use super::Time;

pub const T1: Duration = Duration::from_millis(500);
pub const T2: Duration = Duration::from_secs(4);
pub const T4: Duration = Duration::from_secs(5);
/// 64·T1: timers B, F, H, J, and L and M of RFC 6026.
pub const LONG: Duration = Duration::from_secs(32);
/// Timer D.
const D: Duration = Duration::from_secs(33);

/// Whose request it is; nobody's for a CANCEL or for the BYE to a stray.
pub type Cookie = Option<(MachineId, LegId, ClientTxn)>;

/// Where octets go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// To whoever serves this URI.
    Uri(String),
    /// Back to the node that it came from.
    Node(usize),
}

#[derive(Debug)]
pub struct Sent {
    pub to: Hop,
    pub octets: Bytes,
    /// The transaction that fails if there is no such hop.
    client: Option<Branch>,
}

/// News for the layer above.
#[derive(Debug)]
pub enum Up {
    Request(ServerTxn, Request),
    /// An ACK that belongs to no transaction: that of a 2xx.
    Ack(ServerTxn, Request),
    Cancel {
        cancel: ServerTxn,
        invite: ServerTxn,
    },
    Response(Cookie, Response),
    Failed(Cookie, TxnError),
}

/// The layer of one node.
#[derive(Debug)]
pub struct Layer {
    sent_by: String,
    count: u64,
    clients: BTreeMap<Branch, Client>,
    cookies: BTreeMap<(MachineId, LegId, ClientTxn), Branch>,
    servers: BTreeMap<ServerTxn, Server>,
    by_branch: BTreeMap<(String, Method), ServerTxn>,
    /// When to look at which transaction. Looking too often is harmless.
    alarms: BTreeSet<(Time, Key)>,
    pub sent: VecDeque<Sent>,
    pub up: VecDeque<Up>,
    /// What did not parse.
    pub flaws: Vec<String>,
}

/// The number of a branch of ours, and whether it is the CANCEL that shares it.
type Branch = (u64, bool);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Client(Branch),
    Server(ServerTxn),
}

/// When to send again, and after how long the next time.
type Resend = Option<(Time, Duration)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Trying,
    Proceeding,
    /// A 2xx to an INVITE has passed (RFC 6026).
    Accepted,
    Completed,
    Confirmed,
}

#[derive(Debug)]
struct Client {
    cookie: Cookie,
    request: Outgoing,
    vias: String,
    to: Hop,
    octets: Bytes,
    ack: Option<Bytes>,
    phase: Phase,
    resend: Resend,
    end: Option<Time>,
}

#[derive(Debug)]
struct Server {
    request: Request,
    branch: (String, Method),
    from: usize,
    last: Option<Bytes>,
    phase: Phase,
    resend: Resend,
    end: Option<Time>,
}

impl Layer {
    /// A layer that writes `sent_by` into its Via.
    pub fn new(sent_by: &str) -> Self {
        Self {
            sent_by: sent_by.into(),
            count: 0,
            clients: BTreeMap::new(),
            cookies: BTreeMap::new(),
            servers: BTreeMap::new(),
            by_branch: BTreeMap::new(),
            alarms: BTreeSet::new(),
            sent: VecDeque::new(),
            up: VecDeque::new(),
            flaws: Vec::new(),
        }
    }

    /// Sends a request, ACK apart, in a transaction of its own.
    pub fn request(&mut self, cookie: Cookie, request: Outgoing, now: Time) {
        let (number, vias) = self.via();
        let mut octets = BytesMut::new();
        sip::write_request(&mut octets, &request, &vias);
        let (to, octets) = (next_hop(&request), octets.freeze());
        self.start((number, false), cookie, request, vias, to, octets, now);
    }

    /// Sends the ACK of a 2xx.
    pub fn ack(&mut self, ack: &Outgoing) {
        let (_, vias) = self.via();
        let mut octets = BytesMut::new();
        sip::write_request(&mut octets, ack, &vias);
        self.send(next_hop(ack), octets.freeze(), None);
    }

    /// Cancels an INVITE; nothing happens when it is over or has not been heard of.
    pub fn cancel(&mut self, machine: MachineId, leg: LegId, txn: ClientTxn, now: Time) {
        let Some(&branch) = self.cookies.get(&(machine, leg, txn)) else {
            return;
        };
        let invite = &mut self.clients.get_mut(&branch).unwrap();
        if invite.phase != Phase::Proceeding {
            return;
        }
        // RFC 3261 §9.1: without a final response in 64·T1 the INVITE is given up.
        invite.end = Some(now + LONG);
        self.alarms.insert((now + LONG, Key::Client(branch)));
        let (request, vias, to) = (
            invite.request.clone(),
            invite.vias.clone(),
            invite.to.clone(),
        );
        let mut octets = BytesMut::new();
        sip::cancel_of(&mut octets, &request, &vias);
        let request = Outgoing {
            method: Method::Cancel,
            ..request
        };
        let octets = octets.freeze();
        self.start((branch.0, true), None, request, vias, to, octets, now);
    }

    /// Answers a request. A 2xx to an INVITE goes out each time.
    pub fn respond(&mut self, txn: ServerTxn, reply: &Reply, now: Time) {
        let Some(server) = self.servers.get_mut(&txn) else {
            return;
        };
        let fresh = matches!(server.phase, Phase::Trying | Phase::Proceeding);
        let again = server.phase == Phase::Accepted && reply.status.is_success();
        if !fresh && !again {
            return;
        }
        let mut octets = BytesMut::new();
        sip::write_response(&mut octets, reply, &server.request.head);
        let octets = octets.freeze();
        server.last = Some(octets.clone());
        if fresh {
            let invite = server.branch.1 == Method::Invite;
            server.phase = match (reply.status, invite) {
                (status, _) if status.is_provisional() => Phase::Proceeding,
                (status, true) if status.is_success() => Phase::Accepted,
                _ => Phase::Completed,
            };
            if server.phase != Phase::Proceeding {
                server.end = Some(now + LONG);
                self.alarms.insert((now + LONG, Key::Server(txn)));
            }
            if server.phase == Phase::Completed && invite {
                server.resend = Some((now + T1, T1));
                self.alarms.insert((now + T1, Key::Server(txn)));
            }
        }
        let to = Hop::Node(server.from);
        self.send(to, octets, None);
    }

    /// Takes in a datagram.
    pub fn receive(&mut self, octets: &Bytes, from: usize, now: Time) {
        match sip::parse(octets) {
            Ok(Message::Request(request)) => self.requested(request, from, now),
            Ok(Message::Response(response)) => self.answered(response, now),
            Err(flaw) => self.flaws.push(format!("{flaw}: {octets:?}")),
        }
    }

    /// Says that what was sent has nowhere to go.
    pub fn unreachable(&mut self, sent: &Sent) {
        if let Some(client) = sent.client.and_then(|branch| self.drop_client(branch)) {
            self.up
                .push_back(Up::Failed(client.cookie, TxnError::Transport));
        }
    }

    /// When to call [`Self::expire`].
    pub fn deadline(&self) -> Option<Time> {
        let alarms = self.alarms.iter().filter(|(at, key)| {
            let (resend, end) = match key {
                Key::Client(branch) => match self.clients.get(branch) {
                    Some(client) => (client.resend, client.end),
                    None => return false,
                },
                Key::Server(txn) => match self.servers.get(txn) {
                    Some(server) => (server.resend, server.end),
                    None => return false,
                },
            };
            resend.is_some_and(|(due, _)| due == *at) || end == Some(*at)
        });
        alarms.map(|(at, _)| *at).next()
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Time) {
        while self.alarms.first().is_some_and(|(at, _)| *at <= now) {
            match self.alarms.pop_first().unwrap().1 {
                Key::Client(branch) => self.expire_client(branch, now),
                Key::Server(txn) => self.expire_server(txn, now),
            }
        }
    }

    fn via(&mut self) -> (u64, String) {
        self.count += 1;
        let (by, n) = (&self.sent_by, self.count);
        (n, format!("Via: SIP/2.0/UDP {by};branch=z9hG4bK{n:x}\r\n"))
    }

    fn send(&mut self, to: Hop, octets: Bytes, client: Option<Branch>) {
        self.sent.push_back(Sent { to, octets, client });
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one place fills in a transaction"
    )]
    fn start(
        &mut self,
        branch: Branch,
        cookie: Cookie,
        request: Outgoing,
        vias: String,
        to: Hop,
        octets: Bytes,
        now: Time,
    ) {
        self.send(to.clone(), octets.clone(), Some(branch));
        self.alarms.insert((now + T1, Key::Client(branch)));
        self.alarms.insert((now + LONG, Key::Client(branch)));
        if let Some(cookie) = cookie {
            self.cookies.insert(cookie, branch);
        }
        let client = Client {
            cookie,
            request,
            vias,
            to,
            octets,
            ack: None,
            phase: Phase::Trying,
            resend: Some((now + T1, T1)),
            end: Some(now + LONG),
        };
        self.clients.insert(branch, client);
    }

    fn drop_client(&mut self, branch: Branch) -> Option<Client> {
        let client = self.clients.remove(&branch)?;
        if let Some(cookie) = client.cookie {
            self.cookies.remove(&cookie);
        }
        Some(client)
    }

    fn answered(&mut self, response: Response, now: Time) {
        let invite = response.head.cseq_method() == Method::Invite;
        let branch = own_branch(&response.head);
        let Some(client) = branch.and_then(|branch| self.clients.get_mut(&branch)) else {
            // The TU decides about a late 2xx (§13.2.2.4); anything else is dropped (§17.1.1.2, RFC 6026).
            if invite && response.status.is_success() {
                self.up.push_back(Up::Response(None, response));
            }
            return;
        };
        let branch = branch.unwrap();
        let end = |after, alarms: &mut BTreeSet<(Time, Key)>| {
            alarms.insert((now + after, Key::Client(branch)));
            Some(now + after)
        };
        match (client.phase, response.status) {
            (Phase::Trying | Phase::Proceeding, status) if status.is_provisional() => {
                client.phase = Phase::Proceeding;
                if invite && client.resend.take().is_some() {
                    client.end = None;
                }
            }
            (Phase::Trying | Phase::Proceeding, status) if invite && status.is_success() => {
                client.phase = Phase::Accepted;
                client.resend = None;
                client.end = end(LONG, &mut self.alarms);
            }
            (Phase::Accepted, status) if status.is_success() => {}
            (Phase::Trying | Phase::Proceeding, _) => {
                client.phase = Phase::Completed;
                client.resend = None;
                client.end = end(if invite { D } else { T4 }, &mut self.alarms);
                if invite {
                    let mut ack = BytesMut::new();
                    sip::ack_of(&mut ack, &client.request, &response.head, &client.vias);
                    let (to, ack) = (client.to.clone(), ack.freeze());
                    client.ack = Some(ack.clone());
                    self.sent.push_back(Sent {
                        to,
                        octets: ack,
                        client: None,
                    });
                }
            }
            (Phase::Completed, status) if !status.is_provisional() => {
                if let Some(octets) = client.ack.clone() {
                    let to = client.to.clone();
                    self.send(to, octets, None);
                }
                return;
            }
            _ => return,
        }
        let cookie = client.cookie;
        if cookie.is_some() {
            self.up.push_back(Up::Response(cookie, response));
        }
    }

    fn requested(&mut self, request: Request, from: usize, now: Time) {
        let branch = (peer_branch(&request.head), request.method);
        let invite = (branch.0.clone(), Method::Invite);
        if let Some(&txn) = self.by_branch.get(&branch) {
            let last = self.servers[&txn].last.clone();
            if let Some(octets) = last.filter(|_| self.servers[&txn].phase != Phase::Accepted) {
                self.send(Hop::Node(from), octets, None);
            }
            return;
        }
        if request.method == Method::Ack {
            match self.by_branch.get(&invite).copied() {
                Some(txn) => self.confirm(txn, now),
                None => {
                    let txn = self.next_txn();
                    self.up.push_back(Up::Ack(txn, request));
                }
            }
            return;
        }

        let txn = self.next_txn();
        let method = request.method;
        self.by_branch.insert(branch.clone(), txn);
        let server = Server {
            request: request.clone(),
            branch,
            from,
            last: None,
            phase: Phase::Trying,
            resend: None,
            end: None,
        };
        self.servers.insert(txn, server);
        match (method, self.by_branch.get(&invite).copied()) {
            (Method::Cancel, Some(invite)) => {
                let cancel = txn;
                self.up.push_back(Up::Cancel { cancel, invite });
            }
            (Method::Cancel, None) => self.respond(txn, &plain(481), now),
            (Method::Invite, _) => {
                self.respond(txn, &plain(100), now);
                self.up.push_back(Up::Request(txn, request));
            }
            _ => self.up.push_back(Up::Request(txn, request)),
        }
    }

    fn next_txn(&mut self) -> ServerTxn {
        self.count += 1;
        ServerTxn(self.count)
    }

    fn confirm(&mut self, txn: ServerTxn, now: Time) {
        let server = self.servers.get_mut(&txn).unwrap();
        if server.phase == Phase::Completed {
            server.phase = Phase::Confirmed;
            server.resend = None;
            server.end = Some(now + T4);
            self.alarms.insert((now + T4, Key::Server(txn)));
        }
    }

    fn expire_client(&mut self, branch: Branch, now: Time) {
        let Some(client) = self.clients.get_mut(&branch) else {
            return;
        };
        if client.end.is_some_and(|at| at <= now) {
            let client = self.drop_client(branch).unwrap();
            let invite = client.request.method == Method::Invite;
            let silent = match client.phase {
                Phase::Trying => false,
                Phase::Proceeding => invite,
                _ => true,
            };
            if !silent && client.cookie.is_some() {
                self.up
                    .push_back(Up::Failed(client.cookie, TxnError::Timeout));
            }
            return;
        }
        let Some((_, interval)) = client.resend.filter(|(at, _)| *at <= now) else {
            return;
        };
        let next = match (client.request.method, client.phase) {
            (Method::Invite, _) => interval * 2,
            (_, Phase::Proceeding) => T2,
            _ => T2.min(interval * 2),
        };
        client.resend = Some((now + next, next));
        self.alarms.insert((now + next, Key::Client(branch)));
        let (to, octets) = (client.to.clone(), client.octets.clone());
        self.send(to, octets, Some(branch));
    }

    fn expire_server(&mut self, txn: ServerTxn, now: Time) {
        let Some(server) = self.servers.get_mut(&txn) else {
            return;
        };
        if server.end.is_some_and(|at| at <= now) {
            let server = self.servers.remove(&txn).unwrap();
            self.by_branch.remove(&server.branch);
            return;
        }
        let Some((_, interval)) = server.resend.filter(|(at, _)| *at <= now) else {
            return;
        };
        let next = T2.min(interval * 2);
        server.resend = Some((now + next, next));
        self.alarms.insert((now + next, Key::Server(txn)));
        let (to, last) = (Hop::Node(server.from), server.last.clone());
        self.send(to, last.unwrap(), None);
    }
}

/// An answer without header fields of its own.
pub fn plain(status: u16) -> Reply {
    Reply {
        status: Status(status),
        tag: None,
        head: Bytes::new(),
        body: Bytes::new(),
    }
}

/// The first route, else the Request-URI.
fn next_hop(request: &Outgoing) -> Hop {
    let head = std::str::from_utf8(&request.head).unwrap();
    let route = head.lines().find_map(|line| line.strip_prefix("Route: <"));
    let route = route.and_then(|route| route.split('>').next());
    Hop::Uri(route.unwrap_or(request.target.as_str()).into())
}

/// The topmost Via: sent-by and branch.
fn top_via(head: &Head) -> (&str, &str) {
    let via = head.header("Via").expect("a Via");
    let via = via.split(',').next().unwrap();
    let mut parts = via.split(';');
    let by = parts.next().unwrap().rsplit(' ').next().unwrap();
    let branch = parts.find_map(|part| part.trim().strip_prefix("branch="));
    (by, branch.expect("a branch"))
}

/// The branch of ours that a response answers.
fn own_branch(head: &Head) -> Option<Branch> {
    let number = top_via(head).1.strip_prefix("z9hG4bK")?;
    let number = u64::from_str_radix(number, 16).ok()?;
    Some((number, head.cseq_method() == Method::Cancel))
}

/// What tells a server transaction from others, method apart (§17.2.3).
fn peer_branch(head: &Head) -> String {
    let (by, branch) = top_via(head);
    format!("{by} {branch}")
}
