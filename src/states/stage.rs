//! A controlling function between bob, who has something to say, and carol and dave, to whom he says it.

use alloc::format;
use alloc::string::String;

use bytes::Bytes;

use super::desk::Desk;
use super::peer::Peer;
use crate::{
    Access, Action, Answer, AskId, ByteRange, ChunkId, ClientTxn, Continuation, Controlling, Event,
    FailureReport, LegId, Machine as _, Method, MsrpEvent, MsrpTxn, SendHead, ServerTxn, TxnError,
    Uri,
};

pub(crate) const BOB: LegId = LegId::FIRST;
pub(crate) const CAROL: LegId = LegId::new(1, 0);
pub(crate) const DAVE: LegId = LegId::new(2, 0);

#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) machine: Controlling,
    pub(crate) desk: Desk,
    bob: Peer,
}

const OFFER: &str = "v=0\r\n\
    o=bob 1 1 IN IP4 192.0.2.20\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.20\r\n\
    t=0 0\r\n\
    m=message 8888 TCP/MSRP *\r\n\
    a=path:msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp\r\n\
    a=setup:active\r\n\
    a=accept-types:text/plain\r\n\
    a=sendonly\r\n";
/// What a member answers.
pub(crate) const ANSWER: &str = "v=0\r\n\
    o=- 1 1 IN IP4 192.0.2.30\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.30\r\n\
    t=0 0\r\n\
    m=message 9999 TCP/MSRP *\r\n\
    a=path:msrp://192.0.2.30:9999/iau39soe2843z;tcp\r\n\
    a=setup:passive\r\n\
    a=accept-types:text/plain\r\n\
    a=recvonly\r\n";

/// Carol and dave, the last part of a body.
const LIST: &str = "--b\r\n\
    Content-Type: application/resource-lists+xml\r\n\
    Content-Disposition: recipient-list\r\n\
    \r\n\
    <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>\
    <entry uri=\"sip:carol@example.com\"/><entry uri=\"sip:dave@example.com\"/>\
    </list></resource-lists>\r\n\
    --b--\r\n";
const LARGE: &str = "Contact: <sip:bob@pc9.example.com>;+g.oma.sip-im.large-message\r\n";

/// The originator may do everything.
pub(crate) const ACCESS: Answer<'static> = Answer::Access(Access {
    exists: true,
    allowed: true,
    anonymity: true,
});

const ASKED: &str =
    "Accept-Contact: *;+g.oma.sip-im\r\nP-Asserted-Identity: <sip:bob@example.com>\r\n";

impl Stage {
    /// Bob's request has been checked, and everybody has been sent what is due; the table is about
    /// this leg. So many members may be without a first response at the same time.
    pub(crate) fn open(method: Method, about: LegId, window: u32) -> Self {
        let mut stage = Self::idle(about, window)
            .after(|it| it.requests(method, ""))
            .after(|it| it.answers(ACCESS))
            .after(Self::lists_members);
        if let Some(tag) = stage
            .desk
            .done
            .iter()
            .find_map(|(leg, action)| match action {
                Action::Opened(keys) if *leg == BOB => keys.dialog,
                _ => None,
            })
        {
            stage.bob.ours = format!("{tag}");
        }
        stage
    }

    /// Nobody has asked for anything.
    pub(crate) fn idle(about: LegId, window: u32) -> Self {
        let mut stage = Self {
            machine: Controlling::new(),
            desk: Desk::new(),
            bob: Peer::stranger(),
        };
        stage.desk.config.limits.in_flight = window;
        stage.desk.about = about;
        stage.desk.named = |leg| match leg {
            BOB => "bob",
            CAROL => "carol",
            _ => "dave",
        };
        stage
    }

    /// Bob's request to a group, with these lines more.
    pub(crate) fn requests(&mut self, method: Method, more: &str) -> String {
        match method {
            Method::Invite => self.request(method, &format!("{ASKED}{LARGE}{more}"), OFFER),
            Method::Message => self.request(
                method,
                &format!("{ASKED}Content-Type: text/plain\r\n{more}"),
                "hi",
            ),
            _ => self.request(method, &format!("{ASKED}{more}"), ""),
        }
    }

    /// Bob's request to the list service, with carol and dave in its list.
    pub(crate) fn requests_list(&mut self, method: Method) -> String {
        let service = self.desk.config.account.contact.clone();
        self.desk.config.account.factory = Some(service.clone());
        self.desk.config.account.exploder = Some(service);
        let (lines, kind, content) = match method {
            Method::Invite => (LARGE, "application/sdp", OFFER),
            _ => ("", "text/plain", "hi"),
        };
        let lines = format!("{ASKED}{lines}Content-Type: multipart/mixed;boundary=b\r\n");
        let body = format!("--b\r\nContent-Type: {kind}\r\n\r\n{content}\r\n{LIST}");
        self.request(method, &lines, &body)
    }

    /// A request of bob's with these lines and this body.
    pub(crate) fn request(&mut self, method: Method, lines: &str, body: &str) -> String {
        let request = self.bob.request(method, lines, body);
        self.hand(BOB, Event::Request(ServerTxn(1), &request))
    }

