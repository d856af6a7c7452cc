//! A file over MSRP, on a real TCP socket, without SIP: for trying the crate against other people's endpoints
//! and relays. `std` threads read and write, one loop does everything else.
//!
//! ```sh
//! cargo run --example msrp_tcp -- receive got.bin                 # prints an offer, reads an answer
//! cargo run --example msrp_tcp -- send film.mkv --answer          # reads the offer, prints the answer
//! cargo run --example msrp_tcp -- send film.mkv --peer 'msrp://192.0.2.1:2855/x;tcp'
//! ```
//!
//! Descriptions and paths go to standard output, all that is said to a human goes to standard error. What the
//! file takes in memory does not depend on its size.

#![allow(clippy::indexing_slicing)]

mod wire;

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use md5::{Digest as _, Md5};
use simple_im::driver::TimerQueue;
use simple_im::msrp::relay::{self, Digest, Login, Relay};
use simple_im::msrp::{Connection, ConnectionId, Endpoint, Letter, Part, Sessions};
use simple_im::profile::{SetupAnswer, SetupOffer};
use simple_im::{
    Account, Action, Actions, AskId, Config, Context, Down, Entropy, Event, LegId, Machine,
    MachineId, MessageId, MsrpAuthority, MsrpEvent, Notice, Outcome, Uri,
};

use wire::{News, WRITING, Wire, accept, connect};

/// Sends or receives one file over MSRP.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    job: Job,
    /// Where we are: the address that our path names, and where we listen if the peer connects.
    #[arg(long, global = true, default_value = "127.0.0.1:0")]
    at: SocketAddr,
    /// We connect; otherwise the peer does, if it is free to.
    #[arg(long, global = true)]
    connect: bool,
    /// The peer's path, if it is known: nothing is offered or answered, and our path is printed.
    #[arg(long, global = true, conflicts_with = "answer")]
    peer: Option<String>,
    /// Read an offer and print an answer, instead of the other way round.
    #[arg(long, global = true)]
    answer: bool,
    /// Get a path through this relay, or several, from the inside out, separated by blanks (RFC 4976).
    #[arg(long, global = true)]
    relay: Option<String>,
    /// Our name at the relay.
    #[arg(long, global = true, default_value = "")]
    user: String,
    /// And the password.
    #[arg(long, global = true, default_value = "")]
    password: String,
    /// Give up after so many seconds.
    #[arg(long, global = true, default_value_t = 3600)]
    patience: u64,
}

#[derive(Subcommand)]
enum Job {
    /// Sends a file, and ends when the peer says that it has it all.
    Send {
        file: PathBuf,
        /// Its media type.
        #[arg(long, default_value = "application/octet-stream")]
        media: String,
    },
    /// Receives a file.
    Receive { file: PathBuf },
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let options = Options::parse();
    let patience = Instant::now() + Duration::from_secs(options.patience);
    Host::new(options)?.run(patience)
}

const MACHINE: MachineId = MachineId(0);
/// What a host owns beside the machines: sockets, a clock, randomness, a file.
struct Host {
    options: Options,
    config: Config,
    dice: Dice,
    endpoint: Endpoint,
    relay: Option<Relay>,
    sessions: Sessions,
    connection: Connection,
    wire: Option<Wire>,
    timers: TimerQueue<Instant>,
    relay_due: Option<Instant>,
    tell: Sender<News>,
    news: Receiver<News>,
    told: Vec<Notice>,
    work: Work,
    done: bool,
}

/// The file.
struct Work {
    file: File,
    bar: ProgressBar,
    message: Option<MessageId>,
}

