//! A dialog against its four parts as plain values, kept by the words of RFC 3261 §12.
#![allow(clippy::unwrap_used)]

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::states::desk::{Desk, methods};
use crate::wire::sip::{parse_request, parse_response};

/// A message of the peer's, as far as a dialog looks at it.
#[derive(Clone, Debug)]
struct Said {
    routes: Vec<&'static str>,
    /// Whether they are values of one line.
    folded: bool,
    contact: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Step {
    Request(Method),
    Ack(u32),
    /// A request of the peer's with this CSeq, counted from the last one or from zero; a target refresh if
    /// it says something.
    Theirs(i64, Option<Said>),
    /// A 2xx to a target refresh of ours.
    Refreshed(Said),
    /// A 2xx to the INVITE, after the early dialog.
    Confirmed(Said),
}

/// Values of Record-Route, and the Request-URI that one makes if it is a strict router's.
const ROUTES: [(&str, Option<&str>); 6] = [
    ("<sip:p1.example.com;lr>", None),
    ("<sip:p2.example.com:5061;transport=tcp;lr>;x=1", None),
    ("\"p3, the third\" <sips:p3.example.com;lr=on>", None),
    ("<sip:s1.example.com>", Some("sip:s1.example.com")),
    (
        "<sip:s2.example.com;transport=tcp;method=INVITE?Subject=x>",
        Some("sip:s2.example.com;transport=tcp"),
    ),
    ("<sip:u@s3.example.com>;lr", Some("sip:u@s3.example.com")),
];
const CONTACTS: [&str; 3] = [
    "sip:bob@pc1.example.com",
    "sip:bob@pc2.example.com;transport=tcp",
    "sip:192.0.2.20:5070;gr=a",
];
const CALLED: &str = "sip:bob@example.com";
const CSEQ: u32 = 7;

fn said() -> impl Strategy<Value = Said> {
    let routes = prop::collection::vec(prop::sample::select(ROUTES.map(|it| it.0).to_vec()), 0..4);
    let contact = prop::option::weighted(0.8, prop::sample::select(CONTACTS.to_vec()));
    (routes, any::<bool>(), contact).prop_map(|(routes, folded, contact)| Said {
        routes,
        folded,
        contact,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let ours = prop::sample::select(methods().collect::<Vec<_>>());
    prop_oneof![
        4 => ours.prop_map(Step::Request),
        1 => any::<u32>().prop_map(Step::Ack),
        4 => (-2..4i64, prop::option::of(said())).prop_map(|(step, said)| Step::Theirs(step, said)),
        2 => said().prop_map(Step::Refreshed),
        1 => said().prop_map(Step::Confirmed),
    ]
}

/// RFC 3261 §12: the dialog state.
#[derive(Debug)]
struct Naive {
    local_cseq: u32,
    remote_cseq: Option<u32>,
    target: String,
    routes: Vec<String>,
}

impl Naive {
    /// §12.1.2: the Record-Route values of the response, reversed; no remote sequence number.
    fn calling(said: &Said) -> Self {
        Self {
            local_cseq: CSEQ,
            remote_cseq: None,
            target: said.contact.unwrap_or(CALLED).to_string(),
            routes: said.routes.iter().rev().map(ToString::to_string).collect(),
        }
    }

    /// §12.1.1: those of the request, in order; no local sequence number.
    fn called(said: &Said) -> Self {
        Self {
            local_cseq: 0,
            remote_cseq: Some(CSEQ),
            target: said.contact.unwrap_or(CALLED).to_string(),
            routes: said.routes.iter().map(ToString::to_string).collect(),
        }
    }

    /// §12.2.1.1: the Request-URI, and the values of Route.
    fn addressed(&self) -> (String, Vec<String>) {
        let Some((first, rest)) = self.routes.split_first() else {
            return (self.target.clone(), Vec::new());
        };
        let strict = ROUTES.iter().find(|(route, _)| route == first);
        match strict.and_then(|(_, strict)| *strict) {
            None => (self.target.clone(), self.routes.clone()),
            Some(strict) => {
                let mut routes = rest.to_vec();
                routes.push(format!("<{}>", self.target));
                (strict.to_string(), routes)
            }
        }
    }

    /// §12.2.2: a number that is not higher is out of order; whatever is in order counts.
    fn in_order(&mut self, cseq: u32) -> bool {
        let in_order = self.remote_cseq.is_none_or(|last| cseq > last);
        if in_order {
            self.remote_cseq = Some(cseq);
        }
        in_order
    }

    /// §12.2.1.2, §12.2.2: the target alone, never the route set.
    fn refresh(&mut self, said: &Said) {
        if let Some(contact) = said.contact {
            self.target = contact.to_string();
        }
    }
}

fn lines(said: &Said) -> String {
    let mut lines = String::new();
    if said.folded && !said.routes.is_empty() {
        lines += &format!("Record-Route: {}\r\n", said.routes.join(", "));
    } else {
        for route in &said.routes {
            lines += &format!("Record-Route: {route}\r\n");
        }
    }
    if let Some(contact) = said.contact {
        lines += &format!("Contact: <{contact}>\r\n");
    }
    lines
}

fn response(said: &Said) -> Response {
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP pc33.example.com;branch=z9hG4bK1\r\n\
         From: <sip:alice@example.com>;tag=alice\r\nTo: <{CALLED}>;tag=bob\r\n\
         Call-ID: a@b\r\nCSeq: {CSEQ} INVITE\r\n{}Content-Length: 0\r\n\r\n",
        lines(said)
    );
    parse_response(&Bytes::from(text)).unwrap()
}

fn request(cseq: u32, said: &Said) -> Request {
    let text = format!(
        "INVITE sip:alice@pc33.example.com SIP/2.0\r\n\
         Via: SIP/2.0/TCP pc9.example.com;branch=z9hG4bK2\r\nMax-Forwards: 70\r\n\
         From: <{CALLED}>;tag=bob\r\nTo: <sip:alice@example.com>\r\n\
         Call-ID: a@b\r\nCSeq: {cseq} INVITE\r\n{}Content-Length: 0\r\n\r\n",
        lines(said)
    );
    parse_request(&Bytes::from(text)).unwrap()
}

/// The values of a header field of a request of ours.
fn values(sent: &Outgoing, name: &str) -> Vec<String> {
    let head = core::str::from_utf8(&sent.head).unwrap();
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_string());
    head.split("\r\n").filter_map(value).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_dialog_is_two_numbers_a_target_and_a_list_of_routes(
        called: bool,
        first in said(),
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let mut desk = Desk::new();
        let uri = Uri::copy(CALLED).unwrap();
        let (tag, mut naive) = (Tag(1), if called { Naive::called(&first) } else { Naive::calling(&first) });
        let mut dialog = desk.call(|cx| match called {
            true => Dialog::called(&request(CSEQ, &first), tag, cx).unwrap(),
            false => Dialog::calling(&response(&first), &uri, cx).unwrap(),
        });
        let ours = if called { format!("{tag}") } else { "alice".to_string() };
        for step in steps {
            let (sent, cseq) = match step {
                Step::Request(method) => {
                    naive.local_cseq += 1;
                    let sent = desk.call(|cx| dialog.request(method, ClientTxn(1), b"", Bytes::new(), cx));
                    (sent, naive.local_cseq)
                }
                Step::Ack(cseq) => (desk.call(|cx| dialog.ack(cseq, b"", cx)), cseq),
                Step::Theirs(step, said) => {
                    let last = i64::from(naive.remote_cseq.unwrap_or(3));
                    let cseq = u32::try_from(last + step).unwrap_or(0);
                    let nothing = Said { routes: Vec::new(), folded: false, contact: None };
                    let request = request(cseq, said.as_ref().unwrap_or(&nothing));
                    let in_order = dialog.in_order(&request.head);
                    prop_assert_eq!(in_order, naive.in_order(cseq));
                    if let (true, Some(said)) = (in_order, said) {
                        dialog.retarget(&request.head);
                        naive.refresh(&said);
                    }
                    continue;
                }
                Step::Refreshed(said) => {
                    dialog.retarget(&response(&said).head);
                    naive.refresh(&said);
                    continue;
                }
                Step::Confirmed(said) => {
                    if !called {
                        // §13.2.2.4: the route set is that of the 2xx, the numbers go on.
                        let made = desk.call(|cx| Dialog::calling(&response(&said), &uri, cx));
                        dialog = made.unwrap().after(Some(&dialog));
                        let confirmed = Naive::calling(&said);
                        (naive.target, naive.routes) = (confirmed.target, confirmed.routes);
                    }
                    continue;
                }
            };
            let (target, routes) = naive.addressed();
            prop_assert_eq!(sent.target.as_str(), target);
            prop_assert_eq!(values(&sent, "Route"), routes);
            prop_assert_eq!(sent.cseq, cseq);
            prop_assert_eq!(values(&sent, "From"), [format!("<sip:alice@example.com>;tag={ours}")]);
            prop_assert_eq!(values(&sent, "To"), [format!("<{CALLED}>;tag=bob")]);
            prop_assert_eq!(values(&sent, "Call-ID"), ["a@b"]);
        }
    }
}
