//! Inputs of any size that would keep a careless reader busy, for every reader.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use simple_im::wire::mime::{OutPart, body, write_mixed};
use simple_im::wire::msrp::{Decoder, Piece};
use simple_im::wire::sip::{Stream, parse};
use simple_im::wire::{composing, conference, cpim, imdn, lists, sdp};
use simple_im::{Address, Limits, Uri};

/// One reader, and what it gets.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The largest input that is not refused for its size, a power of two.
    pub(crate) most: usize,
    /// About so many octets of it.
    pub(crate) input: fn(usize) -> Vec<u8>,
    /// Reads it, and tells how much was found.
    pub(crate) read: fn(&[u8]) -> usize,
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "sip: parameters of a header field",
        most: 1 << 15,
        input: |size| message(&around("Contact: <sip:a@h>", ";a=b", "", size), ""),
        read: sip,
    },
    Case {
        name: "sip: addresses of a header field",
        most: 1 << 15,
        input: |size| {
            message(
                &around("Record-Route: <sip:h;lr>", ",<sip:h;lr>", "", size),
                "",
            )
        },
        read: sip,
    },
    Case {
        name: "sip: folded lines",
        most: 1 << 15,
        input: |size| message(&around("Subject: x", "\r\n x", "", size), ""),
        read: sip,
    },
    Case {
        name: "sip: quoted pairs",
        most: 1 << 15,
        input: |size| message(&around("Contact: \"", "\\\"", "\" <sip:a@h>", size), ""),
        read: sip,
    },
    Case {
        name: "sip: one long line",
        most: 1 << 15,
        input: |size| message(&around("Subject: ", "x", "", size), ""),
        read: sip,
    },
    Case {
        name: "sip: commas",
        most: 1 << 15,
        input: |size| message(&around("Record-Route: <sip:h>", ",", "", size), ""),
        read: sip,
    },
    Case {
        name: "sip: header fields",
        most: 1 << 10,
        input: |size| message(&around("A: b", "\r\nA: b", "", size), ""),
        read: sip,
    },
    Case {
        name: "sip: vias",
        most: 1 << 15,
        input: |size| message(&around("v: SIP/2.0/UDP h", ", SIP/2.0/UDP h", "", size), ""),
        read: sip,
    },
    Case {
        name: "sip: parameters of the Request-URI",
        most: 1 << 12,
        input: |size| {
            let uri = around("MESSAGE sip:b@h", ";%61=b", " SIP/2.0", size);
            let rest = message(b"Subject: x", "");
            [
                &uri[..],
                rest.strip_prefix(b"MESSAGE sip:b@h SIP/2.0")
                    .expect("its start"),
            ]
            .concat()
        },
        read: sip,
    },
    Case {
        name: "sip: an escape in each octet of a name",
        most: 1 << 15,
        input: |size| message(&around("Contact: \"", "\\a", "\" <sip:a@h>", size), ""),
        read: sip,
    },
    Case {
        name: "sip: a stream, octet by octet",
        most: 1 << 15,
        input: |size| message(&around("Subject: ", "x\r\n ", "x", size), ""),
        read: stream,
    },
    Case {
        name: "sip: keep-alives",
        most: 1 << 15,
        input: |size| around("", "\r\n", "", size),
        read: stream,
    },
    Case {
        name: "uri: parameters",
        most: 1 << 12,
        input: |size| around("sip:a@h", ";a=%41", "", size),
        read: uri,
    },
    Case {
        name: "uri: parameters with names of their own",
        most: 1 << 12,
        input: |size| numbered("sip:a@h", size, |n| format!(";p{n}"), ""),
        read: uri,
    },
    Case {
        name: "uri: header fields",
        most: 1 << 12,
        input: |size| numbered("sip:a@h?", size, |n| format!("h{n}=v&"), "x=y"),
        read: uri,
    },
    Case {
        name: "msrp: near end-lines",
        most: 1 << 20,
        input: |size| {
            around(
                HEAD,
                "\r\n-------a786hjs3",
                "\r\n-------a786hjs2$\r\n",
                size,
            )
        },
        read: msrp,
    },
    Case {
        name: "msrp: dashes",
        most: 1 << 20,
        input: |size| around(HEAD, "-", "\r\n-------a786hjs2$\r\n", size),
        read: msrp,
    },
    Case {
        name: "msrp: many frames",
        most: 1 << 20,
        input: |size| around("", FRAME, "", size),
        read: msrp,
    },
    Case {
        name: "sdp: attributes",
        most: 1 << 13,
        input: |size| around(SDP, "a=x:y\r\n", "", size),
        read: description,
    },
    Case {
        name: "sdp: one long line",
        most: 1 << 15,
        input: |size| around(&format!("{SDP}a=accept-types:*"), " a/b", "\r\n", size),
        read: description,
    },
    Case {
        name: "mime: near delimiters",
        most: 1 << 20,
        input: |size| around("--b\r\n\r\n", "\r\n--bx", "\r\n--b--", size),
        read: |input| mime("multipart/mixed;boundary=b", input),
    },
    Case {
        name: "mime: a boundary that overlaps itself",
        most: 1 << 20,
        input: |size| around("-----\r\n\r\n", "-", "\r\n-------", size),
        read: |input| mime("multipart/mixed;boundary=---", input),
    },
    Case {
        name: "mime: blank lines",
        most: 1 << 20,
        input: |size| around("--b\r\nX: y\r\n", " \n", "\r\n--b--", size),
        read: |input| mime("multipart/mixed;boundary=b", input),
    },
    Case {
        name: "mime: parts within parts",
        most: 1 << 20,
        input: nested,
        read: |input| mime("multipart/mixed;boundary=b1", input),
    },
    Case {
        name: "mime: pieces of a file name",
        most: 1 << 18,
        input: |size| {
            let front = "Content-Type: a/b\r\nContent-Disposition: attachment";
            numbered(front, size, |n| format!(";filename*{n}=x"), "\r\n")
        },
        read: |input| {
            let body = body(Bytes::copy_from_slice(input), Bytes::from_static(b"x"));
            let part = &body.parts().expect("one part")[0];
            part.file_name().map_or(0, |name| name.len())
        },
    },
    Case {
        name: "mime: writing what is full of delimiters",
        most: 1 << 20,
        input: |size| numbered("", size, |n| format!("--b{n}"), ""),
        read: |input| {
            let lines = "Content-Type: text/plain\r\n";
            let part = OutPart {
                lines,
                content: input,
            };
            write_mixed(&mut BytesMut::new(), &[part]).body.len()
        },
    },
    Case {
        name: "cpim: header fields with spaces of their own",
        most: 1 << 10,
        input: |size| numbered("", size, |n| format!("NS: p{n} <u:{n}>\r\n"), CPIM_END),
        read: cpim,
    },
    Case {
        name: "cpim: escapes",
        most: 1 << 12,
        input: |size| around("Subject: ", "\\u0041", &format!("\r\n{CPIM_END}"), size),
        read: cpim,
    },
    Case {
        name: "lists: entries",
        most: 1 << 14,
        input: |size| {
            let entry = |n| format!("<entry uri='sip:{n}@h'/>");
            numbered(&list(), size, entry, "</list></resource-lists>")
        },
        read: listed,
    },
    Case {
        name: "lists: attributes and what looks like them",
        most: 1 << 17,
        input: |size| {
            around(
                &format!("{}<!--", list()),
                "<a xmlns='",
                &list_end("-->"),
                size,
            )
        },
        read: listed,
    },
    Case {
        name: "lists: text in pieces",
        most: 1 << 17,
        input: |size| {
            let front = format!("{}<display-name>", list());
            around(
                &front,
                "x<![CDATA[y]]>&amp;",
                &list_end("</display-name>"),
                size,
            )
        },
        read: listed,
    },
    Case {
        name: "lists: comments",
        most: 1 << 17,
        input: |size| around(&list(), "<!---->x", &list_end(""), size),
        read: listed,
    },
    Case {
        name: "conference: users",
        most: 1 << 17,
        input: |size| {
            let user = |n| format!("<user entity='{n}'><endpoint entity='x'/></user>");
            numbered(
                &conference("full", "<users>"),
                size,
                user,
                "</users></conference-info>",
            )
        },
        read: told,
    },
    Case {
        name: "conference: sidebars within sidebars",
        most: 1 << 17,
        input: |size| {
            let entry = "<sidebars-by-val><entry entity='s'>";
            let (deep, end) = (entry.repeat(6), "</entry></sidebars-by-val>".repeat(6));
            let front = format!("{deep}<users>");
            let user = |n| format!("<user entity='{n}'/>");
            let back = format!("</users>{end}</conference-info>");
            numbered(&conference("full", &front), size, user, &back)
        },
        read: told,
    },
    Case {
        name: "notices: elements that nobody knows",
        most: 1 << 13,
        input: |size| {
            let front = "<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>1</message-id>\
                <datetime>2</datetime>";
            around(front, "<x>y</x>", "</imdn>", size)
        },
        read: notice,
    },
    Case {
        name: "notices: blanks",
        most: 1 << 13,
        input: |size| {
            let front = "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>";
            around(front, " ", "idle</state></isComposing>", size)
        },
        read: notice,
    },
];

