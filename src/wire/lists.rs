//! URI-lists (RFC 4826, RFC 5364).

use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};
use roxmltree::Node;

use super::xml::{self, escape, flaw};
use crate::{Body, Flaw, Limits, Part, Profile, Status, Uri};

pub use crate::roster::{CopyControl, Entry};

const LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
const COPY_CONTROL: &str = "urn:ietf:params:xml:ns:copycontrol";
/// How one figure of RFC 5366 spells it, and who copied from there (D-35). Who passed it over would
/// take `bcc` off its recipients.
const COPY_CONTROL_MISSPELT: &str = "urn:ietf:params:xml:ns:copyControl";

/// A URI-list that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UriList {
    /// The entries in document order, those of nested lists among them.
    pub entries: Vec<Entry>,
    /// References to lists elsewhere (`entry-ref`, `external`), which were passed over
    /// (RFC 5363 §4, RFC 5365 §7).
    pub unresolved: usize,
}

/// Reads a `resource-lists` document. The URIs of all entries share one block of storage.
///
/// # Errors
///
/// Status 400: not UTF-8, not well-formed, a document type declaration, deeper, wider or with more
/// octets or entries than `limits` allows (CC-100), or an entry whose URI is neither SIP, SIPS nor
/// tel.
pub fn parse(xml: &[u8], limits: &Limits) -> Result<UriList, Flaw> {
    let document = xml::parse(xml, limits.list_octets, limits)?;
    let root = document.root_element();
    if !root.has_tag_name((LISTS, "resource-lists")) {
        return Err(flaw(0, "not a resource-lists document"));
    }
    let mut reader = Reader {
        text: document.input_text(),
        limit: limits.list_entries,
        found: Vec::new(),
        storage: BytesMut::new(),
        unresolved: 0,
    };
    for list in root
        .children()
        .filter(|node| node.has_tag_name((LISTS, "list")))
    {
        reader.list(list)?;
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
        if self.is_encoded() || !self.is("application/resource-lists+xml") {
            return Err(Flaw {
                status: Status(415),
                ..flaw(0, "unknown kind of recipient list")
            });
        }
        parse(self.content(), limits)
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
                Some(_) => Err(flaw(0, "two recipient lists")),
                None => Ok(found),
            }
        };
        let named = only(&|part| part.is_disposed("recipient-list"))?;
        if named.is_some() || !profile.list_without_disposition {
            return Ok(named);
        }
        only(&|part| part.disposition().is_none() && part.is("application/resource-lists+xml"))
    }
}

/// Writes a list of recipients, as a request to a URI-list service has it.
pub fn write_list(out: &mut BytesMut, entries: &[Entry]) {
    let marked = |entry: &Entry| entry.copy.is_some() || entry.anonymize;
    open(out, entries.iter().any(marked));
    for entry in entries {
        out.put_slice(b"<entry uri=\"");
        escape(out, entry.uri.as_str());
        out.put_slice(b"\"");
        if let Some(copy) = entry.copy {
            put_copy(out, copy);
        }
        if entry.anonymize {
            out.put_slice(b" cp:anonymize=\"true\"");
        }
        out.put_slice(b"/>\r\n");
    }
    close(out);
}

