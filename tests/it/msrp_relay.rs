//! The client of a relay, row by row of its table, and under any events.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod session;

use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use simple_im::msrp::Relay;
use simple_im::msrp::relay::{Action, DEFAULT_PORT, Event, Grant, Login};
use simple_im::wire::msrp::{Challenge, Decoder, Head, Piece, Tolerance, write_answer};
use simple_im::{Account, AskId, Config, Down, Entropy, MsrpAuthority, Uri};

const INTRA: &str = "msrps://alice@intra.example.com;tcp";
const EXTRA: &str = "msrps://extra.example.com:9000;tcp";
const ALICE: &str = "msrps://alice.example.com:9892/98cjs;tcp";
const ONE: &str = "msrps://intra.example.com:9000/jui787s2f;tcp";
const TWO: &str = "msrps://extra.example.com:9000/mywdEe1233;tcp";

struct Dice(u64);

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

fn config() -> Config {
    let uri = |text| Uri::copy(text).unwrap();
    let account = Account::new(uri("sip:alice@example.com"), uri("sip:alice@a.example.com"));
    let msrp = MsrpAuthority {
        host: "alice.example.com".into(),
        port: 9892,
        tls: true,
    };
    Config::new(account, msrp, [1, 2])
}

/// A client, and what a driver keeps for it.
#[derive(Clone)]
struct Desk {
    relay: Relay,
    config: Config,
    drawn: u64,
    /// The transaction id and the octets of the last AUTH.
    sent: (String, String),
    ask: Option<AskId>,
    timer: Option<Duration>,
}

impl Desk {
    fn new(relays: &str, wish: Option<u64>) -> Self {
        let config = config();
        let wish = wish.map(Duration::from_secs);
        Self {
            relay: Relay::new(relays, ALICE, wish, &config).unwrap(),
            config,
            drawn: 0,
            sent: ("f".repeat(16), String::new()),
            ask: None,
            timer: None,
        }
    }

    /// What is to be done, a word or a line each.
    fn done(&mut self, actions: Vec<Action>) -> String {
        let mut said = Vec::new();
        for action in actions {
            said.push(match action {
                Action::Connect => "connect".to_owned(),
                Action::StartTimer(after) => {
                    self.timer = Some(after);
                    format!("+{}s", after.as_secs())
                }
                Action::StopTimer => {
                    self.timer = None;
                    "-".to_owned()
                }
                Action::Send(txn, octets) => {
                    let head = head(&octets);
                    assert_eq!(head.txn(), txn.to_string());
                    assert_eq!((head.method(), head.from_path()), ("AUTH", ALICE));
                    let mut said = format!("AUTH {}", short(head.to_path()));
                    if let Some(expires) = head.expires().unwrap() {
                        said += &format!(" for {expires}s");
                    }
                    if let Some(it) = head.authorization().unwrap() {
                        assert_eq!((it.qop, it.username, it.response), ("auth", "Alice", "66"));
                        assert_eq!(it.uri, head.to_path().split(' ').next_back());
                        said += &format!(" with {}/{}#{}", it.realm, it.nonce, it.nc);
                    }
                    self.sent = (
                        head.txn().to_owned(),
                        String::from_utf8(octets.to_vec()).unwrap(),
                    );
                    said
                }
                Action::Ask(ask, digests) => {
                    self.ask = Some(ask);
                    let digests = digests
                        .iter()
                        .map(|it| format!("{}/{}#{}", it.realm, it.nonce, it.nc));
                    format!("ask {}", digests.collect::<Vec<_>>().join(","))
                }
                Action::Granted(grant) => {
                    let valid = grant
                        .valid
                        .map_or("ever".into(), |valid| format!("{}s", valid.as_secs()));
                    format!("granted {} for {valid}", short(&grant.route))
                }
                Action::Closed(why) => format!("closed {why:?}"),
            });
        }
        said.join(", ")
    }

    fn open(&mut self) -> String {
        let mut actions = Vec::new();
        self.relay.open(&self.config, &mut actions);
        self.done(actions)
    }

    fn release(&mut self) -> String {
        let mut actions = Vec::new();
        self.relay.release(&mut actions);
        self.done(actions)
    }

    fn hear(&mut self, event: Event<'_>) -> String {
        let mut actions = Vec::new();
        let mut dice = Dice(self.drawn);
        self.relay
            .handle(event, &self.config, &mut dice, &mut actions);
        self.drawn = dice.0;
        self.done(actions)
    }

