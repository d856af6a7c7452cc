//! What a machine did, as a transcript writes it.

use bytes::{Bytes, BytesMut};
use simple_im::wire::msrp::{write_report, write_send};
use simple_im::wire::sip::{cancel_of, write_request, write_response};
use simple_im::{
    Action, Arrival, AskId, Chunk, ChunkId, ClientTxn, Continuation, Head, Keys, LegId, Marks,
    MsrpTxn, Notice, OpenMsrp, Outgoing, Question, ServerTxn, Uri,
};

use super::pattern::{Names, matches};
use super::settings::{time, timer_name, words};
use super::text::Step;

/// One thing that was done.
#[derive(Clone, Debug)]
pub struct Seen {
    pub leg: LegId,
    /// What was done: `msrp SEND 1-2048/3000 +`.
    pub words: Vec<String>,
    /// Facts about it: `peer=msrp://…`.
    pub facts: Vec<(&'static str, String)>,
    /// The message, if there is one.
    pub message: Option<Text>,
    pub subject: Subject,
}

/// What an action is about, and what a name given to it stands for.
#[derive(Clone, Debug)]
pub enum Subject {
    Leg,
    Timer,
    Sent(Box<Outgoing>),
    Cancelled(ClientTxn),
    Heard(ServerTxn),
    Asked(AskId),
    Chunk(ChunkId),
    Frame(MsrpTxn),
}

/// A message: header lines and a body.
#[derive(Clone, Debug, Default)]
pub struct Text {
    pub head: Vec<(String, String)>,
    pub body: Bytes,
}

/// What must be known to write an action as a message.
pub trait Past {
    /// The head of a request that arrived.
    fn heard(&self, txn: ServerTxn) -> Option<&Head>;
    /// A request that was sent.
    fn sent(&self, leg: LegId, txn: ClientTxn) -> Option<&Outgoing>;
    /// The paths of a leg's MSRP session, the peer's and ours.
    fn paths(&self, leg: LegId) -> (Bytes, Bytes);
}

impl Seen {
    /// Writes an action. Every action has its line here: a new one must get one before this compiles.
    pub fn new(leg: LegId, action: &Action, past: &impl Past) -> Self {
        let seen = |what: &str| Self::plain(leg, what);
        match action {
            Action::Opened(keys) => opened(leg, *keys),
            Action::SendRequest(request) | Action::SendAck(request) => {
                let what = format!("sip {} {}", request.method.as_str(), request.target);
                let mut out = BytesMut::new();
                write_request(&mut out, request, "");
                seen(&what)
                    .saying(Text::read(&out))
                    .about(Subject::Sent(Box::new(request.clone())))
            }
            Action::SendCancel(txn) => {
                let mut out = BytesMut::new();
                let mut target = String::new();
                if let Some(invite) = past.sent(leg, *txn) {
                    cancel_of(&mut out, invite, "");
                    target = invite.target.to_string();
                }
                seen(&format!("sip CANCEL {target}"))
                    .saying(Text::read(&out))
                    .about(Subject::Cancelled(*txn))
            }
            Action::Respond(txn, reply) => {
                let mut out = BytesMut::new();
                if let Some(request) = past.heard(*txn) {
                    write_response(&mut out, reply, request);
                }
                seen(&format!("sip {}", reply.status))
                    .saying(Text::read(&out))
                    .about(Subject::Heard(*txn))
            }
            Action::StartTimer(timer, after) => {
                let what = format!("start {} {}", timer_name(*timer), time(*after));
                seen(&what).about(Subject::Timer)
            }
            Action::StopTimer(timer) => {
                seen(&format!("stop {}", timer_name(*timer))).about(Subject::Timer)
            }
            Action::Ask(ask, question) => asked(leg, question).about(Subject::Asked(*ask)),
            Action::Tell(notice) => told(leg, notice),
            Action::OpenMsrp(open) => msrp_open(leg, open),
            Action::SendChunk(chunk) => msrp_send(leg, chunk, past),
            Action::RespondMsrp(txn, status) => {
                seen(&format!("msrp {status}")).about(Subject::Frame(*txn))
            }
            Action::SendReport(report) => {
                let (peer, own) = past.paths(leg);
                let mut out = BytesMut::new();
                write_report(&mut out, "report", &peer, &own, report);
                let total = number(report.total);
                let (start, end, status) = (report.start, report.end, report.status);
                seen(&format!("msrp REPORT {start}-{end}/{total} {status}"))
                    .saying(Text::read(&out))
            }
            Action::Replace(tag) => seen(&format!("replace {tag}")),
            Action::ReleaseMsrp => seen("msrp release"),
            Action::Closed => seen("closed"),
        }
    }

