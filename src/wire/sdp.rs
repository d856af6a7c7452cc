//! Session descriptions (RFC 8866) of MSRP media.
