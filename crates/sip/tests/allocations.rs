//! How many heap blocks a whole call takes, and how much memory a call that is up.
//!
//! A program of its own with one test: the counting allocator serves a whole process, and nothing else may run in it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use common::uas::Trunk;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Blocks from INVITE to the 200 of the BYE, and to the end of its transactions; one of them is the driver's, for our answer.
const BLOCKS: u64 = 60;
/// Bytes of a call that is up, once its transactions are gone.
const HELD: usize = 8 * 1024;
const CALLS: usize = 10_000;

#[test]
fn a_call_takes_few_blocks_and_little_memory() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut trunk = Trunk::new();
    let second = Duration::from_millis(1_000);
    // Tables have grown.
    for _ in 0..200 {
        let tag = trunk.begin();
        trunk.end(tag);
        trunk.pass(second);
    }
    let (before, calls) = (dhat::HeapStats::get(), 1_000);
    for _ in 0..calls {
        let tag = trunk.begin();
        trunk.end(tag);
        trunk.pass(second);
    }
    let after = dhat::HeapStats::get();
    let blocks = (after.total_blocks - before.total_blocks) / calls;
    let bytes = (after.total_bytes - before.total_bytes) / calls;
    println!("a call: {blocks} blocks, {bytes} bytes");

    let mut trunk = Trunk::new();
    let before = dhat::HeapStats::get();
    for _ in 0..CALLS {
        trunk.begin();
        trunk.pass(Duration::from_millis(2));
    }
    trunk.pass(Duration::from_secs(60));
    assert_eq!(
        (trunk.endpoint.alive(), trunk.endpoint.transactions()),
        (CALLS, (0, 0))
    );
    let after = dhat::HeapStats::get();
    let held = (after.curr_bytes - before.curr_bytes) / CALLS;
    let in_blocks = (after.curr_blocks - before.curr_blocks) as f64 / CALLS as f64;
    println!("a held call: {held} bytes in {in_blocks:.1} blocks");

    // What happens in a call leaves nothing behind, however often it does.
    let mut trunk = Trunk::new();
    let tag = trunk.begin();
    trunk.pass(Duration::from_secs(40));
    for number in 0..10_000 {
        trunk.info(tag, number);
    }
    trunk.pass(Duration::from_secs(40));
    assert_eq!(trunk.endpoint.transactions(), (0, 0));
    // Tables keep the size that the transactions of these INFOs gave them: once more, and nothing grows.
    let once = dhat::HeapStats::get().curr_bytes;
    for number in 10_000..20_000 {
        trunk.info(tag, number);
    }
    trunk.pass(Duration::from_secs(40));
    let left = dhat::HeapStats::get().curr_bytes.saturating_sub(once);
    println!("left of 10,000 INFOs: {left} bytes");
    assert!(left < 1_000, "10,000 INFOs leave {left} bytes");
    assert!(blocks <= BLOCKS, "a call takes {blocks} blocks");
    assert!(held <= HELD, "a held call takes {held} bytes");
}
