//! Beside another parser: `sipx-sip` reads the same messages as the same, and its messages become ours and back.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use simple_im::wire::sip::{self, Arrived, Message, Stream};
use simple_im::{Flaw, Head, Request, Response, Status, Uri};
use sipx_sip::{
    Header, HeaderName, Limits, RequestBuilder, ResponseBuilder, StatusCode, StreamParser,
};

use super::golden::{ANSWER, INVITE, PAGER};
use super::{crlf, torture};

/// What both parsers tell of a message.
#[derive(Debug, PartialEq)]
struct Told {
    start: String,
    /// Names in small letters, long ones for compact ones; blanks between words made one.
    headers: Vec<(String, String)>,
    body: Bytes,
}

fn header(name: &[u8], value: &[u8]) -> (String, String) {
    let name = HeaderName::parse(&Bytes::copy_from_slice(name));
    let name = String::from_utf8_lossy(name.canonical()).to_ascii_lowercase();
    let value = String::from_utf8_lossy(value);
    (
        name,
        value.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
    )
}

fn ours(octets: &Bytes) -> Result<Told, Flaw> {
    let (start, head, body) = match sip::parse(octets)? {
        Message::Request(it) => (format!("{} {}", it.method_name(), it.uri), it.head, it.body),
        Message::Response(it) => (format!("{} {}", it.status, it.reason()), it.head, it.body),
    };
    let headers = head
        .headers()
        .map(|(name, value)| header(name.as_bytes(), value.as_bytes()));
    Ok(Told {
        start,
        headers: headers.collect(),
        body: body.whole().clone(),
    })
}

fn theirs(octets: &Bytes) -> Option<Told> {
    // They leave it to the transport to drop the line ends in front.
    let octets = octets.slice(sip::keep_alive(octets)..);
    let (start, headers, body) = match sipx_sip::parse_datagram(octets, &Limits::stream()).ok()? {
        sipx_sip::Message::Request(it) => {
            let method = String::from_utf8_lossy(it.method.as_bytes()).into_owned();
            let uri = String::from_utf8_lossy(&it.uri.to_bytes()).into_owned();
            (
                format!("{method} {uri}"),
                it.headers.clone(),
                it.body().clone(),
            )
        }
        sipx_sip::Message::Response(it) => {
            let reason = String::from_utf8_lossy(&it.reason).into_owned();
            (
                format!("{} {reason}", it.status),
                it.headers.clone(),
                it.body().clone(),
            )
        }
    };
    let headers = headers
        .iter()
        .map(|it| header(it.name().canonical(), &it.value()));
    Some(Told {
        start,
        headers: headers.collect(),
        body,
    })
}

/// What we read, they read, and as the same.
fn compare(what: &str, octets: &Bytes) -> Result<(), String> {
    match (ours(octets), theirs(octets)) {
        (Ok(ours), Some(theirs)) if ours != theirs => Err(format!("{what}: {ours:?}\n{theirs:?}")),
        (Ok(_), None) => Err(format!("{what}: we alone read it")),
        _ => Ok(()),
    }
}

