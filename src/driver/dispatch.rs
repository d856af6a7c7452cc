//! Which machine and leg a message belongs to.
