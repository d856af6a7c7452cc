//! Writing descriptions, line by line.

use core::fmt::{self, Write};

use bytes::{BufMut, BytesMut};
use memchr::memchr3;

use super::file::is_token;
use super::{
    Address, Bandwidth, Direction, File, FileAttributes, Line, Media, Origin, Setup, Time,
};

/// Writes a description, line by line, each ended by CRLF.
///
/// Nothing that is written can end its line: CR, LF and NUL in a value become blanks, and so do all control characters
/// and blanks that would make two words of one. What is between the lines is the caller's: which there are, and
/// in which order.
///
/// ```
/// use bytes::BytesMut;
/// use simple_im::wire::sdp::{self, Address, Direction, Origin, Setup, Time, Writer};
///
/// let mut text = BytesMut::new();
/// let address = Address::internet("192.0.2.1");
/// let mut writer = Writer::new(&mut text);
/// writer.origin(&Origin { user: "-", id: "1", version: "1", address });
/// writer.name("-");
/// writer.address(&address);
/// writer.time(Time::default());
/// writer.media("message", 2855, "TCP/MSRP", "*");
/// writer.attribute("path", "msrp://192.0.2.1:2855/x1y2z3;tcp\r\nm=audio 1 RTP/AVP 0");
/// writer.attribute("accept-types", "text/plain");
/// writer.setup(Setup::Actpass);
/// writer.direction(Direction::SendRecv);
///
/// let description = sdp::parse(&text.freeze())?;
/// assert_eq!(description.media().len(), 1);
/// # Ok::<(), simple_im::Flaw>(())
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Writer<'a> {
    /// Begins a description behind what `out` holds: `v=0`.
    pub fn new(out: &'a mut BytesMut) -> Self {
        out.put_slice(b"v=0\r\n");
        Self { out }
    }

    /// Octets written so far, with those that `out` held before.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing has been written, which is never so.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes any line.
    pub fn line(&mut self, letter: u8, value: &[u8]) {
        self.begin(letter);
        self.put(value);
        self.end();
    }

    /// Writes a line of another description again. One without letter and `=` is left out.
    pub fn copy(&mut self, line: &Line<'_>) {
        if let Some((letter, value)) = line.field() {
            self.line(letter, value);
        }
    }

    /// `o=`. A word that is empty becomes `-`, a number that is none 0.
    pub fn origin(&mut self, origin: &Origin<'_>) {
        self.begin(b'o');
        self.word(origin.user, "-");
        for digits in [origin.id, origin.version] {
            let decimal = digits.bytes().all(|b| b.is_ascii_digit());
            self.out.put_u8(b' ');
            self.word(if decimal { digits } else { "" }, "0");
        }
        self.out.put_u8(b' ');
        self.place(&origin.address);
        self.end();
    }

    /// `s=`. An empty name becomes `-` (RFC 8866 §5.3).
    pub fn name(&mut self, name: &str) {
        self.line(
            b's',
            if name.is_empty() {
                b"-"
            } else {
                name.as_bytes()
            },
        );
    }

    /// `i=`: the title of the session, or of the media that was begun last.
    pub fn info(&mut self, title: &str) {
        self.line(b'i', title.as_bytes());
    }

    /// `c=`.
    pub fn address(&mut self, address: &Address<'_>) {
        self.begin(b'c');
        self.place(address);
        self.end();
    }

    /// `b=`.
    pub fn bandwidth(&mut self, bandwidth: &Bandwidth<'_>) {
        self.begin(b'b');
        self.word(bandwidth.kind, "AS");
        let _ = write!(self, ":{}", bandwidth.value);
        self.end();
    }

    /// `t=`.
    pub fn time(&mut self, time: Time) {
        self.begin(b't');
        let _ = write!(self, "{} {}", time.start, time.stop);
        self.end();
    }

    /// `m=`: begins a media section. `formats` are separated by blanks.
    pub fn media(&mut self, kind: &str, port: u16, proto: &str, formats: &str) {
        self.begin(b'm');
        self.word(kind, "message");
        let _ = write!(self, " {port} ");
        self.word(proto, "TCP/MSRP");
        self.out.put_u8(b' ');
        self.put(if formats.is_empty() {
            b"*"
        } else {
            formats.as_bytes()
        });
        self.end();
    }

    /// A media line of a peer's again, with port 0: the line is refused or over (RFC 3264 §6, §8.2).
    pub fn closed(&mut self, media: &Media) {
        let (before, after) = media.around_port();
        self.begin(b'm');
        self.put(before.as_bytes());
        self.out.put_u8(b'0');
        self.put(after.as_bytes());
        self.end();
    }

    /// `a=name:value`.
    pub fn attribute(&mut self, name: &str, value: &str) {
        self.begin_attribute(name);
        self.put(value.as_bytes());
        self.end();
    }

    /// `a=name:` and what is formatted.
    pub fn formatted(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.begin_attribute(name);
        let _ = self.write_fmt(value);
        self.end();
    }

    /// `a=name`.
    pub fn property(&mut self, name: &str) {
        self.line(b'a', name.as_bytes());
    }

    /// `a=setup`.
    pub fn setup(&mut self, setup: Setup) {
        self.attribute("setup", setup.as_str());
    }

    /// `a=sendrecv` and its like.
    pub fn direction(&mut self, direction: Direction) {
        self.property(direction.as_str());
    }

    /// The attributes of a file: those of RFC 5547, those of the draft, or both (D-08).
    ///
    /// Where nothing of what a selector tells is known, there is no `file-selector`: an empty one means something
    /// else ([`can_transfer_files`](Self::can_transfer_files)). What cannot be written so that it is read again is
    /// left out: a media type, an id or a disposition that is malformed.
    pub fn file(&mut self, file: &File<'_>, attributes: FileAttributes) {
        if attributes != FileAttributes::Draft {
            self.file_of_rfc(file);
        }
        if attributes != FileAttributes::Rfc5547 {
            self.file_of_draft(file);
        }
    }

    /// An empty `a=file-selector`: the answer to who asks what we can do (RFC 5547 §8.5).
    pub fn can_transfer_files(&mut self) {
        self.property("file-selector");
    }

    fn file_of_rfc(&mut self, file: &File<'_>) {
        self.selector(file);
        if let Some(transfer) = file.transfer.filter(|id| is_token(id)) {
            self.attribute("file-transfer-id", transfer);
        }
        if let Some(disposition) = file.disposition.filter(|token| is_token(token)) {
            self.attribute("file-disposition", disposition);
        }
        let quote = |date: &str| date.bytes().any(|b| b == b'"' || b.is_ascii_control());
        let dates = file.dates;
        if !dates.is_empty()
            && ![dates.creation, dates.modification, dates.read]
                .into_iter()
                .any(quote)
        {
            self.begin_attribute("file-date");
            let mut gap = "";
            for (name, date) in [
                ("creation", dates.creation),
                ("modification", dates.modification),
                ("read", dates.read),
            ] {
                if !date.is_empty() {
                    let _ = write!(self, "{gap}{name}:\"{date}\"");
                    gap = " ";
                }
            }
            self.end();
        }
        if let Some(id) = file.icon.as_deref().filter(|id| !id.is_empty()) {
            self.begin_attribute("file-icon");
            self.put(b"cid:");
            self.escaped(id, b"\"%/\\<>#?;,: ");
            self.end();
        }
        if let Some(range) = file.range {
            match range.stop {
                Some(stop) => self.formatted("file-range", format_args!("{}-{stop}", range.start)),
                None => self.formatted("file-range", format_args!("{}-*", range.start)),
            }
        }
    }

    /// Name, type, size and hash, in the order of the RFC's examples.
    fn selector(&mut self, file: &File<'_>) {
        let before = self.out.len();
        self.begin_attribute("file-selector");
        let begin = self.out.len();
        if let Some(name) = file.name.as_deref().filter(|name| !name.is_empty()) {
            self.gap(begin);
            self.put(b"name:\"");
            self.escaped(name, NAME);
            self.out.put_u8(b'"');
        }
        if let Some(kind) = file.media_type.as_deref().and_then(MediaType::read) {
            self.gap(begin);
            self.put(b"type:");
            self.put(kind.bare.as_bytes());
            for (name, value) in kind.params().filter(|(_, value)| !value.is_empty()) {
                let _ = write!(self, ";{name}=\"");
                self.escaped(&value, NAME);
                self.out.put_u8(b'"');
            }
        }
        if let Some(size) = file.size {
            self.gap(begin);
            let _ = write!(self, "size:{size}");
        }
        if let Some(hash) = &file.sha1 {
            self.gap(begin);
            self.put(b"hash:sha-1");
            for octet in hash {
                let _ = write!(self, ":{octet:02X}");
            }
        }
        if self.out.len() == begin {
            self.out.truncate(before);
        } else {
            self.end();
        }
    }

    fn file_of_draft(&mut self, file: &File<'_>) {
        if let Some(name) = file.name.as_deref().filter(|name| !name.is_empty()) {
            self.attribute("filename", name);
        }
        if let Some(kind) = file.media_type.as_deref() {
            self.attribute("filetype", kind);
        }
        if let Some(size) = file.size {
            self.formatted("filesize", format_args!("{size}"));
        }
        match file.disposition {
            Some("render") => self.attribute("disposition", "inline"),
            Some(disposition) if is_token(disposition) => {
                self.attribute("disposition", disposition);
            }
            _ => {}
        }
    }

    fn gap(&mut self, begin: usize) {
        if self.out.len() > begin {
            self.out.put_u8(b' ');
        }
    }

    fn begin(&mut self, letter: u8) {
        self.put(&[letter]);
        self.out.put_u8(b'=');
    }

    pub(crate) fn begin_attribute(&mut self, name: &str) {
        self.put(b"a=");
        self.put(name.as_bytes());
        self.out.put_u8(b':');
    }

    pub(crate) fn end(&mut self) {
        self.out.put_slice(b"\r\n");
    }

    fn place(&mut self, address: &Address<'_>) {
        self.word(address.network, "IN");
        self.out.put_u8(b' ');
        self.word(address.family, "IP4");
        self.out.put_u8(b' ');
        // What follows `/` is said by other fields.
        let host = address.host.split('/').next();
        self.word(host.unwrap_or_default(), "0.0.0.0");
        if let Some(ttl) = address.ttl {
            let _ = write!(self, "/{ttl}");
        }
        if let Some(count) = address.count {
            let _ = write!(self, "/{count}");
        }
    }

    /// One word: what would end it becomes `_`.
    fn word(&mut self, word: &str, instead: &str) {
        let word = if word.is_empty() { instead } else { word };
        if word.bytes().all(|b| b > b' ' && b != 0x7F) {
            self.out.put_slice(word.as_bytes());
        } else {
            let sound = |b: u8| if b > b' ' && b != 0x7F { b } else { b'_' };
            self.out.extend(word.bytes().map(sound));
        }
    }

    /// A text with `%HH` for these octets and for control characters.
    fn escaped(&mut self, text: &str, special: &[u8]) {
        for octet in text.bytes() {
            if octet.is_ascii_control() || special.contains(&octet) {
                let _ = write!(self, "%{octet:02X}");
            } else {
                self.out.put_u8(octet);
            }
        }
    }

    /// A piece of a line: what would end the line becomes a blank.
    fn put(&mut self, piece: &[u8]) {
        if memchr3(b'\r', b'\n', 0, piece).is_none() {
            self.out.extend_from_slice(piece);
        } else {
            let sound = |b: &u8| {
                if matches!(b, b'\r' | b'\n' | 0) {
                    b' '
                } else {
                    *b
                }
            };
            self.out.extend(piece.iter().map(sound));
        }
    }
}

