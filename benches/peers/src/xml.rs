//! Lists of a thousand members, with name spaces.

use std::fmt::Write as _;

use bytes::BytesMut;
use quick_xml::events::Event;
use simple_im::wire::lists;
use simple_im::{CopyControl, Entry, Limits, Uri};

use crate::Job;

const LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
const COPY: &str = "urn:ietf:params:xml:ns:copycontrol";

pub(crate) fn jobs() -> Vec<Job> {
    let uris: Vec<String> = (0..1000)
        .map(|n| format!("sip:user{n:04}@example.com"))
        .collect();
    let entries: Vec<Entry> = uris
        .iter()
        .map(|uri| Entry {
            uri: Uri::copy(uri).expect("sample"),
            copy: Some(CopyControl::To),
            anonymize: false,
        })
        .collect();
    let mut out = BytesMut::with_capacity(1 << 18);
    lists::write_list(&mut out, &entries);
    let ours = out.clone().freeze();
    let text: &'static str = String::from_utf8(ours.to_vec()).expect("sample").leak();
    let limits = Limits::default();
    let read = Job::new(
        format!("list of 1,000, {} B: parse", text.len()),
        move || lists::parse(&ours, &limits).expect("sample").entries.len(),
    )
    .gated("roxmltree, a tree", 2.8, move || {
        let tree = roxmltree::Document::parse(text).expect("sample");
        tree.descendants()
            .filter(|node| node.has_tag_name((LISTS, "entry")))
            .count()
    })
    .gated("quick-xml, events", 2.8, move || quick(text))
    .gated("xmlparser, tokens", 1.8, move || {
        xmlparser::Tokenizer::from(text)
            .filter(Result::is_ok)
            .count()
    });
    let write = Job::new("list of 1,000: write", move || {
        out.clear();
        lists::write_list(&mut out, &entries);
        out.len()
    })
    .gated("xmlwriter", 3.5, move || written(&uris));
    vec![read, write]
}

/// Name spaces resolved, attributes read.
fn quick(text: &str) -> usize {
    let mut reader = quick_xml::NsReader::from_str(text);
    let mut entries = 0;
    loop {
        match reader.read_event().expect("sample") {
            Event::Empty(entry) if entry.local_name().as_ref() == "entry" => {
                let uri = entry
                    .try_get_attribute("uri")
                    .expect("sample")
                    .expect("uri");
                entries += usize::from(!uri.value.is_empty());
            }
            Event::Eof => return entries,
            _ => {}
        }
    }
}

fn written(uris: &[String]) -> usize {
    let mut xml = xmlwriter::XmlWriter::new(xmlwriter::Options::default());
    xml.write_declaration();
    xml.start_element("resource-lists");
    xml.write_attribute("xmlns", LISTS);
    xml.write_attribute_fmt("xmlns:cp", format_args!("{COPY}"));
    xml.start_element("list");
    for uri in uris {
        xml.start_element("entry");
        xml.write_attribute("uri", uri);
        xml.write_attribute("cp:copyControl", "to");
        xml.end_element();
    }
    let mut text = xml.end_document();
    text.write_char('\n').expect("a string");
    text.len()
}
