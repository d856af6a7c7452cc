//! Programs of events: every byte string is one, and every one keeps the invariants.

use proptest::prelude::*;

#[path = "../sim/program.rs"]
mod interpreter;

/// Refreshes from both sides, what they meet, and timers that were stopped; now and then anything.
fn refreshing() -> impl Strategy<Value = Vec<u8>> {
    let timer = || 5u8..9;
    prop_oneof![
        4 => (0u8..3).prop_map(|which| vec![9, which]),
        2 => Just(vec![4, 0, 19, 0, 0, 0]),
        2 => timer().prop_map(|timer| vec![4, 0, 0, 1, timer, 0, 0, 0, 0]),
        1 => Just(vec![4, 0, 13, 1, 9, 0, 0]),
        2 => timer().prop_map(|timer| vec![1, 0, 2, 1, timer, 0, 0]),
        2 => timer().prop_map(|timer| vec![1, 0, 1, 1, timer, 0, 0, 0, 0]),
        2 => Just(vec![2, 0, 0]),
        3 => (0u8..4).prop_map(|which| vec![10, which]),
        1 => (0u8..16, prop::collection::vec(any::<u8>(), 0..6))
            .prop_map(|(instruction, operands)| [vec![instruction], operands].concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_program_keeps_the_invariants(program in prop::collection::vec(any::<u8>(), 0..200)) {
        interpreter::check(&program);
    }

    /// Few zeros make most random programs fail at the first step; these do what is usual.
    #[test]
    fn every_usual_program_keeps_the_invariants(
        role in 0u8..3,
        knobs in any::<u8>(),
        steps in prop::collection::vec((0u8..16, prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>()], 0..4)), 0..40),
    ) {
        let mut program = vec![role, knobs];
        if role > 0 {
            program.push(0);
        } else {
            program.push(13);
        }
        for (instruction, operands) in steps {
            program.push(instruction);
            program.extend(operands);
        }
        interpreter::check(&program);
    }

    /// A call that is up, with a session timer.
    #[test]
    fn every_session_keeps_the_invariants(
        called: bool,
        knobs in any::<u8>(),
        steps in prop::collection::vec(refreshing(), 0..30),
    ) {
        let mut program = if called {
            // An INVITE, whose caller lets us refresh; yes; its ACK.
            vec![1, knobs, 0, 0, 1, 6, 0, 0, 0, 7, 0, 0, 2, 0, 0]
        } else {
            // A large message; 200, and we refresh.
            vec![0, knobs, 13, 3, 0, 4, 0, 0, 1, 5, 0, 0, 0, 0]
        };
        program.extend(steps.concat());
        interpreter::check(&program);
    }

    #[test]
    fn the_same_program_gives_the_same_actions(program in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(interpreter::record(&program), interpreter::record(&program));
    }
}

pub fn check(program: &[u8]) {
    interpreter::check(program);
}
