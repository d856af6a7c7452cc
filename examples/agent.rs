//! A client or a controlling function on real sockets: SIP over UDP, MSRP over TCP, with the standard library
//! alone. For trying the crate against other people's programs; one thread reads each connection, and one loop
//! does everything else.
#![allow(clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use simple_im::driver::Role;
use simple_im::msrp::ConnectionId;
use simple_im::{
    Access, Account, Config, Content, Controlling, Down, Draft, MsrpAuthority, Notice, Originating,
    Question, Recipient, Request, Target, Terminating, Uri,
};

use sim::node::{Actor, Decision, Node, Output};
use sim::txn::Hop;

#[path = "../tests/sim/mod.rs"]
mod sim;

/// Sends one message and ends with its outcome, or serves until as many messages have come as are asked for.
#[derive(Parser)]
struct Options {
    /// Where to speak SIP.
    #[arg(long, default_value = "127.0.0.1:5060")]
    sip: SocketAddr,
    /// Where to speak MSRP.
    #[arg(long, default_value = "127.0.0.1:2855")]
    msrp: SocketAddr,
    /// Our address.
    #[arg(long, default_value = "sip:alice@example.com")]
    address: String,
    /// Where requests go whose URI names no numeric address.
    #[arg(long)]
    proxy: Option<SocketAddr>,
    /// To whom: one URI, or several for a list.
    #[arg(long)]
    to: Vec<String>,
    /// The factory URI for lists.
    #[arg(long)]
    factory: Option<String>,
    /// What to say.
    #[arg(long, default_value = "hi")]
    text: String,
    /// Send that many octets instead.
    #[arg(long)]
    large: Option<usize>,
    /// Take the message back after so many milliseconds.
    #[arg(long)]
    cancel: Option<u64>,
    /// Serve groups and lists, and call these the members of every group.
    #[arg(long)]
    member: Vec<String>,
    /// Serve as the controlling function.
    #[arg(long)]
    focus: bool,
    /// End after so many messages have been received or distributed. Without it and without --to, never.
    #[arg(long)]
    messages: Option<usize>,
    /// Think that many milliseconds about every question.
    #[arg(long, default_value_t = 0)]
    think: u64,
    /// Give up after so many seconds.
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What the threads report.
enum News {
    Datagram(SocketAddr, Vec<u8>),
    Accepted(TcpStream),
    Connected(ConnectionId, Option<TcpStream>),
    Octets(ConnectionId, Vec<u8>),
    Gone(ConnectionId),
}

fn main() -> Result<(), Failed> {
    let options = Options::parse();
    let (tell, news) = channel();
    let socket = UdpSocket::bind(options.sip)?;
    let listener = TcpListener::bind(options.msrp)?;
    listen(socket.try_clone()?, tell.clone());
    let accepted = tell.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if accepted.send(News::Accepted(stream)).is_err() {
                return;
            }
        }
    });
    let mut agent = Agent::new(&options, socket, tell)?;
    agent.begin(&options)?;
    agent.run(&options, &news)
}

fn listen(socket: UdpSocket, tell: Sender<News>) {
    thread::spawn(move || {
        let mut octets = vec![0; 65_536];
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            if tell
                .send(News::Datagram(from, octets[..length].to_vec()))
                .is_err()
            {
                return;
            }
        }
    });
}

struct Agent {
    node: Node,
    socket: UdpSocket,
    tell: Sender<News>,
    begun: Instant,
    proxy: Option<SocketAddr>,
    /// The peers that have sent us datagrams: the node numbers them.
    peers: Vec<SocketAddr>,
    streams: BTreeMap<ConnectionId, TcpStream>,
    seen: usize,
}

impl Agent {
    fn new(options: &Options, socket: UdpSocket, tell: Sender<News>) -> Result<Self, Failed> {
        let contact = Uri::copy(&format!("sip:me@{}", options.sip))?;
        let mut account = Account::new(Uri::copy(&options.address)?, contact);
        account.factory = options.factory.as_deref().map(Uri::copy).transpose()?;
        account.accept_types = "message/cpim text/plain multipart/mixed *".into();
        let msrp = MsrpAuthority {
            host: options.msrp.ip().to_string(),
            port: options.msrp.port(),
            tls: false,
        };
        let seed = std::process::id().into();
        let config = Config::new(account, msrp, [seed, 1]);
        let members = options
            .member
            .iter()
            .map(|uri| Uri::copy(uri))
            .collect::<Result<Vec<_>, _>>()?;
        let think = Duration::from_millis(options.think);
        let host = move |question: &Question| {
            let decision = match question {
                Question::Members { .. } => Decision::Members(Ok(members.clone())),
                Question::Access { .. } => Decision::Access(Access {
                    exists: true,
                    allowed: true,
                    anonymity: true,
                }),
                Question::Page(page) => {
                    println!("page of {} octets from {}", page.body.len(), page.sender);
                    Decision::Accept
                }
                _ => Decision::Accept,
            };
            (think, decision)
        };
        let factory = |role, _: &Request| -> Box<dyn Actor> {
            match role {
                Role::Controlling => Box::new(Controlling::new()),
                _ => Box::new(Terminating::new()),
            }
        };
        let name = options.sip.to_string();
        let mut node = Node::new(&name, config, seed, Box::new(factory), Box::new(host));
        node.ghosts = false;
        if options.focus {
            node.serve();
        }
        let (proxy, begun) = (options.proxy, Instant::now());
        Ok(Self {
            node,
            socket,
            tell,
            begun,
            proxy,
            peers: Vec::new(),
            streams: BTreeMap::new(),
            seen: 0,
        })
    }

