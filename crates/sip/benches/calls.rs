//! What reading an INVITE and what a whole call costs: `cargo bench -p omnigate-sip`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::uas::Trunk;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use omnigate_sip::message::parse;
use std::hint::black_box;
use std::time::Duration;

fn reading(c: &mut Criterion) {
    let invite = Trunk::new().invite.bytes;
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Bytes(invite.len() as u64));
    group.bench_function(format!("INVITE of {} bytes", invite.len()), |b| {
        b.iter(|| parse(black_box(&invite)).unwrap());
    });
}

/// INVITE, 100, 180, 200, ACK, BYE, 200: ten a second, so that the transactions of 320 calls are there.
fn call(c: &mut Criterion) {
    let mut trunk = Trunk::new();
    let mut one = || {
        let tag = trunk.begin();
        trunk.end(tag);
        trunk.pass(Duration::from_millis(100));
    };
    for _ in 0..400 {
        one();
    }
    c.bench_function("a whole call", |b| b.iter(&mut one));
}

criterion_group!(benches, reading, call);
criterion_main!(benches);
