//! What a second parser, which shares no line with ours, says of the same octets: `quick-xml` of documents,
//! `mail-parser` of MIME bodies.

use bytes::{Bytes, BytesMut};
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;
use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use simple_im::wire::lists::{self, CopyControl, Elsewhere};
use simple_im::wire::mime::{self, Multipart, OutPart};
use simple_im::wire::{composing, conference, imdn};
use simple_im::{Body, Limits};

use crate::wire_cpim::{corpus, items};

/// An element, as the second parser reads it.
#[derive(Debug, Default)]
struct Element {
    name: (String, String),
    attributes: Vec<((String, String), String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn attribute(&self, space: &str, name: &str) -> Option<&str> {
        let mut found = self.attributes.iter();
        found
            .find(|((s, n), _)| (&**s, &**n) == (space, name))
            .map(|(_, value)| &**value)
    }

    fn all<'a>(&'a self, space: &'a str, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children
            .iter()
            .filter(move |child| (&*child.name.0, &*child.name.1) == (space, name))
    }

    fn word(&self, space: &str, name: &str) -> Option<String> {
        self.all(space, name)
            .last()
            .map(|child| child.text.trim().into())
    }
}

fn space(resolved: ResolveResult<'_>) -> Result<String, String> {
    match resolved {
        ResolveResult::Bound(space) => Ok(space.into_inner().into()),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(prefix) => Err(format!("unknown prefix {prefix}")),
    }
}

fn open(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, String> {
    let (resolved, name) = reader.resolver().resolve_element(start.name());
    let mut element = Element {
        name: (space(resolved)?, name.into_inner().into()),
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let (resolved, name) = reader.resolver().resolve_attribute(attribute.key);
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| error.to_string())?.into_owned();
        element
            .attributes
            .push(((space(resolved)?, name.into_inner().into()), value));
    }
    Ok(element)
}

