//! A pager message and a large message through each role.
//!
//! *Typed* is the machine alone: values in, actions out. *Wire* is parsing and writing as well: octets in,
//! octets out, what a driver pays beside its sockets.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::mem;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use simple_im::msrp::{Connection, ConnectionId, Sessions};
use simple_im::wire::msrp;
use simple_im::wire::sip::{parse_request, parse_response, write_request, write_response};
use simple_im::{
    Action, Answer, ByteRange, Content, Continuation, Controlling, Draft, Event, FailureReport,
    LegId, Machine, MachineId, MsrpEvent, MsrpTxn, Originating, SendHead, ServerTxn, Target,
    Terminating,
};

mod common;
use common::*;

const FIRST: LegId = LegId::FIRST;

fn to_bob(octets: usize) -> Draft {
    let content = Content::new("text/plain", prose(octets));
    Draft::new(Target::One(uri("sip:bob@example.com")), content)
}

fn memcpy(c: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>, octets: &[u8]) {
    let mut out = vec![0; octets.len()];
    c.bench_function("limit: memcpy", |b| {
        b.iter(|| out.copy_from_slice(black_box(octets)));
    });
    let begin = octets.iter().position(|octet| *octet == b'\n').unwrap() + 1;
    c.bench_function("limit: httparse", |b| {
        b.iter(|| {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let parsed = httparse::parse_headers(black_box(&octets[begin..]), &mut headers);
            assert!(parsed.unwrap().is_complete());
        });
    });
}

fn pager(c: &mut Criterion) {
    let mut group = c.benchmark_group("pager");
    group.throughput(Throughput::Elements(1));
    let message = page("sip:bob@example.com");
    memcpy(&mut group, &message);
    let mut out = BytesMut::with_capacity(4096);

    let mut bench = Bench::new(Originating::new(), config("alice"));
    let draft = to_bob(32);
    bench
        .run(|alice, cx| alice.send(draft.clone(), cx))
        .unwrap();
    let request = bench.take(sent);
    let ok_text = response_text(&request, "200 OK", "", "");
    let ok = parse_response(&ok_text).unwrap();
    drop(request);
    group.bench_function("originating, typed", |b| {
        b.iter(|| {
            bench.machine = Originating::new();
            bench
                .run(|alice, cx| alice.send(draft.clone(), cx))
                .unwrap();
            bench.actions.drain();
            bench.on(FIRST, Event::Response(simple_im::ClientTxn(0), &ok))
        });
    });
    group.bench_function("originating, wire", |b| {
        b.iter(|| {
            bench.machine = Originating::new();
            bench
                .run(|alice, cx| alice.send(draft.clone(), cx))
                .unwrap();
            out.clear();
            for (_, action) in bench.actions.drain() {
                if let Action::SendRequest(request) = action {
                    write_request(&mut out, &request, VIA);
                }
            }
            let ok = parse_response(black_box(&ok_text)).unwrap();
            bench.on(FIRST, Event::Response(simple_im::ClientTxn(0), &ok))
        });
    });

    let mut bench = Bench::new(Terminating::new(), config("bob"));
    let request = parse_request(&message).unwrap();
    group.bench_function("terminating, typed", |b| {
        b.iter(|| {
            bench.machine = Terminating::new();
            let ask = bench.find(Event::Request(ServerTxn(1), &request), asked);
            bench.on(FIRST, Event::Answer(ask, Answer::Accept))
        });
    });
    group.bench_function("terminating, wire", |b| {
        b.iter(|| {
            bench.machine = Terminating::new();
            let request = parse_request(black_box(&message)).unwrap();
            let ask = bench.find(Event::Request(ServerTxn(1), &request), asked);
            let reply = bench.find(Event::Answer(ask, Answer::Accept), replied);
            out.clear();
            write_response(&mut out, &reply, &request.head);
        });
    });

    let mut bench = Bench::new(Controlling::new(), config("im"));
    let message = page("sip:team@im.example.com");
    let request = parse_request(&message).unwrap();
    let members = [uri("sip:bob@example.com")];
    group.bench_function("controlling, one member, typed", |b| {
        b.iter(|| {
            bench.machine = Controlling::new();
            let ask = bench.find(Event::Request(ServerTxn(1), &request), asked);
            let ask = bench.find(Event::Answer(ask, YES), asked);
            bench.on(FIRST, Event::Answer(ask, Answer::Members(Ok(&members))));
            bench.on(
                LegId::new(1, 0),
                Event::Response(simple_im::ClientTxn(0), &ok),
            );
            assert!(bench.machine.is_closed());
        });
    });
    group.bench_function("controlling, one member, wire", |b| {
        b.iter(|| {
            bench.machine = Controlling::new();
            let request = parse_request(black_box(&message)).unwrap();
            let ask = bench.find(Event::Request(ServerTxn(1), &request), asked);
            let ask = bench.find(Event::Answer(ask, YES), asked);
            let members = Answer::Members(Ok(&members));
            bench.run(|focus, cx| focus.handle(FIRST, Event::Answer(ask, members), cx));
            out.clear();
            for (_, action) in bench.actions.drain() {
                match action {
                    Action::SendRequest(copy) => write_request(&mut out, &copy, VIA),
                    Action::Respond(_, reply) => write_response(&mut out, &reply, &request.head),
                    _ => {}
                }
            }
            let ok = parse_response(black_box(&ok_text)).unwrap();
            bench.on(
                LegId::new(1, 0),
                Event::Response(simple_im::ClientTxn(0), &ok),
            )
        });
    });
}

