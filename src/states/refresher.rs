//! The session timer of a leg against a list of deadlines.
#![allow(clippy::indexing_slicing)]

use alloc::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::profile::Refresher;

const SECOND: u128 = 1_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    /// The peer refreshes: by re-INVITE or UPDATE, with this timer, or it does not know any.
    Theirs(Method, Option<Timed>, Knows),
    /// Its ACK.
    Ack,
    /// Our refresh is answered.
    Answer(Reply),
    /// The next deadline is there.
    Tick,
    /// So many seconds pass, no deadline among them.
    Pass(u128),
}

#[derive(Clone, Copy, Debug)]
struct Timed {
    seconds: u32,
    refresher: Option<Refresher>,
    min_se: Option<u32>,
    /// Whether the peer says that it supports the timer.
    supported: bool,
}

/// What a message says of UPDATE.
#[derive(Clone, Copy, Debug)]
enum Knows {
    Nothing,
    Update,
    NoUpdate,
}

#[derive(Clone, Copy, Debug)]
enum Reply {
    Trying,
    Agreed(Option<(u32, Option<Refresher>)>, Knows),
    TooSmall(Option<u32>),
    Glare,
    NoUpdate,
    Refused,
    Gone,
    Silence,
    Unsent,
}

fn refresher() -> impl Strategy<Value = Option<Refresher>> {
    prop::option::of(prop::sample::select(Vec::from([
        Refresher::Uac,
        Refresher::Uas,
    ])))
}

fn seconds() -> impl Strategy<Value = u32> {
    prop::sample::select(Vec::from([90u32, 91, 600, 1800, 86_400]))
}

fn knows() -> impl Strategy<Value = Knows> {
    prop_oneof![3 => Just(Knows::Nothing), 4 => Just(Knows::Update), 1 => Just(Knows::NoUpdate)]
}

fn step() -> impl Strategy<Value = Step> {
    let method = prop::sample::select(Vec::from([Method::Invite, Method::Update]));
    // A peer that does not support the timer and names a small interval is a proxy's; that has tests of its own.
    let expires = prop_oneof![4 => seconds(), 1 => prop::sample::select(Vec::from([1u32, 60, 89]))];
    let timed = (
        expires,
        refresher(),
        prop::option::of(seconds()),
        any::<bool>(),
    )
        .prop_map(|(seconds, refresher, min_se, supported)| Timed {
            seconds,
            refresher,
            min_se,
            supported: supported || seconds < 90,
        });
    let granted = prop::option::weighted(
        0.9,
        (
            prop_oneof![4 => seconds(), 1 => prop::sample::select(Vec::from([1u32, 4, 60]))],
            refresher(),
        ),
    );
    let reply = prop_oneof![
        1 => Just(Reply::Trying),
        4 => (granted, knows()).prop_map(|(granted, knows)| Reply::Agreed(granted, knows)),
        3 => prop::option::of(prop::sample::select(Vec::from([90u32, 1800, 2000, 4000, 90_000]))).prop_map(Reply::TooSmall),
        2 => Just(Reply::Glare),
        3 => Just(Reply::NoUpdate),
        1 => Just(Reply::Refused),
        1 => Just(Reply::Unsent),
    ];
    let end = prop::sample::select(Vec::from([Reply::Gone, Reply::Silence]));
    prop_oneof![
        40 => (method, prop::option::weighted(0.9, timed), knows()).prop_map(|(method, timed, knows)| Step::Theirs(method, timed, knows)),
        25 => Just(Step::Ack),
        60 => reply.prop_map(Step::Answer),
        1 => end.prop_map(Step::Answer),
        60 => Just(Step::Tick),
        20 => (0u128..2_000).prop_map(Step::Pass),
    ]
}

/// What RFC 4028 makes of it: when what is due, and what is to be asked for next.
#[derive(Debug)]
struct Naive {
    deadlines: Vec<(Timer, u128)>,
    ours: bool,
    asked: u32,
    min_se: Option<u32>,
    refused: u32,
    pending: Option<Method>,
    update: bool,
    unacked: bool,
    over: bool,
    /// Requests that are to have been sent: the method, the interval, and the Min-SE.
    sent: Vec<(Method, u32, Option<u32>)>,
}

impl Naive {
    fn agree(&mut self, now: u128, granted: Option<(u32, bool)>) {
        self.deadlines
            .retain(|(timer, _)| !matches!(timer, Timer::Refresh | Timer::Expiry));
        self.ours = false;
        let Some((seconds, ours)) = granted else {
            return;
        };
        self.ours = ours;
        (self.asked, self.refused) = (seconds, 0);
        let interval = u128::from(seconds.max(2)) * SECOND;
        if ours {
            self.deadlines.push((Timer::Refresh, now + interval / 2));
        }
        let guard = (interval / 3).min(32 * SECOND);
        self.deadlines.push((Timer::Expiry, now + interval - guard));
    }

