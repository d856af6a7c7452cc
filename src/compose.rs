//! The header lines that our requests and replies carry, as the procedures demand them.
//!
//! Each function appends whole lines to the block that is being written; [`Context::block`] takes the
//! finished block. Which lines a message has is decided here and nowhere else.

use core::fmt::{self, Write};

use bytes::{Bytes, BytesMut};

use crate::profile::{
    AcceptContact, IdentityHeader, LmFeatureTag, MultipartPolicy, Prack, Refresher,
};
use crate::wire::mime;
use crate::{Context, Head, Token, Uri};

/// Which end of the service speaks: a user's client or the controlling function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    Client,
    /// The focus of a conference named by this token; for a page the token means nothing.
    Focus(Token),
}

/// The From of someone who wants to stay unknown (RFC 3323 §4.1.1.3).
pub(crate) const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

const TAG: &str = "+g.oma.sip-im";
const LARGE_TAG: &str = "+g.oma.sip-im.large-message";

/// One block of header lines, under construction.
#[derive(Debug)]
pub(crate) struct Lines<'a, 'b> {
    cx: &'a mut Context<'b>,
}

impl<'b> Context<'b> {
    /// Begins a block of header lines.
    pub(crate) fn lines(&mut self) -> Lines<'_, 'b> {
        Lines { cx: self }
    }

    /// Takes what has been written to the scratch space since the last time.
    pub(crate) fn block(&mut self) -> Bytes {
        self.scratch().split().freeze()
    }
}

impl Lines<'_, '_> {
    fn out(&mut self) -> &mut BytesMut {
        self.cx.scratch()
    }

    /// Any line.
    pub(crate) fn line(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        // Writing to a growing buffer cannot fail; a value's own formatting does not either.
        let _ = write!(self.out(), "{name}: {value}\r\n");
        self
    }

    /// Lines that were written before.
    pub(crate) fn lines(&mut self, lines: &[u8]) -> &mut Self {
        self.out().extend_from_slice(lines);
        self
    }

    /// From without its tag, which the writer of a fresh request adds.
    pub(crate) fn from(&mut self, uri: &str, anonymous: bool) -> &mut Self {
        if anonymous {
            self.line("From", ANONYMOUS)
        } else {
            self.line("From", Angle(uri))
        }
    }

    /// From as it came, display name and all, but for its tag (RFC 5365 §7.2, DR-23).
    pub(crate) fn copied_from(&mut self, head: &Head, anonymous: bool) -> &mut Self {
        if anonymous {
            return self.line("From", ANONYMOUS);
        }
        let from = head.from();
        let name = head.header("From").unwrap_or_default();
        let name = name.strip_suffix(from.params).unwrap_or(name).trim_end();
        let (before, after) = around_tag(from.params, from.tag());
        if name.ends_with('>') {
            self.line("From", format_args!("{name}{before}{after}"))
        } else {
            self.line("From", format_args!("<{}>{before}{after}", from.uri))
        }
    }

    /// `Accept-Contact` (OC-PM-03, OC-LM-04, IS-02, CF-PM-11): one value, each parameter once (D-01).
    pub(crate) fn accept_contact(&mut self, how: AcceptContact) -> &mut Self {
        let params = parameters(how);
        self.line("Accept-Contact", format_args!("*;{TAG}{params}"))
    }

    /// The second value of a large message, never in one value with the first: a contact that
    /// registered only the base tag would then score below 1 (RFC 3841 §7.2.4, D-30).
    pub(crate) fn accept_large(&mut self, how: AcceptContact) -> &mut Self {
        if self.cx.config.profile.lm_feature_tag == LmFeatureTag::ContactAndAcceptContact {
            let params = parameters(how);
            self.line("Accept-Contact", format_args!("*;{LARGE_TAG}{params}"));
        }
        self
    }

    /// Contact with the feature tag outside the angle brackets (OC-LM-07, DR-05).
    pub(crate) fn contact(&mut self, speaker: Speaker, large: bool) -> &mut Self {
        let config = self.cx.config;
        let large = large && config.profile.lm_feature_tag != LmFeatureTag::Off;
        let large = if large {
            format_args!(";{LARGE_TAG}")
        } else {
            format_args!("")
        };
        match speaker {
            Speaker::Client => self.line(
                "Contact",
                format_args!("<{}>;{TAG}{large}", config.account.contact),
            ),
            Speaker::Focus(token) => self.line(
                "Contact",
                format_args!(
                    "<{}>;{TAG}{large};isfocus",
                    Conference(&config.account.contact, token)
                ),
            ),
        }
    }

    /// The release token: User-Agent of requests and of a client's replies (OC-PM-04, OC-LM-05, TC-PM-05, D-11).
    pub(crate) fn user_agent(&mut self, speaker: Speaker) -> &mut Self {
        self.release("User-Agent", speaker)
    }

    /// The release token of a reply: User-Agent of a client, Server of the controlling function.
    pub(crate) fn server(&mut self, speaker: Speaker) -> &mut Self {
        match speaker {
            Speaker::Client => self.release("User-Agent", speaker),
            Speaker::Focus(_) => self.release("Server", speaker),
        }
    }

    fn release(&mut self, name: &str, speaker: Speaker) -> &mut Self {
        let release = match speaker {
            Speaker::Client => "IM-client/OMA1.0",
            Speaker::Focus(_) => "IM-serv/OMA1.0",
        };
        let product = &self.cx.config.account.product;
        let gap = if product.is_empty() { "" } else { " " };
        self.line(name, format_args!("{release}{gap}{product}"))
    }

    /// `Privacy: id` when anonymity was asked for (OC-PM-06, OC-LM-08, OC-LM-37, DR-20).
    pub(crate) fn privacy(&mut self, anonymous: bool) -> &mut Self {
        if anonymous {
            self.line("Privacy", "id")
        } else {
            self
        }
    }

