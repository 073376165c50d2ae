//! The way of orders to a shard.

use crate::media::command::Command;
use crate::media::error::MediaError;
use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::Waker;
use std::sync::Arc;

/// Orders that open or change something are refused while so many wait. Those that free something are always taken: there
/// is at most one for each thing that was opened, and each was opened by an order that found room. So the queue is bounded
/// by this number and the number of legs, peers, streams, viewers and captures.
const MOST_WAITING: usize = 4096;

/// A way to one shard.
#[derive(Clone)]
pub(crate) struct Orders {
    queue: Sender<Command>,
    waker: Arc<Waker>,
}

impl Orders {
    /// A queue whose shard is woken by `waker`.
    pub(crate) fn new(waker: Waker) -> (Orders, Receiver<Command>) {
        let (queue, orders) = unbounded();
        let waker = Arc::new(waker);
        (Orders { queue, waker }, orders)
    }

    /// An order that opens or changes something.
    ///
    /// # Errors
    /// [`MediaError::Busy`] while too many wait, or when the shard has ended.
    pub(crate) fn ask(&self, order: Command) -> Result<(), MediaError> {
        if self.queue.len() >= MOST_WAITING {
            return Err(MediaError::Busy);
        }
        self.queue.send(order).map_err(|_| MediaError::Busy)?;
        let _ = self.waker.wake();
        Ok(())
    }

    /// An order that frees something, or hands on what is here already: never refused. A shard that has ended has nothing
    /// left to free.
    pub(crate) fn release(&self, order: Command) {
        let _ = self.queue.send(order);
        let _ = self.waker.wake();
    }

    /// Orders that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_room::RoomId;

    #[test]
    fn a_full_queue_refuses_what_opens_and_takes_what_frees() {
        let poll = mio::Poll::new().unwrap();
        let (orders, queue) = Orders::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let room = RoomId(1);
        for _ in 0..MOST_WAITING {
            orders.ask(Command::PauseCapture(room, true)).unwrap();
        }
        assert!(matches!(
            orders.ask(Command::PauseCapture(room, false)),
            Err(MediaError::Busy)
        ));
        orders.release(Command::EndCapture(room));
        assert_eq!(orders.waiting(), MOST_WAITING + 1);
        assert!(matches!(queue.try_iter().last(), Some(Command::EndCapture(_))));
    }
}
