//! MSRP without SIP: endpoints, their connections, and pipes between them.

mod model;
mod pair;
mod session;
