//! What we say that we can: OPTIONS inside and outside of dialogs, and what is not understood.

use simple_im::driver::{Dispatch, Role, Route};
use simple_im::wire::sip::parse_response;
use simple_im::{
    Actions, Config, Context, Reply, Request, Response, ServerTxn, Status, Terminating,
};
use std::time::Duration;

use crate::rig::*;
use crate::sim::Dice;

/// What is answered to a request outside of dialogs, as its sender reads it.
fn outside(config: &Config, role: fn(&Request, &Config) -> Role, text: &str) -> Option<Response> {
    let request = request(text);
    let mut dispatch = Dispatch::with_roles(role);
    let route = dispatch.route(ServerTxn(1), &request, config, Duration::ZERO);
    let (mut dice, mut actions) = (Dice::new(7), Actions::new());
    let mut cx = Context::new(config, &mut dice, &mut actions);
    let reply = route.reply(&request, &mut cx)?;
    assert!(actions.is_empty(), "the driver sends it");
    Some(read_reply(&reply, text))
}

fn read_reply(reply: &Reply, to: &str) -> Response {
    let text = wire_reply(reply, to);
    parse_response(&bytes::Bytes::from(text)).unwrap()
}

fn asking(method: &str, uri: &str, lines: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\n\
         To: <{uri}>\nCall-ID: q1\nCSeq: 1 {method}\n{lines}"
    )
}

fn options(config: &Config, uri: &str, lines: &str) -> Response {
    outside(config, Role::by_uri, &asking("OPTIONS", uri, lines)).expect("an answer")
}

fn values(response: &Response, name: &str) -> Vec<String> {
    response.head.values(name).map(str::to_string).collect()
}

const EVERY: [&str; 8] = [
    "INVITE", "ACK", "CANCEL", "BYE", "MESSAGE", "OPTIONS", "UPDATE", "PRACK",
];

#[test]
fn a_client_says_what_it_can() {
    let mut config = client("bob");
    config.account.accept_wrapped_types = "text/html".into();
    let answer = options(&config, "sip:bob@example.com", "");
    assert_eq!(answer.status, Status(200));
    assert_eq!(values(&answer, "Allow"), EVERY);
    let accept = ["application/sdp", "message/cpim", "text/plain"];
    assert_eq!(values(&answer, "Accept"), accept);
    assert_eq!(values(&answer, "Accept-Encoding"), ["identity"]);
    assert_eq!(values(&answer, "Accept-Language"), ["*"]);
    assert_eq!(
        values(&answer, "Supported"),
        ["timer", "replaces", "100rel"]
    );
    assert!(answer.head.to().tag().is_some());
    let contact = answer.head.contact().unwrap();
    assert_eq!(contact.uri, "sip:bob@bob.example.com");
    let features: Vec<_> = contact.features().map(|feature| feature.tag).collect();
    assert_eq!(features, ["+g.oma.sip-im"]);
    assert_eq!(answer.head.header("User-Agent"), Some("IM-client/OMA1.0"));
    let part = answer.body.description_part().unwrap().unwrap();
    let sdp = part.sdp().expect("a description that can be read");
    // RFC 3264 §9: port 0, `t=0 0`.
    let line = sdp.media().first().unwrap();
    assert_eq!(
        (line.port, line.accept_types()),
        (0, "message/cpim text/plain")
    );
    assert_eq!(line.accept_wrapped_types(), "text/html");
    assert_eq!(line.max_size, Some(config.limits.message));
    assert_eq!(sdp.time(), "0 0");
}

#[test]
fn the_knobs_show_in_what_a_client_says() {
    let mut config = draft_seed(client("bob"));
    config.profile.lm_feature_tag = simple_im::profile::LmFeatureTag::ContactOnly;
    config.account.accept_types = "*".into();
    let answer = options(&config, "sip:bob@example.com", "");
    assert_eq!(values(&answer, "Allow"), &EVERY[..7]);
    assert_eq!(values(&answer, "Supported"), ["timer", "replaces"]);
    assert_eq!(values(&answer, "Accept"), ["application/sdp", "*/*"]);
    let contact = answer.head.contact().unwrap();
    let features: Vec<_> = contact.features().map(|feature| feature.tag).collect();
    assert_eq!(features, ["+g.oma.sip-im", "+g.oma.sip-im.large-message"]);
}

