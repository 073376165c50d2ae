//! Hub, host and media plane together, without sockets and threads: the network and the clock are made.
//!
//! The hubs, the host, its book, the shards, ICE, DTLS and the mixers are the real ones, and so is the recorder, on a folder
//! and a database of its own. Browsers are played by the stack that browsers are tested against; a telephone is its packets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may panic, and print its seed"
)]

#[path = "../../../tests/common/agreed.rs"]
mod agreed;
mod app;
mod browser;
mod calls;
mod endings;
mod orders;
mod recordings;
mod shards;
mod strangers;
mod telephone;
mod walk;
mod world;
