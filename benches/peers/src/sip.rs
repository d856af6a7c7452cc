//! SIP: a message read with what a transaction layer and routing need, and written again.

use bytes::{Bytes, BytesMut};
use rsipstack::sip::{HeadersExt, SipMessage, prelude::ToTypedHeader, typed};
use simple_im::wire::sip::{Message, parse, write};
use sipx_sip::headers::{CSeq, CallId, Contact, From, MaxForwards, To, Via};
use sipx_sip::{Headers, Limits};

use crate::Job;

#[path = "../../common/routing.rs"]
mod routing;
use routing::routing;

const MESSAGES: [(&str, &[u8]); 4] = [
    ("MESSAGE", include_bytes!("../../data/message.sip")),
    (
        "MESSAGE of a core",
        include_bytes!("../../data/message_ims.sip"),
    ),
    ("INVITE, multipart", include_bytes!("../../data/invite.sip")),
    ("200 to an INVITE", include_bytes!("../../data/ok200.sip")),
];

pub(crate) fn jobs() -> Vec<Job> {
    let read = MESSAGES.map(|(name, octets)| {
        let name = format!("SIP {name}, {} B: parse and routing", octets.len());
        let (input, datagram) = (Bytes::from_static(octets), Bytes::from_static(octets));
        Job::new(name, move || ours(&input))
            .gated("rsipstack", 4.0, move || stack(octets))
            .gated("sipx-sip", 4.0, move || sipx(&datagram))
            .beside("parsip, lines alone", move || parsip(octets))
    });
    let octets = MESSAGES[0].1;
    let message = parse(&Bytes::from_static(octets)).expect("sample");
    let mut out = BytesMut::with_capacity(2048);
    let theirs = SipMessage::try_from(octets).expect("sample");
    let sipx =
        sipx_sip::parse_datagram(Bytes::from_static(octets), &Limits::stream()).expect("sample");
    let mut buffer = Vec::with_capacity(2048);
    let write = Job::new("SIP MESSAGE, 377 B: write", move || {
        out.clear();
        write(&mut out, &message);
        out.len()
    })
    .gated("rsipstack", 2.0, move || theirs.to_bytes().len())
    .gated("sipx-sip", 2.0, move || {
        buffer.clear();
        sipx.write_to(&mut buffer);
        buffer.len()
    });
    read.into_iter().chain([write]).collect()
}

fn ours(input: &Bytes) -> usize {
    match parse(input).expect("sample") {
        Message::Request(request) => routing(&request.head) + request.body.whole().len(),
        Message::Response(response) => routing(&response.head) + response.body.whole().len(),
    }
}

fn stack(octets: &[u8]) -> usize {
    fn routing(message: &impl HeadersExt, body: &[u8]) -> usize {
        let from: typed::From = message.from_header().expect("From").typed().expect("From");
        let to: typed::To = message.to_header().expect("To").typed().expect("To");
        let via: typed::Via = message.via_header().expect("Via").typed().expect("Via");
        let cseq: typed::CSeq = message.cseq_header().expect("CSeq").typed().expect("CSeq");
        let contact = message
            .contact_header()
            .map(|contact| contact.typed().expect("Contact"));
        let hops = message
            .max_forwards_header()
            .map_or(0, |hops| hops.value().len());
        from.tag().map_or(0, |tag| tag.value().len())
            + to.tag().map_or(0, |tag| tag.value().len())
            + message.call_id_header().expect("Call-ID").value().len()
            + cseq.seq as usize
            + via.params.len()
            + contact.map_or(0, |contact: typed::Contact| contact.uri.params.len())
            + hops
            + body.len()
    }
    match SipMessage::try_from(octets).expect("sample") {
        SipMessage::Request(request) => routing(&request, &request.body),
        SipMessage::Response(response) => routing(&response, &response.body),
    }
}

fn sipx(input: &Bytes) -> usize {
    fn routing(headers: &Headers, body: &Bytes) -> usize {
        let from = headers.typed::<From>().expect("From").expect("From");
        let to = headers.typed::<To>().expect("To").expect("To");
        let via = headers.typed::<Via>().expect("Via").expect("Via");
        let cseq = headers.typed::<CSeq>().expect("CSeq").expect("CSeq");
        let call_id = headers
            .typed::<CallId>()
            .expect("Call-ID")
            .expect("Call-ID");
        let contact = headers
            .typed::<Contact>()
            .map(|contact| contact.expect("Contact"));
        let hops = headers
            .typed::<MaxForwards>()
            .map_or(0, |hops| hops.expect("hops").0);
        from.0.tag().map_or(0, <[u8]>::len)
            + to.0.tag().map_or(0, <[u8]>::len)
            + call_id.0.len()
            + cseq.sequence as usize
            + via.param("branch").map_or(0, <[u8]>::len)
            + contact.map_or(0, |contact| contact.0.params.len())
            + usize::from(hops)
            + body.len()
    }
    match sipx_sip::parse_datagram(input.clone(), &Limits::stream()).expect("sample") {
        sipx_sip::Message::Request(request) => routing(&request.headers, request.body()),
        sipx_sip::Message::Response(response) => routing(&response.headers, response.body()),
    }
}

/// It splits lines and reads none of them.
fn parsip(octets: &[u8]) -> usize {
    let mut headers = [parsip::EMPTY_HEADER; 32];
    if octets.starts_with(b"SIP/") {
        let mut response = parsip::Response::new(&mut headers);
        assert!(response.parse(octets).is_done());
        response.headers.len()
    } else {
        let mut request = parsip::Request::new(&mut headers);
        assert!(request.parse(octets).is_done());
        request.headers.len()
    }
}
