//! Which timer fires next.