#[test]
fn a_description_is_for_those_who_read_it() {
    let config = client("bob");
    for (accept, there) in [
        ("", true),
        ("Accept: application/sdp\n", true),
        ("Accept: text/html, application/*;q=0.5\n", true),
        ("Accept: */*\n", true),
        ("Accept: text/plain\n", false),
        ("Accept: \n", true),
    ] {
        let answer = options(&config, "sip:bob@example.com", accept);
        assert_eq!(answer.status, Status(200));
        let found = answer.body.description_part().unwrap().is_some();
        assert_eq!(found, there, "{accept}");
        assert_eq!(answer.head.header("Content-Type").is_some(), there);
    }
}

#[test]
fn lists_are_for_the_factory_and_the_exploder_alone() {
    let config = server();
    for (uri, options) in [
        (
            "sip:conference-factory@im.example.com",
            vec!["timer", "recipient-list-invite", "100rel"],
        ),
        (
            "sip:exploder@im.example.com",
            vec!["timer", "recipient-list-message"],
        ),
        ("sip:team@im.example.com", vec!["timer", "100rel"]),
    ] {
        let text = asking("OPTIONS", uri, "");
        let answer = outside(&config, Role::server, &text).unwrap();
        assert_eq!(values(&answer, "Supported"), options, "{uri}");
        assert_eq!(answer.head.header("Server"), Some("IM-serv/OMA1.0"));
        let lists = values(&answer, "Accept").contains(&"application/resource-lists+xml".into());
        assert_eq!(lists, !uri.contains("team"), "{uri}");
        assert!(!answer.head.is_focus(), "it is no conference");
    }
    let mut config = config;
    config.account.exploder = config.account.factory.clone();
    let uri = "sip:conference-factory@im.example.com";
    let answer = outside(&config, Role::server, &asking("OPTIONS", uri, "")).unwrap();
    let both = [
        "timer",
        "recipient-list-invite",
        "recipient-list-message",
        "100rel",
    ];
    assert_eq!(values(&answer, "Supported"), both);
}

#[test]
fn what_is_not_understood_outside_of_dialogs_is_refused_with_what_is() {
    let config = client("bob");
    let bob = "sip:bob@example.com";
    for (method, lines, status) in [
        ("OPTIONS", "Require: timer, replaces\n", 200),
        ("OPTIONS", "Require: timer, foo\nRequire: bar\n", 420),
        // What proxies are to understand is none of ours.
        ("OPTIONS", "Proxy-Require: foo\n", 200),
        ("REFER", "", 405),
        ("SUBSCRIBE", "", 405),
        ("PUBLISH", "", 405),
        ("REGISTER", "", 405),
        // The method comes first (RFC 3261 §8.2.1).
        ("REGISTER", "Require: foo\n", 405),
        ("FROBNICATE", "Require: foo\n", 501),
        ("BYE", "", 481),
        ("UPDATE", "", 481),
        ("PRACK", "RAck: 1 1 INVITE\n", 481),
        ("INFO", "", 481),
        ("NOTIFY", "", 481),
    ] {
        let text = asking(method, bob, lines);
        let answer = outside(&config, Role::by_uri, &text).unwrap();
        assert_eq!(answer.status.0, status, "{method} {lines}");
        assert!(answer.head.to().tag().is_some());
        match status {
            405 | 501 => assert_eq!(values(&answer, "Allow"), EVERY),
            420 => assert_eq!(values(&answer, "Unsupported"), ["foo", "bar"]),
            _ => {}
        }
    }
    assert!(outside(&config, Role::by_uri, &asking("ACK", bob, "")).is_none());
    assert!(
        outside(&config, Role::by_uri, &asking("INVITE", bob, "")).is_none(),
        "a machine does"
    );
}

