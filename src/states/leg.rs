//! The leg in each state, with each event.
#![allow(clippy::unwrap_used, clippy::panic)]

extern crate std;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::action::Fresh;
use crate::offer::{self, Direction, Wanted};
use crate::states::desk::{self, Desk, methods, outcome_name, troubles};
use crate::states::peer::Peer;
use crate::states::table::{Machine, Row, Subject};
use crate::states::{all, states};
use crate::{
    AskId, ByteRange, ChunkId, Continuation, FailureReport, MessageId, MsrpEvent, MsrpTxn,
    ReportHead, SendHead, Tag, Uri,
};

states! { At {
    Inviting => "Inviting", "We have invited the peer and heard nothing.";
    Ringing => "Ringing", "We have heard that it works on it.";
    CancelPending => "CancelPending", "To be cancelled as soon as the peer lets us: CANCEL may not overtake its INVITE.";
    Cancelling => "Cancelling", "We have said CANCEL and await the final response.";
    Deciding => "Deciding", "The peer has invited us, and somebody decides.";
    DecidingUnheard => "Deciding · PRACK", "The same, and a reliable response of ours, which gives the answer, has no PRACK.";
    DecidingAccepted => "Deciding · accepted", "The same, and it is accepted: the 2xx waits for the PRACK of the answer.";
    AwaitingAck => "AwaitingAck", "We have answered an INVITE with 2xx and repeat it until its ACK.";
    AwaitingAckUpdating => "AwaitingAck · UPDATE", "The same, and a refresh of ours by UPDATE is under way.";
    AwaitingAckWaiting => "AwaitingAck · Retry", "The same, and a refresh of ours is to be tried again.";
    AwaitingAckToEnd => "AwaitingAck · BYE", "The same, and it is over: BYE may not overtake the ACK.";
    Up => "Up", "Messages flow.";
    Updating => "Up · UPDATE", "The same, and a refresh of ours by UPDATE is under way.";
    Reinviting => "Up · re-INVITE", "The same, and a refresh of ours by re-INVITE is under way.";
    Waiting => "Up · Retry", "The same, and a refresh of ours is to be tried again.";
    Ending => "Ending", "We have said BYE and wait to be told so.";
    Closed => "Closed", "Nothing more will happen.";
} }

/// A leg, and what its peer knows of it.
#[derive(Clone)]
struct Scene {
    leg: Leg,
    desk: Desk,
    bob: Peer,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let at = match &self.leg.state {
            State::Inviting(_) => At::Inviting,
            State::Ringing(_) => At::Ringing,
            State::CancelPending(..) => At::CancelPending,
            State::Cancelling(..) => At::Cancelling,
            State::Deciding(decision) => match decision.awaits() {
                (false, _) => At::Deciding,
                (true, false) => At::DecidingUnheard,
                (true, true) => At::DecidingAccepted,
            },
            State::AwaitingAck(up, wait) => match (wait.then, up.refreshing) {
                // What is under way does not matter any more.
                (Then::Bye(_), _) => At::AwaitingAckToEnd,
                (Then::Stay, Refreshing::No) => At::AwaitingAck,
                (Then::Stay, Refreshing::Yes { .. }) => At::AwaitingAckUpdating,
                (Then::Stay, Refreshing::Later) => At::AwaitingAckWaiting,
            },
            State::Up(up) => match up.refreshing {
                Refreshing::No => At::Up,
                Refreshing::Yes {
                    method: Method::Update,
                    ..
                } => At::Updating,
                Refreshing::Yes { .. } => At::Reinviting,
                Refreshing::Later => At::Waiting,
            },
            State::Ending(_) => At::Ending,
            State::Closed => At::Closed,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.leg
    }
}

