//! Provisional responses of ours: now and then, so that no proxy gives up, or until they are heard.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;

use super::callee::Decision;
use super::{Call, reply_lines};
use crate::profile::Prack;
use crate::{Action, Context, Head, Reply, Status, Timer};

/// How far the caller knows that somebody is being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Provisional {
    /// Nothing has been said. With the RSeq of the first response if it is to be reliable.
    Unsaid(Option<u32>),
    /// It was said, and is said again each minute.
    Said,
    /// It was said reliably, and is repeated until its PRACK.
    Unheard {
        rseq: u32,
        /// In a block of its own: few are reliable.
        repeated: Box<Repeated>,
    },
    /// The caller has acknowledged it.
    Heard { rseq: u32 },
}

/// What is repeated, and how long after the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    reply: Reply,
    interval: Duration,
}

/// Proxies give an INVITE up after three minutes of silence (RFC 3261 §13.3.1.1).
const EACH_MINUTE: Duration = Duration::from_secs(60);
/// The same where nothing is lost (RFC 3262 §3).
const SELDOM: Duration = Duration::from_secs(150);

impl Provisional {
    /// Reliable if the caller insists, or where we do (RFC 3262 §3).
    pub(super) fn first(head: &Head, cx: &mut Context<'_>) -> Self {
        let reliable = match cx.config.profile.prack_callee {
            Prack::Off => false,
            Prack::Supported => head.required().reliable,
            Prack::Required => head.required().reliable || head.supported().reliable,
        };
        // Uniform from 1 to 2^31 − 1.
        let first = reliable.then(|| cx.draw() % ((1 << 31) - 1) + 1);
        Self::Unsaid(first.and_then(|rseq| u32::try_from(rseq).ok()))
    }

    /// Whether its PRACK is awaited.
    pub(super) fn is_unheard(&self) -> bool {
        matches!(self, Self::Unheard { .. })
    }

    /// Stops what runs.
    pub(super) fn stop(&self, cx: &mut Context<'_>) {
        match self {
            Self::Unsaid(_) => {}
            Self::Said | Self::Heard { .. } => cx.stop(Timer::Repeat),
            Self::Unheard { .. } => {
                cx.stop(Timer::Repeat);
                cx.stop(Timer::FinalWait);
            }
        }
    }

    /// The PRACK is there.
    pub(super) fn heard(&mut self, cx: &mut Context<'_>) {
        if let Self::Unheard { rseq, .. } = *self {
            self.stop(cx);
            cx.start(Timer::Repeat, SELDOM);
            *self = Self::Heard { rseq };
        }
    }
}

impl Call {
    /// Says that somebody is being asked (TC-LM-05, TC-LM-07), or says it again. A second reliable response
    /// waits for the PRACK of the first.
    pub(super) fn ring(&mut self, decision: &mut Decision, cx: &mut Context<'_>) {
        let rseq = match &decision.provisional {
            Provisional::Unsaid(rseq) => *rseq,
            Provisional::Said => None,
            Provisional::Heard { rseq } => rseq.checked_add(1),
            Provisional::Unheard { .. } => return,
        };
        let speaker = self.speaker;
        let answers = rseq.is_some() && decision.answers_early(cx);
        let mut lines = reply_lines(cx, speaker);
        lines.line("Allow", self.allow()).contact(speaker, false);
        let mut body = Bytes::new();
        if let Some(rseq) = rseq {
            lines.line("Require", "100rel").line("RSeq", rseq);
        }
        if answers {
            lines.line("Content-Type", "application/sdp");
            body = decision.answer();
        }
        let reply = Reply {
            status: Status(180),
            tag: Some(decision.tag),
            head: lines.take(),
            body,
        };
        cx.act(Action::Respond(decision.invite, reply.clone()));
        decision.provisional = match rseq {
            None => {
                cx.start(Timer::Repeat, EACH_MINUTE);
                Provisional::Said
            }
            Some(rseq) => {
                self.unheard = Some(Box::new((rseq, decision.cseq)));
                let interval = cx.config.limits.t1;
                cx.start(Timer::Repeat, interval);
                cx.start(Timer::FinalWait, cx.config.limits.final_wait);
                Provisional::Unheard {
                    rseq,
                    repeated: Box::new(Repeated { reply, interval }),
                }
            }
        };
    }

    /// Time to say it again: the same until its PRACK, at intervals that double without end; unlike those
    /// of a 2xx, since nobody answers what is repeated.
    pub(super) fn ring_again(&mut self, decision: &mut Decision, cx: &mut Context<'_>) {
        match &mut decision.provisional {
            Provisional::Unsaid(_) => {}
            Provisional::Said | Provisional::Heard { .. } => self.ring(decision, cx),
            Provisional::Unheard { repeated, .. } => {
                let Repeated { reply, interval } = &mut **repeated;
                cx.act(Action::Respond(decision.invite, reply.clone()));
                *interval = interval.saturating_mul(2);
                cx.start(Timer::Repeat, *interval);
            }
        }
    }
}
