//! Programs of events: every byte string is one, and every one keeps the invariants.

use proptest::prelude::*;

#[path = "../sim/program.rs"]
mod interpreter;

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

    /// A call that is up, with a session timer: what follows is refreshes, glare, answers, their lack,
    /// and timers that were stopped.
    #[test]
    fn every_session_keeps_the_invariants(
        called: bool,
        knobs in any::<u8>(),
        steps in prop::collection::vec((
            prop::sample::select(vec![1u8, 1, 2, 2, 4, 4, 6, 8, 9, 9, 10, 11, 12, 14]),
            prop::collection::vec(prop_oneof![3 => Just(0u8), 2 => 0u8..8, 1 => any::<u8>()], 0..9),
        ), 0..60),
    ) {
        let mut program = if called {
            // An INVITE, whose caller lets us refresh; yes; its ACK.
            vec![1, knobs, 0, 0, 1, 6, 0, 0, 0, 7, 0, 0, 2, 0, 0]
        } else {
            // A large message; 200, we refresh; bound.
            vec![0, knobs, 13, 3, 0, 4, 0, 0, 1, 5, 0, 0, 0, 0, 14, 0]
        };
        for (instruction, operands) in steps {
            program.push(instruction);
            program.extend(operands);
        }
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
