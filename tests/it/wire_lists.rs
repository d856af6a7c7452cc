//! URI-lists: reading, writing and what recipients may know of each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::BytesMut;
use proptest::prelude::*;
use simple_im::wire::lists::{
    self, CopyControl, DisplayName, Elsewhere, Entry, List, Note, Reference, UriList,
};
use simple_im::{Flaw, Limits, Status, Uri};

const TO: Option<CopyControl> = Some(CopyControl::To);
const CC: Option<CopyControl> = Some(CopyControl::Cc);
const BCC: Option<CopyControl> = Some(CopyControl::Bcc);

fn parse(xml: &str) -> Result<lists::UriList, Flaw> {
    lists::parse(xml.as_bytes(), &Limits::default())
}

fn list(inner: &str) -> String {
    format!(
        "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists' \
         xmlns:cp='urn:ietf:params:xml:ns:copycontrol'><list>{inner}</list></resource-lists>"
    )
}

/// Entries as `uri to anon`.
fn show(entries: &[Entry]) -> Vec<String> {
    let show = |entry: &Entry| {
        let copy = match entry.copy {
            TO => " to",
            CC => " cc",
            BCC => " bcc",
            None => "",
        };
        let anonymous = if entry.anonymize { " anon" } else { "" };
        format!("{}{copy}{anonymous}", entry.uri)
    };
    entries.iter().map(show).collect()
}

fn check(inner: &str, expected: &[&str]) {
    let found = parse(&list(inner)).unwrap_or_else(|flaw| panic!("{flaw}: {inner}"));
    assert_eq!(show(&found.entries), expected, "{inner}");
}

fn refused(xml: &str, what: &str) {
    let Err(flaw) = parse(xml) else {
        panic!("accepted, though {what}")
    };
    assert_eq!((flaw.what, flaw.status), (what, Status(400)));
    assert!(flaw.at <= xml.len());
}

fn entry(uri: &str, copy: Option<CopyControl>, anonymize: bool) -> Entry {
    Entry {
        uri: Uri::copy(uri).unwrap(),
        copy,
        anonymize,
    }
}

fn history(entries: &[Entry]) -> Option<String> {
    let mut out = BytesMut::new();
    let written = lists::write_history(&mut out, entries);
    assert_eq!(written, !out.is_empty());
    written.then(|| String::from_utf8(out.to_vec()).unwrap())
}

