//! The door that all XML comes through, and what writing it takes.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};
use memchr::{memchr, memmem};
use roxmltree::{Document, Node, TextPos};

use super::octet::{TAG, TEXT, run};
use crate::{Flaw, Limits, Status};

/// Declarations of name spaces in one document; above it the document is refused with 400. The
/// parser sorts them as they come.
const DECLARATIONS: usize = 4_096;

/// Parses a document after a look at what its parsing would cost.
///
/// # Errors
///
/// Status 400: more than `octets`, not UTF-8, not well-formed, a document type declaration (and with
/// it any entity of its own), or deeper, wider or with more name spaces than `limits` allows (CC-100).
pub(super) fn parse<'a>(
    xml: &'a [u8],
    octets: usize,
    limits: &Limits,
) -> Result<Document<'a>, Flaw> {
    if xml.len() > octets {
        return Err(flaw(octets, "document too long"));
    }
    let text = core::str::from_utf8(xml)
        .map_err(|error| flaw(error.valid_up_to(), "document is not UTF-8"))?;
    survey(text, limits)?;
    Document::parse(text)
        .map_err(|error| flaw(offset(text, error.pos()), "document is not well-formed XML"))
}

/// Where an element's name stands in its document.
pub(super) fn place(node: Node<'_, '_>) -> usize {
    within(node.document().input_text(), node.tag_name().name())
}

/// Where a piece of a text stands in it; 0 for what stands in storage of its own, as values with
/// entities do.
pub(super) fn within(text: &str, piece: &str) -> usize {
    let at = piece.as_ptr().addr().checked_sub(text.as_ptr().addr());
    at.filter(|at| *at <= text.len()).unwrap_or(0)
}

/// The children of one name space, with their names. Whatever else there is, nobody understands.
pub(super) fn children<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    space: &'static str,
) -> impl Iterator<Item = (&'i str, Node<'a, 'i>)> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().namespace() == Some(space))
        .map(|child| (child.tag_name().name(), child))
}

/// The text of an element, without that of the elements in it.
pub(super) fn text(node: Node<'_, '_>) -> String {
    node.children()
        .filter(Node::is_text)
        .filter_map(|child| child.text())
        .collect()
}

/// The text of an element, without blanks around it.
pub(super) fn word(node: Node<'_, '_>) -> String {
    let text = text(node);
    match text.trim() {
        word if word.len() == text.len() => text,
        word => word.into(),
    }
}

/// Begins a document with its root, whose tag stays open for attributes.
pub(super) fn begin(out: &mut BytesMut, root: &str, space: &str) {
    out.put_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<");
    out.put_slice(root.as_bytes());
    attribute(out, "xmlns", space);
}

/// Writes a line of markup as it stands.
pub(super) fn line(out: &mut BytesMut, markup: &str) {
    out.put_slice(markup.as_bytes());
    out.put_slice(b"\r\n");
}

/// Writes an attribute into an open tag.
pub(super) fn attribute(out: &mut BytesMut, name: &str, value: impl AsRef<[u8]>) {
    out.put_slice(b" ");
    out.put_slice(name.as_bytes());
    out.put_slice(b"=\"");
    escape(out, value);
    out.put_slice(b"\"");
}

/// Writes an element that has text only.
pub(super) fn element(out: &mut BytesMut, name: &str, text: &str) {
    out.put_slice(b"<");
    out.put_slice(name.as_bytes());
    out.put_slice(b">");
    escape(out, text);
    out.put_slice(b"</");
    out.put_slice(name.as_bytes());
    line(out, ">");
}

/// Writes text as it may stand in an attribute or an element. What no XML document can hold becomes
/// U+FFFD.
pub(super) fn escape(out: &mut BytesMut, text: impl AsRef<[u8]>) {
    let mut rest = text.as_ref();
    loop {
        let (plain, special) = run(rest, TEXT);
        out.put_slice(plain);
        let (written, after): (&[u8], &[u8]) = match special {
            [] => return,
            [b'&', after @ ..] => (b"&amp;", after),
            [b'<', after @ ..] => (b"&lt;", after),
            [b'>', after @ ..] => (b"&gt;", after),
            [b'"', after @ ..] => (b"&quot;", after),
            // As they are, a reader would take them for blanks, or the last for the one before it.
            [b'\t', after @ ..] => (b"&#9;", after),
            [b'\n', after @ ..] => (b"&#10;", after),
            [b'\r', after @ ..] => (b"&#13;", after),
            // U+FFFE and U+FFFF are no characters of XML, nor are the other controls.
            [0xEF, 0xBF, 0xBE | 0xBF, after @ ..] => ("\u{fffd}".as_bytes(), after),
            [0xEF, after @ ..] => (b"\xEF", after),
            [_, after @ ..] => ("\u{fffd}".as_bytes(), after),
        };
        out.put_slice(written);
        rest = after;
    }
}