/// `middle` over and over, up to a size.
fn around(front: &str, middle: &str, back: &str, size: usize) -> Vec<u8> {
    let mut out = front.as_bytes().to_vec();
    while out.len() + middle.len() + back.len() <= size {
        out.extend_from_slice(middle.as_bytes());
    }
    out.extend_from_slice(back.as_bytes());
    out
}

fn numbered(front: &str, size: usize, middle: impl Fn(usize) -> String, back: &str) -> Vec<u8> {
    let mut out = front.as_bytes().to_vec();
    for number in 0.. {
        let middle = middle(number);
        if out.len() + middle.len() + back.len() > size {
            break;
        }
        out.extend_from_slice(middle.as_bytes());
    }
    out.extend_from_slice(back.as_bytes());
    out
}

fn message(line: &[u8], content: &str) -> Vec<u8> {
    let front = "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n\
        Max-Forwards: 70\r\n";
    let end = format!("\r\nContent-Length: {}\r\n\r\n{content}", content.len());
    [front.as_bytes(), line, end.as_bytes()].concat()
}

fn sip(input: &[u8]) -> usize {
    match parse(&Bytes::copy_from_slice(input)) {
        Ok(simple_im::wire::sip::Message::Request(request)) => {
            let head = &request.head;
            let routes = head.record_routes().count();
            let feature = head
                .contact()
                .is_some_and(|contact| contact.feature("isfocus"));
            let address = head.header("Contact").and_then(Address::read);
            let name = head
                .contact()
                .map_or(0, |contact| contact.display_name().len());
            1 + routes
                + head.vias().count()
                + name
                + usize::from(feature)
                + usize::from(address.is_some())
        }
        _ => 0,
    }
}

