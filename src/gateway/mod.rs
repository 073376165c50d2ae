//! Phone calls: from INVITE through digits and look-up into a room.
//!
//! | file | what it is |
//! | --- | --- |
//! | `intake` | takes new calls, screens them, and gives each its task |
//! | `line` | what every call has: a dialog, a leg, the session of both |
//! | `ivr` | what a caller goes through: a pure state machine |
//! | `incoming` | the task of a call that comes in: carries out what `ivr` decides |
//! | `guesses`, `prompts`, `refusal` | the budget for wrong numbers; recordings; refusals as SIP says them |

mod guesses;
mod incoming;
mod intake;
mod ivr;
mod line;
mod prompts;
mod refusal;
mod shared;
#[cfg(test)]
mod tests;

pub use guesses::{Allowance, GuessBudget};
pub use ivr::{Ivr, IvrEffect, IvrEvent, IvrSettings, Phrase};
pub use prompts::{PromptError, Prompts};
pub use shared::{Gateway, GatewayParts};