    /// The relay's response to the last AUTH.
    fn answer(&mut self, status: u16, lines: &str) -> String {
        let head = answer(&self.sent.0, status, lines);
        self.hear(Event::Response(&head))
    }

    fn log_in(&mut self, challenge: usize) -> String {
        let ask = self.ask.take().expect("nobody asked");
        let login = Login {
            challenge,
            username: "Alice",
            response: "66",
        };
        self.hear(Event::Answer(ask, Some(login)))
    }

    fn timer(&mut self) -> String {
        self.timer.take().expect("no timer runs");
        self.hear(Event::Timer)
    }

    fn then(mut self, step: impl FnOnce(&mut Self) -> String) -> Self {
        step(&mut self);
        self
    }
}

/// Paths in one word each.
fn short(path: &str) -> String {
    path.replace(INTRA, "intra")
        .replace(EXTRA, "extra")
        .replace(ONE, "one")
        .replace(TWO, "two")
        .replace(' ', "+")
}

/// A frame that a strict decoder takes.
fn head(octets: &[u8]) -> Head {
    let mut decoder = Decoder::new(8192, Tolerance::strict());
    match decoder.next(&mut BytesMut::from(octets)) {
        Ok(Some(Piece::Head(head))) => head,
        other => panic!("{other:?}"),
    }
}

fn answer(txn: &str, status: u16, lines: &str) -> Head {
    let (mut out, lines) = (BytesMut::new(), lines.replace('\n', "\r\n"));
    write_answer(
        &mut out,
        txn,
        status,
        ALICE.as_bytes(),
        INTRA.as_bytes(),
        lines.as_bytes(),
    );
    match Decoder::default().next(&mut out) {
        Ok(Some(Piece::Head(head))) => head,
        other => panic!("{other:?}"),
    }
}

fn challenge(nonce: &str, stale: bool) -> String {
    let challenge = Challenge {
        realm: "r",
        nonce,
        opaque: Some("o"),
        stale,
        algorithm: None,
        qop: "auth",
    };
    format!("WWW-Authenticate: {challenge}\n")
}

fn grant(path: &str, expires: u32) -> String {
    format!("Use-Path: {path}\nExpires: {expires}\n")
}

// --- The states

fn connecting() -> Desk {
    Desk::new(INTRA, None).then(Desk::open)
}

fn awaiting() -> Desk {
    connecting().then(|it| it.hear(Event::Connected))
}

fn asking() -> Desk {
    awaiting().then(|it| it.answer(401, &challenge("n", false)))
}

/// An AUTH with credentials is out.
fn shown() -> Desk {
    asking().then(|it| it.log_in(0))
}

fn granted() -> Desk {
    shown().then(|it| it.answer(200, &grant(ONE, 600)))
}

/// The path is asked for anew.
fn anew() -> Desk {
    granted().then(Desk::timer)
}

#[test]
fn a_path_is_granted_for_a_password() {
    let mut it = Desk::new(INTRA, Some(900));
    assert_eq!(it.open(), "connect, +30s");
    let target = it.relay.target().unwrap();
    assert_eq!(
        (target.host, target.port, target.tls),
        ("intra.example.com", DEFAULT_PORT, true)
    );
    assert!(it.relay.is_service(), "SRV records come first");
    assert!(!Desk::new(EXTRA, None).relay.is_service());
    assert_eq!(it.hear(Event::Connected), "AUTH intra for 900s, +30s");
    assert_eq!(it.answer(401, &challenge("n", false)), "ask r/n#1, +20s");
    assert_eq!(it.log_in(0), "AUTH intra for 900s with r/n#1, +30s");
    assert!(!it.relay.is_granted());
    assert_eq!(
        it.answer(200, &grant(ONE, 900)),
        "+840s, granted one for 900s"
    );
    assert!(it.relay.is_granted());
    assert_eq!(it.release(), "-");
    assert!(it.relay.is_closed() && !it.relay.is_granted());
}

