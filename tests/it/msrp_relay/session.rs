//! Sessions that run over relays: the path that peers are given, the way there, and the way back.

use bytes::Bytes;
use simple_im::msrp::{Connection, ConnectionId, Endpoint, Letter, Part, Sessions, Target};
use simple_im::wire::msrp::{Kind, leftmost, urls, write_response};
use simple_im::{
    Action as Todo, Actions, Context, Continuation, Event as Heard, FailureReport, LegId, Machine,
    MachineId, MsrpEvent, Notice, Outcome, Report, Tag,
};

use super::*;

const AT: (MachineId, LegId) = (MachineId(1), LegId::FIRST);

/// An endpoint with its connection: to its relay, or to the peer.
struct Party {
    endpoint: Endpoint,
    config: Config,
    dice: Dice,
    sessions: Sessions,
    connection: Connection,
    told: Vec<Notice>,
    body: Bytes,
}

impl Party {
    fn new(host: &str, route: &str, seed: u64) -> Self {
        let mut config = config();
        config.msrp.host = format!("{host}.example.com");
        config.account.accept_types = "*".into();
        config.route = route.into();
        Self {
            endpoint: Endpoint::new(),
            config,
            dice: Dice(seed),
            sessions: Sessions::new(),
            connection: Connection::new(ConnectionId(1)),
            told: Vec::new(),
            body: Bytes::new(),
        }
    }

    fn with<R>(&mut self, say: impl FnOnce(&mut Endpoint, &mut Context<'_>) -> R) -> R {
        let mut actions = Actions::new();
        let mut cx = Context::new(&self.config, &mut self.dice, &mut actions);
        let result = say(&mut self.endpoint, &mut cx);
        for (leg, action) in actions.drain() {
            let at = (AT.0, leg);
            match action {
                Todo::OpenMsrp(open) => self.sessions.open(at, &open),
                Todo::SendChunk(chunk) => {
                    self.connection
                        .send_chunk(&self.sessions, at, chunk, &mut self.dice);
                }
                Todo::SendReport(report) => {
                    self.connection
                        .report(&self.sessions, at, &report, &mut self.dice);
                }
                Todo::RespondMsrp(txn, status) => self.connection.respond(txn, status),
                Todo::Tell(notice) => self.told.push(notice),
                _ => {}
            }
        }
        result
    }

    /// What it writes until it has nothing more to say.
    fn written(&mut self) -> BytesMut {
        let mut out = BytesMut::new();
        loop {
            while let Some(news) = self.connection.poll(&mut self.sessions, &self.config) {
                news.tell(|event| self.with(|it, cx| it.handle(news.leg, Heard::Msrp(event), cx)));
            }
            let wanted = self.told.iter().find_map(|notice| match notice {
                Notice::Wanted {
                    message,
                    offset,
                    octets,
                } => Some((*message, *offset, *octets)),
                _ => None,
            });
            if let Some((message, offset, octets)) = wanted {
                self.told
                    .retain(|notice| !matches!(notice, Notice::Wanted { .. }));
                let (from, size) = (offset as usize, self.body.len());
                let part = self.body.slice(from..size.min(from + octets));
                self.with(|it, cx| it.supply(message, part, cx)).unwrap();
                continue;
            }
            match self.connection.transmit() {
                Some(octets) => out.extend_from_slice(&octets),
                None => return out,
            }
        }
    }

    fn target(&self) -> Option<Target<'_>> {
        self.sessions.target(AT)
    }
}

