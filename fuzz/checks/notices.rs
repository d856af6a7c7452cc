//! What holds for any octets that are taken for a disposition notification or an is-composing indication.

use bytes::BytesMut;
use simple_im::Limits;
use simple_im::wire::{composing, imdn};

/// Reads, writes, reads: the same.
pub fn check(data: &[u8]) {
    let limits = Limits::default();
    let mut roomy = Limits::default();
    roomy.notice_octets *= 16;
    match imdn::parse(data, &limits) {
        Ok(notification) => {
            assert!(!notification.message_id.is_empty() && !notification.date_time.is_empty());
            assert!(composing::parse(data, &limits).is_err(), "one or the other");
            let mut out = BytesMut::new();
            imdn::write(&mut out, &notification);
            assert_eq!(imdn::parse(&out, &roomy), Ok(notification));
        }
        Err(flaw) => super::flaw::check(data, flaw),
    }
    match composing::parse(data, &limits) {
        Ok(found) => {
            assert_eq!(
                found.lifetime().is_some(),
                found.state != composing::State::Idle
            );
            let mut out = BytesMut::new();
            composing::write(&mut out, &found);
            let again = composing::parse(&out, &roomy).expect("we wrote it");
            // A short refresh is never sent, so the written one may be longer; the second round is exact.
            assert!(again.lifetime() >= found.lifetime());
            let mut second = BytesMut::new();
            composing::write(&mut second, &again);
            assert_eq!(out, second);
            assert_eq!(again.last_active, found.last_active);
            assert_eq!(again.content_type, found.content_type);
        }
        Err(flaw) => super::flaw::check(data, flaw),
    }
}
