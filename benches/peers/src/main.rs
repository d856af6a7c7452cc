//! Ours beside other people's: the same octets, read or written by each in turn, in one run.
//!
//! `cargo run --release` prints the medians; with `--gate` it fails if one of ours is below its target.

use std::hint::black_box;
use std::time::{Duration, Instant};

mod msrp;
mod sdp;
mod sip;
mod xml;

/// One way to do a job. What it returns is what it found, so that nobody is paid for doing nothing.
struct Contender {
    name: &'static str,
    run: Box<dyn FnMut() -> usize>,
    /// How many times as long as ours it has to take.
    gate: Option<f64>,
}

/// What is done, by ours first.
struct Job {
    name: String,
    contenders: Vec<Contender>,
}

impl Job {
    fn new(name: impl Into<String>, ours: impl FnMut() -> usize + 'static) -> Self {
        Self {
            name: name.into(),
            contenders: Vec::new(),
        }
        .add("simple-im", None, ours)
    }

    fn beside(self, name: &'static str, run: impl FnMut() -> usize + 'static) -> Self {
        self.add(name, None, run)
    }

    fn gated(self, name: &'static str, gate: f64, run: impl FnMut() -> usize + 'static) -> Self {
        self.add(name, Some(gate), run)
    }

    fn add(
        mut self,
        name: &'static str,
        gate: Option<f64>,
        run: impl FnMut() -> usize + 'static,
    ) -> Self {
        self.contenders.push(Contender {
            name,
            run: Box::new(run),
            gate,
        });
        self
    }

    /// Prints the medians, in nanoseconds; and says how many gates are missed.
    fn measure(&mut self) -> usize {
        println!("\n{}", self.name);
        let repeats: Vec<u32> = self.contenders.iter_mut().map(Contender::repeats).collect();
        let mut rounds = vec![Vec::with_capacity(ROUNDS); repeats.len()];
        for _ in 0..ROUNDS {
            for (place, contender) in self.contenders.iter_mut().enumerate() {
                rounds[place].push(contender.round(repeats[place]) / f64::from(repeats[place]));
            }
        }
        let medians: Vec<f64> = rounds.into_iter().map(median).collect();
        let mut missed = 0;
        for (contender, took) in self.contenders.iter().zip(&medians) {
            let ratio = took / medians[0];
            let verdict = match contender.gate {
                None => "",
                Some(gate) if ratio >= gate => "met",
                Some(_) => {
                    missed += 1;
                    "MISSED"
                }
            };
            let gate = contender
                .gate
                .map_or(String::new(), |gate| format!("≥ {gate}"));
            println!(
                "  {:<20} {took:>10.0} {ratio:>7.1} {gate:>7} {verdict}",
                contender.name
            );
        }
        missed
    }
}

const ROUNDS: usize = 121;

impl Contender {
    /// How often it runs in a round of some 100 µs.
    fn repeats(&mut self) -> u32 {
        assert!((self.run)() > 0, "{} found nothing", self.name);
        let mut repeats = 1;
        while self.round(repeats) < 100_000.0 && repeats < 1 << 20 {
            repeats *= 2;
        }
        repeats
    }

    fn round(&mut self, repeats: u32) -> f64 {
        let begin = Instant::now();
        for _ in 0..repeats {
            black_box((self.run)());
        }
        Duration::as_nanos(&begin.elapsed()) as f64
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    println!("medians in ns, then how many times as long as ours");
    let jobs = [sip::jobs(), msrp::jobs(), sdp::jobs(), xml::jobs()];
    let missed: usize = jobs
        .into_iter()
        .flatten()
        .map(|mut job| job.measure())
        .sum();
    println!("\n{missed} targets missed");
    if missed > 0 && std::env::args().any(|arg| arg == "--gate") {
        std::process::exit(1);
    }
}
