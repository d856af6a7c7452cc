//! Instant message disposition notifications (RFC 5438): what a message asks for, and what is told of
//! one.

use alloc::string::{String, ToString};

use bytes::{BufMut, BytesMut};
use roxmltree::Node;

use super::cpim::{Message, Party, Writer, is_token};
use super::xml::{self, flaw, words};
use crate::{Flaw, Limits, Part};

/// The name space of the headers (RFC 5438 §6.1).
pub const HEADER_SPACE: &str = "urn:ietf:params:imdn";
/// The media type of the document (RFC 5438 §11.1.8).
pub const MEDIA_TYPE: &str = "message/imdn+xml";

const MESSAGE_ID: (&str, &str) = (HEADER_SPACE, "Message-ID");
const REQUESTS: (&str, &str) = (HEADER_SPACE, "Disposition-Notification");
const ORIGINAL_TO: (&str, &str) = (HEADER_SPACE, "Original-To");
const RECORD_ROUTE: (&str, &str) = (HEADER_SPACE, "IMDN-Record-Route");
const ROUTE: (&str, &str) = (HEADER_SPACE, "IMDN-Route");

pub(super) const HEADERS: [(&str, &str); 5] =
    [MESSAGE_ID, REQUESTS, ORIGINAL_TO, RECORD_ROUTE, ROUTE];

const DOCUMENT: &str = "urn:ietf:params:xml:ns:imdn";

/// Which notifications a message asks for (RFC 5438 §7.1.1.3). What else it may ask for is not
/// understood, and so not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// That it was delivered.
    pub positive_delivery: bool,
    /// That it could not be delivered.
    pub negative_delivery: bool,
    /// What an intermediary did with it.
    pub processing: bool,
    /// That the user saw it.
    pub display: bool,
}

/// What a message says in the headers of RFC 5438.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    message: &'a Message,
    /// Its identifier.
    pub message_id: Option<&'a str>,
    /// Which notifications it asks for; none if it is one itself (RFC 5438 §7.2.1).
    pub requests: Requests,
    /// Whom it was for before an intermediary changed To.
    pub original_to: Option<Party<'a>>,
}

impl Message {
    /// What the message says in the headers of RFC 5438, whatever prefix it has for them.
    ///
    /// # Errors
    ///
    /// Status 400: two Message-ID or Original-To, or one of the headers is malformed.
    pub fn imdn(&self) -> Result<View<'_>, Flaw> {
        let mut view = View {
            message: self,
            message_id: None,
            requests: Requests::default(),
            original_to: None,
        };
        for header in self.headers().filter(|h| h.space == Some(HEADER_SPACE)) {
            let at = xml::within(
                core::str::from_utf8(self.whole()).unwrap_or_default(),
                header.value,
            );
            let is = |(_, name): (&str, &str)| {
                header
                    .name
                    .split_once('.')
                    .map_or(header.name, |(_, own)| own)
                    == name
            };
            if is(MESSAGE_ID) {
                // Some identifiers of the field are Base64, which no Token is.
                let is_right = !header.value.is_empty() && !header.value.contains(' ');
                if !is_right || view.message_id.replace(header.value).is_some() {
                    return Err(flaw(at, "malformed or second Message-ID"));
                }
            } else if is(REQUESTS) {
                view.requests.read(header.value);
            } else if is(ORIGINAL_TO) {
                let party = Party::read(header.value).filter(|_| view.original_to.is_none());
                view.original_to = Some(party.ok_or(flaw(at, "malformed or second Original-To"))?);
            } else if (is(RECORD_ROUTE) || is(ROUTE)) && Party::read(header.value).is_none() {
                return Err(flaw(at, "malformed route of notifications"));
            }
        }
        if view.is_notification() {
            view.requests = Requests::default();
        }
        Ok(view)
    }
}

impl<'a> View<'a> {
    /// Whether the message is a notification itself.
    pub fn is_notification(&self) -> bool {
        let content = self.message.content();
        content.is(MEDIA_TYPE) || content.is_disposed("notification")
    }

    /// Which intermediaries want to see the notification, the nearest first. Of a notification none
    /// (RFC 5438 §7.2.1).
    pub fn record_routes(&self) -> impl Iterator<Item = Party<'a>> + use<'a> {
        let routes = self.message.parties(RECORD_ROUTE);
        let none = self.is_notification();
        routes.filter(move |_| !none)
    }

    /// Where a notification goes, the next first.
    pub fn routes(&self) -> impl Iterator<Item = Party<'a>> + use<'a> {
        self.message.parties(ROUTE)
    }

