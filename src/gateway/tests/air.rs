//! What is between the gateway's SIP and the carrier's.

use crate::sip::{Arrival, Network};
use crate::sync::lock;
use bytes::Bytes;
use omnigate_sip::transaction::Transmit;
use omnigate_sip::{ConnectionId, Hop};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;

/// Messages on their way. The carrier's side is the test's.
#[derive(Clone, Default)]
pub(super) struct Air(Arc<Mutex<Flying>>);

#[derive(Default)]
struct Flying {
    to_gateway: VecDeque<Arrival>,
    to_carrier: VecDeque<Bytes>,
    waker: Option<Waker>,
    /// What the gateway sends fails.
    closed: bool,
}

impl Air {
    /// A message for the gateway.
    pub(super) fn blow(&self, hop: Hop, bytes: Bytes) {
        self.arrive(Arrival::Message(hop, bytes));
    }

    fn arrive(&self, arrival: Arrival) {
        let mut flying = lock(&self.0);
        flying.to_gateway.push_back(arrival);
        if let Some(waker) = flying.waker.take() {
            waker.wake();
        }
    }

    /// A message from the gateway.
    pub(super) fn catch(&self) -> Option<Bytes> {
        lock(&self.0).to_carrier.pop_front()
    }

    /// From here on nothing of the gateway arrives, and it is told so.
    pub(super) fn close(&self) {
        lock(&self.0).closed = true;
    }
}

impl Network for Air {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        let mut flying = lock(&self.0);
        match flying.to_gateway.pop_front() {
            Some(arrival) => Poll::Ready(arrival),
            None => {
                flying.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn send(&mut self, transmit: Transmit) {
        if lock(&self.0).closed {
            return self.arrive(Arrival::Failed(transmit.origin));
        }
        lock(&self.0).to_carrier.push_back(transmit.bytes);
    }

    fn flush(&mut self) {}

    fn keep_alive(&mut self, _: &Hop, pong: oneshot::Sender<()>) {
        let _ = pong.send(());
    }

    fn watch(&mut self, _: &Hop, _: oneshot::Sender<()>) {}

    fn cut(&mut self, _: &Hop) {}

    fn sweep(&mut self, _: &dyn Fn(ConnectionId) -> bool) {}
}
