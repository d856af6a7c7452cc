//! The effective list of recipients: no duplicates, no sender, copy control applied.
