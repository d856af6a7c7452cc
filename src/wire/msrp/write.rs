//! Writes what we send over MSRP (RFC 4975 §7.1, §7.2).

use bytes::{BufMut, BytesMut};

use super::{CRLF, HYPHENS, MARK};
use crate::{Chunk, Continuation, FailureReport, Report, Token};

/// Octets of a body above which its request must be open to interruption, so that its range has no
/// end (RFC 4975 §7.1.1).
const OPEN: usize = 2048;

/// Writes the head of a SEND: all that comes before the octets of the chunk, which are shared and not
/// copied. After the octets comes [`write_end`].
///
/// The paths are lists of URIs separated by blanks.
pub fn write_send(out: &mut BytesMut, txn: &str, to_path: &[u8], from_path: &[u8], chunk: &Chunk) {
    out.reserve(256 + txn.len() + to_path.len() + from_path.len() + chunk.mime.len());
    start(out, txn, b"SEND");
    paths(out, to_path, from_path);
    out.put_slice(b"Message-ID: ");
    put_token(out, chunk.message);
    out.put_slice(CRLF);
    if chunk.success {
        out.put_slice(b"Success-Report: yes\r\n");
    }
    match chunk.failure {
        FailureReport::Yes => {}
        FailureReport::Partial => out.put_slice(b"Failure-Report: partial\r\n"),
        FailureReport::No => out.put_slice(b"Failure-Report: no\r\n"),
    }
    let size = chunk.body.len();
    let end = chunk.start.saturating_sub(1).saturating_add(size as u64);
    range(out, chunk.start, (size <= OPEN).then_some(end), chunk.total);
    if !chunk.mime.is_empty() {
        out.put_slice(&chunk.mime);
        out.put_slice(CRLF);
    }
}

/// Writes the end-line of a SEND, with the CRLF before it that belongs to no body.
pub fn write_end(out: &mut BytesMut, txn: &str, chunk: &Chunk) {
    out.reserve(16 + txn.len());
    // A request without body has its end-line right after the last header line (RFC 4975 §7.1).
    if !chunk.mime.is_empty() {
        out.put_slice(CRLF);
    }
    end_line(out, txn, chunk.flag);
}

/// Writes a request without body, of any method, such as AUTH (RFC 4976 §5.1) or NICKNAME (RFC 7701 §7.1).
///
/// `lines` are the header lines behind the paths, each ended by CRLF; the values of this module that have a
/// header field of their own write themselves, as in `Authorization: {credentials}`.
pub fn write_request(
    out: &mut BytesMut,
    txn: &str,
    method: &str,
    to_path: &[u8],
    from_path: &[u8],
    lines: &[u8],
) {
    out.reserve(96 + 2 * txn.len() + to_path.len() + from_path.len() + lines.len());
    start(out, txn, method.as_bytes());
    paths(out, to_path, from_path);
    out.put_slice(lines);
    end_line(out, txn, Continuation::Last);
}

/// Writes a response. `to_path` is the leftmost URI of the request's From-Path for a SEND, and all of
/// it otherwise (RFC 4975 §7.2).
pub fn write_response(
    out: &mut BytesMut,
    txn: &str,
    status: u16,
    to_path: &[u8],
    from_path: &[u8],
) {
    write_answer(out, txn, status, to_path, from_path, b"");
}

/// Writes a response with header lines behind its paths, each ended by CRLF, as a relay's response to an
/// AUTH has them.
pub fn write_answer(
    out: &mut BytesMut,
    txn: &str,
    status: u16,
    to_path: &[u8],
    from_path: &[u8],
    lines: &[u8],
) {
    out.reserve(96 + 2 * txn.len() + to_path.len() + from_path.len() + lines.len());
    out.put_slice(MARK);
    out.put_slice(txn.as_bytes());
    out.put_u8(b' ');
    put_status(out, status);
    out.put_slice(CRLF);
    paths(out, to_path, from_path);
    out.put_slice(lines);
    end_line(out, txn, Continuation::Last);
}

