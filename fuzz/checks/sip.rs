//! What holds for any octets that are taken for a SIP message.

use bytes::{Bytes, BytesMut};
use simple_im::wire::mime::{OutPart, body, write_mixed};
use simple_im::wire::sip::{
    Arrived, MAX_FIELDS, Message, Stream, frame, keep_alive, parse, parse_request, parse_response,
    write, write_refusal, write_request, write_response,
};
use simple_im::{
    Address, Body, ClientTxn, Head, Limits, Method, Outgoing, Profile, Reply, Request, Response,
    Status, Tag, Uri,
};

/// Reads `data` as a datagram and as a stream, asks everything, writes it again and reads that.
pub fn check(data: &[u8]) {
    stream(data);
    pieces(data);
    let input = Bytes::copy_from_slice(data);
    let parsed = parse(&input);
    if let Ok(message) = &parsed {
        written(message);
    }
    match parsed {
        Ok(Message::Request(request)) => {
            ask(&request.head, &request.body);
            uri(request.uri.as_str());
            rebuilt(&request);
            relayed(&request);
            answered(&request.head);
        }
        Ok(Message::Response(response)) => {
            ask(&response.head, &response.body);
            let headers = response.head.headers();
            let again = Response::build(response.status, headers, response.body.whole().clone());
            let again = again.expect("its own pieces");
            let again = again
                .with_reason(response.reason())
                .expect("its own phrase");
            assert_eq!(
                (again.status, again.reason()),
                (response.status, response.reason())
            );
            same(&response.head, &again.head);
        }
        Err(flaw) => {
            assert!(flaw.at <= data.len(), "{flaw} lies outside");
            assert!((400..700).contains(&flaw.status.0), "{flaw:?}");
            write_refusal(&mut BytesMut::new(), data, &flaw, Tag(1));
        }
    }
}

/// A frame ends where it ends, however much has arrived behind it, and never before.
fn stream(data: &[u8]) {
    const LIMIT: usize = 65_536;
    let Ok(Some(end)) = frame(data, LIMIT) else {
        return;
    };
    let whole = data.get(..end).expect("a frame lies in what has arrived");
    assert_eq!(frame(whole, LIMIT), Ok(Some(end)));
    assert_eq!(frame(&whole[..end - 1], LIMIT), Ok(None));
}

/// What a stream brings does not depend on the pieces in which it comes, and is what frames find.
fn pieces(data: &[u8]) {
    const LIMIT: usize = 65_536;
    let arrives = |size: usize| {
        let (mut stream, mut input) = (Stream::new(LIMIT), BytesMut::new());
        let (mut pings, mut messages) = (0, Vec::new());
        for piece in data.chunks(size) {
            input.extend_from_slice(piece);
            loop {
                match stream.next(&mut input) {
                    Ok(Some(Arrived::Message(message))) => messages.push(message),
                    Ok(Some(_)) => pings += 1,
                    Ok(None) => break,
                    Err(flaw) => return (pings, messages, Some((flaw.what, flaw.status))),
                }
            }
        }
        (pings, messages, None)
    };
    let whole = arrives(data.len().max(1));
    assert_eq!(arrives(7), whole);
    assert_eq!(arrives(1), whole);
    let mut rest = data;
    for message in &whole.1 {
        let end = frame(rest, LIMIT).expect("a message").expect("all of it");
        assert_eq!(&rest[keep_alive(rest)..end], message);
        rest = &rest[end..];
    }
}

/// What is written of a message is the same message; only a length may be new.
fn written(message: &Message) {
    let mut out = BytesMut::new();
    write(&mut out, message);
    let octets = out.freeze();
    let again = parse(&octets).expect("we wrote it");
    let head = match message {
        Message::Request(request) => &request.head,
        Message::Response(response) => &response.head,
    };
    if head.header("Content-Length").is_some() {
        assert_eq!(&again, message);
    }
    let mut twice = BytesMut::new();
    write(&mut twice, &again);
    assert_eq!(twice, octets);
    assert_eq!(frame(&octets, usize::MAX), Ok(Some(octets.len())));
}

fn ask(head: &Head, body: &Body) {
    assert!(head.headers().count() <= MAX_FIELDS);
    views(head);
    for address in [head.from(), head.to()].into_iter().chain(head.contact()) {
        assert_eq!(Address::read(&address.to_string()), Some(address));
        let _ = (address.display_name(), address.features().count());
        let _ = (address.tag(), address.feature("isfocus"));
        uri(address.uri);
    }
    let _ = (head.is_focus(), head.retry_after(), head.warned(127, "not"));
    let _ = (head.record_routes().rev().count(), head.warnings().count());
    let _ = (head.asserted().count(), head.unsupported().count());
    let _ = head.unsupported_by(&["timer"]).count();
    assert!(head.unknown_required().all(|tag| !tag.is_empty()));

    let limits = Limits::default();
    let _ = (body.content_type(), body.description_part());
    let _ = body.recipient_list_part(&Profile::default());
    let parts = body.parts().unwrap_or_default();
    for part in parts {
        let _ = (part.disposition(), part.content_id());
        let _ = (part.handling_optional(), part.mime_lines().count());
        if let Ok(list) = part.recipient_list(&limits) {
            assert!(list.entries.len() <= limits.list_entries);
        }
        let _ = part.sdp();
    }
    if parts.len() > 1 {
        mixed(parts);
    }
}

