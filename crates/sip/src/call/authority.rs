//! What answers challenges to the requests of a call.

use crate::digest::{Client, Credentials};
use crate::message::Request;
use crate::transaction::ClientId;

/// What is known of the other side's realms, and the requests that it may still challenge.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) client: Client,
    pub(super) sent: Vec<(ClientId, Request)>,
}

impl Authority {
    /// `None` without credentials: then every challenge is a refusal.
    pub(super) fn new(credentials: Vec<Credentials>) -> Option<Box<Authority>> {
        (!credentials.is_empty()).then(|| {
            Box::new(Authority {
                client: Client::new(credentials),
                sent: Vec::new(),
            })
        })
    }

    /// Puts credentials into a request that is about to be sent.
    pub(super) fn authorize(&mut self, request: &mut Request) {
        self.client.authorize(request);
    }

    /// A request was sent that may be challenged.
    pub(super) fn sent(&mut self, id: ClientId, request: Request) {
        self.sent.push((id, request));
    }

    /// That transaction is over.
    pub(super) fn forget(&mut self, id: ClientId) {
        self.sent.retain(|(sent, _)| *sent != id);
    }
}
