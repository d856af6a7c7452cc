//! MSRP frames (RFC 4975).