/// What is read on demand agrees with what is noted, and with the lines.
fn views(head: &Head) {
    assert_eq!(head.from_tag(), head.from().tag());
    assert_eq!(head.to_tag(), head.to().tag());
    for name in [
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Route",
        "Supported",
    ] {
        let by_search = head.headers().filter(|(found, _)| {
            let compact = match name {
                "Via" => "v",
                "From" => "f",
                "To" => "t",
                "Call-ID" => "i",
                "Contact" => "m",
                "Supported" => "k",
                other => other,
            };
            found.eq_ignore_ascii_case(name) || found.eq_ignore_ascii_case(compact)
        });
        assert!(head.fields(name).eq(by_search.map(|(_, value)| value)));
    }
    for via in head.vias() {
        assert!(!via.transport.is_empty() && !via.host.is_empty());
        let _ = (
            via.branch(),
            via.received(),
            via.rport(),
            via.maddr(),
            via.ttl(),
        );
    }
    let _ = (
        head.rseq(),
        head.rack(),
        head.reasons().count(),
        head.date(),
    );
    if let Ok(Some(replaces)) = head.replaces() {
        let text = replaces.to_string();
        let again = simple_im::wire::sip::Replaces::read(&text);
        assert_eq!(again, Some(replaces));
    }
    let _ = (head.referred_by(), head.privacy_values().count());
    for predicate in head.accept_contacts().chain(head.reject_contacts()) {
        let _ = (predicate.is_required(), predicate.is_explicit());
        let _ = predicate.features().flat_map(|it| it.values()).count();
    }
    let _ = (head.event(), head.subscription_state(), head.retry());
    let _ = (head.disposition(), head.expires(), head.preferred().count());
    let _ = head.request_dispositions().count();
}

/// Parts that are joined and split again are the same parts.
fn mixed(parts: &[simple_im::Part]) {
    let out: Vec<_> = parts
        .iter()
        .map(|part| OutPart {
            lines: core::str::from_utf8(part.lines()).unwrap_or_default(),
            content: part.content(),
        })
        .collect();
    let mixed = write_mixed(&mut BytesMut::new(), &out);
    let kind = core::str::from_utf8(&mixed.content_type).expect("we wrote it");
    let again = body(format!("Content-Type: {kind}\r\n").into(), mixed.body);
    let again = again.parts().expect("we wrote it");
    assert!(
        again
            .iter()
            .map(|part| (part.lines(), part.content()))
            .eq(parts.iter().map(|part| (part.lines(), part.content()))),
        "{again:?}\n{parts:?}"
    );
}

fn uri(text: &str) {
    let Ok(uri) = Uri::copy(text) else { return };
    assert!(uri.equivalent(&uri), "{uri}");
    let bare = uri.bare();
    assert_eq!(bare, bare.bare());
    let _ = (uri.scheme(), uri.user(), uri.host(), uri.port());
    let _ = (uri.params().count(), uri.headers().count());
    let _ = (uri.session_param(), uri.fingerprint());
}

/// What a host builds from the pieces is what was read.
fn rebuilt(request: &Request) {
    let again = Request::build(
        request.method_name(),
        request.uri.as_str(),
        request.head.headers(),
        request.body.whole().clone(),
    );
    let again = again.expect("its own pieces");
    same(&request.head, &again.head);
    assert_eq!(request.uri, again.uri);
}

/// What we write as a request is what was read.
fn relayed(request: &Request) {
    if request.method == Method::Other {
        return;
    }
    let left = |name: &str| {
        ["Via", "v", "CSeq", "Content-Length", "l"]
            .iter()
            .any(|written| written.eq_ignore_ascii_case(name))
    };
    let mut lines = String::new();
    for (name, value) in request.head.headers().filter(|(name, _)| !left(name)) {
        lines += &format!("{name}: {value}\r\n");
    }
    let outgoing = Outgoing {
        method: request.method,
        txn: ClientTxn(0),
        cseq: request.head.cseq(),
        fresh: None,
        target: request.uri.clone(),
        head: lines.into(),
        body: request.body.whole().clone(),
    };
    let mut out = BytesMut::new();
    write_request(
        &mut out,
        &outgoing,
        "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n",
    );
    let again = parse_request(&out.freeze()).expect("we wrote it");
    same(&request.head, &again.head);
    assert_eq!(request.body.whole(), again.body.whole());
}

/// What we answer can be read, and names the same request.
fn answered(head: &Head) {
    let reply = Reply {
        status: Status(200),
        tag: Some(Tag(1)),
        head: Bytes::new(),
        body: Bytes::new(),
    };
    let mut out = BytesMut::new();
    write_response(&mut out, &reply, head);
    let again = parse_response(&out.freeze()).expect("we wrote it").head;
    assert_eq!(again.call_id(), head.call_id());
    assert_eq!(again.cseq(), head.cseq());
    assert_eq!(again.from(), head.from());
    assert_eq!(again.to().uri, head.to().uri);
    assert!(again.to().tag().is_some());
}

fn same(a: &Head, b: &Head) {
    assert_eq!((a.from(), a.to()), (b.from(), b.to()));
    assert_eq!((a.call_id(), a.cseq()), (b.call_id(), b.cseq()));
    assert_eq!((a.contact(), a.allow()), (b.contact(), b.allow()));
    assert_eq!(a.session_expires(), b.session_expires());
    assert_eq!((a.min_se(), a.privacy()), (b.min_se(), b.privacy()));
    assert_eq!((a.supported(), a.required()), (b.supported(), b.required()));
    assert_eq!(a.preference(), b.preference());
    assert_eq!(a.max_forwards(), b.max_forwards());
}
