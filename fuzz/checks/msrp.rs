//! What holds for any octets that arrive on an MSRP connection.

use bytes::{Bytes, BytesMut};
use simple_im::msrp::{Connection, ConnectionId, Ident, Sessions};
use simple_im::wire::msrp::{
    AuthenticationInfo, Challenge, Credentials, Decoder, HEAD_LIMIT, Head, Piece, Tolerance,
    check_path, urls,
};
use simple_im::{
    Account, Chunk, ChunkId, Config, Continuation, Down, Entropy, FailureReport, LegId, MachineId,
    MsrpAuthority, MsrpEvent, OpenMsrp, Report, SessionId, Token, Uri,
};

/// The first octets say where the rest is cut; zeros cut nowhere.
pub fn check(data: &[u8]) {
    let (cuts, stream) = data.split_at_checked(8).unwrap_or((&[], data));
    let tolerated = however_cut(stream, cuts, Tolerance::lenient());
    let strict = however_cut(stream, cuts, Tolerance::strict());
    // Strictly, frames are refused that are taken otherwise, and never the other way round.
    for (strict, tolerated) in strict.iter().zip(&tolerated) {
        match (strict, tolerated) {
            (Found::Head(_, None), Found::Head(_, Some(what))) => {
                panic!("refused only where all is tolerated: {what}")
            }
            // What follows differs: the body of a frame that is refused is skipped.
            (strict, tolerated) if strict != tolerated => break,
            _ => {}
        }
    }
    connection(stream, cuts);
}

/// What a decoder finds, which must not depend on where the stream is cut.
fn however_cut(stream: &[u8], cuts: &[u8], tolerance: Tolerance) -> Vec<Found> {
    let whole = decoded([stream], tolerance);
    assert_eq!(
        whole,
        decoded(pieces(stream, cuts), tolerance),
        "cut by {cuts:?}"
    );
    assert_eq!(
        whole,
        decoded(stream.chunks(1), tolerance),
        "octet by octet"
    );
    whole
}

/// The stream in pieces whose sizes `cuts` gives, over and over.
fn pieces<'a>(stream: &'a [u8], cuts: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = cuts.iter().filter(|size| **size > 0).cycle();
    let mut rest = stream;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let size = sizes.next().map_or(rest.len(), |size| usize::from(*size));
        let (piece, tail) = rest.split_at(size.min(rest.len()));
        rest = tail;
        Some(piece)
    })
}