/// RFC 4976 §5.1: relays B and C in front of A, and D and E in front of F.
#[test]
fn a_chain_of_relays_is_asked_one_through_the_other() {
    let mut it = Desk::new(&format!("{INTRA} {EXTRA}"), None);
    it.open();
    assert_eq!(it.hear(Event::Connected), "AUTH intra, +30s");
    it.answer(401, &challenge("n", false));
    it.log_in(0);
    assert_eq!(it.answer(200, &grant(ONE, 900)), "AUTH one+extra, +30s");
    assert_eq!(it.answer(401, &challenge("m", false)), "ask r/m#1, +20s");
    assert_eq!(it.log_in(0), "AUTH one+extra with r/m#1, +30s");
    // The shorter of the two times counts.
    let both = format!("{ONE} {TWO}");
    assert_eq!(
        it.answer(200, &grant(&both, 1800)),
        "+840s, granted one+two for 900s"
    );
}

#[test]
fn a_peer_is_given_the_relays_from_the_outside_in() {
    let grant = Grant {
        route: "msrps://b:1/b;tcp msrps://c:1/c;tcp".into(),
        valid: None,
        rspauth: None,
    };
    let own = "msrps://a:1/a;tcp";
    assert_eq!(
        grant.path(own),
        "msrps://c:1/c;tcp msrps://b:1/b;tcp msrps://a:1/a;tcp"
    );
}

#[test]
fn a_relay_may_grant_without_a_password() {
    assert_eq!(
        awaiting().answer(200, &grant(ONE, 600)),
        "+540s, granted one for 600s"
    );
    // Without a word of how long, it is for as long as the connection.
    let lines = format!("Use-Path: {ONE}\n");
    let mut it = awaiting();
    assert_eq!(it.answer(200, &lines), "-, granted one for ever");
    assert_eq!(it.hear(Event::Timer), "", "it was stopped");
}

#[test]
fn a_host_chooses_among_challenges_that_can_be_met() {
    let lines = "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\", algorithm=MD5-sess, qop=\"auth\"\n\
                 WWW-Authenticate: Digest realm=\"r\", nonce=\"2\", qop=\"auth-int\"\n\
                 WWW-Authenticate: Basic realm=\"r\"\n\
                 WWW-Authenticate: Digest realm=\"r\", nonce=\"3\", algorithm=SHA-256, qop=\"auth-int,auth\"\n\
                 WWW-Authenticate: Digest realm=\"r\", nonce=\"4\"\n";
    let mut it = awaiting();
    assert_eq!(it.answer(401, lines), "ask r/3#1,r/4#1, +20s");
    assert_eq!(it.clone().log_in(1), "AUTH intra with r/4#1, +30s");
    assert_eq!(it.clone().log_in(2), "-, closed NoCredentials");
    it.log_in(0);
    assert!(it.sent.1.contains("algorithm=SHA-256, cnonce="));
    let many = challenge("n", false).repeat(9);
    assert_eq!(
        awaiting().answer(401, &many),
        "ask r/n#1,r/n#1,r/n#1,r/n#1, +20s"
    );
    for lines in [
        "",
        "WWW-Authenticate: Basic realm=\"r\"\n",
        "WWW-Authenticate: Digest\n",
    ] {
        assert_eq!(awaiting().answer(401, lines), "-, closed Unusable");
    }
}

#[test]
fn a_host_without_credentials_ends_it() {
    let mut it = asking();
    let ask = it.ask.unwrap();
    assert_eq!(it.hear(Event::Answer(ask, None)), "-, closed NoCredentials");
}

#[test]
fn a_wrong_password_is_not_tried_again() {
    assert_eq!(
        shown().answer(401, &challenge("m", false)),
        "-, closed WrongPassword"
    );
}

#[test]
fn a_stale_nonce_is_replaced_and_not_for_ever() {
    let mut it = shown();
    for nonce in ["m", "o"] {
        let asked = format!("ask r/{nonce}#1, +20s");
        assert_eq!(it.answer(401, &challenge(nonce, true)), asked);
        assert_eq!(it.log_in(0), format!("AUTH intra with r/{nonce}#1, +30s"));
    }
    assert_eq!(it.answer(401, &challenge("p", true)), "-, closed Loop");
}