fn written(entries: &[Entry]) -> String {
    let mut out = BytesMut::new();
    lists::write_list(&mut out, entries);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn entries_come_in_order_with_their_copy_control() {
    check("", &[]);
    check(
        "<entry uri='sip:a@h' cp:copyControl='to'/>\
         <entry uri=' tel:+1 ' cp:copyControl='cc' cp:anonymize='true'/>\
         <entry uri='sips:b@h' cp:copyControl='bcc' cp:anonymize='1'><display-name>B</display-name></entry>\
         <entry uri='sip:c@h' cp:anonymize='false'/><entry uri='sip:d@h?X=1&amp;Y=2'/>",
        &[
            "sip:a@h to",
            "tel:+1 cc anon",
            "sips:b@h bcc anon",
            "sip:c@h",
            "sip:d@h?X=1&Y=2",
        ],
    );
}

#[test]
fn d_35_the_right_spelling_counts_where_both_are_there() {
    let both = "xmlns:x='urn:ietf:params:xml:ns:copyControl'";
    check(
        &format!(
            "<entry uri='sip:a@h' {both} cp:copyControl='bcc' x:copyControl='to'/>\
             <entry uri='sip:b@h' {both} x:anonymize='true' x:copyControl='to' cp:copyControl='bcc'/>"
        ),
        &["sip:a@h bcc", "sip:b@h bcc anon"],
    );
}

#[test]
fn what_is_not_understood_makes_nobody_visible() {
    check(
        "<entry uri='sip:a@h' copyControl='to'/><entry uri='sip:b@h' cp:copyControl='TO'/>\
         <entry uri='sip:c@h' x:copyControl='to' xmlns:x='urn:x'/>",
        &["sip:a@h", "sip:b@h", "sip:c@h"],
    );
}

#[test]
fn nested_lists_are_flattened_and_references_counted() {
    let found = parse(&list(
        "<entry uri='sip:a@h'/><list name='x'><external anchor='http://h'/>\
         <list><entry uri='sip:b@h'/></list></list><entry-ref ref='r'/><entry uri='sip:c@h'/>\
         <x:list xmlns:x='urn:x'><entry uri='sip:no@h'/></x:list>",
    ))
    .unwrap();
    assert_eq!(show(&found.entries), ["sip:a@h", "sip:b@h", "sip:c@h"]);
    assert_eq!(found.references.len(), 2);
}

fn named(text: &str, language: Option<&str>) -> Option<DisplayName> {
    Some(DisplayName {
        text: text.into(),
        language: language.map(String::from),
    })
}

#[test]
fn references_and_names_are_kept_with_the_lists_that_they_are_in() {
    // RFC 4826 §3.3, in little.
    let xml = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>\
        <list name='friends'><entry uri='sip:bill@h'><display-name>Bill &amp; Ben</display-name></entry>\
        <entry-ref ref='resource-lists/users/sip:bill@h/index/~~/x'/>\
        <list name='close'><display-name xml:lang='en'>Close Friends</display-name>\
        <entry uri='sip:joe@h'/></list><list/>\
        <external anchor=' http://h/x '><display-name>Marketing</display-name></external>\
        <entry uri='sip:ann@h'/></list><list name='empty'/></resource-lists>";
    let found = parse(xml).unwrap();
    assert_eq!(
        show(&found.entries),
        ["sip:bill@h", "sip:joe@h", "sip:ann@h"]
    );
    let list = |name: Option<&str>, depth, entries, display_name| List {
        name: name.map(String::from),
        display_name,
        depth,
        entries,
    };
    let expected = [
        list(Some("friends"), 0, 0..3, None),
        list(Some("close"), 1, 1..2, named("Close Friends", Some("en"))),
        list(None, 1, 2..2, None),
        list(Some("empty"), 0, 3..3, None),
    ];
    assert_eq!(found.lists, expected);
    let expected = [
        Reference {
            what: Elsewhere::Entry,
            target: "resource-lists/users/sip:bill@h/index/~~/x".into(),
            display_name: None,
            list: 0,
            at: 1,
        },
        Reference {
            what: Elsewhere::List,
            target: "http://h/x".into(),
            display_name: named("Marketing", None),
            list: 0,
            at: 2,
        },
    ];
    assert_eq!(found.references, expected);
    let bill = found.note(0).unwrap();
    assert_eq!(
        (&bill.display_name, bill.count),
        (&named("Bill & Ben", None), None)
    );
    assert_eq!((found.note(1), found.note(3)), (None, None));
    let mut out = BytesMut::new();
    lists::write(&mut out, &found);
    assert_eq!(lists::parse(&out, &Limits::default()), Ok(found));
    assert_eq!(
        parse("<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'/>"),
        Ok(UriList::default())
    );
}

#[test]
fn no_entry_is_lost_for_being_in_no_list() {
    let entries = ["sip:a@h", "sip:b@h", "sip:c@h"].map(|uri| entry(uri, TO, false));
    let read = |list: &UriList| {
        let mut out = BytesMut::new();
        lists::write(&mut out, list);
        lists::parse(&out, &Limits::default()).unwrap()
    };
    let mut loose = UriList::default();
    loose.entries = entries.to_vec();
    assert_eq!(read(&loose), UriList::from(entries.to_vec()));
    loose.lists.push(List {
        entries: 1..2,
        ..List::default()
    });
    let found = read(&loose);
    assert_eq!(found.entries, entries);
    let places: Vec<_> = found
        .lists
        .iter()
        .map(|list| list.entries.clone())
        .collect();
    assert_eq!(places, [0..1, 1..2, 2..3]);
}

#[test]
fn a_history_says_how_many_stay_anonymous() {
    let found = parse(HISTORY).unwrap();
    let counts: Vec<_> = (0..4)
        .map(|place| found.note(place).and_then(|note| note.count))
        .collect();
    assert_eq!(counts, [None, Some(2), None, Some(1)]);
    for odd in ["-1", "x", "4294967296", ""] {
        let xml = list(&format!("<entry uri='sip:a@h' cp:count='{odd}'/>"));
        assert_eq!(parse(&xml).unwrap().note(0), None, "{odd}");
    }
}

#[test]
fn cc_100_each_limit_of_a_list_holds_exactly() {
    let read = |inner: &str, limits: &Limits| {
        lists::parse(list(inner).as_bytes(), limits)
            .map(drop)
            .map_err(|flaw| flaw.what)
    };
    let few = |limit: fn(&mut Limits) -> &mut usize, n: usize| {
        let mut limits = Limits::default();
        *limit(&mut limits) = n;
        limits
    };
    // Entries and references count together.
    let limits = few(|limits| &mut limits.list_entries, 3);
    let entry = "<entry uri='sip:a@h'/>";
    let many = Err("list with too many entries");
    assert_eq!(read(&entry.repeat(3), &limits), Ok(()));
    assert_eq!(read(&entry.repeat(4), &limits), many);
    for elsewhere in ["<entry-ref ref='x'/>", "<external anchor='x'/>"] {
        assert_eq!(read(&(entry.repeat(2) + elsewhere), &limits), Ok(()));
        assert_eq!(read(&(entry.repeat(3) + elsewhere), &limits), many);
        assert_eq!(read(&(elsewhere.repeat(3) + entry), &limits), many);
    }
    assert_eq!(read(&"<list/>".repeat(2), &limits), Ok(()));
    assert_eq!(
        read(&"<list/>".repeat(3), &limits),
        Err("document with too many lists")
    );
    // Lists within lists: 1 refuses all that are nested.
    let deep = |n: usize| "<list>".repeat(n - 1) + &"</list>".repeat(n - 1);
    for depth in 1..4 {
        let limits = few(|limits| &mut limits.list_depth, depth);
        assert_eq!(read(&deep(depth), &limits), Ok(()));
        assert_eq!(
            read(&deep(depth + 1), &limits),
            Err("list within too many lists")
        );
    }
    let xml = list(&deep(2));
    let flaw = lists::parse(xml.as_bytes(), &few(|limits| &mut limits.list_depth, 1)).unwrap_err();
    assert_eq!(flaw.at, xml.find("<list><list>").unwrap() + 7);
    // Elements, attributes, octets.
    let limits = few(|limits| &mut limits.xml_depth, 3);
    assert_eq!(read(entry, &limits), Ok(()));
    let deeper = "<entry uri='sip:a@h'><x/></entry>";
    assert_eq!(read(deeper, &limits), Err("document too deep"));
    let limits = few(|limits| &mut limits.xml_attributes, 2);
    assert_eq!(read("<entry uri='sip:a@h' a='1'/>", &limits), Ok(()));
    let wider = "<entry uri='sip:a@h' a='1' b='2'/>";
    assert_eq!(
        read(wider, &limits),
        Err("element with too many attributes")
    );
    let limits = few(|limits| &mut limits.list_octets, list(entry).len());
    assert_eq!(read(entry, &limits), Ok(()));
    assert_eq!(
        read(&format!("{entry} "), &limits),
        Err("document too long")
    );
}

#[test]
fn every_prefix_of_a_list_is_refused() {
    let xml = list("<entry uri='sip:a@h'/><list><external anchor='x'/></list>");
    assert!(parse(&xml).is_ok());
    for end in 0..xml.len() {
        let flaw = parse(&xml[..end]).unwrap_err();
        assert!(flaw.at <= end && flaw.status == Status(400));
    }
}

#[test]
fn any_prefix_is_good_if_it_is_bound() {
    let xml = "<r:resource-lists xmlns:r='urn:ietf:params:xml:ns:resource-lists'><r:list>\
        <r:entry uri='sip:a@h' q:copyControl='cc' xmlns:q='urn:ietf:params:xml:ns:copycontrol'/>\
        </r:list></r:resource-lists>";
    assert_eq!(show(&parse(xml).unwrap().entries), ["sip:a@h cc"]);
    refused(
        "<resource-lists><list/></resource-lists>",
        "not a resource-lists document",
    );
    refused(
        &list("<q:entry uri='sip:a@h'/>"),
        "document is not well-formed XML",
    );
}

#[test]
fn cc_100_bombs_are_refused_before_they_go_off() {
    let limits = Limits::default();
    refused(&list(&"<list>".repeat(40_000)), "document too deep");
    let deep = |n: usize| list(&("<list>".repeat(n) + &"</list>".repeat(n)));
    assert!(parse(&deep(14)).is_ok());
    refused(&deep(15), "document too deep");
    let wide: String = (0..20_000).map(|n| format!(" a{n}=''")).collect();
    let wide = list(&format!("<entry uri='sip:a@h'{wide}/>"));
    refused(&wide, "element with too many attributes");
    refused(&list(&" ".repeat(limits.list_octets)), "document too long");
    let bomb = format!("<!DOCTYPE x [<!ENTITY a 'b'>]>{}", list(""));
    refused(&bomb, "document type declaration");
    let entries = |n: usize| {
        (0..n)
            .map(|n| format!("<entry uri='sip:{n}@h'/>"))
            .collect::<String>()
    };
    refused(&list(&entries(1_001)), "list with too many entries");
    assert_eq!(parse(&list(&entries(1_000))).unwrap().entries.len(), 1_000);
}

#[test]
fn a_list_is_utf_8_and_its_uris_can_be_called() {
    refused(
        "<?xml version='1.0' encoding=\"UTF-16\"?><a/>",
        "document is not UTF-8",
    );
    let declared = "<?xml version='1.0' encoding='utf-8' standalone='yes'?>";
    assert!(parse(&format!("{declared}{}", list(""))).is_ok());
    assert_eq!(
        lists::parse(b"<a>\xff", &Limits::default()).unwrap_err().at,
        3
    );
    for uri in ["bob", "mailto:a@h", "sip:"] {
        let xml = list(&format!("<entry uri='sip:a@h'/><entry uri='{uri}'/>"));
        let flaw = parse(&xml).unwrap_err();
        let at = xml.rfind("uri='").unwrap() + 5;
        assert_eq!((flaw.what, flaw.at), ("entry without usable URI", at));
    }
    refused(&list("<entry/>"), "entry without usable URI");
    refused(&list("<entry uri=''/>"), "entry without usable URI");
    refused("", "document is not well-formed XML");
    refused("<a", "document is not well-formed XML");
}

#[test]
fn a_list_is_written_as_in_the_golden_invite() {
    let plain = [
        entry("sip:bob@example.com", None, false),
        entry("sip:carol@example.com", None, false),
    ];
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\r\n\
        <list>\r\n\
        <entry uri=\"sip:bob@example.com\"/>\r\n\
        <entry uri=\"sip:carol@example.com\"/>\r\n\
        </list>\r\n\
        </resource-lists>";
    assert_eq!(written(&plain), expected);
}

#[test]
fn a_list_is_written_as_in_the_golden_pager_message() {
    let copies = [
        entry("sip:bob@example.com", TO, false),
        entry("sip:carol@example.com", TO, false),
    ];
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" \
        xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\">\r\n\
        <list>\r\n\
        <entry uri=\"sip:bob@example.com\" cp:copyControl=\"to\"/>\r\n\
        <entry uri=\"sip:carol@example.com\" cp:copyControl=\"to\"/>\r\n\
        </list>\r\n\
        </resource-lists>";
    assert_eq!(written(&copies), expected);
    assert_eq!(history(&copies).as_deref(), Some(expected));
}

#[test]
fn header_fields_in_a_uri_are_escaped_once_and_concern_its_owner_alone() {
    let uri = "sip:bob@example.com?Replaces=a84b%40pc33%3Bto-tag%3D3&Require=replaces";
    let entries = [entry(uri, TO, false), entry("sip:a?b@h", CC, false)];
    assert!(written(&entries).contains("%40pc33%3Bto-tag%3D3&amp;Require=replaces\""));
    let history = history(&entries).unwrap();
    assert!(history.contains("\"sip:bob@example.com\""), "{history}");
    assert!(history.contains("\"sip:a?b@h\""), "{history}");
}

#[test]
fn nobody_learns_of_a_bcc_and_a_list_of_them_vanishes() {
    let bcc = entry("sip:a@h", BCC, true);
    let none = entry("sip:b@h", None, true);
    assert_eq!(history(&[bcc.clone(), none.clone()]), None);
    assert_eq!(history(&[]), None);
    let history = history(&[bcc, none, entry("sip:c@h", TO, false)]).unwrap();
    assert_eq!(history.matches("<entry").count(), 1);
    assert!(!history.contains("anonymous"));
}

/// The list of RFC 5365 §9, which RFC 5366 §6 repeats, in either spelling of the name space.
fn recipients(spelling: &str) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"\n \
         xmlns:cp=\"urn:ietf:params:xml:ns:{spelling}\">\n <list>\n"
    );
    for (uri, copy, anonymous) in [
        ("bill@example.com", "to", false),
        ("randy@example.net", "to", true),
        ("eddy@example.com", "to", true),
        ("joe@example.org", "cc", false),
        ("carol@example.net", "cc", true),
        ("ted@example.net", "bcc", false),
        ("andy@example.com", "bcc", false),
    ] {
        let anonymous = if anonymous {
            "\n cp:anonymize=\"true\""
        } else {
            ""
        };
        let uri = format!("uri=\"sip:{uri}\" cp:copyControl=\"{copy}\"");
        writeln!(xml, "<entry {uri}{anonymous} />").unwrap();
    }
    xml + "</list></resource-lists>"
}

