//! A dialog: identity, CSeq, route set and target (RFC 3261 §12).

use alloc::boxed::Box;

use bytes::Bytes;

use crate::replace::{DialogView, Stage};
use crate::stray::strict_router;
use crate::{
    Address, ClientTxn, Context, Flaw, Head, Method, Outgoing, Request, Response, Status, Tag, Uri,
};

/// One dialog, early or confirmed, from our side.
///
/// Everything that a peer named is copied into one block, written once, so that no dialog pins the
/// datagram that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialog {
    /// From, To, Call-ID and Route lines of our requests.
    lines: Bytes,
    call_id: Bytes,
    remote_tag: Bytes,
    /// Who the core says that the peer is, where From says something else. Rare, so in a block of its own.
    asserted: Box<str>,
    /// Where requests go: the remote target, known to the upper layers as Session Identity (OC-LM-12,
    /// D-14, D-15).
    target: Uri,
    /// The first route, if it is a strict router's: requests are addressed to it, and the target
    /// follows last in Route (RFC 3261 §12.2.1.1).
    strict: Option<Uri>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

/// What in a message keeps a dialog from being made.
const NO_DIALOG: Flaw = Flaw {
    at: 0,
    what: "identifiers too long for a dialog",
    status: Status(400),
};

impl Dialog {
    /// The caller's side of the dialog that a response makes: 101 to 199 with a To-tag, or 2xx
    /// (RFC 3261 §12.1.2). Nothing is taken from an earlier response: route set and tag are those of
    /// this one (CC-14, CC-15). `request` is the target of the INVITE, which stands in for a missing
    /// Contact (CC-12).
    pub(crate) fn calling(
        response: &Response,
        request: &Uri,
        cx: &mut Context<'_>,
    ) -> Result<Self, Flaw> {
        let head = &response.head;
        let local = head.header("From").unwrap_or_default();
        let remote = head.header("To").unwrap_or_default();
        // A 2xx without To-tag comes from a peer of RFC 2543; it has the empty tag (§12.1.2).
        let remote_tag = head.to().tag().unwrap_or_default();
        let routes = head.record_routes().rev();
        let target = head.contact().map(|contact| contact.uri);
        let identity = Identity {
            local,
            remote,
            local_tag: None,
            remote_tag,
            head,
        };
        Self::made(identity, routes, target, request, head.cseq(), None, cx)
    }

    /// The callee's side of the dialog that an INVITE asks for, with our tag (RFC 3261 §12.1.1).
    pub(crate) fn called(request: &Request, tag: Tag, cx: &mut Context<'_>) -> Result<Self, Flaw> {
        let head = &request.head;
        let local = head.header("To").unwrap_or_default();
        let remote = head.header("From").unwrap_or_default();
        let remote_tag = head.from().tag().unwrap_or_default();
        // Without a Contact nothing can be sent back but where the request claims to come from.
        let target = head
            .contact()
            .map_or(head.from().uri, |contact| contact.uri);
        let target = Uri::copy(target)?;
        let identity = Identity {
            local,
            remote,
            local_tag: Some(tag),
            remote_tag,
            head,
        };
        Self::made(
            identity,
            head.record_routes(),
            None,
            &target,
            0,
            Some(head.cseq()),
            cx,
        )
    }

