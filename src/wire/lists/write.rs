//! URI-lists written.

use core::ops::Range;

use bytes::{BufMut, BytesMut};

use super::{
    COPY_CONTROL, CopyControl, DisplayName, Elsewhere, Entry, LISTS, List, Reference, UriList,
};
use crate::wire::xml::{self, attribute, escape, line};

/// Writes a list of recipients, as a request to a URI-list service has it.
pub fn write_list(out: &mut BytesMut, entries: &[Entry]) {
    let marked = |entry: &Entry| entry.copy.is_some() || entry.anonymize;
    open(out, entries.iter().any(marked));
    for entry in entries {
        put_entry(out, entry);
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

/// Writes a whole document: lists within lists, references, names and counts. Entries that are in no list are
/// written in one of their own.
pub fn write(out: &mut BytesMut, list: &UriList) {
    let counts = |place: usize| list.note(place).is_some_and(|note| note.count.is_some());
    let marked =
        |(place, entry): (usize, &Entry)| entry.copy.is_some() || entry.anonymize || counts(place);
    begin(out, list.entries.iter().enumerate().any(marked));
    let mut writer = Writer {
        out,
        list,
        next: 0,
        references: list.references.as_slice(),
    };
    let mut done = 0;
    while let Some(next) = list.lists.get(writer.next) {
        writer.loose(done..next.entries.start);
        done = next.entries.end;
        writer.list();
    }
    writer.loose(done..list.entries.len());
    out.put_slice(b"</resource-lists>");
}

struct Writer<'a> {
    out: &'a mut BytesMut,
    list: &'a UriList,
    /// The list that is written next.
    next: usize,
    /// What is still to be written, those of an earlier list first.
    references: &'a [Reference],
}

impl Writer<'_> {
    /// Writes the next list, and those in it. As deep as lists are within one another.
    fn list(&mut self) {
        let place = self.next;
        let Some(list) = self.list.lists.get(place) else {
            return;
        };
        self.next += 1;
        self.out.put_slice(b"<list");
        if let Some(name) = &list.name {
            attribute(self.out, "name", name);
        }
        line(self.out, ">");
        if let Some(name) = &list.display_name {
            self.display_name(name);
        }
        // Lists in this one may have references of their own, which come later.
        let own = self
            .references
            .iter()
            .take_while(|found| found.list == place);
        let (mut own, rest) = self.references.split_at(own.count());
        self.references = rest;
        let mut at = list.entries.start;
        loop {
            while let Some((reference, rest)) = own.split_first().filter(|(own, _)| own.at <= at) {
                self.reference(reference);
                own = rest;
            }
            let inner = self.list.lists.get(self.next);
            let is_inner = |inner: &&List| inner.depth > list.depth && inner.entries.start <= at;
            if let Some(inner) = inner.filter(is_inner) {
                self.list();
                at = at.max(inner.entries.end);
            } else if at < list.entries.end {
                self.entry(at);
                at += 1;
            } else {
                break;
            }
        }
        own.iter().for_each(|reference| self.reference(reference));
        line(self.out, "</list>");
    }

    fn loose(&mut self, entries: Range<usize>) {
        if !entries.is_empty() {
            line(self.out, "<list>");
            entries.for_each(|place| self.entry(place));
            line(self.out, "</list>");
        }
    }

    fn entry(&mut self, place: usize) {
        let Some(entry) = self.list.entries.get(place) else {
            return;
        };
        put_entry(self.out, entry);
        let note = self.list.note(place);
        if let Some(count) = note.and_then(|note| note.count) {
            let _ = core::fmt::write(self.out, format_args!(" cp:count=\"{count}\""));
        }
        self.named(note.and_then(|note| note.display_name.as_ref()), "entry");
    }

    fn reference(&mut self, reference: &Reference) {
        let (element, target) = match reference.what {
            Elsewhere::Entry => ("entry-ref", "ref"),
            Elsewhere::List => ("external", "anchor"),
        };
        self.out.put_slice(b"<");
        self.out.put_slice(element.as_bytes());
        attribute(self.out, target, &reference.target);
        self.named(reference.display_name.as_ref(), element);
    }

    /// Ends an open tag, with what to show for it.
    fn named(&mut self, name: Option<&DisplayName>, element: &str) {
        let Some(name) = name else {
            return line(self.out, "/>");
        };
        self.out.put_slice(b">");
        self.display_name(name);
        self.out.put_slice(b"</");
        self.out.put_slice(element.as_bytes());
        line(self.out, ">");
    }

    fn display_name(&mut self, name: &DisplayName) {
        self.out.put_slice(b"<display-name");
        if let Some(language) = &name.language {
            attribute(self.out, "xml:lang", language);
        }
        self.out.put_slice(b">");
        escape(self.out, &name.text);
        line(self.out, "</display-name>");
    }
}

fn begin(out: &mut BytesMut, copies: bool) {
    xml::begin(out, "resource-lists", LISTS);
    if copies {
        attribute(out, "xmlns:cp", COPY_CONTROL);
    }
    line(out, ">");
}

fn open(out: &mut BytesMut, copies: bool) {
    begin(out, copies);
    line(out, "<list>");
}

fn close(out: &mut BytesMut) {
    out.put_slice(b"</list>\r\n</resource-lists>");
}

/// Writes an entry, whose tag stays open.
fn put_entry(out: &mut BytesMut, entry: &Entry) {
    out.put_slice(b"<entry");
    attribute(out, "uri", &entry.uri.0);
    if let Some(copy) = entry.copy {
        put_copy(out, copy);
    }
    if entry.anonymize {
        out.put_slice(b" cp:anonymize=\"true\"");
    }
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