impl Host {
    fn new(options: Options) -> Result<Self, Failed> {
        let (tell, news) = channel();
        let listener = TcpListener::bind(options.at)?;
        let here = listener.local_addr()?;
        let address = Uri::copy("sip:file@localhost")?;
        let msrp = MsrpAuthority {
            host: match here {
                SocketAddr::V4(here) => here.ip().to_string(),
                SocketAddr::V6(here) => format!("[{}]", here.ip()),
            },
            port: here.port(),
            tls: false,
        };
        let mut account = Account::new(address.clone(), address);
        account.accept_types = "*".into();
        let mut dice = Dice(RandomState::new(), 0);
        let key = [dice.draw(), dice.draw()];
        let mut config = Config::new(account, msrp, key);
        config.limits.message = u64::MAX;
        // This is an example over TCP alone; a relay of the world is reached by TLS (RFC 4976 §9.2).
        config.profile.relay_in_clear = true;
        if options.connect {
            config.profile.setup_offer = SetupOffer::Active;
            config.profile.setup_answer = SetupAnswer::Active;
        }
        let relay = match &options.relay {
            Some(relays) => {
                let own = format!("msrp://{here}/{:016x};tcp", dice.draw());
                Some(Relay::new(relays, &own, None, &config)?)
            }
            None => {
                accept(listener, tell.clone());
                None
            }
        };
        let work = Work {
            file: match &options.job {
                Job::Send { file, .. } => File::open(file)?,
                Job::Receive { file } => File::create(file)?,
            },
            bar: ProgressBar::no_length(),
            message: None,
        };
        work.bar.set_style(ProgressStyle::with_template(
            "{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {msg}",
        )?);
        Ok(Self {
            options,
            config,
            dice,
            endpoint: Endpoint::new(),
            relay,
            sessions: Sessions::new(),
            connection: Connection::new(ConnectionId(0)),
            wire: None,
            timers: TimerQueue::new(),
            relay_due: None,
            tell,
            news,
            told: Vec::new(),
            work,
            done: false,
        })
    }

    fn run(mut self, patience: Instant) -> Result<(), Failed> {
        match &mut self.relay {
            Some(relay) => {
                let mut actions = Vec::new();
                relay.open(&self.config, &mut actions);
                self.serve(actions)?;
            }
            None => self.introduce()?,
        }
        loop {
            self.turn()?;
            let waits = self.wire.as_ref().is_some_and(|wire| wire.writing > 0);
            if self.done && !waits {
                break;
            }
            let due = [self.timers.deadline(), self.relay_due, Some(patience)];
            let due = due.into_iter().flatten().min().unwrap_or(patience);
            match self
                .news
                .recv_timeout(due.saturating_duration_since(Instant::now()))
            {
                Ok(news) => self.hear(news)?,
                Err(RecvTimeoutError::Timeout) => self.tick(patience)?,
                Err(RecvTimeoutError::Disconnected) => return Err("nobody speaks any more".into()),
            }
        }
        self.with(|endpoint, cx| endpoint.close(cx))?;
        if let Some(wire) = &self.wire {
            let _ = wire.stream.shutdown(std::net::Shutdown::Write);
        }
        Ok(())
    }

    /// Makes us known to the peer, and the peer to us.
    fn introduce(&mut self) -> Result<(), Failed> {
        if self.options.answer {
            let offer = described()?;
            let answer = self.with(|endpoint, cx| endpoint.answer(offer, cx))??;
            say(&answer.sdp)?;
        } else {
            let offer = self.with(|endpoint, cx| endpoint.offer(cx))??;
            if let Some(peer) = self.options.peer.clone() {
                say(&offer.path)?;
                let active = self.options.connect || matches!(self.options.job, Job::Send { .. });
                let part = if active { Part::Active } else { Part::Passive };
                self.with(|endpoint, cx| endpoint.join(&peer, part, cx))??;
            } else {
                say(&offer.sdp)?;
                let answer = described()?;
                self.with(|endpoint, cx| endpoint.conclude(answer, cx))??;
            }
        }
        let Job::Send { file, media } = &self.options.job else {
            return Ok(());
        };
        let size = self.work.file.metadata()?.len();
        self.work.bar.set_length(size);
        let name: String = match file.file_name() {
            Some(name) => name
                .to_string_lossy()
                .chars()
                .filter(|c| c.is_ascii_graphic())
                .collect(),
            None => String::new(),
        };
        let name = name.replace(['"', '\\'], "_");
        let mut letter = Letter::new(media, (size > 0).then_some(size));
        let lines = format!("Content-Disposition: attachment; filename=\"{name}\"\r\n");
        letter.mime = [lines.as_bytes(), &letter.mime].concat().into();
        letter.success = true;
        self.work.message = Some(self.with(|endpoint, cx| endpoint.send(letter, cx))??);
        Ok(())
    }