    /// Where a notification about this message is sent: to the nearest intermediary that wants to
    /// see it, or else to the sender (RFC 5438 §7.2.1).
    pub fn notify_at(&self) -> Option<Party<'a>> {
        self.record_routes().next().or_else(|| self.message.from())
    }

    /// What to tell of this message if that happened, by the one whom it was for under `recipient`:
    /// `None` if it did not ask for that, or lacks the Message-ID or DateTime that the notification
    /// must repeat (RFC 5438 §11.1). That each kind is told once a message at most is the caller's
    /// care (§7.2.1).
    pub fn notification(&self, disposition: Disposition, recipient: &str) -> Option<Notification> {
        use Delivery::Delivered;
        let wanted = match disposition {
            Disposition::Delivery(Delivered) => self.requests.positive_delivery,
            Disposition::Delivery(_) => self.requests.negative_delivery,
            Disposition::Processing(_) => self.requests.processing,
            Disposition::Display(_) => self.requests.display,
        };
        let original = self.original_to.map_or(recipient, |party| party.uri);
        let subject = self.message.subjects().next();
        Some(Notification {
            message_id: self.message_id.filter(|_| wanted)?.to_string(),
            // That of the message, not now (RFC 5438 §11.1.2).
            date_time: self.message.date_time()?.to_string(),
            recipient: Some(Recipient {
                uri: recipient.to_string(),
                original_uri: original.to_string(),
                subject: subject.map(|subject| subject.text().into_owned()),
            }),
            disposition: Some(disposition),
        })
    }
}

impl Requests {
    /// Adds what a header asks for. Case matters; parameters are not understood.
    fn read(&mut self, value: &str) {
        for request in value.split(',') {
            let name = request.split(';').next().unwrap_or_default();
            match name.trim_matches(' ') {
                "positive-delivery" => self.positive_delivery = true,
                "negative-delivery" => self.negative_delivery = true,
                "processing" => self.processing = true,
                "display" => self.display = true,
                _ => {}
            }
        }
    }

    fn words(self) -> impl Iterator<Item = &'static str> {
        [
            (self.positive_delivery, "positive-delivery"),
            (self.negative_delivery, "negative-delivery"),
            (self.processing, "processing"),
            (self.display, "display"),
        ]
        .into_iter()
        .filter_map(|(asked, word)| asked.then_some(word))
    }
}

impl Writer {
    /// Declares the prefix `imdn`, identifies the message by a token of at least 64 random bits
    /// (RFC 5438 §6.3) and asks for notifications, if for any. One that is asked for must have a
    /// DateTime (§7.1.1.2).
    #[must_use]
    pub fn imdn(self, message_id: &str, requests: Requests) -> Self {
        let id = if is_token(message_id) { message_id } else { "" };
        let writer = self
            .space("imdn", HEADER_SPACE)
            .header("imdn.Message-ID", id);
        let mut asked = String::new();
        for word in requests.words() {
            asked.push_str(if asked.is_empty() { "" } else { ", " });
            asked.push_str(word);
        }
        if asked.is_empty() {
            return writer;
        }
        writer.header("imdn.Disposition-Notification", &asked)
    }

    /// Copies the record of the way into that of the way back, in its order (RFC 5438 §7.2.1). After
    /// [`Self::imdn`].
    #[must_use]
    pub fn imdn_routes(mut self, view: &View<'_>) -> Self {
        for route in view.record_routes() {
            self = self.party("imdn.IMDN-Route", &route.name(), route.uri);
        }
        self
    }
}

/// What became of a message: the document `message/imdn+xml` (RFC 5438 §11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The Message-ID of the message.
    pub message_id: String,
    /// The DateTime of the message, as it was written there.
    pub date_time: String,
    /// Who tells.
    pub recipient: Option<Recipient>,
    /// What happened; `None` for a kind that is not of RFC 5438.
    pub disposition: Option<Disposition>,
}

/// Whom a message was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Who got it.
    pub uri: String,
    /// Whom it was for at first.
    pub original_uri: String,
    /// The subject of the message.
    pub subject: Option<String>,
}

/// What happened to a message (RFC 5438 §11.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disposition {
    /// On its way to the recipient's device.
    Delivery(Delivery),
    /// At an intermediary. A client never tells that (RFC 5438 §7.2.1).
    Processing(Processing),
    /// Before the user's eyes.
    Display(Display),
}

words! {
    /// How delivery went.
    Delivery {
        /// It was delivered.
        Delivered = "delivered",
        /// It could not be delivered.
        Failed = "failed",
        /// Nobody may know.
        Forbidden = "forbidden",
        /// Nobody knows.
        Error = "error",
    }
}

words! {
    /// What an intermediary did.
    Processing {
        /// It passed the message on.
        Processed = "processed",
        /// It keeps the message.
        Stored = "stored",
        /// Nobody may know.
        Forbidden = "forbidden",
        /// Nobody knows.
        Error = "error",
    }
}

