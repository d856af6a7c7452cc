//! The ordered checks (CF-PM-01 to CF-PM-05, DR-06, DR-07, DR-30): the first that fails answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::SERVER;
use super::large::Conference;
use super::pager::Fanout;
use crate::leg::{self, Refused};
use crate::offer::Shape;
use crate::refresh::{grant, least};
use crate::roster::{self, Entry};
use crate::{
    Access, Answer, Context, LookupError, Method, Part, Question, Request, ServerTxn, Uri,
};

/// What a check comes to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives for one call")]
pub(super) enum Step {
    /// The host has to say something first.
    Ask(Question, Case),
    /// Another service's request (CC-95).
    NotForUs(ServerTxn),
    Refuse(ServerTxn, Refused<'static>),
    /// It has been answered.
    Answered,
    Page(Fanout),
    Large(Conference),
}

/// A request that waits for the host's word.
///
/// The request is kept as it came, handles and all, for the time of two lookups at the most.
#[derive(Clone, Debug)]
pub(super) struct Case {
    txn: ServerTxn,
    request: Box<Request>,
    target: Target,
    awaits: Awaits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The factory or exploder URI: the request lists the recipients.
    List,
    /// A group that the host knows.
    Group,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Access,
    Members,
}

const MESSAGE_TAGS: &[&str] = &["timer", "recipient-list-message"];
const INVITE_TAGS: &[&str] = &["timer", "recipient-list-invite"];

/// The checks that need nobody.
pub(super) fn arrive(txn: ServerTxn, request: &Request, cx: &mut Context<'_>) -> Step {
    let head = &request.head;
    let known = match request.method {
        Method::Message => MESSAGE_TAGS,
        Method::Invite => INVITE_TAGS,
        _ => {
            return Step::Refuse(
                txn,
                Refused {
                    allow: true,
                    ..Refused::plain(405)
                },
            );
        }
    };
    if !head.preference().im {
        return Step::NotForUs(txn);
    }
    if let Some(step) = unsupported(txn, request, known, cx) {
        return step;
    }
    if head.max_forwards() == Some(0) {
        return Step::Refuse(txn, Refused::plain(483));
    }
    let target = match target(request, cx) {
        Ok(target) => target,
        Err(refused) => return Step::Refuse(txn, refused),
    };
    let mut identities = head.asserted().filter_map(|uri| Uri::copy(uri).ok());
    let question = Question::Access {
        originator: identities.next(),
        also: identities.next(),
        target: request.uri.bare(),
        anonymous: head.privacy().id,
    };
    if target == Target::List
        && matches!(
            question,
            Question::Access {
                originator: None,
                ..
            }
        )
    {
        // From is never taken for authorization (CF-PM-03, DR-03).
        return Step::Refuse(txn, Refused::plain(403));
    }
    let request = Box::new(request.clone());
    Step::Ask(
        question,
        Case {
            txn,
            request,
            target,
            awaits: Awaits::Access,
        },
    )
}

/// 420 is answered on the spot, while the request is there to quote.
fn unsupported(
    txn: ServerTxn,
    request: &Request,
    known: &'static [&'static str],
    cx: &mut Context<'_>,
) -> Option<Step> {
    request.head.unsupported_by(known).next()?;
    let refused = Refused {
        unsupported: Some((&request.head, known)),
        ..Refused::plain(420)
    };
    let tag = cx.tag();
    refused.respond(txn, tag, SERVER, cx);
    Some(Step::Answered)
}

