//! A page that was sent, against a transaction that ends once.
#![allow(clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;
use crate::{Failure, Status, Timer};

#[derive(Clone, Debug)]
enum Step {
    /// To the MESSAGE, or to something else.
    Response(bool, u16),
    Fails(bool, TxnError),
    /// One that was never started.
    Timer(Timer),
    Cancel,
    Close,
}

/// Final responses, and what each of them means.
const FINAL: [(u16, Outcome); 12] = [
    (200, Outcome::Delivered),
    (202, Outcome::AcceptedByServer),
    (299, Outcome::Delivered),
    (302, Outcome::Failed(Failure::Redirected(Status(302)))),
    (403, Outcome::Failed(Failure::Forbidden)),
    (404, Outcome::Failed(Failure::NotFound(Status(404)))),
    (408, Outcome::Unknown),
    (413, Outcome::Failed(Failure::TooLarge)),
    (480, Outcome::Failed(Failure::NotReachable)),
    (486, Outcome::Failed(Failure::Busy)),
    (503, Outcome::Failed(Failure::Unavailable(Status(503)))),
    (603, Outcome::Refused(Status(603))),
];

fn step() -> impl Strategy<Value = Step> {
    let provisional = prop::sample::select(Vec::from([100u16, 180, 183, 199]));
    let last = prop::sample::select(FINAL.map(|(status, _)| status).to_vec());
    let why = prop::sample::select(troubles().map(|(_, why)| why).to_vec());
    prop_oneof![
        4 => (any::<bool>(), provisional).prop_map(|(ours, status)| Step::Response(ours, status)),
        3 => (any::<bool>(), last).prop_map(|(ours, status)| Step::Response(ours, status)),
        2 => (any::<bool>(), why).prop_map(|(ours, why)| Step::Fails(ours, why)),
        2 => prop::sample::select(timers().collect::<Vec<_>>()).prop_map(Step::Timer),
        1 => Just(Step::Cancel),
        1 => Just(Step::Close),
    ]
}

/// RFC 3261 §17.1.2: what ends a transaction, the first time that something does.
fn end(step: &Step) -> Option<Outcome> {
    match step {
        Step::Response(true, status) => {
            let meaning = FINAL.iter().find(|(known, _)| known == status)?;
            Some(meaning.1)
        }
        Step::Fails(true, TxnError::Timeout) => Some(Outcome::Unknown),
        Step::Fails(true, TxnError::Transport) => Some(Outcome::Failed(Failure::Transport)),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_page_is_a_transaction_that_ends_once(steps in prop::collection::vec(step(), 0..12)) {
        let mut it = scene(At::Idle);
        it.desk.config.profile.pager_too_big_fallback = false;
        it.sends(2, false);
        let sent = it.desk.done.len();
        let mut naive = None;
        for step in steps {
            let before = it.desk.done.len();
            let last = end(&step).filter(|_| naive.is_none());
            naive = naive.or(last);
            match step {
                Step::Response(true, status) => drop(it.hear(Method::Message, status, "")),
                Step::Response(false, status) => drop(it.hear(Method::Bye, status, "")),
                Step::Fails(true, why) => drop(it.fails(why)),
                Step::Fails(false, why) => drop(it.hand(Event::TxnFailed(ClientTxn(99), why))),
                Step::Timer(timer) => drop(it.hand(Event::Timer(timer))),
                Step::Cancel => drop(it.does(|machine, cx| machine.cancel(cx).err())),
                Step::Close => drop(it.does(|machine, cx| {
                    machine.close(cx);
                    None
                })),
            }
            // The end is told when it comes, and nothing else ever does anything.
            prop_assert_eq!(it.desk.done.len() > before, last.is_some());
            prop_assert_eq!(it.machine.is_closed(), naive.is_some());
        }
        let told = it.desk.done[sent..].iter().filter_map(|(_, action)| match action {
            Action::Tell(Notice::Outcome(_, _, outcome)) => Some(*outcome),
            _ => None,
        });
        prop_assert_eq!(told.collect::<Vec<_>>(), Vec::from_iter(naive));
    }
}
