//! Provisioning while it runs: services and trunks of the configuration file and those that the API has made, and how the parts are told
//! when they change.
//!
//! ```text
//!   file, environment ──at the start, on SIGHUP──▶ ┌──────┐
//!                                                  │ Plan │ ──▶ the settings as they are now ──▶ Parts: rooms, recorder,
//!   store ◀──API, commands──▶ items ─────────────▶ └──────┘                                  webhooks, trunks, SIP, tokens
//! ```
//!
//! What stands in the file is the file's: it is shown here and changed there. What the API makes is written by the same keys and read by
//! the same rules, behind what stands in the file. A change is judged as a whole before it is written, and written before the parts are
//! told; what has a fault nevertheless (the file was changed so that it no longer fits) is left out, and says why.
//!
//! | file | what it is |
//! | --- | --- |
//! | `plan` | what file and store give together |
//! | `items`, `keys` | what the API has made, in the store; keys of services |
//! | `parts`, `translate` | who is told, and what |
//! | `provisioning` | the owner: carries out changes one after the other |
//! | `shown` | what is shown of it |

mod items;
mod keys;
mod parts;
mod plan;
mod provisioning;
mod shown;
mod translate;

pub use parts::Parts;
pub use plan::Plan;
pub use provisioning::{ProvisionError, Provisioned, Provisioning};
pub use translate::tls_settings;
