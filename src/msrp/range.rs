//! Sets of octet ranges.
