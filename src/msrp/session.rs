//! One MSRP session of one leg.