#[test]
fn what_we_read_of_the_corpora_another_parser_reads_as_the_same() {
    let mut failures = Vec::new();
    let mut both = 0;
    for folder in [
        "sip-torture/msgs",
        "sip-torture-ipv6/msgs-fixed",
        "fuzz-seeds/sip",
        "fuzz-seeds/jain-torture/msg",
    ] {
        let Some(folder) = torture::corpus(folder) else {
            return;
        };
        for path in super::corpora::files(&folder) {
            let octets = super::corpora::mended(&std::fs::read(&path).unwrap());
            match compare(&path, &octets) {
                Ok(()) => both += usize::from(ours(&octets).is_ok()),
                Err(failure) => failures.push(failure),
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {both}\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(both > 800, "{both}");
}

proptest! {
    #[test]
    fn damaged_messages_are_read_as_the_same_or_by_them_alone(
        damage in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4u8), 1..5),
        which in select(vec![PAGER, INVITE, ANSWER]),
    ) {
        let mut octets = crlf(which).to_vec();
        for (place, octet, how) in damage {
            let at = place.index(octets.len());
            match how {
                0 => octets[at] = octet,
                1 => octets.insert(at, octet),
                2 => octets.insert(at, b" \t;,<>\"\\:%"[usize::from(octet % 10)]),
                _ => { octets.remove(at); }
            }
        }
        let octets = Bytes::from(octets);
        // They leave to a later step what we refuse at once; what we read must be theirs, too.
        if let (Ok(ours), Some(theirs)) = (ours(&octets), theirs(&octets)) {
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn streams_are_cut_where_another_parser_cuts_them(
        mut cuts in prop::collection::vec(0..3_000usize, 0..20),
        texts in prop::collection::vec(select(vec![PAGER, INVITE, ANSWER, "\n", "\n\n"]), 0..6),
    ) {
        let octets = crlf(&texts.concat());
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(octets.len()));
        cuts.sort_unstable();
        cuts.push(octets.len());
        let (mut stream, mut input, mut peer) = (Stream::new(65_536), BytesMut::new(), StreamParser::new(Limits::stream()));
        let (mut begin, mut ours, mut theirs, mut pings) = (0, Vec::new(), Vec::new(), 0);
        for end in cuts {
            input.extend_from_slice(&octets[begin..end]);
            while let Some(arrived) = stream.next(&mut input).unwrap() {
                match arrived {
                    Arrived::Message(message) => ours.push(self::ours(&message).unwrap().body),
                    _ => pings += 1,
                }
            }
            for message in peer.push(&octets[begin..end]).unwrap() {
                theirs.push(match message {
                    sipx_sip::Message::Request(it) => it.body().clone(),
                    sipx_sip::Message::Response(it) => it.body().clone(),
                });
            }
            begin = end;
        }
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(pings, peer.take_keepalives());
    }

    #[test]
    fn uris_are_equivalent_where_another_parser_says_so(
        texts in prop::collection::vec(
            "(sip|SIP|sips):(([aA]|%61|b|%62):?@)?([hH]|h\\.x)(:(5060|5061))?(;(transport=(tcp|TCP|udp)|lr|a=(1|2)|user=phone)){0,2}(\\?(s=t|s=T|u=v)){0,1}",
            2..5,
        ),
    ) {
        let uris: Vec<_> = texts.iter().filter_map(|text| {
            let theirs = sipx_sip::Uri::parse(Bytes::copy_from_slice(text.as_bytes())).ok()?;
            Some((Uri::copy(text).ok()?, theirs))
        }).collect();
        for (ours, theirs) in &uris {
            for (other, peer) in &uris {
                // With a parameter twice the RFC gives no answer.
                let is_twice = |uri: &Uri| uri.params().enumerate().any(|(n, (name, _))| uri.params().take(n).any(|(other, _)| other == name));
                if !is_twice(ours) && !is_twice(other) {
                    prop_assert_eq!(ours.equivalent(other), theirs.equivalent(peer), "{} {}", ours, other);
                }
            }
        }
    }
}

/// As a host does that runs that stack: its request becomes ours, and what we give back becomes its again.
fn adapted(theirs: &sipx_sip::Request) -> Result<Request, Flaw> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let headers: Vec<_> = theirs
        .headers
        .iter()
        .map(|it| (text(it.name().canonical()), text(&it.value())))
        .collect();
    let headers = headers.iter().map(|(name, value)| (&**name, &**value));
    let (method, uri) = (text(theirs.method.as_bytes()), text(&theirs.uri.to_bytes()));
    Request::build(&method, &uri, headers, theirs.body().clone())
}

fn given_back(ours: &Request) -> sipx_sip::Request {
    let octets = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let method = sipx_sip::Method::parse(&octets(ours.method_name()));
    let mut theirs = RequestBuilder::new(
        method,
        sipx_sip::Uri::parse(octets(ours.uri.as_str())).unwrap(),
    )
    .build();
    theirs.headers.remove_all(&HeaderName::ContentLength);
    for header in headers(&ours.head) {
        theirs.headers.push(header);
    }
    theirs.set_body(ours.body.whole().clone());
    theirs
}

fn headers(head: &Head) -> impl Iterator<Item = Header> {
    let octets = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    head.headers().map(move |(name, value)| {
        Header::build(HeaderName::parse(&octets(name)), octets(value)).unwrap()
    })
}

#[test]
fn messages_of_a_real_stack_become_ours_and_back_without_a_copy_of_the_body() {
    for text in [PAGER, INVITE] {
        let octets = crlf(text);
        let Ok(sipx_sip::Message::Request(theirs)) =
            sipx_sip::parse_datagram(octets.clone(), &Limits::datagram())
        else {
            panic!("{text}")
        };
        let ours = adapted(&theirs).unwrap();
        let read = sip::parse_request(&octets).unwrap();
        assert_eq!(
            (ours.method, &ours.uri, &ours.body),
            (read.method, &read.uri, &read.body)
        );
        assert!(ours.head.headers().eq(read.head.headers()));
        let back = given_back(&ours);
        let pairs = |headers: &sipx_sip::Headers| {
            headers
                .iter()
                .map(|it| header(it.name().canonical(), &it.value()))
                .collect::<Vec<_>>()
        };
        assert_eq!(pairs(&back.headers), pairs(&theirs.headers));
        let (mut first, mut again) = (Vec::new(), Vec::new());
        theirs.headers.write_to(&mut first);
        back.headers.write_to(&mut again);
        assert_eq!(again, first);
        for body in [ours.body.whole(), back.body()] {
            assert_eq!(body.as_ptr(), theirs.body().as_ptr(), "no copy");
        }
    }
    let octets = crlf(ANSWER);
    let Ok(sipx_sip::Message::Response(theirs)) =
        sipx_sip::parse_datagram(octets, &Limits::datagram())
    else {
        panic!("{ANSWER}")
    };
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let lines: Vec<_> = theirs
        .headers
        .iter()
        .map(|it| (text(it.name().canonical()), text(&it.value())))
        .collect();
    let lines = lines.iter().map(|(name, value)| (&**name, &**value));
    let ours = Response::build(Status(theirs.status.code()), lines, theirs.body().clone()).unwrap();
    let ours = ours.with_reason(&text(&theirs.reason)).unwrap();
    let mut back = ResponseBuilder::new(
        StatusCode::new(ours.status.0).unwrap(),
        ours.reason().to_owned(),
    )
    .unwrap()
    .build();
    back.headers.remove_all(&HeaderName::ContentLength);
    headers(&ours.head).for_each(|header| back.headers.push(header));
    back.set_body(ours.body.whole().clone());
    assert_eq!((back.status, &back.reason), (theirs.status, &theirs.reason));
    assert_eq!(back.body().as_ptr(), theirs.body().as_ptr(), "no copy");
}

#[test]
fn a_real_stacks_malformed_mandatory_field_never_becomes_a_request() {
    let text = PAGER.replace("CSeq: 1 MESSAGE", "CSeq: 1 BYE");
    let Ok(sipx_sip::Message::Request(theirs)) =
        sipx_sip::parse_datagram(crlf(&text), &Limits::datagram())
    else {
        panic!("it reads that")
    };
    let flaw = adapted(&theirs).unwrap_err();
    assert_eq!(
        (flaw.status, flaw.what),
        (
            Status(400),
            "CSeq names another method than the request line"
        )
    );
}