#[test]
fn an_interval_is_mended_within_its_bounds() {
    let mut it = Desk::new(INTRA, Some(5));
    it.open();
    it.hear(Event::Connected);
    // Before the password was asked for, and after: its count goes on.
    assert_eq!(
        it.answer(423, "Min-Expires: 10\n"),
        "AUTH intra for 10s, +30s"
    );
    it.answer(401, &challenge("n", false));
    assert_eq!(it.log_in(0), "AUTH intra for 10s with r/n#1, +30s");
    assert_eq!(
        it.answer(423, "Min-Expires: 20\nMax-Expires: 30\n"),
        "ask r/n#2, +20s"
    );
    assert_eq!(it.log_in(0), "AUTH intra for 20s with r/n#2, +30s");
    assert_eq!(
        it.clone().answer(200, &grant(ONE, 20)),
        "+10s, granted one for 20s"
    );
    // It is within the bounds, and refused all the same.
    assert_eq!(
        it.clone().answer(423, "Min-Expires: 20\n"),
        "-, closed Loop"
    );
    for lines in [
        "",
        "Min-Expires: 9\nMax-Expires: 8\n",
        "Min-Expires: x\n",
        "Max-Expires: 0\n",
    ] {
        assert_eq!(
            it.clone().answer(423, lines),
            "-, closed Unusable",
            "{lines}"
        );
    }
    let mut it = Desk::new(INTRA, Some(5000))
        .then(Desk::open)
        .then(|it| it.hear(Event::Connected));
    assert_eq!(
        it.answer(423, "Max-Expires: 3600\n"),
        "AUTH intra for 3600s, +30s"
    );
    // Who wished nothing takes the bound that he is told.
    assert_eq!(
        awaiting().answer(423, "Min-Expires: 60\n"),
        "AUTH intra for 60s, +30s"
    );
    assert_eq!(
        awaiting().answer(423, "Max-Expires: 60\n"),
        "AUTH intra for 60s, +30s"
    );
}

#[test]
fn bounds_that_move_are_not_followed_for_ever() {
    let mut it = awaiting();
    let mut said = String::new();
    for least in 1..20 {
        said = it.answer(423, &format!("Min-Expires: {least}\n"));
        if it.relay.is_closed() {
            assert_eq!(least, 6);
            break;
        }
    }
    assert_eq!(said, "-, closed Loop");
}

#[test]
fn a_refusal_ends_it() {
    for status in [400, 403, 404, 481, 501, 506, 302, 999] {
        let said = format!("-, closed Refused(Status({status}))");
        assert_eq!(awaiting().answer(status, ""), said);
        assert_eq!(shown().answer(status, ""), said);
    }
}

/// A relay behind the first one did not answer it (RFC 4975 §10.4).
#[test]
fn a_timeout_behind_the_relay_is_tried_again() {
    assert_eq!(awaiting().answer(408, ""), "AUTH intra, +30s");
    let mut it = shown();
    assert_eq!(it.answer(408, ""), "ask r/n#2, +20s");
    it.log_in(0);
    for _ in 0..3 {
        it.answer(408, "");
        it.log_in(0);
    }
    assert_eq!(it.answer(408, ""), "-, closed Refused(Status(408))");
}

#[test]
fn a_grant_without_a_path_is_none() {
    for lines in [
        "",
        "Expires: 600\n",
        "Use-Path: sip:a\nExpires: 600\n",
        "Use-Path: msrps://a.example.com/x;tcp\nExpires: 600\n",
        &format!("Use-Path: {ONE}\nExpires: soon\n"),
        &format!("Use-Path: {ONE}\nUse-Path: {TWO}\nExpires: 1\n"),
        &grant(ONE, 0),
    ] {
        assert_eq!(shown().answer(200, lines), "-, closed Unusable", "{lines}");
    }
}

#[test]
fn a_silent_relay_or_host_is_not_awaited_for_ever() {
    for mut it in [connecting(), awaiting(), asking(), shown()] {
        assert_eq!(it.timer(), "closed NoAnswer");
        assert_eq!(it.hear(Event::Timer), "");
        assert!(it.relay.is_closed());
    }
}

#[test]
fn a_path_ends_with_its_connection() {
    for mut it in [
        connecting(),
        awaiting(),
        asking(),
        shown(),
        granted(),
        anew(),
    ] {
        let mut other = it.clone();
        assert_eq!(it.hear(Event::Down(Down::Lost)), "-, closed Lost");
        assert!(!it.relay.is_granted());
        assert_eq!(
            other.hear(Event::Down(Down::Unreachable)),
            "-, closed Unreachable"
        );
        // And may be asked for over another one, as if nothing had been known before.
        assert_eq!(it.open(), "connect, +30s");
        assert_eq!(it.hear(Event::Connected), "AUTH intra, +30s");
    }
}