/// An enumeration of words that a schema lists.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name { $($(#[$what])* $word,)+ }

        impl $name {
            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)+ }
            }

            /// Reads a word; case matters.
            pub fn read(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$word),)+ _ => None }
            }
        }
    };
}
pub(super) use words;

pub(super) fn flaw(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}

/// Looks at the document before it is parsed: its depth, its attributes, its name spaces, its encoding.
///
/// The parser compares each attribute with all others of its element, and each name space that an
/// element declares with all that it inherits, so that a document made for it would keep it busy for
/// minutes; here they are counted in one pass.
fn survey(text: &str, limits: &Limits) -> Result<(), Flaw> {
    let octets = text.as_bytes();
    let (mut at, mut declared) = (0, 0);
    // How many name spaces are in scope in each open element; as deep as the limit at most.
    let mut scopes: Vec<usize> = Vec::new();
    while let Some(found) = octets.get(at..).and_then(|rest| memchr(b'<', rest)) {
        at += found;
        let rest = octets.get(at..).unwrap_or_default();
        let end = match rest {
            [b'<', b'!', b'-', b'-', ..] => memmem::find(rest, b"-->"),
            [b'<', b'!', b'[', ..] => memmem::find(rest, b"]]>"),
            [b'<', b'!', ..] => return Err(flaw(at, "document type declaration")),
            [b'<', b'?', ..] => {
                let end = memmem::find(rest, b"?>");
                let declaration = end.and_then(|end| text.get(at..at + end));
                if declaration.is_some_and(in_another_encoding) {
                    return Err(flaw(at, "document is not UTF-8"));
                }
                end
            }
            [b'<', b'/', ..] => {
                scopes.pop();
                memchr(b'>', rest)
            }
            _ => {
                let tag = Tag::read(rest);
                let scope = scopes.last().copied().unwrap_or(0) + tag.spaces;
                declared += tag.spaces;
                if tag.attributes > limits.xml_attributes {
                    return Err(flaw(at, "element with too many attributes"));
                }
                if scope > limits.xml_attributes || declared > DECLARATIONS {
                    return Err(flaw(at, "document with too many name spaces"));
                }
                if scopes.len() >= limits.xml_depth {
                    return Err(flaw(at, "document too deep"));
                }
                if !tag.is_empty {
                    scopes.push(scope);
                }
                Some(tag.end)
            }
        };
        // What does not end is the parser's to refuse.
        at += end.unwrap_or(rest.len()).max(1);
    }
    Ok(())
}

/// A start tag.
#[derive(Default)]
struct Tag {
    /// Where it ends.
    end: usize,
    /// Whether it is the whole element.
    is_empty: bool,
    attributes: usize,
    /// Name spaces that it declares.
    spaces: usize,
}

impl Tag {
    fn read(text: &[u8]) -> Self {
        let mut tag = Self::default();
        // What is not read yet, and where the name of an attribute may begin.
        let (mut rest, mut name) = (text, text);
        loop {
            let tail = run(rest, TAG).1;
            tag.end = text.len() - tail.len();
            match tail {
                [] => return tag,
                [b'>', ..] => {
                    let before = text.get(..tag.end).unwrap_or_default();
                    tag.is_empty = before.ends_with(b"/");
                    return tag;
                }
                [b'=', after @ ..] => {
                    tag.attributes += 1;
                    tag.spaces += usize::from(name.starts_with(b"xmlns"));
                    rest = after;
                }
                [quote @ (b'"' | b'\''), after @ ..] => {
                    let end = memchr(*quote, after).map_or(after.len(), |end| end + 1);
                    rest = after.get(end..).unwrap_or_default();
                    name = rest;
                }
                // A blank may stand between the name and what it equals.
                [_, after @ ..] => {
                    let is_name = |next: &u8| !next.is_ascii_whitespace() && *next != b'=';
                    if after.first().is_none_or(is_name) {
                        name = after;
                    }
                    rest = after;
                }
            }
        }
    }
}

fn in_another_encoding(declaration: &str) -> bool {
    let value = declaration
        .starts_with("<?xml")
        .then(|| declaration.split_once("encoding"));
    let Some(Some((_, value))) = value else {
        return false;
    };
    let name = value.trim_matches(|c: char| c.is_ascii_whitespace() || "=\"'".contains(c));
    let name = name.split(['"', '\'']).next().unwrap_or_default();
    !["UTF-8", "US-ASCII", "UTF8"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The octet at a line and column, both counted from 1; columns are characters.
fn offset(text: &str, pos: TextPos) -> usize {
    let line = (pos.row as usize).saturating_sub(1);
    let begin = text
        .split_inclusive('\n')
        .take(line)
        .map(str::len)
        .sum::<usize>();
    let column = (pos.col as usize).saturating_sub(1);
    let rest = text.get(begin..).unwrap_or_default();
    begin + rest.chars().take(column).map(char::len_utf8).sum::<usize>()
}
