//! Bytes to values and back: the only place that reads untrusted octets.

pub(crate) mod capability;
pub mod composing;
pub mod conference;
pub mod cpim;
mod date;
pub mod imdn;
pub mod lists;
pub mod mime;
pub mod msrp;
mod octet;
pub mod sdp;
pub mod sip;
pub mod uri;
mod xml;
