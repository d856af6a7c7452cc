//! The main job in one process, without sockets: messages from alice to bob and to a group, every hop
//! as octets, with a ladder of who sent what to whom.
#![allow(clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use etherparse::PacketBuilder;
use indicatif::{ProgressBar, ProgressStyle};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, TsResolution};
use simple_im::driver::Role;
use simple_im::{
    Access, Account, Config, Content, Controlling, Draft, MachineId, MsrpAuthority, Notice,
    Originating, Outcome, Question, RecipientId, Refusal, Request, Target, Terminating, Uri,
};

use sim::net::{Faults, Net, Traced};
use sim::node::{Actor, Decision, Node};

#[path = "../tests/sim/mod.rs"]
mod sim;

/// Sends "hi" and a large message to bob and to a group, and shows every message on the way.
#[derive(Parser)]
struct Options {
    /// Octets of the large message.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    large: u64,
    /// Members of the group. The second refuses, the third is unreachable.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    members: u32,
    /// What the small message says.
    #[arg(long, default_value = "hi")]
    text: String,
    /// Sends the octets of this file as the large message.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Writes every octet as a capture that Wireshark opens.
    #[arg(long)]
    pcap: Option<PathBuf>,
}

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let options = Options::parse();
    let large = match &options.file {
        Some(path) => Bytes::from(std::fs::read(path)?),
        None => (0..options.large).map(|n| b'a' + (n % 26) as u8).collect(),
    };
    let mut street = Street::new(options.members, large.len() as u64)?;
    let small = Content::text(&options.text);
    let large = Content::new("text/plain", large);

    let jobs = [
        ("bob", &small, "pager"),
        ("bob", &large, "large message"),
        ("team", &small, "pager to the group"),
        ("team", &large, "large message to the group"),
    ];
    let mut lines = Vec::new();
    for (to, content, what) in jobs {
        println!("\n{what}, {} octets, alice to {to}\n", content.body.len());
        let seen = street.net.trace.len();
        let results = street.send(to, content)?;
        ladder(&street.net, seen);
        lines.push((what, content.body.len(), results));
    }

    println!();
    let mut intact = true;
    for (what, octets, results) in lines {
        let results: Vec<String> = results.iter().map(Arrived::to_string).collect();
        intact &= !results.iter().any(|result| result.contains("DIFFERS"));
        println!("{what:<27} {octets:>9} octets: {}", shortened(&results));
    }
    street.net.check();
    if let Some(path) = &options.pcap {
        capture(&street.net, File::create(path)?)?;
        println!("\n{} packets in {}", street.net.trace.len(), path.display());
    }
    if intact {
        Ok(())
    } else {
        Err("something did not arrive as it was sent".into())
    }
}

/// Everybody who takes part.
struct Street {
    net: Net,
    members: Vec<String>,
}

const ALICE: usize = 0;
const FOCUS: usize = 2;

/// What became of a message at one recipient.
struct Arrived {
    name: String,
    outcome: Outcome,
    intact: Option<bool>,
}

impl std::fmt::Display for Arrived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.name, self.outcome)?;
        match self.intact {
            Some(true) => write!(f, ", octet for octet"),
            Some(false) => write!(f, ", DIFFERS"),
            None => Ok(()),
        }
    }
}

impl Street {
    fn new(members: u32, large: u64) -> Result<Self, Failed> {
        let first = ["carol", "dave", "erin"].map(String::from);
        let others = (3..members).map(|n| format!("member{}", n + 1));
        let members: Vec<String> = first
            .into_iter()
            .chain(others)
            .take(members as usize)
            .collect();
        let uris = members
            .iter()
            .map(|name| address(name))
            .collect::<Result<Vec<_>, _>>()?;
        let mut net = Net::new(1, Faults::NONE);
        net.join(node("alice", large, 1, yes())?, &[]);
        net.join(node("bob", large, 2, yes())?, &[]);
        let mut focus = node(
            "im",
            large,
            3,
            Box::new(move |question| match question {
                Question::Members { .. } => Decision::Members(Ok(uris.clone())),
                _ => Decision::Access(Access {
                    exists: true,
                    allowed: true,
                    anonymity: true,
                }),
            }),
        )?;
        focus.serve();
        net.join(focus, &[]);
        for (n, name) in members.iter().enumerate().filter(|(n, _)| *n != 2) {
            let host: Host = if n == 1 {
                Box::new(|_| Decision::Refuse(Refusal::Declined))
            } else {
                yes()
            };
            net.join(node(name, large, 4 + n as u64, host)?, &[]);
        }
        Ok(Self { net, members })
    }