/// How a leg gets there.
fn scene(at: At) -> Scene {
    match at {
        At::Inviting => Scene::calling(),
        At::Ringing => Scene::calling().after(|it| it.hear(Ours::Invite, 180, "", "")),
        At::CancelPending => Scene::calling().after(Scene::end),
        At::Cancelling => scene(At::Ringing).after(Scene::end),
        At::Deciding => Scene::called(TIMER),
        At::DecidingUnheard => Scene::called(INSISTING).after(Scene::ring),
        At::DecidingAccepted => scene(At::DecidingUnheard).after(Scene::accept),
        At::AwaitingAck => Scene::called(TIMER)
            .after(Scene::accept)
            .after(Scene::bound),
        At::AwaitingAckUpdating => scene(At::Updating).after(Scene::reinvited),
        At::AwaitingAckWaiting => {
            scene(At::AwaitingAckUpdating).after(|it| it.hear(Ours::Refresh, 491, "", ""))
        }
        At::AwaitingAckToEnd => scene(At::AwaitingAck).after(Scene::end),
        At::Up => Scene::calling()
            .after(|it| it.hear(Ours::Invite, 200, TIMER, ANSWER))
            .after(Scene::bound)
            .after(Scene::reinvited)
            .after(|it| it.acknowledges(1)),
        At::Updating => scene(At::Up).after(|it| {
            it.asks(Method::Update, KNOWS_UPDATE, "");
            it.fires(Timer::Refresh)
        }),
        At::Reinviting => scene(At::Up).after(|it| it.fires(Timer::Refresh)),
        At::Waiting => scene(At::Updating).after(|it| it.hear(Ours::Refresh, 491, "", "")),
        At::Ending => scene(At::Up).after(Scene::end),
        At::Closed => scene(At::Ending).after(|it| it.hear(Ours::Bye, 200, "", "")),
    }
}

/// We refresh, whoever has asked for it last.
const TIMER: &str = "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n";
/// The same of a caller that wants to hear that it rings.
const INSISTING: &str =
    "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\nRequire: 100rel\r\n";
const FRESH: &str = "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n";
const SHORT: &str = "Supported: timer\r\nSession-Expires: 60;refresher=uas\r\n";
const KNOWS_UPDATE: &str =
    "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\nAllow: UPDATE\r\n";
/// What bob answers, and offers again with every refresh.
const ANSWER: &str = "v=0\r\n\
    o=bob 1 1 IN IP4 192.0.2.20\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.20\r\n\
    t=0 0\r\n\
    m=message 8888 TCP/MSRP *\r\n\
    a=path:msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp\r\n\
    a=setup:passive\r\n\
    a=accept-types:*\r\n";
/// Something else.
const CHANGED: &str = "v=0\r\n\
    o=bob 1 2 IN IP4 192.0.2.20\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.20\r\n\
    t=0 0\r\n\
    m=message 8888 TCP/MSRP *\r\n\
    a=path:msrp://192.0.2.20:8888/anothersession;tcp\r\n\
    a=setup:passive\r\n\
    a=accept-types:*\r\n";

/// A request of ours that is answered.
#[derive(Clone, Copy)]
enum Ours {
    Invite,
    Refresh,
    Bye,
    /// None that is known.
    Unknown(Method),
}

/// The invitation that the scripts answer, and the first that the peer sends.
const INVITED: ServerTxn = ServerTxn(1);
const NOW: ServerTxn = ServerTxn(1000);

impl Scene {
    /// We call bob.
    fn calling() -> Self {
        let mut desk = Desk::new();
        let leg = desk.call(|cx| {
            let wanted = Wanted {
                direction: Direction::SendRecv,
                accept_types: "text/plain",
                ..Wanted::default()
            };
            let offered = offer::offer(cx.config, cx.mint(), &wanted, cx.scratch());
            let lines = cx.lines().from("sip:alice@example.com", false).take();
            let invitation = Invitation {
                target: Uri::copy("sip:bob@example.com").unwrap(),
                lines,
                more: Bytes::from_static(b"Content-Type: application/sdp\r\n"),
                body: offered.sdp.clone(),
                offered,
            };
            Leg::invite(invitation, Speaker::Client, false, KEEP, cx)
        });
        let fresh = desk.sent(|_| true).and_then(|request| request.fresh);
        let fresh: Fresh = fresh.unwrap();
        let bob = Peer {
            call_id: format!("{}", fresh.token),
            ours: format!("{}", fresh.tag()),
            ..Peer::stranger()
        };
        Self { leg, desk, bob }
    }

    /// Bob calls us, with these lines.
    fn called(lines: &str) -> Self {
        let mut desk = Desk::new();
        let mut bob = Peer::stranger();
        let invite = bob.request(Method::Invite, lines, ANSWER);
        let leg = desk.call(|cx| {
            let arriving = check(INVITED, &invite, u64::MAX, cx).unwrap();
            Leg::arrive(arriving, Speaker::Client, KEEP, cx)
        });
        let tag = desk.done.iter().find_map(|(_, action)| match action {
            Action::Opened(keys) => keys.dialog,
            _ => None,
        });
        let tag: Tag = tag.unwrap();
        bob.ours = format!("{tag}");
        Self { leg, desk, bob }
    }

    fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    fn ring(&mut self) -> String {
        self.desk.call(|cx| self.leg.ring(cx));
        String::new()
    }

    /// The PRACK of the last reliable response.
    fn heard_of(&mut self) -> String {
        let rseq = self
            .desk
            .done
            .iter()
            .rev()
            .find_map(|(_, action)| match action {
                Action::Respond(_, reply) => {
                    let head = core::str::from_utf8(&reply.head).ok()?;
                    head.lines().find_map(|line| line.strip_prefix("RSeq: "))
                }
                _ => None,
            });
        let lines = format!("RAck: {} 1 INVITE\r\n", rseq.unwrap_or("1"));
        self.asks(Method::Prack, &lines, "")
    }

    fn accept(&mut self) -> String {
        self.desk.call(|cx| self.leg.accept(cx));
        String::new()
    }

    fn bound(&mut self) -> String {
        self.hand(Event::Msrp(MsrpEvent::Up))
    }

    /// The peer refreshes the session, and hears 200.
    fn reinvited(&mut self) -> String {
        let request = self.bob.request(Method::Invite, FRESH, ANSWER);
        self.hand(Event::Request(INVITED, &request))
    }

    fn acknowledges(&mut self, cseq: u32) -> String {
        self.bob.cseq = cseq - 1;
        let ack = self.bob.request(Method::Ack, "", "");
        self.hand(Event::Ack(&ack))
    }

    fn cancels(&mut self, invite: ServerTxn) -> String {
        self.hand(Event::Cancel {
            cancel: NOW,
            invite,
        })
    }

    fn fires(&mut self, timer: Timer) -> String {
        self.desk.fire(timer);
        self.hand(Event::Timer(timer))
    }

    fn end(&mut self) -> String {
        said(
            self.desk
                .call(|cx| self.leg.end(Outcome::Cancelled, None, cx)),
        )
    }

    fn hand(&mut self, event: Event<'_>) -> String {
        said(self.desk.call(|cx| self.leg.handle(event, cx)))
    }

    /// The transaction of a request of ours, its method and its CSeq number.
    fn of(&self, which: Ours) -> (ClientTxn, Method, u32) {
        let sent = |method, inside| {
            let sent = self
                .desk
                .sent(|request| request.method == method && request.fresh.is_none() == inside);
            sent.map(|request| (request.txn, method, request.cseq))
        };
        match which {
            Ours::Invite => {
                sent(Method::Invite, false).unwrap_or((ClientTxn(90), Method::Invite, 1))
            }
            Ours::Refresh => sent(Method::Update, true)
                .max(sent(Method::Invite, true))
                .unwrap_or((ClientTxn(91), Method::Update, 7)),
            Ours::Bye => sent(Method::Bye, true).unwrap_or((ClientTxn(92), Method::Bye, 8)),
            Ours::Unknown(method) => (ClientTxn(93), method, 9),
        }
    }

    /// A response to a request of ours.
    fn hear(&mut self, which: Ours, status: u16, lines: &str, body: &str) -> String {
        let theirs = self.bob.theirs;
        self.hear_from(theirs, which, status, lines, body)
    }

    fn hear_from(
        &mut self,
        theirs: &'static str,
        which: Ours,
        status: u16,
        lines: &str,
        body: &str,
    ) -> String {
        let (txn, method, cseq) = self.of(which);
        let bob = Peer {
            theirs,
            ..self.bob.clone()
        };
        let response = bob.response(status, (method, cseq), lines, body);
        self.hand(Event::Response(txn, &response))
    }

    fn fails(&mut self, which: Ours, why: TxnError) -> String {
        let (txn, ..) = self.of(which);
        self.hand(Event::TxnFailed(txn, why))
    }

    fn asks(&mut self, method: Method, lines: &str, body: &str) -> String {
        let request = self.bob.request(method, lines, body);
        self.hand(Event::Request(NOW, &request))
    }
}

const KEEP: Keep = Keep::ForUser { most: 1 << 20 };

fn said(upcall: Upcall) -> String {
    match upcall {
        Upcall::Nothing => String::new(),
        Upcall::Ringing => "Ringing".into(),
        Upcall::Answered { .. } => "Answered".into(),
        Upcall::Media(media) => crate::msrp::said(media),
        Upcall::Page(_) => "Page".into(),
        Upcall::PeerLeft => "PeerLeft".into(),
        Upcall::Left(outcome) => format!("Left: {}", outcome_name(&outcome)),
    }
}