    /// The host's answer to the last question.
    pub(crate) fn answers(&mut self, answer: Answer<'_>) -> String {
        let asked = self
            .desk
            .done
            .iter()
            .rev()
            .find_map(|(_, action)| match action {
                Action::Ask(ask, _) => Some(*ask),
                _ => None,
            });
        self.hand(BOB, Event::Answer(asked.unwrap_or(AskId(1)), answer))
    }

    /// Carol and dave are the members.
    pub(crate) fn lists_members(&mut self) -> String {
        let members = ["sip:carol@example.com", "sip:dave@example.com"];
        let members = members.map(|uri| Uri::copy(uri).unwrap());
        self.answers(Answer::Members(Ok(&members)))
    }

    pub(crate) fn hand(&mut self, leg: LegId, event: Event<'_>) -> String {
        self.desk.call(|cx| self.machine.handle(leg, event, cx));
        String::new()
    }

    pub(crate) fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    /// A request of bob's.
    pub(crate) fn asks(&mut self, method: Method) -> String {
        let request = self.bob.request(method, "", "");
        self.hand(BOB, Event::Request(ServerTxn(9), &request))
    }

    /// Bob cancels his INVITE.
    pub(crate) fn cancels(&mut self) -> String {
        let event = Event::Cancel {
            cancel: ServerTxn(9),
            invite: ServerTxn(1),
        };
        self.hand(BOB, event)
    }

    /// Bob acknowledges the 200.
    pub(crate) fn acknowledges(&mut self) -> String {
        self.bob.cseq = 0;
        let ack = self.bob.request(Method::Ack, "", "");
        self.hand(BOB, Event::Ack(&ack))
    }

    /// The last request of this kind on a leg.
    fn sent(&self, leg: LegId, method: Method) -> Option<(ClientTxn, u32)> {
        let mut done = self.desk.done.iter().rev();
        done.find_map(|(at, action)| match action {
            Action::SendRequest(sent) if *at == leg && sent.method == method => {
                Some((sent.txn, sent.cseq))
            }
            _ => None,
        })
    }

    /// The peer of a member's leg.
    fn peer(&self, leg: LegId) -> Peer {
        let fresh = self.desk.done.iter().find_map(|(at, action)| match action {
            Action::SendRequest(sent) if *at == leg => sent.fresh,
            _ => None,
        });
        fresh.map_or_else(Peer::stranger, |fresh| Peer {
            call_id: format!("{}", fresh.token),
            ours: format!("{}", fresh.tag()),
            theirs: "member",
            cseq: 0,
        })
    }

    /// A response of a member's; none to a request that was not sent.
    pub(crate) fn hear(&mut self, leg: LegId, method: Method, status: u16, body: &str) -> String {
        let (txn, cseq) = self.sent(leg, method).unwrap_or((ClientTxn(99), 9));
        let response = self.peer(leg).response(status, (method, cseq), "", body);
        self.hand(leg, Event::Response(txn, &response))
    }

    pub(crate) fn fails(&mut self, leg: LegId, method: Method, why: TxnError) -> String {
        let (txn, _) = self.sent(leg, method).unwrap_or((ClientTxn(99), 9));
        self.hand(leg, Event::TxnFailed(txn, why))
    }

    /// A request of a member's, in its dialog.
    pub(crate) fn member_asks(&mut self, leg: LegId, method: Method) -> String {
        let request = self.peer(leg).request(method, "", "");
        self.hand(leg, Event::Request(ServerTxn(9), &request))
    }

    pub(crate) fn msrp(&mut self, leg: LegId, event: MsrpEvent<'_>) -> String {
        self.hand(leg, Event::Msrp(event))
    }

    /// A member's answer to the last chunk.
    pub(crate) fn takes(&mut self, leg: LegId, status: u16) -> String {
        let chunk = self
            .desk
            .done
            .iter()
            .rev()
            .find_map(|(at, action)| match action {
                Action::SendChunk(chunk) if *at == leg => Some(chunk.id),
                _ => None,
            });
        let chunk = chunk.unwrap_or(ChunkId(99));
        self.msrp(leg, MsrpEvent::Response(chunk, status))
    }

    /// Bob sends a message.
    pub(crate) fn says(&mut self, message: &str, flag: Continuation) -> String {
        let head = SendHead {
            message,
            range: ByteRange {
                start: 1,
                end: None,
                total: None,
            },
            success: true,
            failure: FailureReport::Yes,
            content_type: Some("text/plain"),
            mime: "Content-Type: text/plain\r\n",
        };
        self.msrp(BOB, MsrpEvent::Send(MsrpTxn(1), &head));
        self.msrp(BOB, MsrpEvent::Octets(&Bytes::from_static(b"hi")));
        self.msrp(BOB, MsrpEvent::End(flag))
    }

    pub(crate) fn close(&mut self) -> String {
        self.desk.call(|cx| self.machine.close(cx));
        String::new()
    }
}
