//! What clients, telephones and the media plane may do next, at random.

use proptest::prelude::*;

pub const SLOTS: u64 = 5;
pub const PHONES: u64 = 3;
pub const USERS: [&str; 3] = ["alice", "bob", "carol"];
const REQUESTS: usize = 40;

#[derive(Clone, Debug)]
pub enum Step {
    Login {
        slot: u64,
        user: usize,
    },
    Request {
        slot: u64,
        kind: usize,
        pick: usize,
    },
    /// Joins, publishes and comes up, as the SDKs do in one go; mostly with a camera.
    Enter {
        slot: u64,
        pick: usize,
    },
    /// Answers the call and enters its room.
    TakeCall {
        slot: u64,
    },
    /// Calls somebody and enters the call's room.
    Call {
        slot: u64,
        pick: usize,
    },
    /// Shares a screen.
    Share {
        slot: u64,
    },
    /// Subscribes to somebody and answers the offer.
    Watch {
        slot: u64,
        pick: usize,
    },
    Noise {
        slot: u64,
        kind: usize,
    },
    Disconnect {
        slot: u64,
    },
    Answer {
        slot: u64,
        fine: bool,
    },
    Up {
        slot: u64,
    },
    Gone {
        slot: u64,
    },
    Ring {
        phone: u64,
        user: usize,
    },
    Admit {
        phone: u64,
        pick: usize,
    },
    HangUp {
        phone: u64,
    },
    /// A telephone that is to be called is called, or not.
    Dialled {
        fine: bool,
    },
    PicksUp {
        pick: usize,
    },
    Fails {
        pick: usize,
    },
    PutsDown {
        pick: usize,
    },
    /// The store answers, if something is written down.
    Write {
        works: bool,
    },
    Wait {
        seconds: u64,
    },
}

pub fn step() -> impl Strategy<Value = Step> {
    let (slot, phone) = (0..SLOTS, 0..PHONES);
    prop_oneof![
        4 => (slot.clone(), 0..USERS.len()).prop_map(|(slot, user)| Step::Login { slot, user }),
        20 => (slot.clone(), 0..REQUESTS, any::<usize>())
            .prop_map(|(slot, kind, pick)| Step::Request { slot, kind, pick }),
        6 => (slot.clone(), any::<usize>()).prop_map(|(slot, pick)| Step::Enter { slot, pick }),
        5 => slot.clone().prop_map(|slot| Step::TakeCall { slot }),
        4 => (slot.clone(), any::<usize>()).prop_map(|(slot, pick)| Step::Call { slot, pick }),
        8 => (slot.clone(), any::<usize>()).prop_map(|(slot, pick)| Step::Watch { slot, pick }),
        2 => slot.clone().prop_map(|slot| Step::Share { slot }),
        2 => (slot.clone(), 0..4usize).prop_map(|(slot, kind)| Step::Noise { slot, kind }),
        1 => slot.clone().prop_map(|slot| Step::Disconnect { slot }),
        5 => (slot.clone(), prop::bool::weighted(0.9)).prop_map(|(slot, fine)| Step::Answer { slot, fine }),
        5 => slot.clone().prop_map(|slot| Step::Up { slot }),
        1 => slot.prop_map(|slot| Step::Gone { slot }),
        4 => (phone.clone(), 0..USERS.len()).prop_map(|(phone, user)| Step::Ring { phone, user }),
        2 => (phone.clone(), any::<usize>()).prop_map(|(phone, pick)| Step::Admit { phone, pick }),
        2 => phone.prop_map(|phone| Step::HangUp { phone }),
        3 => prop::bool::weighted(0.8).prop_map(|fine| Step::Dialled { fine }),
        2 => any::<usize>().prop_map(|pick| Step::PicksUp { pick }),
        1 => any::<usize>().prop_map(|pick| Step::Fails { pick }),
        1 => any::<usize>().prop_map(|pick| Step::PutsDown { pick }),
        6 => prop::bool::weighted(0.9).prop_map(|works| Step::Write { works }),
        4 => prop_oneof![4 => 1..7u64, 1 => 7..70u64].prop_map(|seconds| Step::Wait { seconds }),
    ]
}