type Groups = Vec<(&'static str, Vec<Row<Scene>>)>;

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let kinds = all!(Event<'_> {
        Event::Response(..) | Event::TxnFailed(..) => responses(),
        Event::Request(..) | Event::Ack(_) | Event::Cancel { .. } => requests(),
        Event::Timer(_) => timers(),
        Event::Msrp(_) => msrp(),
        Event::Answer(..) => answers(),
    });
    let mut groups: Groups = kinds.into_iter().flatten().collect();
    groups.push(("Commands of the role", commands()));
    Machine::new("Leg", ABOUT, &scenes, groups)
        .begins("we invite", At::Inviting.name())
        .begins("INVITE", At::Deciding.name())
}

const ABOUT: &str = "\
One INVITE dialog that carries one MSRP session (`src/leg.rs`). The peer supports the session timer and lets us refresh,
its INVITEs and ours carry an offer, and the MSRP session is bound once it is agreed on.";

fn row(name: impl Into<String>, run: impl Fn(&mut Scene) -> String + 'static) -> Row<Scene> {
    Row::new(name, run)
}

/// A response, and what it says.
fn heard(
    name: &str,
    which: Ours,
    status: u16,
    lines: &'static str,
    body: &'static str,
) -> Row<Scene> {
    row(name, move |scene| scene.hear(which, status, lines, body))
}

/// No response.
fn unheard(which: Ours, drawn: &'static str) -> impl Iterator<Item = Row<Scene>> {
    troubles()
        .into_iter()
        .map(move |(name, why)| row(name, move |scene| scene.fails(which, why)).drawn(drawn))
}

const MORE: &str = "Min-SE: 3600\r\n";
const LESS: &str = "Min-SE: 90\r\n";

fn responses() -> Groups {
    let invite = Ours::Invite;
    let mut first = Vec::from([
        heard("100", invite, 100, "", "").drawn("1xx"),
        heard("180", invite, 180, "", "").drawn("1xx"),
        heard(
            "180, reliable",
            invite,
            180,
            "Require: 100rel\r\nRSeq: 1\r\n",
            "",
        )
        .drawn("1xx")
        .because("RFC 3262 §4: PRACK, if it is the next in order and we speak of `100rel`."),
        heard("2xx", invite, 200, TIMER, ANSWER)
            .drawn("2xx")
            .because("CC-02, CC-04, CC-10, CC-23: a 2xx is never left without its ACK."),
        heard("2xx without an answer", invite, 200, TIMER, "").because("CC-16."),
        row("2xx of another fork", |scene| {
            scene.hear_from("fork", Ours::Invite, 200, TIMER, ANSWER)
        })
        .drawn("2xx")
        .because("CC-05: the first one wins. Who it is, its tokens say: nothing is remembered."),
        heard("422 with a larger Min-SE", invite, 422, MORE, "")
            .drawn("422")
            .because("RFC 4028 §7.3, CC-18: three times at most."),
        heard("422 with none, or no larger one", invite, 422, LESS, "").drawn("422"),
        heard("3xx", invite, 302, "", "").drawn("refused"),
        heard("another 4xx, or 5xx", invite, 486, "", "").drawn("refused"),
        heard("6xx", invite, 603, "", "").drawn("refused"),
    ]);
    first.extend(unheard(invite, "no answer"));
    let refresh = Ours::Refresh;
    let mut second = Vec::from([
        heard("1xx", refresh, 180, "", ""),
        heard("2xx", refresh, 200, TIMER, ""),
        heard("422 with a larger Min-SE", refresh, 422, MORE, ""),
        heard("422 with none, or no larger one", refresh, 422, LESS, "")
            .because("The session stays as it is until it expires."),
        heard("405", refresh, 405, "", "").because("CC-21: a peer that knows no UPDATE after all."),
        heard("501", refresh, 501, "", ""),
        heard("491", refresh, 491, "", "")
            .because("RFC 3261 §14.1, CC-11: 2.1 to 4 s if the Call-ID is ours, else 0 to 2 s."),
        heard("408", refresh, 408, "", "")
            .drawn("refresh failed")
            .because("RFC 3261 §12.2.1.2, RFC 4028 §10."),
        heard("481", refresh, 481, "", "")
            .drawn("refresh failed")
            .because("RFC 3261 §12.2.1.2, RFC 4028 §10."),
        heard("another final response", refresh, 500, "", "")
            .because("The session stays as it is until it expires."),
    ]);
    second.extend(unheard(refresh, "refresh failed"));
    let bye = Ours::Bye;
    let mut third = Vec::from([
        heard("1xx", bye, 100, "", ""),
        heard("2xx", bye, 200, "", "").drawn("BYE answered or not"),
        heard("another final response", bye, 481, "", "")
            .drawn("BYE answered or not")
            .because("CC-08: whatever it says, it is over."),
    ]);
    third.extend(unheard(bye, "BYE answered or not"));
    let known = Ours::Unknown(Method::Invite);
    let mut last = Vec::from([
        heard("1xx", known, 180, "", ""),
        heard("2xx to an INVITE, of the peer", known, 200, TIMER, ANSWER).because("CC-25."),
        row("2xx to an INVITE, of nobody's", |scene| {
            let bob = scene.bob.clone();
            scene.bob.call_id = "somebody-elses".into();
            scene.bob.ours = "0123".into();
            let said = scene.hear_from("fork", Ours::Unknown(Method::Invite), 200, TIMER, ANSWER);
            scene.bob = bob;
            said
        })
        .because("CC-25."),
        heard(
            "2xx to another request",
            Ours::Unknown(Method::Options),
            200,
            "",
            "",
        ),
        heard("another final response", known, 486, "", ""),
    ]);
    last.extend(unheard(known, ""));
    Vec::from([
        ("Responses to our INVITE", first),
        ("Responses to our refresh", second),
        ("Responses to our BYE", third),
        ("Responses to something else", last),
    ])
}

