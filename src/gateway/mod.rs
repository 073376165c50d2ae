//! Phone calls: from INVITE through digits and look-up into a room.
//!
//! [`flow::CallFlow`] decides (a pure state machine); `call` is the task of one call that carries it out on SIP,
//! media, directory and rooms.

mod call;
mod flow;
mod guesses;
mod marked;
mod prompts;
mod run;

pub use flow::{CallFlow, Effect, Event, FlowSettings, Phrase};
pub use guesses::{Allowance, GuessBudget};
pub use prompts::{PromptError, Prompts};
pub use run::{Gateway, GatewayParts};