/// Chunks of a large message.
const CHUNKS: usize = 16;
const CHUNK: usize = 2048;

fn large(c: &mut Criterion) {
    let mut group = c.benchmark_group("large");
    group.throughput(Throughput::Bytes((CHUNKS * CHUNK) as u64));
    let body = prose(CHUNKS * CHUNK);
    let mut copy = vec![0; body.len()];
    group.bench_function("limit: memcpy", |b| {
        b.iter(|| copy.copy_from_slice(black_box(&body)));
    });

    let draft = Draft::new(
        Target::One(uri("sip:bob@example.com")),
        Content::new("text/plain", body.clone()),
    );
    let mut bench = Bench::new(Originating::new(), config("alice"));
    bench
        .run(|alice, cx| alice.send(draft.clone(), cx))
        .unwrap();
    let invite = bench.take(sent);
    let ok_text = response_text(&invite, "200 OK", ACCEPTED, ANSWER);
    let ok = parse_response(&ok_text).unwrap();
    group.bench_function("originating, typed", |b| {
        b.iter(|| {
            bench.machine = Originating::new();
            bench
                .run(|alice, cx| alice.send(draft.clone(), cx))
                .unwrap();
            let invite = bench.take(sent);
            bench.on(FIRST, Event::Response(invite.txn, &ok));
            let pushed = |action: &Action| match action {
                Action::SendChunk(chunk) => Some(chunk.id),
                _ => None,
            };
            let mut chunk = bench.find(Event::Msrp(MsrpEvent::Up), pushed);
            let mut bye = None;
            for round in 1..=CHUNKS {
                // What was written makes room for the next chunk, and is answered then.
                let written = Event::Msrp(MsrpEvent::Written(chunk));
                let answered = Event::Msrp(MsrpEvent::Response(chunk, 200));
                if round == CHUNKS {
                    bench.on(FIRST, written);
                } else {
                    chunk = bench.find(written, pushed);
                }
                bench.run(|alice, cx| alice.handle(FIRST, answered, cx));
                for (_, action) in bench.actions.drain() {
                    bye = sent(&action).or(bye);
                }
            }
            // The peer's 200 to the INVITE does for the BYE.
            let bye = bye.unwrap();
            bench.on(FIRST, Event::Response(bye.txn, &ok));
            assert!(bench.machine.is_closed());
        });
    });
    group.bench_function("originating, wire", |b| {
        let mut out = BytesMut::with_capacity(8192);
        let at = (MachineId(1), FIRST);
        b.iter(|| {
            bench.machine = Originating::new();
            bench
                .run(|alice, cx| alice.send(draft.clone(), cx))
                .unwrap();
            let (mut sessions, mut connection) = (Sessions::new(), None);
            let mut dice = Dice(3);
            perform(
                &mut bench,
                &mut sessions,
                &mut connection,
                &mut dice,
                &mut out,
            );
            let ok = parse_response(black_box(&ok_text)).unwrap();
            bench.run(|alice, cx| {
                alice.handle(FIRST, Event::Response(simple_im::ClientTxn(1), &ok), cx);
            });
            perform(
                &mut bench,
                &mut sessions,
                &mut connection,
                &mut dice,
                &mut out,
            );
            let made = connection.insert(Connection::new(ConnectionId(1)));
            assert!(made.connected(&mut sessions, at));
            let (mut chunks, mut idle) = (0, false);
            loop {
                let link = connection.as_mut().unwrap();
                if let Some(news) = link.poll(&mut sessions, &bench.config) {
                    idle = false;
                    news.tell(|event| {
                        bench.run(|alice, cx| alice.handle(FIRST, Event::Msrp(event), cx));
                    });
                    drop(news);
                    perform(
                        &mut bench,
                        &mut sessions,
                        &mut connection,
                        &mut dice,
                        &mut out,
                    );
                } else if let Some(octets) = link.transmit() {
                    // A head begins a chunk: its 200 comes back at once.
                    if octets.starts_with(b"MSRP ") {
                        chunks += 1;
                        let txn = std::str::from_utf8(&octets[5..21]).unwrap();
                        msrp::write_response(
                            link.buffer(),
                            txn,
                            200,
                            b"msrp://a:1/b;tcp",
                            b"msrp://c:1/d;tcp",
                        );
                    }
                } else if mem::replace(&mut idle, true) {
                    // Nothing to hear after there was nothing to write: there is no room for more either.
                    break;
                }
            }
            assert_eq!(chunks, CHUNKS);
            let ok = parse_response(black_box(&ok_text)).unwrap();
            bench.on(FIRST, Event::Response(simple_im::ClientTxn(2), &ok));
            assert!(bench.machine.is_closed());
        });
    });

    let mut bench = Bench::new(Terminating::new(), config("bob"));
    let request = parse_request(&call("sip:bob@example.com")).unwrap();
    let pieces: Vec<Bytes> = (0..CHUNKS)
        .map(|n| body.slice(n * CHUNK..(n + 1) * CHUNK))
        .collect();
    group.bench_function("terminating, typed", |b| {
        b.iter(|| {
            bench.machine = Terminating::new();
            let ask = bench.find(Event::Request(ServerTxn(1), &request), asked);
            let reply = bench.find(Event::Answer(ask, Answer::Accept), replied);
            let ack = parse_request(&inside("sip:bob@example.com", &reply, "ACK", 1)).unwrap();
            bench.on(FIRST, Event::Ack(&ack));
            bench.on(FIRST, Event::Msrp(MsrpEvent::Up));
            receive(&mut bench, &pieces);
            let bye = parse_request(&inside("sip:bob@example.com", &reply, "BYE", 2)).unwrap();
            bench.on(FIRST, Event::Request(ServerTxn(2), &bye));
            assert!(bench.machine.is_closed());
        });
    });

    let mut bench = Bench::new(Controlling::new(), config("im"));
    let request = parse_request(&call("sip:team@im.example.com")).unwrap();
    let members = [uri("sip:bob@example.com")];
    let leg = LegId::new(1, 0);
    group.bench_function("controlling, one member, typed", |b| {
        b.iter(|| {
            bench.machine = Controlling::new();
            let ask = bench.find(Event::Request(ServerTxn(1), &request), asked);
            let ask = bench.find(Event::Answer(ask, YES), asked);
            let members = Event::Answer(ask, Answer::Members(Ok(&members)));
            bench.run(|focus, cx| focus.handle(FIRST, members, cx));
            let actions: Vec<_> = bench.actions.drain().collect();
            let reply = actions
                .iter()
                .find_map(|(_, action)| replied(action))
                .unwrap();
            let invite = actions.iter().find_map(|(_, action)| sent(action)).unwrap();
            drop(actions);
            let ack = parse_request(&inside("sip:team@im.example.com", &reply, "ACK", 1)).unwrap();
            bench.on(FIRST, Event::Ack(&ack));
            bench.on(FIRST, Event::Msrp(MsrpEvent::Up));
            receive(&mut bench, &pieces);
            bench.on(leg, Event::Response(invite.txn, &ok));
            let mut events = VecDeque::from([MsrpEvent::Up]);
            while let Some(event) = events.pop_front() {
                bench.run(|focus, cx| focus.handle(leg, Event::Msrp(event), cx));
                for (_, action) in bench.actions.drain() {
                    if let Action::SendChunk(chunk) = action {
                        events.push_back(MsrpEvent::Written(chunk.id));
                        events.push_back(MsrpEvent::Response(chunk.id, 200));
                    }
                }
            }
            bench.on(leg, Event::Response(simple_im::ClientTxn(2), &ok));
            let bye = parse_request(&inside("sip:team@im.example.com", &reply, "BYE", 2)).unwrap();
            bench.on(FIRST, Event::Request(ServerTxn(2), &bye));
            assert!(bench.machine.is_closed());
        });
    });
}