fn requests() -> Groups {
    let mut rows = Vec::from([
        row("ACK of the 2xx", |scene| scene.acknowledges(1)).drawn("ACK"),
        row("another ACK", |scene| scene.acknowledges(77)),
        row("CANCEL of the last INVITE that came", |scene| {
            scene.cancels(INVITED)
        })
        .drawn("CANCEL")
        .because("CC-111: once there is a final answer, CANCEL changes nothing."),
        row("CANCEL of anything else", |scene| {
            scene.cancels(ServerTxn(77))
        }),
    ]);
    rows.extend(methods().flat_map(asked));
    rows.extend([
        row("one out of order", |scene| {
            scene.bob.cseq = 0;
            scene.asks(Method::Options, "", "")
        }),
        row("one with an unknown Require", |scene| {
            scene.asks(Method::Options, "Require: nothing-we-know\r\n", "")
        }),
        row("one of another dialog", |scene| {
            scene.bob.theirs = "fork";
            scene.asks(Method::Bye, "", "")
        }),
    ]);
    Vec::from([("Requests of the peer", rows)])
}

/// A request in the dialog.
fn asked(method: Method) -> Vec<Row<Scene>> {
    let ask = move |name: &str, lines: &'static str, body: &'static str| {
        row(name, move |scene| scene.asks(method, lines, body))
    };
    match method {
        Method::Invite => Vec::from([
            ask("re-INVITE that changes nothing", FRESH, ANSWER).drawn("re-INVITE").because(
                "RFC 3261 §14.2, CC-11: 491 while an INVITE of ours is under way, 500 while one of the peer's is.",
            ),
            ask("re-INVITE without an offer", FRESH, "").drawn("re-INVITE"),
            ask("re-INVITE that changes something", FRESH, CHANGED)
                .because("G-10: a session does not change while it lasts."),
            ask("re-INVITE with an interval too small", SHORT, ANSWER),
        ]),
        Method::Update => Vec::from([
            ask("UPDATE without an offer", FRESH, ""),
            ask("UPDATE that changes nothing", FRESH, ANSWER)
                .because("RFC 3311 §5.2, CC-11: 491 while an offer of ours is unanswered."),
            ask("UPDATE that changes something", FRESH, CHANGED)
                .because("G-10: a session does not change while it lasts."),
            ask("UPDATE with an interval too small", SHORT, ""),
        ]),
        Method::Bye => Vec::from([ask("BYE", "", "").because(
            "CC-07, CC-08, CC-09: legal from the caller before there is an answer, and from everybody before the ACK.",
        )]),
        Method::Message => Vec::from([ask("MESSAGE", "", "")
            .because("CC-40: the role has it. While a BYE of ours is due nothing is begun (CC-10).")]),
        Method::Ack => Vec::from([ask("ACK as a request", "", "")]),
        Method::Cancel => Vec::from([ask("CANCEL as a request", "", "")]),
        Method::Other => Vec::from([ask("a method without a name here", "", "")]),
        Method::Prack => Vec::from([
            row("PRACK of our reliable response", Scene::heard_of)
                .drawn("PRACK")
                .because("RFC 3262 §3, §5: a 2xx waits for that of the answer."),
            ask("another PRACK", "", ""),
        ]),
        Method::Options
        | Method::Refer
        | Method::Subscribe
        | Method::Notify
        | Method::Info
        | Method::Publish
        | Method::Register => Vec::from([ask(method.as_str(), "", "")]),
    }
}

