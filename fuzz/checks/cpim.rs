//! What holds for any octets that are taken for a `message/cpim`.

use bytes::Bytes;
use simple_im::Limits;
use simple_im::wire::cpim::{HEADERS, Message, Writer, parse};
use simple_im::wire::imdn::{Delivery, Display, Disposition, Requests, write};

/// Reads the message, asks everything, and writes it anew.
pub fn check(data: &[u8]) {
    let limits = Limits::default();
    let message = match parse(Bytes::copy_from_slice(data), &limits) {
        Ok(message) => message,
        Err(flaw) => return super::flaw::check(data, flaw),
    };
    assert_eq!(message.whole(), data);
    same_octets(&message);
    bounded(&message, data, limits.clone());
    if let Err(flaw) = message.understood(&[]) {
        assert!(flaw.at < data.len() && message.named(HEADERS, "Require").count() > 0);
    }
    let _ = (message.addressed(), message.body());
    rewritten(&message);
    notified(&message, data);
}

/// Its pieces are what came, in order.
fn same_octets(message: &Message) {
    let mut again = Vec::new();
    for header in message.headers() {
        for piece in [header.name, ":", header.params, " ", header.value, "\r\n"] {
            again.extend_from_slice(piece.as_bytes());
        }
        // Escapes only ever shorten.
        assert!(header.text().len() <= header.value.len());
        if let Some(language) = header.language() {
            assert!(header.params.contains(language));
        }
    }
    let content = message.content();
    let rest = [content.lines(), b"\r\n".as_slice(), content.content()].concat();
    let joined = [again.as_slice(), &rest].concat();
    again.extend_from_slice(b"\r\n");
    again.extend_from_slice(&rest);
    assert!(message.whole() == &again || message.whole() == &joined);
}

/// As much header as there is may be, and not one octet less.
fn bounded(message: &Message, data: &[u8], mut limits: Limits) {
    let head = data.len() - message.content().content().len();
    assert!(head <= limits.cpim_octets);
    let read = |limits: &Limits| parse(Bytes::copy_from_slice(data), limits).is_ok();
    limits.cpim_octets = head;
    assert!(read(&limits));
    limits.cpim_octets -= 1;
    assert!(!read(&limits));
}

/// What a host writes from what was read says the same.
fn rewritten(message: &Message) {
    let Some(from) = message.from() else { return };
    let mut writer = Writer::new(&from.name(), from.uri);
    for to in message.to() {
        writer = writer.to(&to.name(), to.uri);
    }
    for copy in message.cc() {
        writer = writer.cc(&copy.name(), copy.uri);
    }
    if let Some(time) = message.date_time() {
        writer = writer.date_time(time);
    }
    let tag = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    let languages = |language: &str| !language.is_empty() && language.bytes().all(tag);
    for subject in message.subjects() {
        let language = subject.language().filter(|language| languages(language));
        writer = writer.subject(language, &subject.text());
    }
    let mut roomy = Limits::default();
    roomy.cpim_octets *= 8;
    let lines = "Content-Type: text/plain\r\n";
    let again = writer.finish(lines, message.content().content(), &roomy);
    let again = again.expect("its own pieces");
    let names = |message: &Message| -> Vec<_> {
        let all = message.from().into_iter().chain(message.to());
        let all = all.chain(message.cc());
        all.map(|party| (party.name().into_owned(), party.uri.to_string()))
            .collect()
    };
    assert_eq!(names(&again), names(message));
    assert_eq!(again.date_time(), message.date_time());
    let texts = |message: &Message| -> Vec<_> {
        let texts = message
            .subjects()
            .map(|subject| subject.text().into_owned());
        texts
            .map(|text| text.trim_matches(' ').to_string())
            .collect()
    };
    assert_eq!(texts(&again), texts(message));
    assert_eq!(again.content().content(), message.content().content());
}

/// What is told of it can be read, and is never told of a notification.
fn notified(message: &Message, data: &[u8]) {
    let view = match message.imdn() {
        Ok(view) => view,
        Err(flaw) => return super::flaw::check(data, flaw),
    };
    if view.is_notification() {
        assert_eq!(view.requests, Requests::default());
        assert_eq!(view.record_routes().count(), 0);
    }
    let _ = (view.routes().count(), view.notify_at());
    for disposition in [
        Disposition::Delivery(Delivery::Delivered),
        Disposition::Delivery(Delivery::Failed),
        Disposition::Display(Display::Displayed),
    ] {
        let Some(told) = view.notification(disposition, "im:me@example.com") else {
            continue;
        };
        let mut xml = bytes::BytesMut::new();
        write(&mut xml, &told);
        let limits = Limits::default();
        let again = simple_im::wire::imdn::parse(&xml, &limits).expect("we wrote it");
        assert_eq!(again.disposition, told.disposition);
        assert_eq!(Some(again.date_time.as_str()), message.date_time());
    }
}