/// A relay between two connections, as RFC 4976 §6.4 has it: it answers each SEND, and moves its own URI
/// from the front of To-Path to the front of From-Path.
fn relayed(own: &str, input: &mut BytesMut, back: &mut BytesMut) -> BytesMut {
    let (mut out, mut frame) = (BytesMut::new(), None);
    let mut decoder = Decoder::default();
    while let Some(piece) = decoder.next(input).unwrap() {
        match piece {
            Piece::Head(head) => {
                if matches!(head.kind(), Kind::Response(_)) {
                    frame = None;
                    continue;
                }
                assert_eq!(leftmost(head.to_path()), own);
                if head.kind() == Kind::Send && head.failure() == FailureReport::Yes {
                    let to = leftmost(head.from_path());
                    write_response(back, head.txn(), 200, to.as_bytes(), own.as_bytes());
                }
                let rest: Vec<_> = urls(head.to_path()).skip(1).collect();
                let mut text = format!("MSRP {} {}\r\n", head.txn(), head.method());
                text += &format!("To-Path: {}\r\n", rest.join(" "));
                text += &format!("From-Path: {own} {}\r\n", head.from_path());
                for (name, value) in head.fields().skip(2) {
                    text += &format!("{name}: {value}\r\n");
                }
                let has_body = head.content_type().is_some();
                text += if has_body { "\r\n" } else { "" };
                out.extend_from_slice(text.as_bytes());
                frame = Some((head, has_body));
            }
            Piece::Octets(octets) if frame.is_some() => out.extend_from_slice(&octets),
            Piece::End(flag) => {
                let Some((head, has_body)) = frame.take() else {
                    continue;
                };
                let flag = match flag {
                    Continuation::Last => '$',
                    Continuation::More => '+',
                    Continuation::Abandoned => '#',
                };
                let crlf = if has_body { "\r\n" } else { "" };
                out.extend_from_slice(format!("{crlf}-------{}{flag}\r\n", head.txn()).as_bytes());
            }
            Piece::Octets(_) => {}
            Piece::Bad(_, flaw) => panic!("{flaw}"),
        }
    }
    out
}

/// Alice is behind one relay, bob behind another: RFC 4976 §3, its figure.
#[test]
fn a_message_crosses_two_relays_and_its_report_comes_back() {
    let mut alice = Party::new("alice", ONE, 1);
    let mut bob = Party::new("bob", TWO, 1 << 32);
    let offer = alice.with(|it, cx| it.offer(cx)).unwrap();
    let path: Vec<_> = std::str::from_utf8(&offer.path)
        .unwrap()
        .split(' ')
        .collect();
    assert_eq!(path[0], ONE);
    assert!(path[1].starts_with("msrps://alice.example.com:9892/"));
    let sdp = String::from_utf8(offer.sdp.to_vec()).unwrap();
    assert!(
        sdp.contains(&format!("\r\na=path:{ONE} {}\r\n", path[1])),
        "{sdp}"
    );

    let answer = bob.with(|it, cx| it.answer(offer.sdp, cx)).unwrap();
    assert!(
        bob.target().is_none(),
        "it awaits what comes over its relay"
    );
    alice.with(|it, cx| it.conclude(answer.sdp, cx)).unwrap();
    let target = alice.target().unwrap();
    assert_eq!(
        (target.host, target.port),
        ("intra.example.com", 9000),
        "its own relay"
    );
    assert!(alice.connection.connected(&mut alice.sessions, AT));

    let mut letter = Letter::new("text/plain", Some(5000));
    letter.success = true;
    alice.body = Bytes::from(vec![b'x'; 5000]);
    alice.with(|it, cx| it.send(letter, cx)).unwrap();
    for _ in 0..8 {
        let mut there = alice.written();
        if let Some(at) = memchr::memmem::find(&there, b" SEND\r\n") {
            let to = std::str::from_utf8(&there[at + 7..])
                .unwrap()
                .lines()
                .next()
                .unwrap();
            assert!(
                to.starts_with(&format!("To-Path: {ONE} {TWO} msrps://bob.example.com:")),
                "{to}"
            );
        }
        let mut between = relayed(ONE, &mut there, alice.connection.buffer());
        let mut back = BytesMut::new();
        let there = relayed(TWO, &mut between, &mut back);
        bob.connection.buffer().extend_from_slice(&there);

        let mut there = bob.written();
        let mut between = relayed(TWO, &mut there, bob.connection.buffer());
        let back = relayed(ONE, &mut between, &mut BytesMut::new());
        alice.connection.buffer().extend_from_slice(&back);
    }
    let delivered = |notice: &Notice| matches!(notice, Notice::Outcome(_, _, Outcome::Delivered));
    assert!(alice.told.iter().any(delivered), "{:?}", alice.told);
    let whole =
        |notice: &Notice| matches!(notice, Notice::Received { whole, .. } if whole.len() == 5000);
    assert!(bob.told.iter().any(whole), "{:?}", bob.told);
}