fn timers() -> Groups {
    let rows =
        desk::timers().map(|timer| Row::timer(timer, move |scene: &mut Scene| scene.fires(timer)));
    Vec::from([("Timers", rows.collect())])
}

fn msrp() -> Groups {
    let rows = all!(MsrpEvent<'_> {
        MsrpEvent::Up => Vec::from([told("bound", MsrpEvent::Up)]),
        MsrpEvent::Written(_) | MsrpEvent::Cut(_) => Vec::from([told("written", MsrpEvent::Written(ChunkId(1)))]),
        MsrpEvent::Send(..) | MsrpEvent::Octets(_) | MsrpEvent::End(_) => Vec::from([
            row("SEND, whole", |scene| sends(scene, Continuation::Last)),
            row("SEND, more to follow", |scene| sends(scene, Continuation::More)),
            row("SEND, abandoned", |scene| sends(scene, Continuation::Abandoned)),
        ]),
        MsrpEvent::Full => Vec::from([told("no room on the connection", MsrpEvent::Full)]),
        MsrpEvent::Response(..) => Vec::from([told("response", MsrpEvent::Response(ChunkId(1), 200))]),
        MsrpEvent::Report(_) => Vec::from([row("REPORT", |scene| {
            let range = ByteRange { start: 1, end: Some(1), total: Some(1) };
            let report = ReportHead { message: "m", range, status: 200 };
            scene.hand(Event::Msrp(MsrpEvent::Report(&report)))
        })]),
        MsrpEvent::Down(_) => {
            let downs = desk::downs().into_iter();
            downs.map(|(name, down)| told(name, MsrpEvent::Down(down)).drawn("MSRP lost")).collect()
        }
    });
    Vec::from([("The MSRP session", rows.into_iter().flatten().collect())])
}

fn told(name: &str, event: MsrpEvent<'static>) -> Row<Scene> {
    row(name, move |scene| scene.hand(Event::Msrp(event)))
}

/// A request of the peer's, from its first octet to the last.
fn sends(scene: &mut Scene, flag: Continuation) -> String {
    // Another message each time.
    let message = format!("m{}", scene.desk.done.len());
    let head = SendHead {
        message: &message,
        range: ByteRange {
            start: 1,
            end: None,
            total: None,
        },
        success: false,
        failure: FailureReport::Yes,
        content_type: Some("text/plain"),
        mime: "Content-Type: text/plain\r\n",
    };
    let mut said = scene.hand(Event::Msrp(MsrpEvent::Send(MsrpTxn(1), &head)));
    said += &scene.hand(Event::Msrp(MsrpEvent::Octets(&Bytes::from_static(b"hi"))));
    said + &scene.hand(Event::Msrp(MsrpEvent::End(flag)))
}

fn answers() -> Groups {
    let rows = desk::answers().into_iter().map(|(name, answer)| {
        row(name, move |scene| {
            scene.hand(Event::Answer(AskId(1), answer))
        })
    });
    Vec::from([("Answers of the host", rows.collect())])
}

fn commands() -> Vec<Row<Scene>> {
    Vec::from([
        row("ring", Scene::ring)
            .because("RFC 3262 §3: a second reliable response waits for the PRACK of the first."),
        row("accept", Scene::accept),
        row("refuse", |scene| {
            scene
                .desk
                .call(|cx| scene.leg.refuse(Refused::plain(603), cx));
            String::new()
        }),
        row("end", Scene::end).because(
            "CC-01, CC-02, CC-59: CANCEL, BYE or a refusal, as soon as the protocol allows.",
        ),
        row("send a message", |scene| {
            let letter = Letter {
                size: Some(1),
                mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
                success: false,
                failure: FailureReport::Yes,
            };
            said(scene.desk.call(|cx| scene.leg.send(letter, cx)))
        })
        .counted(),
        row("supply octets", |scene| {
            scene.desk.call(|cx| {
                scene
                    .leg
                    .supply(MessageId(0), Bytes::from_static(b"hi"), cx)
            });
            String::new()
        }),
    ])
}

#[path = "refresher.rs"]
mod refresher;
