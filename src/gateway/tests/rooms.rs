//! Rooms and numbers as the gateway asks for them: what was asked is noted, and the test says what becomes of it.

use crate::directory::{Calling, Directory, LookUpError};
use crate::media::LegSeat;
use crate::rooms::{Destination, RoomPort, RoomsError, Telephone, ToTelephone};
use crate::sync::lock;
use omnigate_omnitalk::{CallNumber, DialRefusal, LookUp, TelephoneNotice};
use omnigate_room::{CallId, CallOver, ParticipantId, RoomId};
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
    dialled: Option<Telephone>,
    refused: Vec<DialRefusal>,
    answered: Vec<CallId>,
    failed: Vec<&'static str>,
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

    /// The telephone that is called, as the rooms have it.
    pub(super) fn dialled(&self) -> Option<Telephone> {
        lock(&self.0).dialled.clone()
    }

    pub(super) fn refused(&self) -> Vec<DialRefusal> {
        lock(&self.0).refused.clone()
    }

    pub(super) fn answered(&self) -> usize {
        lock(&self.0).answered.len()
    }

    /// What calls to telephones have ended with.
    pub(super) fn failed(&self) -> Vec<&'static str> {
        lock(&self.0).failed.clone()
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

    async fn redeem(&self, number: CallNumber, _: &Calling) -> Result<LookUp, LookUpError> {
        self.look_up(number).await
    }
}

#[async_trait::async_trait]
impl RoomPort for Desk {
    async fn connect(&self, _: CallId, telephone: Telephone, to: Destination) -> Result<(), RoomsError> {
        lock(&self.0).connected.push((telephone, to));
        Ok(())
    }

    async fn dialled(&self, _: CallId, answer: Result<Telephone, DialRefusal>) -> Result<(), RoomsError> {
        let mut book = lock(&self.0);
        match answer {
            Ok(telephone) => {
                let dialled = TelephoneNotice::Dialled {
                    room: RoomId(9),
                    participant: ParticipantId(2),
                };
                let _ = telephone.notices.send(ToTelephone::Notice(dialled));
                book.dialled = Some(telephone);
            }
            Err(refusal) => book.refused.push(refusal),
        }
        Ok(())
    }

    async fn answered(&self, call: CallId) -> Result<(), RoomsError> {
        lock(&self.0).answered.push(call);
        Ok(())
    }

    async fn failed(&self, _: CallId, why: CallOver) -> Result<(), RoomsError> {
        lock(&self.0).failed.push(why.word());
        Ok(())
    }

    async fn reseat(&self, _: CallId, _: LegSeat) -> Result<(), RoomsError> {
        Ok(())
    }

    async fn hang_up(&self, call: CallId) -> Result<(), RoomsError> {
        lock(&self.0).hung_up.push(call);
        Ok(())
    }
}
