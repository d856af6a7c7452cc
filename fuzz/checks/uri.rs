//! What holds for any text that is taken for a URI or a name with one.

use simple_im::wire::sip::quote;
use simple_im::wire::uri::{escape, unescape};
use simple_im::{Address, Uri};

/// Each line is one URI or address.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut found: Vec<Uri> = Vec::new();
    for line in text.split('\n').take(8) {
        match Uri::copy(line) {
            Ok(uri) => {
                ask(&uri);
                found.push(uri);
            }
            Err(flaw) => super::flaw::check(line.as_bytes(), flaw),
        }
        address(line);
        let round: Vec<u8> = unescape(&escape(line).to_string()).collect();
        assert_eq!(round, line.as_bytes());
    }
    for (a, b) in found.iter().flat_map(|a| found.iter().map(move |b| (a, b))) {
        assert_eq!(a.equivalent(b), b.equivalent(a), "{a} {b}");
        if a.equivalent(b) {
            assert_eq!(a.fingerprint(), b.fingerprint(), "{a} {b}");
        }
    }
}

fn ask(uri: &Uri) {
    assert!(uri.equivalent(uri), "{uri}");
    let bare = uri.bare();
    assert_eq!(bare, bare.bare());
    assert_eq!(bare.headers().count(), 0);
    assert_eq!(Uri::copy(bare.as_str()).as_ref(), Ok(&bare));
    assert_eq!((bare.scheme(), bare.host()), (uri.scheme(), uri.host()));
    assert_eq!((bare.user(), bare.port()), (uri.user(), uri.port()));
    rebuilt(uri);
    let longer = uri.with_param("x-y=z").expect("a parameter");
    assert!(longer.param("X-Y").is_some());
    assert_eq!(longer.params().count(), uri.params().count() + 1);
    assert!(longer.headers().eq(uri.headers()));
    for (name, _) in uri.params() {
        assert!(uri.param(name).is_some());
    }
    if let Err(flaw) = uri.session_param() {
        assert!(flaw.at < uri.as_str().len(), "{flaw} lies outside {uri}");
    }
}

/// A URI is its components.
fn rebuilt(uri: &Uri) {
    let mut pieces = vec![uri.scheme(), uri.user().unwrap_or(""), uri.host()];
    for (name, value) in uri.params() {
        pieces.extend([name, value.unwrap_or("")]);
    }
    for (name, value) in uri.headers() {
        pieces.extend([name, value]);
    }
    let mut rest = uri.as_str();
    for piece in pieces {
        let at = rest.find(piece).expect("in order");
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
}

/// An address in angle brackets is the same address.
fn address(line: &str) {
    let Some(found) = Address::read(line) else {
        return;
    };
    assert!(line.contains(found.uri) && line.contains(found.params));
    assert_eq!(Address::read(&found.to_string()), Some(found), "{line:?}");
    let bracketed = format!("<{}>{}", found.uri, found.params);
    let unnamed = Address { name: "", ..found };
    assert_eq!(Address::read(&bracketed), Some(unnamed), "{line:?}");
    let named = format!("\"a \\\" <sip:b@h>;tag=c\" {bracketed}");
    let again = Address::read(&named).expect("the same with a name");
    assert_eq!(again.display_name(), "a \" <sip:b@h>;tag=c");
    assert_eq!((again.uri, again.params), (found.uri, found.params));
    let quoted = format!("{} {bracketed}", quote(&found.display_name()));
    let again = Address::read(&quoted).expect("the same with quotes");
    // No quoted string holds a line break.
    let held = found.display_name().replace(['\r', '\n'], " ");
    assert_eq!(again.display_name(), held);
    let _ = (found.tag(), found.feature("isfocus"));
    if let Ok(uri) = Uri::copy(found.uri) {
        ask(&uri);
    }
}
