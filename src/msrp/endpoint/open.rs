//! How a session of an endpoint comes about: by offer and answer, or with a peer whose path is known.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Endpoint, State, keep, tell};
use crate::msrp::relay::inward;
use crate::msrp::session::{Session, Traffic, Upcall};
use crate::offer::{self, Concluded, Direction, Negotiated, Wanted};
use crate::wire::sdp;
use crate::{Action, Context, Flaw, Keys, Misuse, Outcome, Status, Timer};

/// Our side of a session: what the peer has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// As a session description (`application/sdp`).
    pub sdp: Bytes,
    /// Our MSRP URI behind those of our relays, if there are any: all of it that a peer needs who knows
    /// the rest.
    pub path: Bytes,
}

/// Which side connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// We do.
    Active,
    /// The peer does.
    Passive,
}

/// Why there is no session. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoSession {
    /// The caller's fault.
    Misuse(Misuse),
    /// The text is no session description, or the path no path.
    Malformed(Flaw),
    /// The offer is not acceptable, for which SIP would say this.
    Unacceptable(Status),
    /// The answer does not let us do what was offered.
    BadAnswer,
    /// Somebody between us changed where to connect, and the peer does not know: this offer is to be sent instead
    /// (RFC 6714 §4.2), and its answer concluded.
    Again(Bytes),
}

impl Endpoint {
    /// Makes an offer: gets ready for the peer, and says what it has to know. Then comes
    /// [`conclude`](Self::conclude) or [`join`](Self::join).
    ///
    /// # Errors
    ///
    /// [`Misuse::NotNow`] if there is a session; nothing has changed.
    pub fn offer(&mut self, cx: &mut Context<'_>) -> Result<Invitation, Misuse> {
        let cx = &mut cx.on(self.leg());
        let traffic = self.idle()?;
        let config = cx.config;
        let wanted = Wanted {
            direction: Direction::SendRecv,
            accept_types: &config.account.accept_types,
            accept_wrapped_types: &config.account.accept_wrapped_types,
            max_size: Some(config.limits.message),
            ..Wanted::default()
        };
        let offered = offer::offer(config, cx.mint(), &wanted, cx.scratch());
        let id = offered.id;
        let invitation = Invitation {
            sdp: offered.sdp.clone(),
            path: path(&offered.own, cx),
        };
        cx.act(Action::Opened(keys(id)));
        let mut session = Session::resumed(id, offered.own.clone(), traffic, cx);
        // The peer may connect and send before we have its answer.
        session.traffic().receiving.keep(keep(cx));
        self.state = State::Offered(session, offered);
        Ok(invitation)
    }

    /// Answers an offer, and opens the session.
    ///
    /// # Errors
    ///
    /// See [`NoSession`].
    pub fn answer(&mut self, offer: Bytes, cx: &mut Context<'_>) -> Result<Invitation, NoSession> {
        let cx = &mut cx.on(self.leg());
        if !matches!(self.state, State::Idle(..)) {
            return Err(NoSession::Misuse(Misuse::NotNow));
        }
        let offered = sdp::parse(&offer).map_err(NoSession::Malformed)?;
        let (mint, limit) = (cx.mint(), cx.config.limits.message);
        let id = mint.id;
        let answered = offer::answer(cx.config, mint, &offered, limit, cx.scratch())
            .map_err(|refused| NoSession::Unacceptable(refused.status))?;
        let traffic = self.idle().map_err(NoSession::Misuse)?;
        let invitation = Invitation {
            sdp: answered.sdp,
            path: path(&answered.own, cx),
        };
        cx.act(Action::Opened(keys(id)));
        let session = Session::resumed(id, answered.own, traffic, cx);
        self.agree(session, answered.media, cx);
        Ok(invitation)
    }

    /// Takes the answer to our offer, and opens the session.
    ///
    /// # Errors
    ///
    /// See [`NoSession`]; the offer stands, and another answer may do.
    pub fn conclude(&mut self, answer: Bytes, cx: &mut Context<'_>) -> Result<(), NoSession> {
        let cx = &mut cx.on(self.leg());
        let State::Offered(_, offered) = &mut self.state else {
            return Err(NoSession::Misuse(Misuse::NotNow));
        };
        let answer = sdp::parse(&answer).map_err(NoSession::Malformed)?;
        match offer::conclude(cx.config, offered, &answer) {
            Ok(Concluded::Agreed(media)) => self.join_by(media, cx),
            Ok(Concluded::Again) => {
                *offered = offer::without_cema(offered, cx.scratch());
                Err(NoSession::Again(offered.sdp.clone()))
            }
            Err(_) => Err(NoSession::BadAnswer),
        }
    }

    /// Opens the session to a peer whose path is known, which takes whatever we send.
    ///
    /// # Errors
    ///
    /// See [`NoSession`]; the offer stands.
    pub fn join(&mut self, path: &str, part: Part, cx: &mut Context<'_>) -> Result<(), NoSession> {
        let cx = &mut cx.on(self.leg());
        let media = Negotiated::with_path(cx.config, part == Part::Active, path);
        let media = media.ok_or(NoSession::Malformed(BAD_PATH))?;
        self.join_by(media, cx)
    }

    fn join_by(&mut self, media: Negotiated, cx: &mut Context<'_>) -> Result<(), NoSession> {
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Offered(session, _) => {
                self.agree(session, media, cx);
                Ok(())
            }
            other => {
                self.state = other;
                Err(NoSession::Misuse(Misuse::NotNow))
            }
        }
    }

    /// Takes the messages out of the state between two sessions.
    fn idle(&mut self) -> Result<Traffic, Misuse> {
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Idle(traffic, _) => Ok(traffic),
            other => {
                self.state = other;
                Err(Misuse::NotNow)
            }
        }
    }

    fn agree(&mut self, mut session: Session, media: Negotiated, cx: &mut Context<'_>) {
        let unfit: Vec<_> = session
            .traffic()
            .sending
            .letters()
            .filter_map(|(id, letter)| Some((id, letter.suits(&media).err()?)))
            .collect();
        session.agree(media, keep(cx), cx.config.limits.bind, cx);
        for (message, why) in unfit {
            session.cancel(message, cx);
            tell(message, Outcome::Failed(why), cx);
        }
        if !self.unconfirmed.is_empty() {
            cx.start(Timer::SuccessReport, cx.config.profile.report_wait);
        }
        self.go_on(session, Upcall::Nothing, cx);
    }
}

/// What a peer has for a path to us.
fn path(own: &Bytes, cx: &Context<'_>) -> Bytes {
    match cx.config.route.as_str() {
        "" => own.clone(),
        route => inward(route, core::str::from_utf8(own).unwrap_or_default()).into(),
    }
}

const BAD_PATH: Flaw = Flaw {
    at: 0,
    what: "not an MSRP path that can be used",
    status: Status(400),
};

fn keys(id: crate::SessionId) -> Keys {
    Keys {
        dialog: None,
        msrp: Some(id),
    }
}

impl From<Misuse> for NoSession {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl core::fmt::Display for NoSession {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Malformed(flaw) => flaw.fmt(f),
            Self::Unacceptable(status) => write!(f, "the offer is not acceptable: {status}"),
            Self::Again(_) => f.write_str("to be offered again without msrp-cema"),
            Self::BadAnswer => f.write_str("the answer does not let us do what was offered"),
        }
    }
}

impl core::error::Error for NoSession {}