    fn clear(&mut self, timer: Timer) {
        self.deadlines.retain(|(other, _)| *other != timer);
    }

    fn send(&mut self, method: Method) {
        let seconds = self.asked.max(self.min_se.unwrap_or(0)).max(90);
        self.pending = Some(method);
        self.sent.push((method, seconds, self.min_se));
    }

    fn learn(&mut self, knows: Knows) {
        match knows {
            Knows::Nothing => {}
            Knows::Update => self.update = true,
            Knows::NoUpdate => self.update = false,
        }
    }

    /// One of ours is due.
    fn due(&mut self, now: u128) {
        if !self.ours || self.pending.is_some() {
            return;
        }
        self.clear(Timer::Retry);
        if self.unacked {
            // Not while an INVITE of the peer's is under way.
            self.deadlines.push((Timer::Retry, now + 4 * SECOND));
        } else if self.update {
            self.send(Method::Update);
        } else {
            self.send(Method::Invite);
        }
    }

    fn theirs(&mut self, now: u128, method: Method, timed: Option<Timed>, knows: Knows) {
        let invite = method == Method::Invite;
        if invite && (self.unacked || self.pending == Some(Method::Invite)) {
            return;
        }
        let granted = match timed {
            Some(timed) if timed.supported && timed.seconds < 90 => return,
            Some(timed) => {
                let ours = !timed.supported || timed.refresher == Some(Refresher::Uas);
                Some((timed.seconds, ours))
            }
            None => None,
        };
        self.min_se = self.min_se.max(timed.and_then(|timed| timed.min_se));
        self.learn(knows);
        self.clear(Timer::Retry);
        self.agree(now, granted);
        if invite {
            self.unacked = true;
            self.deadlines.push((Timer::FinalWait, now + 32 * SECOND));
        }
    }

    fn answer(&mut self, now: u128, reply: Reply) {
        let (Some(method), false) = (self.pending, matches!(reply, Reply::Trying)) else {
            return;
        };
        self.pending = None;
        match reply {
            Reply::Trying | Reply::Refused | Reply::Unsent => {}
            Reply::Agreed(granted, knows) => {
                self.learn(knows);
                let ours = |refresher: Option<Refresher>| refresher != Some(Refresher::Uas);
                self.agree(now, granted.map(|(seconds, by)| (seconds, ours(by))));
            }
            Reply::TooSmall(least) => {
                let asked = self.asked.max(self.min_se.unwrap_or(0)).max(90);
                let Some(least) = least.filter(|least| *least > asked && self.refused < 3) else {
                    return;
                };
                self.refused += 1;
                (self.asked, self.min_se) = (least, Some(least));
                if self.ours {
                    self.send(method);
                }
            }
            // When exactly is drawn.
            Reply::Glare if self.ours => self.deadlines.push((Timer::Retry, 0)),
            Reply::Glare => {}
            Reply::NoUpdate if method == Method::Update => {
                self.update = false;
                if self.ours && self.unacked {
                    self.deadlines.push((Timer::Retry, now + 4 * SECOND));
                } else if self.ours {
                    self.send(Method::Invite);
                }
            }
            Reply::NoUpdate => {}
            Reply::Gone | Reply::Silence => self.over = true,
        }
    }
}

fn lines(expires: Option<(u32, Option<Refresher>)>, min_se: Option<u32>, knows: Knows) -> String {
    let mut lines = String::new();
    if let Some((seconds, refresher)) = expires {
        let by = match refresher {
            None => "",
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
        };
        lines += &format!("Session-Expires: {seconds}{by}\r\n");
    }
    if let Some(seconds) = min_se {
        lines += &format!("Min-SE: {seconds}\r\n");
    }
    lines += match knows {
        Knows::Nothing => "",
        Knows::Update => "Allow: INVITE, UPDATE\r\n",
        Knows::NoUpdate => "Allow: INVITE\r\n",
    };
    lines
}

/// The machine and its clock.
struct Real {
    scene: Scene,
    seen: usize,
    timers: BTreeMap<Timer, u128>,
}

const TIMERS: [Timer; 4] = [
    Timer::Refresh,
    Timer::Expiry,
    Timer::Retry,
    Timer::FinalWait,
];

