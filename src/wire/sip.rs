//! SIP messages (RFC 3261).
