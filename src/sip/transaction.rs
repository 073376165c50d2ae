//! One task a server transaction.

use omnigate_sip::TransactionId;
use rsipstack::sip::{Method, Request, Response, SipMessage};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use tokio::sync::mpsc;

/// What a transaction's task reports.
#[derive(Debug)]
pub enum Event {
    /// CANCEL of the INVITE.
    Cancelled(TransactionId),
    /// ACK, with its body.
    Acknowledged(TransactionId, Vec<u8>),
    /// The transaction is over.
    Ended(TransactionId),
}

/// The handle of a server transaction whose task runs.
pub struct ServerTransaction {
    /// Its name within its call.
    pub id: TransactionId,
    /// The request.
    pub request: Request,
    sender: TransactionEventSender,
}

impl ServerTransaction {
    /// Starts the task, the only owner of `tx` (its futures must not be dropped half-way).
    pub fn start(mut tx: Transaction, id: TransactionId, events: mpsc::Sender<Event>) -> ServerTransaction {
        let sender = tx.tu_sender.clone();
        let request = tx.original.clone();
        tokio::spawn(async move {
            while let Some(message) = tx.receive().await {
                let event = match message {
                    SipMessage::Request(r) if r.method == Method::Cancel => Event::Cancelled(id),
                    SipMessage::Request(r) if r.method == Method::Ack => Event::Acknowledged(id, r.body),
                    _ => continue,
                };
                if events.send(event).await.is_err() {
                    // The call is gone; the transaction runs to its end by itself.
                    continue;
                }
            }
            let _ = events.send(Event::Ended(id)).await;
        });
        ServerTransaction { id, request, sender }
    }

    /// Sends a response.
    pub fn respond(&self, response: Response) {
        let _ = self.sender.send(TransactionEvent::Respond(response));
    }
}
