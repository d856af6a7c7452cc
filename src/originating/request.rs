//! The MESSAGE or the INVITE that carries a draft.

use alloc::vec::Vec;

use bytes::Bytes;

use super::draft::{Content, Misuse, Recipient, Target};
use crate::capabilities::ALLOW;
use crate::compose::{Lines, Speaker, described, text};
use crate::leg::{Invitation, Leg};
use crate::msrp::Keep;
use crate::offer::{self, Direction, Identity, Negotiated, Wanted};
use crate::page;
use crate::profile::SessionParam;
use crate::roster::{self, Entry};
use crate::wire::{lists, mime};
use crate::{Action, ClientTxn, Context, DialogView, FailureReport, Notice, Outgoing, Uri};

/// A draft whose recipients are settled.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) target: Settled,
    pub(super) content: Content,
    pub(super) anonymous: bool,
    pub(super) success: bool,
    pub(super) failure: FailureReport,
}

#[derive(Clone, Debug)]
pub(super) enum Settled {
    One(Uri),
    List(Vec<Entry>),
    Group(Uri),
}

impl Message {
    /// The MESSAGE that would carry it. Its route set is the stack's (OC-PM-16).
    pub(super) fn page(&self, cx: &mut Context<'_>) -> Result<Outgoing, Misuse> {
        let config = cx.config;
        let target = self.request_uri(config.account.exploder.as_ref(), cx)?;
        let (kind, body) = match &self.target {
            Settled::One(_) | Settled::Group(_) => (None, self.content.body.clone()),
            Settled::List(entries) => {
                let list = self.list(entries, cx);
                let lines = self.content.lines(cx);
                let content = mime::OutPart {
                    lines: text(&lines),
                    content: &self.content.body,
                };
                let mixed = mime::write_mixed(cx.scratch(), &[content, list_part(&list)]);
                (Some(mixed.content_type), mixed.body)
            }
        };
        let mut lines = cx.lines();
        lines
            .from(config.account.address.as_str(), self.anonymous)
            .line("Max-Forwards", 70)
            .accept_contact(config.profile.accept_contact_message);
        // RFC 3428 §4 forbids it, the seeds demand it (OC-PM-05, D-10).
        if config.profile.contact_in_message {
            lines.contact(Speaker::Client, false);
        }
        if kind.is_some() {
            lines.line("Require", "recipient-list-message");
        }
        lines
            .user_agent(Speaker::Client)
            .line("Supported", "timer")
            .privacy(self.anonymous)
            .identity(Speaker::Client);
        match &kind {
            Some(kind) => lines.line("Content-Type", text(kind)),
            None => self.content.describe(&mut lines),
        };
        let head = lines.take();
        Ok(page::compose(ClientTxn(0), target, head, body, cx))
    }

    /// The INVITE that announces it (OC-LM-03). Its route set is the stack's (OC-LM-29).
    pub(super) fn invite(
        &self,
        old: Option<&DialogView>,
        cx: &mut Context<'_>,
    ) -> Result<Leg, Misuse> {
        let config = cx.config;
        let target = self.request_uri(None, cx)?;
        let mint = cx.mint();
        // One line that says where we are, what we take, that we send and how much (OC-LM-23, OC-LM-24,
        // OC-LM-25, OC-LM-26, OC-LM-27).
        let offered = offer::offer(
            config,
            mint,
            &Wanted {
                direction: Direction::SendOnly,
                accept_types: &config.account.accept_types,
                accept_wrapped_types: &config.account.accept_wrapped_types,
                filelength: config.profile.lm_filelength.then_some(self.size()),
                identity: if self.anonymous {
                    Identity::Hidden
                } else {
                    Identity::Shown
                },
                ..Wanted::default()
            },
            cx.scratch(),
        );
        let list = match &self.target {
            Settled::List(entries) => Some(self.list(entries, cx)),
            Settled::One(_) | Settled::Group(_) => None,
        };
        let (kind, body) = described(&offered.sdp, list.as_ref().map(list_part), cx);
        let mut lines = cx.lines();
        lines
            .from(config.account.address.as_str(), self.anonymous)
            .line("Max-Forwards", 70)
            .contact(Speaker::Client, true)
            .accept_contact(config.profile.accept_contact_invite)
            .accept_large(config.profile.accept_contact_invite);
        if list.is_some() {
            lines.line("Require", "recipient-list-invite");
        }
        // Tags as the peer has them (CC-65).
        if let Some(replaces) = old.and_then(DialogView::replaces) {
            lines.line("Replaces", replaces);
            if config.profile.replaces_require {
                lines.line("Require", "replaces");
            }
        }
        lines
            .user_agent(Speaker::Client)
            .line("Allow", ALLOW)
            .supported();
        let lines = lines.take();
        let more = cx
            .lines()
            .privacy(self.anonymous)
            .identity(Speaker::Client)
            .line("Content-Type", text(&kind))
            .take();
        let limited = self.anonymous && matches!(self.target, Settled::One(_));
        let invitation = Invitation {
            target,
            lines,
            more,
            body,
            offered,
        };
        let leg = Leg::invite(
            invitation,
            Speaker::Client,
            self.anonymous,
            Keep::Nothing,
            cx,
        );
        if limited {
            // The path in our description names our host (DR-20).
            cx.act(Action::Tell(Notice::AnonymityLimited));
        }
        Ok(leg)
    }

