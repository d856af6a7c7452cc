//! The session timer (RFC 4028): who refreshes, when, and when the session is given up.

use core::time::Duration;

use crate::profile::Refresher;
use crate::{Context, Head, SessionExpires, Status, Timer};

/// The shortest interval that anyone may ask for, in seconds (RFC 4028 §4).
pub(crate) const SHORTEST: u32 = 90;

/// How often an INVITE is repeated because of 422 before the peer counts as impossible.
const RETRIES: u8 = 3;

/// What we ask for in our next INVITE or refresh, and the Min-SE that peers have named so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    seconds: u32,
    min_se: Option<u32>,
    refused: u8,
}

impl Proposal {
    pub(crate) fn first(cx: &Context<'_>) -> Self {
        let wanted = cx.config.profile.session_expires.as_secs();
        Self {
            seconds: u32::try_from(wanted).unwrap_or(u32::MAX),
            min_se: None,
            refused: 0,
        }
    }

    /// The interval to ask for, in seconds.
    pub(crate) fn seconds(self) -> u32 {
        self.seconds.max(self.min_se.unwrap_or(0)).max(SHORTEST)
    }

    /// The Min-SE to send along (RFC 4028 §7.4).
    pub(crate) fn min_se(self) -> Option<u32> {
        self.min_se
    }

    /// The same inside the dialog: what the way there cost is forgotten (RFC 4028 §7.4).
    pub(crate) fn within(self) -> Self {
        Self {
            min_se: None,
            refused: 0,
            ..self
        }
    }

    /// The interval that was agreed on is the next to ask for.
    pub(crate) fn granted(self, seconds: u32) -> Self {
        Self {
            seconds,
            refused: 0,
            ..self
        }
    }

    /// A refresh of the peer's came with this Min-SE, or with none.
    pub(crate) fn least(self, min_se: Option<u32>) -> Self {
        Self {
            min_se: self.min_se.max(min_se),
            ..self
        }
    }

    /// What to ask for after 422: the Min-SE that it names. `None` if it names none, if that is not
    /// more than what we asked for (CC-18), or if there were three already.
    pub(crate) fn after_422(self, head: &Head) -> Option<Self> {
        let min_se = head.min_se().filter(|min_se| *min_se > self.seconds())?;
        let refused = self.refused + 1;
        (refused <= RETRIES).then_some(Self {
            seconds: min_se,
            min_se: Some(min_se),
            refused,
        })
    }
}

/// What a callee grants in its 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) seconds: u32,
    pub(crate) refresher: Refresher,
    /// Whether the caller has to understand it: whoever knows the timer is told that it counts, so that
    /// it says BYE if nobody refreshes (RFC 4028 §9). Of a caller that does not, nothing is required.
    pub(crate) required: bool,
}

impl From<Grant> for SessionExpires {
    fn from(grant: Grant) -> Self {
        Self {
            seconds: grant.seconds,
            refresher: Some(grant.refresher),
        }
    }
}

/// What a callee grants: the interval as it was asked for, never more, and the refresher (RFC 4028
/// §9, table 2).
///
/// # Errors
///
/// 422 when the caller supports the timer and asks for less than `min_se` of ours. A caller that does
/// not support it never hears 422.
pub(crate) fn grant(head: &Head, cx: &Context<'_>) -> Result<Option<Grant>, Status> {
    let required = head.supported().timer;
    let Some(SessionExpires { seconds, refresher }) = head.session_expires() else {
        return Ok(None);
    };
    if required && seconds < least(cx) {
        return Err(Status(422));
    }
    let refresher = match required {
        true => refresher.unwrap_or(Refresher::Uac),
        // A proxy put it there on behalf of a caller that does not refresh: we do.
        false => Refresher::Uas,
    };
    Ok(Some(Grant {
        seconds,
        refresher,
        required,
    }))
}

/// The Min-SE of ours, in seconds.
pub(crate) fn least(cx: &Context<'_>) -> u32 {
    u32::try_from(cx.config.profile.min_se.as_secs())
        .unwrap_or(u32::MAX)
        .max(SHORTEST)
}

/// The running timer of one session. Timers: [`Timer::Refresh`] and [`Timer::Expiry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// The session does not expire (D-13).
    Off,
    /// Somebody refreshes it: we, or the peer.
    On { ours: bool },
}

impl Refresh {
    /// Starts, restarts or stops the timers after a 2xx. `mine` is the side that we had in its
    /// transaction: the refresher is named relative to that (CC-20).
    pub(crate) fn agree(
        &mut self,
        granted: Option<SessionExpires>,
        mine: Refresher,
        cx: &mut Context<'_>,
    ) {
        self.stop(cx);
        let Some(SessionExpires { seconds, refresher }) = granted else {
            return;
        };
        // A 2xx that names nobody comes from a peer without the timer: the caller refreshes (D-13).
        let ours = refresher.unwrap_or(Refresher::Uac) == mine;
        // A broken peer's tiny interval is honoured, but never becomes a storm (CC-19).
        let interval = Duration::from_secs(u64::from(seconds.max(2)));
        if ours {
            cx.start(Timer::Refresh, interval / 2);
        }
        cx.start(
            Timer::Expiry,
            interval - (interval / 3).min(Duration::from_secs(32)),
        );
        *self = Self::On { ours };
    }

    /// Stops what runs.
    pub(crate) fn stop(&mut self, cx: &mut Context<'_>) {
        if let Self::On { ours } = *self {
            if ours {
                cx.stop(Timer::Refresh);
            }
            cx.stop(Timer::Expiry);
        }
        *self = Self::Off;
    }
}

#[cfg(test)]
#[path = "states/refresh.rs"]
pub(crate) mod states;
