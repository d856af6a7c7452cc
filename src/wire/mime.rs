//! MIME bodies (RFC 2046, RFC 5621).

use bytes::Bytes;

use crate::message::{Body, Part};

/// Splits `content`, which the header `lines` describe.
pub(crate) fn body(lines: Bytes, content: Bytes) -> Body {
    let mut body = Body {
        whole: content.clone(),
        ..Body::default()
    };
    if !content.is_empty() {
        body.parts.push(Part {
            lines,
            content,
            ..Part::default()
        });
    }
    body
}