    /// Gives the endpoint a command or an event, and does what it wants done.
    fn with<R>(
        &mut self,
        say: impl FnOnce(&mut Endpoint, &mut Context<'_>) -> R,
    ) -> Result<R, Failed> {
        let mut actions = Actions::new();
        let mut cx = Context::new(&self.config, &mut self.dice, &mut actions);
        let result = say(&mut self.endpoint, &mut cx);
        for (leg, action) in actions.drain() {
            self.perform((MACHINE, leg), action);
        }
        let leg = self.endpoint.leg();
        let held = self.endpoint.held(leg);
        self.connection.holds((MACHINE, leg), held, &self.config);
        Ok(result)
    }

    fn perform(&mut self, at: (MachineId, LegId), action: Action) {
        let now = Instant::now();
        match action {
            Action::OpenMsrp(open) => {
                self.sessions.open(at, &open);
                match (self.sessions.target(at), &self.relay) {
                    // The connection to our relay is there.
                    (Some(_), Some(_)) => {
                        self.connection.connected(&mut self.sessions, at);
                    }
                    (Some(target), None) => {
                        connect(target.host.to_owned(), target.port, self.tell.clone());
                    }
                    (None, _) => {}
                }
            }
            Action::ReleaseMsrp => {
                self.sessions.release(at);
                self.connection.release(at);
            }
            Action::SendChunk(chunk) => {
                self.connection
                    .send_chunk(&self.sessions, at, chunk, &mut self.dice);
            }
            Action::SendReport(report) => {
                self.connection
                    .report(&self.sessions, at, &report, &mut self.dice);
            }
            Action::RespondMsrp(txn, status) => self.connection.respond(txn, status),
            Action::StartTimer(timer, after) => self.timers.start((at.0, at.1, timer), now, after),
            Action::StopTimer(timer) => self.timers.stop((at.0, at.1, timer)),
            Action::Tell(notice) => self.told.push(notice),
            Action::Opened(_) | Action::Closed => {}
            Action::SendRequest(_)
            | Action::SendAck(_)
            | Action::SendCancel(_)
            | Action::Respond(..)
            | Action::Replace(_)
            | Action::Ask(..) => unreachable!("an endpoint knows nothing of SIP"),
        }
    }

    /// Does what can be done without anything new from outside.
    fn turn(&mut self) -> Result<(), Failed> {
        loop {
            while let Some(news) = self.connection.poll(&mut self.sessions, &self.config) {
                news.tell(|event| {
                    self.with(|endpoint, cx| endpoint.handle(news.leg, Event::Msrp(event), cx))
                })?;
            }
            if let Some(head) = self.connection.authorized() {
                self.consult(relay::Event::Response(&head))?;
                continue;
            }
            if !self.told.is_empty() {
                for notice in std::mem::take(&mut self.told) {
                    self.told(notice)?;
                }
                continue;
            }
            let Some(wire) = &mut self.wire else {
                return Ok(());
            };
            if self.connection.wants_input() && !wire.reading {
                wire.reading = wire.go.send(()).is_ok();
            }
            if wire.writing >= WRITING {
                return Ok(());
            }
            let Some(octets) = self.connection.transmit() else {
                return Ok(());
            };
            wire.writing += octets.len();
            // If the thread is gone, its last word is on the way.
            let _ = wire.out.send(octets);
        }
    }

    fn hear(&mut self, news: News) -> Result<(), Failed> {
        match news {
            News::Connected(Ok(stream)) if self.wire.is_none() => {
                self.wire = Some(Wire::new(stream, &self.tell)?);
                if self.relay.as_ref().is_some_and(|relay| !relay.is_granted()) {
                    return self.consult(relay::Event::Connected);
                }
                let at = (MACHINE, self.endpoint.leg());
                if self.sessions.target(at).is_some() {
                    self.connection.connected(&mut self.sessions, at);
                }
            }
            // A second one: we have a peer.
            News::Connected(Ok(_)) => {}
            News::Connected(Err(why)) => {
                eprintln!("cannot connect: {why}");
                self.consult(relay::Event::Down(Down::Unreachable))?;
                let (leg, down) = (self.endpoint.leg(), MsrpEvent::Down(Down::Unreachable));
                self.with(|endpoint, cx| endpoint.handle(leg, Event::Msrp(down), cx))?;
            }
            News::Octets(octets) => {
                self.connection.buffer().extend_from_slice(&octets);
                if let Some(wire) = &mut self.wire {
                    wire.reading = false;
                }
            }
            News::Wrote(size) => {
                if let Some(wire) = &mut self.wire {
                    wire.writing -= size;
                }
            }
            News::Gone => {
                if self.wire.take().is_some() {
                    self.connection.closed(Down::Lost);
                    self.turn()?;
                    self.consult(relay::Event::Down(Down::Lost))?;
                    // Somebody else may connect.
                    self.connection = Connection::new(ConnectionId(0));
                }
            }
        }
        Ok(())
    }

    fn tick(&mut self, patience: Instant) -> Result<(), Failed> {
        let now = Instant::now();
        if now >= patience {
            return Err("patience is over".into());
        }
        while let Some((_, leg, timer)) = self.timers.pop(now) {
            self.with(|endpoint, cx| endpoint.handle(leg, Event::Timer(timer), cx))?;
        }
        if self.relay_due.is_some_and(|due| due <= now) {
            self.relay_due = None;
            self.consult(relay::Event::Timer)?;
        }
        Ok(())
    }

    /// The application: a file.
    fn told(&mut self, notice: Notice) -> Result<(), Failed> {
        match notice {
            Notice::Wanted {
                message,
                offset,
                octets,
            } => {
                let mut part = vec![0; octets];
                self.work.file.seek(SeekFrom::Start(offset))?;
                let read = read_all(&mut self.work.file, &mut part)?;
                part.truncate(read);
                self.work.bar.set_position(offset + read as u64);
                let part = Bytes::from(part);
                // Of an empty file it wants octets as well: nobody told it a size.
                let given = self.with(|endpoint, cx| match part.is_empty() {
                    true => endpoint.finish(message, part, cx),
                    false => endpoint.supply(message, part, cx),
                })?;
                given.map_err(|why| format!("the file has changed: {why}"))?;
            }
            Notice::Outcome(message, _, outcome) if self.work.message == Some(message) => {
                self.work.bar.abandon();
                eprintln!("{outcome:?}");
                self.done = true;
                // Not every peer reports, and what it has answered it has got.
                if !matches!(
                    outcome,
                    Outcome::Delivered | Outcome::Sent | Outcome::Unconfirmed
                ) {
                    return Err(format!("not delivered: {outcome:?}").into());
                }
            }
            Notice::Begun {
                message,
                mime,
                total,
            } if self.work.message.is_none() => {
                self.work.message = Some(message);
                if let Some(total) = total {
                    self.work.bar.set_length(total);
                }
                eprint!("{}", String::from_utf8_lossy(&mime));
            }
            Notice::Begun { message, .. } => {
                // We came for one file.
                self.with(|endpoint, cx| endpoint.refuse(message, cx))??;
            }
            Notice::Data { offset, octets, .. } => {
                self.work.file.seek(SeekFrom::Start(offset))?;
                self.work.file.write_all(&octets)?;
                self.work.bar.set_position(offset + octets.len() as u64);
            }
            Notice::Received { whole, size, .. } => {
                if !whole.is_empty() {
                    self.work.file.write_all(&whole)?;
                }
                self.work.file.sync_all()?;
                self.work.bar.set_position(size);
                self.work.bar.abandon();
                eprintln!("received {size} octets");
                self.done = true;
            }
            Notice::Incomplete { received, .. } => {
                return Err(format!("only {received} octets came").into());
            }
            Notice::Connected => eprintln!("connected"),
            Notice::Disconnected(why) if !self.done => {
                return Err(format!("the connection is gone: {why:?}").into());
            }
            _ => {}
        }
        Ok(())
    }

    /// Tells the relay's client something, if there is one, and does what it wants done.
    fn consult(&mut self, event: relay::Event<'_>) -> Result<(), Failed> {
        let Some(relay) = &mut self.relay else {
            return Ok(());
        };
        let mut actions = Vec::new();
        relay.handle(event, &self.config, &mut self.dice, &mut actions);
        self.serve(actions)
    }

    fn serve(&mut self, actions: Vec<relay::Action>) -> Result<(), Failed> {
        for action in actions {
            match action {
                relay::Action::Connect => {
                    let target = self.relay.as_ref().and_then(Relay::target);
                    let target = target.ok_or("no relay")?;
                    connect(target.host.to_owned(), target.port, self.tell.clone());
                }
                relay::Action::Send(txn, request) => self.connection.authorize(txn, &request),
                relay::Action::Ask(ask, digests) => self.log_in(ask, &digests)?,
                relay::Action::StartTimer(after) => self.relay_due = Some(Instant::now() + after),
                relay::Action::StopTimer => self.relay_due = None,
                relay::Action::Granted(grant) if self.config.route.is_empty() => {
                    eprintln!("path granted: {}", grant.route);
                    self.config.route = grant.route;
                    self.introduce()?;
                }
                // It would take a new offer, and nobody hears one here: the old path is good for a while.
                relay::Action::Granted(grant) => eprintln!("new path granted: {}", grant.route),
                relay::Action::Closed(why) if self.done => eprintln!("relay: {why:?}"),
                relay::Action::Closed(why) => return Err(format!("relay: {why:?}").into()),
            }
        }
        Ok(())
    }

    /// Computes what the relay's challenge asks for (RFC 2617 §3.2.2).
    fn log_in(&mut self, ask: AskId, digests: &[Digest]) -> Result<(), Failed> {
        let is_md5 = |digest: &Digest| {
            digest
                .algorithm
                .as_deref()
                .is_none_or(|it| it.eq_ignore_ascii_case("MD5"))
        };
        let Some(challenge) = digests.iter().position(is_md5) else {
            return self.consult(relay::Event::Answer(ask, None));
        };
        let (user, password) = (self.options.user.clone(), &self.options.password);
        let digest = &digests[challenge];
        let secret = md5(&[&user, &digest.realm, password]);
        let request = md5(&[Digest::METHOD, &digest.uri]);
        let count = digest.nonce_count();
        let response = md5(&[
            &secret,
            &digest.nonce,
            &count,
            &digest.cnonce,
            Digest::QOP,
            &request,
        ]);
        let login = Login {
            challenge,
            username: &user,
            response: &response,
        };
        self.consult(relay::Event::Answer(ask, Some(login)))
    }
}

/// The MD5 of texts with colons between them, in hexadecimal.
fn md5(texts: &[&str]) -> String {
    let sum = Md5::digest(texts.join(":"));
    sum.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A description from standard input, up to an empty line.
fn described() -> Result<Bytes, Failed> {
    let mut text = String::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        text.push_str(line);
        text.push_str("\r\n");
    }
    match text.as_str() {
        "" => Err("no description came".into()),
        _ => Ok(text.into()),
    }
}

/// Something for the peer, and an empty line behind it.
fn say(text: &[u8]) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.write_all(if text.ends_with(b"\n") {
        b"\n"
    } else {
        b"\n\n"
    })?;
    Ok(out.flush()?)
}

/// Fills the buffer as far as the file reaches.
fn read_all(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut size = 0;
    while size < buffer.len() {
        match file.read(&mut buffer[size..])? {
            0 => break,
            more => size += more,
        }
    }
    Ok(size)
}

/// Random numbers of the standard library: its hasher with keys of the operating system's.
struct Dice(RandomState, u64);

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.1 += 1;
        self.0.hash_one(self.1)
    }
}
