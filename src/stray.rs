//! Late 2xx to an INVITE.

use core::fmt::Write;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::{ClientTxn, Config, Fresh, Method, Outgoing, Response, Tag, Token, Uri};

/// The ACK and the BYE for a 2xx to an INVITE whose leg is gone: cancelled and given up, or forked to
/// one more phone (CC-03, CC-82). Built from the response alone, so that no leg lingers for it.
///
/// `None` if it is no 2xx to an INVITE, or if it is not an INVITE of ours: its Call-ID and From-tag
/// must be ones that nobody without `config.key` could have made up.
///
/// Nobody awaits the answer to the BYE: send it in a transaction without a machine. `txn` is
/// [`ClientTxn::NOBODY`] in both. The first route is taken for a loose router, as every one since RFC 3261 is.
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
    let target = Uri::copy(target).ok()?;
    let mut lines = BytesMut::new();
    let routes: SmallVec<[&str; 4]> = head.record_routes().collect();
    for route in routes.iter().rev() {
        write!(lines, "Route: {route}\r\n").ok()?;
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
    Some([
        say(Method::Ack, head.cseq()),
        say(Method::Bye, head.cseq().saturating_add(1)),
    ])
}