    /// Sends one message and runs until nothing is under way any more.
    fn send(&mut self, to: &str, content: &Content) -> Result<Vec<Arrived>, Failed> {
        let group = to == "team";
        let target = if group {
            Target::Group(uri("sip:team@im.example")?)
        } else {
            Target::One(address(to)?)
        };
        let draft = Draft::new(target, content.clone());
        let told: Vec<usize> = self.net.nodes.iter().map(|node| node.told.len()).collect();
        let asked: Vec<usize> = self.net.nodes.iter().map(|node| node.asked.len()).collect();
        self.net.at(ALICE, |node, now| -> Result<(), Failed> {
            let (machine, sent) = node.open(now, |cx| {
                let mut machine = Originating::new();
                let sent = machine.send(draft, cx);
                (machine, sent)
            });
            node.monitor.expect(machine, sent?, RecipientId(0));
            Ok(())
        })?;
        self.run();

        let judge = if group { FOCUS } else { ALICE };
        let outcomes = self.net.nodes[judge].told[told[judge]..].iter().filter_map(
            |(_, notice)| match notice {
                Notice::Outcome(_, recipient, outcome) => Some((recipient.0 as usize, *outcome)),
                _ => None,
            },
        );
        let mut outcomes: Vec<(usize, Outcome)> = outcomes.collect();
        outcomes.sort_by_key(|(recipient, _)| *recipient);
        let mut results = Vec::new();
        for (recipient, outcome) in outcomes {
            let name = if group { &self.members[recipient] } else { to };
            let place = self
                .net
                .nodes
                .iter()
                .position(|node| node.name == format!("{name}.example"));
            let got = place.and_then(|n| {
                let node = &self.net.nodes[n];
                arrived(
                    &node.told[told[n]..],
                    &node.asked[asked[n]..],
                    content.body.len(),
                )
            });
            let intact = got
                .filter(|_| has_it(outcome))
                .map(|got| got == content.body);
            results.push(Arrived {
                name: name.to_string(),
                outcome,
                intact,
            });
        }
        if group {
            let alice = self.net.nodes[ALICE].told[told[ALICE]..]
                .iter()
                .find_map(|(_, notice)| match notice {
                    Notice::Outcome(_, _, outcome) => Some(*outcome),
                    _ => None,
                });
            let outcome = alice.ok_or("alice heard nothing")?;
            results.insert(
                0,
                Arrived {
                    name: "team".into(),
                    outcome,
                    intact: None,
                },
            );
        }
        Ok(results)
    }

