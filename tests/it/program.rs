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
}

pub fn check(program: &[u8]) {
    interpreter::check(program);
}