const HISTORY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
    <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" \
    xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\">\r\n\
    <list>\r\n\
    <entry uri=\"sip:bill@example.com\" cp:copyControl=\"to\"/>\r\n\
    <entry uri=\"sip:anonymous@anonymous.invalid\" cp:copyControl=\"to\" cp:count=\"2\"/>\r\n\
    <entry uri=\"sip:joe@example.org\" cp:copyControl=\"cc\"/>\r\n\
    <entry uri=\"sip:anonymous@anonymous.invalid\" cp:copyControl=\"cc\" cp:count=\"1\"/>\r\n\
    </list>\r\n\
    </resource-lists>";

#[test]
fn ac_28_the_list_of_an_invite_becomes_its_history_in_either_spelling() {
    let found = parse(&recipients("copyControl")).unwrap();
    assert_eq!(history(&found.entries).as_deref(), Some(HISTORY));
}

#[test]
fn ac_29_the_list_of_a_message_becomes_its_history() {
    let found = parse(&recipients("copycontrol")).unwrap();
    assert_eq!(found.entries.len(), 7);
    assert_eq!(history(&found.entries).as_deref(), Some(HISTORY));
}

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("SIMPLE_IM_CORPORA");
    let folder = folder
        .map_or(PathBuf::from("../shared/corpora"), PathBuf::from)
        .join("xml");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("SIMPLE_IM_REQUIRE_CORPORA").is_some_and(|v| v == "1");
    assert!(!required, "the corpora are absent");
    eprintln!("skipped: the corpora are absent");
    None
}