/// As from the slowest of peers.
fn stream(input: &[u8]) -> usize {
    let (mut stream, mut buffer, mut found) = (Stream::new(1 << 17), BytesMut::new(), 0);
    for octet in input {
        buffer.extend_from_slice(&[*octet]);
        while stream.next(&mut buffer).expect("a message").is_some() {
            found += 1;
        }
    }
    found
}

fn uri(input: &[u8]) -> usize {
    let text = core::str::from_utf8(input).expect("text");
    let uri = Uri::copy(text).expect("a URI");
    let other = Uri::copy(text).expect("a URI");
    let same = uri.equivalent(&other) && uri.fingerprint() == other.fingerprint();
    assert!(same);
    uri.params().count() + uri.headers().count() + uri.bare().as_str().len()
}

const HEAD: &str = "MSRP a786hjs2 SEND\r\nTo-Path: msrp://a.example.com:2855/a;tcp\r\n\
    From-Path: msrp://b.example.com:2855/b;tcp\r\nMessage-ID: 1\r\nByte-Range: 1-*/*\r\n\
    Content-Type: text/plain\r\n\r\n";

const FRAME: &str = "MSRP a786hjs2 200 OK\r\nTo-Path: msrp://a.example.com:2855/a;tcp\r\n\
    From-Path: msrp://b.example.com:2855/b;tcp\r\n-------a786hjs2$\r\n";

