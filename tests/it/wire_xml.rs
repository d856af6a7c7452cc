//! The XML that travels in messages: disposition notifications and is-composing; and the door that all XML comes
//! through.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use simple_im::wire::composing::{self, Composing};
use simple_im::wire::imdn::{self, Delivery, Display, Disposition, Processing, Recipient};
use simple_im::wire::{conference, lists, mime};
use simple_im::{Flaw, Limits, Status};

use crate::wire_conference::{TWO, info};
use crate::wire_cpim::{corpus, items};

/// What each reader says of a document: what is wrong, if anything.
type Read = fn(&[u8], &Limits) -> Result<(), Flaw>;

const READERS: [(&str, &str, Read); 4] = [
    ("resource-lists", "resource-lists", |xml, limits| {
        lists::parse(xml, limits).map(drop)
    }),
    ("imdn", "imdn", |xml, limits| {
        imdn::parse(xml, limits).map(drop)
    }),
    ("isComposing", "im-iscomposing", |xml, limits| {
        composing::parse(xml, limits).map(drop)
    }),
    ("conference-info", "conference-info", |xml, limits| {
        conference::parse(xml, limits).map(drop)
    }),
];

pub(crate) fn written(write: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    write(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

// What holds for all.

#[test]
fn cc_100_no_reader_lets_a_bomb_in() {
    let limits = Limits::default();
    for (root, space, read) in READERS {
        let document = |inner: &str| {
            let space = format!("urn:ietf:params:xml:ns:{space}");
            format!("<{root} xmlns='{space}' entity='sip:c@h' version='1'>{inner}</{root}>")
        };
        let refused = |inner: &str, what: &str| {
            let flaw = read(document(inner).as_bytes(), &limits).unwrap_err();
            assert_eq!((flaw.what, flaw.status), (what, Status(400)), "{root}");
        };
        let nested = |n: usize| "<a>".repeat(n) + &"</a>".repeat(n);
        let wide = |n: usize| {
            let attributes: String = (0..n).map(|n| format!(" a{n}=''")).collect();
            format!("<a{attributes}/>")
        };
        let accepted = |inner: &str| {
            // Whatever is missing inside, the door let it in.
            let inner = format!(
                "{inner}<message-id>1</message-id><datetime>2</datetime><state>idle</state>"
            );
            assert_eq!(read(document(&inner).as_bytes(), &limits), Ok(()), "{root}");
        };
        accepted(&nested(15));
        refused(&nested(16), "document too deep");
        refused(&"<a>".repeat(4_000), "document too deep");
        accepted(&wide(32));
        refused(&wide(33), "element with too many attributes");
        refused("<!ENTITY a 'b'>", "document type declaration");
        refused("&a;", "document is not well-formed XML");
        let doctype = format!("<!DOCTYPE x [<!ENTITY a 'b'>]>{}", document("&a;"));
        let flaw = read(doctype.as_bytes(), &limits).unwrap_err();
        assert_eq!((flaw.what, flaw.at), ("document type declaration", 0));
        for encoding in ["UTF-16", "ISO-8859-1"] {
            let xml = format!(
                "<?xml version='1.0' encoding='{encoding}'?>{}",
                document("")
            );
            assert_eq!(
                read(xml.as_bytes(), &limits).unwrap_err().what,
                "document is not UTF-8"
            );
        }
        assert_eq!(read(b"<a>\xff", &limits).unwrap_err().at, 3);
        assert!(read(b"", &limits).is_err() && read(b"<x/>", &limits).is_err());
        assert!(
            read(format!("<{root}/>").as_bytes(), &limits).is_err(),
            "no name space"
        );
    }
}

#[test]
fn cc_100_each_reader_has_its_own_size() {
    let small = |limit: fn(&mut Limits) -> &mut usize| {
        let mut limits = Limits::default();
        *limit(&mut limits) = 400;
        limits
    };
    let limits = [
        small(|limits| &mut limits.list_octets),
        small(|limits| &mut limits.notice_octets),
        small(|limits| &mut limits.notice_octets),
        small(|limits| &mut limits.conference_octets),
    ];
    for ((root, _, read), limits) in READERS.into_iter().zip(&limits) {
        for (size, too_long) in [(400, false), (401, true)] {
            let flaw = read(" ".repeat(size).as_bytes(), limits).unwrap_err();
            assert_eq!(flaw.what == "document too long", too_long, "{root}");
        }
    }
}

#[test]
fn what_no_document_can_hold_is_replaced_and_its_neighbours_are_not() {
    let mut news = delivered();
    news.message_id = "\0a\u{1f}b\u{fffe}c\u{ffff}d\u{fffd}\u{feff}\u{f000}\u{efff}\u{7f}".into();
    let xml = written(|out| imdn::write(out, &news));
    let read = imdn::parse(xml.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(
        read.message_id,
        "\u{fffd}a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}\u{feff}\u{f000}\u{efff}\u{7f}"
    );
}

/// Reads a conference of which this is all.
fn conference_of(inner: &str) -> Result<conference::Notification, &'static str> {
    let xml = format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='x' \
         version='1'>{inner}</conference-info>"
    );
    conference::parse(xml.as_bytes(), &Limits::default()).map_err(|flaw| flaw.what)
}

#[test]
fn cc_100_what_stands_in_quotes_is_no_attribute_and_ends_no_tag() {
    let limits = Limits::default();
    let read = |attributes: &str| conference_of(&format!("<a{attributes}/>"));
    let equals = "=".repeat(limits.xml_attributes + 1);
    assert!(read(&format!(" b='{equals}' c=\"'{equals}'\"")).is_ok());
    let attributes = |n: usize| -> String { (0..n).map(|n| format!(" a{n}='>'")).collect() };
    assert!(read(&attributes(limits.xml_attributes)).is_ok());
    assert_eq!(
        read(&attributes(limits.xml_attributes + 1)),
        Err("element with too many attributes")
    );
}

#[test]
fn cc_100_name_spaces_are_bounded_in_scope_and_in_all() {
    let read = conference_of;
    let declared = |n: usize| -> String { (0..n).map(|n| format!(" xmlns:a{n} = 'u'")).collect() };
    assert!(read(&format!("<a{}><b/></a>", declared(31))).is_ok());
    // One more is in scope than may be, in one element or in two.
    let many = Err("document with too many name spaces");
    assert_eq!(read(&format!("<a{}/>", declared(32))), many);
    assert_eq!(
        read(&format!("<a{}><b xmlns='u'/></a>", declared(31))),
        many
    );
    // What is out of scope does not count, but in all.
    assert!(read(&"<a xmlns='u'><b/></a>".repeat(4_000)).is_ok());
    assert_eq!(read(&"<a xmlns='u'/>".repeat(4_200)), many);
    // Exactly so many in all: the root declares one.
    assert!(read(&"<a xmlns='u'/>".repeat(4_095)).is_ok());
    assert_eq!(read(&"<a xmlns='u'/>".repeat(4_096)), many);
    // No blank is needed for it to be seen.
    let tight: String = (0..31).map(|n| format!("xmlns:a{n}='u'")).collect();
    assert_eq!(read(&format!("<a xmlns:z='u'><b c='u'{tight}/></a>")), many);
    // What only looks like one is none.
    assert!(read("<a b='xmlns:x=\"\" xmlns:y=\"\"'>xmlns:z=</a>").is_ok());
}

#[test]
fn every_reader_wants_its_own_media_type() {
    let limits = Limits::default();
    let part = |kind: &str, content: &str| {
        let lines = format!("Content-Type: {kind}\r\n").into();
        mime::body(lines, content.to_string().into())
            .parts()
            .unwrap()[0]
            .clone()
    };
    let xml = written(|out| composing::write(out, &idle()));
    let right = part("Application/im-iscomposing+xml;charset=utf-8", &xml);
    assert_eq!(right.composing(&limits), Ok(idle()));
    assert_eq!(right.notification(&limits).unwrap_err().status, Status(415));
    assert_eq!(right.conference(&limits).unwrap_err().status, Status(415));
    let plain = part("text/plain", &xml);
    assert_eq!(plain.composing(&limits).unwrap_err().status, Status(415));
    let encoded = part(
        "application/im-iscomposing+xml\r\nContent-Transfer-Encoding: base64",
        &xml,
    );
    assert_eq!(encoded.composing(&limits).unwrap_err().status, Status(415));
}

#[test]
fn documents_of_the_corpus_go_to_their_readers() {
    let Some(folder) = corpus("xml") else { return };
    let mut read_right = BTreeMap::new();
    for (file, facts, octets) in items(&folder) {
        let root = match facts["root"].as_str() {
            Some(root) => root,
            None if file.contains("iscomposing") => "isComposing",
            None if file.contains("rfc3994") => "isComposing",
            None => "another",
        };
        for (name, _, read) in READERS {
            let found = read(&octets, &Limits::default());
            if name == root && facts["well_formed"] != false {
                assert_eq!(found, Ok(()), "{file} by {name}");
                *read_right.entry(name).or_insert(0) += 1;
            } else {
                assert!(found.is_err(), "{file} by {name}");
            }
        }
    }
    let expected = [
        ("conference-info", 3),
        ("imdn", 5),
        ("isComposing", 4),
        ("resource-lists", 13),
    ];
    assert_eq!(read_right, BTreeMap::from(expected));
}

// Disposition notifications.

fn imdn(inner: &str) -> Result<imdn::Notification, Flaw> {
    let xml = format!("<imdn xmlns='urn:ietf:params:xml:ns:imdn'>{inner}</imdn>");
    imdn::parse(xml.as_bytes(), &Limits::default())
}

const NAMED: &str = "<message-id>34jk324j</message-id>\
    <datetime>2008-04-04T12:16:49-05:00</datetime>";

fn delivered() -> imdn::Notification {
    imdn::Notification {
        message_id: "34jk324j".into(),
        date_time: "2008-04-04T12:16:49-05:00".into(),
        recipient: Some(Recipient {
            uri: "im:bob@example.com".into(),
            original_uri: "im:bob@example.com".into(),
            subject: None,
        }),
        disposition: Some(Disposition::Delivery(Delivery::Delivered)),
    }
}

#[test]
fn the_notification_of_the_rfc_is_read_and_written() {
    // RFC 5438 §7.2.1.1, blanks as there.
    let found = imdn(
        "\n <message-id>34jk324j</message-id>\n <datetime>2008-04-04T12:16:49-05:00</datetime>\n \
         <recipient-uri>im:bob@example.com</recipient-uri>\n <original-recipient-uri\n \
         >im:bob@example.com</original-recipient-uri>\n <delivery-notification>\n <status>\n \
         <delivered/>\n </status>\n </delivery-notification>\n",
    );
    assert_eq!(found, Ok(delivered()));
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <imdn xmlns=\"urn:ietf:params:xml:ns:imdn\">\r\n\
        <message-id>34jk324j</message-id>\r\n\
        <datetime>2008-04-04T12:16:49-05:00</datetime>\r\n\
        <recipient-uri>im:bob@example.com</recipient-uri>\r\n\
        <original-recipient-uri>im:bob@example.com</original-recipient-uri>\r\n\
        <delivery-notification><status><delivered/></status></delivery-notification>\r\n\
        </imdn>";
    assert_eq!(written(|out| imdn::write(out, &delivered())), expected);
}

#[test]
fn each_kind_has_its_own_statuses() {
    let kinds = ["delivery", "processing", "display"];
    let ours: [&[&str]; 3] = [
        &["delivered", "failed", "forbidden", "error"],
        &["processed", "stored", "forbidden", "error"],
        &["displayed", "forbidden", "error"],
    ];
    let all = [
        "delivered",
        "failed",
        "processed",
        "stored",
        "displayed",
        "forbidden",
        "error",
    ];
    for (kind, ours) in kinds.iter().zip(ours) {
        for status in all {
            let found = imdn(&format!(
                "{NAMED}<{kind}-notification><status><{status}/></status></{kind}-notification>"
            ));
            if ours.contains(&status) {
                let disposition = found.unwrap().disposition.unwrap();
                let (found, word) = match disposition {
                    Disposition::Delivery(status) => ("delivery", status.as_str()),
                    Disposition::Processing(status) => ("processing", status.as_str()),
                    Disposition::Display(status) => ("display", status.as_str()),
                    _ => panic!(),
                };
                assert_eq!((found, word), (*kind, status));
            } else {
                let what = found.unwrap_err().what;
                assert_eq!(what, "notification without status of its kind");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_notification_is_said() {
    let status =
        |inner: &str| format!("{NAMED}<display-notification>{inner}</display-notification>");
    let second = "element for the second time";
    for (inner, what) in [
        (String::new(), "imdn without message-id"),
        (
            "<message-id> </message-id>".into(),
            "imdn without message-id",
        ),
        ("<message-id>1</message-id>".into(), "imdn without datetime"),
        (
            format!("{NAMED}<recipient-uri>im:a@h</recipient-uri>"),
            "one recipient URI without the other",
        ),
        (
            format!("{NAMED}<original-recipient-uri>im:a@h</original-recipient-uri>"),
            "one recipient URI without the other",
        ),
        (format!("{NAMED}{NAMED}"), second),
        (status(""), "notification without status of its kind"),
        (
            status("<status/>"),
            "notification without status of its kind",
        ),
        (
            status("<displayed/>"),
            "notification without status of its kind",
        ),
        (
            status("<status><displayed/><error/></status>"),
            "notification with two statuses",
        ),
        (
            status("<status><x:displayed xmlns:x='urn:x'/></status>"),
            "notification without status of its kind",
        ),
        (
            status("<status><error/></status>")
                + "<display-notification><status><error/></status></display-notification>",
            second,
        ),
        (
            status("<status><error/></status>")
                + "<delivery-notification><status><error/></status></delivery-notification>",
            second,
        ),
    ] {
        let flaw = imdn(&inner).unwrap_err();
        assert_eq!((flaw.what, flaw.status), (what, Status(400)), "{inner}");
    }
}

#[test]
fn what_extends_a_notification_is_passed_over() {
    let found = imdn(&format!(
        "<new/><x:message-id xmlns:x='urn:x'>no</x:message-id>{NAMED}<subject>S &amp; T</subject>\
         <recipient-uri> im:a@h </recipient-uri><original-recipient-uri>im:b@h<!-- c -->\
         </original-recipient-uri><display-notification><x:y xmlns:x='urn:x'/><status><displayed/>\
         <when/><x:z xmlns:x='urn:x'><displayed/></x:z></status></display-notification>"
    ))
    .unwrap();
    let recipient = found.recipient.unwrap();
    assert_eq!(
        (&*recipient.uri, &*recipient.original_uri),
        ("im:a@h", "im:b@h")
    );
    assert_eq!(recipient.subject.as_deref(), Some("S & T"));
    assert_eq!(
        found.disposition,
        Some(Disposition::Display(Display::Displayed))
    );
    // A kind that came later.
    let found = imdn(&format!("{NAMED}<interworking-notification/>")).unwrap();
    assert_eq!((found.disposition, found.recipient), (None, None));
}

// Is-composing.

fn composing(inner: &str) -> Result<Composing, Flaw> {
    let xml =
        format!("<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'>{inner}</isComposing>");
    composing::parse(xml.as_bytes(), &Limits::default())
}

fn active(refresh: u32) -> Composing {
    Composing {
        state: composing::State::Active {
            refresh: NonZeroU32::new(refresh),
        },
        last_active: None,
        content_type: Some("text/plain".into()),
    }
}

/// RFC 3994 §5.
fn idle() -> Composing {
    Composing {
        state: composing::State::Idle,
        last_active: Some("2003-01-27T10:43:00Z".into()),
        content_type: Some("audio".into()),
    }
}

#[test]
fn the_indications_of_the_rfc_are_read_and_written() {
    let found = composing(
        "\n<state>active</state>\n<contenttype>text/plain</contenttype>\n<refresh>90</refresh>\n",
    );
    assert_eq!(found, Ok(active(90)));
    let found = composing(
        "<state>idle</state><lastactive>2003-01-27T10:43:00Z</lastactive>\
         <contenttype>audio</contenttype>",
    );
    assert_eq!(found, Ok(idle()));
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\">\r\n\
        <state>active</state>\r\n\
        <contenttype>text/plain</contenttype>\r\n\
        <refresh>90</refresh>\r\n\
        </isComposing>";
    assert_eq!(written(|out| composing::write(out, &active(90))), expected);
}

#[test]
fn an_indication_holds_as_long_as_it_says_or_two_minutes() {
    let lifetime = |inner: &str| composing(inner).unwrap().lifetime();
    let s = Duration::from_secs;
    assert_eq!(lifetime("<state>active</state>"), Some(s(120)));
    assert_eq!(
        lifetime("<state>active</state><refresh> +90 </refresh>"),
        Some(s(90))
    );
    assert_eq!(
        lifetime("<refresh>5</refresh><state> active </state>"),
        Some(s(5))
    );
    let century = format!("<state>active</state><refresh>{}</refresh>", "9".repeat(99));
    assert_eq!(lifetime(&century), Some(s(u32::MAX.into())));
    // A state that nobody knows is idle (RFC 3994 §3.5).
    for state in ["idle", "Active", "thinking", ""] {
        assert_eq!(
            lifetime(&format!("<state>{state}</state><refresh>90</refresh>")),
            None
        );
    }
}

#[test]
fn a_refresh_is_never_sent_below_a_minute_nor_when_idle() {
    let xml = |composing: &Composing| written(|out| composing::write(out, composing));
    assert!(xml(&active(1)).contains("<refresh>60</refresh>"));
    assert!(xml(&active(61)).contains("<refresh>61</refresh>"));
    assert!(!xml(&active(0)).contains("refresh"));
    assert!(!xml(&idle()).contains("refresh"));
}

#[test]
fn what_is_wrong_with_an_indication_is_said() {
    let wrong = "malformed or second element";
    for (inner, what) in [
        ("", "isComposing without state"),
        (
            "<x:state xmlns:x='urn:x'>idle</x:state>",
            "isComposing without state",
        ),
        ("<state>idle</state><state>idle</state>", wrong),
        ("<state>active</state><refresh>0</refresh>", wrong),
        ("<state>active</state><refresh>-1</refresh>", wrong),
        ("<state>active</state><refresh>1.5</refresh>", wrong),
        ("<state>active</state><refresh></refresh>", wrong),
        ("<state>idle</state><lastactive>now</lastactive>", wrong),
    ] {
        assert_eq!(composing(inner).unwrap_err().what, what, "{inner}");
    }
    // XML Schema wants no zone, and others may add what they like.
    let found =
        composing("<state>idle</state><lastactive>2003-01-27T10:43:00.5</lastactive><new/>");
    assert!(found.is_ok());
}

#[test]
fn every_prefix_of_a_document_is_refused() {
    let news = info("full", 1, TWO).unwrap();
    let documents = [
        written(|out| imdn::write(out, &delivered())),
        written(|out| composing::write(out, &active(90))),
        written(|out| conference::write(out, &news)),
    ];
    for (xml, (_, _, read)) in documents.iter().zip(&READERS[1..]) {
        assert_eq!(read(xml.as_bytes(), &Limits::default()), Ok(()));
        for end in 0..xml.len() {
            let flaw = read(&xml.as_bytes()[..end], &Limits::default()).unwrap_err();
            assert!(flaw.at <= end);
        }
    }
}

/// Text without what no XML document can hold.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let odd = vec![
        '<',
        '>',
        '&',
        '"',
        '\'',
        ']',
        ' ',
        '\t',
        '\n',
        '\r',
        '\u{e9}',
        '\u{1f600}',
    ];
    let any = prop_oneof![prop::sample::select(odd), any::<char>()];
    let allowed = |c: &char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    prop::collection::vec(any.prop_filter("no XML", allowed), 0..8).prop_map(String::from_iter)
}

pub(crate) fn word() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("x{}x", text))
}

pub(crate) fn one<T: Clone + std::fmt::Debug + 'static>(
    all: &[T],
) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(all.to_vec())
}

