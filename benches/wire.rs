//! Octets to values and back, each beside its limit: `httparse`, `memcpy`, `memchr`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkGroup, Throughput, criterion_group, criterion_main};
use criterion::{Criterion, measurement::WallTime};
use memchr::memmem;
use simple_im::msrp::Ident;
use simple_im::wire::msrp::{self, Decoder, Piece, write_end, write_report, write_send};
use simple_im::wire::sip::{Message, parse, parse_request, write_request, write_response};
use simple_im::wire::{lists, sdp};
use simple_im::{
    Chunk, ChunkId, ClientTxn, Continuation, Entry, FailureReport, Limits, Method, Outgoing,
};
use simple_im::{Reply, Report, Status, Tag, Token};

mod common;
#[path = "common/routing.rs"]
mod routing;
use common::{VIA, near_ends, prose, uri};
use routing::routing;

const MESSAGES: [(&str, &[u8]); 4] = [
    ("message", include_bytes!("data/message.sip")),
    ("message_ims", include_bytes!("data/message_ims.sip")),
    ("invite", include_bytes!("data/invite.sip")),
    ("ok", include_bytes!("data/ok200.sip")),
];

fn size(octets: &[u8]) -> Throughput {
    Throughput::Bytes(octets.len() as u64)
}

fn memcpy(group: &mut BenchmarkGroup<'_, WallTime>, octets: &[u8]) {
    let mut out = vec![0; octets.len()];
    group.bench_function("limit: memcpy", |b| {
        b.iter(|| out.copy_from_slice(black_box(octets)));
    });
}

fn sip_read(c: &mut Criterion) {
    for (name, octets) in MESSAGES {
        let mut group = c.benchmark_group(format!("sip_read/{name}"));
        group.throughput(size(octets));
        memcpy(&mut group, octets);
        let begin = octets.iter().position(|octet| *octet == b'\n').unwrap() + 1;
        group.bench_function("limit: httparse", |b| {
            b.iter(|| {
                let mut headers = [httparse::EMPTY_HEADER; 32];
                let parsed = httparse::parse_headers(black_box(&octets[begin..]), &mut headers);
                assert!(parsed.unwrap().is_complete());
            });
        });
        let input = Bytes::from_static(octets);
        group.bench_function("parse", |b| b.iter(|| parse(black_box(&input)).unwrap()));
        group.bench_function("parse and routing", |b| {
            b.iter(|| match parse(black_box(&input)).unwrap() {
                Message::Request(request) => routing(&request.head) + request.body.whole().len(),
                Message::Response(response) => {
                    routing(&response.head) + response.body.whole().len()
                }
            });
        });
    }
}

fn sip_write(c: &mut Criterion) {
    let octets = MESSAGES[0].1;
    let mut group = c.benchmark_group("sip_write");
    group.throughput(size(octets));
    memcpy(&mut group, octets);
    let asked = parse_request(&Bytes::from_static(octets)).unwrap();
    let outgoing = Outgoing {
        method: Method::Message,
        txn: ClientTxn(0),
        cseq: 1,
        fresh: None,
        target: asked.uri.clone(),
        head: Bytes::from_static(
            b"Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=49583\r\n\
              To: <sip:bob@example.com>\r\nCall-ID: asd88asd77a@1.2.3.4\r\n\
              Accept-Contact: *;+g.oma.sip-im\r\nUser-Agent: IM-client/OMA1.0\r\n\
              Content-Type: text/plain\r\n",
        ),
        body: asked.body.whole().clone(),
    };
    let mut out = BytesMut::with_capacity(4096);
    write_request(&mut out, &outgoing, VIA);
    assert_eq!(out.len(), octets.len());
    group.bench_function("request", |b| {
        b.iter(|| {
            out.clear();
            write_request(&mut out, black_box(&outgoing), VIA);
        });
    });
    let reply = Reply {
        status: Status(200),
        tag: Some(Tag(7)),
        head: Bytes::from_static(b"User-Agent: IM-client/OMA1.0\r\n"),
        body: Bytes::new(),
    };
    group.bench_function("response", |b| {
        b.iter(|| {
            out.clear();
            write_response(&mut out, black_box(&reply), &asked.head);
        });
    });
}

