//! How much of anything there may be, and what happens when there would be more.

use core::time::Duration;

/// Bounds and waiting times. Every collection that a peer can grow has its bound here, checked at the
/// one place where a thing is added.
///
/// Defaults are those of the requirements' `limits` and `timers` knobs where these name one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Actions that one call may push; the rest follows on [`Timer::Continue`](crate::Timer::Continue).
    /// At least 32, which is more than any single step takes; less counts as 32. Default 256.
    pub batch: usize,
    /// Member transactions that await a first response at the same time, calls that are repeated
    /// because of 422 apart. Default 64, at least 1.
    pub in_flight: u32,
    /// How long a member may hold a place of that window without a response. Default 2 s.
    pub patience: Duration,
    /// Member legs that ring or are up at the same time; further members wait. Default 256, at least 1.
    pub legs: u32,
    /// Entries of a URI-list, references among them, and lists in its document; above it the list is refused
    /// with 400. Default 1,000.
    pub list_entries: usize,
    /// Lists within lists in a URI-list, whose entries are taken as if they were in one; above it the list is
    /// refused with 400, so that 1 refuses all nested lists. Default 16.
    pub list_depth: usize,
    /// Octets of a URI-list's XML; above it the list is refused with 400. Default 256 KiB.
    pub list_octets: usize,
    /// Elements within elements of an XML document; above it the document is refused with 400. Default 16.
    pub xml_depth: usize,
    /// Attributes of one XML element, and name spaces that are in scope in it; above it the document is
    /// refused with 400. Default 32.
    pub xml_attributes: usize,
    /// Octets of the header of a `message/cpim`, that of its content included; above it the message is
    /// refused with 400. Default 8 KiB.
    pub cpim_octets: usize,
    /// Header fields of a `message/cpim`, those of its content included; above it the message is refused
    /// with 400. Default 64.
    pub cpim_fields: usize,
    /// Octets of a disposition notification or of an is-composing indication; above it that is refused
    /// with 400. Default 16 KiB.
    pub notice_octets: usize,
    /// Octets of a conference-info document, above it the document is refused with 400; and of the text
    /// that is kept of a conference's users, above it all that was known of it is given up. Default
    /// 512 KiB.
    pub conference_octets: usize,
    /// Users, endpoints, roles and URIs of a conference-info document, above it the document is refused
    /// with 400; and of what is kept of a conference's users, above it all that was known of it is
    /// given up. Default 10,000.
    pub conference_entries: usize,
    /// Participants of an ad-hoc group, the originator among them; above it 486 with warning 122.
    /// Default 1,001.
    pub adhoc_group: usize,
    /// Members that the host may name for a group; above it the group is refused with 486. Default
    /// 100,000, at most [`LegId::MAX_SLOT`](crate::LegId::MAX_SLOT).
    pub group_members: usize,
    /// Octets of one message that a client receives; above it 488 (announced) or 413. Default 10 MiB.
    pub message: u64,
    /// Octets up to which a receiving session assembles a message and hands it over whole; above it
    /// the application gets the pieces as they come. Default 64 KiB.
    pub whole: u64,
    /// Octets of a large message that the controlling function keeps; above it 413. Default 10 MiB.
    pub stored: u64,
    /// Separate ranges of one incoming message; above it 413. A client keeps no more than half of
    /// `batch`, since it may have to hand them on in one call. Default 1,024.
    pub ranges: usize,
    /// Octets of an MSRP frame's start line and header lines; above it the connection is broken (CC-136).
    /// Default 8 KiB.
    pub msrp_head: usize,
    /// Unanswered MSRP chunks a message, at most 8. Default 8.
    pub chunks: usize,
    /// Messages that one MSRP session sends at the same time, those among them whose report is awaited; a
    /// further one is refused to the application. Default 16.
    pub outgoing: usize,
    /// Messages that one MSRP session receives at the same time; a further one is refused with 413. Default 4.
    pub incoming: usize,
    /// Octets that one MSRP session holds of messages that are not complete, whatever their number; above it
    /// 413. Default 16 MiB.
    pub assembled: u64,
    /// Octets that the sessions of one MSRP connection hold together of messages that are not complete; above it 413
    /// for the message that grew, and for every other that begins ([`msrp::Connection`](crate::msrp::Connection)).
    /// Default 64 MiB.
    pub connection: u64,
    /// Messages that wait for one request URI; above it the new one is handed back. Default 64.
    pub queue: usize,
    /// Answered requests whose answer is remembered; the oldest is forgotten first. Default 4,096.
    pub answered: usize,
    /// Early dialogs of one INVITE that are told apart; further forks are ignored until they answer. Default 8.
    pub forks: usize,
    /// Octets of our copy of a peer's identifiers (tags, URIs, Call-ID, route set) a dialog; above it the request is
    /// refused with 400, the response is treated as a failure. Default 4 KiB.
    pub dialog_octets: usize,

    /// How long a large message may wait for its MSRP connection and its binding. Default 30 s.
    pub connect_wait: Duration,
    /// How long a passive receiver waits for the binding SEND. Default 30 s.
    pub bind: Duration,
    /// How long a chunk may stay unanswered after its last octet was written (RFC 4975 §7.1.1). Default 30 s.
    pub msrp_response: Duration,
    /// How long an INVITE may ring. Default 180 s.
    pub ring: Duration,
    /// How long the application may think about an invitation before it is refused with 480. Default 180 s.
    pub decide: Duration,
    /// How long the controlling function goes on delivering a large message to a member, from that
    /// member's own INVITE. Default 180 s.
    pub delivery: Duration,
    /// How long an incoming message may take from one chunk to the next. Default 540 s (RFC 7701 §6.1).
    pub chunk_reception: Duration,
    /// How long the host may take to look up a group or a policy before 500, and the application to keep a
    /// page before 480: less than the 32 s after which its sender gives up. Default 20 s.
    pub lookup: Duration,
    /// How long a transaction of ours may stay without a final response after CANCEL, a 2xx of ours
    /// without ACK, and a reliable provisional response without PRACK: 64·T1 (RFC 3261 §9.1, §13.3.1.4, RFC 3262 §3). Default 32 s.
    pub final_wait: Duration,
    /// T1 of RFC 3261 §17.1.1.1, the first interval at which a 2xx or a reliable provisional response is repeated. Default 500 ms.
    pub t1: Duration,
    /// T2 of RFC 3261 §17.1.2.2, the longest interval at which a 2xx is repeated. Default 4 s.
    pub t2: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            batch: 256,
            in_flight: 64,
            patience: s(2),
            legs: 256,
            list_entries: 1_000,
            list_depth: 16,
            list_octets: 256 * 1024,
            xml_depth: 16,
            xml_attributes: 32,
            cpim_octets: 8 * 1024,
            cpim_fields: 64,
            notice_octets: 16 * 1024,
            conference_octets: 512 * 1024,
            conference_entries: 10_000,
            adhoc_group: 1_001,
            group_members: 100_000,
            message: 10 * 1024 * 1024,
            whole: 64 * 1024,
            stored: 10 * 1024 * 1024,
            ranges: 1_024,
            msrp_head: 8 * 1024,
            chunks: 8,
            outgoing: 16,
            incoming: 4,
            assembled: 16 * 1024 * 1024,
            connection: 64 * 1024 * 1024,
            queue: 64,
            answered: 4_096,
            forks: 8,
            dialog_octets: 4 * 1024,
            connect_wait: s(30),
            bind: s(30),
            msrp_response: s(30),
            ring: s(180),
            decide: s(180),
            delivery: s(180),
            chunk_reception: s(540),
            lookup: s(20),
            final_wait: s(32),
            t1: Duration::from_millis(500),
            t2: s(4),
        }
    }
}