/// What a driver does with the actions of one call.
fn perform(
    bench: &mut Bench<Originating>,
    sessions: &mut Sessions,
    connection: &mut Option<Connection>,
    dice: &mut Dice,
    out: &mut BytesMut,
) {
    let at = (MachineId(1), FIRST);
    for (_, action) in bench.actions.drain() {
        match action {
            Action::SendRequest(request) | Action::SendAck(request) => {
                out.clear();
                write_request(out, &request, VIA);
            }
            Action::OpenMsrp(open) => sessions.open(at, &open),
            Action::SendChunk(chunk) => {
                if let Some(connection) = connection {
                    connection.send_chunk(sessions, at, chunk, dice);
                }
            }
            _ => {}
        }
    }
}

fn receive<M: Machine>(bench: &mut Bench<M>, pieces: &[Bytes]) {
    let size = (pieces.len() * CHUNK) as u64;
    for (n, octets) in pieces.iter().enumerate() {
        let head = SendHead {
            message: "12339sdqwer",
            range: ByteRange {
                start: (n * CHUNK) as u64 + 1,
                end: Some(((n + 1) * CHUNK) as u64),
                total: Some(size),
            },
            success: false,
            failure: FailureReport::Yes,
            content_type: Some("text/plain"),
            mime: "Content-Type: text/plain\r\n",
        };
        bench.on(FIRST, Event::Msrp(MsrpEvent::Send(MsrpTxn(1), &head)));
        bench.on(FIRST, Event::Msrp(MsrpEvent::Octets(octets)));
        let flag = match n + 1 == pieces.len() {
            true => Continuation::Last,
            false => Continuation::More,
        };
        bench.on(FIRST, Event::Msrp(MsrpEvent::End(flag)));
    }
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = pager, large
}
criterion_main!(benches);
