//! Hostile SIP heads of doubling length: their throughput must not fall, or time is not linear.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use simple_im::wire::sip::{self, Message};

const MESSAGE: &str = include_str!("data/message.sip");

/// A header field in which one piece comes again and again.
struct Hostile {
    name: &'static str,
    front: &'static str,
    piece: &'static str,
}

const HOSTILE: [Hostile; 10] = [
    Hostile::new("commas", "Allow: ", ","),
    Hostile::new("options", "Require: ", "a,"),
    Hostile::new("quotes", "Warning: 399 h \"\"", "\"\""),
    Hostile::new("escapes", "Contact: \"", "\\"),
    Hostile::new("brackets", "Accept-Contact: ", "<"),
    Hostile::new("parameters", "Contact: <sip:a@h>", ";a"),
    Hostile::new("vias", "Via: SIP/2.0/UDP h", ", SIP/2.0/UDP h"),
    Hostile::new("blanks", "Via:", " "),
    Hostile::new("folds", "Subject: a", "\r\n b"),
    Hostile::new("fields", "Subject: a", "\r\nVia: SIP/2.0/UDP h"),
];

impl Hostile {
    const fn new(name: &'static str, front: &'static str, piece: &'static str) -> Self {
        Self { name, front, piece }
    }

    fn message(&self, length: usize) -> Bytes {
        let many = self.piece.repeat(length / self.piece.len());
        let (start, rest) = MESSAGE.split_once("\r\n").unwrap();
        let text = format!("{start}\r\n{}{many}\r\n{rest}", self.front);
        // As a driver has it: a piece of a buffer that it goes on using.
        BytesMut::from(text.as_bytes()).split().freeze()
    }
}

/// Reads a message, and what is read on demand; refused or read, it takes time in proportion.
fn read(input: &Bytes) -> bool {
    match sip::parse(black_box(input)) {
        Ok(Message::Request(request)) => request.head.warned(1, "x"),
        _ => false,
    }
}

fn hostile(criterion: &mut Criterion) {
    for hostile in HOSTILE {
        let mut group = criterion.benchmark_group(format!("sip_hostile/{}", hostile.name));
        for length in [15_000, 30_000, 60_000] {
            let input = hostile.message(length);
            group.throughput(Throughput::Bytes(input.len() as u64));
            group.bench_with_input(BenchmarkId::from_parameter(length), &input, |b, input| {
                b.iter(|| read(input));
            });
        }
    }
}

criterion_group!(benches, hostile);
criterion_main!(benches);
