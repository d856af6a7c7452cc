//! MIME bodies (RFC 2046, RFC 5621).
