//! Legs that move, and shards that take nothing.