impl Real {
    /// Takes note of what it did at this time, and returns the refreshes that it sent.
    fn note(&mut self, now: u128) -> Vec<(Method, u32, Option<u32>)> {
        let mut sent = Vec::new();
        for (_, action) in &self.scene.desk.done[self.seen..] {
            match action {
                Action::StartTimer(timer, after) => {
                    self.timers.insert(*timer, now + after.as_nanos());
                }
                Action::StopTimer(timer) => {
                    self.timers.remove(timer);
                }
                Action::SendRequest(request)
                    if request.fresh.is_none() && request.method != Method::Bye =>
                {
                    let head = core::str::from_utf8(&request.head).unwrap();
                    let value = |name: &str| {
                        let line = head.lines().find_map(|line| line.strip_prefix(name))?;
                        line.split(';').next()?.trim().parse().ok()
                    };
                    sent.push((
                        request.method,
                        value("Session-Expires:").unwrap(),
                        value("Min-SE:"),
                    ));
                }
                _ => {}
            }
        }
        self.seen = self.scene.desk.done.len();
        sent
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_timers_are_those_of_a_list_of_deadlines(
        called: bool,
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let at = if called { At::AwaitingAck } else { At::Up };
        let mut real = Real { scene: scene(at), seen: 0, timers: BTreeMap::new() };
        let mut naive = Naive {
            deadlines: Vec::new(),
            ours: false,
            asked: 1800,
            min_se: None,
            refused: 0,
            pending: None,
            update: false,
            unacked: called,
            over: false,
            sent: Vec::new(),
        };
        naive.agree(0, Some((1800, !called)));
        if called {
            naive.deadlines.push((Timer::FinalWait, 32 * SECOND));
        }
        let mut now = 0;
        real.note(now);
        for step in steps {
            let scene = &mut real.scene;
            match step {
                Step::Theirs(method, timed, knows) => {
                    let expires = timed.map(|timed| (timed.seconds, timed.refresher));
                    let mut lines = lines(expires, timed.and_then(|timed| timed.min_se), knows);
                    if timed.is_some_and(|timed| timed.supported) {
                        lines += "Supported: timer\r\n";
                    }
                    scene.asks(method, &lines, if method == Method::Invite { ANSWER } else { "" });
                    naive.theirs(now, method, timed, knows);
                }
                Step::Ack => {
                    // The last INVITE that came is the one that waits.
                    let cseq = match &scene.leg.state {
                        State::AwaitingAck(_, wait) => wait.cseq,
                        _ => 1,
                    };
                    let before = scene.bob.cseq;
                    scene.acknowledges(cseq);
                    scene.bob.cseq = before;
                    naive.unacked = false;
                    naive.clear(Timer::FinalWait);
                }
                Step::Answer(reply) => {
                    let status = |status| (status, String::new());
                    let (code, lines) = match reply {
                        Reply::Trying => status(100),
                        Reply::Agreed(granted, knows) => (200, lines(granted, None, knows)),
                        Reply::TooSmall(least) => (422, lines(None, least, Knows::Nothing)),
                        Reply::Glare => status(491),
                        Reply::NoUpdate => status(405),
                        Reply::Refused => status(500),
                        Reply::Gone => status(481),
                        Reply::Silence | Reply::Unsent => status(0),
                    };
                    if naive.pending.is_none() {
                        continue;
                    }
                    match reply {
                        Reply::Silence => drop(scene.fails(Ours::Refresh, TxnError::Timeout)),
                        Reply::Unsent => drop(scene.fails(Ours::Refresh, TxnError::Transport)),
                        _ => drop(scene.hear(Ours::Refresh, code, &lines, "")),
                    }
                    naive.answer(now, reply);
                }
                Step::Tick => {
                    let next = naive.deadlines.iter().min_by_key(|(_, due)| *due).copied();
                    let Some((timer, due)) = next else { continue };
                    now = due;
                    real.timers.remove(&timer);
                    scene.fires(timer);
                    match timer {
                        Timer::Refresh | Timer::Retry => {
                            naive.clear(timer);
                            naive.due(now);
                        }
                        _ => naive.over = true,
                    }
                }
                Step::Pass(seconds) => {
                    let next = naive.deadlines.iter().map(|(_, due)| *due).min();
                    let then = now + seconds * SECOND;
                    now = then.min(next.unwrap_or(then).max(now));
                }
            }
            let sent = real.note(now);
            let state = real.scene.state();
            let over = state == At::Ending.name() || state == At::AwaitingAckToEnd.name();
            prop_assert_eq!(over, naive.over, "{} {:?}", state, naive);
            if over {
                break;
            }
            // A new attempt comes when it was drawn, within what RFC 3261 §14.1 says.
            for (timer, due) in &mut naive.deadlines {
                if (*timer, *due) == (Timer::Retry, 0) {
                    let tens = 10_000_000;
                    let wait = real.timers[&Timer::Retry] - now;
                    let bounds = if called { 0..=200 } else { 210..=400 };
                    prop_assert!(wait.is_multiple_of(tens) && bounds.contains(&(wait / tens)), "{}", wait);
                    *due = now + wait;
                }
            }
            naive.deadlines.sort();
            let mut timers: Vec<_> = real.timers.iter().map(|(timer, due)| (*timer, *due)).collect();
            timers.retain(|(timer, _)| TIMERS.contains(timer));
            timers.sort();
            prop_assert_eq!(timers, &*naive.deadlines, "at {}", now);
            prop_assert_eq!(sent, core::mem::take(&mut naive.sent));
        }
    }
}
