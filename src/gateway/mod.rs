//! Phone calls: from INVITE through digits and look-up into a room, and from an app to a telephone.
//!
//! | file | what it is |
//! | --- | --- |
//! | `intake` | takes new calls, screens them, and gives each its task |
//! | `doubts` | calls that nobody has acknowledged yet |
//! | `line` | what every call has: a dialog, a leg, the session of both |
//! | `side`, `transfer` | the telephone's side of a call, where another one may take its place; where to |
//! | `control` | how others reach the task of a call |
//! | `ivr` | what a caller goes through: a pure state machine |
//! | `incoming` | the task of a call that comes in: carries out what `ivr` decides |
//! | `dialler` | takes the calls that apps want to telephones, looks whether they may be made, and gives each its task |
//! | `dial` | what becomes of a call to a telephone: a pure state machine |
//! | `dialling`, `ways` | carries out what `dial` decides; gateways, one after the other |
//! | `redirects` | where the network sends a call to a telephone instead |
//! | `outgoing` | the task of a call to a telephone |
//! | `phone`, `phoning` | what the test caller does, as a pure state machine; carries that out |
//! | `follow` | something that goes on for each trunk as long as it is there |
//! | `reach`, `pings` | which gateways take no calls at the moment; asks them whether they are there |
//! | `status` | how the trunks are |
//! | `certification`, `sight` | how a trunk behaves, and what is seen of its calls |
//! | `registration` | keeps what trunks have registered, so that calls come in by there |
//! | `prompts`, `refusal` | recordings; refusals as SIP says them |

mod certification;
mod control;
mod dial;
mod dialler;
mod dialling;
mod doubts;
mod follow;
mod incoming;
mod intake;
mod ivr;
mod line;
mod outgoing;
mod phone;
mod phoning;
mod pings;
mod prompts;
mod reach;
mod redirects;
mod refusal;
mod registration;
mod shared;
mod side;
mod sight;
mod status;
#[cfg(test)]
mod tests;
mod transfer;
mod ways;

pub use certification::{
    Certification, CertificationOrder, CertificationRefusal, Outcome, Part, Progress, Proposal, Step, StepId,
};
pub use control::TransferRefusal;
pub use dial::{Dial, DialEffect, DialEvent};
pub use ivr::{Ivr, IvrEffect, IvrEvent, IvrSettings, Phrase};
pub use phone::PhonePlan;
pub use phoning::{PhoneCall, PhoneError, PhoneOutcome, phone};
pub use prompts::{PromptError, Prompts};
pub use shared::{Gateway, GatewayParts};
pub use status::{AddressStatus, CallsNow, GatewayStatus, TrunkStatus, TrunksStatus};
