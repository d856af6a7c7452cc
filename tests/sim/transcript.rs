//! Plays a transcript: a call flow as text, against a fresh machine. `docs/transcripts.md` is the
//! format.
//!
//! Nothing here needs the rest of the simulator, so that the example `replay` can use it as it is.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use simple_im::driver::TimerQueue;
use simple_im::wire::msrp::Decoder;
use simple_im::{
    Access, Action, Actions, Answer, AskId, ChunkId, ClientTxn, Config, Content, Context,
    Controlling, CopyControl, DialogView, Draft, Entropy, Event, FailureReport, Found, Head, LegId,
    LookupError, Machine, MachineId, Method, Originating, Outgoing, PathKnowledge, Question,
    Recipient, Refusal, Reply, ServerTxn, Stage, Status, Target, Terminating, Timer, TxnError, Uri,
};

#[path = "transcript/compare.rs"]
mod compare;
#[path = "transcript/msrp.rs"]
mod msrp;
#[path = "transcript/pattern.rs"]
pub mod pattern;
#[path = "transcript/seen.rs"]
pub mod seen;
#[path = "transcript/settings.rs"]
pub mod settings;
#[path = "transcript/sip.rs"]
mod sip;
#[path = "transcript/text.rs"]
pub mod text;

use pattern::{Names, fill};
use seen::{Past, Seen, Subject};
use settings::{Role, Settings, Value, kebab, words};
use text::{Script, Step, Way};

/// What is wrong, and on which line of the transcript.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub line: usize,
    pub text: String,
}

impl Trouble {
    pub fn new(line: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { line, text }
    }

    /// As people read it: `FILE:LINE: what`.
    pub fn of(&self, file: &str) -> String {
        format!("{file}:{}: {}", self.line, self.text)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Plays a transcript.
///
/// # Errors
///
/// The first thing that is not as the transcript says, or a mistake in the transcript.
pub fn play(text: &str) -> Result<(), Trouble> {
    let script = Script::read(text)?;
    let mut player = Player::new(Settings::read(&script.settings)?);
    for group in groups(&script.steps)? {
        player.enter(&group[0])?;
        player.expect(group)?;
    }
    Ok(())
}

/// The transcript with those expectations replaced that do not come true.
///
/// # Errors
///
/// A mistake in the transcript, or a step that cannot be played any more.
pub fn blessed(text: &str) -> Result<String, Trouble> {
    let script = Script::read(text)?;
    let mut player = Player::new(Settings::read(&script.settings)?);
    let mut lines: Vec<Option<String>> = text.lines().map(|line| Some(line.into())).collect();
    for group in groups(&script.steps)? {
        player.enter(&group[0])?;
        let mut trial = player.clone_marks();
        if trial.check(group).is_ok() {
            player.keep(trial);
            continue;
        }
        let blessed = player.bless(&group[1..]);
        for step in &group[1..] {
            lines[step.line.number - 1..step.line.last].fill(None);
        }
        let place = group[0].line.last - 1;
        let own = lines[place].take().unwrap_or_default();
        lines[place] = Some([vec![own], blessed].concat().join("\n"));
    }
    let mut out: String = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
    out.push('\n');
    Ok(out)
}

/// Reads one step without playing it, for the documentation's examples.
///
/// # Errors
///
/// It is no step.
pub fn read_step(line: &str) -> Result<Step, Trouble> {
    let script = Script::read(&format!("{line}\n"))?;
    let step = script.steps.into_iter().next();
    step.ok_or(Trouble::new(1, "no step"))
}

/// Each step into the machine with the expectations that follow it.
fn groups(steps: &[Step]) -> Result<Vec<&[Step]>, Trouble> {
    if let Some(first) = steps.first().filter(|step| step.way == Way::Out) {
        return Err(first.trouble("nothing can be expected before anything has happened"));
    }
    let starts: Vec<usize> = (0..steps.len())
        .filter(|place| steps[*place].way == Way::In)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([steps.len()]);
    Ok(starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &steps[*start..end])
        .collect())
}

enum Actor {
    Originating(Originating),
    Terminating(Terminating),
    Controlling(Controlling),
}

impl Actor {
    fn machine(&mut self) -> &mut dyn Machine {
        match self {
            Self::Originating(machine) => machine,
            Self::Terminating(machine) => machine,
            Self::Controlling(machine) => machine,
        }
    }
}

/// The same numbers for every run with the same seed (xorshift64*).
struct Dice(u64);

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// A leg's dialog, as its peer would write it.
#[derive(Clone, Debug)]
struct Dialog {
    call_id: String,
    /// From and To of the peer's requests.
    from: String,
    to: String,
    /// The CSeq of the peer's last request, and of its INVITE.
    cseq: u32,
    invite: u32,
}

/// What came in over a leg's MSRP connection.
#[derive(Default)]
struct Stream {
    decoder: Decoder,
    input: BytesMut,
    /// The transaction of the SEND that was begun last.
    open: String,
}

/// What a name stands for.
type Marks = (Names, BTreeMap<String, Thing>, VecDeque<Seen>);
type Thing = (LegId, Subject);

struct Player {
    settings: Settings,
    machine: Actor,
    dice: Dice,
    actions: Actions,
    timers: TimerQueue<Duration>,
    now: Duration,
    /// What was done and not expected yet.
    pending: VecDeque<Seen>,
    names: Names,
    things: BTreeMap<String, Thing>,
    past: Memory,
    dialogs: BTreeMap<LegId, Dialog>,
    streams: BTreeMap<LegId, Stream>,
    calls: u32,
    frames: u32,
}

/// What has passed.
#[derive(Default)]
struct Memory {
    heard: Vec<(LegId, Method, Head)>,
    sent: Vec<(LegId, Outgoing)>,
    asked: Vec<(LegId, AskId, Option<Uri>)>,
    chunks: Vec<(LegId, ChunkId)>,
    unwritten: Vec<(LegId, ChunkId)>,
    messages: BTreeMap<LegId, String>,
    paths: BTreeMap<LegId, (Bytes, Bytes)>,
}

impl Past for Memory {
    fn heard(&self, txn: ServerTxn) -> Option<&Head> {
        let place = usize::try_from(txn.0).ok()?.checked_sub(1)?;
        self.heard.get(place).map(|(.., head)| head)
    }