    /// Who we are, towards the core (TC-PM-06, TC-LM-08, DR-03).
    pub(crate) fn identity(&mut self, speaker: Speaker) -> &mut Self {
        let config = self.cx.config;
        match (speaker, config.profile.client_identity) {
            (Speaker::Client, IdentityHeader::PPreferred) => self.line(
                "P-Preferred-Identity",
                Angle(config.account.address.as_str()),
            ),
            (Speaker::Client, IdentityHeader::PAsserted) => self.line(
                "P-Asserted-Identity",
                Angle(config.account.address.as_str()),
            ),
            (Speaker::Client, IdentityHeader::None) | (Speaker::Focus(_), _) => self,
        }
    }

    /// `Supported` of an INVITE: the timer always (OC-LM-09), reliable provisional responses as the knob says
    /// (RFC 3262 §4).
    pub(crate) fn supported(&mut self) -> &mut Self {
        match self.cx.config.profile.prack_caller {
            Prack::Off => self.line("Supported", "timer"),
            Prack::Supported => self.line("Supported", "timer, 100rel"),
            Prack::Required => self
                .line("Require", "100rel")
                .line("Supported", "timer, 100rel"),
        }
    }

    /// `Session-Expires`, and `Min-SE` once a peer has named one (OC-LM-10, RFC 4028 §7.1).
    pub(crate) fn session_expires(
        &mut self,
        seconds: u32,
        refresher: Option<Refresher>,
        min_se: Option<u32>,
    ) -> &mut Self {
        match refresher {
            Some(Refresher::Uac) => {
                self.line("Session-Expires", format_args!("{seconds};refresher=uac"))
            }
            Some(Refresher::Uas) => {
                self.line("Session-Expires", format_args!("{seconds};refresher=uas"))
            }
            None => self.line("Session-Expires", seconds),
        };
        match min_se {
            Some(min_se) => self.line("Min-SE", min_se),
            None => self,
        }
    }

    /// The originator's asserted identity, for a next hop that we trust (DR-03, DR-05). One of each
    /// kind at the most, as RFC 3325 §9.1 has it.
    pub(crate) fn asserted(&mut self, head: &Head) -> &mut Self {
        let is_tel = |uri: &&str| uri.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("tel:"));
        if self.cx.config.profile.server_identity == IdentityHeader::PAsserted {
            let sip = head.asserted().find(|uri| !is_tel(uri));
            let tel = head.asserted().find(is_tel);
            for uri in sip.into_iter().chain(tel) {
                self.line("P-Asserted-Identity", Angle(uri));
            }
        }
        self
    }

    /// Header fields as they came.
    pub(crate) fn copied(&mut self, head: &Head, name: &str) -> &mut Self {
        for value in head.fields(name) {
            self.line(name, value);
        }
        self
    }

    /// A Warning of miscellaneous kind (DR-21).
    pub(crate) fn warning(&mut self, code: u16, text: &str) -> &mut Self {
        let host = Host(&self.cx.config.account.contact);
        self.line("Warning", format_args!("{code} {host} \"{text}\""))
    }

    /// The block.
    pub(crate) fn take(&mut self) -> Bytes {
        self.cx.block()
    }
}

fn parameters(how: AcceptContact) -> &'static str {
    match how {
        AcceptContact::TagOnly => "",
        AcceptContact::Explicit => ";explicit",
        AcceptContact::RequireExplicit => ";require;explicit",
    }
}

/// Header field parameters before and after the tag.
fn around_tag<'a>(params: &'a str, tag: Option<&str>) -> (&'a str, &'a str) {
    let value = tag.and_then(|tag| tag.as_ptr().addr().checked_sub(params.as_ptr().addr()));
    let end = value.map(|at| at + tag.map_or(0, str::len));
    let begin = value
        .and_then(|at| params.get(..at))
        .and_then(|before| before.rfind(';'));
    match (begin, end) {
        (Some(begin), Some(end)) => (
            params.get(..begin).unwrap_or_default(),
            params.get(end..).unwrap_or_default(),
        ),
        _ => (params, ""),
    }
}

/// A URI in angle brackets.
#[derive(Debug)]
pub(crate) struct Angle<'a>(pub(crate) &'a str);

impl fmt::Display for Angle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// The URI of a conference: unguessable, at the host of our Contact (DR-06 #14).
#[derive(Debug)]
pub(crate) struct Conference<'a>(pub(crate) &'a Uri, pub(crate) Token);

impl fmt::Display for Conference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sip:conf-{}@{}", self.1, Host(self.0))
    }
}

/// The host and port of a URI.
#[derive(Debug)]
struct Host<'a>(&'a Uri);

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.host())?;
        match self.0.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// The body of an INVITE: the session description, and what goes with it (OC-LM-22, D-06).
pub(crate) fn described(
    sdp: &Bytes,
    more: Option<mime::OutPart<'_>>,
    cx: &mut Context<'_>,
) -> (Bytes, Bytes) {
    let always = cx.config.profile.multipart == MultipartPolicy::Always;
    let part = mime::OutPart {
        lines: "Content-Type: application/sdp\r\n",
        content: sdp,
    };
    let mixed = match more {
        Some(more) => mime::write_mixed(cx.scratch(), &[part, more]),
        None if always => mime::write_mixed(cx.scratch(), &[part]),
        None => return (Bytes::from_static(b"application/sdp"), sdp.clone()),
    };
    (mixed.content_type, mixed.body)
}

/// A header field value of ours.
pub(crate) fn text(value: &Bytes) -> &str {
    core::str::from_utf8(value).unwrap_or_default()
}
