//! The `omnigate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    omnigate::cli::main()
}
