//! Rooms and numbers as the gateway asks for them: what was asked is noted, and the test says what becomes of it.

use crate::directory::{Directory, LookUpError};
use crate::rooms::{Destination, RoomPort, RoomsError, Telephone};
use crate::sync::lock;
use omnigate_omnitalk::{CallNumber, LookUp};
use omnigate_room::CallId;
use std::sync::{Arc, Mutex};

/// What was asked for.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    looked_up: Vec<String>,
    connected: Vec<(Telephone, Destination)>,
    hung_up: Vec<CallId>,
    answer: Option<LookUp>,
}

impl Desk {
    /// What the next number leads to.
    pub(super) fn leads_to(&self, answer: LookUp) {
        lock(&self.0).answer = Some(answer);
    }

    pub(super) fn looked_up(&self) -> Vec<String> {
        lock(&self.0).looked_up.clone()
    }

    pub(super) fn connected(&self) -> Vec<Destination> {
        lock(&self.0).connected.iter().map(|(_, to)| to.clone()).collect()
    }

    pub(super) fn telephone(&self) -> Option<Telephone> {
        lock(&self.0)
            .connected
            .last()
            .map(|(telephone, _)| telephone.clone())
    }

    pub(super) fn hung_up(&self) -> usize {
        lock(&self.0).hung_up.len()
    }
}

#[async_trait::async_trait]
impl Directory for Desk {
    async fn look_up(&self, number: CallNumber) -> Result<LookUp, LookUpError> {
        let mut book = lock(&self.0);
        book.looked_up.push(number.expose().to_owned());
        Ok(book.answer.clone().unwrap_or(LookUp::Unknown))
    }
}

#[async_trait::async_trait]
impl RoomPort for Desk {
    async fn connect(&self, _: CallId, telephone: Telephone, to: Destination) -> Result<(), RoomsError> {
        lock(&self.0).connected.push((telephone, to));
        Ok(())
    }

    async fn hang_up(&self, call: CallId) -> Result<(), RoomsError> {
        lock(&self.0).hung_up.push(call);
        Ok(())
    }
}
