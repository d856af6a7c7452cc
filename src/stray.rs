//! Late 2xx to an INVITE.

use core::fmt::Write;

use bytes::{Bytes, BytesMut};

use crate::profile::Prack;
use crate::{Address, ClientTxn, Config, Fresh, Method, Outgoing, Response, Tag, Token, Uri};

/// The ACK and the BYE for a 2xx to an INVITE whose leg is gone: cancelled and given up, or forked to
/// one more phone (CC-03, CC-82). Built from the response alone, so that no leg lingers for it.
///
/// `None` if it is no 2xx to an INVITE, or if it is not an INVITE of ours: its Call-ID and From-tag
/// must be ones that nobody without `config.key` could have made up.
///
/// Nobody awaits the answer to the BYE: send it in a transaction without a machine. `txn` is
/// [`ClientTxn::NOBODY`] in both.
pub fn stray(response: &Response, config: &Config) -> Option<[Outgoing; 2]> {
    let head = &response.head;
    if !response.status.is_success() || head.cseq_method() != Method::Invite {
        return None;
    }
    let token = Token::read(head.call_id()).filter(|token| token.verifies(config.key))?;
    if Tag::read(head.from().tag()?) != Some(Fresh { token }.tag()) {
        return None;
    }

    let (from, to) = (head.from(), head.to());
    let target = head.contact().map_or(to.uri, |contact| contact.uri);
    let mut target = Uri::copy(target).ok()?;
    let mut lines = BytesMut::new();
    let mut routes = head.record_routes().rev().peekable();
    // A strict router is addressed itself, and finds the target last (RFC 3261 §12.2.1.1).
    let strict = routes.peek().copied().and_then(strict_router);
    if strict.is_some() {
        routes.next();
    }
    for route in routes {
        write!(lines, "Route: {route}\r\n").ok()?;
    }
    if let Some(router) = strict {
        write!(lines, "Route: <{target}>\r\n").ok()?;
        target = router;
    }
    write!(
        lines,
        "From: <{}>{}\r\nTo: <{}>{}\r\nCall-ID: {token}\r\nMax-Forwards: 70\r\n",
        from.uri, from.params, to.uri, to.params,
    )
    .ok()?;
    let lines = lines.freeze();
    let say = |method, cseq| Outgoing {
        method,
        txn: ClientTxn::NOBODY,
        cseq,
        fresh: None,
        target: target.clone(),
        head: lines.clone(),
        body: Bytes::new(),
    };
    // Whether PRACKs have used the next numbers is forgotten: a number that leaves some out is in order
    // all the same (RFC 3261 §12.2.2).
    let next = match config.profile.prack_caller {
        Prack::Off => 1,
        Prack::Supported | Prack::Required => 1_000,
    };
    Some([
        say(Method::Ack, head.cseq()),
        say(Method::Bye, head.cseq().saturating_add(next)),
    ])
}

/// Where a request goes first if this route is that of a strict router: its URI, less what a Request-URI
/// cannot have (RFC 3261 §12.2.1.1).
pub(crate) fn strict_router(route: &str) -> Option<Uri> {
    let router = Uri::copy(Address::read(route)?.uri).ok()?;
    router.param("lr").is_none().then(|| router.bare())
}
