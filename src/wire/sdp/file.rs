//! Files: the attributes of RFC 5547, and those of the draft before it (D-08).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use memchr::memchr;

use super::attribute::hex;
use super::line;
use super::{Media, flaw};
use crate::Flaw;
use crate::wire::octet::{decimal, offset};
use crate::wire::uri::unescape;

/// A file, as its attributes describe it: what was read, or what is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File<'a> {
    /// Its name, without escapes: whatever the peer likes, a path even. Never to be used as it is; see
    /// [`local_name`](Self::local_name).
    pub name: Option<Cow<'a, str>>,
    /// Its media type with parameters, as in a Content-Type header field.
    pub media_type: Option<Cow<'a, str>>,
    /// Its size in octets, without any wrapper.
    pub size: Option<u64>,
    /// Its SHA-1 hash. Of the whole file, even if a range of it is transferred.
    pub sha1: Option<[u8; 20]>,
    /// The name of this transfer: tells a new one from a repeated description (RFC 5547 §8.1).
    pub transfer: Option<&'a str>,
    /// What to do with it: `render`, `attachment` (RFC 2183). The draft's `inline` is `render`.
    pub disposition: Option<&'a str>,
    /// When it was made, changed and read.
    pub dates: FileDates<'a>,
    /// The Content-ID of a small picture of it, without `cid:` and without escapes.
    pub icon: Option<Cow<'a, str>>,
    /// The part of it that is transferred; `None` for all.
    pub range: Option<FileRange>,
}

/// Which attributes describe a file (D-08).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileAttributes {
    /// `filename`, `filetype`, `filesize`, `disposition`: what the first draft had.
    Draft,
    /// `file-selector` and its kin: RFC 5547.
    Rfc5547,
    /// Those of the RFC, then those of the draft.
    Both,
}

/// The dates of a file, as RFC 5322 writes them. Empty if they are not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileDates<'a> {
    /// When it was made.
    pub creation: &'a str,
    /// When it was last changed.
    pub modification: &'a str,
    /// When it was last read.
    pub read: &'a str,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRange {
    /// The first octet, counted from 1.
    pub start: u64,
    /// The last octet; `None` for the end of the file, wherever that is.
    pub stop: Option<u64>,
}

impl File<'_> {
    /// The name made harmless: without directories, control characters, changes of writing direction and what other
    /// systems take for a device or a wildcard; not empty, at most 255 octets, not hidden. `None` if it has no name.
    pub fn local_name(&self) -> Option<String> {
        let name = self.name.as_deref()?;
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut safe = String::with_capacity(last.len().min(256));
        for letter in last.chars() {
            let letter = if is_harmful(letter) { '_' } else { letter };
            if safe.len() + letter.len_utf8() > 255 {
                break;
            }
            safe.push(letter);
        }
        // Some systems take blanks and dots at the end off, so that the name is another one than was checked.
        safe.truncate(safe.trim_end_matches([' ', '.']).len());
        let first = safe.split('.').next().unwrap_or_default().trim_end();
        let device = DEVICES
            .iter()
            .any(|device| device.eq_ignore_ascii_case(first));
        if safe.is_empty() || safe.starts_with('.') || device {
            safe.insert(0, '_');
            while safe.len() > 255 {
                safe.pop();
            }
        }
        Some(safe)
    }
}

fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        // Marks, embeddings, overrides and isolates of writing direction; line and paragraph separators.
        || matches!(letter, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Names that Windows keeps for devices, with any extension.
const DEVICES: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8",
    "COM9", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

impl Media {
    /// The file that the line describes, if it does: by the attributes of RFC 5547 and, for what these do not say,
    /// by those of the draft (D-08).
    ///
    /// # Errors
    ///
    /// 400: an attribute of RFC 5547 is malformed.
    pub fn describes(&self) -> Result<Option<File<'_>>, Flaw> {
        if !self.file {
            return Ok(None);
        }
        let mut file = File::default();
        for line in self.lines() {
            let Some(attribute) = line.attribute() else {
                continue;
            };
            let at = line.offset(attribute.value.unwrap_or_default());
            let bad = |what| flaw(at, what);
            let text = attribute.text();
            match attribute.name {
                "file-selector" => file.select(FileSelector::new(&attribute.value, at))?,
                "file-transfer-id" => {
                    let id = is_token(text).then_some(text);
                    let id = id.ok_or(bad("file-transfer-id is no token"))?;
                    file.transfer = file.transfer.or(Some(id));
                }
                "file-disposition" => {
                    let token = is_token(text).then_some(text);
                    file.disposition = Some(token.ok_or(bad("file-disposition is no token"))?);
                }
                "file-date" => {
                    file.dates = FileDates::read(text).ok_or(bad("file-date is malformed"))?;
                }
                "file-icon" => {
                    let id = icon(text).ok_or(bad("file-icon is no cid URL"))?;
                    file.icon = Some(id);
                }
                "file-range" => {
                    let range = FileRange::read(text).ok_or(bad("file-range is malformed"))?;
                    file.range = Some(range);
                }
                _ => {}
            }
        }
        self.by_draft(&mut file);
        Ok(Some(file))
    }

    /// What the draft's attributes say of what is not known yet. Malformed ones say nothing.
    fn by_draft<'a>(&'a self, file: &mut File<'a>) {
        let said = |name| {
            let attribute = self.attribute(name);
            attribute
                .map(|attribute| attribute.text())
                .filter(|text| !text.is_empty())
        };
        file.name = file
            .name
            .take()
            .or_else(|| said("filename").map(Cow::Borrowed));
        let media_type = || said("filetype").map(Cow::Borrowed);
        file.media_type = file.media_type.take().or_else(media_type);
        let size = || said("filesize").and_then(decimal).or(self.filelength);
        file.size = file.size.or_else(size);
        let disposition = || match said("disposition") {
            Some("inline") => Some("render"),
            other => other,
        };
        file.disposition = file.disposition.or_else(disposition);
    }

    /// The first `a=file-selector`, raw.
    pub fn file_selector(&self) -> Option<FileSelector<'_>> {
        let mut lines = self.lines();
        lines.find_map(|line| {
            let attribute = line.attribute()?;
            let at = line.offset(attribute.value.unwrap_or_default());
            (attribute.name == "file-selector").then(|| FileSelector::new(&attribute.value, at))
        })
    }
}

impl<'a> File<'a> {
    fn select(&mut self, selector: FileSelector<'a>) -> Result<(), Flaw> {
        for selector in selector.selectors() {
            match selector? {
                Selector::Name(name) => self.name = Some(name.decode()),
                Selector::Size(size) => self.size = Some(size),
                Selector::Type(kind) => self.media_type = Some(kind.content_type()),
                Selector::Hash(hash) => self.sha1 = self.sha1.or(hash.sha1()),
                Selector::Other(_) => {}
            }
        }
        Ok(())
    }
}

/// The value of `a=file-selector`. Without selectors it says that its author can transfer files, and nothing of any
/// file (RFC 5547 §8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSelector<'a> {
    text: &'a [u8],
    at: usize,
}