#[test]
fn a_path_is_asked_for_anew_before_its_end() {
    let mut it = granted();
    assert_eq!(it.timer, Some(Duration::from_secs(540)));
    // The challenge is known: one round trip is saved. One timer runs until the path is over.
    assert_eq!(it.timer(), "+60s, ask r/n#2");
    assert!(it.relay.is_granted());
    assert_eq!(it.log_in(0), "AUTH intra with r/n#2");
    assert_eq!(
        it.answer(200, &grant(TWO, 100)),
        "+50s, granted two for 100s"
    );
    assert_eq!(it.timer(), "+50s, ask r/n#3");
}

#[test]
fn a_relay_names_the_next_nonce() {
    let mut it = shown();
    let lines = grant(ONE, 600)
        + "Authentication-Info: nextnonce=\"next\", rspauth=\"12\", nc=00000001, qop=auth\n";
    it.answer(200, &lines);
    assert_eq!(it.timer(), "+60s, ask r/next#1");
}

/// A nonce of long ago may be refused without being called stale: that says nothing of the password.
#[test]
fn an_old_nonce_is_replaced() {
    let mut it = anew();
    it.log_in(0);
    assert_eq!(
        it.clone().answer(401, &challenge("new", true)),
        "ask r/new#1"
    );
    assert_eq!(it.answer(401, &challenge("new", false)), "ask r/new#1");
    assert_eq!(it.log_in(0), "AUTH intra with r/new#1");
    assert_eq!(
        it.answer(401, &challenge("new", false)),
        "-, closed WrongPassword"
    );
    assert!(!it.relay.is_granted());
}

#[test]
fn a_path_that_is_not_granted_anew_expires() {
    let mut it = anew();
    it.log_in(0);
    assert_eq!(it.answer(408, ""), "ask r/n#3");
    assert_eq!(it.timer(), "closed Expired");
    assert!(!it.relay.is_granted() && it.relay.is_closed());
    assert_eq!(
        anew().then(|it| it.log_in(0)).answer(403, ""),
        "-, closed Refused(Status(403))"
    );
}

#[test]
fn what_is_late_or_not_for_us_does_nothing() {
    for mut it in [
        Desk::new(INTRA, None),
        connecting(),
        awaiting(),
        asking(),
        shown(),
        granted(),
        anew(),
    ] {
        let other = answer("0000000000000000", 200, &grant(TWO, 600));
        assert_eq!(it.hear(Event::Response(&other)), "");
        let not_ours = AskId(77);
        assert_eq!(it.hear(Event::Answer(not_ours, None)), "");
        let is_awaiting = it.relay.is_closed() || it.timer == Some(Duration::from_secs(30));
        if !is_awaiting {
            assert_eq!(it.hear(Event::Connected), "");
        }
        if !it.relay.is_closed() {
            assert_eq!(it.open(), "", "it is open");
        }
    }
    // A request with the id of ours is no response to it.
    let mut it = awaiting();
    let request = head(it.sent.1.clone().as_bytes());
    assert_eq!(it.hear(Event::Response(&request)), "");
    // Twice the same response.
    let again = answer(&it.sent.0, 200, &grant(ONE, 600));
    assert_eq!(
        it.hear(Event::Response(&again)),
        "+540s, granted one for 600s"
    );
    assert_eq!(it.hear(Event::Response(&again)), "");
    // Twice the same answer of the host.
    let mut it = asking();
    let ask = it.ask.unwrap();
    it.log_in(0);
    assert_eq!(it.hear(Event::Answer(ask, None)), "");
    let mut it = granted().then(Desk::release);
    assert_eq!(it.hear(Event::Timer), "");
    assert_eq!(it.hear(Event::Down(Down::Lost)), "");
    assert_eq!(it.release(), "");
}

#[test]
fn a_relay_is_not_told_secrets_in_clear() {
    let mut config = config();
    let relay =
        |relays: &str, own: &str, config: &Config| Relay::new(relays, own, None, config).map(drop);
    let clear = "msrps://a:1;tcp msrp://b:1;tcp";
    let flaw = relay(clear, ALICE, &config).unwrap_err();
    assert_eq!((flaw.at, flaw.what), (16, "relay is reached without TLS"));
    assert!(relay("", ALICE, &config).is_err());
    assert!(relay("sip:a", ALICE, &config).is_err());
    assert!(relay(INTRA, "alice", &config).is_err());
    config.profile.relay_in_clear = true;
    assert_eq!(relay(clear, ALICE, &config), Ok(()));
}

