//! The originating client, row by row: `pager` and `large` follow the requirements, `corner` the corner
//! cases, `timer` the session timer, `golden` the golden messages, and `random` anything at all.

use simple_im::{
    Action, Chunk, Config, Content, Draft, Failure, LegId, Machine, Method, MsrpEvent, Notice,
    Originating, Outcome, Outgoing, Recipient, Request, Target, Timer, TxnError,
};

use crate::rig::*;

mod cema;
mod corner;
mod golden;
mod large;
mod pager;
mod random;
mod refused;
mod timer;

type Alice = Rig<Originating>;
type Sent = (LegId, Outgoing);

const LEG: LegId = LegId::FIRST;

fn alice() -> Alice {
    Rig::new(Originating::new(), client("alice"))
}

/// Alice with a configuration that differs.
fn alice_with(change: impl FnOnce(&mut Config)) -> Alice {
    let mut rig = alice();
    change(&mut rig.config);
    rig
}

/// Alice as the seeds have her, read literally.
fn alice_of_the_seeds() -> Alice {
    Rig::new(Originating::new(), draft_seed(client("alice")))
}

fn bob() -> Target {
    Target::One(uri("sip:bob@example.com"))
}

fn friends() -> Target {
    Target::Group(uri("sip:friends@example.com"))
}

fn list(uris: &[&str]) -> Target {
    Target::List(uris.iter().map(|text| Recipient::new(uri(text))).collect())
}

fn bob_and_carol() -> Target {
    list(&["sip:bob@example.com", "sip:carol@example.com"])
}

/// Plain text of so many octets.
fn text(octets: usize) -> Content {
    Content::text(&"x".repeat(octets))
}

/// A message to the target that fits into a MESSAGE.
fn small(target: Target) -> Draft {
    Draft::new(target, text(9))
}

/// A message to the target of 3,000 octets: two chunks.
fn large(target: Target) -> Draft {
    Draft::new(target, text(3000))
}

fn anonymous(mut draft: Draft) -> Draft {
    draft.anonymous = true;
    draft
}

fn confirmed(mut draft: Draft) -> Draft {
    draft.success_report = true;
    draft
}

/// Sends; one request goes out.
fn send(rig: &mut Alice, draft: Draft) -> Sent {
    let (sent, did) = rig.command(|alice, cx| alice.send(draft, cx));
    sent.unwrap();
    did.one_sent()
}

/// The request that carries or announces a message of a fresh client.
fn first(mut rig: Alice, draft: Draft) -> Outgoing {
    send(&mut rig, draft).1
}

fn page(rig: Alice, draft: Draft) -> Outgoing {
    let sent = first(rig, draft);
    assert_eq!(sent.method, Method::Message);
    sent
}

fn invite(rig: Alice, draft: Draft) -> Outgoing {
    let sent = first(rig, draft);
    assert_eq!(sent.method, Method::Invite);
    sent
}

/// The values of a header field, as they are written.
fn fields(request: &Outgoing, name: &str) -> Vec<String> {
    let head = read(request).head;
    head.headers()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_string())
        .collect()
}

fn field(request: &Outgoing, name: &str) -> String {
    let values = fields(request, name);
    assert_eq!(values.len(), 1, "one {name} in\n{}", wire(request));
    values.into_iter().next().unwrap()
}

/// The lines of the session description in a request.
fn sdp(request: &Outgoing) -> Vec<String> {
    let read = read(request);
    let part = read.body.description_part().unwrap().unwrap();
    let text = String::from_utf8(part.content().to_vec()).unwrap();
    text.lines().map(str::to_string).collect()
}

/// The URIs of the recipient list in a request.
fn listed(request: &Request) -> Vec<String> {
    let config = client("x");
    let part = request.body.recipient_list_part(&config.profile).unwrap();
    let list = part.unwrap().1.recipient_list(&config.limits).unwrap();
    list.entries
        .iter()
        .map(|entry| entry.uri.to_string())
        .collect()
}

