//! What a machine under trial is lent, and what is kept of it.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::all;
use crate::profile::Prack;
use crate::{
    Access, Account, Action, Actions, Answer, Config, Context, Continuation, DialogView, Down,
    Entropy, Failure, Found, LegId, Method, MsrpAuthority, Notice, Outcome, Outgoing, Question,
    Refusal, Stage, Status, Timer, TxnError, Uri,
};

/// Configuration, randomness, and everything that was done so far.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) config: Config,
    dice: Dice,
    pub(crate) done: Vec<(LegId, Action)>,
    /// The leg that the table is about; what happens on others is written with their name.
    pub(crate) about: LegId,
    pub(crate) named: fn(LegId) -> &'static str,
    /// Its timers.
    pub(crate) running: BTreeSet<Timer>,
    /// Those that have fired and not been started since.
    pub(crate) fired: BTreeSet<Timer>,
    /// Whether the page says for how long a timer is started.
    pub(crate) exact: bool,
}

#[derive(Clone, Debug)]
struct Dice(u64);

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.0
    }
}

impl Desk {
    /// Alice's.
    pub(crate) fn new() -> Self {
        let address = Uri::copy("sip:alice@example.com").unwrap();
        let contact = Uri::copy("sip:alice@pc33.example.com").unwrap();
        let msrp = MsrpAuthority {
            host: "192.0.2.10".into(),
            port: 7654,
            tls: false,
        };
        let mut config = Config::new(Account::new(address, contact), msrp, [1, 2]);
        config.profile.prack_caller = Prack::Supported;
        config.profile.answer_in_provisional = true;
        Self {
            config,
            dice: Dice(1),
            done: Vec::new(),
            about: LegId::FIRST,
            named: |_| "",
            running: BTreeSet::new(),
            fired: BTreeSet::new(),
            exact: false,
        }
    }

    /// Times matter.
    pub(crate) fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Calls a machine, and performs what it asks for: timers run, the rest is kept.
    pub(crate) fn call<R>(&mut self, run: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let mut actions = Actions::new();
        let result = run(&mut Context::new(
            &self.config,
            &mut self.dice,
            &mut actions,
        ));
        for (leg, action) in actions.drain() {
            match &action {
                Action::StartTimer(..) | Action::StopTimer(_) if leg != self.about => continue,
                Action::StartTimer(timer, _) => {
                    self.running.insert(*timer);
                    self.fired.remove(timer);
                }
                Action::StopTimer(timer) => {
                    self.running.remove(timer);
                    self.fired.remove(timer);
                }
                _ => {}
            }
            self.done.push((leg, action));
        }
        result
    }

    /// A timer fires.
    pub(crate) fn fire(&mut self, timer: Timer) {
        self.running.remove(&timer);
        self.fired.insert(timer);
    }

    /// The last request of ours of this kind.
    pub(crate) fn sent(&self, wanted: impl Fn(&Outgoing) -> bool) -> Option<&Outgoing> {
        self.done.iter().rev().find_map(|(_, action)| match action {
            Action::SendRequest(request) if wanted(request) => Some(request),
            _ => None,
        })
    }

    /// The tag of the dialog that was opened, if one was.
    pub(crate) fn opened(&self) -> Option<String> {
        self.done.iter().rev().find_map(|(_, action)| match action {
            Action::Opened(keys) => keys.dialog.map(|tag| format!("{tag}")),
            _ => None,
        })
    }

    /// What was done since then, in a word or two each. Timers that the next state does not have are
    /// stopped on the way: that goes without saying.
    pub(crate) fn since(&self, then: usize, next: &BTreeSet<Timer>) -> Vec<String> {
        let news = self.done[then..].iter().filter(|(_, action)| match action {
            Action::StartTimer(timer, _) => self.running.contains(timer),
            Action::StopTimer(timer) => !self.running.contains(timer) && next.contains(timer),
            _ => true,
        });
        let news = news.map(|(leg, action)| {
            let short = short(action, self.exact);
            // News is the machine's.
            if *leg == self.about || matches!(action, Action::Tell(_)) {
                short
            } else {
                format!("{}: {short}", (self.named)(*leg))
            }
        });
        let mut counted: Vec<(String, u32)> = Vec::new();
        for news in news {
            match counted.last_mut() {
                Some((last, times)) if *last == news => *times += 1,
                _ => counted.push((news, 1)),
            }
        }
        let counted = counted.into_iter().map(|(news, times)| match times {
            1 => news,
            _ => format!("{times} × {news}"),
        });
        counted.collect()
    }

