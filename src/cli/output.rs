//! What commands say, and how they fail.

/// Any error that ends a command; its text is for people.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A line on stdout.
#[allow(clippy::print_stdout)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// A line on stderr.
#[allow(clippy::print_stderr)]
pub(crate) fn complain(line: &str) {
    eprintln!("{line}");
}