/// Sixty-four octets at a time, as from a slow peer.
fn msrp(input: &[u8]) -> usize {
    let (mut decoder, mut buffer, mut found) = (Decoder::default(), BytesMut::new(), 0);
    for piece in input.chunks(64) {
        buffer.extend_from_slice(piece);
        while let Some(piece) = decoder.next(&mut buffer).expect("well-formed frames") {
            found += match piece {
                Piece::Octets(octets) => octets.len(),
                _ => 1,
            };
        }
    }
    found
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 h\r\nt=0 0\r\n\
    m=message 2855 TCP/MSRP *\r\na=path:msrp://a.example.com:2855/a;tcp\r\n";

fn description(input: &[u8]) -> usize {
    let description = sdp::parse(&Bytes::copy_from_slice(input)).expect("a description");
    description.media().len()
}

fn mime(kind: &str, input: &[u8]) -> usize {
    let lines = format!("Content-Type: {kind}\r\n");
    let body = body(lines.into(), Bytes::copy_from_slice(input));
    match body.tree() {
        Ok(tree) => tree.leaves().map(|part| part.content().len() + 1).sum(),
        Err(_) => 0,
    }
}

/// As deep as parts may be.
fn nested(size: usize) -> Vec<u8> {
    let mut inner = vec![b'x'; size.saturating_sub(400)];
    let mut kind = "text/plain".to_string();
    for level in (1..=8).rev() {
        let front = format!("--b{level}\r\nContent-Type: {kind}\r\n\r\n");
        let back = format!("\r\n--b{level}--");
        inner = [front.as_bytes(), &inner, back.as_bytes()].concat();
        kind = format!("multipart/mixed;boundary=b{level}");
    }
    inner
}

const CPIM_END: &str = "\r\nContent-Type: text/plain\r\n\r\n";

fn cpim(input: &[u8]) -> usize {
    let message = cpim::parse(Bytes::copy_from_slice(input), &Limits::default());
    let message = message.expect("a message");
    message.headers().map(|header| header.text().len()).sum()
}

fn list() -> String {
    "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>".into()
}

fn list_end(before: &str) -> String {
    format!("{before}</list></resource-lists>")
}

fn listed(input: &[u8]) -> usize {
    let list = lists::parse(input, &Limits::default()).expect("a list");
    1 + list.entries.len()
}

fn conference(state: &str, inner: &str) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='c' state='{state}' \
         version='1'>{inner}"
    )
}

fn told(input: &[u8]) -> usize {
    let limits = Limits::default();
    let news = conference::parse(input, &limits).expect("a document");
    let mut conference = conference::Conference::new();
    let merged = conference.apply(news.clone(), &limits);
    assert_eq!(merged, conference::Merged::Applied);
    let mut out = BytesMut::new();
    conference::write(&mut out, &news);
    out.len()
}

fn notice(input: &[u8]) -> usize {
    let limits = Limits::default();
    let imdn = imdn::parse(input, &limits).is_ok();
    let composing = composing::parse(input, &limits).is_ok();
    assert!(imdn || composing);
    black_box(1)
}