#[test]
fn lists_of_the_corpora_are_read_right() {
    let Some(folder) = corpus() else { return };
    let read = |file: &str| {
        let xml = std::fs::read(folder.join(file)).unwrap();
        lists::parse(&xml, &Limits::default())
    };
    let mut lists_seen = 0;
    for manifest in ["manifest-rfc.json", "manifest-repos.json"] {
        let manifest = std::fs::read_to_string(folder.join(manifest)).unwrap();
        for item in manifest.split("\"file\": \"").skip(1) {
            let file = item.split('"').next().unwrap();
            let fact = |name: &str| {
                let (_, rest) = item.split_once(&format!("\"{name}\": "))?;
                Some(rest.split([',', '\n']).next()?.trim())
            };
            let found = read(file);
            if fact("root") != Some("\"resource-lists\"") {
                assert!(found.is_err(), "{file}");
                continue;
            }
            lists_seen += 1;
            let found = found.unwrap_or_else(|flaw| panic!("{file}: {flaw}"));
            let number = |name| fact(name).unwrap().parse::<usize>().unwrap();
            assert_eq!(found.entries.len(), number("entries"), "{file}");
            let elsewhere = number("entry_refs") + number("externals");
            assert_eq!(found.references.len(), elsewhere, "{file}");
            assert_eq!(found.lists.len(), number("lists"), "{file}");
            let mut out = BytesMut::new();
            lists::write(&mut out, &found);
            assert_eq!(lists::parse(&out, &Limits::default()), Ok(found), "{file}");
        }
    }
    assert_eq!(lists_seen, 13);
    // Golden pairs: a list and what becomes of it.
    for (list, becomes) in [
        ("5364-02", "5364-03"),
        ("5365-01", "5365-02"),
        ("5366-02", "5366-03"),
    ] {
        let entries = |name| read(&format!("rfc/rfc{name}.xml")).unwrap().entries;
        let ours = parse(&history(&entries(list)).unwrap()).unwrap().entries;
        assert_eq!(show(&ours), show(&entries(becomes)), "{list}");
    }
}