    fn sent(&self, leg: LegId, txn: ClientTxn) -> Option<&Outgoing> {
        let sent = self.sent.iter().rev();
        let mut of = sent.filter(|(of, request)| *of == leg && request.txn == txn);
        of.next().map(|(_, request)| request)
    }

    fn paths(&self, leg: LegId) -> (Bytes, Bytes) {
        self.paths.get(&leg).cloned().unwrap_or_default()
    }
}

/// Continuations in a row, after which a machine counts as one that never comes to rest.
const RESTLESS: usize = 1_000_000;
const MACHINE: MachineId = MachineId(0);

type Done = Result<(), String>;

impl Player {
    fn new(settings: Settings) -> Self {
        let machine = match settings.role {
            Role::Originating => Actor::Originating(Originating::new()),
            Role::Terminating => Actor::Terminating(Terminating::new()),
            Role::Controlling => Actor::Controlling(Controlling::new()),
        };
        let first = ("first".to_string(), (LegId::FIRST, Subject::Leg));
        let new = ("new".to_string(), (LegId::NEW, Subject::Leg));
        Self {
            machine,
            dice: Dice(settings.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            actions: Actions::new(),
            timers: TimerQueue::new(),
            now: Duration::ZERO,
            pending: VecDeque::new(),
            names: settings.texts.clone(),
            things: BTreeMap::from([first, new]),
            past: Memory::default(),
            dialogs: BTreeMap::new(),
            streams: BTreeMap::new(),
            calls: 0,
            frames: 0,
            settings,
        }
    }

    /// Plays one step into the machine.
    fn enter(&mut self, step: &Step) -> Result<(), Trouble> {
        shape(step).map_err(|why| step.trouble(why))?;
        let took = match step.word(0) {
            "send" => self.send(step),
            "cancel" => self.cancel(step),
            "close" => {
                self.call(|machine, cx| machine.machine().close(cx));
                Ok(())
            }
            "sip" => self.sip(step),
            "failed" => self.failed(step),
            "answer" => self.answer(step),
            "timer" => self.timer(step),
            "after" => self.after(step),
            "msrp" => self.msrp(step),
            other => Err(format!("nothing called `{other}` goes into a machine")),
        };
        took.and_then(|()| self.due(self.now))
            .map_err(|why| step.trouble(why))
    }

    fn call<R>(&mut self, run: impl FnOnce(&mut Actor, &mut Context<'_>) -> R) -> R {
        let config: &Config = &self.settings.config;
        let mut cx = Context::new(config, &mut self.dice, &mut self.actions);
        let result = run(&mut self.machine, &mut cx);
        let did: Vec<_> = self.actions.drain().collect();
        for (leg, action) in did {
            self.perform(leg, &action);
        }
        result
    }

    fn handle(&mut self, leg: LegId, event: Event<'_>) {
        self.call(|machine, cx| machine.machine().handle(leg, event, cx));
    }

    /// Does what a driver would do, and notes it.
    fn perform(&mut self, leg: LegId, action: &Action) {
        match action {
            Action::SendRequest(request) => self.past.sent.push((leg, request.clone())),
            Action::StartTimer(timer, after) => {
                self.timers.start((MACHINE, leg, *timer), self.now, *after);
            }
            Action::StopTimer(timer) => self.timers.stop((MACHINE, leg, *timer)),
            Action::Ask(ask, question) => {
                let group = match question {
                    Question::Members { group } => Some(group.clone()),
                    _ => None,
                };
                self.past.asked.push((leg, *ask, group));
            }
            Action::OpenMsrp(open) => {
                let paths = (open.peer.clone(), open.own.clone());
                self.past.paths.insert(leg, paths);
            }
            Action::SendChunk(chunk) => {
                self.past.chunks.push((leg, chunk.id));
                self.past.unwritten.push((leg, chunk.id));
                self.past.messages.insert(leg, chunk.message.to_string());
            }
            Action::Respond(txn, reply) => self.answered(leg, *txn, reply),
            Action::Opened(_)
            | Action::Replace(_)
            | Action::SendAck(_)
            | Action::SendCancel(_)
            | Action::Tell(_)
            | Action::RespondMsrp(..)
            | Action::SendReport(_)
            | Action::ReleaseMsrp
            | Action::Closed => {}
        }
        let seen = Seen::new(leg, action, &self.past);
        self.pending.push_back(seen);
    }

    /// The tag that our answer to an INVITE gives is the peer's way into the dialog.
    fn answered(&mut self, leg: LegId, txn: ServerTxn, reply: &Reply) {
        let (Some(head), Some(tag)) = (self.past.heard(txn), reply.tag) else {
            return;
        };
        if head.cseq_method() != Method::Invite {
            return;
        }
        let header = |name| head.header(name).unwrap_or_default().to_string();
        let dialog = Dialog {
            call_id: head.call_id().to_string(),
            from: header("From"),
            to: format!("{};tag={tag}", header("To")),
            cseq: head.cseq(),
            invite: head.cseq(),
        };
        self.dialogs.entry(leg).or_insert(dialog);
    }

    /// Fires what is due up to `until`, in order.
    fn due(&mut self, until: Duration) -> Done {
        for _ in 0..RESTLESS {
            match self.timers.deadline() {
                Some(deadline) if deadline <= until => self.now = self.now.max(deadline),
                _ => {
                    self.now = until;
                    return Ok(());
                }
            }
            if let Some((_, leg, timer)) = self.timers.pop(self.now) {
                self.handle(leg, Event::Timer(timer));
            }
        }
        Err("the machine never comes to rest".into())
    }

    fn after(&mut self, step: &Step) -> Done {
        let time = Duration::read(step.word(1))?;
        self.due(self.now + time)
    }

    fn timer(&mut self, step: &Step) -> Done {
        let timer = Timer::read(step.word(1))?;
        let leg = self.leg(step)?;
        self.timers.stop((MACHINE, leg, timer));
        self.handle(leg, Event::Timer(timer));
        Ok(())
    }

    fn send(&mut self, step: &Step) -> Done {
        let Actor::Originating(_) = self.machine else {
            return Err("only an originating client sends".into());
        };
        let draft = self.draft(step)?;
        let sent = self.call(|machine, cx| match machine {
            Actor::Originating(machine) => machine.send(draft, cx).err(),
            Actor::Terminating(_) | Actor::Controlling(_) => None,
        });
        if let Some(misuse) = sent {
            self.note(&format!("misuse {}", words(&misuse)));
        }
        Ok(())
    }

    fn cancel(&mut self, _: &Step) -> Done {
        let Actor::Originating(_) = self.machine else {
            return Err("only an originating client cancels".into());
        };
        let taken = self.call(|machine, cx| match machine {
            Actor::Originating(machine) => machine.cancel(cx).err(),
            Actor::Terminating(_) | Actor::Controlling(_) => None,
        });
        if let Some(misuse) = taken {
            self.note(&format!("misuse {}", words(&misuse)));
        }
        Ok(())
    }

    fn draft(&self, step: &Step) -> Result<Draft, String> {
        let (head, body) = step.halves();
        let body: Vec<_> = body.iter().map(|(_, text)| text.as_str()).collect();
        let body = fill(&body.join("\n"), &self.names)?.replace('\n', "\r\n");
        let mut content = Content::text(&body);
        let (mut one, mut list, mut group) = (None, Vec::new(), None);
        if let Some(uri) = step.words.get(1) {
            one = Some(Uri::read(uri)?);
        }
        let mut options = Vec::new();
        for (_, line) in head {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            match name {
                "list" => list.push(recipient(value)?),
                "group" => group = Some(Uri::read(value)?),
                "type" => content.kind = Bytes::copy_from_slice(value.as_bytes()),
                "attachment" => content.attachment = true,
                _ => options.push((name, value)),
            }
        }
        let target = match (one, list.is_empty(), group) {
            (Some(uri), true, None) => Target::One(uri),
            (None, false, None) => Target::List(list),
            (None, true, Some(group)) => Target::Group(group),
            _ => return Err("a message goes to one URI, to a list or to a group".into()),
        };
        let mut draft = Draft::new(target, content);
        for option in options {
            match option {
                ("anonymous", "") => draft.anonymous = true,
                ("path", "safe") => draft.path = PathKnowledge::CongestionSafeEndToEnd,
                ("path", "unknown") => draft.path = PathKnowledge::Unknown,
                ("success-report", value) => draft.success_report = bool::read(value)?,
                ("failure-report", value) => draft.failure_report = failure_report(value)?,
                (name, value) => return Err(format!("`{name} {value}` says nothing of a message")),
            }
        }
        Ok(draft)
    }

    fn failed(&mut self, step: &Step) -> Done {
        let why = match step.word(1) {
            "timeout" => TxnError::Timeout,
            "transport" => TxnError::Transport,
            other => return Err(format!("`{other}` is neither `timeout` nor `transport`")),
        };
        let (leg, request) = self.request_of(step)?;
        self.handle(leg, Event::TxnFailed(request.txn, why));
        Ok(())
    }

    fn answer(&mut self, step: &Step) -> Done {
        let (leg, ask, group) = match self.thing(step.to.as_deref())? {
            Some((leg, Subject::Asked(ask))) => {
                let mut asked = self.past.asked.iter().rev();
                let group = asked.find(|(of, own, _)| *own == ask && *of == leg);
                (leg, ask, group.and_then(|(.., group)| group.clone()))
            }
            Some(_) => return Err("the name is not that of a question".into()),
            None => {
                let asked = self.past.asked.last();
                asked.cloned().ok_or("nothing has been asked")?
            }
        };
        let members: Vec<Uri>;
        let dialog: DialogView;
        let answer = match (step.word(1), step.word(2)) {
            ("accept", _) => Answer::Accept,
            ("refuse", why) => Answer::Refuse(match why {
                "declined" => Refusal::Declined,
                "blocked" => Refusal::Blocked,
                "anonymous" => Refusal::Anonymous,
                "no-resources" => Refusal::NoResources {
                    status: Status::read(step.word(3))?,
                    retry_after: match step.word(4) {
                        "" => None,
                        seconds => Some(u32::read(seconds)?),
                    },
                },
                "status" => Refusal::Status(Status::read(step.word(3))?),
                other => return Err(format!("no reason `{other}`")),
            }),
            ("access", _) => {
                let says = |fact: &str| step.words[2..].iter().any(|word| word == fact);
                let known = ["exists", "allowed", "anonymity"];
                let stray = step.words[2..].iter();
                if let Some(stray) = { stray }.find(|word| !known.contains(&word.as_str())) {
                    return Err(format!("access rules know nothing of `{stray}`"));
                }
                Answer::Access(Access {
                    exists: says("exists"),
                    allowed: says("allowed"),
                    anonymity: says("anonymity"),
                })
            }
            ("dialog", "none") => Answer::Dialog(Found::Nothing),
            ("dialog", "gone") => Answer::Dialog(Found::Over),
            ("dialog", stage) => {
                dialog = self.named(stage, step.word(3))?;
                Answer::Dialog(Found::Dialog(&dialog))
            }
            ("members", "not-found") => Answer::Members(Err(LookupError::NotFound)),
            ("members", "forbidden") => Answer::Members(Err(LookupError::Forbidden)),
            ("members", "unavailable") => Answer::Members(Err(LookupError::Unavailable)),
            ("members", "") => {
                let group = group.ok_or("the question is not about a group")?;
                let known = self.settings.groups.iter();
                let known = { known }.find(|(uri, _)| *uri == group);
                members = known
                    .ok_or(format!("no setting `group {group} = …`"))?
                    .1
                    .clone();
                Answer::Members(Ok(&members))
            }
            ("members", _) => {
                let uris = step.words[2..].iter().map(|uri| Uri::read(uri));
                members = uris.collect::<Result<_, _>>()?;
                Answer::Members(Ok(&members))
            }
            (other, _) => return Err(format!("no answer `{other}`")),
        };
        self.handle(leg, Event::Answer(ask, answer));
        Ok(())
    }

    /// The dialog that the last request with a Replaces names, at this stage and with this peer.
    fn named(&self, stage: &str, peer: &str) -> Result<DialogView, String> {
        let stages = [Stage::Calling, Stage::Called, Stage::Confirmed, Stage::Over];
        let mut found = stages
            .into_iter()
            .filter(|own| kebab(&format!("{own:?}")) == stage);
        let mut heard = self.past.heard.iter().rev();
        let replaces = heard.find_map(|(.., head)| head.replaces().ok().flatten());
        let replaces = replaces.ok_or("nothing is to be replaced")?;
        let peer = Uri::read(peer)?;
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Ok(DialogView {
            call_id: bytes(replaces.call_id),
            local_tag: bytes(replaces.to_tag),
            remote_tag: bytes(replaces.from_tag),
            target: peer.clone(),
            peer,
            stage: found.next().ok_or(format!("no stage `{stage}`"))?,
        })
    }

    fn thing(&self, name: Option<&str>) -> Result<Option<Thing>, String> {
        let Some(name) = name else {
            return Ok(None);
        };
        let thing = self.things.get(name).cloned();
        thing.map(Some).ok_or(format!("nothing is called `{name}`"))
    }

    /// The leg that a step is about.
    fn leg(&self, step: &Step) -> Result<LegId, String> {
        let named = step.on.as_deref().or(step.to.as_deref());
        Ok(self.thing(named)?.map_or(LegId::FIRST, |(leg, _)| leg))
    }

    /// The request of the machine's that a step is about: the last one, if it has no name.
    fn request_of(&self, step: &Step) -> Result<(LegId, Outgoing), String> {
        match self.thing(step.to.as_deref())? {
            Some((leg, Subject::Sent(request))) => Ok((leg, *request)),
            Some(_) => Err("the name is not that of a request".into()),
            None => {
                let leg = self.thing(step.on.as_deref())?.map(|(leg, _)| leg);
                let mut sent = self.past.sent.iter().rev();
                let found = sent.find(|(of, _)| leg.is_none_or(|leg| leg == *of));
                found.cloned().ok_or("nothing has been sent".into())
            }
        }
    }

    /// Notes what no machine did, but what a transcript can expect all the same.
    fn note(&mut self, what: &str) {
        self.pending.push_back(Seen::plain(LegId::FIRST, what));
    }
}

/// How many words a step may have, and whether lines may belong to it: who writes more means more.
fn shape(step: &Step) -> Done {
    let (words, lines) = match (step.word(0), step.word(1)) {
        ("send", _) => (2, true),
        ("sip", status) if status.starts_with(|c: char| c.is_ascii_digit()) => (2, true),
        ("sip", _) => (3, true),
        ("answer", "access" | "members") => (usize::MAX, false),
        ("answer", "refuse") => (5, false),
        ("answer", "dialog") => (4, false),
        ("msrp", "") => (1, true),
        ("msrp", "SEND" | "REPORT") => (4, true),
        ("msrp", "octets") => (3, true),
        ("msrp", "end") => (3, false),
        ("cancel" | "close", _) => (1, false),
        _ => (2, false),
    };
    if let Some(stray) = step.words.get(words) {
        return Err(format!("`{stray}` is one word too many"));
    }
    match lines || step.line.block.is_empty() {
        true => Ok(()),
        false => Err("no lines belong to such a step".into()),
    }
}

fn recipient(line: &str) -> Result<Recipient, String> {
    let mut words = line.split_whitespace();
    let uri = Uri::read(words.next().unwrap_or_default())?;
    let mut recipient = Recipient::new(uri);
    for word in words {
        match word {
            "copy=to" => recipient.copy = Some(CopyControl::To),
            "copy=cc" => recipient.copy = Some(CopyControl::Cc),
            "copy=bcc" => recipient.copy = Some(CopyControl::Bcc),
            "anonymize" => recipient.anonymize = true,
            "group" => recipient.group = true,
            _ => return Err(format!("`{word}` says nothing of a recipient")),
        }
    }
    Ok(recipient)
}

fn failure_report(text: &str) -> Result<FailureReport, String> {
    let all = [
        FailureReport::Yes,
        FailureReport::Partial,
        FailureReport::No,
    ];
    let found = all
        .into_iter()
        .find(|own| kebab(&format!("{own:?}")) == text);
    found.ok_or(format!("`{text}` is not `yes`, `partial` or `no`"))
}