/// CF-PM-01, CF-PM-02, DR-06 #1 to #3: is it a list for us, or perhaps a group?
fn target(request: &Request, cx: &Context<'_>) -> Result<Target, Refused<'static>> {
    let (account, profile) = (&cx.config.account, &cx.config.profile);
    let service = request.uri.bare();
    let is = |own: &Option<Uri>| own.as_ref().is_some_and(|own| own.equivalent(&service));
    // A malformed parameter makes a URI that is otherwise ours a bad request (DR-02).
    request
        .uri
        .session_param()
        .map_err(|_| Refused::plain(400))?;
    let listed = request
        .body
        .recipient_list_part(profile)
        .ok()
        .flatten()
        .is_some();
    if listed && !profile.list_service {
        return Err(Refused::plain(403));
    }
    if !is(&account.factory) && !is(&account.exploder) {
        return Ok(Target::Group);
    }
    // Another focus calls a factory (DR-06 #2).
    if request.method == Method::Invite && request.head.is_focus() {
        return Err(Refused {
            warning: Some((399, "104 isfocus already assigned")),
            ..Refused::plain(403)
        });
    }
    if !profile.list_service {
        return Err(Refused {
            warning: Some((399, "127 Service not authorised")),
            ..Refused::plain(403)
        });
    }
    Ok(Target::List)
}

impl Case {
    pub(super) fn txn(&self) -> ServerTxn {
        self.txn
    }

    /// Goes on with what the host said.
    pub(super) fn answer(self, answer: Answer<'_>, cx: &mut Context<'_>) -> Step {
        let txn = self.txn;
        let next = match (self.awaits, answer) {
            (Awaits::Access, Answer::Access(access)) => self.accessed(access, cx),
            (Awaits::Members, Answer::Members(Ok(members))) => self.known(members, cx),
            (Awaits::Members, Answer::Members(Err(why))) => Err(match why {
                LookupError::NotFound => Refused::plain(404),
                LookupError::Forbidden => Refused::plain(403),
                LookupError::Unavailable => unavailable(),
            }),
            // An impossible answer counts as a refusal.
            (Awaits::Access | Awaits::Members, _) => Err(Refused::plain(403)),
        };
        next.unwrap_or_else(|refused| Step::Refuse(txn, refused))
    }

    /// Existence, authorization, anonymity, in this order (CF-PM-02 to CF-PM-04, DR-30).
    fn accessed(self, access: Access, cx: &mut Context<'_>) -> Result<Step, Refused<'static>> {
        let profile = &cx.config.profile;
        let head = &self.request.head;
        if self.target == Target::Group && !access.exists {
            return Err(Refused::plain(404));
        }
        if !access.allowed || head.asserted().next().is_none() {
            let hidden = profile.hide_existence && self.target == Target::Group;
            return Err(match (hidden, self.request.method) {
                (true, _) => Refused::plain(404),
                (false, Method::Invite) => Refused {
                    warning: Some((399, "127 Service not authorised")),
                    ..Refused::plain(403)
                },
                (false, _) => Refused::plain(403),
            });
        }
        let adhoc = self.target == Target::List && !profile.adhoc_anonymity;
        if head.privacy().id && (adhoc || !access.anonymity) {
            // Never served under its real name instead (DR-20, D-36).
            return Err(Refused {
                warning: Some((399, "Anonymity not allowed")),
                ..Refused::plain(403)
            });
        }
        if self.request.method == Method::Invite && grant(head, cx).is_err() {
            return Err(Refused {
                min_se: Some(least(cx)),
                ..Refused::plain(422)
            });
        }
        match self.target {
            Target::List => {
                let entries = self.listed(cx)?;
                self.distribute(entries, cx)
            }
            Target::Group => {
                // A conference URI takes no list (DR-07 #3, CC-90).
                let required = self.request.head.required();
                if required.list_invite || required.list_message {
                    return Err(Refused::plain(420));
                }
                let group = self.request.uri.bare();
                Ok(Step::Ask(
                    Question::Members { group },
                    Self {
                        awaits: Awaits::Members,
                        ..self
                    },
                ))
            }
        }
    }

    /// The effective list of a request that lists its recipients (DR-06 #7 to #11).
    fn listed(&self, cx: &Context<'_>) -> Result<Vec<Entry>, Refused<'static>> {
        let (limits, profile) = (&cx.config.limits, &cx.config.profile);
        let body = &self.request.body;
        let part = match self.cid() {
            None => body
                .recipient_list_part(profile)
                .map_err(|flaw| Refused::plain(flaw.status.0))?
                .map(|(_, part)| part)
                .ok_or(Refused::plain(400))?,
            Some(cid) => body
                .parts()
                .map_err(|flaw| Refused::plain(flaw.status.0))?
                .iter()
                .find(|part| part.content_id() == Some(cid))
                .ok_or(Refused::plain(profile.list_cid_unresolved))?,
        };
        let list = part
            .recipient_list(limits)
            .map_err(|flaw| Refused::plain(flaw.status.0))?;
        let entries = self.effective(list.entries, cx);
        if entries.is_empty() {
            return Err(Refused::plain(400));
        }
        // The originator takes part too (D-20).
        if entries.len() + 1 > limits.adhoc_group {
            let status = profile.too_many_status;
            return Err(Refused {
                warning: Some((399, "122 too many participants")),
                ..Refused::plain(status)
            });
        }
        Ok(entries)
    }

    /// `list=cid:…` in the Request-URI names the part with the list (D-22).
    fn cid(&self) -> Option<&str> {
        self.request
            .uri
            .param("list")
            .flatten()
            .map(|list| list.strip_prefix("cid:").unwrap_or(list))
    }

    /// A group's members (DR-07 #2, CF-PM-05, CF-LM-13).
    fn known(self, members: &[Uri], cx: &mut Context<'_>) -> Result<Step, Refused<'static>> {
        if members.len() > cx.config.limits.group_members {
            return Err(Refused {
                warning: Some((399, "122 too many participants")),
                ..Refused::plain(486)
            });
        }
        let entries = self.effective(members.iter().cloned().map(Entry::from).collect(), cx);
        if entries.is_empty() {
            return Err(Refused::plain(cx.config.profile.empty_group_status));
        }
        self.distribute(entries, cx)
    }

    /// Without the originator, our own service URIs and duplicates (CC-72, CC-73, CC-74).
    fn effective(&self, entries: Vec<Entry>, cx: &Context<'_>) -> Vec<Entry> {
        let account = &cx.config.account;
        let originator: Vec<Uri> = self
            .request
            .head
            .asserted()
            .filter_map(|uri| Uri::copy(uri).ok())
            .collect();
        let originator: Vec<&Uri> = originator.iter().collect();
        let mut own: Vec<&Uri> = Vec::from([&account.address]);
        own.extend(account.factory.iter().chain(&account.exploder));
        let group = self.request.uri.bare();
        own.push(&group);
        roster::effective(entries, &originator, &own, &cx.config.profile)
    }

    fn distribute(
        self,
        entries: Vec<Entry>,
        cx: &mut Context<'_>,
    ) -> Result<Step, Refused<'static>> {
        let Self {
            txn,
            request,
            target,
            ..
        } = self;
        if request.method == Method::Message {
            let list = list_part(&request, target, cx);
            return Fanout::new(txn, &request, list, entries, cx).map(Step::Page);
        }
        let part = request
            .body
            .description_part()
            .map_err(|_| Refused::plain(400))?;
        let sdp = part
            .ok_or(Refused::plain(488))?
            .sdp()
            .map_err(|_| Refused::plain(400))?;
        if sdp.shape_of(&request.head) != Shape::LargeMessage {
            // Conferences and files come with features of their own.
            return Err(Refused {
                warning: Some((399, "Function not allowed")),
                ..Refused::plain(488)
            });
        }
        let arriving = leg::check(txn, &request, cx.config.limits.stored, cx)?;
        Ok(Step::Large(Conference::new(
            arriving, &request, &sdp, entries, cx,
        )))
    }
}

/// The part that lists the recipients, which no recipient gets to see.
fn list_part<'r>(request: &'r Request, target: Target, cx: &Context<'_>) -> Option<&'r Part> {
    let part = request
        .body
        .recipient_list_part(&cx.config.profile)
        .ok()
        .flatten();
    part.filter(|_| target == Target::List)
        .map(|(_, part)| part)
}

/// The host does not answer: try again later (DR-07 #2).
pub(super) fn unavailable() -> Refused<'static> {
    Refused {
        retry_after: Some(30),
        ..Refused::plain(500)
    }
}
