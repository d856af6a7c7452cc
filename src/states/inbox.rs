//! Pages that arrive in a dialog, against a list of those that wait for the application.
#![allow(clippy::indexing_slicing)]

use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{Refusal, Status};

#[derive(Clone, Debug)]
enum Step {
    /// A page, of a type that we take or of another.
    Page(bool),
    /// The last one once more: its CSeq is not a new one.
    Again,
    /// The application's word on one of the last few, which may have been decided on.
    Answer(u32, Answer<'static>),
    /// CANCEL of one of the last few requests.
    Cancel(u64),
    /// So many seconds pass, or until the timer fires.
    Pass(u64),
    /// A timer that was stopped fires.
    Late,
    Bye,
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop::sample::select(Vec::from([
        Answer::Accept,
        Answer::Accept,
        Answer::Refuse(Refusal::Declined),
        Answer::Refuse(Refusal::Status(Status(488))),
        Answer::Members(Ok(&[])),
    ]));
    prop_oneof![
        120 => Just(Step::Page(true)),
        10 => Just(Step::Page(false)),
        15 => Just(Step::Again),
        80 => (0..12u32, answer).prop_map(|(back, answer)| Step::Answer(back, answer)),
        15 => (0..6u64).prop_map(Step::Cancel),
        25 => (0..20u64).prop_map(Step::Pass),
        10 => Just(Step::Late),
        2 => Just(Step::Bye),
    ]
}

/// What is to be answered, and when at the latest.
#[derive(Debug)]
struct Naive {
    /// The questions that are open, and the requests that they are about.
    undecided: Vec<(u32, u64)>,
    asked: u32,
    due: Option<Duration>,
    over: bool,
    /// Every answer that was given, in order.
    answers: Vec<(u64, u16)>,
    missed: u32,
}

impl Naive {
    fn arrives(&mut self, txn: u64, good: bool, due: Duration) {
        let status = match () {
            () if self.over => 481,
            () if !good => 415,
            () if self.undecided.len() == 8 => 486,
            () => {
                self.asked += 1;
                self.undecided.push((self.asked, txn));
                self.due = self.due.or(Some(due));
                return;
            }
        };
        self.answers.push((txn, status));
    }

    fn decides(&mut self, ask: u32, status: u16) {
        if let Some(place) = self.undecided.iter().position(|(asked, _)| *asked == ask) {
            self.answers.push((self.undecided.remove(place).1, status));
        }
        if self.undecided.is_empty() {
            self.due = None;
        }
    }

    fn gives_up(&mut self) {
        self.missed += u32::from(!self.undecided.is_empty());
        let late = self.undecided.drain(..).map(|(_, txn)| (txn, 480));
        self.answers.extend(late);
        self.due = None;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_inbox_is_a_list_of_pages_that_are_each_answered_once(
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut it = scene(At::Receiving);
        let mut seen = it.desk.done.len();
        let mut naive = Naive {
            undecided: Vec::new(),
            // The invitation was asked about.
            asked: 1,
            due: None,
            over: false,
            answers: Vec::new(),
            missed: 0,
        };
        let (mut now, mut due) = (Duration::ZERO, None);
        let (mut answers, mut missed) = (Vec::new(), 0);
        for (txn, step) in (100..).zip(steps) {
            let wait = it.desk.config.limits.lookup;
            match step {
                Step::Page(good) => {
                    let kind = if good { TEXT } else { "Content-Type: video/mpeg\r\n" };
                    let request = it.bob.request(Method::Message, kind, "hi");
                    it.hand(Event::Request(ServerTxn(txn), &request));
                    naive.arrives(txn, good, now + wait);
                }
                Step::Again => {
                    it.bob.cseq -= 1;
                    let request = it.bob.request(Method::Message, TEXT, "hi");
                    it.hand(Event::Request(ServerTxn(txn), &request));
                    // RFC 3261 §12.2.2.
                    naive.answers.push((txn, if naive.over { 481 } else { 500 }));
                }
                Step::Answer(back, answer) => {
                    let ask = (naive.asked + 1).saturating_sub(back);
                    it.answers(AskId(ask), answer);
                    naive.decides(ask, match answer {
                        Answer::Accept => 200,
                        Answer::Refuse(Refusal::Declined) => 403,
                        Answer::Refuse(_) => 488,
                        _ => 480,
                    });
                }
                Step::Cancel(back) => {
                    let (cancel, invite) = (ServerTxn(txn), ServerTxn(txn - back));
                    it.hand(Event::Cancel { cancel, invite });
                    // RFC 3261 §9.2: there is no INVITE to cancel.
                    naive.answers.push((txn, 481));
                }
                Step::Pass(seconds) => {
                    now += Duration::from_secs(seconds);
                    if let Some(fires) = naive.due.filter(|due| *due <= now) {
                        now = fires;
                        it.desk.fire(Timer::Decide);
                        due = None;
                        it.hand(Event::Timer(Timer::Decide));
                        naive.gives_up();
                    }
                }
                Step::Late if naive.due.is_none() => drop(it.hand(Event::Timer(Timer::Decide))),
                Step::Late => {}
                Step::Bye => {
                    let request = it.bob.request(Method::Bye, "", "");
                    it.hand(Event::Request(ServerTxn(txn), &request));
                    naive.answers.push((txn, if naive.over { 481 } else { 200 }));
                    naive.gives_up();
                    naive.over = true;
                }
            }
            for (_, action) in &it.desk.done[seen..] {
                match action {
                    Action::Respond(txn, reply) => answers.push((txn.0, reply.status.0)),
                    Action::StartTimer(Timer::Decide, after) => due = Some(now + *after),
                    Action::StopTimer(Timer::Decide) => due = None,
                    Action::Tell(Notice::Missed) => missed += 1,
                    _ => {}
                }
            }
            seen = it.desk.done.len();
            prop_assert_eq!(&answers, &naive.answers);
            prop_assert_eq!((due, missed), (naive.due, naive.missed));
        }
    }
}