// --- Any events

#[derive(Clone, Debug)]
enum Step {
    Open,
    Release,
    Connected,
    /// To the last AUTH, or to another one.
    Response(u16, String, bool),
    Answer(Option<usize>, bool),
    /// If it runs, or all the same.
    Timer(bool),
    Down,
}

fn step() -> impl Strategy<Value = Step> {
    let nonce = "[a-c]";
    let lines = prop_oneof![
        (nonce, any::<bool>()).prop_map(|(nonce, stale)| challenge(&nonce, stale)),
        (0u32..200).prop_map(|expires| grant(ONE, expires)),
        (0u32..200).prop_map(|expires| grant(&format!("{ONE} {TWO}"), expires)),
        (0u32..200, 0u32..200)
            .prop_map(|(least, most)| format!("Min-Expires: {least}\nMax-Expires: {most}\n")),
        Just(String::new()),
        Just(String::from("Use-Path: x\n")),
    ];
    let status = prop::sample::select(vec![
        200, 200, 200, 401, 401, 401, 423, 423, 408, 403, 481, 0, 999,
    ]);
    prop_oneof![
        2 => Just(Step::Open),
        1 => Just(Step::Release),
        3 => Just(Step::Connected),
        12 => (status, lines, prop::bool::weighted(0.9)).prop_map(|(status, lines, ours)| Step::Response(status, lines, ours)),
        8 => (prop::option::weighted(0.95, 0usize..2), prop::bool::weighted(0.9)).prop_map(|(choice, ours)| Step::Answer(choice, ours)),
        2 => any::<bool>().prop_map(Step::Timer),
        1 => Just(Step::Down),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes in whatever order: each opening ends once, no timer outlives it, something is always
    /// awaited in between, and a relay that never grants is given up.
    #[test]
    fn any_events_are_survived(steps in prop::collection::vec(step(), 0..120), chain in any::<bool>(), wish in prop::option::of(1u64..300)) {
        let relays = if chain { format!("{INTRA} {EXTRA}") } else { INTRA.to_owned() };
        let mut it = Desk::new(&relays, wish);
        let (mut open, mut sent) = (false, 0);
        for step in steps {
            let before = it.relay.is_closed();
            let said = match step {
                Step::Open => it.open(),
                Step::Release => it.release(),
                Step::Connected => it.hear(Event::Connected),
                Step::Response(status, lines, true) => it.answer(status, &lines),
                Step::Response(status, lines, false) => {
                    let head = answer("ffffffffffffffff", status, &lines);
                    it.hear(Event::Response(&head))
                }
                Step::Answer(choice, ours) => {
                    let ask = it.ask.filter(|_| ours).unwrap_or(AskId(999));
                    let login = choice.map(|challenge| Login { challenge, username: "Alice", response: "66" });
                    it.hear(Event::Answer(ask, login))
                }
                Step::Timer(_) if it.timer.is_some() => it.timer(),
                Step::Timer(false) => continue,
                // Stopped, and delivered all the same.
                Step::Timer(true) => {
                    let said = it.hear(Event::Timer);
                    prop_assert!(before || !it.relay.is_closed() || !said.is_empty());
                    said
                }
                Step::Down => it.hear(Event::Down(Down::Lost)),
            };
            let closed = said.matches("closed").count();
            prop_assert!(closed <= 1 && said.matches("AUTH").count() <= 1 && said.matches("ask").count() <= 1);
            if said.contains("connect") {
                prop_assert!(!open);
                (open, sent) = (true, 0);
            }
            sent = if said.contains("granted") { 0 } else { sent + said.matches("AUTH").count() };
            prop_assert!(sent <= 6 * 2, "{sent} requests and no path");
            prop_assert!(closed == 0 || open, "closed without having been open: {said}");
            open = !it.relay.is_closed();
            prop_assert!(closed == 0 || !open);
            // Something falls due at every moment, but for a path without an end.
            prop_assert!(open || it.timer.is_none(), "a timer runs on");
            prop_assert!(!open || it.timer.is_some() || it.relay.is_granted(), "nothing is awaited");
            if !said.is_empty() && before && !open {
                prop_assert!(false, "it moved after its end: {}", said);
            }
        }
        it.release();
        prop_assert!(it.timer.is_none() && it.relay.is_closed() && !it.relay.is_granted());
    }
}
