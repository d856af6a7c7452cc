//! Via (RFC 3261 §20.42, RFC 3581).

use super::text::{Param, blanks, number, token, utf8};
use crate::message::Head;
use crate::wire::octet::{HOST, decimal, run};
use crate::wire::uri::ipv6;

/// One value of Via: where a request came along, and where its response goes.
///
/// Nothing in this crate acts on it; transactions and transport are the SIP stack's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS` or another transport, as it is written.
    pub transport: &'a str,
    /// The host that sent it, an IPv6 address in its brackets.
    pub host: &'a str,
    /// The port, if one is written.
    pub port: Option<u16>,
    params: &'a str,
}

impl Head {
    /// The values of Via in order; the first is that of the last sender.
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> {
        self.fields("Via").flat_map(|value| {
            let mut rest = value.as_bytes();
            core::iter::from_fn(move || {
                let (via, tail) = Parts::read(rest)?;
                rest = tail.strip_prefix(b",").map(blanks).unwrap_or_default();
                Some(via.view())
            })
        })
    }
}

impl<'a> Via<'a> {
    /// The branch, which names the transaction.
    pub fn branch(&self) -> Option<&'a str> {
        self.param("branch").flatten()
    }

    /// The address from which it was received. Brackets around an IPv6 address, which many write, are left out
    /// (RFC 5118 §4.5).
    pub fn received(&self) -> Option<&'a str> {
        let received = self.param("received").flatten()?;
        let inner = received.strip_prefix('[');
        Some(inner.map_or(received, |inner| inner.strip_suffix(']').unwrap_or(inner)))
    }

    /// The port from which it was received: `Some(None)` where the sender asks for it (RFC 3581 §3).
    pub fn rport(&self) -> Option<Option<u16>> {
        let rport = self.param("rport")?;
        Some(rport.and_then(decimal))
    }

    /// The multicast address, or other host, to which the response is to go.
    pub fn maddr(&self) -> Option<&'a str> {
        self.param("maddr").flatten()
    }

    /// The time to live of a multicast packet.
    pub fn ttl(&self) -> Option<u8> {
        decimal(self.param("ttl").flatten()?)
    }

    /// The value of the parameter of that name: `None` without the parameter, `Some(None)` for one without value. Names
    /// are compared without regard to case; quotes around the value are taken off.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        Param::find(self.params.as_bytes(), name)
    }
}

/// Checks that every value is one of Via, or says from where on it is none. What it says is the transport's business; that
/// it can be copied into a response is ours.
pub(super) fn check(value: &[u8]) -> Result<(), &[u8]> {
    let mut rest = value;
    loop {
        match Parts::read(rest) {
            Some((_, b"")) => return Ok(()),
            Some((_, [b',', next @ ..])) => rest = blanks(next),
            Some((_, stranger)) => return Err(stranger),
            None => return Err(rest),
        }
    }
}

/// The octets of a [`Via`].
struct Parts<'a> {
    transport: &'a [u8],
    host: &'a [u8],
    port: Option<u16>,
    params: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Reads `SIP/2.0/transport host[:port][;params]` in front, blanks allowed where the grammar has them; and gives the
    /// rest.
    fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let word = |text| Some(token(text)).filter(|(word, _)| !word.is_empty());
        let slash = |text| word(blanks(blanks(text).strip_prefix(b"/")?));
        let (transport, rest) = match text.strip_prefix(b"SIP/2.0/") {
            Some(rest) => word(blanks(rest))?,
            None => slash(slash(word(text)?.1)?.1)?,
        };
        let (host, rest) = host(blanks(rest))?;
        let (port, params) = match blanks(rest).strip_prefix(b":") {
            Some(port) => {
                let (port, rest) = number(blanks(port))?;
                (Some(u16::try_from(port).ok()?), rest)
            }
            None => (None, rest),
        };
        let rest = Param::skip(params);
        let params = params.get(..params.len() - rest.len())?;
        let via = Self {
            transport,
            host,
            port,
            params,
        };
        Some((via, rest))
    }

    fn view(self) -> Via<'a> {
        Via {
            transport: utf8(self.transport),
            host: utf8(self.host),
            port: self.port,
            params: utf8(self.params),
        }
    }
}

fn host(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (host, rest) = match text {
        [b'[', ..] => {
            let end = memchr::memchr(b']', text)? + 1;
            let (host, rest) = text.split_at_checked(end)?;
            ipv6(core::str::from_utf8(host).ok()?)?;
            (host, rest)
        }
        _ => run(text, HOST),
    };
    (!host.is_empty()).then_some((host, rest))
}
