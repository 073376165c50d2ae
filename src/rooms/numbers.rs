//! What the hubs want of the directory, one after the other, so that an owner's requests keep their order.

use crate::directory::Numbers;
use omnigate_omnitalk::{CallNumber, NumberFault, NumberOwner, SocketId, TargetKind};
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// A request to the directory.
pub(super) enum Wish {
    Assign {
        socket: SocketId,
        owner: NumberOwner,
        service: String,
        kind: TargetKind,
        wanted: Option<CallNumber>,
    },
    Release(NumberOwner),
}

/// Its answer.
pub(super) struct Assigned {
    pub(super) socket: SocketId,
    pub(super) owner: NumberOwner,
    pub(super) number: Result<CallNumber, NumberFault>,
}

/// Carries wishes out until there are no more. At most one waits for each socket, and one for each owner that is gone.
pub(super) async fn run(
    directory: Arc<dyn Numbers>,
    mut wishes: UnboundedReceiver<Wish>,
    answers: UnboundedSender<Assigned>,
) {
    while let Some(wish) = wishes.recv().await {
        match wish {
            Wish::Assign {
                socket,
                owner,
                service,
                kind,
                wanted,
            } => {
                let number = directory.assign(owner, &service, kind, wanted).await;
                let answer = Assigned {
                    socket,
                    owner,
                    number,
                };
                if answers.send(answer).is_err() {
                    return;
                }
            }
            Wish::Release(owner) => directory.release(owner).await,
        }
    }
}
