//! The controlling function, row by row.

use simple_im::{
    Access, Answer, Config, Continuation, Controlling, LegId, LookupError, Machine, MsrpEvent,
    Outgoing, Question, Reply, Uri,
};

use crate::rig::*;

mod check;
mod corner;
mod golden;
mod large;
mod pager;
mod random;

pub const FACTORY: &str = "sip:conference-factory@im.example.com";
pub const TEAM: &str = "sip:team@im.example.com";

pub const GRANTED: Access = Access {
    exists: true,
    allowed: true,
    anonymity: true,
};

pub fn focus() -> Rig<Controlling> {
    with(|_| ())
}

/// A controlling function whose configuration differs from the default.
pub fn with(change: impl FnOnce(&mut Config)) -> Rig<Controlling> {
    let mut config = server();
    change(&mut config);
    Rig::new(Controlling::new(), config)
}

pub fn draft() -> Rig<Controlling> {
    Rig::new(Controlling::new(), draft_seed(server()))
}

pub fn page(to: &str, lines: &str, body: &str) -> String {
    format!(
        "MESSAGE {to} SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\nTo: <{to}>\n\
         Call-ID: asd88asd77a\nCSeq: 1 MESSAGE\nAccept-Contact: *;+g.oma.sip-im;require;explicit\n\
         P-Asserted-Identity: <sip:alice@example.com>\n{lines}\n{body}"
    )
}

pub fn invite(to: &str, lines: &str, body: &str) -> String {
    format!(
        "INVITE {to} SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\nTo: <{to}>\n\
         Call-ID: a84b4c76e66711\nCSeq: 1 INVITE\nContact: <sip:alice@alice.example.com>;+g.oma.sip-im\n\
         Accept-Contact: *;+g.oma.sip-im;explicit\nP-Asserted-Identity: <sip:alice@example.com>\n\
         Supported: timer\nSession-Expires: 1800;refresher=uac\n{lines}\n{body}"
    )
}

pub const MIXED: &str = "Content-Type: multipart/mixed;boundary=bb\n";
pub const TEXT: &str = "Content-Type: text/plain\n\nhi";

/// Parts, each with its header lines, as one body.
pub fn mixed(parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--bb\n{part}\n")).collect();
    format!("{parts}--bb--\n")
}

/// A part that lists recipients; each entry is all that stands in its element.
pub fn list_part(entries: &[&str]) -> String {
    let entries: String = entries.iter().map(|e| format!("<entry {e}/>\n")).collect();
    format!(
        "Content-Type: application/resource-lists+xml\nContent-Disposition: recipient-list\n\n\
         <?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\">\n\
         <list>\n{entries}</list>\n</resource-lists>"
    )
}

/// `uri="sip:bob@example.com"` and the like.
pub fn plain(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("uri=\"{name}\"")).collect()
}

pub fn listed(names: &[&str]) -> String {
    let entries = plain(names);
    list_part(&entries.iter().map(String::as_str).collect::<Vec<_>>())
}

pub fn sdp_part(more: &str) -> String {
    format!("Content-Type: application/sdp\n\n{}", offer_sdp(more))
}

/// A page to a list at the factory.
pub fn page_list(names: &[&str]) -> String {
    let lines = format!("Require: recipient-list-message\n{MIXED}");
    page(FACTORY, &lines, &mixed(&[TEXT, &listed(names)]))
}

/// A large message to a list at the factory.
pub fn invite_list(names: &[&str]) -> String {
    let lines = format!("Require: recipient-list-invite\n{MIXED}");
    invite(FACTORY, &lines, &mixed(&[&sdp_part(""), &listed(names)]))
}

pub fn page_group() -> String {
    page(TEAM, "Content-Type: text/plain\n", "hi")
}

pub fn invite_group() -> String {
    invite(TEAM, "Content-Type: application/sdp\n", &offer_sdp(""))
}

pub fn uris(names: &[&str]) -> Vec<Uri> {
    names.iter().map(|name| uri(name)).collect()
}

/// `sip:m0@example.com` and so on.
pub fn many(count: usize) -> Vec<Uri> {
    (0..count)
        .map(|n| uri(&format!("sip:m{n}@example.com")))
        .collect()
}

pub const BOB: &str = "sip:bob@example.com";
pub const CAROL: &str = "sip:carol@example.com";
pub const DAVE: &str = "sip:dave@example.com";

