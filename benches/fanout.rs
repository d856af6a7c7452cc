//! One page to ten, a thousand and ten thousand members: every copy composed, written and answered.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::VecDeque;
use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use simple_im::wire::sip::{parse_request, write_request};
use simple_im::{
    Action, Actions, Answer, ClientTxn, Controlling, Event, LegId, Machine, Response, ServerTxn,
    Timer, Uri,
};

mod common;
use common::*;

fn fanout(c: &mut Criterion) {
    let mut group = c.benchmark_group("fanout");
    let request = parse_request(&page("sip:team@im.example.com")).unwrap();
    let mut bench = Bench::new(Controlling::new(), config("im"));
    let mut out = BytesMut::with_capacity(64 * 1024);
    for members in [10u32, 1_000, 10_000] {
        let uris: Vec<Uri> = (0..members)
            .map(|n| uri(&format!("sip:m{n:05}@example.com")))
            .collect();
        group.throughput(Throughput::Elements(members.into()));

        // What every copy costs at the very least: its octets.
        let (ok, copy) = first_copy(&mut bench, &request, &uris);
        let id = BenchmarkId::new("limit: memcpy", members);
        group.bench_with_input(id, &copy, |b, copy| {
            b.iter(|| {
                for _ in 0..members {
                    if out.len() + copy.len() > 24 * 1024 {
                        out.clear();
                    }
                    out.extend_from_slice(black_box(copy));
                }
            });
        });
        let mut queue = VecDeque::new();
        let id = BenchmarkId::new("page", members);
        group.bench_with_input(id, &uris, |b, uris| {
            b.iter(|| {
                begin(&mut bench, &request, uris);
                loop {
                    perform(&mut bench.actions, &mut queue, &mut out);
                    let Some((leg, event)) = queue.pop_front() else {
                        break;
                    };
                    let event = match event {
                        Due::Answer => Event::Response(ClientTxn(0), &ok),
                        Due::More => Event::Timer(Timer::Continue),
                    };
                    bench.run(|focus, cx| focus.handle(leg, event, cx));
                }
                assert!(bench.machine.is_closed());
            });
        });
    }
}

enum Due {
    Answer,
    More,
}

/// Writes the copies into a window that stays in the nearest cache, as a driver would hand them to its socket.
fn perform(actions: &mut Actions, queue: &mut VecDeque<(LegId, Due)>, out: &mut BytesMut) {
    for (leg, action) in actions.drain() {
        match action {
            Action::SendRequest(copy) => {
                if out.len() > 24 * 1024 {
                    out.clear();
                }
                write_request(out, &copy, VIA);
                queue.push_back((leg, Due::Answer));
            }
            Action::StartTimer(Timer::Continue, _) => queue.push_back((leg, Due::More)),
            _ => {}
        }
    }
}

fn begin(bench: &mut Bench<Controlling>, request: &simple_im::Request, members: &[Uri]) {
    bench.machine = Controlling::new();
    let ask = bench.find(Event::Request(ServerTxn(1), request), asked);
    let ask = bench.find(Event::Answer(ask, YES), asked);
    let members = Event::Answer(ask, Answer::Members(Ok(members)));
    bench.run(|focus, cx| focus.handle(LegId::FIRST, members, cx));
}

fn first_copy(
    bench: &mut Bench<Controlling>,
    request: &simple_im::Request,
    members: &[Uri],
) -> (Response, Bytes) {
    begin(bench, request, members);
    let copy = bench.take(sent);
    let mut out = BytesMut::new();
    write_request(&mut out, &copy, VIA);
    (response(&copy, "200 OK", "", ""), out.freeze())
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = fanout
}
criterion_main!(benches);