const TXN: &str = "a786hjs2";
const TO: &[u8] = b"msrp://im.example.com:8888/9di4eae923wzd;tcp";
const FROM: &[u8] = b"msrp://alice.example.com:7654/jshA7weztas;tcp";

fn chunk(body: Bytes) -> Chunk {
    Chunk {
        id: ChunkId(1),
        message: Token::new([1, 2, 3]),
        start: 1,
        total: Some(body.len() as u64),
        flag: Continuation::Last,
        success: true,
        failure: FailureReport::Yes,
        mime: Bytes::from_static(b"Content-Type: message/cpim\r\n"),
        body,
    }
}

fn send(body: &Bytes) -> Bytes {
    let (mut out, chunk) = (BytesMut::new(), chunk(body.clone()));
    write_send(&mut out, TXN, TO, FROM, &chunk);
    out.extend_from_slice(body);
    write_end(&mut out, TXN, &chunk);
    out.freeze()
}

/// Every piece of one frame that lies in a buffer that was used before.
fn decode(decoder: &mut Decoder, input: &mut BytesMut) -> usize {
    let mut octets = 0;
    while let Some(piece) = decoder.next(input).unwrap() {
        match piece {
            Piece::Head(head) => octets += head.message().len(),
            Piece::Octets(piece) => octets += piece.len(),
            Piece::Bad(_, flaw) => panic!("{flaw}"),
            Piece::End(_) => {}
        }
    }
    octets
}

fn msrp_decode(c: &mut Criterion) {
    let mut report = BytesMut::new();
    let reported = Report {
        message: Ident::copy("12339sdqwer").unwrap(),
        start: 1,
        end: 2048,
        total: Some(2048),
        status: 200,
    };
    write_report(&mut report, TXN, TO, FROM, &reported);
    let mut ok = BytesMut::new();
    msrp::write_response(&mut ok, TXN, 200, TO, FROM);
    let frames = [
        ("200", ok.freeze()),
        ("report", report.freeze()),
        ("2k", send(&prose(2048))),
        ("64k", send(&prose(65_536))),
        ("64k near end-lines", send(&near_ends(65_536, TXN))),
    ];
    for (name, wire) in frames {
        let mut group = c.benchmark_group(format!("msrp_decode/{name}"));
        group.throughput(size(&wire));
        memcpy(&mut group, &wire);
        let needle = format!("-------{TXN}$");
        group.bench_function("limit: memmem", |b| {
            b.iter(|| {
                memmem::Finder::new(needle.as_bytes())
                    .find(black_box(&wire))
                    .unwrap()
            });
        });
        // The copy into the buffer is the socket's, in a driver; here it stands beside the limit.
        let mut input = BytesMut::with_capacity(256 * 1024);
        group.bench_function("limit: copied in", |b| {
            b.iter(|| {
                input.extend_from_slice(black_box(&wire));
                drop(input.split_to(wire.len()).freeze());
            });
        });
        let mut decoder = Decoder::default();
        group.bench_function("copied in and decoded", |b| {
            b.iter(|| {
                input.extend_from_slice(black_box(&wire));
                decode(&mut decoder, &mut input)
            });
        });
    }
}

/// Bodies made of what an end-line begins with: twice the octets, twice the time.
fn msrp_decode_doubled(c: &mut Criterion) {
    let near = format!("\r\n-------{TXN}x");
    let bodies = [
        ("hyphens", "\r\n-------"),
        ("end-lines without flag", near.as_str()),
        ("CRs", "\r"),
        ("lone hyphens", "-"),
    ];
    for (name, motif) in bodies {
        let mut group = c.benchmark_group(format!("msrp_decode_doubled/{name}"));
        for kibi in [64, 128, 256, 512] {
            let body: Bytes = motif.bytes().cycle().take(kibi * 1024).collect();
            let wire = send(&body);
            group.throughput(size(&wire));
            let mut input = BytesMut::with_capacity(2 * 1024 * 1024);
            let mut decoder = Decoder::default();
            group.bench_function(format!("{kibi} KiB"), |b| {
                b.iter(|| {
                    input.extend_from_slice(black_box(&wire));
                    decode(&mut decoder, &mut input)
                });
            });
        }
    }
}

