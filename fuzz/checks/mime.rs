//! What holds for any octets that are taken for a MIME body.

use bytes::{Bytes, BytesMut};
use simple_im::wire::mime::{
    MAX_DEPTH, MAX_PARTS, Multipart, OutPart, Tree, body, write_multipart,
};
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
            assert!(parts.len() <= MAX_PARTS);
            within(&body, parts);
            parts.iter().for_each(ask);
            let is_split = parts.iter().all(|part| part.content() != body.whole());
            if is_split && !parts.is_empty() {
                joined(parts);
            }
        }
        Err(flaw) => super::flaw::check(content, flaw),
    }
    match body.tree() {
        Ok(tree) => nested(&tree),
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
    let _ = (part.handling_optional(), part.file_name(), part.size());
    if let Ok(Some(found)) = part.indirection() {
        assert!(!found.url.is_empty() && !found.url.contains(' '));
        assert!(found.described().content().is_empty());
        let _ = (found.expires(), found.sha1(), found.content_type());
    }
    if let Some(encoding) = part.encoding() {
        assert!(part.lines().len() > encoding.len());
        assert!(part.sdp().is_err() && part.cpim(&limits).is_err());
    }
    for line in part.mime_lines() {
        assert!(line.to_ascii_lowercase().starts_with('c') || line.starts_with(['e', 'E']));
    }
    let _ = (part.sdp(), part.recipient_list(&limits), part.cpim(&limits));
    let _ = (part.notification(&limits), part.composing(&limits));
    let _ = part.conference(&limits);
}

/// Parts that are joined and split again are the same parts, whatever they are to each other.
fn joined(parts: &[Part]) {
    let out: Vec<_> = parts
        .iter()
        .map(|part| OutPart {
            lines: core::str::from_utf8(part.lines()).unwrap_or_default(),
            content: part.content(),
        })
        .collect();
    for kind in [Multipart::Mixed, Multipart::Related, Multipart::Alternative] {
        let written = write_multipart(&mut BytesMut::new(), kind, &out);
        let value = core::str::from_utf8(&written.content_type).expect("we wrote it");
        let lines = format!("Content-Type: {value}\r\n");
        let again = body(lines.into(), written.body);
        let again = match kind {
            Multipart::Alternative => {
                let whole = &again.parts().expect("one part")[0];
                assert_eq!(whole.multipart(), Some(kind));
                let value = value.replace("alternative", "mixed");
                let lines = format!("Content-Type: {value}\r\n");
                body(lines.into(), whole.content().clone())
            }
            _ => again,
        };
        let again = again.parts().expect("we wrote it");
        let pieces = |part: &Part| (part.lines().clone(), part.content().clone());
        assert!(
            again.iter().map(pieces).eq(parts.iter().map(pieces)),
            "{again:?}\n{parts:?}"
        );
    }
}

/// What is nested is within what it is nested in, and only so deep; what is chosen is of it.
fn nested(tree: &Tree) {
    let mut open: Vec<&Part> = Vec::new();
    let mut count = 0;
    for (depth, part) in tree.parts() {
        assert!(depth <= open.len());
        open.truncate(depth);
        if let Some(outer) = open.last() {
            assert!(outer.multipart().is_some());
            let (outer, inner) = (outer.content(), part.content());
            let is_within = outer.as_ptr() <= inner.as_ptr()
                && inner.as_ptr_range().end <= outer.as_ptr_range().end;
            assert!(inner.is_empty() || is_within);
        }
        if part.content_id().is_some_and(|id| !id.contains('%')) {
            let id = part.content_id().unwrap_or_default();
            let named = tree.named_by(&format!("cid:{id}"));
            assert_eq!(named.and_then(Part::content_id), Some(id));
        }
        open.push(part);
        count += 1;
    }
    assert!(count <= MAX_PARTS + 1);
    let depth = tree.parts().map(|(depth, _)| depth).max();
    assert!(depth.unwrap_or(0) <= MAX_DEPTH);
    let leaves = tree.leaves().count();
    match tree.chosen(&|_| true) {
        Ok(chosen) => assert!(leaves == 0 || (1..=leaves).contains(&chosen.len())),
        Err(flaw) => assert_eq!(flaw.status.0, 400, "a root is missing or of another type"),
    }
    if let Ok(none) = tree.chosen(&|_| false) {
        assert!(none.is_empty());
    }
}
