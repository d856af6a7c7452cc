//! What holds for every refusal.

use simple_im::Flaw;

/// It says where in the input, what, and with which status to answer.
pub fn check(data: &[u8], flaw: Flaw) {
    assert!(flaw.at <= data.len(), "{flaw} lies outside");
    assert!(!flaw.what.is_empty());
    assert!((400..700).contains(&flaw.status.0), "{flaw:?}");
}