/// Writes a REPORT (RFC 4975 §7.1.2).
pub fn write_report(
    out: &mut BytesMut,
    txn: &str,
    to_path: &[u8],
    from_path: &[u8],
    report: &Report,
) {
    out.reserve(256 + 2 * txn.len() + to_path.len() + from_path.len());
    start(out, txn, b"REPORT");
    paths(out, to_path, from_path);
    out.put_slice(b"Message-ID: ");
    out.put_slice(report.message.as_str().as_bytes());
    out.put_slice(CRLF);
    range(out, report.start, Some(report.end), report.total);
    out.put_slice(b"Status: 000 ");
    put_status(out, report.status);
    out.put_slice(CRLF);
    end_line(out, txn, Continuation::Last);
}

fn start(out: &mut BytesMut, txn: &str, method: &[u8]) {
    out.put_slice(MARK);
    out.put_slice(txn.as_bytes());
    out.put_u8(b' ');
    out.put_slice(method);
    out.put_slice(CRLF);
}

fn paths(out: &mut BytesMut, to_path: &[u8], from_path: &[u8]) {
    out.put_slice(b"To-Path: ");
    out.put_slice(to_path);
    out.put_slice(b"\r\nFrom-Path: ");
    out.put_slice(from_path);
    out.put_slice(CRLF);
}

fn range(out: &mut BytesMut, start: u64, end: Option<u64>, total: Option<u64>) {
    let open = |out: &mut BytesMut, number: Option<u64>| match number {
        Some(number) => put_number(out, number),
        None => out.put_u8(b'*'),
    };
    out.put_slice(b"Byte-Range: ");
    put_number(out, start);
    out.put_u8(b'-');
    open(out, end);
    out.put_u8(b'/');
    open(out, total);
    out.put_slice(CRLF);
}

fn end_line(out: &mut BytesMut, txn: &str, flag: Continuation) {
    out.put_slice(HYPHENS);
    out.put_slice(txn.as_bytes());
    out.put_u8(match flag {
        Continuation::Last => b'$',
        Continuation::More => b'+',
        Continuation::Abandoned => b'#',
    });
    out.put_slice(CRLF);
}

/// The code in three digits, and what it means in words (RFC 4975 §10 and its kin describe, and name none).
fn put_status(out: &mut BytesMut, status: u16) {
    let digits = [status / 100, status / 10, status];
    for digit in digits {
        out.put_u8(b'0' + (digit % 10) as u8);
    }
    out.put_slice(match status {
        200 => b" OK".as_slice(),
        400 => b" Bad Request",
        401 => b" Unauthorized",
        403 => b" Forbidden",
        408 => b" Request Timeout",
        413 => b" Message Too Large",
        415 => b" Unsupported Media Type",
        423 => b" Interval Out-of-Bounds",
        424 => b" Malformed Nickname",
        425 => b" Nickname Reserved Or Already In Use",
        428 => b" Private Messages Not Supported",
        481 => b" Session Does Not Exist",
        501 => b" Not Implemented",
        506 => b" Session Already In Use",
        _ => b"",
    });
}

fn put_number(out: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.put_slice(digits.get(20 - used..).unwrap_or_default());
}

/// As [`Token`] writes itself, without the formatting machinery: this is written once a chunk.
fn put_token(out: &mut BytesMut, token: Token) {
    let nibbles = token.words().into_iter().flat_map(|word| {
        let shifts = (0..8).rev();
        shifts.map(move |shift| (word >> (shift * 4)) & 15)
    });
    let mut letters = [0; 24];
    for (letter, nibble) in letters.iter_mut().zip(nibbles) {
        let digit = b"0123456789abcdef".get(nibble as usize);
        *letter = digit.copied().unwrap_or(b'0');
    }
    out.put_slice(&letters);
}
