//! A second offer right after the first answer: somebody between us anchors media, and the peer does not
//! know CEMA (RFC 6714 §4.2).

use alloc::boxed::Box;

use bytes::Bytes;

use super::inside::Verdict;
use super::{Call, Refreshing, Up};
use crate::offer::{self, Concluded, Offered};
use crate::profile::Refresher;
use crate::refresh::Refresh;
use crate::{Action, Context, Failure, Method, Response, Timer};

/// The offer that awaits its answer. The dialog is there, the session is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anew {
    offered: Offered,
    /// Whether the peer that accepted is a focus.
    focus: bool,
}

impl Call {
    /// Offers again in a re-INVITE, without `a=msrp-cema`.
    pub(super) fn offer_anew(
        &mut self,
        up: &mut Up,
        first: &Offered,
        focus: bool,
        cx: &mut Context<'_>,
    ) {
        let offered = offer::without_cema(first, cx.scratch());
        let txn = self.mint();
        let mut lines = cx.lines();
        lines
            .contact(self.speaker, false)
            .user_agent(self.speaker)
            .line("Allow", self.allow())
            .line("Supported", "timer");
        // It counts as a refresh, and changes no roles (RFC 4028 §7.4).
        if let Refresh::On { ours } = up.refresh {
            let refresher = if ours { Refresher::Uac } else { Refresher::Uas };
            lines.session_expires(up.ask.seconds(), Some(refresher), up.ask.min_se());
        }
        lines
            .privacy(self.anonymous)
            .line("Content-Type", "application/sdp");
        let lines = lines.take();
        let method = Method::Invite;
        let request = up
            .dialog
            .request(method, txn, &lines, offered.sdp.clone(), cx);
        cx.act(Action::SendRequest(request));
        cx.start(Timer::Ring, self.wait);
        up.sdp = offered.sdp.clone();
        up.refreshing = Refreshing::Yes { txn, method };
        up.anew = Some(Box::new(Anew { offered, focus }));
    }

    /// What the 2xx to the second offer makes of the session.
    pub(super) fn answered_anew(
        &mut self,
        up: &mut Up,
        anew: &Anew,
        response: &Response,
        cx: &mut Context<'_>,
    ) -> Verdict {
        cx.stop(Timer::Ring);
        let part = response.body.description_part().ok().flatten();
        let answer = part.and_then(|part| part.sdp().ok());
        let concluded = answer.map(|answer| {
            let media = offer::conclude(cx.config, &anew.offered, &answer)?;
            Ok::<_, Failure>((media, Bytes::copy_from_slice(answer.origin().as_bytes())))
        });
        // Without CEMA there is no reason to offer a third time.
        let Some(Ok((Concluded::Agreed(media), origin))) = concluded else {
            return Verdict::Over;
        };
        up.origin = origin;
        up.session.agree(media, self.keep, self.wait, cx);
        Verdict::Agreed { focus: anew.focus }
    }
}