    /// Runs to the end, with a progress line when that takes longer than a second.
    fn run(&mut self) {
        let begun = Instant::now();
        let mut bar: Option<ProgressBar> = None;
        let (mut steps, first) = (0u64, self.net.trace.len());
        while self.net.next().is_some() {
            self.net.step();
            steps += 1;
            if steps.is_multiple_of(1024) && begun.elapsed() > Duration::from_secs(1) {
                let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
                let bar = bar.get_or_insert_with(|| {
                    ProgressBar::new_spinner()
                        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
                });
                let sent = self.net.trace.len() - first;
                bar.set_message(format!(
                    "{sent} messages and pieces, {:.1} s of theirs",
                    self.net.now.as_secs_f64()
                ));
                bar.tick();
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

type Host = Box<dyn FnMut(&Question) -> Decision>;

fn yes() -> Host {
    Box::new(|_| Decision::Accept)
}

fn uri(text: &str) -> Result<Uri, simple_im::Flaw> {
    Uri::copy(text)
}

fn address(name: &str) -> Result<Uri, simple_im::Flaw> {
    uri(&format!("sip:{name}@{name}.example"))
}

fn node(name: &str, large: u64, seed: u64, mut host: Host) -> Result<Node, Failed> {
    let address = address(name)?;
    let mut account = Account::new(address.clone(), address);
    account.factory = Some(uri("sip:factory@im.example")?);
    account.accept_types = "message/cpim text/plain multipart/mixed *".into();
    let msrp = MsrpAuthority {
        host: format!("{name}.example"),
        port: 2855,
        tls: false,
    };
    let mut config = Config::new(account, msrp, [seed, !seed]);
    config.limits.message = config.limits.message.max(large);
    config.limits.stored = config.limits.stored.max(large);
    config.limits.delivery = Duration::from_secs(24 * 3600);
    let factory = |role, _: &Request| -> Box<dyn Actor> {
        match role {
            Role::Controlling => Box::new(Controlling::new()),
            _ => Box::new(Terminating::new()),
        }
    };
    let think = Duration::from_millis(300);
    let host = move |question: &Question| (think, host(question));
    Ok(Node::new(
        &format!("{name}.example"),
        config,
        seed,
        Box::new(factory),
        Box::new(host),
    ))
}

/// Whether this outcome says that the recipient has the message.
fn has_it(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Delivered | Outcome::Sent | Outcome::AcceptedByServer
    )
}

/// What an application put together from what it was told and asked.
fn arrived(
    told: &[(MachineId, Notice)],
    asked: &[(MachineId, Question)],
    size: usize,
) -> Option<Bytes> {
    for (_, question) in asked {
        if let Question::Page(page) = question {
            return Some(page.body.clone());
        }
    }
    let mut pieces = vec![0; size];
    for (_, notice) in told {
        match notice {
            Notice::Data { offset, octets, .. } => {
                let at = *offset as usize;
                pieces
                    .get_mut(at..at + octets.len())?
                    .copy_from_slice(octets);
            }
            Notice::Received {
                whole, size: got, ..
            } => {
                return Some(if whole.len() as u64 == *got {
                    whole.clone()
                } else {
                    pieces.into()
                });
            }
            _ => {}
        }
    }
    None
}

/// Who sent what to whom since the message numbered `from`; chunks in a row are one line.
fn ladder(net: &Net, from: usize) {
    let mut chunks: BTreeMap<(usize, usize, String), (Duration, u64, usize)> = BTreeMap::new();
    let mut shown = 0;
    let flush = |chunks: &mut BTreeMap<(usize, usize, String), (Duration, u64, usize)>| {
        for ((from, to, what), (at, count, octets)) in std::mem::take(chunks) {
            let times = if count > 1 {
                format!(" ×{count}")
            } else {
                String::new()
            };
            let octets = if octets > 0 {
                format!(", {octets} octets of body")
            } else {
                String::new()
            };
            rung(net, at, from, to, &format!("{what}{times}{octets}"));
        }
    };
    let mut last: BTreeMap<(usize, usize), String> = BTreeMap::new();
    for sent in &net.trace[from..] {
        if !sent.msrp {
            flush(&mut chunks);
            rung(net, sent.sent, sent.from, sent.to, &sent.first_line());
            shown += 1;
            if shown == 200 {
                println!("          … and so on");
                return;
            }
            continue;
        }
        let pair = (sent.from, sent.to);
        if sent.octets.starts_with(b"MSRP ") {
            let line = sent.first_line();
            let what = line.split(' ').skip(2).collect::<Vec<_>>().join(" ");
            last.insert(pair, format!("MSRP {what}"));
            let entry = chunks
                .entry((pair.0, pair.1, format!("MSRP {what}")))
                .or_insert((sent.sent, 0, 0));
            entry.1 += 1;
        } else if !sent.octets.starts_with(b"\r\n-------") && !sent.octets.starts_with(b"-------") {
            let what = last.get(&pair).cloned().unwrap_or_default();
            if let Some(entry) = chunks.get_mut(&(pair.0, pair.1, what)) {
                entry.2 += sent.octets.len();
            }
        }
    }
    flush(&mut chunks);
}

/// One arrow. The first few hosts have a column each.
fn rung(net: &Net, at: Duration, from: usize, to: usize, what: &str) {
    let name = |n: usize| net.nodes[n].name.trim_end_matches(".example").to_string();
    let arrow = format!("{} ──▶ {}", name(from), name(to));
    println!("{:>9.3} s  {arrow:<20} {what}", at.as_secs_f64());
}

/// At most eight results, and how many there are of the rest.
fn shortened(results: &[String]) -> String {
    let mut text = results
        .iter()
        .take(8)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if results.len() > 8 {
        text += &format!("; and {} more", results.len() - 8);
    }
    text
}

/// Raw IP packets: SIP over UDP, MSRP over TCP, one packet for each thing that was sent.
fn capture(net: &Net, file: File) -> Result<(), Failed> {
    let header = PcapHeader {
        datalink: DataLink::RAW,
        ts_resolution: TsResolution::MicroSecond,
        snaplen: 1 << 18,
        ..PcapHeader::default()
    };
    let mut out = PcapWriter::with_header(file, header)?;
    let mut streams: BTreeMap<(usize, usize), Stream> = BTreeMap::new();
    for sent in &net.trace {
        if sent.msrp {
            segments(sent, &mut streams, &mut out)?
        } else {
            datagram(sent, &mut out)?
        }
    }
    Ok(())
}

fn ip(node: usize) -> [u8; 4] {
    let node = node + 1;
    [10, (node >> 16) as u8, (node >> 8) as u8, node as u8]
}

fn write(out: &mut PcapWriter<File>, at: Duration, packet: &[u8]) -> Result<(), Failed> {
    let length = packet.len() as u32;
    out.write_packet(&PcapPacket::new(at, length, packet))?;
    Ok(())
}

fn datagram(sent: &Traced, out: &mut PcapWriter<File>) -> Result<(), Failed> {
    let packet = PacketBuilder::ipv4(ip(sent.from), ip(sent.to), 64).udp(5060, 5060);
    let mut octets = Vec::new();
    packet.write(&mut octets, &sent.octets)?;
    write(out, sent.sent, &octets)
}

/// Both directions of one MSRP connection: the next sequence number of each.
struct Stream {
    maker: usize,
    port: u16,
    next: [u32; 2],
}

fn segments(
    sent: &Traced,
    streams: &mut BTreeMap<(usize, usize), Stream>,
    out: &mut PcapWriter<File>,
) -> Result<(), Failed> {
    let pair = (sent.from.min(sent.to), sent.from.max(sent.to));
    if !streams.contains_key(&pair) {
        // The handshake, so that a dissector follows the stream from its beginning.
        let port = 40_000 + streams.len() as u16;
        let hello = |from, to, ports: (u16, u16), seq| {
            PacketBuilder::ipv4(ip(from), ip(to), 64).tcp(ports.0, ports.1, seq, 65_535)
        };
        let mut octets = Vec::new();
        hello(sent.from, sent.to, (port, 2855), 0)
            .syn()
            .write(&mut octets, &[])?;
        write(out, sent.sent, &octets)?;
        octets.clear();
        hello(sent.to, sent.from, (2855, port), 0)
            .syn()
            .ack(1)
            .write(&mut octets, &[])?;
        write(out, sent.sent, &octets)?;
        octets.clear();
        hello(sent.from, sent.to, (port, 2855), 1)
            .ack(1)
            .write(&mut octets, &[])?;
        write(out, sent.sent, &octets)?;
        streams.insert(
            pair,
            Stream {
                maker: sent.from,
                port,
                next: [1, 1],
            },
        );
    }
    let Some(stream) = streams.get_mut(&pair) else {
        return Ok(());
    };
    let (side, ports) = if stream.maker == sent.from {
        (0, (stream.port, 2855))
    } else {
        (1, (2855, stream.port))
    };
    for piece in sent.octets.chunks(16_384) {
        let (seq, ack) = (stream.next[side], stream.next[1 - side]);
        let packet =
            PacketBuilder::ipv4(ip(sent.from), ip(sent.to), 64).tcp(ports.0, ports.1, seq, 65_535);
        let mut octets = Vec::new();
        packet.ack(ack).psh().write(&mut octets, piece)?;
        write(out, sent.sent, &octets)?;
        stream.next[side] = seq.wrapping_add(piece.len() as u32);
    }
    Ok(())
}