/// What does not stand between quotes in a file attribute: by the grammar of RFC 5547 §6, and because some system takes
/// it for a directory.
const NAME: &[u8] = b"\"%/\\";

/// Within a line.
impl Write for Writer<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.put(piece.as_bytes());
        Ok(())
    }
}

/// The value of a Content-Type header field.
struct MediaType<'a> {
    bare: &'a str,
    rest: &'a str,
}

impl<'a> MediaType<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let (bare, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
        let bare = bare.trim_ascii();
        let (main, sub) = bare.split_once('/')?;
        (is_token(main) && is_token(sub)).then_some(Self { bare, rest })
    }

    /// The sound parameters, values without quotes and escapes.
    fn params(&self) -> impl Iterator<Item = (&'a str, alloc::string::String)> + use<'a> {
        let mut rest = self.rest;
        core::iter::from_fn(move || {
            loop {
                let (param, tail) = next_param(rest)?;
                rest = tail;
                let Some((name, value)) = param.split_once('=') else {
                    continue;
                };
                let (name, value) = (name.trim_ascii(), value.trim_ascii());
                if is_token(name) {
                    return Some((name, unquoted(value)));
                }
            }
        })
    }
}

/// Takes one parameter off, up to the next `;` outside of quotes.
fn next_param(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.strip_prefix(';')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.bytes().position(|b| {
        let ends = b == b';' && !quoted;
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        ends
    });
    Some(rest.split_at(end.unwrap_or(rest.len())))
}

fn unquoted(value: &str) -> alloc::string::String {
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    let Some(inner) = inner else {
        return value.into();
    };
    let mut escaped = false;
    let plain = |letter: &char| {
        escaped = *letter == '\\' && !escaped;
        !escaped
    };
    inner.chars().filter(plain).collect()
}