/// What a request comes to when every question gets these answers.
pub fn run_as(
    rig: &mut Rig<Controlling>,
    request: &str,
    access: Access,
    members: Result<&[Uri], LookupError>,
) -> Did {
    let mut did = rig.request(1, request);
    let mut all = did.0.clone();
    while let Some((ask, question)) = did.asked() {
        let answer = match question {
            Question::Access { .. } => Answer::Access(access),
            Question::Members { .. } => Answer::Members(members),
            other => panic!("{other:?}"),
        };
        did = rig.answer(ask, answer);
        all.extend(did.0.clone());
    }
    Did(all)
}

/// The same, all granted, and a group of bob and carol.
pub fn run(rig: &mut Rig<Controlling>, request: &str) -> Did {
    run_as(rig, request, GRANTED, Ok(&uris(&[BOB, CAROL])))
}

/// The status that a request comes to.
pub fn status(rig: &mut Rig<Controlling>, request: &str) -> u16 {
    run(rig, request).statuses()[0]
}

/// The refusal of a request, as it is written.
pub fn refusal(rig: &mut Rig<Controlling>, request: &str) -> String {
    let did = run(rig, request);
    assert!(rig.machine.is_closed());
    assert!(did.sent().is_empty(), "nobody is served");
    wire_reply(&did.one_reply().1, request)
}

/// Where requests went.
pub fn targets(did: &Did) -> Vec<String> {
    did.sent()
        .iter()
        .map(|(_, sent)| sent.target.to_string())
        .collect()
}

/// A conference on one large message.
pub struct Talk {
    pub rig: Rig<Controlling>,
    pub call: String,
    /// The 200 to the originator.
    pub ok: Reply,
    /// The invitations, in order.
    pub invited: Vec<(LegId, Outgoing)>,
    cseq: u32,
}

impl Talk {
    pub fn begin(mut rig: Rig<Controlling>, call: &str, members: &[Uri]) -> Self {
        let did = run_as(&mut rig, call, GRANTED, Ok(members));
        let ok = did.one_reply().1;
        assert_eq!(ok.status.0, 200, "{}", wire_reply(&ok, call));
        let invited = did.sent();
        Self {
            rig,
            call: call.into(),
            ok,
            invited,
            cseq: 1,
        }
    }

    /// A group of these.
    pub fn of(rig: Rig<Controlling>, members: &[&str]) -> Self {
        Self::begin(rig, &invite_group(), &uris(members))
    }

    /// The originator acknowledges and connects.
    pub fn connect(&mut self) {
        self.rig.ack(&inside(&self.call, &self.ok, "ACK", 1, ""));
        self.rig.msrp(LegId::FIRST, MsrpEvent::Up);
    }

    /// The originator sends the whole message, and asks for a report on it.
    pub fn store(&mut self, octets: &[u8]) -> Did {
        let mut head = send_head("m1", 1, octets.len() as u64, octets.len() as u64);
        head.success = true;
        self.rig
            .send(LegId::FIRST, 1, head, octets, Continuation::Last)
    }

    pub fn respond(&mut self, member: usize, status: &str, lines: &str, body: &str) -> Did {
        let to = self.invited[member].clone();
        self.rig.respond(&to, status, lines, body)
    }

    pub fn accept(&mut self, member: usize) -> Did {
        self.respond(member, "200 OK", ACCEPTED, &answer_sdp(""))
    }

    /// A member's connection is there.
    pub fn up(&mut self, member: usize) -> Did {
        let leg = self.invited[member].0;
        self.rig.msrp(leg, MsrpEvent::Up)
    }

    /// Takes everything on a member's leg, and answers its BYE. Gives the body and what was done.
    pub fn take(&mut self, member: usize) -> (Vec<u8>, Did) {
        let (chunks, mut did) = self.rig.drain_chunks(self.invited[member].0);
        let bye = did.sent().pop().expect("a BYE");
        did.0.extend(self.rig.respond(&bye, "200 OK", "", "").0);
        (
            chunks
                .iter()
                .flat_map(|chunk| chunk.body.to_vec())
                .collect(),
            did,
        )
    }

    /// The originator's next request.
    pub fn says(&mut self, method: &str, lines: &str) -> Did {
        self.cseq += 1;
        let text = inside(&self.call, &self.ok, method, self.cseq, lines);
        self.rig.request(100 + u64::from(self.cseq), &text)
    }
}