#[test]
fn a_require_is_looked_at_for_every_request_that_begins_something() {
    for (method, lines, unsupported) in [
        (
            "MESSAGE",
            "Require: foo\nContent-Type: text/plain\n\nhi",
            vec!["foo"],
        ),
        (
            "MESSAGE",
            "Require: 100rel, replaces\nContent-Type: text/plain\n\nhi",
            vec!["100rel", "replaces"],
        ),
        (
            "INVITE",
            "Require: timer, foo, precondition\n",
            vec!["foo", "precondition"],
        ),
        (
            "INVITE",
            "Require: recipient-list-invite\n",
            vec!["recipient-list-invite"],
        ),
    ] {
        let mut rig = Rig::new(Terminating::new(), client("bob"));
        let text = asking(method, "sip:bob@example.com", lines);
        let (_, reply) = rig.request(1, &text).one_reply();
        let answer = read_reply(&reply, &text);
        assert_eq!(answer.status, Status(420), "{method} {lines}");
        assert_eq!(values(&answer, "Unsupported"), unsupported);
    }
    let mut config = client("bob");
    config.profile.prack_callee = simple_im::profile::Prack::Off;
    let mut rig = Rig::new(Terminating::new(), config);
    let text = asking("INVITE", "sip:bob@example.com", "Require: 100rel\n");
    let (_, reply) = rig.request(1, &text).one_reply();
    assert_eq!(
        values(&read_reply(&reply, &text), "Unsupported"),
        ["100rel"]
    );
}

#[test]
fn a_dialog_says_what_it_can_and_takes_no_list() {
    let mut call = crate::terminating::Call::up();
    let did = call.inside("OPTIONS", "Accept: application/sdp\n");
    let text = call.text("OPTIONS", call.cseq, "");
    let answer = read_reply(&did.one_reply().1, &text);
    assert_eq!(answer.status, Status(200));
    assert_eq!(values(&answer, "Allow"), EVERY);
    assert_eq!(values(&answer, "Supported"), ["timer", "100rel"]);
    assert!(answer.body.description_part().unwrap().is_some());
    assert_eq!(
        answer.head.contact().unwrap().uri,
        "sip:bob@bob.example.com"
    );
    for method in ["INVITE", "UPDATE", "MESSAGE", "OPTIONS", "BYE"] {
        let did = call.inside(method, "Require: recipient-list-invite\nProxy-Require: x\n");
        assert_eq!(did.statuses(), [420], "{method}");
    }
    let did = call.inside("FROBNICATE", "Require: foo\n");
    assert_eq!(did.statuses(), [501], "the method comes first");
    // ACK and CANCEL are never refused for what they require (RFC 3261 §8.2.2.3).
    let ack = call.text("ACK", call.cseq, "Require: foo\n");
    call.rig.ack(&ack).none();
}

#[test]
fn a_request_that_was_answered_is_answered_the_same_and_one_under_way_merged() {
    let config = client("bob");
    let text = asking(
        "MESSAGE",
        "sip:bob@example.com",
        "Content-Type: text/plain\n\nhi",
    );
    let request = request(&text);
    let mut dispatch = Dispatch::new();
    let mut route = |txn| dispatch.route(ServerTxn(txn), &request, &config, Duration::ZERO);
    assert_eq!(route(1), Route::Stranger(Role::Terminating));
    let (mut dice, mut actions) = (Dice::new(7), Actions::new());
    let mut cx = Context::new(&config, &mut dice, &mut actions);
    let merged = route(2).reply(&request, &mut cx).unwrap();
    assert_eq!(merged.status, Status(482));
    dispatch.answered(ServerTxn(1), &merged, Duration::ZERO);
    let again = dispatch.route(ServerTxn(3), &request, &config, Duration::ZERO);
    assert_eq!(again.reply(&request, &mut cx), Some(merged));
}
