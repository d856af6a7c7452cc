//! Messages over MSRP (RFC 4975): one byte stream, several sessions.

use core::fmt;

use arrayvec::ArrayString;

use crate::wire::msrp::LONGEST_ID;

mod connection;
mod endpoint;
mod output;
mod range;
mod receive;
pub mod relay;
mod send;
mod session;
mod sessions;
mod store;

pub(crate) use range::RangeSet;
pub(crate) use receive::{Keep, Whole};
pub use send::Letter;
pub(crate) use send::More;
pub(crate) use session::{Session, Upcall};
pub(crate) use store::Store;

pub use connection::{Connection, News};
pub use endpoint::{Endpoint, Invitation, NoSession, Part};
pub use relay::Relay;
pub use sessions::{ConnectionId, Sessions, Target};

#[cfg(test)]
pub(crate) use {
    connection::states::machine as connection,
    endpoint::states::machine as endpoint,
    receive::states::machine as received,
    relay::states::machine as relayed,
    send::states::machine as sent,
    session::states::{machine as session, said},
};

/// A Message-ID or transaction id: 32 letters (RFC 4975 §9), or up to 64 of peers that count further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ident(ArrayString<LONGEST_ID>);

impl Ident {
    /// Copies an identifier; `None` if it is longer than 64 octets or empty.
    pub fn copy(text: &str) -> Option<Self> {
        (!text.is_empty())
            .then(|| ArrayString::from(text).ok().map(Self))
            .flatten()
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
