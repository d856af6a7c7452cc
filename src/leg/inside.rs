//! Requests inside the dialog: the peer's, and our own refreshes.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;

use super::callee::granted_lines;
use super::{
    AckWait, Call, Refreshing, Refused, Role, State, Step, Up, Upcall, again, held, is_leaving, ok,
    respond,
};
use crate::capabilities::{Ability, options};
use crate::dialog::Dialog;
use crate::offer::{self, Change, Later, Standing};
use crate::profile::Refresher;
use crate::refresh::{Grant, Refresh, grant, least};
use crate::{
    Action, ClientTxn, Context, Failure, Head, Method, Outcome, Reply, Request, Response,
    ServerTxn, SessionExpires, Status, Timer, TxnError,
};

/// How often in a row a refresh is put off because the peer says Retry-After.
const PATIENCE: u8 = 3;

/// What the answer to a refresh means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    GoesOn,
    /// The answer to our second offer is there.
    Agreed {
        focus: bool,
    },
    Over,
}

/// What a re-INVITE or UPDATE of the peer's is granted.
struct Accepted {
    granted: Option<Grant>,
    media: Media,
}

/// What its offer means for the media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Stay,
    Close,
}

impl Call {
    /// Answers what every state answers alike. `Some` if the state is to deal with it: BYE, INVITE,
    /// UPDATE or MESSAGE, in order and of this dialog.
    pub(super) fn within(
        &mut self,
        dialog: &mut Dialog,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Option<Method> {
        let head = &request.head;
        let belonging = dialog.owns(head).then(|| dialog.in_order(head));
        self.sorted(belonging, txn, request, cx)
    }

    /// The same, where it is known whether the request is of the dialog, and in order.
    pub(super) fn sorted(
        &mut self,
        in_order: Option<bool>,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Option<Method> {
        let head = &request.head;
        if request.method == Method::Ack {
            return None;
        }
        if request.method == Method::Invite && in_order.is_some() {
            self.invited = Some(txn);
        }
        let refused = match in_order {
            None => Refused::plain(481),
            Some(false) => Refused::plain(500),
            Some(true) => match self.understood(request, cx) {
                Err(refused) => refused,
                Ok(Method::Options) => {
                    let reply = options(head, Ability::Dialog, self.speaker, None, cx);
                    cx.act(Action::Respond(txn, reply));
                    return None;
                }
                Ok(Method::Prack) if !self.acknowledged(head) => Refused::plain(481),
                Ok(method) => return Some(method),
            },
        };
        refused.respond_within(txn, self.speaker, cx);
        None
    }

    /// Whether a PRACK is that of the reliable response that waits for it (RFC 3262 §3).
    fn acknowledged(&mut self, head: &Head) -> bool {
        let named = head.rack().filter(|rack| rack.method == Method::Invite);
        let named = named.map(|rack| (rack.rseq, rack.cseq));
        let found = named.is_some() && self.unheard.as_deref().copied() == named;
        if found {
            self.unheard = None;
        }
        found
    }

    /// Whether we understand a request in its dialog: its method (RFC 3261 §8.2.1), then what it
    /// requires (§8.2.2.3).
    fn understood<'r>(
        &self,
        request: &'r Request,
        cx: &Context<'_>,
    ) -> Result<Method, Refused<'r>> {
        let unknown = |status| Refused {
            allow: true,
            ..Refused::plain(status)
        };
        match request.method {
            method @ (Method::Bye
            | Method::Invite
            | Method::Update
            | Method::Message
            | Method::Options
            | Method::Prack) => {
                Ability::Dialog.suits(&request.head, &cx.config.profile)?;
                // Nothing that is in a dialog takes the place of another (RFC 3891 §3).
                if request.head.header("Replaces").is_some() {
                    return Err(Refused::plain(400));
                }
                Ok(method)
            }
            Method::Ack | Method::Cancel => Err(Refused::plain(481)),
            Method::Other => Err(unknown(501)),
            Method::Refer
            | Method::Subscribe
            | Method::Notify
            | Method::Info
            | Method::Publish
            | Method::Register => Err(unknown(405)),
        }
    }

