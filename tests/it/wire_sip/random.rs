//! Round trips and damaged messages.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use simple_im::wire::sip::{self, Message, Replaces};
use simple_im::{Address, ClientTxn, Fresh, Head, Method, Outgoing, Token, Uri};

use super::golden::{ANSWER, INVITE, PAGER};
use super::{crlf, message_with};

/// What is written of a message is the same message: its start line, its lines in order, its body.
pub(crate) fn comes_back(message: &Message) {
    let mut out = BytesMut::new();
    sip::write(&mut out, message);
    let again = out.freeze();
    let (head, body) = match message {
        Message::Request(request) => (&request.head, &request.body),
        Message::Response(response) => (&response.head, &response.body),
    };
    if head.header("Content-Length").is_some() {
        assert_eq!(sip::parse(&again).as_ref(), Ok(message));
        assert!(again.ends_with(&[&head.lines()[..], b"\r\n", body.whole()].concat()));
    } else {
        // It got one, at the end of its head.
        let length = format!("Content-Length: {}\r\n\r\n", body.whole().len());
        let end = [&head.lines()[..], length.as_bytes(), body.whole()].concat();
        assert!(again.ends_with(&end));
        assert!(sip::parse(&again).is_ok());
    }
    assert_eq!(sip::frame(&again, usize::MAX), Ok(Some(again.len())));
}

/// Calls whatever reads on demand.
pub(crate) fn touch(head: &Head) {
    let _ = (head.from().tag(), head.to().tag(), head.call_id());
    let _ = (head.is_focus(), head.retry_after(), head.warned(1, "x"));
    let _ = head.headers().count() + head.values("Contact").count() + head.asserted().count();
    let _ = head.record_routes().count() + head.unknown_required().count();
    let _ = head.contact().map(|contact| contact.features().count());
    let _ = (
        head.rseq(),
        head.rack(),
        head.reasons().count(),
        head.date(),
    );
    let _ = head
        .replaces()
        .map(|replaces| replaces.map(|it| it.to_string()));
    let _ = (head.referred_by(), head.privacy_values().count());
    for predicate in head.accept_contacts().chain(head.reject_contacts()) {
        let _ = (predicate.is_required(), predicate.is_explicit());
        let _ = predicate.features().flat_map(|it| it.values()).count();
    }
    for via in head.vias() {
        let _ = (via.branch(), via.received(), via.rport(), via.ttl());
    }
    let _ = (
        head.preferred().count(),
        head.request_dispositions().count(),
        head.expires(),
    );
    assert_eq!(
        (head.from_tag(), head.to_tag()),
        (head.from().tag(), head.to().tag())
    );
    for address in [head.from(), head.to()].into_iter().chain(head.contact()) {
        let _ = address.display_name();
        assert_eq!(Address::read(&address.to_string()), Some(address));
    }
    let _ = (head.event(), head.subscription_state(), head.retry());
    let _ = (head.warnings().count(), head.disposition());
}

fn outgoing() -> impl Strategy<Value = Outgoing> {
    let method = select(vec![
        Method::Invite,
        Method::Message,
        Method::Bye,
        Method::Options,
        Method::Update,
    ]);
    let target = select(vec![
        "sip:bob@example.com",
        "sips:h:1;a=b",
        "tel:+12015550123",
    ]);
    let extra = prop::collection::vec("X-[A-Za-z]{1,12}: [!-~é漢]{1,30}", 0..70);
    let body = prop::collection::vec(any::<u8>(), 0..1500);
    let token = any::<[u32; 3]>();
    (method, target, extra, body, token, any::<bool>(), 0u32..1 << 31).prop_map(
        |(method, target, extra, body, token, fresh, cseq)| {
            let mut head = match fresh {
                true => String::from("From: <sip:alice@example.com>\r\n"),
                false => String::from("From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>;tag=b\r\nCall-ID: c\r\n"),
            };
            for line in extra {
                head += &line;
                head += "\r\n";
            }
            Outgoing {
                method,
                txn: ClientTxn(1),
                cseq,
                fresh: fresh.then_some(Fresh {
                    token: Token::new(token),
                }),
                target: Uri::copy(target).unwrap(),
                head: Bytes::from(head),
                body: Bytes::from(body),
            }
        },
    )
}

