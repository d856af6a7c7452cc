//! MSRP offer and answer over SDP (RFC 3264, RFC 4975 §8, RFC 6135), as pure functions.