    /// R-URI and To: the recipient (OC-PM-09, OC-LM-16), the service that distributes to a list (OC-PM-11,
    /// OC-PM-12, OC-LM-18), or the group with its Session Type (OC-PM-13, OC-PM-14, OC-LM-19, OC-LM-20).
    fn request_uri(&self, exploder: Option<&Uri>, cx: &Context<'_>) -> Result<Uri, Misuse> {
        let (account, profile) = (&cx.config.account, &cx.config.profile);
        match &self.target {
            Settled::One(uri) => Ok(uri.clone()),
            Settled::List(_) => {
                let exploder = exploder.filter(|_| profile.use_exploder);
                let service = exploder
                    .or(account.factory.as_ref())
                    .ok_or(Misuse::NotProvisioned)?;
                match profile.session_param {
                    SessionParam::PocAdhoc => of_kind(service, "session=adhoc"),
                    SessionParam::None | SessionParam::Poc | SessionParam::Legacy => {
                        Ok(service.clone())
                    }
                }
            }
            Settled::Group(uri) => match profile.session_param {
                SessionParam::None => Ok(uri.clone()),
                SessionParam::Poc | SessionParam::PocAdhoc => of_kind(uri, "session=prearranged"),
                SessionParam::Legacy => of_kind(uri, "session=imgroup"),
            },
        }
    }

    fn list(&self, entries: &[Entry], cx: &mut Context<'_>) -> Bytes {
        lists::write_list(cx.scratch(), entries);
        cx.block()
    }
}

impl Content {
    /// The MIME header lines, Content-Type last (UP-03, UP-05, CC-62).
    pub(super) fn lines(&self, cx: &mut Context<'_>) -> Bytes {
        let mut lines = cx.lines();
        self.describe(&mut lines).take()
    }

    fn describe<'l, 'a, 'b>(&self, lines: &'l mut Lines<'a, 'b>) -> &'l mut Lines<'a, 'b> {
        if self.attachment && !self.is_wrapped() {
            lines.line("Content-Disposition", "attachment");
        }
        lines.line("Content-Type", self.kind())
    }

    /// Whether the peer receives this type, and what it wraps (table 3.5).
    pub(super) fn suits(&self, media: &Negotiated) -> bool {
        let wrapped = self
            .is_wrapped()
            .then(|| mime::wrapped_type(&self.body))
            .flatten();
        media.accepts(self.kind()) && wrapped.is_none_or(|kind| media.accepts_wrapped(kind))
    }

    fn is_wrapped(&self) -> bool {
        offer::matches_any("message/cpim", self.kind())
    }
}

/// Who the recipients are, for the service (OC-PM-10, OC-LM-17).
fn list_part(list: &Bytes) -> mime::OutPart<'_> {
    let lines =
        "Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n";
    mime::OutPart {
        lines,
        content: list,
    }
}

/// Who the recipients are: a list without the sender and without duplicates (CC-31), and a list of
/// one is that one (CC-30).
pub(super) fn settle(target: Target, cx: &Context<'_>) -> Result<Settled, Misuse> {
    let recipients = match target {
        Target::One(uri) => return Ok(Settled::One(uri)),
        Target::Group(uri) => return Ok(Settled::Group(uri)),
        Target::List(recipients) => recipients,
    };
    if recipients.len() > cx.config.limits.list_entries {
        return Err(Misuse::TooManyRecipients);
    }
    let groups: Vec<Uri> = recipients
        .iter()
        .filter(|recipient| recipient.group)
        .map(|recipient| recipient.uri.clone())
        .collect();
    let entry = |recipient: Recipient| Entry {
        uri: recipient.uri,
        copy: recipient.copy,
        anonymize: recipient.anonymize,
    };
    let mut entries = roster::effective(
        recipients.into_iter().map(entry),
        &[&cx.config.account.address],
        &[],
        &cx.config.profile,
    );
    if let [only] = entries.as_slice() {
        let uri = only.uri.clone();
        // A group is a group wherever it was named (CC-39).
        return Ok(if groups.contains(&uri) {
            Settled::Group(uri)
        } else {
            Settled::One(uri)
        });
    }
    if entries.is_empty() {
        return Err(Misuse::NoRecipient);
    }
    // A group inside a list says so (OC-LM-21).
    if cx.config.profile.session_param == SessionParam::Legacy {
        for entry in &mut entries {
            if groups.contains(&entry.uri) {
                entry.uri = of_kind(&entry.uri, "session=pre-arranged")?;
            }
        }
    }
    Ok(Settled::List(entries))
}

/// A URI with the Session Type parameter (D-05).
fn of_kind(uri: &Uri, param: &str) -> Result<Uri, Misuse> {
    uri.with_param(param).map_err(|_| Misuse::Malformed)
}