/// The same head in another legal shape: blanks, folds, other case.
fn reshaped(text: &str, picks: &[Index]) -> String {
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let mut out = String::from(lines.next().unwrap());
    for (n, line) in lines.enumerate() {
        let (name, value) = line.split_once(": ").unwrap();
        let name = match picks[n % picks.len()].index(3) {
            0 => name.to_ascii_uppercase(),
            1 => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        };
        let colon = [":", ": ", " : ", "\t:\n ", ":\n\t\n "];
        let colon = colon[picks[(n + 1) % picks.len()].index(colon.len())];
        let folded = value.replace("; ", ";\n   ").replace(", ", ",\n\t");
        out += &format!("\n{name}{colon}{folded} ");
    }
    format!("{out}\n\n{body}")
}

proptest! {
    #[test]
    fn what_is_written_is_read(request in outgoing()) {
        let mut bare = BytesMut::new();
        sip::write_request(&mut bare, &request, "");
        prop_assert_eq!(bare.len(), request.wire_len());

        let mut out = BytesMut::new();
        sip::write_request(&mut out, &request, "Via: SIP/2.0/TCP h;branch=z9hG4bK1\r\n");
        let out = out.freeze();
        prop_assert_eq!(sip::frame(&out, usize::MAX), Ok(Some(out.len())));
        let read = sip::parse_request(&out).unwrap();
        prop_assert_eq!(read.method, request.method);
        prop_assert_eq!(&read.uri, &request.target);
        prop_assert_eq!(read.head.cseq(), request.cseq);
        prop_assert_eq!(read.body.whole(), &request.body);
        match request.fresh {
            Some(fresh) => {
                prop_assert_eq!(read.head.call_id(), fresh.token.to_string());
                let tag = fresh.tag().to_string();
                prop_assert_eq!(read.head.from().tag(), Some(tag.as_str()));
                prop_assert_eq!(read.head.to().uri, request.target.as_str());
            }
            None => prop_assert_eq!(read.head.to().tag(), Some("b")),
        }
        // Every line of the head is there, in order.
        let sent = std::str::from_utf8(&request.head).unwrap().lines().filter(|line| line.starts_with("X-"));
        let got = read.head.headers().filter(|(name, _)| name.starts_with("X-"));
        let same = sent.eq(got.map(|(name, value)| format!("{name}: {value}")));
        prop_assert!(same);
    }

    #[test]
    fn what_is_read_is_written_as_it_came(
        start in select(vec![
            "MESSAGE sip:bob@example.com SIP/2.0", "FR%6Fb tel:+1;x=y SIP/2.0", "SIP/2.0 200 ",
            "SIP/2.0 699 \u{a0}n\u{f6}  way\t",
        ]),
        before in prop::collection::vec("X-[A-Za-z!%*_+`'~.-]{1,12}:[ \t]{0,2}[!-~\u{e9}\u{6f22}][ -~\t\u{e9}]{0,30}", 0..9),
        after in prop::collection::vec("[jn]: [ -~]{0,30}", 0..9),
        length in any::<bool>(),
        body in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let method = start.split(' ').next().unwrap().replace("SIP/2.0", "ACK");
        let mut text = format!("{start}\r\n");
        for line in &before {
            text += &format!("{line}\r\n");
        }
        text += "v: SIP/2.0/UDP h\r\nf:<sip:a@h>;tag=1\r\nt  :\tsip:b@h\r\ni: c\r\nCSEQ: 1 ";
        text += &format!("{method}\r\n");
        for line in &after {
            text += &format!("{line}\r\n");
        }
        if length {
            text += &format!("l: {}\r\n", body.len());
        }
        let octets = [text.as_bytes(), b"\r\n", &body].concat();
        let message = sip::parse(&Bytes::from(octets)).unwrap_or_else(|flaw| panic!("{flaw}: {text}"));
        comes_back(&message);
        let (head, whole) = match &message {
            Message::Request(request) => (&request.head, request.body.whole()),
            Message::Response(response) => {
                prop_assert_eq!(response.reason(), &start[12..]);
                (&response.head, response.body.whole())
            }
        };
        prop_assert_eq!(whole, &body);
        let written = before.iter().chain(&after).map(|line| line.split_once(':').unwrap());
        let kept = head.headers().filter(|(name, _)| name.starts_with("X-") || ["j", "n"].contains(name));
        prop_assert!(written.map(|(name, value)| (name, value.trim_matches([' ', '\t']))).eq(kept));
    }

    #[test]
    fn shape_does_not_matter(
        picks in prop::collection::vec(any::<Index>(), 4..12),
        which in select(vec![PAGER, INVITE, ANSWER]),
    ) {
        let heads = [which.to_owned(), reshaped(which, &picks)].map(|text| {
            match sip::parse(&crlf(&text)).unwrap_or_else(|flaw| panic!("{flaw}: {text}")) {
                Message::Request(request) => request.head,
                Message::Response(response) => response.head,
            }
        });
        let [plain, other] = &heads;
        prop_assert_eq!(plain.from(), other.from());
        prop_assert_eq!(plain.to(), other.to());
        prop_assert_eq!(plain.call_id(), other.call_id());
        prop_assert_eq!(plain.cseq(), other.cseq());
        prop_assert_eq!(plain.max_forwards(), other.max_forwards());
        prop_assert_eq!(plain.session_expires(), other.session_expires());
        prop_assert_eq!(plain.allow(), other.allow());
        prop_assert_eq!(plain.supported(), other.supported());
        prop_assert_eq!(plain.preference(), other.preference());
        prop_assert_eq!(plain.contact(), other.contact());
        prop_assert_eq!(plain.header("User-Agent"), other.header("User-Agent"));
    }

    #[test]
    fn damage_is_read_or_refused_in_bounds(
        damage in prop::collection::vec((any::<Index>(), any::<u8>(), 0..3u8), 1..6),
        which in select(vec![PAGER, INVITE, ANSWER]),
    ) {
        let mut octets = crlf(which).to_vec();
        for (place, octet, how) in damage {
            let at = place.index(octets.len());
            match how {
                0 => octets[at] = octet,
                1 => octets.insert(at, octet),
                _ => { octets.remove(at); }
            }
        }
        let octets = Bytes::from(octets);
        if let Ok(Some(length)) = sip::frame(&octets, 65_536) {
            prop_assert!(length <= octets.len());
        }
        match sip::parse(&octets) {
            Ok(Message::Request(request)) => touch(&request.head),
            Ok(Message::Response(response)) => touch(&response.head),
            Err(flaw) => prop_assert!(flaw.at <= octets.len(), "{}", flaw),
        }
    }

    #[test]
    fn any_header_line_is_read_or_refused(
        name in select(vec![
            "From", "To", "Contact", "Via", "CSeq", "Session-Expires", "Min-SE", "Accept-Contact",
            "Privacy", "Require", "Warning", "Record-Route", "P-Asserted-Identity", "Retry-After",
            "RSeq", "RAck", "Reason", "Replaces", "Referred-By", "Reject-Contact", "Event",
            "Subscription-State", "Content-Disposition", "Date",
        ]),
        value in "[ -~\té]{0,40}",
    ) {
        if let Ok(request) = sip::parse_request(&crlf(&message_with(&format!("{name}: {value}")))) {
            touch(&request.head);
        }
    }
}

