//! SIP: reading beside `httparse` on the same octets, writing beside a copy of the same octets, and hostile heads of
//! doubling length, whose throughput must not fall.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use simple_im::wire::sip::{self, Message};
use simple_im::{ClientTxn, Fresh, Head, Method, Outgoing, Reply, Status, Tag, Token, Uri};

const INPUTS: [(&str, &[u8]); 4] = [
    ("message", include_bytes!("data/message.sip")),
    ("message_ims", include_bytes!("data/message_ims.sip")),
    ("invite", include_bytes!("data/invite.sip")),
    ("ok200", include_bytes!("data/ok200.sip")),
];

/// As a driver has it: a piece of a buffer that it goes on using.
fn shared(octets: &[u8]) -> Bytes {
    BytesMut::from(octets).split().freeze()
}

/// The lower bound: the fields as names and values, unread.
fn httparse(input: &[u8]) -> usize {
    let start = input.iter().position(|octet| *octet == b'\n').unwrap() + 1;
    let mut slots = [httparse::EMPTY_HEADER; 32];
    let head = input.get(start..).unwrap();
    let found = httparse::parse_headers(black_box(head), &mut slots).unwrap();
    black_box(found.unwrap().1.len())
}

fn head(message: &Message) -> &Head {
    match message {
        Message::Request(request) => &request.head,
        Message::Response(response) => &response.head,
    }
}

/// What is needed to find transaction and dialog.
fn route(message: &Message) {
    let head = head(message);
    black_box((head.header("Via"), head.from().tag(), head.to().tag()));
    black_box((head.call_id(), head.cseq(), head.cseq_method()));
    black_box((head.max_forwards(), head.contact()));
}

fn reading(criterion: &mut Criterion) {
    for (name, octets) in INPUTS {
        let mut group = criterion.benchmark_group(format!("sip_read/{name}"));
        group.throughput(Throughput::Bytes(octets.len() as u64));
        let input = shared(octets);
        group.bench_function("httparse", |b| b.iter(|| httparse(octets)));
        group.bench_function("parse", |b| {
            b.iter(|| sip::parse(black_box(&input)).unwrap())
        });
        group.bench_function("parse_and_route", |b| {
            b.iter(|| {
                let message = sip::parse(black_box(&input)).unwrap();
                route(&message);
                message
            });
        });
    }
}

const VIA: &str = "Via: SIP/2.0/UDP pc33.example.com:5060;branch=z9hG4bK776sgdkse\r\n";

fn page() -> Outgoing {
    Outgoing {
        method: Method::Message,
        txn: ClientTxn(0),
        cseq: 1,
        fresh: Some(Fresh {
            token: Token([1, 2, 3]),
        }),
        target: Uri::copy("sip:bob@example.com").unwrap(),
        head: Bytes::from_static(
            b"From: <sip:alice@example.com>\r\nMax-Forwards: 70\r\nAccept-Contact: *;+g.oma.sip-im\r\n\
              User-Agent: IM-client/OMA1.0\r\nContent-Type: text/plain\r\n",
        ),
        body: Bytes::from_static(b"\r\nWatson, come here. I need you.\r\n"),
    }
}

fn writing(criterion: &mut Criterion) {
    let mut out = BytesMut::with_capacity(65_536);
    let page = page();
    sip::write_request(&mut out, &page, VIA);
    let written = out.split().freeze();
    let request = sip::parse_request(&written).unwrap();
    let ok = Reply {
        status: Status(200),
        tag: Some(Tag(1)),
        head: Bytes::from_static(b"Server: IM-serv/OMA1.0\r\n"),
        body: Bytes::new(),
    };
    let mut group = criterion.benchmark_group("sip_write");
    group.throughput(Throughput::Bytes(written.len() as u64));
    group.bench_function("memcpy", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&written));
            black_box(out.len())
        });
    });
    group.bench_function("request", |b| {
        b.iter(|| {
            out.clear();
            sip::write_request(&mut out, black_box(&page), VIA);
            black_box(out.len())
        });
    });
    group.bench_function("response", |b| {
        b.iter(|| {
            out.clear();
            sip::write_response(&mut out, black_box(&ok), &request.head);
            black_box(out.len())
        });
    });
}

/// A head in which one piece comes again and again.
struct Hostile {
    name: &'static str,
    front: &'static str,
    piece: &'static str,
}

const HOSTILE: [Hostile; 9] = [
    Hostile::new("commas", "Allow: ", ","),
    Hostile::new("options", "Require: ", "a,"),
    Hostile::new("quotes", "Warning: 399 h \"\"", "\"\""),
    Hostile::new("escapes", "Contact: \"", "\\"),
    Hostile::new("brackets", "Accept-Contact: ", "<"),
    Hostile::new("parameters", "Contact: <sip:a@h>", ";a"),
    Hostile::new("vias", "Via: SIP/2.0/UDP h", ", SIP/2.0/UDP h"),
    Hostile::new("blanks", "Via:", " "),
    Hostile::new("folds", "Subject: a", "\r\n b"),
];

impl Hostile {
    const fn new(name: &'static str, front: &'static str, piece: &'static str) -> Self {
        Self { name, front, piece }
    }

    fn message(&self, length: usize) -> Bytes {
        let text = String::from_utf8(INPUTS[0].1.to_vec()).unwrap();
        let many = self.piece.repeat(length / self.piece.len());
        let (start, rest) = text.split_once("\r\n").unwrap();
        shared(format!("{start}\r\n{}{many}\r\n{rest}", self.front).as_bytes())
    }
}

fn hostile(criterion: &mut Criterion) {
    for hostile in HOSTILE {
        let mut group = criterion.benchmark_group(format!("sip_hostile/{}", hostile.name));
        for length in [16_000, 32_000, 64_000] {
            let input = hostile.message(length);
            group.throughput(Throughput::Bytes(input.len() as u64));
            group.bench_with_input(BenchmarkId::from_parameter(length), &input, |b, input| {
                // Refused or read: either takes time in proportion.
                b.iter(|| {
                    sip::parse(black_box(input)).map(|message| head(&message).warned(1, "x"))
                });
            });
        }
    }
}

criterion_group!(benches, reading, writing, hostile);
criterion_main!(benches);