    /// What is due at the end: no timer runs, and MSRP was given back once if it was ours.
    pub(crate) fn settled(&self) -> Result<(), String> {
        let count = |wanted: fn(&Action) -> bool| {
            let done = self.done.iter().filter(|(leg, _)| *leg == self.about);
            done.filter(|(_, action)| wanted(action)).count()
        };
        let opened = count(|action| matches!(action, Action::OpenMsrp(_)));
        let released = count(|action| matches!(action, Action::ReleaseMsrp));
        if !self.running.is_empty() {
            return Err(format!("{:?} run on", self.running));
        }
        if released != opened.min(1) {
            return Err(format!("MSRP is released {released} times"));
        }
        Ok(())
    }
}

/// An action in a word or two.
fn short(action: &Action, exact: bool) -> String {
    match action {
        Action::StartTimer(timer, after) if exact => match after.subsec_millis() {
            0 => format!("+{timer:?} {} s", after.as_secs()),
            _ => format!("+{timer:?} {} ms", after.as_millis()),
        },
        Action::Opened(_) => "opened".into(),
        Action::SendRequest(request) => request.method.as_str().into(),
        Action::SendAck(_) => "ACK".into(),
        Action::SendCancel(_) => "CANCEL".into(),
        Action::Respond(_, reply) => format!("{}", reply.status.0),
        Action::StartTimer(timer, _) => format!("+{timer:?}"),
        Action::StopTimer(timer) => format!("−{timer:?}"),
        Action::Ask(_, question) => match question {
            Question::Page(_) => "ask about the page".into(),
            Question::Invitation { .. } => "ask about the invitation".into(),
            Question::Access { .. } => "ask for access".into(),
            Question::Dialog { .. } => "ask for the dialog".into(),
            Question::Members { .. } => "ask for members".into(),
        },
        Action::Tell(notice) => match notice {
            Notice::Ringing => "tell Ringing".into(),
            Notice::Outcome(_, _, outcome) => format!("tell {}", outcome_name(outcome)),
            Notice::Refused(_) => "tell Refused".into(),
            Notice::Member(..) => "tell Member".into(),
            Notice::Wanted { .. } => "tell Wanted".into(),
            Notice::Connected => "tell Connected".into(),
            Notice::Disconnected(_) => "tell Disconnected".into(),
            Notice::Begun { .. } => "tell Begun".into(),
            Notice::Data { .. } => "tell Data".into(),
            Notice::Received { .. } => "tell Received".into(),
            Notice::Incomplete { .. } => "tell Incomplete".into(),
            Notice::Missed => "tell Missed".into(),
            Notice::NotForUs(_) => "tell NotForUs".into(),
            Notice::AnswerChanged => "tell AnswerChanged".into(),
            Notice::AnonymityLimited => "tell AnonymityLimited".into(),
        },
        Action::OpenMsrp(open) if open.connect => "connect".into(),
        Action::OpenMsrp(_) => "listen".into(),
        Action::SendChunk(chunk) => match chunk.flag {
            Continuation::Last if chunk.total == Some(0) => "empty SEND".into(),
            Continuation::Last => "SEND `$`".into(),
            Continuation::More => "SEND `+`".into(),
            Continuation::Abandoned => "SEND `#`".into(),
        },
        Action::RespondMsrp(_, status) => format!("{status}"),
        Action::SendReport(report) => format!("REPORT {}", report.status),
        Action::Replace(_) => "replace".into(),
        Action::ReleaseMsrp => "release".into(),
        Action::Closed => "closed".into(),
    }
}

/// How something ended.
pub(crate) fn outcome_name(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refused(status) => format!("Refused {}", status.0),
        Outcome::Failed(Failure::Status(status)) => format!("Failed {}", status.0),
        Outcome::Failed(Failure::Redirected(status)) => format!("Redirected {}", status.0),
        Outcome::Failed(Failure::Msrp(status)) => format!("Failed MSRP {status}"),
        Outcome::Failed(why) => format!("{why:?}"),
        outcome => format!("{outcome:?}"),
    }
}