proptest! {
    #[test]
    fn a_replaces_comes_back_from_a_header_field_and_from_a_uri(
        call_id in "[a-zA-Z0-9.!%*_+`'~()<>:/\\[\\]?{}-]{1,20}(@[a-zA-Z0-9.!%*_+`'~()<>:/\\[\\]?{}-]{1,20})?",
        to_tag in "[a-zA-Z0-9.!%*_+`'~-]{1,20}",
        from_tag in "[a-zA-Z0-9.!%*_+`'~-]{1,20}",
        early_only: bool,
    ) {
        let replaces = Replaces { call_id: &call_id, to_tag: &to_tag, from_tag: &from_tag, early_only };
        let written = replaces.to_string();
        prop_assert_eq!(Replaces::read(&written), Some(replaces));
        // Escaped once, it is one header field of a URI, and the same when that is undone (CC-66).
        let uri = Uri::copy(&format!("sip:bob@example.com?Replaces={}", replaces.in_uri())).unwrap();
        let (name, value) = uri.headers().next().unwrap();
        prop_assert_eq!(name, "Replaces");
        prop_assert_eq!(unescaped(value), written);
    }
}

fn unescaped(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap();
        octets.push(match octet {
            b'%' => u8::try_from(digit() * 16 + digit()).unwrap(),
            octet => octet,
        });
    }
    String::from_utf8(octets).unwrap()
}
