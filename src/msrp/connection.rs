//! One byte stream, several sessions.
