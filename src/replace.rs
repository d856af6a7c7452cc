//! One dialog in another's place (RFC 3891): what a dialog is known by, and who may replace it.

use core::fmt::Write;

use bytes::{Bytes, BytesMut};

use crate::wire::sip::Replaces;
use crate::{Flaw, Head, Profile, Status, Uri};

/// What of a dialog others may know: by what it is named, who is at its other end, how far it is.
///
/// A caller makes a [`Replaces`] of it, for a new dialog that is to take its place; a callee is shown it
/// when somebody else wants that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogView {
    /// The Call-ID.
    pub call_id: Bytes,
    /// Our tag.
    pub local_tag: Bytes,
    /// The peer's tag; empty if it has none (RFC 2543).
    pub remote_tag: Bytes,
    /// Who the peer is: whom we have called, or who has called us, as the core vouches for, else as
    /// From says.
    pub peer: Uri,
    /// Where the peer is: an INVITE that replaces this dialog goes there (RFC 3891 §4).
    pub target: Uri,
    /// How far it is.
    pub stage: Stage,
}

/// How far a dialog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Early: we have called.
    Calling,
    /// Early: the peer has called.
    Called,
    /// There is a 2xx.
    Confirmed,
    /// It is being ended.
    Over,
}

/// What there is of a dialog that a request names, as a driver finds it.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// No dialog, and none lately.
    Nothing,
    /// There was one until just now.
    Over,
    /// This one.
    Dialog(&'a DialogView),
}

impl DialogView {
    /// The Replaces for an INVITE to the peer, tags as the peer sees them: its own is the to-tag (CC-65).
    ///
    /// `None` for a dialog that is over, and for an early one of ours: only its caller can be asked to
    /// give an early dialog up (RFC 3891 §4, CC-64).
    pub fn replaces(&self) -> Option<Replaces<'_>> {
        match self.stage {
            Stage::Calling | Stage::Over => return None,
            Stage::Called | Stage::Confirmed => {}
        }
        let tag = text(&self.remote_tag);
        Some(Replaces {
            call_id: text(&self.call_id),
            to_tag: if tag.is_empty() { "0" } else { tag },
            from_tag: text(&self.local_tag),
            early_only: false,
        })
    }

    /// The peer as an entry of a list whose server is to invite it in this dialog's place (D-19):
    /// `?Replaces=`, escaped once (CC-66), and `Require=replaces` as the knob says.
    ///
    /// # Errors
    ///
    /// 400 if that is no URI; also where [`Self::replaces`] gives nothing.
    pub fn entry(&self, profile: &Profile) -> Result<Uri, Flaw> {
        let replaces = self.replaces().ok_or(Flaw {
            at: 0,
            what: "the dialog cannot be replaced",
            status: Status(400),
        })?;
        let mut uri = BytesMut::new();
        let peer = self.peer.bare();
        let require = match profile.replaces_require {
            true => "&Require=replaces",
            false => "",
        };
        // Writing to a growing buffer cannot fail.
        let _ = write!(uri, "{peer}?Replaces={}{require}", replaces.in_uri());
        Uri::parse(uri.freeze())
    }

    /// What to answer an INVITE that wants to replace this dialog, if it may not (RFC 3891 §3, CC-104).
    fn yields_to(&self, replaces: &Replaces<'_>, head: &Head) -> Result<(), u16> {
        let same = |tag: &str, own: &Bytes| {
            let nothing = own.is_empty() && tag == "0";
            nothing || own.eq_ignore_ascii_case(tag.as_bytes())
        };
        let named = self.call_id == replaces.call_id.as_bytes()
            && same(replaces.to_tag, &self.local_tag)
            && same(replaces.from_tag, &self.remote_tag);
        match self.stage {
            _ if !named => Err(481),
            Stage::Over => Err(603),
            _ if !self.authorises(head) => Err(603),
            Stage::Confirmed if replaces.early_only => Err(486),
            // Only its caller can be asked to give an early dialog up.
            Stage::Called => Err(481),
            Stage::Calling | Stage::Confirmed => Ok(()),
        }
    }

    /// Whether the sender of an INVITE is the peer of this dialog, or was referred by it. Only what the core
    /// vouches for counts: From is never enough, nor is Referred-By from nobody. Who is anonymous is
    /// nobody in particular.
    fn authorises(&self, head: &Head) -> bool {
        let is_peer = |uri: &str| {
            let known = Uri::copy(uri).is_ok_and(|uri| uri.bare().equivalent(&self.peer.bare()));
            known && !self.peer.host().eq_ignore_ascii_case("anonymous.invalid")
        };
        let vouched = head.asserted().next().is_some();
        let referred = head.referred_by().is_some_and(|by| is_peer(by.uri));
        head.asserted().any(is_peer) || vouched && referred
    }
}

/// What to answer an INVITE that wants to replace what was found, if it cannot be served (RFC 3891 §3).
pub(crate) fn judge(head: &Head, found: Found<'_>) -> Result<(), u16> {
    let Ok(Some(replaces)) = head.replaces() else {
        return Err(400);
    };
    match found {
        Found::Nothing => Err(481),
        // It was wanted no more a moment ago: a phone that rings for it would annoy.
        Found::Over => Err(603),
        Found::Dialog(dialog) => dialog.yields_to(&replaces, head),
    }
}

fn text(octets: &Bytes) -> &str {
    core::str::from_utf8(octets).unwrap_or_default()
}