/// One selector of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selector<'a> {
    /// `name:"…"`.
    Name(FileName<'a>),
    /// `size:…`, in octets.
    Size(u64),
    /// `type:…`.
    Type(FileType<'a>),
    /// `hash:…`. There may be several, by functions that we do not know, too.
    Hash(Hash<'a>),
    /// Something that was defined later.
    Other(&'a [u8]),
}

/// The name of a file, with escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName<'a>(&'a [u8]);

/// The media type of a file, as a `file-selector` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileType<'a>(&'a str);

/// The hash of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash<'a> {
    /// The name of the hash function: `sha-1`.
    pub algorithm: &'a str,
    /// The octets in hexadecimal, separated by colons.
    pub value: &'a str,
}

impl<'a> FileSelector<'a> {
    fn new(value: &Option<&'a [u8]>, at: usize) -> Self {
        let text = value.unwrap_or_default();
        Self { text, at }
    }

    /// Whether there are no selectors, so that it only tells what its author can do.
    pub fn is_empty(&self) -> bool {
        self.text.trim_ascii().is_empty()
    }

    /// The selectors, in order. After a malformed one there are no more.
    pub fn selectors(&self) -> impl Iterator<Item = Result<Selector<'a>, Flaw>> + use<'a> {
        let (whole, at) = (self.text, self.at);
        let mut rest = whole.trim_ascii();
        core::iter::from_fn(move || {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
            let begin = at + offset(whole, rest);
            // Blanks within quotes do not end a selector.
            let end = unquoted(rest, |b| b == b' ' || b == b'\t');
            let (selector, tail) = match end {
                Ok(end) => rest.split_at_checked(end).unwrap_or((rest, b"")),
                Err(()) => {
                    rest = b"";
                    return Some(Err(flaw(begin, "file-selector has a quote without end")));
                }
            };
            rest = tail;
            let read = Selector::read(selector).map_err(|what| flaw(begin, what));
            if read.is_err() {
                rest = b"";
            }
            Some(read)
        })
    }

    /// The SHA-1 hash, if there is a sound one.
    pub fn sha1(&self) -> Option<[u8; 20]> {
        self.selectors().find_map(|selector| match selector {
            Ok(Selector::Hash(hash)) => hash.sha1(),
            _ => None,
        })
    }
}

impl<'a> Selector<'a> {
    fn read(text: &'a [u8]) -> Result<Self, &'static str> {
        let at = memchr(b':', text).unwrap_or(text.len());
        let (name, value) = text.split_at_checked(at).unwrap_or((text, b""));
        let value = value.get(1..).unwrap_or_default();
        Ok(match name {
            b"name" => {
                let quoted = value
                    .strip_prefix(b"\"")
                    .and_then(|v| v.strip_suffix(b"\""));
                let name = quoted.filter(|name| !name.is_empty() && !name.contains(&b'"'));
                Self::Name(FileName(name.ok_or("name of a file is not in quotes")?))
            }
            b"size" => Self::Size(decimal(line::text(value)).ok_or("size of a file is no number")?),
            b"type" => Self::Type(FileType::read(value).ok_or("type of a file is malformed")?),
            b"hash" => Self::Hash(Hash::read(value).ok_or("hash of a file is malformed")?),
            _ => Self::Other(text),
        })
    }
}

impl<'a> FileName<'a> {
    /// The name as it came, with escapes and without quotes.
    pub fn raw(&self) -> &'a [u8] {
        self.0
    }

    /// The name without escapes; what is not UTF-8 becomes U+FFFD. Nothing is allocated for a plain name.
    pub fn decode(&self) -> Cow<'a, str> {
        decode(self.0)
    }
}

impl<'a> FileType<'a> {
    fn read(value: &'a [u8]) -> Option<Self> {
        let value = core::str::from_utf8(value).ok()?;
        let kind = value.split(';').next().unwrap_or_default();
        let (main, sub) = kind.split_once('/')?;
        let file_type = Self(value);
        let mut params = value.strip_prefix(kind)?;
        while let Some((_, rest)) = param(params)? {
            params = rest;
        }
        (is_token(main) && is_token(sub)).then_some(file_type)
    }

    /// The type without parameters.
    pub fn media_type(&self) -> &'a str {
        self.0.split(';').next().unwrap_or_default()
    }

    /// The parameters, in order, their values without quotes and escapes.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        let mut rest = self.0.get(self.media_type().len()..).unwrap_or_default();
        core::iter::from_fn(move || {
            let (found, tail) = param(rest)??;
            rest = tail;
            Some(found)
        })
        .map(|(name, value)| (name, decode(value.as_bytes())))
    }

    /// The type as a Content-Type header field writes it. The escapes differ (RFC 5547 §6): nothing is allocated
    /// where there are none.
    pub fn content_type(&self) -> Cow<'a, str> {
        if !self.0.contains(['%', '\\']) {
            return Cow::Borrowed(self.0);
        }
        let mut out = String::from(self.media_type());
        for (name, value) in self.params() {
            out.push(';');
            out.push_str(name);
            out.push_str("=\"");
            for letter in value.chars() {
                if matches!(letter, '"' | '\\') {
                    out.push('\\');
                }
                // A line end in a header field would be the peer's way to write one of its own.
                out.push(if letter.is_control() { ' ' } else { letter });
            }
            out.push('"');
        }
        Cow::Owned(out)
    }
}

