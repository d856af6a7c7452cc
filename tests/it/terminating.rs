//! The terminating client, row by row.

mod dialog;
mod large;
mod pager;
mod random;
mod receive;

use simple_im::{
    Action, Answer, AskId, Config, Continuation, LegId, Machine, MsrpEvent, Notice, Outgoing,
    Reply, Terminating,
};

use crate::rig::*;

fn bob() -> Rig<Terminating> {
    bob_with(|_| {})
}

fn bob_with(change: impl FnOnce(&mut Config)) -> Rig<Terminating> {
    let mut config = client("bob");
    change(&mut config);
    Rig::new(Terminating::new(), config)
}

pub fn page(lines: &str, body: &str) -> String {
    format!(
        "MESSAGE sip:bob@example.com SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\n\
         To: <sip:bob@example.com>\nCall-ID: asd88asd77a\nCSeq: 1 MESSAGE\n{lines}\n{body}"
    )
}

pub fn invite(lines: &str, sdp: &str) -> String {
    format!(
        "INVITE sip:bob@example.com SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\n\
         To: <sip:bob@example.com>\nCall-ID: a84b4c76e66710\nCSeq: 314159 INVITE\n\
         Contact: <sip:alice@alice.example.com>;+g.oma.sip-im\nSupported: timer\n\
         {TIMER}Content-Type: application/sdp\n{lines}\n{sdp}"
    )
}

const TIMER: &str = "Session-Expires: 1800;refresher=uac\n";

/// A call of Alice's to Bob.
pub struct Call {
    pub rig: Rig<Terminating>,
    pub invite: String,
    pub ok: Reply,
    pub cseq: u32,
}

/// It rings at Bob.
fn ringing(mut rig: Rig<Terminating>, invite: &str) -> (Rig<Terminating>, AskId, Did) {
    let did = rig.request(1, invite);
    let (ask, _) = did.asked().expect("the user is asked");
    assert_eq!(did.statuses(), [180]);
    (rig, ask, did)
}

impl Call {
    /// Bob has accepted and awaits the ACK.
    pub fn answered(rig: Rig<Terminating>, invite: &str) -> (Self, Did) {
        let (mut rig, ask, _) = ringing(rig, invite);
        let did = rig.answer(ask, Answer::Accept);
        let ok = did.one_reply().1;
        assert_eq!(ok.status.0, 200);
        let call = Self {
            rig,
            invite: invite.into(),
            ok,
            cseq: 314159,
        };
        (call, did)
    }

    /// The session is bound, and messages flow.
    fn of(rig: Rig<Terminating>, invite: &str) -> Self {
        let (mut call, _) = Self::answered(rig, invite);
        call.ack();
        call.rig.msrp(LegId::FIRST, MsrpEvent::Up);
        call
    }

    /// The usual: an announced message of 3,000 octets.
    pub fn up() -> Self {
        Self::of(bob(), &invite("", &offer_sdp("a=filelength:3000\n")))
    }

    fn ack(&mut self) -> Did {
        let ack = self.text("ACK", 314159, "");
        self.rig.ack(&ack)
    }

    pub fn text(&self, method: &str, cseq: u32, lines: &str) -> String {
        inside(&self.invite, &self.ok, method, cseq, lines)
    }

    /// The next request of Alice's in the dialog; its transaction is its CSeq number.
    pub fn inside(&mut self, method: &str, lines: &str) -> Did {
        self.cseq += 1;
        let text = self.text(method, self.cseq, lines);
        self.rig.request(self.cseq.into(), &text)
    }

    fn chunk(&mut self, at: u64, octets: &[u8], total: u64, flag: Continuation) -> Did {
        let head = send_head("m1", at, octets.len() as u64, total);
        self.rig.send(LegId::FIRST, 1, head, octets, flag)
    }

    fn is_closed(&self) -> bool {
        self.rig.machine.is_closed()
    }

    /// What Bob would say next of his own: BYE.
    fn hangs_up(&mut self) -> (LegId, Outgoing) {
        let ((), did) = self.rig.command(|bob, cx| bob.close(cx));
        did.one_sent()
    }
}

/// The statuses of the MSRP responses.
fn msrp(did: &Did) -> Vec<u16> {
    let status = |(_, action): &(LegId, Action)| match action {
        Action::RespondMsrp(_, status) => Some(*status),
        _ => None,
    };
    did.0.iter().filter_map(status).collect()
}

/// The message that is complete: its octets, empty if they came before, and its size.
fn received(did: &Did) -> Option<(Vec<u8>, u64)> {
    did.notices().into_iter().find_map(|notice| match notice {
        Notice::Received { whole, size, .. } => Some((whole.to_vec(), size)),
        _ => None,
    })
}

/// How much of a message that is given up had come, and its size.
fn incomplete(did: &Did) -> Option<(u64, Option<u64>)> {
    did.notices().into_iter().find_map(|notice| match notice {
        Notice::Incomplete {
            received, total, ..
        } => Some((received, total)),
        _ => None,
    })
}

/// The lines of a message without those that nobody can foresee: Via, and numbers and ids of ours.
fn lines(text: &str) -> Vec<String> {
    let blind = |line: &str| {
        let begin = |mark: &str| {
            line.find(mark)
                .map(|at| line[..at + mark.len()].to_string())
        };
        let cut = begin("To: <sip:bob@example.com>;tag=")
            .or_else(|| line.starts_with("o=").then(|| begin("o=bob ")).flatten())
            .or_else(|| {
                line.strip_prefix("Content-Length")
                    .map(|_| "Content-Length".into())
            });
        match (cut, line.split_once("a=path:")) {
            (Some(cut), _) => cut,
            (None, Some((_, path))) => path.rsplit_once('/').unwrap().0.into(),
            (None, None) => line.into(),
        }
    };
    crlf(text)
        .split("\r\n")
        .filter(|line| !line.starts_with("Via:"))
        .map(blind)
        .collect()
}