pub(crate) fn timers() -> impl Iterator<Item = Timer> {
    all!(Timer {
        Timer::Continue => Timer::Continue,
        Timer::Decide => Timer::Decide,
        Timer::Lookup => Timer::Lookup,
        Timer::Patience => Timer::Patience,
        Timer::Ring => Timer::Ring,
        Timer::FinalWait => Timer::FinalWait,
        Timer::Repeat => Timer::Repeat,
        Timer::Bind => Timer::Bind,
        Timer::ChunkResponse => Timer::ChunkResponse,
        Timer::NextChunk => Timer::NextChunk,
        Timer::KeepAlive => Timer::KeepAlive,
        Timer::SuccessReport => Timer::SuccessReport,
        Timer::Delivery => Timer::Delivery,
        Timer::Refresh => Timer::Refresh,
        Timer::Expiry => Timer::Expiry,
        Timer::Retry => Timer::Retry,
    })
    .into_iter()
}

pub(crate) fn methods() -> impl Iterator<Item = Method> {
    all!(Method {
        Method::Invite => Method::Invite,
        Method::Ack => Method::Ack,
        Method::Bye => Method::Bye,
        Method::Cancel => Method::Cancel,
        Method::Message => Method::Message,
        Method::Options => Method::Options,
        Method::Update => Method::Update,
        Method::Prack => Method::Prack,
        Method::Refer => Method::Refer,
        Method::Subscribe => Method::Subscribe,
        Method::Notify => Method::Notify,
        Method::Info => Method::Info,
        Method::Publish => Method::Publish,
        Method::Register => Method::Register,
        Method::Other => Method::Other,
    })
    .into_iter()
}

/// Why a request of ours gets no response.
pub(crate) fn troubles() -> [(&'static str, TxnError); 2] {
    all!(TxnError {
        TxnError::Timeout => ("timeout", TxnError::Timeout),
        TxnError::Transport => ("transport error", TxnError::Transport),
    })
}

pub(crate) fn downs() -> [(&'static str, Down); 3] {
    all!(Down {
        Down::Unreachable => ("unreachable", Down::Unreachable),
        Down::Lost => ("connection lost", Down::Lost),
        Down::Malformed => ("framing lost", Down::Malformed),
    })
}

pub(crate) fn flags() -> [(&'static str, Continuation); 3] {
    all!(Continuation {
        Continuation::Last => ("`$`", Continuation::Last),
        Continuation::More => ("`+`", Continuation::More),
        Continuation::Abandoned => ("`#`", Continuation::Abandoned),
    })
}

pub(crate) fn refusals() -> [(&'static str, Refusal); 5] {
    let status = Status(503);
    all!(Refusal {
        Refusal::Declined => ("refuse: declined", Refusal::Declined),
        Refusal::Blocked => ("refuse: blocked", Refusal::Blocked),
        Refusal::Anonymous => ("refuse: anonymous", Refusal::Anonymous),
        Refusal::NoResources { .. } => ("refuse: no resources, 503", Refusal::NoResources { status, retry_after: None }),
        Refusal::Status(_) => ("refuse: 488", Refusal::Status(Status(488))),
    })
}

/// A dialog of somebody's.
fn view() -> &'static DialogView {
    let uri = || Uri::copy("sip:carol@example.com").unwrap();
    Box::leak(Box::new(DialogView {
        call_id: Bytes::from_static(b"a"),
        local_tag: Bytes::from_static(b"b"),
        remote_tag: Bytes::from_static(b"c"),
        peer: uri(),
        target: uri(),
        stage: Stage::Confirmed,
    }))
}

/// All that the host can answer.
pub(crate) fn answers() -> Vec<(&'static str, Answer<'static>)> {
    let access = Access {
        exists: true,
        allowed: true,
        anonymity: true,
    };
    let answers = all!(Answer<'static> {
        Answer::Accept => Vec::from([("accept", Answer::Accept)]),
        Answer::Refuse(_) => {
            let refusals = refusals().into_iter();
            refusals.map(|(name, refusal)| (name, Answer::Refuse(refusal))).collect()
        },
        Answer::Access(_) => Vec::from([("access", Answer::Access(access))]),
        Answer::Dialog(_) => Vec::from(all!(Found<'static> {
            Found::Nothing => ("no dialog", Answer::Dialog(Found::Nothing)),
            Found::Over => ("a dialog that is over", Answer::Dialog(Found::Over)),
            Found::Dialog(_) => ("another dialog", Answer::Dialog(Found::Dialog(view()))),
        })),
        Answer::Members(_) => Vec::from([("members", Answer::Members(Ok(&[])))]),
    });
    answers.into_iter().flatten().collect()
}