fn disposition() -> impl Strategy<Value = Disposition> {
    let delivery = [
        Delivery::Delivered,
        Delivery::Failed,
        Delivery::Forbidden,
        Delivery::Error,
    ];
    let processing = [
        Processing::Processed,
        Processing::Stored,
        Processing::Forbidden,
        Processing::Error,
    ];
    let display = [Display::Displayed, Display::Forbidden, Display::Error];
    let all = delivery.map(Disposition::Delivery).into_iter();
    let all = all.chain(processing.map(Disposition::Processing));
    one(&all
        .chain(display.map(Disposition::Display))
        .collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn a_notification_that_was_written_reads_back(
        message_id in word(), date_time in word(), disposition in prop::option::of(disposition()),
        recipient in prop::option::of((word(), word(), prop::option::of(text()))),
    ) {
        let recipient = recipient.map(|(uri, original_uri, subject)| Recipient { uri, original_uri, subject });
        let news = imdn::Notification { message_id, date_time, recipient, disposition };
        let xml = written(|out| imdn::write(out, &news));
        prop_assert_eq!(imdn::parse(xml.as_bytes(), &Limits::default()).unwrap(), news);
    }

    #[test]
    fn an_indication_that_was_written_reads_back(
        refresh in prop::option::of(prop::option::of(60..=u32::MAX)), content_type in prop::option::of(word()),
        last_active in prop::option::of("20[0-9]{2}-0[1-9]-[012][1-8]T1[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,4})?(Z|[+-]0[0-9]:00)?"),
    ) {
        let state = match refresh {
            Some(refresh) => composing::State::Active { refresh: refresh.and_then(NonZeroU32::new) },
            None => composing::State::Idle,
        };
        let composing = Composing { state, last_active, content_type };
        let xml = written(|out| composing::write(out, &composing));
        prop_assert_eq!(composing::parse(xml.as_bytes(), &Limits::default()).unwrap(), composing);
    }

    #[test]
    fn what_no_document_can_hold_does_not_break_it(text in prop::collection::vec(any::<char>(), 0..9)) {
        let mut news = delivered();
        news.message_id = format!("x{}", String::from_iter(text));
        let xml = written(|out| imdn::write(out, &news));
        prop_assert!(imdn::parse(xml.as_bytes(), &Limits::default()).is_ok());
    }

    #[test]
    fn nothing_that_arrives_makes_a_reader_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "<", ">", "/", "user", " entity=", " state=", "'", "\"", "partial", "<users>", "</users>", "<user>", "</user>",
        "<status>", "</status>", "<message-id>", "</message-id>", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>",
        "&amp;", "&#x41;", "&", "\u{e9}", "\n", " xmlns:x=", " xmlns=", "=", "<!", "<refresh>", "</refresh>", "9",
    ]), 0..40)) {
        let inner = pieces.concat();
        for (root, space, read) in READERS {
            let _ = read(inner.as_bytes(), &Limits::default());
            let xml = format!("<{root} xmlns='urn:ietf:params:xml:ns:{space}' entity='x' version='1'>{inner}</{root}>");
            if let Err(flaw) = read(xml.as_bytes(), &Limits::default()) {
                prop_assert!(flaw.at <= xml.len());
            }
        }
    }

    #[test]
    fn random_octets_never_make_a_reader_panic(xml in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, _, read) in READERS {
            let _ = read(&xml, &Limits::default());
        }
    }
}