    /// Something with nothing but words.
    pub fn plain(leg: LegId, what: &str) -> Self {
        Self {
            leg,
            words: what.split_whitespace().map(Into::into).collect(),
            facts: Vec::new(),
            message: None,
            subject: Subject::Leg,
        }
    }

    fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    fn saying(mut self, text: Text) -> Self {
        self.message = Some(text);
        self
    }

    fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    pub fn is_timer(&self) -> bool {
        matches!(self.subject, Subject::Timer)
    }

    /// The line that a transcript has for it.
    pub fn line(&self) -> String {
        let random = |name: &str| matches!(name, "dialog" | "msrp" | "id" | "own");
        let mut line = format!("< {}", self.words.join(" "));
        for (name, value) in self.facts.iter().filter(|(name, _)| !random(name)) {
            line += &format!(" {name}={value}");
        }
        line
    }

    /// All that is known of it, for people.
    pub fn full(&self) -> String {
        let mut out = format!("    < {}", self.words.join(" "));
        for (name, value) in &self.facts {
            out += &format!(" {name}={value}");
        }
        out += "\n";
        let Some(text) = &self.message else {
            return out;
        };
        for (name, value) in &text.head {
            out += &format!("        {name}: {}\n", shortened(value));
        }
        if !text.body.is_empty() {
            out += "\n";
        }
        for line in text.lines() {
            out += &format!("        {}\n", shortened(&line));
        }
        out
    }

    /// Compares with what was expected; names are bound where all fits. `Err`: the lines of the
    /// expectation, marked where they differ.
    pub fn compare(&self, step: &Step, names: &mut Names) -> Result<(), String> {
        let mut bound = names.clone();
        let mut marked = String::new();
        let mut good = true;
        let mut mark = |fits: bool, indent: &str, wanted: &str, found: &[String]| {
            good &= fits;
            let sign = if fits { ' ' } else { '-' };
            marked += &format!("  {sign} {indent}{}\n", shortened(wanted));
            for line in found.iter().filter(|_| !fits) {
                marked += &format!("  + {indent}{}\n", shortened(line));
            }
        };
        let first = self.first_line_fits(step, &mut bound);
        let own = self.line();
        mark(first, "", &step.line.text, &[own]);
        let empty = Text::default();
        let text = self.message.as_ref().unwrap_or(&empty);
        let (head, body) = step.halves();
        for (_, wanted) in head {
            let (fits, found) = text.has(wanted, &mut bound);
            mark(fits, "    ", wanted, &found);
        }
        if !body.is_empty() {
            let lines = text.lines();
            for place in 0..body.len().max(lines.len()) {
                match (body.get(place), lines.get(place)) {
                    (Some((_, wanted)), Some(line)) => {
                        let fits = matches(wanted, line, &mut bound);
                        mark(fits, "    ", wanted, std::slice::from_ref(line));
                    }
                    (Some((_, wanted)), None) => mark(false, "    ", wanted, &[]),
                    (None, Some(line)) => {
                        mark(false, "    ", "(the body ends)", std::slice::from_ref(line));
                    }
                    (None, None) => {}
                }
            }
        }
        if !good {
            return Err(marked);
        }
        *names = bound;
        Ok(())
    }

    fn first_line_fits(&self, step: &Step, names: &mut Names) -> bool {
        let mut own = self.words.iter();
        for word in &step.words {
            let fact = word.split_once('=').and_then(|(name, wanted)| {
                let fact = self.facts.iter().find(|(own, _)| *own == name)?;
                Some((wanted, &fact.1))
            });
            let fits = match fact {
                Some((wanted, value)) => matches(wanted, value, names),
                None => own.next().is_some_and(|own| matches(word, own, names)),
            };
            if !fits {
                return false;
            }
        }
        true
    }
}

impl Text {
    /// Reads a message that was written: a start line, header lines, and perhaps a body.
    fn read(octets: &[u8]) -> Self {
        let text = String::from_utf8_lossy(octets);
        let (head, _) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let at = (head.len() + 4).min(octets.len());
        let lines = head.split_once("\r\n").map_or("", |(_, lines)| lines);
        Self::of(lines, Bytes::copy_from_slice(&octets[at..]))
    }