    fn begin(&mut self, options: &Options) -> Result<(), Failed> {
        let uris = options
            .to
            .iter()
            .map(|uri| Uri::copy(uri))
            .collect::<Result<Vec<_>, _>>()?;
        let target = match uris.as_slice() {
            [] => return Ok(()),
            [one] => Target::One(one.clone()),
            several => Target::List(several.iter().cloned().map(Recipient::new).collect()),
        };
        let content = match options.large {
            Some(octets) => Content::new("text/plain", Bytes::from(vec![b'x'; octets])),
            None => Content::text(&options.text),
        };
        let draft = Draft::new(target, content);
        let (machine, sent) = self.node.open(self.begun.elapsed(), |cx| {
            let mut machine = Originating::new();
            let sent = machine.send(draft, cx);
            (machine, sent)
        });
        sent?;
        self.perform()?;
        if let Some(after) = options.cancel {
            thread::sleep(Duration::from_millis(after));
            let now = self.begun.elapsed();
            self.node
                .command(machine, now, |machine: &mut Originating, cx| {
                    machine.cancel(cx)
                });
            self.perform()?;
        }
        Ok(())
    }

    fn run(&mut self, options: &Options, news: &Receiver<News>) -> Result<(), Failed> {
        let patience = Duration::from_secs(options.patience);
        let mut received = 0;
        loop {
            for (_, notice) in &self.node.told[self.seen..] {
                println!("{}", shown(notice));
                received += usize::from(matches!(notice, Notice::Received { .. }));
            }
            self.seen = self.node.told.len();
            let pages = self
                .node
                .asked
                .iter()
                .filter(|(_, asked)| matches!(asked, Question::Page(_)))
                .count();
            let enough = options
                .messages
                .is_some_and(|wanted| received + pages >= wanted)
                || !options.to.is_empty();
            if enough && self.node.machines() == 0 {
                // What is left are retransmissions of what has been said.
                thread::sleep(Duration::from_millis(200));
                return Ok(());
            }
            let now = self.begun.elapsed();
            if now > patience {
                return Err("nothing more in time".into());
            }
            let due = self.node.deadline().unwrap_or(patience).saturating_sub(now);
            match news.recv_timeout(due.min(Duration::from_secs(1))) {
                Ok(news) => self.take(news),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err("no thread is left".into()),
            }
            self.node.tick(self.begun.elapsed());
            self.perform()?;
        }
    }

    fn take(&mut self, news: News) {
        let now = self.begun.elapsed();
        match news {
            News::Datagram(from, octets) => {
                let known = self.peers.iter().position(|peer| *peer == from);
                let peer = known.unwrap_or_else(|| {
                    self.peers.push(from);
                    self.peers.len() - 1
                });
                self.node.datagram(&Bytes::from(octets), peer, now);
            }
            News::Accepted(stream) => {
                let id = self.node.accepted();
                self.attach(id, stream);
            }
            News::Connected(id, Some(stream)) => {
                self.attach(id, stream);
                self.node.connected(id, now);
            }
            News::Connected(id, None) => self.node.disconnected(id, Down::Unreachable, now),
            News::Octets(id, octets) => self.node.octets(id, &octets, now),
            News::Gone(id) => {
                self.streams.remove(&id);
                self.node.disconnected(id, Down::Lost, now);
            }
        }
    }

    fn attach(&mut self, id: ConnectionId, stream: TcpStream) {
        if let Ok(mut reading) = stream.try_clone() {
            let tell = self.tell.clone();
            thread::spawn(move || {
                let mut octets = vec![0; 65_536];
                loop {
                    let said = match reading.read(&mut octets) {
                        Ok(length @ 1..) => tell.send(News::Octets(id, octets[..length].to_vec())),
                        _ => return drop(tell.send(News::Gone(id))),
                    };
                    if said.is_err() {
                        return;
                    }
                }
            });
        }
        self.streams.insert(id, stream);
    }

    /// Does what the node wants done.
    fn perform(&mut self) -> Result<(), Failed> {
        while let Some(output) = self.node.outputs.pop_front() {
            match output {
                Output::Sip(sent) => {
                    let to = match &sent.to {
                        Hop::Node(peer) => self.peers.get(*peer).copied(),
                        Hop::Uri(uri) => numeric(uri).or(self.proxy),
                    };
                    match to {
                        Some(to) => drop(self.socket.send_to(&sent.octets, to)?),
                        None => self.node.unreachable(&sent, self.begun.elapsed()),
                    }
                }
                Output::Connect(id, host, port) => {
                    let tell = self.tell.clone();
                    thread::spawn(move || {
                        let stream = TcpStream::connect((host, port)).ok();
                        tell.send(News::Connected(id, stream))
                    });
                }
                Output::Write(id, octets) => {
                    if let Some(stream) = self.streams.get_mut(&id) {
                        // What cannot be written is told by the thread that reads.
                        let _ = stream.write_all(&octets);
                    }
                }
                Output::Close(id) => {
                    if let Some(stream) = self.streams.remove(&id) {
                        let _ = stream.shutdown(std::net::Shutdown::Both);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The address that a URI names by number.
fn numeric(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::copy(uri).ok()?;
    let address = format!("{}:{}", uri.host(), uri.port().unwrap_or(5060));
    address.parse().ok().or_else(|| {
        let local = uri.host() == "localhost";
        local
            .then(|| address.to_socket_addrs().ok()?.next())
            .flatten()
    })
}

fn shown(notice: &Notice) -> String {
    match notice {
        Notice::Outcome(_, recipient, outcome) => format!("outcome {}: {outcome:?}", recipient.0),
        Notice::Received { size, .. } => format!("received {size} octets"),
        Notice::Data { offset, octets, .. } => format!("{} octets at {offset}", octets.len()),
        Notice::Member(recipient, uri) => format!("member {}: {uri}", recipient.0),
        other => format!("{other:?}"),
    }
}
