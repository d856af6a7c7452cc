//! What we say that we can do: methods, option tags, media (RFC 3261 §11.2, §20.5, §20.32, §20.37).

use bytes::Bytes;

use crate::compose::Speaker;
use crate::leg::{Refused, reply_lines};
use crate::profile::{Prack, Profile};
use crate::wire::capability;
use crate::{Context, Head, Reply, Status, Tag, Uri};

/// The methods that a leg understands (OC-LM-06).
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE";

/// The same where provisional responses are reliable (RFC 3262 §6).
pub(crate) const ALLOW_PRACK: &str = "INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE, PRACK";

/// All methods that we understand.
pub(crate) fn methods(profile: &Profile) -> &'static str {
    match profile.prack_callee {
        Prack::Off => ALLOW,
        Prack::Supported | Prack::Required => ALLOW_PRACK,
    }
}

/// Whose abilities: they differ from place to place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ability {
    /// A client's, asked by an INVITE or OPTIONS of a stranger.
    Client,
    /// A client's, asked by a MESSAGE.
    Page,
    /// A leg's, inside its dialog. A list is never welcome there (section 3.8), and nothing is replaced.
    Dialog,
    /// The service's at a group, which takes no list (DR-07 #3, CC-90).
    Group,
    /// The service's at the factory URI (RFC 5366 §4).
    Factory,
    /// The service's at the exploder URI (RFC 5365 §7).
    Exploder,
    /// The service's at a URI that is both.
    Service,
}

impl Ability {
    /// The service's at this URI: list options are for the factory and the exploder alone.
    pub(crate) fn of_service(uri: &Uri, cx: &Context<'_>) -> Self {
        let (account, uri) = (&cx.config.account, uri.bare());
        let is = |own: &Option<Uri>| own.as_ref().is_some_and(|own| own.equivalent(&uri));
        match (is(&account.factory), is(&account.exploder)) {
            (true, true) => Self::Service,
            (true, false) => Self::Factory,
            (false, true) => Self::Exploder,
            (false, false) => Self::Group,
        }
    }

    /// The option tags that a Require may name.
    pub(crate) fn options(self, profile: &Profile) -> &'static [&'static str] {
        match (self, profile.prack_callee) {
            (Self::Client, Prack::Off) => &["timer", "replaces"],
            (Self::Client, _) => &["timer", "replaces", "100rel"],
            (Self::Page, _) | (Self::Dialog | Self::Group, Prack::Off) => &["timer"],
            (Self::Dialog | Self::Group, _) => &["timer", "100rel"],
            (Self::Factory, Prack::Off) => &["timer", "recipient-list-invite"],
            (Self::Factory, _) => &["timer", "recipient-list-invite", "100rel"],
            (Self::Exploder, _) => &["timer", "recipient-list-message"],
            (Self::Service, Prack::Off) => {
                &["timer", "recipient-list-invite", "recipient-list-message"]
            }
            (Self::Service, _) => &[
                "timer",
                "recipient-list-invite",
                "recipient-list-message",
                "100rel",
            ],
        }
    }

    /// 420 for a Require that names anything else. Proxy-Require is none of a user agent's business.
    pub(crate) fn suits<'h>(self, head: &'h Head, profile: &Profile) -> Result<(), Refused<'h>> {
        let known = self.options(profile);
        match head.unsupported_by(known).next() {
            Some(_) => Err(Refused {
                unsupported: Some((head, known)),
                ..Refused::plain(420)
            }),
            None => Ok(()),
        }
    }
}

/// What the body of a request to a list may consist of.
pub(crate) const SESSION_TYPES: [&str; 3] = [
    "application/sdp",
    "application/resource-lists+xml",
    "multipart/mixed",
];

/// The 200 to an OPTIONS: what an INVITE would find here (RFC 3261 §11.2).
///
/// Its body says which media we take, with port 0 (RFC 3264 §9), unless the asker does not read SDP.
pub(crate) fn options(
    head: &Head,
    ability: Ability,
    speaker: Speaker,
    tag: Option<Tag>,
    cx: &mut Context<'_>,
) -> Reply {
    let config = cx.config;
    let describes = accepts(head, "application", "sdp");
    let mut lines = reply_lines(cx, speaker);
    match (ability, speaker) {
        // A conference is where its own Contact says, everything else where the host is.
        (Ability::Dialog, speaker) => lines.contact(speaker, true),
        _ => lines.contact(Speaker::Client, true),
    };
    lines.line("Allow", methods(&config.profile));
    match ability {
        Ability::Client | Ability::Page | Ability::Dialog => {
            lines.line("Accept", "application/sdp");
            for kind in config.account.accept_types.split_ascii_whitespace() {
                lines.line("Accept", if kind == "*" { "*/*" } else { kind });
            }
        }
        Ability::Group => {
            lines.line("Accept", "application/sdp");
            lines.line("Accept", "multipart/mixed");
        }
        Ability::Factory | Ability::Exploder | Ability::Service => {
            for kind in SESSION_TYPES {
                lines.line("Accept", kind);
            }
        }
    }
    lines
        .line("Accept-Encoding", "identity")
        .line("Accept-Language", "*");
    for option in ability.options(&config.profile) {
        lines.line("Supported", option);
    }
    // Both in one block, so that answering takes no memory.
    let mut length = 0;
    if describes {
        lines.line("Content-Type", "application/sdp");
        length = cx.scratch().len();
        let number = cx.draw() >> 2;
        capability::write(cx.scratch(), config, number);
    }
    let mut head = cx.block();
    let body = if describes {
        head.split_off(length)
    } else {
        Bytes::new()
    };
    Reply {
        status: Status(200),
        tag,
        head,
        body,
    }
}

/// Whether a message says that its author reads this type; who says nothing of it reads SDP
/// (RFC 3261 §20.1).
fn accepts(head: &Head, kind: &str, subtype: &str) -> bool {
    let mut named = head.values("Accept").peekable();
    let same = |found: &str, wanted: &str| found == "*" || found.eq_ignore_ascii_case(wanted);
    named.peek().is_none()
        || named.any(|value| {
            let bare = value.split(';').next().unwrap_or_default();
            bare.split_once('/')
                .is_some_and(|(k, s)| same(k.trim(), kind) && same(s.trim(), subtype))
        })
}