    fn of(lines: &str, body: Bytes) -> Self {
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_string(), value.trim().to_string()))
        };
        Self {
            head: lines.split("\r\n").filter_map(field).collect(),
            body,
        }
    }

    /// The lines of the body.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.body);
        let mut lines: Vec<String> = text.split("\r\n").map(Into::into).collect();
        if lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// The lines of the session description in the body.
    fn sdp(&self) -> Vec<String> {
        let lines = self.lines();
        let described = |line: &String| line.eq_ignore_ascii_case("content-type: application/sdp");
        let Some(place) = lines.iter().position(described) else {
            return lines;
        };
        let part = lines.into_iter().skip(place + 1);
        part.take_while(|line| !line.starts_with("--")).collect()
    }

    /// Whether one line of an expectation is so, and what is there instead.
    fn has(&self, wanted: &str, names: &mut Names) -> (bool, Vec<String>) {
        let (not, wanted) = match wanted.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, wanted),
        };
        let (found, near) = if let Some(pattern) = wanted.strip_prefix("sdp ") {
            any(pattern, &self.sdp(), names)
        } else if let Some(pattern) = wanted.strip_prefix("body ") {
            any(pattern, &self.lines(), names)
        } else if let Some(length) = wanted.strip_prefix("length ") {
            let own = self.body.len().to_string();
            (matches(length, &own, names), vec![format!("length {own}")])
        } else {
            let (name, pattern) = wanted.split_once(':').unwrap_or((wanted, "*"));
            let own = self
                .head
                .iter()
                .filter(|(own, _)| own.eq_ignore_ascii_case(name));
            let own: Vec<String> = own.map(|(_, value)| value.clone()).collect();
            let (found, near) = any(pattern.trim(), &own, names);
            let near = near.iter().map(|value| format!("{name}: {value}"));
            (found, near.collect())
        };
        (found != not, near)
    }
}

/// Whether one of the lines is as the pattern says; else those that come near, which are all if none
/// begins alike.
fn any(pattern: &str, lines: &[String], names: &mut Names) -> (bool, Vec<String>) {
    if let Some(line) = lines.iter().find(|line| matches(pattern, line, names)) {
        return (true, vec![line.clone()]);
    }
    let begin = pattern.split([':', '=', '*', '$']).next();
    let alike = |line: &&String| begin.is_some_and(|begin| line.starts_with(begin));
    let mut near: Vec<String> = lines.iter().filter(alike).take(3).cloned().collect();
    if near.is_empty() && lines.len() <= 3 {
        near = lines.to_vec();
    }
    (false, near)
}

fn opened(leg: LegId, keys: Keys) -> Seen {
    let mut seen = Seen::plain(leg, "open");
    if let Some(tag) = keys.dialog {
        seen = seen.fact("dialog", tag);
    }
    if let Some(id) = keys.msrp {
        seen = seen.fact("msrp", id);
    }
    seen
}

fn asked(leg: LegId, question: &Question) -> Seen {
    let none = |uri: &Option<Uri>| uri.as_ref().map_or("none".into(), Uri::to_string);
    match question {
        Question::Page(arrival) => arrived(Seen::plain(leg, "ask page"), arrival),
        Question::Invitation { arrival, size } => {
            let seen = Seen::plain(leg, "ask invitation").fact("size", number(*size));
            arrived(seen, arrival)
        }
        Question::Access {
            originator,
            also,
            target,
            anonymous,
        } => Seen::plain(leg, "ask access")
            .fact("originator", none(originator))
            .fact("also", none(also))
            .fact("target", target)
            .fact("anonymous", yes(*anonymous)),
        Question::Dialog { tag, remote_tag } => Seen::plain(leg, "ask dialog")
            .fact("tag", tag)
            .fact("remote-tag", String::from_utf8_lossy(remote_tag)),
        Question::Members { group } => Seen::plain(leg, "ask members").fact("group", group),
        other => Seen::plain(leg, &format!("ask {}", words(other))),
    }
}

