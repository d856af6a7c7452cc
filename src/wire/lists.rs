//! URI-lists (RFC 4826, RFC 5364).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use bytes::{BufMut, BytesMut};
use roxmltree::Node;

use super::octet::offset;
use super::xml::{self, flaw};
use crate::{Body, Flaw, Limits, Part, Profile, Uri};

mod write;

pub use crate::roster::{CopyControl, Entry};
pub use write::{write, write_history, write_list};

/// The media type of the document (RFC 4826 §3.4.2).
pub const MEDIA_TYPE: &str = "application/resource-lists+xml";

const LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
const COPY_CONTROL: &str = "urn:ietf:params:xml:ns:copycontrol";
/// How one figure of RFC 5366 spells it, and who copied from there (D-35). Who passed it over would
/// take `bcc` off its recipients.
const COPY_CONTROL_MISSPELT: &str = "urn:ietf:params:xml:ns:copyControl";

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// A URI-list that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UriList {
    /// The entries in document order, those of nested lists among them.
    pub entries: Vec<Entry>,
    /// The lists that the entries are in, in document order: each before those in it.
    pub lists: Vec<List>,
    /// References to entries and lists elsewhere, by the list that they are in and their place in it. Nobody
    /// here follows them (RFC 5363 §4, RFC 5365 §7).
    pub references: Vec<Reference>,
    /// What few entries have, by their place.
    notes: BTreeMap<usize, Note>,
}

/// A list within a document, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The handle by which others refer to it.
    pub name: Option<String>,
    /// What to show for it.
    pub display_name: Option<DisplayName>,
    /// How many lists it is in.
    pub depth: usize,
    /// The places of its entries, those of lists in it among them.
    pub entries: Range<usize>,
}

/// A text for human eyes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisplayName {
    /// The text.
    pub text: String,
    /// In which language it is (`xml:lang`), if that is said.
    pub language: Option<String>,
}

/// What an entry refers to instead of naming it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What is elsewhere.
    pub what: Elsewhere,
    /// Where: a path relative to an XCAP root for an entry, an absolute HTTP URI for a list. As it came;
    /// it may be anything, and is not there to be fetched without a policy.
    pub target: String,
    /// What to show for it.
    pub display_name: Option<DisplayName>,
    /// The place of the list that the reference is in.
    pub list: usize,
    /// How many entries of the document stand before it.
    pub at: usize,
}

/// What is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// One entry: `entry-ref` (RFC 4826 §3.1).
    Entry,
    /// A list: `external` (RFC 4826 §3.1).
    List,
}

/// What few entries have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// What to show for the entry.
    pub display_name: Option<DisplayName>,
    /// How many anonymous recipients the entry stands for in a history (RFC 5364 §6). What is no number
    /// counts for nothing.
    pub count: Option<u32>,
}

impl UriList {
    /// What few entries have, for the one at that place.
    pub fn note(&self, place: usize) -> Option<&Note> {
        self.notes.get(&place)
    }

    /// Adds what few entries have to the one at that place.
    pub fn annotate(&mut self, place: usize, note: Note) {
        match note == Note::default() {
            true => self.notes.remove(&place),
            false => self.notes.insert(place, note),
        };
    }
}

impl From<Vec<Entry>> for UriList {
    /// One list of these entries.
    fn from(entries: Vec<Entry>) -> Self {
        let list = List {
            entries: 0..entries.len(),
            ..List::default()
        };
        Self {
            entries,
            lists: vec![list],
            ..Self::default()
        }
    }
}

/// Reads a `resource-lists` document. The URIs of all entries share one block of storage.
///
/// # Errors
///
/// Status 400: not UTF-8, not well-formed, a document type declaration, deeper, wider or with more octets,
/// entries, references, lists, or lists within lists than `limits` allows (CC-100), or an entry whose URI is
/// neither SIP, SIPS nor tel.
pub fn parse(xml: &[u8], limits: &Limits) -> Result<UriList, Flaw> {
    let document = xml::parse(xml, limits.list_octets, limits)?;
    let root = document.root_element();
    if !root.has_tag_name((LISTS, "resource-lists")) {
        return Err(flaw(xml::place(root), "not a resource-lists document"));
    }
    let mut reader = Reader {
        text: document.input_text(),
        limits,
        list: UriList::default(),
        found: Vec::new(),
        storage: BytesMut::new(),
    };
    for (_, list) in xml::children(root, LISTS).filter(|(name, _)| *name == "list") {
        reader.list(list, 0)?;
    }
    reader.finish()
}

impl Part {
    /// Reads the part as a URI-list.
    ///
    /// # Errors
    ///
    /// As [`parse`]; and 415 where it is another kind of list, or encoded.
    pub fn recipient_list(&self, limits: &Limits) -> Result<UriList, Flaw> {
        parse(self.of(MEDIA_TYPE)?, limits)
    }
}

impl Body {
    /// The part that names the recipients, and its place: the one with disposition
    /// `recipient-list` (RFC 5363 §4), or without any if the profile tolerates that (DR-26).
    ///
    /// # Errors
    ///
    /// Status 400: the body cannot be split, or two parts name recipients (CC-92).
    pub fn recipient_list_part(&self, profile: &Profile) -> Result<Option<(usize, &Part)>, Flaw> {
        let only = |wanted: &dyn Fn(&Part) -> bool| {
            let mut parts = self.parts()?.iter().enumerate();
            let found = parts.find(|(_, part)| wanted(part));
            match parts.find(|(_, part)| wanted(part)) {
                Some((_, second)) => {
                    let at = offset(self.whole(), second.content());
                    Err(flaw(at, "two recipient lists"))
                }
                None => Ok(found),
            }
        };
        let named = only(&|part| part.is_disposed("recipient-list"))?;
        if named.is_some() || !profile.list_without_disposition {
            return Ok(named);
        }
        only(&|part| part.disposition().is_none() && part.is(MEDIA_TYPE))
    }
}