/// Takes one `;name="value"` off, or `;name=token`, which others write. `Some(None)` at the end, `None` if it is malformed.
fn param(text: &str) -> Option<Option<((&str, &str), &str)>> {
    if text.is_empty() {
        return Some(None);
    }
    let (name, rest) = text.strip_prefix(';')?.split_once('=')?;
    if !is_token(name) {
        return None;
    }
    let quoted = rest.starts_with('"');
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => rest.split_at(rest.find(';').unwrap_or(rest.len())),
    };
    if value.is_empty() || !(quoted || is_token(value)) {
        return None;
    }
    Some(Some(((name, value), rest)))
}

impl<'a> Hash<'a> {
    fn read(value: &'a [u8]) -> Option<Self> {
        let value = core::str::from_utf8(value).ok()?;
        let (algorithm, value) = value.split_once(':')?;
        let sound = is_token(algorithm) && hex(value).is_some();
        sound.then_some(Self { algorithm, value })
    }

    /// The octets.
    pub fn octets(&self) -> impl Iterator<Item = u8> + use<'a> {
        hex(self.value).into_iter().flatten()
    }

    /// The octets of a SHA-1 hash; `None` if it is another one, or not as long.
    pub fn sha1(&self) -> Option<[u8; 20]> {
        if !self.algorithm.eq_ignore_ascii_case("sha-1") {
            return None;
        }
        let mut hash = [0; 20];
        let mut octets = self.octets();
        for slot in &mut hash {
            *slot = octets.next()?;
        }
        octets.next().is_none().then_some(hash)
    }
}

impl<'a> FileDates<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let mut dates = Self::default();
        let mut rest = value.trim_ascii();
        while !rest.is_empty() {
            let (name, after) = rest.split_once(":\"")?;
            let (date, after) = after.split_once('"')?;
            let slot = match name {
                "creation" => &mut dates.creation,
                "modification" => &mut dates.modification,
                "read" => &mut dates.read,
                _ => return None,
            };
            // Each at most once (RFC 5547 §6).
            let odd = date.is_empty() || date.contains(|letter: char| letter.is_ascii_control());
            if !slot.is_empty() || odd {
                return None;
            }
            *slot = date;
            if !after.is_empty() && !after.starts_with(' ') {
                return None;
            }
            rest = after.trim_ascii_start();
        }
        Some(dates)
    }

    /// Whether no date is told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl FileRange {
    fn read(value: &str) -> Option<Self> {
        let (start, stop) = value.split_once('-')?;
        let start = decimal(start).filter(|start| *start > 0)?;
        let stop = match stop {
            "*" => None,
            stop => Some(decimal(stop).filter(|stop| *stop >= start)?),
        };
        Some(Self { start, stop })
    }
}

/// The Content-ID that a cid URL names (RFC 2392).
fn icon(value: &str) -> Option<Cow<'_, str>> {
    let (scheme, id) = value.split_once(':')?;
    let sound = scheme.eq_ignore_ascii_case("cid") && !id.is_empty();
    sound.then(|| decode(id.as_bytes()))
}

/// Where the first octet stands outside of quotes that is `wanted`, or the end. An error: a quote without end.
fn unquoted(text: &[u8], wanted: impl Fn(u8) -> bool) -> Result<usize, ()> {
    let mut quoted = false;
    for (at, octet) in text.iter().enumerate() {
        match octet {
            b'"' => quoted = !quoted,
            octet if !quoted && wanted(*octet) => return Ok(at),
            _ => {}
        }
    }
    if quoted { Err(()) } else { Ok(text.len()) }
}

/// Takes `%HH` escapes off; those that are none stay.
fn decode(text: &[u8]) -> Cow<'_, str> {
    let escaped = String::from_utf8_lossy(text);
    if !escaped.contains('%') {
        return escaped;
    }
    let octets: Vec<u8> = unescape(&escaped).collect();
    Cow::Owned(String::from_utf8_lossy(&octets).into_owned())
}

/// Whether it is a token (RFC 8866 §9).
pub(super) fn is_token(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&b);
    !text.is_empty() && text.bytes().all(letter)
}