/// A document: entries and what is between them, list by list.
fn document() -> impl Strategy<Value = UriList> {
    let text = || "[a-z<&\"'\u{e9} \n]{0,6}";
    let display_name = || {
        let parts = (text(), prop::option::of("[a-z]{2}"));
        prop::option::of(parts.prop_map(|(text, language)| DisplayName { text, language }))
    };
    let entry = (
        "[a-z0-9]{1,4}",
        0..4usize,
        any::<bool>(),
        prop::option::of(any::<u32>()),
    );
    let step = (0..8usize, entry, display_name(), text());
    prop::collection::vec(step, 0..30).prop_map(|steps| {
        let mut all = UriList::default();
        let mut open: Vec<usize> = Vec::new();
        for (step, (user, copy, anonymize, count), display_name, text) in steps {
            let at = all.entries.len();
            match (step, open.last().copied()) {
                (0, _) | (_, None) if open.len() < 8 => {
                    let depth = open.len();
                    open.push(all.lists.len());
                    let name = (text.len() > 2).then_some(text);
                    all.lists.push(List {
                        name,
                        display_name,
                        depth,
                        entries: at..at,
                    });
                }
                (1, Some(place)) => {
                    all.lists[place].entries.end = at;
                    open.pop();
                }
                (2 | 3, Some(list)) => {
                    let what = if step == 2 {
                        Elsewhere::Entry
                    } else {
                        Elsewhere::List
                    };
                    let target = text.trim().to_string();
                    all.references.push(Reference {
                        what,
                        target,
                        display_name,
                        list,
                        at,
                    });
                }
                _ => {
                    all.annotate(
                        at,
                        Note {
                            display_name,
                            count,
                        },
                    );
                    let uri = format!("sip:{user}@h");
                    all.entries.push(entry_of(&uri, copy, anonymize));
                }
            }
        }
        let end = all.entries.len();
        for place in open {
            all.lists[place].entries.end = end;
        }
        all.references
            .sort_by_key(|reference| (reference.list, reference.at));
        all
    })
}

