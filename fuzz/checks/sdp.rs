//! What holds for any octets that arrive as a session description.

use bytes::{Bytes, BytesMut};
use simple_im::wire::sdp::{
    self, Address, ContactTag, Description, File, FileAttributes, Media, Origin, Writer,
};
use simple_im::{Preference, Status};

/// As they are, and once more inside of a description, so that more of them is read.
pub fn check(data: &[u8]) {
    described(data);
    let begin = b"v=0\r\nc=IN IP4 h\r\nm=message 1 TCP/MSRP *\r\n";
    described(&[&begin[..], data].concat());
    let selector = b"v=0\nm=message 1 TCP/MSRP *\na=file-selector:";
    described(&[&selector[..], data].concat());
}

fn described(data: &[u8]) {
    let found = match sdp::parse(&Bytes::copy_from_slice(data)) {
        Ok(found) => found,
        Err(flaw) => {
            assert!(flaw.at <= data.len() && !flaw.what.is_empty());
            let too_large = data.len() > sdp::OCTETS;
            assert_eq!(flaw.status, Status(if too_large { 413 } else { 400 }));
            return;
        }
    };
    assert!(data.starts_with(b"v=0") && found.media().len() <= sdp::MEDIA);
    kept(&found, data);
    let read = views(&found);
    written_again(&found, &read);
    for media in found.media() {
        closed(media);
        if let Ok(Some(file)) = media.describes() {
            file_again(&file);
        }
    }
}

/// Every octet is there, once, in order; all are in the session's lines or in those of one media line.
fn kept(found: &Description, data: &[u8]) {
    assert_eq!(found.octets(), data);
    let sections = found.media().iter().flat_map(Media::lines);
    let mut at = 0;
    for line in found.session().chain(sections) {
        assert_eq!(line.at, at);
        at += line.raw().len();
        assert_eq!(data.get(line.at..at), Some(line.raw()));
        assert!(!line.text().iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
    }
    assert_eq!(at, data.len());
    assert!(found.lines().count() <= sdp::LINES);
}

/// All that can be asked, but for places.
fn views(found: &Description) -> Vec<String> {
    let mut said = vec![
        format!("{:?} {:?}", found.origin(), Origin::read(found.origin())),
        format!("{:?} {:?} {:?}", found.name(), found.info(), found.time()),
        format!(
            "{:?} {:?}",
            found.times().collect::<Vec<_>>(),
            found.address()
        ),
        format!("{:?}", found.bandwidths().collect::<Vec<_>>()),
        format!("{:?}", found.session().attributes().collect::<Vec<_>>()),
        format!("{:?}", found.shape(Preference::default(), ContactTag::None)),
    ];
    for line in found.media() {
        assert!(line.ports() > 0 || line.line().contains("/0"));
        assert_eq!(
            line.kind_name() == "message",
            line.kind == sdp::Kind::Message
        );
        said.extend([
            format!("{:?} {:?}", line.line(), line.formats().collect::<Vec<_>>()),
            format!("{} {} {:?}", line.port, line.ports(), line.proto_name()),
            format!("{:?} {:?} {:?}", line.kind, line.proto, line.setup),
            format!(
                "{:?} {:?} {:?}",
                line.direction, line.max_size, line.filelength
            ),
            format!("{} {} {:?}", line.file, line.cema, line.path()),
            format!(
                "{:?} {:?}",
                line.accept_types(),
                line.accept_wrapped_types()
            ),
            format!("{:?} {:?}", line.info(), line.address()),
            format!(
                "{:?}",
                line.addresses().map(|a| (a, a.ip())).collect::<Vec<_>>()
            ),
            format!(
                "{:?} {:?}",
                line.reuse(),
                line.bandwidths().collect::<Vec<_>>()
            ),
            format!(
                "{:?}",
                line.chatroom().map(|c| c.tokens().collect::<Vec<_>>())
            ),
            format!(
                "{:?}",
                line.fingerprints()
                    .map(|f| f.octets().count())
                    .collect::<Vec<_>>()
            ),
            format!("{:?}", line.lines().attributes().collect::<Vec<_>>()),
            format!("{:?}", line.describes().map_err(|flaw| flaw.what)),
        ]);
        if let Ok(Some(file)) = line.describes() {
            said.push(format!("{:?}", file.local_name()));
            if let Some(name) = file.local_name() {
                assert!(!name.is_empty() && name.len() <= 255 && !name.starts_with('.'));
                assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control));
            }
        }
        if let Some(selector) = line.file_selector() {
            let none = selector.selectors().next().is_none();
            assert_eq!(selector.is_empty(), none);
            let _ = selector.sha1();
        }
    }
    said
}

/// What is written line by line is read alike.
fn written_again(found: &Description, read: &[String]) {
    let mut out = BytesMut::new();
    let mut writer = Writer::new(&mut out);
    for line in found.lines().skip(1) {
        writer.copy(&line);
    }
    if out.len() > sdp::OCTETS {
        return;
    }
    let again = sdp::parse(&out.freeze()).expect("what was written can be read");
    assert_eq!(views(&again), read);
    if let Some(address) = found.address() {
        let mut out = BytesMut::new();
        Writer::new(&mut out).address(&address);
        let again = sdp::parse(&out.freeze()).expect("what was written can be read");
        let same = again
            .address()
            .map(|a: Address<'_>| (a.network, a.family, a.host, a.ttl, a.count));
        assert_eq!(
            same,
            Some((
                address.network,
                address.family,
                address.host,
                address.ttl,
                address.count
            ))
        );
    }
}

/// A media line that is refused is the same line with port 0.
fn closed(media: &Media) {
    let mut out = BytesMut::new();
    Writer::new(&mut out).closed(media);
    let again = sdp::parse(&out.freeze()).expect("what was written can be read");
    let [line] = again.media() else {
        panic!("{again:?}")
    };
    assert_eq!(
        (line.port, line.kind, line.proto),
        (0, media.kind, media.proto)
    );
    assert_eq!(line.kind_name(), media.kind_name());
    assert!(line.formats().eq(media.formats()));
}

/// A file that was read is written so that it is read again.
fn file_again(file: &File<'_>) {
    let write = |file: &File<'_>| {
        let mut out = BytesMut::new();
        let mut writer = Writer::new(&mut out);
        writer.media("message", 1, "TCP/MSRP", "*");
        writer.file(file, FileAttributes::Rfc5547);
        sdp::parse(&out.freeze()).expect("what was written can be read")
    };
    let first = write(file);
    let Some(once) = first.media()[0].describes().expect("a sound file") else {
        assert!(file.name.is_none() && file.size.is_none() && file.sha1.is_none());
        return;
    };
    assert_eq!(
        (&once.name, once.size, once.sha1),
        (&file.name, file.size, file.sha1)
    );
    assert_eq!((once.transfer, once.dates), (file.transfer, file.dates));
    assert_eq!((&once.icon, once.range), (&file.icon, file.range));
    let second = write(&once);
    let twice = second.media()[0].describes().expect("a sound file");
    assert_eq!(twice.as_ref(), Some(&once));
}
