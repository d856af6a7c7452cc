//! The zero-allocation claims, counted; and the sizes that follow from them.
//!
//! One binary of its own: the allocator counts for all of it. Each claim is about a steady state: buffers have
//! grown, tables have room, and what was handed out before has been dropped.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::{self, size_of};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use simple_im::driver::TimerQueue;
use simple_im::msrp::{Connection, ConnectionId, Endpoint, Letter, Sessions};
use simple_im::wire::msrp::{Decoder, Piece, write_end, write_send};
use simple_im::wire::sdp;
use simple_im::wire::sip::{parse, parse_request, parse_response, write_request, write_response};
use simple_im::{
    Access, Action, Actions, Answer, AskId, Chunk, ChunkId, Config, Content, Context, Continuation,
    Controlling, Draft, Entropy, Event, FailureReport, LegId, Machine, MachineId, MsrpEvent,
    MsrpTxn, OpenMsrp, Originating, Outgoing, Reply, Request, Response, SendHead, ServerTxn,
    SessionId, Target, Terminating, Timer, Token, Uri,
};

/// Counts blocks and octets of the thread that asks for them.
struct Counting;

thread_local! {
    static BLOCKS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn note(blocks: u64, octets: i64) {
    let _ = BLOCKS.try_with(|count| count.set(count.get() + blocks));
    let _ = HELD.try_with(|held| held.set(held.get() + octets));
}

fn octets(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

// SAFETY: everything is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, octets(layout.size()));
        // SAFETY: as the caller promised us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, -octets(layout.size()));
        // SAFETY: as the caller promised us.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, octets(size) - octets(layout.size()));
        // SAFETY: as the caller promised us.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: u64 = 1_000;

/// Blocks a round of `run`, once it has warmed up, in hundredths.
fn hundredths(mut run: impl FnMut()) -> u64 {
    for _ in 0..64 {
        run();
    }
    let before = BLOCKS.get();
    for _ in 0..ROUNDS {
        run();
    }
    (BLOCKS.get() - before) * 100 / ROUNDS
}

#[track_caller]
fn never_allocates(run: impl FnMut()) {
    assert_eq!(hundredths(run), 0, "hundredths of a block a round");
}

struct Dice(u64);

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}

fn uri(text: &str) -> Uri {
    Uri::copy(text).unwrap()
}

fn config(name: &str) -> Config {
    let account = simple_im::Account::new(
        uri(&format!("sip:{name}@example.com")),
        uri(&format!("sip:{name}@{name}.example.com")),
    );
    let msrp = simple_im::MsrpAuthority {
        host: format!("{name}.example.com"),
        port: 2855,
        tls: false,
    };
    Config::new(account, msrp, [1, 2])
}

fn crlf(text: &str) -> Bytes {
    Bytes::from(text.replace('\n', "\r\n"))
}

const VIA: &str = "Via: SIP/2.0/UDP pc33.example.com:5060;branch=z9hG4bK776sgdkse\r\n";

fn message() -> Bytes {
    crlf(
        "MESSAGE sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP pc33.example.com:5060;branch=z9hG4bK776sgdkse
Max-Forwards: 70
From: <sip:alice@example.com>;tag=49583
To: <sip:bob@example.com>
Call-ID: asd88asd77a@1.2.3.4
CSeq: 1 MESSAGE
Accept-Contact: *;+g.oma.sip-im
P-Asserted-Identity: <sip:alice@example.com>
User-Agent: IM-client/OMA1.0
Content-Type: text/plain
Content-Length: 32

Watson, come here. I need you.

",
    )
}

fn offer() -> String {
    "v=0\r\no=alice 2890844526 2890844527 IN IP4 alice.example.com\r\ns=-\r\n\
     c=IN IP4 alice.example.com\r\nt=0 0\r\nm=message 7654 TCP/MSRP *\r\n\
     a=accept-types:message/cpim text/plain\r\n\
     a=path:msrp://alice.example.com:7654/jshA7weztas;tcp\r\na=setup:actpass\r\na=sendonly\r\n"
        .into()
}

fn invite() -> Bytes {
    let sdp = offer();
    let list = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>\
        <entry uri=\"sip:bill@example.com\"/></list></resource-lists>\r\n";
    let body = format!(
        "--b1\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--b1\r\n\
         Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\r\n\
         {list}\r\n--b1--\r\n"
    );
    format!(
        "INVITE sip:factory@im.example.com SIP/2.0\r\n{VIA}Max-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@example.com>;tag=32331\r\nTo: <sip:factory@im.example.com>\r\n\
         Call-ID: d432fa84b4c76e66710\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:alice@alice.example.com;transport=tcp>;+g.oma.sip-im\r\n\
         Accept-Contact: *;+g.oma.sip-im;require;explicit\r\n\
         Allow: INVITE,ACK,CANCEL,BYE,MESSAGE,REFER,NOTIFY\r\nRequire: recipient-list-invite\r\n\
         Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\nUser-Agent: IM-client/OMA1.0\r\n\
         Content-Type: multipart/mixed;boundary=\"b1\"\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

/// The response of a peer to a request of ours.
fn response(to: &Outgoing, status: &str, lines: &str, body: &str) -> Response {
    let asked = read(to);
    let head = &asked.head;
    let tag = if head.to().tag().is_some() {
        ""
    } else {
        ";tag=peer"
    };
    let text = format!(
        "SIP/2.0 {status}\r\n{VIA}From: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{lines}\
         Content-Length: {}\r\n\r\n{body}",
        head.header("From").unwrap(),
        head.header("To").unwrap(),
        head.call_id(),
        head.header("CSeq").unwrap(),
        body.len()
    );
    parse_response(&text.into()).unwrap()
}

fn read(request: &Outgoing) -> Request {
    let mut out = BytesMut::new();
    write_request(&mut out, request, VIA);
    parse_request(&out.freeze()).unwrap()
}

/// A machine, what it needs, and how to speak to it.
struct Bench<M> {
    machine: M,
    config: Config,
    dice: Dice,
    actions: Actions,
}

impl<M: Machine> Bench<M> {
    fn new(machine: M, config: Config) -> Self {
        Self {
            machine,
            config,
            dice: Dice(7),
            actions: Actions::new(),
        }
    }

    fn run<R>(&mut self, run: impl FnOnce(&mut M, &mut Context<'_>) -> R) -> R {
        let mut cx = Context::new(&self.config, &mut self.dice, &mut self.actions);
        run(&mut self.machine, &mut cx)
    }

    fn on(&mut self, leg: LegId, event: Event<'_>) -> usize {
        self.run(|machine, cx| machine.handle(leg, event, cx));
        self.actions.drain().count()
    }

    /// The same, for the first action that `wanted` takes something from.
    fn find<R>(&mut self, event: Event<'_>, wanted: impl Fn(&Action) -> Option<R>) -> R {
        self.run(|machine, cx| machine.handle(LegId::FIRST, event, cx));
        let found = self
            .actions
            .as_slice()
            .iter()
            .find_map(|(_, action)| wanted(action));
        self.actions.drain();
        found.unwrap()
    }
}

#[test]
fn a_small_and_a_large_request_are_read() {
    for text in [message(), invite()] {
        never_allocates(|| drop(parse(&text).unwrap()));
    }
}

#[test]
fn a_request_and_a_response_are_written() {
    let mut bench = Bench::new(Originating::new(), config("alice"));
    let draft = Draft::new(Target::One(uri("sip:bob@example.com")), Content::text("hi"));
    bench.run(|alice, cx| alice.send(draft, cx)).unwrap();
    let Some((_, Action::SendRequest(request))) = bench.actions.drain().next() else {
        panic!("a MESSAGE");
    };
    let mut out = BytesMut::new();
    never_allocates(|| {
        out.clear();
        write_request(&mut out, &request, VIA);
    });
    let asked = parse_request(&message()).unwrap();
    let reply = Reply {
        status: simple_im::Status(200),
        tag: Some(simple_im::Tag(1)),
        head: Bytes::new(),
        body: Bytes::new(),
    };
    never_allocates(|| {
        out.clear();
        write_response(&mut out, &reply, &asked.head);
    });
}

#[test]
fn a_client_sends_a_page() {
    let mut bench = Bench::new(Originating::new(), config("alice"));
    let draft = Draft::new(Target::One(uri("sip:bob@example.com")), Content::text("hi"));
    bench
        .run(|alice, cx| alice.send(draft.clone(), cx))
        .unwrap();
    let Some((_, Action::SendRequest(request))) = bench.actions.drain().next() else {
        panic!("a MESSAGE");
    };
    let ok = response(&request, "200 OK", "", "");
    drop(request);
    never_allocates(|| {
        bench.machine = Originating::new();
        bench
            .run(|alice, cx| alice.send(draft.clone(), cx))
            .unwrap();
        bench.actions.drain();
        bench.on(LegId::FIRST, Event::Response(simple_im::ClientTxn(0), &ok));
        assert!(bench.machine.is_closed());
    });
}

#[test]
fn a_client_receives_a_page() {
    let request = parse_request(&message()).unwrap();
    let mut bench = Bench::new(Terminating::new(), config("bob"));
    never_allocates(|| {
        bench.machine = Terminating::new();
        bench.run(|bob, cx| bob.handle(LegId::FIRST, Event::Request(ServerTxn(1), &request), cx));
        let ask = bench
            .actions
            .as_slice()
            .iter()
            .find_map(|(_, action)| match action {
                Action::Ask(ask, _) => Some(*ask),
                _ => None,
            });
        bench.actions.drain();
        bench.on(LegId::FIRST, Event::Answer(ask.unwrap(), Answer::Accept));
        assert!(bench.machine.is_closed());
    });
}

fn asked(action: &Action) -> Option<AskId> {
    match action {
        Action::Ask(ask, _) => Some(*ask),
        _ => None,
    }
}

fn sent(action: &Action) -> Option<Outgoing> {
    match action {
        Action::SendRequest(request) => Some(request.clone()),
        _ => None,
    }
}

fn replied(action: &Action) -> Option<Reply> {
    match action {
        Action::Respond(_, reply) => Some(reply.clone()),
        _ => None,
    }
}

const ANSWER: &str = "v=0\r\no=peer 1 1 IN IP4 peer.example.com\r\ns=-\r\n\
    c=IN IP4 peer.example.com\r\nt=0 0\r\nm=message 8888 TCP/MSRP *\r\n\
    a=path:msrp://peer.example.com:8888/9di4eae923wzd;tcp\r\na=setup:passive\r\n\
    a=accept-types:*\r\na=recvonly\r\n";

/// A client whose large message is on its way.
fn sending(size: usize) -> Bench<Originating> {
    let mut bench = Bench::new(Originating::new(), config("alice"));
    let body = Bytes::from(vec![b'x'; size]);
    let mut draft = Draft::new(
        Target::One(uri("sip:bob@example.com")),
        Content::new("text/plain", body),
    );
    draft.success_report = true;
    bench.run(|alice, cx| alice.send(draft, cx)).unwrap();
    let found = bench
        .actions
        .as_slice()
        .iter()
        .find_map(|(_, action)| sent(action));
    let invite = found.unwrap();
    bench.actions.drain();
    let lines = "Contact: <sip:peer@peer.example.com>\r\nContent-Type: application/sdp\r\n";
    let ok = response(&invite, "200 OK", lines, ANSWER);
    bench.on(LegId::FIRST, Event::Response(invite.txn, &ok));
    bench
}

fn call() -> Request {
    let sdp = offer();
    let text = format!(
        "INVITE sip:bob@example.com SIP/2.0\r\n{VIA}Max-Forwards: 70\r\n\
         From: <sip:alice@example.com>;tag=49583\r\nTo: <sip:bob@example.com>\r\n\
         Call-ID: a84b4c76e66710@alice.example.com\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:alice@alice.example.com>;+g.oma.sip-im\r\nSupported: timer\r\n\
         Session-Expires: 1800;refresher=uac\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    parse_request(&text.into()).unwrap()
}

fn in_dialog(reply: &Reply, method: &str, cseq: u32) -> Request {
    let tag = reply.tag.unwrap();
    let text = format!(
        "{method} sip:bob@bob.example.com SIP/2.0\r\n{VIA}Max-Forwards: 70\r\n\
         From: <sip:alice@example.com>;tag=49583\r\nTo: <sip:bob@example.com>;tag={tag}\r\n\
         Call-ID: a84b4c76e66710@alice.example.com\r\nCSeq: {cseq} {method}\r\nSupported: timer\r\n\
         Contact: <sip:alice@alice.example.com>;+g.oma.sip-im\r\n\
         Session-Expires: 1800;refresher=uac\r\nContent-Length: 0\r\n\r\n"
    );
    parse_request(&text.into()).unwrap()
}

/// A client that has accepted a large message, and its 2xx, which has no ACK yet.
fn accepted() -> (Bench<Terminating>, Reply) {
    let mut bench = Bench::new(Terminating::new(), config("bob"));
    let request = call();
    let ask = bench.find(Event::Request(ServerTxn(1), &request), asked);
    let reply = bench.find(Event::Answer(ask, Answer::Accept), replied);
    bench.on(LegId::FIRST, Event::Msrp(MsrpEvent::Up));
    (bench, reply)
}

/// The same, with its ACK.
fn receiving() -> (Bench<Terminating>, Reply) {
    let (mut bench, reply) = accepted();
    let ack = in_dialog(&reply, "ACK", 1);
    bench.on(LegId::FIRST, Event::Ack(&ack));
    (bench, reply)
}

#[test]
fn a_session_answers_a_request_inside() {
    let (mut bench, reply) = receiving();
    for method in ["UPDATE", "OPTIONS"] {
        let begin = if method == "UPDATE" { 2 } else { 5_000 };
        let requests: Vec<_> = (begin..begin + 2_000)
            .map(|cseq| in_dialog(&reply, method, cseq))
            .collect();
        let mut requests = requests.iter();
        never_allocates(|| {
            let request = requests.next().unwrap();
            assert!(bench.on(LegId::FIRST, Event::Request(ServerTxn(2), request)) > 0);
        });
    }
}

#[test]
fn a_session_sends_chunks() {
    let mut bench = sending(4 << 20);
    let pushed = |action: &Action| match action {
        Action::SendChunk(chunk) => Some(chunk.id),
        _ => None,
    };
    let mut chunk = bench.find(Event::Msrp(MsrpEvent::Up), pushed);
    never_allocates(|| {
        let written = Event::Msrp(MsrpEvent::Written(chunk));
        let next = bench.find(written, pushed);
        bench.on(LegId::FIRST, Event::Msrp(MsrpEvent::Response(chunk, 200)));
        chunk = next;
    });
}

#[test]
fn a_session_hears_reports() {
    let mut bench = sending(4 << 20);
    let message = bench.find(Event::Msrp(MsrpEvent::Up), |action| match action {
        Action::SendChunk(chunk) => Some(chunk.message.to_string()),
        _ => None,
    });
    let mut at = 0;
    never_allocates(|| {
        at += 1;
        let range = simple_im::ByteRange {
            start: at,
            end: Some(at),
            total: Some(4 << 20),
        };
        let head = simple_im::ReportHead {
            message: &message,
            range,
            status: 200,
        };
        bench.on(LegId::FIRST, Event::Msrp(MsrpEvent::Report(&head)));
    });
}

#[test]
fn a_session_receives_chunks() {
    let (mut bench, _) = receiving();
    let octets = Bytes::from(vec![b'x'; 2048]);
    let mut start = 1;
    let mut chunk = || {
        let head = SendHead {
            message: "m1",
            range: simple_im::ByteRange {
                start,
                end: None,
                total: None,
            },
            success: false,
            failure: FailureReport::Yes,
            content_type: Some("text/plain"),
            mime: "Content-Type: text/plain\r\n",
        };
        start += 2048;
        bench.on(
            LegId::FIRST,
            Event::Msrp(MsrpEvent::Send(MsrpTxn(1), &head)),
        );
        let told = bench.on(LegId::FIRST, Event::Msrp(MsrpEvent::Octets(&octets)));
        bench.on(
            LegId::FIRST,
            Event::Msrp(MsrpEvent::End(Continuation::More)),
        );
        told
    };
    never_allocates(|| {
        chunk();
    });
    assert_eq!(chunk(), 1, "handed on");
}

#[test]
fn a_timer_fires() {
    let (mut bench, _) = accepted();
    never_allocates(|| {
        assert!(bench.on(LegId::FIRST, Event::Timer(Timer::Repeat)) > 0);
    });
    let mut timers = TimerQueue::new();
    let mut now = Duration::ZERO;
    for leg in 0..1_000 {
        let key = (MachineId(1), LegId::new(leg, 0), Timer::Ring);
        timers.start(key, now, Duration::from_secs(u64::from(leg)));
    }
    never_allocates(|| {
        now += Duration::from_secs(1);
        let key = (MachineId(2), LegId::FIRST, Timer::ChunkResponse);
        timers.start(key, now, Duration::from_secs(30));
        timers.stop(key);
        if let Some(key) = timers.pop(now) {
            timers.start(key, now, Duration::from_secs(1_000));
        }
    });
}

#[test]
fn a_fan_out_takes_a_step() {
    let mut config = config("im");
    config.limits.group_members = 10_000;
    let mut bench = Bench::new(Controlling::new(), config);
    let request = parse_request(&message()).unwrap();
    let ask = bench.find(Event::Request(ServerTxn(1), &request), asked);
    let yes = Access {
        exists: true,
        allowed: true,
        anonymity: true,
    };
    let ask = bench.find(Event::Answer(ask, Answer::Access(yes)), asked);
    let members: Vec<_> = (0..10_000)
        .map(|n| uri(&format!("sip:m{n}@example.com")))
        .collect();
    let first = bench.find(Event::Answer(ask, Answer::Members(Ok(&members))), sent);
    while bench.on(LegId::FIRST, Event::Timer(Timer::Continue)) > 0 {}
    let ok = response(&first, "200 OK", "", "");
    drop(first);
    let mut out = BytesMut::new();
    let mut slot = 0;
    never_allocates(|| {
        slot += 1;
        let leg = LegId::new(slot, 0);
        bench.run(|focus, cx| focus.handle(leg, Event::Response(simple_im::ClientTxn(0), &ok), cx));
        for (_, action) in bench.actions.drain() {
            if let Action::SendRequest(request) = action {
                out.clear();
                write_request(&mut out, &request, VIA);
            }
        }
        assert!(out.len() > 200, "the next copy");
    });
}

fn open(id: u8, connect: bool) -> OpenMsrp {
    let id = SessionId([id; 10]);
    OpenMsrp {
        id,
        connect,
        own: format!("msrp://a.example.com:2855/{id};tcp").into(),
        peer: Bytes::from_static(b"msrp://b.example.com:2855/peer;tcp"),
        target: Bytes::new(),
    }
}

fn chunk(body: &Bytes) -> Chunk {
    Chunk {
        id: ChunkId(1),
        message: Token::new([1, 2, 3]),
        start: 1,
        total: Some(body.len() as u64),
        flag: Continuation::Last,
        success: false,
        failure: FailureReport::Yes,
        mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
        body: body.clone(),
    }
}

/// A SEND as it comes in.
fn send(to: &OpenMsrp, body: &Bytes) -> Bytes {
    let (mut out, chunk) = (BytesMut::new(), chunk(body));
    write_send(&mut out, "a786hjs2", &to.own, &to.peer, &chunk);
    out.extend_from_slice(body);
    write_end(&mut out, "a786hjs2", &chunk);
    out.freeze()
}

#[test]
fn a_description_is_read_and_asked() {
    let text = Bytes::from_static(
        b"v=0\r\no=alice 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 7654 TCP/MSRP *\r\n\
          a=path:msrp://h:7654/x;tcp\r\na=accept-types:text/plain\r\na=sendonly\r\na=chatroom:nickname\r\n\
          a=file-selector:name:\"a b.jpg\" type:image/jpeg size:5 hash:sha-1:00:11\r\na=file-transfer-id:x\r\n",
    );
    never_allocates(|| {
        let found = sdp::parse(&text).unwrap();
        let [line] = found.media() else { panic!() };
        assert!(sdp::Origin::read(found.origin()).is_some());
        assert!(line.address().unwrap().ip().is_some());
        assert_eq!(line.chatroom().unwrap().tokens().count(), 1);
        let file = line.describes().unwrap().unwrap();
        assert_eq!(
            (file.name.as_deref(), file.size),
            (Some("a b.jpg"), Some(5))
        );
        assert_eq!(found.lines().attributes().count(), 6);
    });
}

#[test]
fn a_frame_is_decoded() {
    let wire = send(&open(1, false), &Bytes::from(vec![b'x'; 2048]));
    let mut decoder = Decoder::default();
    let mut input = BytesMut::with_capacity(8192);
    never_allocates(|| {
        input.extend_from_slice(&wire);
        let mut pieces = 0;
        while let Some(piece) = decoder.next(&mut input).unwrap() {
            pieces += 1;
            if let Piece::Octets(octets) = piece {
                assert_eq!(octets.len(), 2048);
            }
        }
        assert_eq!(pieces, 3);
    });
}

/// What is announced is not believed, and what was handed over is not kept.
#[test]
fn a_chunk_of_a_gibibyte_needs_no_buffer_of_its_size() {
    const READ: usize = 64 * 1024;
    const READS: usize = (1 << 30) / READ;
    let chunk = Chunk {
        total: Some(1 << 30),
        ..chunk(&Bytes::from(vec![b'x'; READ]))
    };
    let mut wire = BytesMut::new();
    write_send(
        &mut wire,
        "a786hjs2",
        b"msrp://a:1/s;tcp",
        b"msrp://b:1/s;tcp",
        &chunk,
    );
    let mut decoder = Decoder::default();
    let mut input = BytesMut::with_capacity(2 * READ);
    input.extend_from_slice(&wire);
    let before = HELD.get();
    let (mut got, mut reads) = (0, 0);
    while reads <= READS {
        match decoder.next(&mut input).unwrap() {
            Some(Piece::Octets(octets)) => got += octets.len(),
            Some(piece) => assert!(matches!(piece, Piece::Head(_)), "{piece:?}"),
            None => {
                reads += 1;
                assert!(input.is_empty(), "nothing of it may be an end-line");
                assert!(HELD.get() - before <= 4 * octets(READ));
                input.extend_from_slice(&chunk.body);
            }
        }
    }
    assert_eq!(got, 1 << 30);
    input.clear();
    write_end(&mut input, "a786hjs2", &chunk);
    let end = decoder.next(&mut input).unwrap();
    assert!(matches!(end, Some(Piece::End(Continuation::Last))));
}

#[test]
fn a_connection_receives_and_answers() {
    let (at, open) = ((MachineId(1), LegId::FIRST), open(1, false));
    let wire = send(&open, &Bytes::from(vec![b'x'; 2048]));
    let config = config("a");
    let mut sessions = Sessions::new();
    sessions.open(at, &open);
    let mut connection = Connection::new(ConnectionId(1));
    never_allocates(|| {
        connection.buffer().extend_from_slice(&wire);
        let mut octets = 0;
        while let Some(news) = connection.poll(&mut sessions, &config) {
            let txn = news.tell(|event| match event {
                MsrpEvent::Send(txn, _) => Some(txn),
                MsrpEvent::Octets(got) => {
                    octets += got.len();
                    None
                }
                _ => None,
            });
            drop(news);
            if let Some(txn) = txn {
                connection.respond(txn, 200);
            }
        }
        assert_eq!(octets, 2048);
        assert!(
            connection
                .transmit()
                .unwrap()
                .starts_with(b"MSRP a786hjs2 200")
        );
    });
}

#[test]
fn a_connection_sends() {
    let (at, open) = ((MachineId(1), LegId::FIRST), open(1, true));
    let config = config("a");
    let mut sessions = Sessions::new();
    sessions.open(at, &open);
    let mut connection = Connection::new(ConnectionId(1));
    assert!(connection.connected(&mut sessions, at));
    let chunk = chunk(&Bytes::from(vec![b'x'; 2048]));
    let mut dice = Dice(1);
    never_allocates(|| {
        connection.send_chunk(&sessions, at, chunk.clone(), &mut dice);
        let mut written = 0;
        while let Some(octets) = connection.transmit() {
            written += octets.len();
        }
        assert!(written > 2048);
        while connection.poll(&mut sessions, &config).is_some() {}
    });
}

/// An endpoint that sends so many octets, and drops what it gets.
struct Stream {
    endpoint: Endpoint,
    sessions: Sessions,
    connection: Connection,
    config: Config,
    dice: Dice,
    got: u64,
    wanted: Option<(simple_im::MessageId, usize)>,
}

impl Stream {
    fn new(name: &str, seed: u64) -> Self {
        let mut config = config(name);
        config.limits.message = 1 << 40;
        config.account.accept_types = "*".into();
        Self {
            endpoint: Endpoint::new(),
            sessions: Sessions::new(),
            connection: Connection::new(ConnectionId(1)),
            config,
            dice: Dice(seed),
            got: 0,
            wanted: None,
        }
    }

    fn with<R>(&mut self, say: impl FnOnce(&mut Endpoint, &mut Context<'_>) -> R) -> R {
        let mut actions = Actions::new();
        let mut cx = Context::new(&self.config, &mut self.dice, &mut actions);
        let result = say(&mut self.endpoint, &mut cx);
        for (leg, action) in actions.drain() {
            let at = (MachineId(1), leg);
            match action {
                Action::OpenMsrp(open) => self.sessions.open(at, &open),
                Action::SendChunk(chunk) => {
                    self.connection
                        .send_chunk(&self.sessions, at, chunk, &mut self.dice)
                }
                Action::RespondMsrp(txn, status) => self.connection.respond(txn, status),
                Action::Tell(simple_im::Notice::Wanted {
                    message, octets, ..
                }) => self.wanted = Some((message, octets)),
                Action::Tell(simple_im::Notice::Data { octets, .. }) => {
                    self.got += octets.len() as u64;
                }
                _ => {}
            }
        }
        result
    }

    fn listen(&mut self) {
        while let Some(news) = self.connection.poll(&mut self.sessions, &self.config) {
            news.tell(|event| {
                self.with(|endpoint, cx| endpoint.handle(news.leg, Event::Msrp(event), cx));
            });
        }
        if let Some((message, octets)) = self.wanted.take() {
            let octets = Bytes::from(vec![b'x'; octets]);
            self.with(|endpoint, cx| endpoint.supply(message, octets, cx))
                .unwrap();
        }
    }

    fn cross(&mut self, to: &mut Self) -> bool {
        self.listen();
        let octets = self.connection.transmit();
        if let Some(octets) = &octets {
            to.connection.buffer().extend_from_slice(octets);
        }
        to.listen();
        octets.is_some()
    }
}

#[test]
fn a_stream_of_64_mib_each_way_moves_in_little_memory() {
    let (mut a, mut b) = (Stream::new("alice", 1), Stream::new("bob", 2));
    a.config.profile.msrp_chunk = simple_im::profile::Chunking::Interruptible(1 << 16);
    let offer = a.with(|it, cx| it.offer(cx)).unwrap();
    let answer = b.with(|it, cx| it.answer(offer.sdp, cx)).unwrap();
    a.with(|it, cx| it.conclude(answer.sdp, cx)).unwrap();
    a.connection
        .connected(&mut a.sessions, (MachineId(1), LegId::FIRST));
    let size = 64 << 20;
    for side in [&mut a, &mut b] {
        let letter = Letter::new("application/octet-stream", Some(size));
        side.with(|it, cx| it.send(letter, cx)).unwrap();
    }
    let (before, mut most) = (HELD.get(), 0);
    // Whoever asks whether there is more has written what there was.
    let mut idle = 0;
    while idle < 4 {
        let moves = [a.cross(&mut b), b.cross(&mut a)];
        idle = if moves == [false; 2] { idle + 1 } else { 0 };
        most = most.max(HELD.get() - before);
    }
    assert_eq!((a.got, b.got), (size, size));
    println!("at most {most} octets held");
    assert!(most < 1 << 20, "{most}");
}

#[test]
fn events_and_actions_are_small() {
    assert!(size_of::<Event<'_>>() <= 64);
    assert!(size_of::<Action>() <= 128);
}

/// Octets of a machine: its own, and those of the blocks that only it holds.
fn footprint<M: Default>(machine: &mut M) -> i64 {
    let with = HELD.get();
    drop(mem::take(machine));
    octets(size_of::<M>()) + with - HELD.get()
}

#[test]
fn an_idle_session_is_small() {
    let (mut bench, reply) = receiving();
    drop(reply);
    bench.actions = Actions::new();
    let received = footprint(&mut bench.machine);
    let mut bench = sending(1 << 20);
    bench.on(LegId::FIRST, Event::Msrp(MsrpEvent::Up));
    bench.actions = Actions::new();
    let sent = footprint(&mut bench.machine) - (1 << 20);
    println!(
        "originating {}, terminating {}, controlling {}; with a session: {sent} sending, {received} receiving",
        size_of::<Originating>(),
        size_of::<Terminating>(),
        size_of::<Controlling>(),
    );
    assert!(received <= IDLE && sent <= IDLE);
}

/// The bound of an established session in octets; docs/performance.md says what it is made of.
const IDLE: i64 = 2 * 1024 + 64;