/// The root of a document, or why there is none.
fn second(xml: &str) -> Result<Element, String> {
    let mut reader = NsReader::from_str(xml);
    let mut open_elements = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let top = open_elements.last_mut().ok_or("more ends than starts")?;
        match event {
            Event::Start(start) => open_elements.push(open(&reader, &start)?),
            Event::Empty(start) => {
                let element = open(&reader, &start)?;
                top.children.push(element);
            }
            Event::End(_) => {
                let done = open_elements.pop().ok_or("more ends than starts")?;
                let outer = open_elements.last_mut().ok_or("more ends than starts")?;
                outer.children.push(done);
            }
            Event::Text(text) => top.text += &text.xml10_content(),
            Event::CData(text) => top.text += &text.xml10_content(),
            Event::GeneralRef(found) => {
                let escaped = format!("&{};", found.into_inner());
                let text =
                    quick_xml::escape::unescape(&escaped).map_err(|error| error.to_string())?;
                top.text += &text;
            }
            Event::DocType(_) => return Err("document type".into()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match open_elements.pop() {
        Some(mut top) if open_elements.is_empty() && top.children.len() == 1 => {
            top.children.pop().ok_or("no root".into())
        }
        _ => Err("not one root".into()),
    }
}

const LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";

/// Entries and references of a list, one line each.
fn listed(list: &Element, shown: &mut Vec<String>) {
    for child in list.children.iter().filter(|child| child.name.0 == LISTS) {
        let control = |name| {
            let right = child.attribute("urn:ietf:params:xml:ns:copycontrol", name);
            let wrong = || child.attribute("urn:ietf:params:xml:ns:copyControl", name);
            right.or_else(wrong).unwrap_or_default().trim()
        };
        let text = |name| child.attribute("", name).unwrap_or_default().trim();
        match &*child.name.1 {
            "list" => listed(child, shown),
            "entry" => {
                let copy = match control("copyControl") {
                    copy @ ("to" | "cc" | "bcc") => copy,
                    _ => "",
                };
                let anonymous = ["true", "1"].contains(&control("anonymize"));
                shown.push(format!("{} {copy} {anonymous}", text("uri")));
            }
            "entry-ref" => shown.push(format!("-> {}", text("ref"))),
            "external" => shown.push(format!("=> {}", text("anchor"))),
            _ => {}
        }
    }
}

/// A list that we read, in the same form.
fn ours(list: &lists::UriList) -> Vec<String> {
    let entry = |entry: &lists::Entry| {
        let copy = match entry.copy {
            Some(CopyControl::To) => "to",
            Some(CopyControl::Cc) => "cc",
            Some(CopyControl::Bcc) => "bcc",
            None => "",
        };
        format!("{} {copy} {}", entry.uri, entry.anonymize)
    };
    let reference = |found: &lists::Reference| match found.what {
        Elsewhere::Entry => format!("-> {}", found.target),
        Elsewhere::List => format!("=> {}", found.target),
    };
    let entries = list.entries.iter().map(entry);
    entries
        .chain(list.references.iter().map(reference))
        .collect()
}

/// What we read is what the second parser reads. Gives how many readers took the document.
fn agree(xml: &[u8]) -> usize {
    let limits = Limits::default();
    let text = String::from_utf8_lossy(xml);
    let root = || second(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let mut taken = 0;
    if let Ok(found) = lists::parse(xml, &limits) {
        let root = root();
        let mut theirs = Vec::new();
        root.all(LISTS, "list")
            .for_each(|list| listed(list, &mut theirs));
        let mut ours = ours(&found);
        // References are kept list by list.
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{text}");
        taken += 1;
    }
    if let Ok(found) = imdn::parse(xml, &limits) {
        let (root, space) = (root(), "urn:ietf:params:xml:ns:imdn");
        let word = |name| root.word(space, name);
        assert_eq!(word("message-id"), Some(found.message_id), "{text}");
        assert_eq!(word("datetime"), Some(found.date_time), "{text}");
        let recipient = found.recipient.as_ref();
        assert_eq!(
            word("recipient-uri").as_ref(),
            recipient.map(|r| &r.uri),
            "{text}"
        );
        taken += 1;
    }
    if let Ok(found) = composing::parse(xml, &limits) {
        let (root, space) = (root(), "urn:ietf:params:xml:ns:im-iscomposing");
        let is_active = root.word(space, "state").as_deref() == Some("active");
        assert_eq!(is_active, found.lifetime().is_some(), "{text}");
        assert_eq!(root.word(space, "lastactive"), found.last_active, "{text}");
        assert_eq!(
            root.word(space, "contenttype"),
            found.content_type,
            "{text}"
        );
        taken += 1;
    }
    if let Ok(found) = conference::parse(xml, &limits) {
        told(&root(), &found);
        taken += 1;
    }
    taken
}

fn told(root: &Element, found: &conference::Notification) {
    let space = "urn:ietf:params:xml:ns:conference-info";
    let key = |element: &Element| {
        element
            .attribute("", "entity")
            .unwrap_or_default()
            .to_string()
    };
    assert_eq!(key(root), found.entity);
    let version = root
        .attribute("", "version")
        .map(|version| version.trim().parse());
    assert_eq!(version, Some(Ok(found.version)));
    let mut theirs = std::collections::BTreeMap::new();
    for user in root
        .all(space, "users")
        .last()
        .iter()
        .flat_map(|users| users.all(space, "user"))
    {
        let mut devices = std::collections::BTreeMap::new();
        for device in user.all(space, "endpoint") {
            let status = device.word(space, "status").unwrap_or_default();
            let status = conference::EndpointStatus::read(&status);
            devices.insert(
                key(device),
                (status, device.all(space, "media").count() > 0),
            );
        }
        let name = user
            .all(space, "display-text")
            .last()
            .map(|name| name.text.clone());
        theirs.insert(key(user), (name, devices));
    }
    let ours = found.contents.users.iter().flat_map(|users| &users.users);
    let ours = ours.map(|(entity, user)| {
        let devices = user.endpoints.iter();
        let devices = devices
            .map(|(entity, device)| (entity.clone(), (device.status, !device.media.is_empty())));
        (
            entity.clone(),
            (user.display_text.clone(), devices.collect()),
        )
    });
    assert_eq!(ours.collect::<std::collections::BTreeMap<_, _>>(), theirs);
}

#[test]
fn documents_of_the_corpus_say_the_same_to_both() {
    let Some(folder) = corpus("xml") else { return };
    let taken: usize = items(&folder).iter().map(|(_, _, xml)| agree(xml)).sum();
    assert_eq!(taken, 25);
}

#[test]
fn documents_of_the_seeds_say_the_same_to_both() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut taken = 0;
    for target in ["lists", "notices", "conference"] {
        for seed in std::fs::read_dir(seeds.join(target)).unwrap() {
            let octets = std::fs::read(seed.unwrap().path()).unwrap();
            taken += octets.split(|octet| *octet == 0).map(agree).sum::<usize>();
        }
    }
    assert!(taken > 20, "{taken}");
}

/// Leaves of a body as type and content, the way the second parser sees them.
fn leaves(message: &Message<'_>, part: usize, found: &mut Vec<(String, Vec<u8>)>) {
    let part = &message.parts[part];
    match &part.body {
        PartType::Multipart(parts) => {
            for inner in parts {
                leaves(message, *inner as usize, found);
            }
        }
        _ => {
            let kind = part.content_type().map_or("text/plain".into(), |kind| {
                format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default())
            });
            let content =
                &message.raw_message()[part.offset_body as usize..part.offset_end as usize];
            found.push((kind.to_lowercase(), content.to_vec()));
        }
    }
}

/// The same of ours.
fn our_leaves(body: &Body) -> Option<Vec<(String, Vec<u8>)>> {
    let tree = body.tree().ok()?;
    let leaf = |part: &simple_im::Part| (part.media_type().to_lowercase(), part.content().to_vec());
    Some(tree.leaves().map(leaf).collect())
}

/// Both split a body alike. Gives into how many leaves.
fn split_alike(content_type: &str, content: &[u8]) -> usize {
    let lines = format!("Content-Type: {content_type}\r\n");
    let body = mime::body(lines.clone().into(), Bytes::copy_from_slice(content));
    let Some(ours) = our_leaves(&body) else {
        return 0;
    };
    let whole = [lines.as_bytes(), b"\r\n", content].concat();
    let message = MessageParser::new().parse(&whole).expect("a message");
    let mut theirs = Vec::new();
    leaves(&message, 0, &mut theirs);
    assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&whole));
    ours.len()
}

