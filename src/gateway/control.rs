//! How others than the telephone reach the task of a call: to have it transferred, or ended.

use crate::sync::lock;
use omnigate_omnitalk::DialRefusal;
use omnigate_room::CallId;
use omnigate_sip::message::Status;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// Orders to one call that may wait.
const WAITING: usize = 4;

/// Why a call is not transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransferRefusal {
    /// There is no such call.
    #[error("no such call")]
    NoCall,
    /// It does not talk yet, or not any more.
    #[error("the call talks to nobody")]
    NotTalking,
    /// Its trunk does not let telephones transfer.
    #[error("the trunk does not let its telephones transfer calls; see trunk.transfer")]
    NotAllowed,
    /// One is under way.
    #[error("a transfer of the call is under way")]
    Pending,
    /// It names a dialog to replace, or is no number.
    #[error("the target is neither a telephone number nor a call number")]
    Target,
    /// It was called by an app.
    #[error("a telephone that an app has called goes to another telephone number only")]
    Called,
    /// What the rules about calls out say.
    #[error("{0}")]
    Rule(DialRefusal),
    /// The service cannot do it now.
    #[error("the service cannot transfer calls now")]
    Unavailable,
}

impl TransferRefusal {
    /// The answer to a REFER.
    pub(super) fn status(self) -> Status {
        match self {
            TransferRefusal::NoCall => Status::CALL_DOES_NOT_EXIST,
            TransferRefusal::NotAllowed | TransferRefusal::Called | TransferRefusal::Rule(_) => {
                Status::FORBIDDEN
            }
            TransferRefusal::Pending | TransferRefusal::NotTalking => Status::REQUEST_PENDING,
            TransferRefusal::Target => Status::NOT_IMPLEMENTED,
            TransferRefusal::Unavailable => Status::SERVICE_UNAVAILABLE,
        }
    }
}

/// What somebody wants of a call.
pub(super) enum Order {
    Transfer(TransferOrder),
    HangUp,
}

/// Somebody wants a call to be transferred, and waits for the answer.
pub(super) struct TransferOrder {
    pub(super) to: String,
    pub(super) answer: oneshot::Sender<Result<(), TransferRefusal>>,
}

/// Calls that can be told what to do.
#[derive(Clone, Default)]
pub(super) struct Controls(Arc<Mutex<HashMap<CallId, mpsc::Sender<Order>>>>);

/// What a call is told by; dropping it takes it out of the book.
pub(super) struct Control {
    call: CallId,
    controls: Controls,
    orders: mpsc::Receiver<Order>,
}

impl Controls {
    /// From here on this call can be told.
    pub(super) fn of(&self, call: CallId) -> Control {
        let (sender, orders) = mpsc::channel(WAITING);
        lock(&self.0).insert(call, sender);
        Control {
            call,
            controls: self.clone(),
            orders,
        }
    }

    /// Has a call transferred.
    pub(super) async fn transfer(&self, call: CallId, to: &str) -> Result<(), TransferRefusal> {
        let control = lock(&self.0).get(&call).cloned();
        let control = control.ok_or(TransferRefusal::NoCall)?;
        let (answer, refused) = oneshot::channel();
        let order = TransferOrder {
            to: to.to_owned(),
            answer,
        };
        let sent = control.send(Order::Transfer(order)).await;
        sent.map_err(|_| TransferRefusal::NoCall)?;
        refused.await.map_err(|_| TransferRefusal::NoCall)?
    }

    /// Has a call ended; false: there is none.
    pub(super) async fn hang_up(&self, call: CallId) -> bool {
        let control = lock(&self.0).get(&call).cloned();
        match control {
            Some(control) => control.send(Order::HangUp).await.is_ok(),
            None => false,
        }
    }
}

impl Control {
    /// The next order; it never ends.
    pub(super) async fn order(&mut self) -> Order {
        match self.orders.recv().await {
            Some(order) => order,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        lock(&self.controls.0).remove(&self.call);
    }
}