/// A chain of relays, from the peer's side: the outermost comes first.
#[test]
fn a_chain_is_given_from_the_outside_in_and_used_from_the_inside_out() {
    let mut alice = Party::new("alice", &format!("{ONE} {TWO}"), 1);
    let offer = alice.with(|it, cx| it.offer(cx)).unwrap();
    let path = String::from_utf8(offer.path.to_vec()).unwrap();
    assert!(
        path.starts_with(&format!("{TWO} {ONE} msrps://alice.")),
        "{path}"
    );
    let peer = "msrps://d:1/d;tcp msrps://e:2/e;tcp msrps://f:3/f;tcp";
    alice
        .with(|it, cx| it.join(peer, Part::Active, cx))
        .unwrap();
    alice.connection.connected(&mut alice.sessions, AT);
    let binding = head(&alice.written());
    assert_eq!(binding.to_path(), format!("{ONE} {TWO} {peer}"));
    assert!(urls(binding.from_path()).count() == 1);
}

#[test]
fn an_auth_goes_over_the_connection_that_carries_the_session() {
    let mut alice = Party::new("alice", "", 1);
    let auth = |txn: u64| {
        let mut out = BytesMut::new();
        let txn = Tag(txn);
        let (to, from) = (INTRA.as_bytes(), ALICE.as_bytes());
        simple_im::wire::msrp::write_request(&mut out, &txn.to_string(), "AUTH", to, from, b"");
        (txn, out)
    };
    let (txn, request) = auth(7);
    alice.connection.authorize(txn, &request);
    assert_eq!(alice.written(), request);
    let mut hear = |txn: &str, status| {
        let mut out = BytesMut::new();
        write_response(&mut out, txn, status, ALICE.as_bytes(), INTRA.as_bytes());
        alice.connection.buffer().extend_from_slice(&out);
        alice.written();
        alice.connection.authorized().map(|head| head.kind())
    };
    assert_eq!(
        hear("0000000000000008", 200),
        None,
        "of another transaction"
    );
    assert_eq!(hear("0000000000000007", 401), Some(Kind::Response(401)));
    assert_eq!(hear("0000000000000007", 401), None, "twice");

    // A new one takes the place of one that is out, and a connection that has ended carries none.
    let (old, new) = (auth(8), auth(9));
    alice.connection.authorize(old.0, &old.1);
    alice.connection.authorize(new.0, &new.1);
    assert_eq!(alice.written().len(), old.1.len() + new.1.len());
    alice.connection.closed(Down::Lost);
    alice.connection.authorize(old.0, &old.1);
    assert_eq!(alice.written(), "");
}

/// RFC 4975 §7.1.3: whatever the path in the description was.
#[test]
fn a_report_goes_back_the_way_its_message_came() {
    let mut bob = Party::new("bob", "", 1);
    let own = bob.with(|it, cx| it.offer(cx)).unwrap().path;
    let own = String::from_utf8(own.to_vec()).unwrap();
    bob.with(|it, cx| it.join("msrps://a:1/a;tcp", Part::Passive, cx))
        .unwrap();
    let way = |bob: &mut Party, from: &str| {
        let send = format!(
            "MSRP abcd SEND\r\nTo-Path: {own}\r\nFrom-Path: {from}\r\nMessage-ID: m123\r\n-------abcd$\r\n"
        );
        bob.connection.buffer().extend_from_slice(send.as_bytes());
        let mut answer = bob.written();
        let Ok(Some(Piece::Head(answer))) = Decoder::default().next(&mut answer) else {
            panic!("no answer");
        };
        let report = Report {
            message: simple_im::msrp::Ident::copy("m123").unwrap(),
            start: 1,
            end: 0,
            total: None,
            status: 200,
        };
        bob.connection
            .report(&bob.sessions, AT, &report, &mut bob.dice);
        let report = head(&bob.written());
        (answer.to_path().to_owned(), report.to_path().to_owned())
    };
    let (one, two) = ("msrps://r:9/r;tcp", "msrps://a:1/a;tcp");
    let both = format!("{one} {two}");
    assert_eq!(way(&mut bob, &both), (one.into(), both));
    assert_eq!(way(&mut bob, two), (two.into(), two.into()));
    bob.connection.closed(Down::Lost);
    while let Some(news) = bob.connection.poll(&mut bob.sessions, &bob.config) {
        news.tell(|event| {
            assert!(matches!(
                event,
                MsrpEvent::Down(Down::Lost) | MsrpEvent::Written(_)
            ))
        });
    }
}