/// The body of a SIP message and its Content-Type, if it is a multipart.
fn multipart(message: &[u8]) -> Option<(String, &[u8])> {
    let blanks = [b"\r\n\r\n".as_slice(), b"\n\n"];
    let ends = blanks.iter().filter_map(|blank| {
        let at = message
            .windows(blank.len())
            .position(|octets| octets == *blank);
        Some((at?, blank.len()))
    });
    let (end, blank) = ends.min()?;
    let head = String::from_utf8_lossy(&message[..end]).replace("\r\n", "\n");
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let kind = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim().to_lowercase();
        ["content-type", "c"]
            .contains(&&*name)
            .then(|| value.trim().to_string())
    })?;
    let is_multipart = kind.to_lowercase().starts_with("multipart/");
    is_multipart.then_some((kind, &message[end + blank..]))
}

#[test]
fn bodies_of_the_corpora_are_split_alike_by_both() {
    let Some(folder) = corpus("fuzz-seeds") else {
        return;
    };
    let torture = corpus("sip-torture").unwrap();
    let mut files = vec![torture.join("msgs/mpart01.dat")];
    for manifest in ["sip/manifest-rfc.json", "sip/manifest-repos.json"] {
        let manifest = std::fs::read(folder.join(manifest)).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        for item in manifest["items"].as_array().unwrap() {
            files.push(folder.join("sip").join(item["file"].as_str().unwrap()));
        }
    }
    let mut leaves = Vec::new();
    for file in files {
        let octets = std::fs::read(&file).unwrap();
        if let Some((kind, content)) = multipart(&octets) {
            println!("{}", file.display());
            leaves.push(split_alike(&kind, content));
        }
    }
    println!("{leaves:?}");
    // Two of RFC 3261 are cut short.
    assert_eq!(leaves.iter().filter(|count| **count == 0).count(), 2);
    assert_eq!(leaves.len(), 10);
}

