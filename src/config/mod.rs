//! Configuration: defaults, a TOML file, `OMNIGATE__SECTION__KEY` variables; every fault named with its key.

mod faults;
mod load;
mod origin;
mod recording;
mod secret;
mod settings;

pub use faults::{Fault, Faults};
pub use load::{load, load_text};
pub use origin::{OriginFault, OriginPattern};
pub use recording::{Content, EVENTS, Recording, Upload, Webhook, WebhookRules};
pub use secret::Secret;
pub use settings::*;