fn entry_of(uri: &str, copy: usize, anonymize: bool) -> Entry {
    entry(uri, [None, BCC, CC, TO][copy], anonymize)
}

proptest! {
    #[test]
    fn a_document_that_was_written_reads_back(all in document()) {
        let mut out = BytesMut::new();
        lists::write(&mut out, &all);
        prop_assert_eq!(lists::parse(&out, &Limits::default()), Ok(all));
    }

    #[test]
    fn a_list_that_was_written_reads_back(
        entries in prop::collection::vec(
            ("[a-z0-9&'?+.]{1,8}@[a-z]{1,5}(;x=[0-9])?", 0..4usize, any::<bool>()), 0..20)
    ) {
        let entries: Vec<_> = entries
            .iter()
            .map(|(uri, copy, anonymize)| {
                entry(&format!("sip:{uri}"), [None, BCC, CC, TO][*copy], *anonymize)
            })
            .collect();
        prop_assert_eq!(parse(&written(&entries)).unwrap().entries, entries);
    }

    #[test]
    fn nothing_that_arrives_makes_it_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "<", ">", "/", "entry", " uri=", "'", "\"", "sip:a@h", "<list>", "</list>", "<!--", "-->",
        "<![CDATA[", "]]>", "<?", "?>", "&amp;", "&#x41;", "&", "\u{e9}", "\n", "xmlns:cp=", "=", "<!",
    ]), 0..40)) {
        let inner = pieces.concat();
        let _ = parse(&inner);
        let _ = parse(&list(&inner));
    }

    #[test]
    fn random_octets_never_make_it_panic(xml in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = lists::parse(&xml, &Limits::default());
    }
}
