//! The `omnigate` command.

use std::process::ExitCode;

/// A call is some hundreds of small blocks that live from microseconds to half a minute, taken by one thread and given back by
/// another: that of the C library spends a third of a call's time on them (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    omnigate::cli::main()
}
