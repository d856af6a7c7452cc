//! The ordered checks (CF-PM-01 to CF-PM-05, DR-06, DR-07, DR-30): the first that fails answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::SERVER;
use super::large::Conference;
use super::pager::Fanout;
use crate::capabilities::Ability;
use crate::leg::{self, Refused};
use crate::offer::{Description, Shape};
use crate::page::readable;
use crate::refresh::{grant, least};
use crate::roster::{self, Entry};
use crate::{
    Access, Answer, Context, Flaw, LegId, LookupError, Method, Question, Request, ServerTxn, Token,
    Uri,
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

/// The checks that need nobody.
pub(super) fn arrive(txn: ServerTxn, request: &Request, cx: &mut Context<'_>) -> Step {
    let head = &request.head;
    let known = match request.method {
        Method::Message => Ability::Exploder,
        Method::Invite => Ability::Factory,
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
    // It believes to be in a dialog, and is in none of ours.
    if head.to().tag().is_some() {
        return Step::Refuse(txn, Refused::plain(481));
    }
    if head.max_forwards() == Some(0) {
        return Step::Refuse(txn, Refused::plain(483));
    }
    let target = match target(request, cx) {
        Ok(target) => target,
        Err(refused) => return Step::Refuse(txn, refused),
    };
    let (originator, also) = originator(request);
    if target == Target::List && originator.is_none() {
        // From is never taken for authorization (CF-PM-03, DR-03).
        return Step::Refuse(txn, not_authorised(request));
    }
    let question = Question::Access {
        originator,
        also,
        target: request.uri.bare(),
        anonymous: head.privacy().id,
    };
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
    known: Ability,
    cx: &mut Context<'_>,
) -> Option<Step> {
    let refused = known.suits(&request.head, &cx.config.profile).err()?;
    let tag = cx.tag();
    refused.respond(txn, tag, SERVER, cx);
    Some(Step::Answered)
}

/// CF-PM-01, CF-PM-02, DR-06 #1 to #3: is it a list for us, or perhaps a group?
fn target(request: &Request, cx: &Context<'_>) -> Result<Target, Refused<'static>> {
    let (account, profile) = (&cx.config.account, &cx.config.profile);
    let service = request.uri.bare();
    let is = |own: &Option<Uri>| own.as_ref().is_some_and(|own| own.equivalent(&service));
    let ours = is(&account.factory) || is(&account.exploder);
    let listed = request.body.parts().is_ok_and(|parts| {
        parts.iter().any(|part| part.is_disposed(LIST))
            || ours && matches!(request.body.recipient_list_part(profile), Ok(Some(_)))
    });
    if request.method == Method::Message && listed && !profile.list_service {
        return Err(Refused::plain(403));
    }
    if !ours {
        return Ok(Target::Group);
    }
    sound(request)?;
    if !profile.list_service {
        return Err(warned(403, "127 Service not authorised"));
    }
    Ok(Target::List)
}

/// What is wrong with a request although its Request-URI is one of ours: a malformed session
/// parameter (DR-02), or another focus that calls us (DR-06 #2), the beginning of a loop.
fn sound(request: &Request) -> Result<(), Refused<'static>> {
    request
        .uri
        .session_param()
        .map_err(|_| Refused::plain(400))?;
    if request.method == Method::Invite && request.head.is_focus() {
        return Err(warned(403, "104 isfocus already assigned"));
    }
    Ok(())
}

/// Whom the core vouches for: two identities are legal if one is a tel URI (RFC 3325 §9.1, CC-97);
/// of two of a kind the first counts (DR-03).
fn originator(request: &Request) -> (Option<Uri>, Option<Uri>) {
    let is_tel = |uri: &Uri| uri.scheme().eq_ignore_ascii_case("tel");
    let mut identities = request
        .head
        .asserted()
        .filter_map(|uri| Uri::copy(uri).ok());
    let first = identities.next();
    let also = identities.find(|uri| first.as_ref().is_some_and(|f| is_tel(f) != is_tel(uri)));
    (first, also)
}

/// A MESSAGE is refused without a word of explanation (CF-PM-03), an INVITE with one (DR-06 #4).
fn not_authorised(request: &Request) -> Refused<'static> {
    match request.method {
        Method::Invite => warned(403, "127 Service not authorised"),
        _ => Refused::plain(403),
    }
}

fn warned(status: u16, text: &'static str) -> Refused<'static> {
    Refused {
        warning: Some((399, text)),
        ..Refused::plain(status)
    }
}

fn flawed(flaw: Flaw) -> Refused<'static> {
    Refused::plain(flaw.status.0)
}

/// How a part is disposed of that lists recipients (RFC 5363 §4).
pub(super) const LIST: &str = "recipient-list";

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
        let (profile, request) = (&cx.config.profile, &self.request);
        let authorised = access.allowed && request.head.asserted().next().is_some();
        if self.target == Target::Group {
            if !access.exists || profile.hide_existence && !authorised {
                return Err(Refused::plain(404));
            }
            sound(request)?;
        }
        if !authorised {
            return Err(not_authorised(request));
        }
        self.discreet(access, cx)?;
        if request.method == Method::Invite && grant(&request.head, cx).is_err() {
            return Err(Refused {
                min_se: Some(least(cx)),
                ..Refused::plain(422)
            });
        }
        match self.target {
            Target::List => {
                readable(request)?;
                let offer = self.offer()?;
                let (list, entries) = self.listed(cx)?;
                self.distribute(Some(list), offer, entries, cx)
            }
            Target::Group => {
                if let Some(step) = unsupported(self.txn, request, Ability::Group, cx) {
                    return Ok(step);
                }
                let group = request.uri.bare();
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

    /// Whoever wants to stay anonymous is never served under its real name instead (CF-PM-04, DR-20,
    /// D-36).
    fn discreet(&self, access: Access, cx: &Context<'_>) -> Result<(), Refused<'static>> {
        let head = &self.request.head;
        let privacy = head.privacy();
        let adhoc = self.target == Target::List && !cx.config.profile.adhoc_anonymity;
        if privacy.id && (adhoc || !access.anonymity) {
            return Err(warned(403, "Anonymity not allowed"));
        }
        // Of the other kinds of privacy we provide none; who insists is not served (RFC 3323 §5).
        let asked = |what: &str| what != "critical" && what != "none";
        let mut asked_for = head
            .fields("Privacy")
            .flat_map(|value| value.split([';', ',']));
        if privacy.critical && !privacy.id && asked_for.any(|what| asked(what.trim())) {
            return Err(Refused::plain(500));
        }
        Ok(())
    }

    /// The one session description of an INVITE; `None` for a MESSAGE (DR-06 #7).
    fn offer(&self) -> Result<Option<Description>, Refused<'static>> {
        if self.request.method != Method::Invite {
            return Ok(None);
        }
        let body = &self.request.body;
        let parts = body.parts().map_err(flawed)?;
        let part = body.description_part().map_err(flawed)?;
        let part = part.ok_or(Refused::plain(400))?;
        let foreign = parts.iter().any(|other| {
            let list = other.is_disposed(LIST) || other.is("application/resource-lists+xml");
            !other.handling_optional() && !list && !other.holds(&part)
        });
        if foreign {
            return Err(Refused {
                accept_session: true,
                ..Refused::plain(415)
            });
        }
        Ok(Some(
            part.sdp().map_err(|flaw| Refused::plain(flaw.status.0))?,
        ))
    }

    /// The effective list of a request that lists its recipients, and the place of the part with it
    /// (CF-LM-01, DR-06 #7 to #11). None is 400 (CC-91), and so is an empty one.
    fn listed(&self, cx: &Context<'_>) -> Result<(usize, Vec<Entry>), Refused<'static>> {
        let (limits, body) = (&cx.config.limits, &self.request.body);
        let parts = body.parts().map_err(flawed)?;
        let place = match self.cid() {
            None => {
                let found = body.recipient_list_part(&cx.config.profile);
                let (place, _) = found.map_err(flawed)?.ok_or(Refused::plain(400))?;
                place
            }
            Some(cid) => {
                let found = parts.iter().position(|part| part.is_named_by(cid));
                found.ok_or(Refused::plain(cx.config.profile.list_cid_unresolved))?
            }
        };
        let part = parts.get(place).ok_or(Refused::plain(400))?;
        let list = part.recipient_list(limits).map_err(flawed)?;
        let entries = self.effective(list.entries, cx);
        if entries.is_empty() {
            return Err(Refused::plain(400));
        }
        // The originator takes part too (D-20).
        if entries.len() + 1 > limits.adhoc_group || entries.len() > MOST {
            return Err(too_many(cx.config.profile.too_many_status));
        }
        Ok((place, entries))
    }

    /// `list=cid:…` in the Request-URI names the part with the list (D-22).
    fn cid(&self) -> Option<&str> {
        Some(self.request.uri.param("list")?.unwrap_or_default())
    }

    /// A group's members (CF-LM-02, DR-07 #2, CF-PM-05, CF-LM-13), its size checked for each message
    /// by itself (CC-89). A group of nobody else has nobody to serve (CC-88).
    fn known(self, members: &[Uri], cx: &mut Context<'_>) -> Result<Step, Refused<'static>> {
        if members.len() > cx.config.limits.group_members.min(MOST) {
            return Err(too_many(486));
        }
        let offer = self.offer()?;
        let entries = self.effective(members.iter().cloned().map(Entry::from).collect(), cx);
        if entries.is_empty() {
            return Err(Refused::plain(cx.config.profile.empty_group_status));
        }
        self.distribute(None, offer, entries, cx)
    }

    /// Without the originator, our own service and conference URIs and duplicates (CC-72, CC-73,
    /// CC-74). What an entry's URI says beyond the address (`?Replaces=…`) is dropped before, so that
    /// nobody is served twice because of it (D-19, CC-104).
    fn effective(&self, mut entries: Vec<Entry>, cx: &Context<'_>) -> Vec<Entry> {
        for entry in &mut entries {
            entry.uri = entry.uri.bare();
        }
        entries.retain(|entry| !is_conference(&entry.uri, cx));
        let account = &cx.config.account;
        let (first, also) = originator(&self.request);
        let originator: Vec<&Uri> = first.iter().chain(&also).collect();
        let mut own: Vec<&Uri> = Vec::from([&account.address]);
        own.extend(account.factory.iter().chain(&account.exploder));
        let group = self.request.uri.bare();
        own.push(&group);
        roster::effective(entries, &originator, &own, &cx.config.profile)
    }

    /// `list` is the place of the part that lists the recipients.
    fn distribute(
        self,
        list: Option<usize>,
        offer: Option<Description>,
        entries: Vec<Entry>,
        cx: &mut Context<'_>,
    ) -> Result<Step, Refused<'static>> {
        let Self { txn, request, .. } = self;
        let Some(sdp) = offer else {
            return Fanout::new(txn, &request, list, entries, cx).map(Step::Page);
        };
        if sdp.shape_of(&request.head) != Shape::LargeMessage {
            // Conferences and files come with features of their own.
            return Err(warned(488, "Function not allowed"));
        }
        let arriving = leg::check(txn, &request, cx.config.limits.stored, cx)?;
        Ok(Step::Large(Conference::new(
            arriving, &request, &sdp, entries, cx,
        )))
    }
}

/// Members that leg numbers are enough for.
const MOST: usize = LegId::MAX_SLOT as usize;

fn too_many(status: u16) -> Refused<'static> {
    warned(status, "122 too many participants")
}

/// Whether it is a conference of ours, of this machine or another (CC-72).
fn is_conference(uri: &Uri, cx: &Context<'_>) -> bool {
    let token = uri.user().and_then(|user| user.strip_prefix("conf-"));
    token
        .and_then(Token::read)
        .is_some_and(|token| token.verifies(cx.config.key))
}

/// The host does not answer: try again later (DR-07 #2).
pub(super) fn unavailable() -> Refused<'static> {
    Refused {
        retry_after: Some(30),
        ..Refused::plain(500)
    }
}

#[cfg(test)]
#[path = "../states/controlling.rs"]
pub(super) mod states;
