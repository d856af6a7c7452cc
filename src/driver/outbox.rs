//! One pending MESSAGE a request URI.