fn arrived(seen: Seen, arrival: &Arrival) -> Seen {
    let Marks {
        anonymous,
        indirect,
        attachment,
        replaces,
        ..
    } = arrival.marks;
    let head = String::from_utf8_lossy(&arrival.head).into_owned();
    seen.fact("sender", &arrival.sender)
        .fact("anonymous", yes(anonymous))
        .fact("indirect", yes(indirect))
        .fact("attachment", yes(attachment))
        .fact("replaces", yes(replaces))
        .saying(Text::of(&head, arrival.body.clone()))
}

fn told(leg: LegId, notice: &Notice) -> Seen {
    let tell = |what: &str| Seen::plain(leg, &format!("tell {what}"));
    match notice {
        Notice::Outcome(message, recipient, outcome) => {
            tell(&format!("outcome {}", words(outcome)))
                .fact("recipient", recipient.0)
                .fact("message", message.0)
        }
        Notice::Member(recipient, uri) => {
            tell(&format!("member {uri}")).fact("recipient", recipient.0)
        }
        Notice::Data {
            message,
            offset,
            octets,
        } => tell("data")
            .fact("message", message.0)
            .fact("offset", offset)
            .fact("length", octets.len())
            .saying(Text::of("", octets.clone())),
        Notice::Received {
            message,
            mime,
            whole,
            size,
        } => {
            let mime = String::from_utf8_lossy(mime).into_owned();
            tell("received")
                .fact("message", message.0)
                .fact("size", size)
                .saying(Text::of(&mime, whole.clone()))
        }
        Notice::Incomplete {
            message,
            received,
            total,
        } => tell("incomplete")
            .fact("message", message.0)
            .fact("received", received)
            .fact("total", number(*total)),
        Notice::Wanted {
            message,
            offset,
            octets,
        } => tell("wanted")
            .fact("message", message.0)
            .fact("offset", offset)
            .fact("octets", octets),
        Notice::Begun { message, total, .. } => tell("begun")
            .fact("message", message.0)
            .fact("total", number(*total)),
        Notice::Refused(response) => {
            let lines = String::from_utf8_lossy(response.head.lines()).into_owned();
            tell(&format!("refused {}", response.status))
                .saying(Text::of(&lines, response.body.whole().clone()))
        }
        Notice::NotForUs(txn) => tell("not-for-us").about(Subject::Heard(*txn)),
        plain @ (Notice::Ringing
        | Notice::Missed
        | Notice::AnswerChanged
        | Notice::AnonymityLimited) => tell(&words(plain)),
        other => tell(&words(other)),
    }
}

fn msrp_open(leg: LegId, open: &OpenMsrp) -> Seen {
    let what = if open.connect { "connect" } else { "listen" };
    let path = |path: &Bytes| match path.is_empty() {
        true => "none".to_string(),
        false => String::from_utf8_lossy(path).replace(' ', ","),
    };
    Seen::plain(leg, &format!("msrp {what}"))
        .fact("id", open.id)
        .fact("own", path(&open.own))
        .fact("peer", path(&open.peer))
}

fn msrp_send(leg: LegId, chunk: &Chunk, past: &impl Past) -> Seen {
    let (peer, own) = past.paths(leg);
    let mut out = BytesMut::new();
    write_send(&mut out, "send", &peer, &own, chunk);
    let mut text = Text::read(&out);
    text.body = chunk.body.clone();
    let end = chunk.start.saturating_sub(1) + chunk.body.len() as u64;
    let flag = match chunk.flag {
        Continuation::Last => '$',
        Continuation::More => '+',
        Continuation::Abandoned => '#',
    };
    let (start, total) = (chunk.start, number(chunk.total));
    Seen::plain(leg, &format!("msrp SEND {start}-{end}/{total} {flag}"))
        .saying(text)
        .about(Subject::Chunk(chunk.id))
}

fn number(number: Option<u64>) -> String {
    number.map_or("*".into(), |number| number.to_string())
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// A line that people can look at.
pub fn shortened(line: &str) -> String {
    let length = line.chars().count();
    if length <= 160 {
        return line.to_string();
    }
    let begin: String = line.chars().take(60).collect();
    format!("{begin}… ({length} characters)")
}