words! {
    /// Whether the user saw it.
    Display {
        /// It was displayed.
        Displayed = "displayed",
        /// Nobody may know.
        Forbidden = "forbidden",
        /// Nobody knows.
        Error = "error",
    }
}

/// Reads a notification. Elements that it does not know are passed over.
///
/// # Errors
///
/// Status 400: as any XML (CC-100); no `imdn` document; no or two `message-id` or `datetime`; one of
/// the recipient URIs without the other; two kinds of notification, or one whose status is missing or of
/// another kind.
pub fn parse(xml: &[u8], limits: &Limits) -> Result<Notification, Flaw> {
    let document = xml::parse(xml, limits.notice_octets, limits)?;
    let root = document.root_element();
    if !root.has_tag_name((DOCUMENT, "imdn")) {
        return Err(flaw(xml::place(root), "not an imdn document"));
    }
    let (mut id, mut date_time, mut uri, mut original) = (None, None, None, None);
    let (mut subject, mut disposition) = (None, None);
    for (name, child) in xml::children(root, DOCUMENT) {
        let known = match name {
            "message-id" => id.replace(xml::word(child)).is_some(),
            "datetime" => date_time.replace(xml::word(child)).is_some(),
            "recipient-uri" => uri.replace(xml::word(child)).is_some(),
            "original-recipient-uri" => original.replace(xml::word(child)).is_some(),
            "subject" => subject.replace(xml::text(child)).is_some(),
            "delivery-notification" => {
                let status = Disposition::Delivery(status(child, Delivery::read)?);
                disposition.replace(status).is_some()
            }
            "processing-notification" => {
                let status = Disposition::Processing(status(child, Processing::read)?);
                disposition.replace(status).is_some()
            }
            "display-notification" => {
                let status = Disposition::Display(status(child, Display::read)?);
                disposition.replace(status).is_some()
            }
            _ => false,
        };
        if known {
            return Err(flaw(xml::place(child), "element for the second time"));
        }
    }
    let recipient = match (uri, original) {
        (Some(uri), Some(original_uri)) => Some(Recipient {
            uri,
            original_uri,
            subject,
        }),
        (None, None) => None,
        _ => {
            let what = "one recipient URI without the other";
            return Err(flaw(xml::place(root), what));
        }
    };
    let is_there = |text: &String| !text.is_empty();
    Ok(Notification {
        message_id: id
            .filter(is_there)
            .ok_or(flaw(xml::place(root), "imdn without message-id"))?,
        date_time: date_time
            .filter(is_there)
            .ok_or(flaw(xml::place(root), "imdn without datetime"))?,
        recipient,
        disposition,
    })
}

impl Part {
    /// Reads the part as a notification.
    ///
    /// # Errors
    ///
    /// As [`parse`]; and 415 where it is something else, or encoded.
    pub fn notification(&self, limits: &Limits) -> Result<Notification, Flaw> {
        parse(self.of(MEDIA_TYPE)?, limits)
    }
}

/// The one status in a notification of its kind.
fn status<T>(kind: Node<'_, '_>, read: impl Fn(&str) -> Option<T>) -> Result<T, Flaw> {
    let mut all = xml::children(kind, DOCUMENT)
        .filter(|(name, _)| *name == "status")
        .flat_map(|(_, status)| xml::children(status, DOCUMENT))
        .filter_map(|(name, _)| read(name));
    match (all.next(), all.next()) {
        (Some(status), None) => Ok(status),
        (None, _) => Err(flaw(
            xml::place(kind),
            "notification without status of its kind",
        )),
        _ => Err(flaw(xml::place(kind), "notification with two statuses")),
    }
}

/// Writes a notification. Its media type is [`MEDIA_TYPE`], and its disposition must be `notification`
/// (RFC 5438 §7.2.1).
pub fn write(out: &mut BytesMut, notification: &Notification) {
    xml::begin(out, "imdn", DOCUMENT);
    xml::line(out, ">");
    xml::element(out, "message-id", &notification.message_id);
    xml::element(out, "datetime", &notification.date_time);
    if let Some(recipient) = &notification.recipient {
        xml::element(out, "recipient-uri", &recipient.uri);
        xml::element(out, "original-recipient-uri", &recipient.original_uri);
        if let Some(subject) = &recipient.subject {
            xml::element(out, "subject", subject);
        }
    }
    let (kind, status) = match notification.disposition {
        Some(Disposition::Delivery(status)) => ("delivery", status.as_str()),
        Some(Disposition::Processing(status)) => ("processing", status.as_str()),
        Some(Disposition::Display(status)) => ("display", status.as_str()),
        None => ("", ""),
    };
    if !kind.is_empty() {
        let markup = format_args!(
            "<{kind}-notification><status><{status}/></status></{kind}-notification>\r\n"
        );
        let _ = core::fmt::write(out, markup);
    }
    out.put_slice(b"</imdn>");
}