proptest! {
    /// What one of ours accepts of documents made of pieces, both read alike.
    #[test]
    fn documents_made_of_pieces_say_the_same_to_both(pieces in prop::collection::vec(prop::sample::select(vec![
        "<entry uri='sip:a@h'/>", "<entry uri=\"sip:b@h?X=1&amp;Y=&#x32;\" cp:copyControl='to'>", "</entry>", "<list>",
        "</list>", "<list name='x'>", "<entry-ref ref=' r\n'/>", "<external anchor='http://h/&lt;'/>", "<!-- <entry/> -->",
        "<![CDATA[<entry/>]]>", "<?p <entry/> ?>", "<x:entry uri='no' xmlns:x='urn:x'/>", "text &gt; ]]", "\r\n", "\t",
        "<entry uri='tel:+1' q:copyControl='cc' q:anonymize='1' xmlns:q='urn:ietf:params:xml:ns:copyControl'/>",
        "<user entity='u'>", "</user>", "<users>", "</users>", "<endpoint>", "</endpoint>", "<status> on-hold</status>",
        "<display-text>a\r\nb&amp;<![CDATA[c]]></display-text>", "<media id='1'/>",
        "<state>active</state>", "<message-id> 1 </message-id>", "<datetime>2</datetime>", "<recipient-uri>x</recipient-uri>",
        "<original-recipient-uri>y</original-recipient-uri>", "<lastactive>2003-01-27T10:43:00Z</lastactive>",
    ]), 0..14)) {
        let inner = pieces.concat();
        for (root, space) in [
            ("resource-lists", "resource-lists"), ("imdn", "imdn"), ("isComposing", "im-iscomposing"),
            ("conference-info", "conference-info"),
        ] {
            let list = if root == "resource-lists" { ("<list>", "</list>") } else { ("", "") };
            let xml = format!(
                "<{root} xmlns='urn:ietf:params:xml:ns:{space}' xmlns:cp='urn:ietf:params:xml:ns:copycontrol' \
                 entity='c' version='1'>{}{inner}{}</{root}>", list.0, list.1
            );
            agree(xml.as_bytes());
        }
    }

    /// What the second parser refuses, we refuse.
    #[test]
    fn nobody_accepts_what_the_other_refuses(pieces in prop::collection::vec(prop::sample::select(vec![
        "<", ">", "/", "entry", " uri=", "'", "\"", "sip:a@h", "<list>", "</list>", "<!--", "-->", "<![CDATA[", "]]>",
        "<?p", "?>", "&amp;", "&#x41;", "&", "\u{e9}", "\n", " xmlns:x=", "=", "<!", "<entry uri='sip:a@h'", "/>",
    ]), 0..12)) {
        let inner = pieces.concat();
        agree(format!("<resource-lists xmlns='{LISTS}'><list>{inner}</list></resource-lists>").as_bytes());
    }

    /// Trees that we write, the second parser reads as they were.
    #[test]
    fn trees_of_parts_are_split_alike_by_both(
        contents in prop::collection::vec("(--b[0-9]{0,2}|\r\n|-|[a-z])(--b[0-9]|\r\n|-|[a-z]){0,20}", 1..12),
        shape in prop::collection::vec((0..3usize, 1..4usize), 0..5),
    ) {
        let plain = "Content-Type: application/x-y\r\n".to_string();
        let mut parts: Vec<(String, Bytes)> =
            contents.iter().map(|content| (plain.clone(), Bytes::from(content.clone()))).collect();
        let mut kinds = String::new();
        for (kind, count) in shape.into_iter().chain([(0, usize::MAX)]) {
            let kind = [Multipart::Mixed, Multipart::Alternative, Multipart::Related][kind];
            let rest = parts.split_off(count.min(parts.len()));
            let out: Vec<_> = parts.iter().map(|(lines, content)| OutPart { lines, content }).collect();
            let written = mime::write_multipart(&mut BytesMut::new(), kind, &out);
            kinds = String::from_utf8_lossy(&written.content_type).into_owned();
            parts = rest;
            parts.push((format!("Content-Type: {kinds}\r\n"), written.body));
        }
        let (_, whole) = parts.pop().unwrap();
        prop_assert_eq!(split_alike(&kinds, &whole), contents.len());
    }
}
