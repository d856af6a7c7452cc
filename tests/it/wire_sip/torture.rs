//! RFC 4475 and RFC 5118, by the manifests of the corpora: each message is read, or refused for the reason that the RFC
//! gives.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use simple_im::wire::sip::{self, Message};
use simple_im::{Flaw, Head, Method, Request, Uri};

use super::random::{comes_back, touch};

/// A message that is refused: its status, why, and what stands there. Whatever is not here is read.
type Refusal = (&'static str, u16, &'static str, &'static str);

const REFUSED: [Refusal; 25] = [
    // §3.1.2: syntax.
    ("badinv01", 400, "Via is malformed", ";;,;,,\r\n"),
    (
        "clerr",
        400,
        "Content-Length is larger than the body",
        "9999",
    ),
    ("ncl", 400, "Content-Length is no number", "-999"),
    (
        "scalar02",
        400,
        "CSeq has no number below 2^31",
        "36893488147419103232",
    ),
    (
        "scalarlg",
        400,
        "CSeq has no number below 2^31",
        "9292394834772304023312",
    ),
    (
        "quotbal",
        400,
        "quoted string has no end",
        "\"Mr. J. User <sip",
    ),
    (
        "ltgtruri",
        400,
        "Request-URI is in angle brackets",
        "<sip:user",
    ),
    (
        "lwsruri",
        400,
        "character not allowed in a URI parameter",
        " lr SIP/2.0",
    ),
    (
        "lwsstart",
        400,
        "more than one blank between method and Request-URI",
        " sip:user",
    ),
    ("trws", 400, "request line ends with a blank", "\r\nVia"),
    ("escruri", 400, "Request-URI has header fields", "?Route="),
    (
        "regbadct",
        400,
        "URI with header fields is not in angle brackets",
        "?Route=",
    ),
    ("badaspec", 400, "blank in a URI", " sip:t.watson"),
    (
        "baddn",
        400,
        "display name is neither tokens nor a quoted string",
        ", Alexander",
    ),
    ("badvers", 505, "version is not SIP/2.0", "SIP/7.0"),
    (
        "mismatch01",
        400,
        "CSeq names another method than the request line",
        "8 INVITE",
    ),
    (
        "mismatch02",
        501,
        "CSeq names another method than the request line",
        "8 INVITE",
    ),
    (
        "bigcode",
        400,
        "status code is not from 100 to 699",
        "4294967301",
    ),
    // §3.3: what the roles would refuse is refused at the boundary where it can never become an event.
    ("insuf", 400, "no From", "CSeq: 193942"),
    (
        "unkscm",
        416,
        "URI has an unknown scheme",
        "nobodyKnowsThisScheme:",
    ),
    ("novelsc", 416, "URI has an unknown scheme", "soap.beep:"),
    ("multi01", 400, "header field is repeated", "59 INVITE"),
    ("mcl01", 400, "header field is repeated", "5\r\n"),
    // The archive has it, the RFC does not.
    (
        "test",
        400,
        "request line has no version",
        "sip:alan@jasomi.com\r\n",
    ),
    // RFC 5118 §4.2.
    (
        "ipv6-bad",
        400,
        "IPv6 address without brackets",
        "2001:db8::10 SIP",
    ),
];

/// What its manifest leaves to the layer above, and the codec decides: a message of an unknown scheme never becomes an event.
const EARLIER: [&str; 2] = ["unkscm", "novelsc"];

/// The folder of a corpus, or `None` if the test is to be skipped.
pub(crate) fn corpus(name: &str) -> Option<PathBuf> {
    let root = std::env::var("SIMPLE_IM_CORPORA").unwrap_or("../shared/corpora".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root).join(name);
    if root.exists() {
        return Some(root);
    }
    let required = std::env::var("SIMPLE_IM_REQUIRE_CORPORA").is_ok_and(|value| value == "1");
    assert!(!required, "{} is missing", root.display());
    eprintln!("skipped: {} is missing", root.display());
    None
}

fn messages(folder: &Path) -> Vec<(Value, Bytes)> {
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let read = |entry: &Value| {
        let octets = std::fs::read(folder.join(entry["file"].as_str().unwrap())).unwrap();
        (entry.clone(), Bytes::from(octets))
    };
    manifest["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(read)
        .collect()
}

/// The manifest's verdict, then ours.
fn judge(entry: &Value, octets: &Bytes, parsed: &Result<Message, Flaw>) -> Result<(), String> {
    let id = entry["id"].as_str().unwrap();
    let wanted = REFUSED.iter().find(|(refused, ..)| *refused == id);
    let statuses: Vec<_> = entry["uas_response"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let (expected, earlier) = (entry["parse"].as_str().unwrap(), EARLIER.contains(&id));
    let flaw = match (parsed, wanted) {
        (Ok(_), None) if expected != "must_reject" => return Ok(()),
        (Err(flaw), Some(_)) if expected != "must_accept" || earlier => flaw,
        _ => return Err(format!("{id}: {expected}, and is {parsed:?}")),
    };
    let (_, status, what, there) = wanted.unwrap();
    let fits = statuses.is_empty() || statuses.iter().any(|fits| **fits == flaw.status.0);
    let same = (flaw.status.0, flaw.what) == (*status, *what);
    let is_there = octets[flaw.at..].starts_with(there.as_bytes());
    match fits && same && is_there {
        true => Ok(()),
        false => Err(format!("{id}: {flaw:?}, {statuses:?}")),
    }
}

fn check(folder: &str) -> usize {
    let Some(folder) = corpus(folder) else {
        return 0;
    };
    let mut failures = Vec::new();
    let mut refused = 0;
    for (entry, octets) in messages(&folder) {
        let parsed = sip::parse(&octets);
        failures.extend(judge(&entry, &octets, &parsed).err());
        refused += usize::from(parsed.is_err());
        if let Ok(message) = &parsed {
            comes_back(message);
            touch(head_of(message));
            compare(&entry, message, &mut failures);
        }
        for end in 0..octets.len() {
            let cut = octets.slice(..end);
            if let Err(flaw) = sip::parse(&cut) {
                assert!(flaw.at <= end, "{flaw}");
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    refused
}

fn head_of(message: &Message) -> &Head {
    match message {
        Message::Request(request) => &request.head,
        Message::Response(response) => &response.head,
    }
}

/// What a naive splitter saw is what we see.
fn compare(entry: &Value, message: &Message, failures: &mut Vec<String>) {
    let (id, facts) = (&entry["id"], &entry["facts"]);
    let head = head_of(message);
    let mut same = |what: &str, seen: Value| {
        if !facts[what].is_null() && facts[what] != seen {
            failures.push(format!("{id}: {what} is {seen}, not {}", facts[what]));
        }
    };
    let body = match message {
        Message::Request(request) => {
            same("kind", "request".into());
            same("request_uri", request.uri.as_str().into());
            same("method", request.method_name().into());
            &request.body
        }
        Message::Response(response) => {
            same("kind", "response".into());
            same("status", response.status.0.into());
            let octets = response.reason().bytes();
            let hex: String = octets.map(|octet| format!("{octet:02x}")).collect();
            same("reason_octets_hex", hex.into());
            &response.body
        }
    };
    same("header_lines", head.headers().count().into());
    same("via_values", head.vias().count().into());
    same("contact_values", head.values("Contact").count().into());
    same("call_id", head.call_id().into());
    same("body_octets_delivered", body.whole().len().into());
    let lengths: Vec<_> = head.fields("Content-Length").collect();
    same("content_length_values", lengths.into());
    let method = head
        .header("CSeq")
        .and_then(|cseq| cseq.split_whitespace().nth(1));
    same("cseq_method", method.into());
    let transport = head.vias().next().map(|via| via.transport);
    same("top_via_transport", transport.into());
    let number = facts["cseq_number_text"]
        .as_str()
        .and_then(|text| text.parse().ok());
    assert_eq!(number, Some(head.cseq()), "{id}");
}

#[test]
fn rfc_4475_torture_messages_are_read_or_refused_for_the_reason_that_it_gives() {
    let refused = check("sip-torture");
    assert!(refused == 0 || refused == 24);
}

#[test]
fn rfc_5118_ipv6_messages_are_read_or_refused_for_the_reason_that_it_gives() {
    let refused = check("sip-torture-ipv6");
    assert!(refused == 0 || refused == 1);
}

fn head(id: &str) -> Option<Head> {
    let folder = corpus("sip-torture")?;
    let octets = std::fs::read(folder.join(format!("msgs/{id}.dat"))).unwrap();
    Some(head_of(&sip::parse(&Bytes::from(octets)).unwrap()).clone())
}

fn request(id: &str) -> Option<Request> {
    let (folder, file) = match id.strip_prefix("ipv6/") {
        Some(id) => ("sip-torture-ipv6", format!("msgs-fixed/{id}.dat")),
        None => ("sip-torture", format!("msgs/{id}.dat")),
    };
    let octets = std::fs::read(corpus(folder)?.join(file)).unwrap();
    Some(sip::parse_request(&Bytes::from(octets)).unwrap())
}

#[test]
fn the_short_tortuous_invite_is_understood() {
    let Some(head) = head("wsinv") else { return };
    assert_eq!(head.to().uri, "sip:vivekg@chair-dnrc.example.com");
    assert_eq!(head.to_tag(), Some("1918181833n"));
    assert_eq!(head.from().uri, "sip:jdrosen@example.com");
    assert_eq!(head.from().display_name(), "J Rosenberg \\\"");
    assert_eq!(head.from_tag(), Some("98asjd8"));
    assert_eq!((head.cseq(), head.max_forwards()), (9, Some(68)));
    assert_eq!(head.header("Subject"), Some(""));
    assert_eq!(
        head.header("NewFangledHeader"),
        Some("newfangled value continued newfangled value")
    );
    let unusual = ";;,,;;,;";
    assert_eq!(head.header("UnknownHeaderWithUnusualValue"), Some(unusual));
    let vias: Vec<_> = head.vias().map(|via| (via.transport, via.host)).collect();
    let hosts = ["192.0.2.2", "spindle.example.com", "192.168.255.111"];
    assert_eq!(
        vias,
        [("UDP", hosts[0]), ("TCP", hosts[1]), ("UDP", hosts[2])]
    );
    assert_eq!(head.vias().next().unwrap().branch(), Some("390skdjuw"));
    assert_eq!(head.routes("Route").count(), 1);
    let contact = head.contact().unwrap();
    assert_eq!(contact.uri, "sip:jdrosen@example.com");
    assert_eq!(contact.display_name(), "Quoted string \"\"");
    assert_eq!(contact.param("newparam"), Some(Some("newvalue")));
    assert_eq!(contact.param("secondparam"), Some(None));
    assert_eq!(contact.param("q"), Some(Some("0.33")));
}

#[test]
fn the_widest_range_of_characters_is_kept() {
    let Some(odd) = request("intmeth") else {
        return;
    };
    assert_eq!(odd.method, Method::Other);
    assert_eq!(
        odd.method_name(),
        "!interesting-Method0123456789_*+`.%indeed'~"
    );
    assert_eq!(odd.uri.host(), "example.com");
    assert_eq!(odd.head.to().display_name(), "BEL:\x07 NUL:\0 DEL:\x7F");
    assert_eq!(
        odd.head.from().display_name(),
        "token1~` token2'+_ token3*%!.-"
    );
    assert_eq!(
        odd.head.from().param("fromParam''~+*_!.-%"),
        Some(Some("работающий"))
    );
    assert_eq!(odd.head.from_tag(), Some("_token~1'+`*%!-."));
    let extension = odd.head.header("extensionHeader-!.%*+_`'~");
    assert_eq!(extension, Some("\u{feff}大停電"));
}

#[test]
fn percent_is_an_escape_in_uris_and_nowhere_else() {
    let Some(escaped) = request("esc01") else {
        return;
    };
    assert_eq!(escaped.uri.host(), "example.net");
    let decoded = |text: &str| String::from_utf8(sip_unescape(text)).unwrap();
    assert_eq!(
        decoded(escaped.uri.user().unwrap()),
        "sips:user@example.com"
    );
    let user = Uri::copy(escaped.head.to().uri).unwrap();
    assert!(user.equivalent(&Uri::copy("sip:user@example.com").unwrap()));
    let contact = Uri::copy(escaped.head.contact().unwrap().uri).unwrap();
    assert_eq!(contact.param("lr"), Some(None));
    assert_eq!(
        decoded(contact.param("name").flatten().unwrap()),
        "value%41"
    );

    let plain = request("esc02").unwrap();
    assert_eq!(
        (plain.method, plain.method_name()),
        (Method::Other, "RE%47IST%45R")
    );
    assert_eq!(plain.head.values("Contact").count(), 2);
    assert_eq!(plain.head.to().display_name(), "%Z%45");

    let nulls = request("escnull").unwrap();
    let contacts: Vec<_> = nulls
        .head
        .values("Contact")
        .map(|it| Uri::copy(simple_im::Address::read(it).unwrap().uri).unwrap())
        .collect();
    assert!(!contacts[0].equivalent(&contacts[1]));
}

fn sip_unescape(text: &str) -> Vec<u8> {
    simple_im::wire::uri::unescape(text).collect()
}

#[test]
fn trailing_octets_are_nobodys_on_a_datagram_and_a_message_on_a_stream() {
    let Some(double) = request("dblreq") else {
        return;
    };
    assert!(double.body.is_empty());
    let folder = corpus("sip-torture").unwrap();
    let octets = Bytes::from(std::fs::read(folder.join("msgs/dblreq.dat")).unwrap());
    let first = sip::frame(&octets, 65_536).unwrap().unwrap();
    let second = sip::parse_request(&octets.slice(first..)).unwrap();
    assert_eq!(
        (double.method, second.method),
        (Method::Register, Method::Invite)
    );
}

#[test]
fn separators_in_the_user_part_separate_nothing() {
    let Some(odd) = request("semiuri") else {
        return;
    };
    assert_eq!(odd.uri.user(), Some("user;par=u%40example.net"));
    assert_eq!(
        (odd.uri.host(), odd.uri.params().count()),
        ("example.com", 0)
    );
    let caller = head("lwsdisp").unwrap();
    assert_eq!(
        (caller.from().name, caller.from().uri),
        ("caller", "sip:caller@example.com")
    );
    let transports = head("transports").unwrap();
    let named: Vec<_> = transports.vias().map(|via| via.transport).collect();
    assert_eq!(named, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn bodies_are_handed_over_whole() {
    let Some(signed) = request("mpart01") else {
        return;
    };
    let parts = signed.body.parts().unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!(
        (parts[0].content_type(), &parts[0].content()[..]),
        ("text/plain", &b"Hello"[..])
    );
    assert_eq!(parts[1].content_type(), "application/octet-stream");
    assert_eq!(signed.head.date(), Some(1_129_351_496));
    // RFC 2543: the rest of the datagram, a From without tag, no branch.
    let old = request("inv2543").unwrap();
    assert_eq!(old.body.whole().len(), 105);
    assert_eq!((old.head.from_tag(), old.head.max_forwards()), (None, None));
    assert_eq!(old.head.vias().next().unwrap().branch(), None);
}

#[test]
fn what_is_refused_by_the_roles_is_told_to_them() {
    let Some(extensions) = head("bext01") else {
        return;
    };
    let unknown: Vec<_> = extensions.unknown_required().collect();
    assert_eq!(
        unknown,
        ["nothingSupportsThis", "nothingSupportsThisEither"]
    );
    let zero = head("zeromf").unwrap();
    assert_eq!(zero.max_forwards(), Some(0));
    let accept = head("sdp01").unwrap();
    assert!(accept.values("Accept").eq(["text/nobodyKnowsThis"]));
    let strange = request("invut").unwrap();
    assert_eq!(strange.body.content_type(), "application/unknownformat");
    let schemes = head("unksm2").unwrap();
    assert_eq!(
        (schemes.to().uri, schemes.contact().unwrap().uri),
        ("isbn:2983792873", "name:John_Smith")
    );
    let broadcast = head("bcast").unwrap();
    assert_eq!(broadcast.vias().count(), 2);
    let branch = head("badbranch").unwrap();
    assert_eq!(branch.vias().next().unwrap().branch(), Some("z9hG4bK"));
    let date = head("baddate").unwrap();
    assert_eq!((date.date(), date.header("Date").is_some()), (None, true));
    let authorization = head("regaut01").unwrap();
    assert_eq!(
        authorization.header("Authorization"),
        Some("NoOneKnowsThisScheme opaque-data=here")
    );
}

#[test]
fn parameters_belong_to_the_uri_inside_the_brackets_and_to_the_field_outside() {
    let Some(outside) = head("cparam01") else {
        return;
    };
    assert_eq!(outside.contact().unwrap().param("unknownparam"), Some(None));
    let inside = head("cparam02").unwrap();
    assert_eq!(inside.contact().unwrap().param("unknownparam"), None);
    let escaped = head("regescrt").unwrap();
    let contact = Uri::copy(escaped.contact().unwrap().uri).unwrap();
    assert_eq!(
        contact.header("route"),
        Some("<sip:sip.example.com>".to_owned())
    );
    assert_eq!(escaped.header("Route"), None, "it stays in the URI");
}

#[test]
fn ipv6_references_are_hosts() {
    let host = |id: &str| {
        let uri = request(id)?.uri;
        Some((uri.host().to_owned(), uri.port()))
    };
    let Some(good) = host("ipv6/ipv6-good") else {
        return;
    };
    assert_eq!(good, ("[2001:db8::10]".to_owned(), None));
    let ambiguous = host("ipv6/port-ambiguous").unwrap();
    assert_eq!(ambiguous, ("[2001:db8::10:5070]".to_owned(), None));
    let plain = host("ipv6/port-unambiguous").unwrap();
    assert_eq!(plain, ("[2001:db8::10]".to_owned(), Some(5070)));
    for id in ["with", "no"] {
        let name = format!("ipv6/via-received-param-{id}-delim");
        let request = request(&name).unwrap();
        let via = request.head.vias().next().unwrap();
        assert_eq!(
            (via.host, via.received()),
            ("[2001:db8::9:1]", Some("2001:db8::9:255"))
        );
    }
    let mixed = request("ipv6/mult-ip-in-header").unwrap();
    let hosts: Vec<_> = mixed.head.vias().map(|via| (via.host, via.port)).collect();
    assert_eq!(
        hosts,
        [
            ("[2001:db8::9:1]", Some(6050)),
            ("192.0.2.1", None),
            ("[2001:db8::9:255]", None)
        ]
    );
    let mapped = request("ipv6/ipv4-mapped-ipv6").unwrap();
    assert_eq!(
        mapped.head.vias().next().unwrap().host,
        "[::ffff:192.0.2.10]"
    );
    // §4.10: three colons are two.
    let three = request("ipv6/ipv6-bug-abnf-3-colons").unwrap().uri;
    let two = request("ipv6/ipv6-correct-abnf-2-colons").unwrap().uri;
    assert!(three.equivalent(&two) && two.equivalent(&three));
    assert_eq!(three.fingerprint(), two.fingerprint());
}