struct Reader<'a> {
    text: &'a str,
    limits: &'a Limits,
    list: UriList,
    /// Where the URI ends in the storage, where it stands in the document, and how it is copied.
    found: Vec<(usize, usize, Option<CopyControl>, bool)>,
    storage: BytesMut,
}

impl Reader<'_> {
    /// Takes the entries of a list and of those within it. As deep as the document, at most [`Limits::xml_depth`].
    fn list(&mut self, node: Node<'_, '_>, depth: usize) -> Result<(), Flaw> {
        if depth == self.limits.list_depth {
            return Err(flaw(xml::place(node), "list within too many lists"));
        }
        let place = self.list.lists.len();
        if place == self.limits.list_entries {
            return Err(flaw(xml::place(node), "document with too many lists"));
        }
        self.list.lists.push(List {
            name: node.attribute("name").map(String::from),
            display_name: None,
            depth,
            entries: self.found.len()..self.found.len(),
        });
        for (name, child) in xml::children(node, LISTS) {
            match name {
                "list" => self.list(child, depth + 1)?,
                "entry" => self.entry(child)?,
                "entry-ref" => self.reference(child, Elsewhere::Entry, place)?,
                "external" => self.reference(child, Elsewhere::List, place)?,
                "display-name" => {
                    if let Some(list) = self.list.lists.get_mut(place) {
                        list.display_name = Some(display_name(child));
                    }
                }
                _ => {}
            }
        }
        if let Some(list) = self.list.lists.get_mut(place) {
            list.entries.end = self.found.len();
        }
        Ok(())
    }

    /// Makes sure that there is room for one more.
    fn count(&self, at: usize) -> Result<(), Flaw> {
        match self.found.len() + self.list.references.len() < self.limits.list_entries {
            true => Ok(()),
            false => Err(flaw(at, "list with too many entries")),
        }
    }

    fn entry(&mut self, node: Node<'_, '_>) -> Result<(), Flaw> {
        let uri = node.attribute("uri").unwrap_or_default().trim();
        let at = match xml::within(self.text, uri) {
            0 => xml::place(node),
            at => at,
        };
        self.count(at)?;
        let Controls {
            copy,
            anonymize,
            count,
        } = Controls::of(node);
        let note = Note {
            display_name: shown(node),
            count,
        };
        self.list.annotate(self.found.len(), note);
        self.storage.put_slice(uri.as_bytes());
        self.found.push((self.storage.len(), at, copy, anonymize));
        Ok(())
    }

    fn reference(&mut self, node: Node<'_, '_>, what: Elsewhere, list: usize) -> Result<(), Flaw> {
        self.count(xml::place(node))?;
        let target = match what {
            Elsewhere::Entry => node.attribute("ref"),
            Elsewhere::List => node.attribute("anchor"),
        };
        self.list.references.push(Reference {
            what,
            target: target.unwrap_or_default().trim().into(),
            display_name: shown(node),
            list,
            at: self.found.len(),
        });
        Ok(())
    }

    fn finish(self) -> Result<UriList, Flaw> {
        let storage = self.storage.freeze();
        let mut begin = 0;
        let entries = self.found.into_iter().map(|(end, at, copy, anonymize)| {
            let text = storage.slice(begin..end);
            begin = end;
            let uri = Uri::parse(text).map_err(|_| flaw(at, "entry without usable URI"))?;
            Ok(Entry {
                uri,
                copy,
                anonymize,
            })
        });
        let mut list = self.list;
        list.entries = entries.collect::<Result<_, Flaw>>()?;
        list.references
            .sort_by_key(|reference| (reference.list, reference.at));
        Ok(list)
    }
}

/// What the attributes of RFC 5364 say of an entry.
#[derive(Default)]
struct Controls {
    copy: Option<CopyControl>,
    anonymize: bool,
    count: Option<u32>,
}

impl Controls {
    fn of(node: Node<'_, '_>) -> Self {
        let mut controls = Self::default();
        // What is spelt right counts, where both are there.
        for space in [COPY_CONTROL_MISSPELT, COPY_CONTROL] {
            let own = node.attributes().filter(|it| it.namespace() == Some(space));
            for (name, value) in own.map(|it| (it.name(), it.value().trim())) {
                match name {
                    "copyControl" => controls.copy = copy_of(value),
                    "anonymize" => controls.anonymize = matches!(value, "true" | "1"),
                    "count" => controls.count = value.parse().ok(),
                    _ => {}
                }
            }
        }
        controls
    }
}

/// What is not understood must not make anybody visible.
fn copy_of(value: &str) -> Option<CopyControl> {
    match value {
        "to" => Some(CopyControl::To),
        "cc" => Some(CopyControl::Cc),
        "bcc" => Some(CopyControl::Bcc),
        _ => None,
    }
}

/// What to show for an element, if it says so.
fn shown(node: Node<'_, '_>) -> Option<DisplayName> {
    let (_, name) = xml::children(node, LISTS).find(|(name, _)| *name == "display-name")?;
    Some(display_name(name))
}

fn display_name(node: Node<'_, '_>) -> DisplayName {
    DisplayName {
        text: xml::text(node),
        language: node.attribute((XML, "lang")).map(String::from),
    }
}
