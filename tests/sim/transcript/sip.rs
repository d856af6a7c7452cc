//! SIP messages that go into a machine.

use bytes::Bytes;
use simple_im::wire::sip::{Message, parse};
use simple_im::{Action, Event, LegId, Method, ServerTxn};

use super::pattern::fill;
use super::seen::{Past, Seen, Subject};
use super::text::{Lines, Step};
use super::{Dialog, Done, Player};

impl Player {
    pub(super) fn sip(&mut self, step: &Step) -> Done {
        let first = step.word(1);
        if first.bytes().all(|b| b.is_ascii_digit()) && !first.is_empty() {
            return self.sip_response(step, first);
        }
        let leg = self.leg(step)?;
        let cancelled = match self.thing(step.to.as_deref())? {
            Some((_, Subject::Heard(txn))) => Some(txn),
            Some(_) => return Err("the name is not that of a request that arrived".into()),
            None => self.last_invite(leg),
        };
        let dialog = match step.words.get(2) {
            Some(_) => None,
            None if first == "CANCEL" => None,
            None => Some(
                self.dialogs
                    .get_mut(&leg)
                    .ok_or("the leg has no dialog: name the Request-URI")?,
            ),
        };
        let mut defaults = vec![
            (
                "Via",
                "SIP/2.0/TCP peer.example.com;branch=z9hG4bKpeer".to_string(),
            ),
            ("Max-Forwards", "70".to_string()),
        ];
        let account = &self.settings.config.account;
        let mut start = step.words[1..].join(" ");
        if let Some(dialog) = dialog {
            start = format!("{first} {}", account.contact);
            if first != "ACK" {
                dialog.cseq += 1;
            }
            if first == "INVITE" {
                dialog.invite = dialog.cseq;
            }
            let cseq = match first {
                "ACK" => dialog.invite,
                _ => dialog.cseq,
            };
            defaults.push(("From", dialog.from.clone()));
            defaults.push(("To", dialog.to.clone()));
            defaults.push(("Call-ID", dialog.call_id.clone()));
            defaults.push(("CSeq", format!("{cseq} {first}")));
        } else if first == "CANCEL" {
            let invite = cancelled.and_then(|txn| self.past.heard(txn));
            let invite = invite.ok_or("no INVITE has arrived that could be cancelled")?;
            let header = |name| invite.header(name).unwrap_or_default().to_string();
            start = format!("CANCEL {}", invite.to().uri);
            defaults.extend(["From", "To", "Call-ID"].map(|name| (name, header(name))));
            defaults.push(("CSeq", format!("{} CANCEL", invite.cseq())));
        } else {
            self.calls += 1;
            defaults.push(("From", format!("<{}>;tag=peer", self.settings.peer)));
            defaults.push(("To", format!("<{}>", step.word(2))));
            defaults.push(("Call-ID", format!("call-{}@peer.example.com", self.calls)));
            defaults.push(("CSeq", format!("1 {first}")));
        }
        let text = self.message(&format!("{start} SIP/2.0"), step, &defaults)?;
        let request = match parse(&text) {
            Ok(Message::Request(request)) => request,
            Ok(Message::Response(_)) => return Err("this is a response".into()),
            Err(flaw) => {
                self.note(&format!("flaw {} {}", flaw.status, flaw.what));
                return Ok(());
            }
        };
        if request.method == Method::Ack {
            self.handle(leg, Event::Ack(&request));
            return Ok(());
        }
        let head = request.head.clone();
        self.past.heard.push((leg, request.method, head));
        let txn = ServerTxn(self.past.heard.len() as u64);
        if let Some(name) = &step.name {
            self.things.insert(name.clone(), (leg, Subject::Heard(txn)));
        }
        if request.method != Method::Cancel {
            self.handle(leg, Event::Request(txn, &request));
            return Ok(());
        }
        let invite = cancelled.ok_or("no INVITE has arrived that could be cancelled")?;
        let cancel = txn;
        self.handle(leg, Event::Cancel { cancel, invite });
        Ok(())
    }

    fn last_invite(&self, leg: LegId) -> Option<ServerTxn> {
        let heard = self.past.heard.iter();
        let place = { heard }.rposition(|(of, method, _)| *of == leg && *method == Method::Invite);
        place.map(|place| ServerTxn(place as u64 + 1))
    }

    fn sip_response(&mut self, step: &Step, status: &str) -> Done {
        let (leg, request) = self.request_of(step)?;
        let asked = Seen::new(leg, &Action::SendRequest(request.clone()), &self.past);
        let asked = asked.message.unwrap_or_default();
        let of = |name: &str| {
            let found = asked.head.iter().find(|(own, _)| own == name);
            found.map_or(String::new(), |(_, value)| value.clone())
        };
        let mut to = of("To");
        if !to.contains(";tag=") && status != "100" {
            to += ";tag=peer";
        }
        let defaults = [
            (
                "Via",
                "SIP/2.0/TCP own.example.com;branch=z9hG4bKown".to_string(),
            ),
            ("From", of("From")),
            ("To", to),
            ("Call-ID", of("Call-ID")),
            ("CSeq", of("CSeq")),
        ];
        let text = self.message(&format!("SIP/2.0 {status} X"), step, &defaults)?;
        let response = match parse(&text) {
            Ok(Message::Response(response)) => response,
            Ok(Message::Request(_)) => return Err("this is a request".into()),
            Err(flaw) => {
                self.note(&format!("flaw {} {}", flaw.status, flaw.what));
                return Ok(());
            }
        };
        let head = &response.head;
        if request.method == Method::Invite && response.status.is_success() {
            let header = |name| head.header(name).unwrap_or_default().to_string();
            let dialog = Dialog {
                call_id: head.call_id().to_string(),
                from: header("To"),
                to: header("From"),
                cseq: 0,
                invite: 0,
            };
            self.dialogs.entry(leg).or_insert(dialog);
        }
        self.handle(leg, Event::Response(request.txn, &response));
        Ok(())
    }

    /// A message as octets: what is missing is added.
    fn message(
        &self,
        start: &str,
        step: &Step,
        defaults: &[(&str, String)],
    ) -> Result<Bytes, String> {
        let (head, body) = step.halves();
        let join = |lines: &Lines| {
            let lines: Vec<_> = lines.iter().map(|(_, text)| text.as_str()).collect();
            fill(&lines.join("\n"), &self.names).map(|text| text.replace('\n', "\r\n"))
        };
        let (head, mut body) = (join(head)?, join(body)?);
        let mut out = format!("{}\r\n", fill(start, &self.names)?);
        let given = |name: &str| {
            head.split("\r\n").any(|line| {
                line.split_once(':')
                    .is_some_and(|(own, _)| own.trim().eq_ignore_ascii_case(name))
            })
        };
        for (name, value) in defaults.iter().filter(|(name, _)| !given(name)) {
            out += &format!("{name}: {}\r\n", fill(value, &self.names)?);
        }
        if !head.is_empty() {
            out += &head;
            out += "\r\n";
        }
        // Every line of a description ends; what a user says does not end with a line.
        if head
            .to_ascii_lowercase()
            .contains("content-type: application/sdp")
            && !body.is_empty()
        {
            body += "\r\n";
        }
        if !given("Content-Length") {
            out += &format!("Content-Length: {}\r\n", body.len());
        }
        Ok(Bytes::from(format!("{out}\r\n{body}")))
    }
}
