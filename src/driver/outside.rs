//! Answers that no machine gives: to requests outside dialogs that make none.

use super::dispatch::{Role, Route};
use crate::capabilities::{self, Ability};
use crate::compose::Speaker;
use crate::leg::Refused;
use crate::{Context, Reply, Request, Status, Token};

impl Route {
    /// What to answer where no machine does: the same again, 482, 481, 405 and 501 with Allow, and 200
    /// to an OPTIONS with all that we can, or 420 (RFC 3261 §8.2.1, §8.2.2, §11.2).
    ///
    /// `None` where a machine answers, and where nothing is to be said.
    pub fn reply(&self, request: &Request, cx: &mut Context<'_>) -> Option<Reply> {
        let refuse = |refused: Refused<'_>, speaker, cx: &mut Context<'_>| {
            let tag = cx.tag();
            Some(refused.reply(Some(tag), speaker, cx))
        };
        let plain =
            |status, cx: &mut Context<'_>| refuse(Refused::plain(status), Speaker::Client, cx);
        match self {
            Self::Leg(..) | Self::Stranger(_) | Self::Drop => None,
            Self::Again(reply) => Some(reply.clone()),
            Self::Merged => plain(482, cx),
            Self::NoSuchDialog => plain(481, cx),
            Self::Refuse(Status(status)) => {
                let refused = Refused {
                    allow: true,
                    ..Refused::plain(*status)
                };
                refuse(refused, Speaker::Client, cx)
            }
            Self::Options(role) => {
                let (ability, speaker) = match role {
                    Role::Terminating => (Ability::Client, Speaker::Client),
                    Role::Controlling => (Ability::of_service(&request.uri, cx), SERVER),
                };
                let head = &request.head;
                if let Err(refused) = ability.suits(head, &cx.config.profile) {
                    return refuse(refused, speaker, cx);
                }
                let tag = Some(cx.tag());
                Some(capabilities::options(head, ability, speaker, tag, cx))
            }
        }
    }
}

/// The service, outside any conference.
const SERVER: Speaker = Speaker::Focus(Token::new([0; 3]));