/// Writes what each recipient may know of the others: who got it as `to` and `cc`. Those who stay
/// anonymous are one entry a level, with their number (RFC 5364 §6), where the first of them stood.
/// Nobody learns of a `bcc`, nor of an entry without copy control, which counts as one. Header fields
/// in a URI (`?Replaces=…`) concern its owner alone.
///
/// Gives false, and has written nothing, if there is nothing to know.
pub fn write_history(out: &mut BytesMut, entries: &[Entry]) -> bool {
    let seen = |entry: &&Entry| entry.copy > Some(CopyControl::Bcc);
    if !entries.iter().any(|entry| seen(&entry)) {
        return false;
    }
    open(out, true);
    let mut counted = [CopyControl::To, CopyControl::Cc].map(|level| {
        let hidden = entries
            .iter()
            .filter(|e| e.anonymize && e.copy == Some(level));
        (level, hidden.count())
    });
    for entry in entries.iter().filter(seen) {
        let Some(copy) = entry.copy else { continue };
        if !entry.anonymize {
            out.put_slice(b"<entry uri=\"");
            escape(out, without_headers(entry.uri.as_str()));
            out.put_slice(b"\"");
            put_copy(out, copy);
            out.put_slice(b"/>\r\n");
            continue;
        }
        let open = counted
            .iter_mut()
            .find(|(level, count)| *level == copy && *count > 0);
        if let Some((_, count)) = open {
            out.put_slice(b"<entry uri=\"sip:anonymous@anonymous.invalid\"");
            put_copy(out, copy);
            let _ = core::fmt::write(out, format_args!(" cp:count=\"{count}\"/>\r\n"));
            *count = 0;
        }
    }
    close(out);
    true
}

fn open(out: &mut BytesMut, copies: bool) {
    out.put_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<resource-lists xmlns=\"");
    out.put_slice(LISTS.as_bytes());
    if copies {
        out.put_slice(b"\" xmlns:cp=\"");
        out.put_slice(COPY_CONTROL.as_bytes());
    }
    out.put_slice(b"\">\r\n<list>\r\n");
}

fn close(out: &mut BytesMut) {
    out.put_slice(b"</list>\r\n</resource-lists>");
}

fn put_copy(out: &mut BytesMut, copy: CopyControl) {
    out.put_slice(match copy {
        CopyControl::To => b" cp:copyControl=\"to\"".as_slice(),
        CopyControl::Cc => b" cp:copyControl=\"cc\"",
        CopyControl::Bcc => b" cp:copyControl=\"bcc\"",
    });
}

/// A URI up to its header fields. A question mark in the user part is none of them.
fn without_headers(uri: &str) -> &str {
    let host = uri.find('@').unwrap_or(0);
    let end = uri.get(host..).and_then(|host| host.find('?'));
    end.and_then(|end| uri.get(..host + end)).unwrap_or(uri)
}

struct Reader<'a> {
    text: &'a str,
    limit: usize,
    /// Where the URI ends in the storage, where it stands in the document, and how it is copied.
    found: Vec<(usize, usize, Option<CopyControl>, bool)>,
    storage: BytesMut,
    unresolved: usize,
}

impl Reader<'_> {
    /// Takes the entries of a list and of those within it. As deep as the document, at most [`Limits::xml_depth`].
    fn list(&mut self, list: Node<'_, '_>) -> Result<(), Flaw> {
        for node in list.children().filter(Node::is_element) {
            let tag = node.tag_name();
            if tag.namespace() != Some(LISTS) {
                continue;
            }
            match tag.name() {
                "list" => self.list(node)?,
                "entry" => self.entry(node)?,
                "entry-ref" | "external" => self.unresolved += 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn entry(&mut self, node: Node<'_, '_>) -> Result<(), Flaw> {
        let uri = node.attribute("uri").unwrap_or_default().trim();
        let at = xml::within(self.text, uri);
        if self.found.len() == self.limit {
            return Err(flaw(at, "list with too many entries"));
        }
        let control = |name| {
            let right = node.attribute((COPY_CONTROL, name));
            right.or_else(|| node.attribute((COPY_CONTROL_MISSPELT, name)))
        };
        let copy = match control("copyControl").map(str::trim) {
            Some("to") => Some(CopyControl::To),
            Some("cc") => Some(CopyControl::Cc),
            Some("bcc") => Some(CopyControl::Bcc),
            // What is not understood must not make anybody visible.
            _ => None,
        };
        let anonymize = matches!(control("anonymize").map(str::trim), Some("true" | "1"));
        self.storage.put_slice(uri.as_bytes());
        self.found.push((self.storage.len(), at, copy, anonymize));
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
        Ok(UriList {
            entries: entries.collect::<Result<_, Flaw>>()?,
            unresolved: self.unresolved,
        })
    }
}
