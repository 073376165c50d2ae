//! Everything that may happen, at random.