fn msrp_encode(c: &mut Criterion) {
    let mut out = BytesMut::with_capacity(128 * 1024);
    for (name, octets) in [("2k", 2048), ("64k", 65_536)] {
        let body = prose(octets);
        let mut group = c.benchmark_group(format!("msrp_encode/{name}"));
        group.throughput(size(&body));
        memcpy(&mut group, &body);
        group.bench_function("limit: memchr", |b| {
            b.iter(|| memchr::memchr(0, black_box(&body)))
        });
        let chunk = chunk(body);
        group.bench_function("head and end-line", |b| {
            b.iter(|| {
                out.clear();
                write_send(&mut out, TXN, TO, FROM, black_box(&chunk));
                write_end(&mut out, TXN, &chunk);
            });
        });
    }
}

fn sdp_read(c: &mut Criterion) {
    let offer = Bytes::from_static(include_bytes!("data/msrp_offer.sdp"));
    let mut group = c.benchmark_group("sdp_read");
    group.throughput(size(&offer));
    group.bench_function("limit: memchr", |b| {
        b.iter(|| memchr::memchr_iter(b'\n', black_box(&offer)).count());
    });
    group.bench_function("parse", |b| {
        b.iter(|| sdp::parse(black_box(&offer)).unwrap())
    });
}

/// Descriptions of what costs most: twice the octets, twice the time, for reading and for every view of a file.
fn sdp_read_doubled(c: &mut Criterion) {
    let motifs = [
        ("attributes", "a=sendonly:xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"),
        ("files", "a=file-selector:name:\"%22%22%22%22\" size:1\r\n"),
        ("selectors", " size:1"),
        ("quotes", " x:\"\""),
        ("hashes", ":AB"),
        ("parameters", ";a=\"\\\""),
    ];
    for (name, motif) in motifs {
        let mut group = c.benchmark_group(format!("sdp_read_doubled/{name}"));
        for kibi in [7, 14, 28, 56] {
            let mut text = String::from("v=0\r\nm=message 1 TCP/MSRP *\r\na=file-selector:");
            text += match name {
                "attributes" | "files" => "size:1\r\n",
                "hashes" => "hash:sha-1:AB",
                "parameters" => "type:a/b",
                _ => "size:1",
            };
            for _ in 0..kibi * 1024 / motif.len() {
                text += motif;
            }
            let text = Bytes::from(text);
            group.throughput(size(&text));
            group.bench_function(format!("{kibi} KiB"), |b| {
                b.iter(|| {
                    let found = sdp::parse(black_box(&text)).unwrap();
                    found.media()[0].describes().map(|file| file.is_some())
                })
            });
        }
    }
}

fn list(c: &mut Criterion) {
    let entries: Vec<_> = (0..1_000)
        .map(|n| Entry {
            uri: uri(&format!("sip:user{n:04}@example.com")),
            copy: Some(simple_im::CopyControl::To),
            anonymize: false,
        })
        .collect();
    let mut out = BytesMut::with_capacity(256 * 1024);
    lists::write_list(&mut out, &entries);
    let xml = out.clone().freeze();
    let limits = Limits::default();
    let mut group = c.benchmark_group("list_1000");
    group.throughput(size(&xml));
    group.bench_function("limit: memchr2", |b| {
        b.iter(|| memchr::memchr2_iter(b'<', b'>', black_box(&xml)).count());
    });
    group.bench_function("parse", |b| {
        b.iter(|| {
            lists::parse(black_box(&xml), &limits)
                .unwrap()
                .entries
                .len()
        });
    });
    memcpy(&mut group, &xml);
    group.bench_function("write", |b| {
        b.iter(|| {
            out.clear();
            lists::write_list(&mut out, black_box(&entries));
        });
    });
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = sip_read, sip_write, msrp_decode, msrp_decode_doubled, msrp_encode, sdp_read, sdp_read_doubled, list
}
criterion_main!(benches);
