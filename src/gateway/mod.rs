//! Phone calls: from INVITE through digits and look-up into a room.
//!
//! [`flow::CallFlow`] decides (a pure state machine); `call` is the task of one call that carries it out on SIP,
//! media, directory and rooms.

mod call;
mod flow;
mod guesses;
mod intake;
mod prompts;
mod refusal;
mod shared;
#[cfg(test)]
mod tests;

pub use flow::{CallFlow, FlowEffect, FlowEvent, FlowSettings, Phrase};
pub use guesses::{Allowance, GuessBudget};
pub use prompts::{PromptError, Prompts};
pub use shared::{Gateway, GatewayParts};
