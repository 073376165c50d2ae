//! Who may ask the API, and what: tokens, their scopes, and whom a token stands for.
//!
//! ```text
//!   Authorization: Bearer …  ──▶ Tokens::judge ──▶ Bearer { access, who }      the one decision who asks
//!                                                      │
//!   a route names the scope that it needs ────────────▶ Access::may            the one decision whether it may
//!   what it would show or touch is of a service ──────▶ Access::sees           the rest is not there for it
//! ```
//!
//! A token is valid by one of three: the configuration (`api.token`), the file of the first start (`api-token` in the state
//! directory), or the store (made by `omnigate token add`). No address is a token: whoever comes from this machine needs one too.

mod book;
mod file;
mod scope;
mod token;
mod tokens;

pub use file::{TokenFile, TokenFileError};
pub use scope::{Access, Scope, ScopeError, Scopes};
pub use token::{NewToken, Token, TokenState, TokenText};
pub use tokens::{Bearer, Denial, Made, TokenError, Tokens, TokensParts};
