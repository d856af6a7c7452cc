//! What readers ask of the memory grows as their input does: twice the octets, at most twice the octets and
//! blocks. One binary of its own, since the allocator counts for all of it.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[path = "../benches/common/hard.rs"]
mod hard;

/// Counts what the thread asks for, and how much it holds at most.
struct Counting;

thread_local! {
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn note(blocks: usize, octets: isize) {
    let _ = BLOCKS.try_with(|count| count.set(count.get() + blocks));
    let held = HELD.try_with(|held| {
        held.set(held.get() + octets);
        held.get()
    });
    if let Ok(held) = held {
        let _ = MOST.try_with(|most| most.set(most.get().max(held)));
    }
}

fn octets(size: usize) -> isize {
    isize::try_from(size).unwrap_or(isize::MAX)
}

// SAFETY: everything is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, octets(layout.size()));
        // SAFETY: as the caller promised us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, -octets(layout.size()));
        // SAFETY: as the caller promised us.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, octets(size) - octets(layout.size()));
        // SAFETY: as the caller promised us.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Blocks that reading asks for, octets that it holds at most, and what it found.
fn count(read: fn(&[u8]) -> usize, input: &[u8]) -> (usize, usize, usize) {
    let (blocks, held) = (BLOCKS.get(), HELD.get());
    MOST.set(held);
    let found = read(input);
    let most = usize::try_from(MOST.get() - held).unwrap_or(0);
    (BLOCKS.get() - blocks, most, found)
}

#[test]
fn cc_100_what_readers_hold_grows_as_their_input_does() {
    for case in hard::CASES {
        let counts = [4, 2, 1].map(|part| {
            let input = (case.input)(case.most / part);
            let (blocks, most, found) = count(case.read, &input);
            assert!(found > 0, "{}: nothing was found", case.name);
            // No octet of input makes a reader hold more than so many, the rest apart.
            assert!(
                most <= 96 * input.len() + 16_384,
                "{}: {most} of {}",
                case.name,
                input.len()
            );
            (blocks, most, input.len())
        });
        println!("{:<46} {counts:?}", case.name);
        for pair in counts.windows(2) {
            let [(blocks, most, _), (twice_blocks, twice_most, _)] = [pair[0], pair[1]];
            assert!(twice_blocks <= 2 * blocks + 64, "{}: {counts:?}", case.name);
            // Buffers double, so that one may be up to twice as large as it must.
            assert!(twice_most <= 4 * most + 4_096, "{}: {counts:?}", case.name);
        }
        let [(_, first, _), _, (_, last, _)] = counts;
        assert!(last <= 8 * first + 16_384, "{}: {counts:?}", case.name);
    }
}