/// A client whose INVITE is out.
fn calling(mut rig: Alice, draft: Draft) -> (Alice, Sent) {
    let sent = send(&mut rig, draft);
    assert_eq!(sent.1.method, Method::Invite);
    (rig, sent)
}

/// A client whose session is agreed on and bound.
fn bound(rig: Alice, draft: Draft, lines: &str) -> (Alice, Sent) {
    let (mut rig, sent) = calling(rig, draft);
    let did = rig.respond(&sent, "200 OK", lines, &answer_sdp(""));
    assert_eq!(methods(&did), [Method::Ack]);
    let did = rig.msrp(LEG, MsrpEvent::Up);
    assert_eq!(did.0[0], (LEG, Action::StopTimer(Timer::Bind)));
    (rig, sent)
}

fn methods(did: &Did) -> Vec<Method> {
    did.sent().iter().map(|(_, sent)| sent.method).collect()
}

/// The connection has written what there was and wants more.
fn room(rig: &mut Alice) -> Did {
    rig.room(LEG)
}

/// The next chunk.
fn chunk(rig: &mut Alice) -> Chunk {
    let did = room(rig);
    let chunks = did.chunks();
    assert_eq!(chunks.len(), 1, "one chunk, not {:#?}", did.0);
    chunks.into_iter().next().unwrap().1
}

fn answered(rig: &mut Alice, chunk: &Chunk, status: u16) -> Did {
    rig.msrp(LEG, MsrpEvent::Response(chunk.id, status))
}

/// A REPORT on the message of a chunk.
fn reported(rig: &mut Alice, chunk: &Chunk, from: u64, to: u64, status: u16) -> Did {
    let message = chunk.message.to_string();
    let head = report(&message, from, to, chunk.total.unwrap(), status);
    rig.msrp(LEG, MsrpEvent::Report(&head))
}

/// The only request of these is BYE.
fn bye(did: &Did) -> Sent {
    let sent = did.one_sent();
    assert_eq!(sent.1.method, Method::Bye);
    sent
}

/// BYE is answered: the leg is closed, and this is what is told.
fn over(rig: &mut Alice, bye: &Sent) -> Outcome {
    let did = rig.respond(bye, "200 OK", "", "");
    closed(rig, &did)
}

/// The leg is closed, all is given back, and this is what is told.
fn closed(rig: &Alice, did: &Did) -> Outcome {
    assert!(rig.machine.is_closed(), "{:#?}", did.0);
    assert_eq!(did.0.last().unwrap().1, Action::Closed);
    assert_eq!(did.count(|action| *action == Action::ReleaseMsrp), 1);
    did.outcome()
}

/// What a final response to a MESSAGE makes of it.
fn page_outcome(target: Target, status: &str, lines: &str) -> Outcome {
    let mut rig = alice();
    let sent = send(&mut rig, small(target));
    let did = rig.respond(&sent, status, lines, "");
    assert!(did.sent().is_empty(), "nothing is sent by itself");
    assert!(rig.machine.is_closed());
    let outcomes = did.outcomes();
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == outcomes[0].1)
    );
    outcomes[0].1
}

/// What a final response to an INVITE makes of the message.
fn invite_outcome(target: Target, status: &str, lines: &str) -> Outcome {
    let (mut rig, sent) = calling(alice(), large(target));
    let did = rig.respond(&sent, status, lines, "");
    assert!(did.sent().is_empty(), "nothing is sent by itself");
    assert!(rig.machine.is_closed());
    did.outcomes()[0].1
}

/// What an answer makes of a message of 3,000 octets, if ACK and BYE are what follows.
fn answer_outcome(lines: &str, body: &str) -> Outcome {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(&sent, "200 OK", lines, body);
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    assert!(did.chunks().is_empty());
    let bye = did.sent().pop().unwrap();
    over(&mut rig, &bye)
}
