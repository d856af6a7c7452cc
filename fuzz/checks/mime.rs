//! What holds for any octets that are taken for a MIME body.

use bytes::{Bytes, BytesMut};
use simple_im::wire::mime::{OutPart, body, write_mixed};
use simple_im::{Body, Limits, Part, Profile};

/// What is before the first blank line describes the rest.
pub fn check(data: &[u8]) {
    let blank = data.windows(4).position(|octets| octets == b"\r\n\r\n");
    let (lines, content) = data.split_at(blank.map_or(data.len(), |at| at + 2));
    let content = content.strip_prefix(b"\r\n").unwrap_or(content);
    let body = body(
        Bytes::copy_from_slice(lines),
        Bytes::copy_from_slice(content),
    );
    assert_eq!(body.is_empty(), content.is_empty());
    assert_eq!(body.whole(), content);
    let _ = (body.content_type(), body.description_part());
    let _ = body.recipient_list_part(&Profile::default());
    match body.parts() {
        Ok(parts) => {
            assert!(parts.len() <= 64);
            within(&body, parts);
            parts.iter().for_each(ask);
            let is_split = parts.iter().all(|part| part.content() != body.whole());
            if is_split && !parts.is_empty() {
                mixed(parts);
            }
        }
        Err(flaw) => super::flaw::check(content, flaw),
    }
}

/// Parts are pieces of what came, in order, and no octet is in two.
fn within(body: &Body, parts: &[Part]) {
    let mut from = body.whole().as_ptr();
    for part in parts {
        let content = part.content().as_ptr_range();
        assert!(part.content().is_empty() || content.start >= from);
        assert!(part.content().is_empty() || content.end <= body.whole().as_ptr_range().end);
        if !part.content().is_empty() {
            from = content.end;
        }
    }
}

fn ask(part: &Part) {
    let limits = Limits::default();
    assert!(!part.content_type().is_empty());
    assert!(part.is(part.media_type()));
    if let Some(kind) = part.disposition() {
        assert!(part.is_disposed(kind) && !kind.contains(';'));
    }
    if let Some(id) = part.content_id() {
        assert!(!id.is_empty());
    }
    let _ = (part.indirection(), part.handling_optional());
    for line in part.mime_lines() {
        assert!(line.to_ascii_lowercase().starts_with('c') || line.starts_with(['e', 'E']));
    }
    let _ = (part.sdp(), part.recipient_list(&limits), part.cpim(&limits));
    let _ = (part.notification(&limits), part.composing(&limits));
    let _ = part.conference(&limits);
}

/// Parts that are joined and split again are the same parts.
fn mixed(parts: &[Part]) {
    let out: Vec<_> = parts
        .iter()
        .map(|part| OutPart {
            lines: core::str::from_utf8(part.lines()).unwrap_or_default(),
            content: part.content(),
        })
        .collect();
    let mixed = write_mixed(&mut BytesMut::new(), &out);
    let kind = core::str::from_utf8(&mixed.content_type).expect("we wrote it");
    let again = body(format!("Content-Type: {kind}\r\n").into(), mixed.body);
    let again = again.parts().expect("we wrote it");
    let pieces = |part: &Part| (part.lines().clone(), part.content().clone());
    assert!(
        again.iter().map(pieces).eq(parts.iter().map(pieces)),
        "{again:?}\n{parts:?}"
    );
}
