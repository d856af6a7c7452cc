//! What became of a message, one typed outcome a recipient.

use crate::{Response, Status};

/// The final word on one message and one recipient.
///
/// Ordered by how much is known: a 200 from a device, a 202 from a server and a report at the user
/// plane say different things, and are kept apart (D-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A final device has it: 200 to a MESSAGE (RFC 3428 §7), or a success report that covers it.
    Delivered,
    /// A server has taken it on: 202, or the report of a focus. What the recipients got is not known.
    AcceptedByServer,
    /// The peer's MSRP stack took every octet; nobody said more.
    Sent,
    /// Every octet was taken, and the report that was asked for never came.
    Unconfirmed,
    /// The recipient's user refused it: 6xx.
    Refused(Status),
    /// It did not arrive.
    Failed(Failure),
    /// Nothing is known: the request was sent and nobody answered (CC-35).
    Unknown,
    /// The sender took it back before it was through.
    Cancelled,
}

/// Why a message did not arrive.
///
/// What a final refusal says besides (Contacts, Retry-After, Warning, Unsupported, Accept) is told by
/// [`Notice::Refused`](crate::Notice::Refused) just before the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// A SIP status without a better name below, or of a kind that RFC 3261 does not know.
    Status(Status),
    /// 3xx: the recipient is elsewhere. Never followed by itself (CC-37).
    Redirected(Status),
    /// 401, 407: the layer below had no credentials, or they were not enough.
    Challenged(Status),
    /// 403 without a better name.
    Forbidden,
    /// 404, 410, 484, 485: there is no such recipient, or no single one.
    NotFound(Status),
    /// 405, 501: what answers there takes no such request.
    MethodRefused,
    /// 414, 416: the address of the recipient cannot be used.
    BadAddress,
    /// 420: it does not understand an extension that we cannot do without.
    ExtensionRefused,
    /// 421: it insists on an extension that we do not have.
    ExtensionRequired,
    /// 433: it does not talk to anonymous senders (RFC 5079).
    AnonymityRefused,
    /// 480 although asked for explicitly: no device with this service (CC-36).
    NotReachable,
    /// 481: the dialog that was to be replaced is not there (RFC 3891 §3).
    NoSuchDialog,
    /// 482, 483: it went round in circles.
    Loop,
    /// 486.
    Busy,
    /// 488 without a better name.
    NotAcceptable,
    /// 500, 502, 503, 504: a server fails, perhaps for a while only.
    Unavailable(Status),
    /// 415, 606, 488 with warning 304 or 305, or an answer without a type of ours.
    UnsupportedType,
    /// 413, 513, 403 or 488 with warning 133, or more than the recipient's `max-size`.
    TooLarge,
    /// The group is larger than the server allows (486 or 403 with warning 122).
    TooManyParticipants,
    /// The server does not explode lists (403, or 420 naming a list option).
    ListUnsupported,
    /// 403 with warning 127.
    NotAuthorised,
    /// The session timer could not be agreed on (422 without end).
    SessionInterval,
    /// The answer to our offer is missing, malformed or does not let us send.
    BadAnswer,
    /// The message could not be sent: no transport, or no route.
    Transport,
    /// The MSRP connection did not come up in time, or was refused.
    NotConnected,
    /// The MSRP connection broke.
    ConnectionLost,
    /// The peer ended the session before it had the whole message.
    Incomplete,
    /// A chunk or a report carried this MSRP status.
    Msrp(u16),
    /// A chunk stayed unanswered for 30 s: treated like 408.
    NoResponse,
    /// Nobody answered the invitation in time.
    NoAnswer,
    /// The delivery took longer than allowed.
    TooSlow,
    /// The controlling function did not get the whole message from its sender.
    NothingToSend,
}

/// What a final response to a MESSAGE says (OC-PM rows, RFC 3428 §7).
pub(crate) fn of_message(response: &Response) -> Outcome {
    match response.status.0 {
        // A server has taken it on; what happens further is not known (CC-34).
        202 => Outcome::AcceptedByServer,
        200..300 => Outcome::Delivered,
        408 => Outcome::Unknown,
        _ => of_refusal(response),
    }
}

/// What a final refusal says, of a MESSAGE or an INVITE (CC-36, CC-60, DR-15, DR-21). A code that it
/// does not know is its class's (RFC 3261 §8.1.3.2): the status itself says which.
pub(crate) fn of_refusal(response: &Response) -> Outcome {
    let (status, head) = (response.status, &response.head);
    let listless = || {
        head.unsupported()
            .any(|tag| tag.starts_with("recipient-list-"))
    };
    let formats = || {
        head.warnings()
            .any(|warning| matches!(warning.code, 304 | 305))
    };
    Outcome::Failed(match status.0 {
        300..=399 => Failure::Redirected(status),
        401 | 407 => Failure::Challenged(status),
        403 | 486 if head.warned(122, "too many") => Failure::TooManyParticipants,
        403 if head.warned(127, "not authori") => Failure::NotAuthorised,
        403 | 488 if head.warned(133, "size exceeded") => Failure::TooLarge,
        403 => Failure::Forbidden,
        404 | 410 | 484 | 485 => Failure::NotFound(status),
        405 | 501 => Failure::MethodRefused,
        408 => Failure::NoAnswer,
        413 | 513 => Failure::TooLarge,
        414 | 416 => Failure::BadAddress,
        415 | 606 => Failure::UnsupportedType,
        420 if listless() => Failure::ListUnsupported,
        420 => Failure::ExtensionRefused,
        421 => Failure::ExtensionRequired,
        422 => Failure::SessionInterval,
        433 => Failure::AnonymityRefused,
        480 => Failure::NotReachable,
        481 => Failure::NoSuchDialog,
        482 | 483 => Failure::Loop,
        486 => Failure::Busy,
        488 if formats() => Failure::UnsupportedType,
        488 => Failure::NotAcceptable,
        500 | 502..505 => Failure::Unavailable(status),
        // Its user has said no, here or everywhere.
        600..700 => return Outcome::Refused(status),
        _ => Failure::Status(status),
    })
}