    /// A request while the session is there.
    pub(super) fn requested(
        &mut self,
        mut up: Box<Up>,
        wait: Option<AckWait>,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Step {
        match self.within(&mut up.dialog, txn, request, cx) {
            Some(Method::Bye) => return self.left(up, wait, txn, cx),
            // It comes after the 2xx that did not wait for it.
            Some(Method::Prack) => ok(txn, self.speaker, cx),
            // A BYE of ours is due: nothing else is begun (CC-10).
            Some(_) if is_leaving(&wait) => {
                Refused::plain(481).respond_within(txn, self.speaker, cx);
            }
            // The INVITE before is unfinished (RFC 3261 §14.2).
            Some(Method::Invite) if wait.is_some() => self.try_later(txn, cx),
            Some(Method::Invite) => return self.reinvited(up, txn, request, cx),
            Some(Method::Message) => return (held(up, wait), Upcall::Page(txn)),
            Some(_) => return self.updated(up, wait, txn, request, cx),
            None => {}
        }
        (held(up, wait), Upcall::Nothing)
    }

    /// UPDATE: a refresh of the session or of the target; of the media it changes nothing, but it may
    /// close them (G-10, RFC 3311).
    fn updated(
        &mut self,
        mut up: Box<Up>,
        wait: Option<AckWait>,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Step {
        let accepted = match up.accepts(request, cx) {
            Ok(accepted) => accepted,
            Err(refused) => {
                refused.respond_within(txn, self.speaker, cx);
                return (held(up, wait), Upcall::Nothing);
            }
        };
        let body = if request.body.is_empty() {
            Bytes::new()
        } else {
            up.sdp.clone()
        };
        let head = self.refreshed_lines(accepted.granted, &body, cx);
        respond(txn, 200, head, body, cx);
        self.follow(&mut up, request, accepted.granted, cx);
        self.after_offer(up, wait, accepted.media, cx)
    }

    /// re-INVITE: like UPDATE, and its 2xx wants an ACK.
    fn reinvited(
        &mut self,
        mut up: Box<Up>,
        txn: ServerTxn,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Step {
        let accepted = match up.accepts(request, cx) {
            Ok(accepted) => accepted,
            Err(refused) => {
                refused.respond_within(txn, self.speaker, cx);
                return (State::Up(up), Upcall::Nothing);
            }
        };
        let body = up.sdp.clone();
        let reply = Reply {
            status: Status(200),
            tag: None,
            head: self.refreshed_lines(accepted.granted, &body, cx),
            body,
        };
        let wait = AckWait::answer(txn, request.head.cseq(), reply, cx);
        self.follow(&mut up, request, accepted.granted, cx);
        self.after_offer(up, Some(wait), accepted.media, cx)
    }

    /// Port 0 closes the media (RFC 3264 §8.2), and without them the dialog is of no use.
    fn after_offer(
        &mut self,
        up: Box<Up>,
        wait: Option<AckWait>,
        media: Media,
        cx: &mut Context<'_>,
    ) -> Step {
        match media {
            Media::Stay => (held(up, wait), Upcall::Nothing),
            Media::Close => self.over(up, wait, Outcome::Failed(Failure::Incomplete), None, cx),
        }
    }

    /// A refresh of the peer's is accepted: target, methods and session timer are as it says.
    fn follow(
        &mut self,
        up: &mut Up,
        request: &Request,
        granted: Option<Grant>,
        cx: &mut Context<'_>,
    ) {
        up.dialog.retarget(&request.head);
        self.learn(&request.head);
        up.ask = up.ask.least(request.head.min_se());
        if up.refreshing == Refreshing::Later {
            // The session is refreshed: that it is not us does not matter.
            cx.stop(Timer::Retry);
            up.refreshing = Refreshing::No;
        }
        up.agree(granted.map(Into::into), Refresher::Uas, cx);
    }

    pub(super) fn refreshed_lines(
        &self,
        granted: Option<Grant>,
        body: &Bytes,
        cx: &mut Context<'_>,
    ) -> Bytes {
        let mut lines = cx.lines();
        lines
            .contact(self.speaker, false)
            .server(self.speaker)
            .line("Allow", self.allow());
        granted_lines(&mut lines, granted);
        lines.identity(self.speaker);
        if !body.is_empty() {
            lines.line("Content-Type", "application/sdp");
        }
        lines.take()
    }

    /// A refresh of ours is due, or due again.
    pub(super) fn refresh_due(&mut self, up: &mut Up, cx: &mut Context<'_>) {
        if up.refreshing == Refreshing::Later {
            // The peer's own refresh may have started `Refresh` anew while `Retry` runs.
            cx.stop(Timer::Retry);
            up.refreshing = Refreshing::No;
        }
        let knows = |allowed: crate::Methods| allowed.has(Method::Update);
        let method = if self.allowed.is_some_and(knows) {
            Method::Update
        } else {
            Method::Invite
        };
        self.refresh(up, method, cx);
    }

    /// Refreshes the session: UPDATE without body if the peer knows it, else re-INVITE with the
    /// description as it stands (RFC 4028 §7.4).
    fn refresh(&mut self, up: &mut Up, method: Method, cx: &mut Context<'_>) {
        let (Refreshing::No, Refresh::On { ours: true }) = (up.refreshing, up.refresh) else {
            return;
        };
        let txn = self.mint();
        let mine = Some(Refresher::Uac);
        let mut lines = cx.lines();
        lines
            .contact(self.speaker, false)
            .user_agent(self.speaker)
            .line("Allow", self.allow())
            .line("Supported", "timer")
            .session_expires(up.ask.seconds(), mine, up.ask.min_se())
            .privacy(self.anonymous);
        let body = if method == Method::Invite {
            lines.line("Content-Type", "application/sdp");
            up.sdp.clone()
        } else {
            Bytes::new()
        };
        let lines = lines.take();
        let request = up.dialog.request(method, txn, &lines, body, cx);
        up.refreshing = Refreshing::Yes { txn, method };
        cx.act(Action::SendRequest(request));
    }

    /// The answer to our refresh, or its lack.
    pub(super) fn refreshed(
        &mut self,
        up: &mut Up,
        wait: &Option<AckWait>,
        txn: ClientTxn,
        answer: Result<&Response, TxnError>,
        cx: &mut Context<'_>,
    ) -> Verdict {
        let method = match (up.refreshing, answer) {
            (Refreshing::Yes { txn: ours, method }, _) if ours == txn => method,
            (_, Ok(response)) => {
                again(&up.dialog, response, cx);
                return Verdict::GoesOn;
            }
            (_, Err(_)) => return Verdict::GoesOn,
        };
        let status = match answer {
            Ok(response) if response.status.is_provisional() => return Verdict::GoesOn,
            Ok(response) => response.status.0,
            Err(TxnError::Timeout) => 408,
            Err(_) => 503,
        };
        up.refreshing = Refreshing::No;
        match (status, answer) {
            // Without the answer to our second offer there is no session to go on with.
            (300.., _) if up.anew.is_some() => return Verdict::Over,
            (200..300, Ok(response)) => {
                // First: the ACK goes to where the peer is now (RFC 3261 §12.2.1.2, CC-13).
                up.dialog.retarget(&response.head);
                if method == Method::Invite {
                    let ack = up.dialog.ack(response.head.cseq(), b"", cx);
                    cx.act(Action::SendAck(ack));
                }
                self.learn(&response.head);
                up.put_off = 0;
                up.agree(response.head.session_expires(), Refresher::Uac, cx);
                if let Some(anew) = up.anew.take() {
                    return self.answered_anew(up, &anew, response, cx);
                }
            }
            (408 | 481, _) => return Verdict::Over,
            (422, Ok(response)) => {
                if let Some(ask) = up.ask.after_422(&response.head) {
                    up.ask = ask;
                    self.refresh(up, method, cx);
                }
            }
            // The peer knows no UPDATE after all (CC-21), and is not asked for one again.
            (405 | 501, _) if method == Method::Update => {
                self.allowed = self.allowed.map(|allowed| allowed.without(Method::Update));
                match wait {
                    None => self.refresh(up, Method::Invite, cx),
                    // Not while an INVITE of the peer's is under way (RFC 3261 §14.1).
                    Some(_) => up.refresh_later(cx.config.limits.t2, cx),
                }
            }
            // Two requests have met: the owner of the Call-ID waits longer (RFC 3261 §14.1, CC-11).
            (491, _) => {
                let tens = match up.role {
                    Role::Caller => 210 + cx.draw() % 191,
                    Role::Callee => cx.draw() % 201,
                };
                up.refresh_later(Duration::from_millis(tens * 10), cx);
            }
            // Anything else leaves the session as it is until it expires; who asks for time gets some, but
            // not for ever (RFC 4028 §10).
            (_, Ok(response)) => match response.head.retry_after() {
                Some(seconds) if up.put_off < PATIENCE => {
                    up.put_off += 1;
                    up.refresh_later(Duration::from_secs(seconds.into()), cx);
                }
                _ => {}
            },
            (_, Err(_)) => {}
        }
        Verdict::GoesOn
    }

    /// What follows from the answer to a refresh.
    pub(super) fn judged(
        &mut self,
        up: Box<Up>,
        wait: Option<AckWait>,
        verdict: Verdict,
        cx: &mut Context<'_>,
    ) -> Step {
        match verdict {
            Verdict::GoesOn => (held(up, wait), Upcall::Nothing),
            Verdict::Agreed { focus } => (held(up, wait), Upcall::Answered { focus }),
            Verdict::Over => {
                self.over(up, wait, Outcome::Failed(Failure::ConnectionLost), None, cx)
            }
        }
    }

    /// 500 with a random time to wait (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(super) fn try_later(&mut self, txn: ServerTxn, cx: &mut Context<'_>) {
        let retry_after = u32::try_from(cx.draw() % 11).ok();
        Refused {
            retry_after,
            ..Refused::plain(500)
        }
        .respond_within(txn, self.speaker, cx);
    }
}

impl Up {
    /// What a re-INVITE or UPDATE of the peer's is granted, or why it is refused. Our description is the
    /// answer then.
    fn accepts(
        &mut self,
        request: &Request,
        cx: &mut Context<'_>,
    ) -> Result<Accepted, Refused<'static>> {
        let offers = !request.body.is_empty() || request.method == Method::Invite;
        let inviting = matches!(
            self.refreshing,
            Refreshing::Yes {
                method: Method::Invite,
                ..
            }
        );
        // Our own offer is unanswered.
        if offers && inviting {
            return Err(Refused::plain(491));
        }
        let later = if request.body.is_empty() {
            Later::Same
        } else {
            self.offered(request, cx)?
        };
        let granted = grant(&request.head, cx).map_err(|_| Refused {
            min_se: Some(least(cx)),
            ..Refused::plain(422)
        })?;
        let media = match later {
            Later::Same => Media::Stay,
            // Only lines beside ours can be new: they are refused.
            Later::Changed(sdp, _) => {
                self.sdp = sdp;
                Media::Stay
            }
            Later::Closed(sdp) => {
                self.sdp = sdp;
                Media::Close
            }
        };
        Ok(Accepted { granted, media })
    }

    /// What an offer within the session asks for: the transfer of one message is not changed (G-10).
    fn offered(&self, request: &Request, cx: &mut Context<'_>) -> Result<Later, Refused<'static>> {
        let unacceptable = Refused::plain(488);
        let part = request.body.description_part().ok().flatten();
        let sdp = part.and_then(|part| part.sdp().ok()).ok_or(unacceptable)?;
        let standing = Standing {
            ours: &self.sdp,
            origin: core::str::from_utf8(&self.origin).unwrap_or_default(),
            media: self.session.media().ok_or(unacceptable)?,
        };
        let (config, limit) = (cx.config, cx.config.limits.message);
        let change = Change::Refused;
        offer::answer_later(config, &standing, &sdp, limit, change, cx.scratch()).map_err(|why| {
            Refused {
                warning: why.warning,
                ..Refused::plain(why.status.0)
            }
        })
    }

    /// Takes over what a 2xx says about the session timer.
    pub(super) fn agree(
        &mut self,
        granted: Option<SessionExpires>,
        mine: Refresher,
        cx: &mut Context<'_>,
    ) {
        self.refresh.agree(granted, mine, cx);
        if let Some(SessionExpires { seconds, .. }) = granted {
            self.ask = self.ask.granted(seconds);
        }
    }

    pub(super) fn refresh_later(&mut self, after: Duration, cx: &mut Context<'_>) {
        let ours = matches!(self.refresh, Refresh::On { ours: true });
        if let (true, Refreshing::No | Refreshing::Later) = (ours, self.refreshing) {
            cx.start(Timer::Retry, after);
            self.refreshing = Refreshing::Later;
        }
    }

    /// Stops the timers of the session timer.
    pub(super) fn quiet(&mut self, cx: &mut Context<'_>) {
        self.refresh.stop(cx);
        if self.refreshing == Refreshing::Later {
            cx.stop(Timer::Retry);
        }
        self.refreshing = Refreshing::No;
        if self.anew.take().is_some() {
            cx.stop(Timer::Ring);
        }
    }
}
