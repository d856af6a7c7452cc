//! Every reader with inputs made to keep it busy, doubled again and again: twice the octets may take twice the
//! time. Prints what an octet costs at each size; nothing here fails, since a clock is no judge. What can be
//! counted is judged by `tests/linear.rs`.
//!
//! Where values of some megabytes are made and dropped, the allocator gives pages back each time and the last
//! column shows that: `MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_MMAP_THRESHOLD_=4000000000` tells it from us.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

#[path = "common/hard.rs"]
mod hard;

/// The least time that reading took, in nanoseconds.
fn least(read: fn(&[u8]) -> usize, input: &[u8], patience: Duration) -> f64 {
    let begin = Instant::now();
    let mut least = f64::MAX;
    loop {
        let one = Instant::now();
        black_box(read(black_box(input)));
        least = least.min(one.elapsed().as_nanos() as f64);
        if begin.elapsed() > patience {
            return least;
        }
    }
}

fn main() {
    // As criterion's benches: once each is enough to see that they run.
    let once = std::env::args().any(|argument| argument == "--test");
    let patience = Duration::from_millis(if once { 0 } else { 60 });
    println!(
        "{:<46} {:>9}  ns an octet at 1/8, 1/4, 1/2 and all of it; the last doubling",
        "", "octets"
    );
    for case in hard::CASES {
        let costs = [8, 4, 2, 1].map(|part| {
            let input = (case.input)(case.most / part);
            (input.len(), least(case.read, &input, patience))
        });
        let shown: Vec<_> = costs
            .iter()
            .map(|(octets, time)| format!("{:7.2}", time / *octets as f64))
            .collect();
        let doubling = costs[3].1 / costs[2].1;
        println!(
            "{:<46} {:>9}  {}  x{doubling:.2}",
            case.name,
            costs[3].0,
            shown.join(" ")
        );
    }
}