/// What a decoder finds, with neighbouring octets of a body joined.
#[derive(Debug, PartialEq)]
enum Found {
    Head(String, Option<&'static str>),
    Octets(Vec<u8>),
    End(Continuation),
    Broken(&'static str),
}

fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, tolerance: Tolerance) -> Vec<Found> {
    let mut decoder = Decoder::new(HEAD_LIMIT, tolerance);
    let (mut input, mut found) = (BytesMut::new(), Vec::new());
    let mut room = 0usize;
    for piece in pieces {
        input.extend_from_slice(piece);
        room += piece.len();
        loop {
            match decoder.next(&mut input) {
                Ok(None) => break,
                Ok(Some(Piece::Head(head))) => {
                    assert!(!head.txn().is_empty() && head.range().start > 0);
                    let _ = (head.as_send(), head.as_report(), head.mime());
                    let _ = (check_path(head.to_path()), urls(head.from_path()).count());
                    fields(&head);
                    found.push(Found::Head(format!("{head:?}"), None));
                }
                Ok(Some(Piece::Bad(head, flaw))) => {
                    let _ = (
                        head.challenges().count(),
                        head.authorization(),
                        head.fields().count(),
                    );
                    assert_eq!(flaw.status.0, 400);
                    assert!(flaw.at <= HEAD_LIMIT);
                    found.push(Found::Head(format!("{head:?}"), Some(flaw.what)));
                }
                Ok(Some(Piece::Octets(octets))) => {
                    assert!(!octets.is_empty());
                    match found.last_mut() {
                        Some(Found::Octets(before)) => before.extend_from_slice(&octets),
                        _ => found.push(Found::Octets(octets.to_vec())),
                    }
                }
                Ok(Some(Piece::End(flag))) => found.push(Found::End(flag)),
                Err(flaw) => {
                    assert!(decoder.is_broken());
                    assert_eq!(decoder.next(&mut input).err(), Some(flaw), "for good");
                    found.push(Found::Broken(flaw.what));
                    return found;
                }
            }
        }
        assert!(input.len() <= HEAD_LIMIT, "{} octets are kept", input.len());
    }
    assert!(found.len() <= 2 * room + 1, "more pieces than octets");
    found
}

/// The fields that are read when asked for: what is read comes back from what is written.
fn fields(head: &Head) {
    assert!(head.fields().all(|(name, _)| head.field(name).is_some()));
    let _ = (
        head.method(),
        head.comment(),
        head.use_path(),
        head.nickname(),
    );
    let _ = (head.expires(), head.min_expires(), head.max_expires());
    for challenge in head.challenges().flatten() {
        let text = challenge.to_string();
        assert_eq!(Challenge::parse(&text), Ok(challenge), "{text}");
    }
    if let Ok(Some(credentials)) = head.authorization() {
        let text = credentials.to_string();
        assert_eq!(Credentials::parse(&text), Ok(credentials), "{text}");
    }
    if let Ok(Some(info)) = head.authentication_info() {
        let text = info.to_string();
        let nothing = info == AuthenticationInfo::default();
        assert!(
            nothing || AuthenticationInfo::parse(&text) == Ok(info),
            "{text}"
        );
    }
}

struct Counter(u64);

impl Entropy for Counter {
    fn draw(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

const OWNERS: [(MachineId, LegId); 2] =
    [(MachineId(1), LegId::FIRST), (MachineId(2), LegId::FIRST)];

/// Two sessions of ours, `aaaaaaaaaaaaaaaa` and `qeaaaaaaaaaaaaaa`, the first of which awaits its peer
/// on this very connection.
fn connection(stream: &[u8], cuts: &[u8]) {
    let uri = |text| Uri::copy(text).expect("a URI");
    let account = Account::new(uri("sip:a@example.com"), uri("sip:a@a.example.com"));
    let msrp = MsrpAuthority {
        host: "a.example.com".into(),
        port: 2855,
        tls: false,
    };
    let mut config = Config::new(account, msrp, [1, 2]);
    config.limits.connection = 64;
    let mut entropy = Counter(0);
    let mut sessions = Sessions::new();
    for (place, at) in OWNERS.into_iter().enumerate() {
        let mut id = [0; 10];
        id[0] = 0x81 * u8::from(place > 0);
        let id = SessionId(id);
        let own = format!("msrp://a.example.com:2855/{id};tcp").into();
        let peer = Bytes::from_static(b"msrp://b.example.com:2855/peer;tcp");
        let open = OpenMsrp {
            id,
            connect: place > 0,
            own,
            peer,
            target: Bytes::new(),
        };
        sessions.open(at, &open);
    }
    let mut connection = Connection::new(ConnectionId(1));
    assert!(connection.connected(&mut sessions, OWNERS[1]));

    let mut written = BytesMut::new();
    let mut in_body = None;
    for piece in pieces(stream, cuts) {
        connection.buffer().extend_from_slice(piece);
        hear(
            &mut connection,
            &mut sessions,
            &config,
            &mut entropy,
            &mut in_body,
        );
        while let Some(octets) = connection.transmit() {
            written.extend_from_slice(&octets);
            hear(
                &mut connection,
                &mut sessions,
                &config,
                &mut entropy,
                &mut in_body,
            );
        }
    }
    connection.closed(Down::Lost);
    let mut down = 0;
    while let Some(news) = connection.poll(&mut sessions, &config) {
        news.tell(|event| down += usize::from(matches!(event, MsrpEvent::Down(_))));
    }
    assert!(down <= 2 && connection.is_unused());
    assert!(connection.transmit().is_none());

    // What we wrote, a peer can read.
    let mut decoder = Decoder::default();
    loop {
        match decoder.next(&mut written) {
            Ok(Some(Piece::Bad(head, flaw))) => panic!("we wrote {head:?}: {flaw}"),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(flaw) => panic!("we wrote {written:?}: {flaw}"),
        }
    }
}

fn hear(
    connection: &mut Connection,
    sessions: &mut Sessions,
    config: &Config,
    entropy: &mut Counter,
    in_body: &mut Option<MachineId>,
) {
    while let Some(news) = connection.poll(sessions, config) {
        let at = (news.machine, news.leg);
        assert!(OWNERS.contains(&at));
        let mut held = None;
        news.tell(|event| match event {
            MsrpEvent::Send(txn, head) => {
                assert_eq!(*in_body, None, "a request inside another");
                *in_body = Some(at.0);
                let status = if head.range.start == 1 { 200 } else { 413 };
                connection.respond(txn, status);
                connection.respond(txn, status);
                if let Some(message) = Ident::copy(head.message).filter(|_| head.success) {
                    let report = Report {
                        message,
                        start: 1,
                        end: head.range.start,
                        total: head.range.total,
                        status: 200,
                    };
                    connection.report(sessions, at, &report, entropy);
                }
            }
            MsrpEvent::Octets(octets) => {
                assert_eq!(*in_body, Some(at.0));
                assert!(!octets.is_empty());
                held = Some(octets.len() as u64);
            }
            MsrpEvent::End(_) => {
                assert_eq!(in_body.take(), Some(at.0));
                held = Some(0);
            }
            MsrpEvent::Full => assert_eq!(*in_body, Some(at.0)),
            MsrpEvent::Up | MsrpEvent::Written(_) => {
                let id = ChunkId(u32::try_from(entropy.draw()).unwrap_or(0));
                // One after another for ever would be no test of what is read.
                if id.0 < 64 {
                    let chunk = chunk(id, Continuation::Last);
                    connection.send_chunk(sessions, at, chunk, entropy);
                }
            }
            MsrpEvent::Response(id, 300..) => {
                let chunk = chunk(id, Continuation::Abandoned);
                connection.send_chunk(sessions, at, chunk, entropy);
            }
            MsrpEvent::Down(_) => {
                if *in_body == Some(at.0) {
                    *in_body = None;
                }
            }
            _ => {}
        });
        if let Some(held) = held {
            connection.holds(at, held, config);
        }
    }
}

/// Each is a message of its own; every other one is so large that it is interrupted.
fn chunk(id: ChunkId, flag: Continuation) -> Chunk {
    let line = b"x\r\n-------0000000000000001$\r\n";
    let body: Bytes = match (flag, id.0 % 2) {
        (Continuation::Abandoned, _) => Bytes::new(),
        (_, 0) => Bytes::from_static(line),
        _ => line.repeat(300).into(),
    };
    Chunk {
        id,
        message: Token::new([1, 2, id.0]),
        start: 1,
        total: Some(body.len() as u64),
        flag,
        success: false,
        failure: FailureReport::Yes,
        mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
        body,
    }
}
