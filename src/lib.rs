//! omnigate.
