//! A session description that says what we can, and opens nothing (RFC 3264 §9).

use core::fmt::Write;

use bytes::BytesMut;

use crate::Config;

/// Writes it. `number` is its session id, unlike that of any other.
pub(crate) fn write(out: &mut BytesMut, config: &Config, number: u64) {
    let (msrp, account) = (&config.msrp, &config.account);
    let host = msrp.host.as_str();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let (family, host) = bare.map_or(("IP4", host), |host| ("IP6", host));
    let proto = if msrp.tls { "TCP/TLS/MSRP" } else { "TCP/MSRP" };
    // Writing to a growing buffer cannot fail.
    let _ = write!(
        out,
        "v=0\r\no=- {number} {number} IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n\
         m=message 0 {proto} *\r\na=accept-types:{}\r\n",
        account.accept_types
    );
    if !account.accept_wrapped_types.is_empty() {
        let _ = write!(
            out,
            "a=accept-wrapped-types:{}\r\n",
            account.accept_wrapped_types
        );
    }
    let _ = write!(out, "a=max-size:{}\r\n", config.limits.message);
}
