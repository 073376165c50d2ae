//! What the hubs want of the directory, one after the other, so that a target's requests keep their order; each service in its turn.

use crate::directory::{Guesser, Guesses, Numbers};
use crate::fair::InTurns;
use omnigate_omnitalk::{CallNumber, NumberFault, NumberOrder, SocketId, TargetKind};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// A request to the directory.
pub(super) enum Wish {
    Assign {
        socket: SocketId,
        wish: u64,
        order: Box<NumberOrder>,
        most: usize,
        /// Who asks.
        by: Guesser,
    },
    Release {
        service_id: String,
        kind: TargetKind,
    },
}

impl Wish {
    fn service_id(&self) -> String {
        match self {
            Wish::Assign { order, .. } => order.service_id.clone(),
            Wish::Release { service_id, .. } => service_id.clone(),
        }
    }
}

/// Its answer.
pub(super) struct Assigned {
    pub(super) socket: SocketId,
    pub(super) wish: u64,
    pub(super) service_id: String,
    pub(super) kind: TargetKind,
    pub(super) number: Result<CallNumber, NumberFault>,
}

/// Carries wishes out until there are no more. At most one waits for each socket, and one for each target that is gone.
pub(super) async fn run(
    directory: Arc<dyn Numbers>,
    guesses: Arc<Guesses>,
    wishes: UnboundedReceiver<Wish>,
    answers: UnboundedSender<Assigned>,
) {
    let mut wishes = InTurns::new(wishes, Wish::service_id);
    while let Some(wish) = wishes.recv().await {
        match wish {
            Wish::Assign {
                socket,
                wish,
                order,
                most,
                by,
            } => {
                let (service_id, kind) = (order.service_id.clone(), order.kind.clone());
                let answer = Assigned {
                    socket,
                    wish,
                    service_id,
                    kind,
                    number: assign(&*directory, &guesses, *order, most, &by).await,
                };
                if answers.send(answer).is_err() {
                    return;
                }
            }
            Wish::Release { service_id, kind } => directory.release(&service_id, &kind).await,
        }
    }
}

/// To be told that others have a number is to have found one: who wants too many of them gets drawn ones alone for a while.
async fn assign(
    directory: &dyn Numbers,
    guesses: &Guesses,
    order: NumberOrder,
    most: usize,
    by: &Guesser,
) -> Result<CallNumber, NumberFault> {
    let wished = order.wanted.is_some();
    if wished && guesses.is_used_up(by, Instant::now()) {
        return Err(NumberFault::Guessed);
    }
    let answer = directory.assign(order, most).await;
    if wished && answer == Err(NumberFault::InUse) {
        guesses.wrong(by, Instant::now());
    }
    answer
}
