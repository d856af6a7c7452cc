//! URI-lists (RFC 4826, RFC 5364).
