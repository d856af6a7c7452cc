//! MSRP: frames decoded from a stream, and written.

use bytes::{Bytes, BytesMut};
use rust_rcs_core::msrp::msrp_parser::MsrpParser;
use simple_im::wire::msrp::{Decoder, Piece, write_end, write_send};
use simple_im::{Chunk, ChunkId, Continuation, FailureReport, Token};

use crate::Job;

const TXN: &str = "a786hjs2";
const TO: &[u8] = b"msrp://im.example.com:8888/9di4eae923wzd;tcp";
const FROM: &[u8] = b"msrp://alice.example.com:7654/jshA7weztas;tcp";

/// What `rust-rcs-core` can read: an open range of a message that goes on, and no two hyphens in it. A chunk that ends a
/// message, or whose range has an end, it refuses.
const PROSE: &str = "messages over fox\r\nby jumps, lazy ";

pub(crate) fn jobs() -> Vec<Job> {
    [("4 kB", 4096, 8.0), ("64 kB", 65_536, 10.0)]
        .map(|(name, size, gate)| {
            let wire = send(PROSE.bytes().cycle().take(size).collect());
            let fed = wire.clone();
            let (mut decoder, mut input) = (Decoder::default(), BytesMut::with_capacity(1 << 18));
            let mut parser = MsrpParser::new();
            Job::new(
                format!("MSRP SEND {name}: copied in and decoded"),
                move || {
                    input.extend_from_slice(&wire);
                    decode(&mut decoder, &mut input)
                },
            )
            .gated("rust-rcs-core", gate, move || {
                parser.feed(&fed);
                let chunk = parser.produce().expect("sample").expect("whole");
                chunk.get_data().map_or(0, <[u8]>::len)
            })
        })
        .into()
}

fn send(body: Bytes) -> Bytes {
    let chunk = Chunk {
        id: ChunkId(1),
        message: Token::new([1, 2, 3]),
        start: 1,
        total: Some(body.len() as u64 + 1),
        flag: Continuation::More,
        success: true,
        failure: FailureReport::Yes,
        mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
        body: body.clone(),
    };
    let mut out = BytesMut::new();
    write_send(&mut out, TXN, TO, FROM, &chunk);
    out.extend_from_slice(&body);
    write_end(&mut out, TXN, &chunk);
    out.freeze()
}

fn decode(decoder: &mut Decoder, input: &mut BytesMut) -> usize {
    let mut octets = 0;
    while let Some(piece) = decoder.next(input).expect("sample") {
        match piece {
            Piece::Head(_) | Piece::End(_) => {}
            Piece::Octets(piece) => octets += piece.len(),
            Piece::Bad(_, flaw) => unreachable!("{flaw}"),
        }
    }
    octets
}