    fn made<'r>(
        identity: Identity<'_>,
        mut routes: impl Iterator<Item = &'r str>,
        target: Option<&str>,
        otherwise: &Uri,
        local_cseq: u32,
        remote_cseq: Option<u32>,
        cx: &mut Context<'_>,
    ) -> Result<Self, Flaw> {
        let Identity {
            local,
            remote,
            local_tag,
            remote_tag,
            head,
        } = identity;
        let call_id = head.call_id();
        let mut lines = cx.lines();
        match local_tag {
            Some(tag) => lines.line("From", format_args!("{local};tag={tag}")),
            None => lines.line("From", local),
        };
        lines.line("To", remote).line("Call-ID", call_id);
        let first = routes.next();
        let strict = first.and_then(strict_router);
        if let (Some(first), None) = (first, &strict) {
            lines.line("Route", first);
        }
        for route in routes {
            lines.line("Route", route);
        }
        let target = target.unwrap_or(otherwise.as_str());
        // Of a response it says who has answered in whose place: who was called is known.
        let asserted = local_tag.and_then(|_| head.asserted().next());
        let asserted = asserted.filter(|uri| *uri != head.from().uri);
        let asserted = asserted.unwrap_or_default();
        let mut written = lines
            .lines(target.as_bytes())
            .lines(remote_tag.as_bytes())
            .take();
        if written.len() + asserted.len() > cx.config.limits.dialog_octets {
            return Err(NO_DIALOG);
        }
        // One copy of its own: the block that it was written in is shared with passing messages.
        written = Bytes::copy_from_slice(&written);
        let remote_tag = written.split_off(written.len() - remote_tag.len());
        let target = Uri::parse(written.split_off(written.len() - target.len()))?;
        Ok(Self {
            call_id: call_id_of(&written),
            lines: written,
            remote_tag,
            asserted: asserted.into(),
            target,
            strict,
            local_cseq,
            remote_cseq,
        })
    }

    /// Goes on where the early dialog was that this one confirms: no CSeq number is used twice.
    pub(crate) fn after(mut self, early: Option<&Self>) -> Self {
        if let Some(early) = early {
            self.local_cseq = self.local_cseq.max(early.local_cseq);
            self.remote_cseq = early.remote_cseq;
        }
        self
    }

    /// What others may know of it.
    pub(crate) fn view(&self, stage: Stage) -> Option<DialogView> {
        let named = |name| self.lines_named(name).and_then(Address::read);
        let (local, remote) = (named("From: ")?, named("To: ")?);
        let peer = match &*self.asserted {
            "" => remote.uri,
            asserted => asserted,
        };
        Some(DialogView {
            call_id: self.call_id.clone(),
            local_tag: self.lines.slice_ref(local.tag()?.as_bytes()),
            remote_tag: self.remote_tag.clone(),
            peer: Uri::copy(peer).ok()?,
            target: self.target.clone(),
            stage,
        })
    }

    /// The value of the first line of ours that begins so.
    fn lines_named(&self, name: &str) -> Option<&str> {
        let lines = core::str::from_utf8(&self.lines).ok()?;
        lines.split("\r\n").find_map(|line| line.strip_prefix(name))
    }

    /// Whether a response belongs to this dialog rather than to another fork (CC-05). Tags are
    /// compared without regard to case (CC-26).
    pub(crate) fn is_with(&self, remote: &Address<'_>) -> bool {
        self.is_named(remote.tag().unwrap_or_default())
    }

    /// Whether this is the peer's tag.
    pub(crate) fn is_named(&self, tag: &str) -> bool {
        self.remote_tag.eq_ignore_ascii_case(tag.as_bytes())
    }

    /// Whether an in-dialog request belongs to it; Call-IDs are compared octet by octet (CC-26).
    pub(crate) fn owns(&self, head: &Head) -> bool {
        self.call_id == head.call_id().as_bytes() && self.is_with(&head.from())
    }

    /// Notes the CSeq of a request of the peer's; false if it is out of order and wants a 500
    /// (RFC 3261 §12.2.2).
    pub(crate) fn in_order(&mut self, head: &Head) -> bool {
        let newer = self.remote_cseq.is_none_or(|last| head.cseq() > last);
        if newer {
            self.remote_cseq = Some(head.cseq());
        }
        newer
    }

    /// Follows the Contact of a target refresh: it is the Session Identity now (OC-LM-12, CC-13, D-15).
    pub(crate) fn retarget(&mut self, head: &Head) {
        let moved = head
            .contact()
            .filter(|contact| contact.uri != self.target.as_str() && contact.uri.len() <= 1024);
        if let Some(Ok(target)) = moved.map(|contact| Uri::copy(contact.uri)) {
            self.target = target;
        }
    }

    /// The next request of ours in this dialog. `lines` are its header lines after those of the dialog.
    pub(crate) fn request(
        &mut self,
        method: Method,
        txn: ClientTxn,
        lines: &[u8],
        body: Bytes,
        cx: &mut Context<'_>,
    ) -> Outgoing {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.addressed(method, txn, self.local_cseq, lines, body, cx)
    }

    /// The ACK of a 2xx: the CSeq number of its INVITE (RFC 3261 §13.2.2.4).
    pub(crate) fn ack(&self, cseq: u32, lines: &[u8], cx: &mut Context<'_>) -> Outgoing {
        self.addressed(Method::Ack, ClientTxn(0), cseq, lines, Bytes::new(), cx)
    }

    fn addressed(
        &self,
        method: Method,
        txn: ClientTxn,
        cseq: u32,
        lines: &[u8],
        body: Bytes,
        cx: &mut Context<'_>,
    ) -> Outgoing {
        let mut head = cx.lines();
        head.lines(&self.lines);
        if self.strict.is_some() {
            head.line("Route", crate::compose::Angle(self.target.as_str()));
        }
        let head = head.line("Max-Forwards", 70).lines(lines).take();
        let target = self.strict.as_ref().unwrap_or(&self.target).clone();
        Outgoing {
            method,
            txn,
            cseq,
            fresh: None,
            target,
            head,
            body,
        }
    }
}

/// The value of the one Call-ID line in a block.
fn call_id_of(lines: &Bytes) -> Bytes {
    let value = memchr::memmem::find(lines, b"\r\nCall-ID: ").map(|at| lines.slice(at + 11..));
    value.map_or_else(Bytes::new, |mut rest| {
        rest.truncate(memchr::memchr(b'\r', &rest).unwrap_or(rest.len()));
        rest
    })
}

struct Identity<'a> {
    local: &'a str,
    remote: &'a str,
    local_tag: Option<Tag>,
    remote_tag: &'a str,
    head: &'a Head,
}

#[cfg(test)]
#[path = "states/dialog.rs"]
mod states;
