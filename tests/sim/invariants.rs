//! The invariants, watched over everything that goes into and comes out of the machines of one node.
//!
//! Prohibitions are checked as things happen; obligations when they fall due: at a leg's `Closed`, at
//! a machine's end, and when the run is over.

use std::collections::{BTreeMap, BTreeSet};

use simple_im::{
    Action, ClientTxn, LegId, Limits, MachineId, MessageId, Method, Notice, Outgoing, RecipientId,
    Reply, ServerTxn, SessionId, Status, Timer, Token,
};

use super::Time;

/// Watches the machines of one node.
#[derive(Debug)]
pub struct Monitor {
    limits: Limits,
    /// Whether a copy may go back to where it came from (CC-73).
    echo: bool,
    machines: BTreeMap<MachineId, Watch>,
    /// What was broken, in the order in which it was seen.
    pub broken: Vec<String>,
}

#[derive(Debug, Default)]
struct Watch {
    legs: BTreeMap<LegId, Leg>,
    /// What happens on a leg that is not opened: a page, or a question before there is a dialog.
    bare: BTreeMap<LegId, Leg>,
    closed: BTreeSet<LegId>,
    /// Requests that arrived, and their final answers.
    owed: BTreeMap<ServerTxn, (Method, Option<Reply>)>,
    outcomes: BTreeSet<(MessageId, RecipientId)>,
    members: BTreeSet<RecipientId>,
    /// Outcomes that the harness knows to be due.
    expected: BTreeSet<(MessageId, RecipientId)>,
    /// Where requests outside dialogs went, and the token that makes a retry a retry.
    targets: BTreeMap<(Method, String), Token>,
    /// Who sent the request that began it all.
    origin: Option<String>,
    /// Who has its place in the fan-out window.
    window: BTreeSet<(LegId, ClientTxn)>,
    /// A 2xx to an INVITE that has just been handed in: its ACK is due with the same call.
    accepted: Option<LegId>,
    over: bool,
}

#[derive(Debug, Default)]
struct Leg {
    running: BTreeSet<Timer>,
    stopped: BTreeSet<Timer>,
    msrp: Option<SessionId>,
    /// How often it was opened, and whether we connect.
    opened: (u32, bool),
    released: bool,
    sent: BTreeMap<ClientTxn, Sent>,
    /// Of the last request of ours inside each dialog, by its To.
    cseq: BTreeMap<Vec<u8>, u32>,
    dialog: Dialog,
    /// The action before was the ACK that confirmed the dialog.
    begun: bool,
}

/// What a leg has sent, and what it has heard of that.
#[derive(Clone, Copy, Debug)]
struct Sent {
    method: Method,
    cseq: u32,
    /// Whether it began something, rather than going on in a dialog.
    fresh: bool,
    cancelled: bool,
    heard: Heard,
}

/// Whether an INVITE has been accepted, by us or by the peer, and how that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Dialog {
    #[default]
    None,
    Confirmed,
    /// One side has said BYE.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Provisional,
    Success,
    Failure,
}

impl Monitor {
    pub fn new(limits: Limits, echo: bool) -> Self {
        Self {
            limits,
            echo,
            machines: BTreeMap::new(),
            broken: Vec::new(),
        }
    }

    /// A machine is made, for a request from `origin` or by the application.
    pub fn born(&mut self, machine: MachineId, origin: Option<String>) {
        let origin = origin.filter(|_| !self.echo);
        let watch = Watch {
            origin,
            ..Watch::default()
        };
        self.machines.insert(machine, watch);
    }

    /// The application handed over a message for this recipient: an outcome is due.
    pub fn expect(&mut self, machine: MachineId, message: MessageId, recipient: RecipientId) {
        let watch = self.machines.entry(machine).or_default();
        watch.expected.insert((message, recipient));
    }

    /// A request, ACK apart, is about to be handed to the machine.
    pub fn request(&mut self, machine: MachineId, txn: ServerTxn, method: Method) {
        let watch = self.machines.entry(machine).or_default();
        watch.owed.insert(txn, (method, None));
    }

    /// The driver answered in the machine's place.
    pub fn excused(&mut self, machine: MachineId, txn: ServerTxn) {
        self.machines.entry(machine).or_default().owed.remove(&txn);
    }

    /// A response (`None`: a failure) is about to be handed to the machine.
    pub fn response(
        &mut self,
        machine: MachineId,
        leg: LegId,
        txn: ClientTxn,
        status: Option<Status>,
    ) {
        let watch = self.machines.entry(machine).or_default();
        watch.window.remove(&(leg, txn));
        let heard = match status {
            Some(status) if status.is_provisional() => Heard::Provisional,
            Some(status) if status.is_success() => Heard::Success,
            _ => Heard::Failure,
        };
        let known = watch
            .leg(leg)
            .and_then(|leg| leg.sent.get_mut(&txn))
            .map(|sent| {
                sent.heard = heard;
                sent.method
            });
        if (known, heard) == (Some(Method::Invite), Heard::Success) {
            watch.accepted = Some(leg);
        }
    }

    /// A timer is about to fire.
    pub fn fired(&mut self, machine: MachineId, leg: LegId, timer: Timer) {
        let watch = self.machines.entry(machine).or_default();
        if timer == Timer::Patience {
            watch.window.retain(|(at, _)| *at != leg);
        }
        let running = watch.leg(leg);
        if !running.is_some_and(|leg| leg.running.remove(&timer)) {
            self.broken.push(format!(
                "{machine:?} {leg:?}: {timer:?} fires and does not run"
            ));
        }
    }

    /// The machine's timers that were stopped and do not run: to fire them must do nothing (invariant 8).
    pub fn stopped(&self, machine: MachineId) -> Vec<(LegId, Timer)> {
        let Some(watch) = self.machines.get(&machine) else {
            return Vec::new();
        };
        let legs = watch.legs.iter().chain(&watch.bare);
        legs.flat_map(|(at, leg)| leg.stopped.iter().map(|timer| (*at, *timer)))
            .collect()
    }

    /// A timer that was stopped has been fired all the same, and this came of it.
    pub fn ghost(&mut self, machine: MachineId, fired: (LegId, Timer), came: &[(LegId, Action)]) {
        if !came.is_empty() {
            self.broken
                .push(format!("{machine:?}: {fired:?} was stopped, yet {came:?}"));
        }
    }

    /// A call has returned, these actions were pushed, and the machine says whether it is closed.
    pub fn called(
        &mut self,
        now: Time,
        machine: MachineId,
        actions: &[(LegId, Action)],
        over: bool,
    ) {
        let watch = self.machines.entry(machine).or_default();
        let mut broken = Vec::new();
        if actions.len() > self.limits.batch.max(32) {
            broken.push(format!("{} actions in one call", actions.len()));
        }
        if watch.over && !actions.is_empty() {
            broken.push(format!("acts although it is closed: {actions:?}"));
        }
        for (leg, action) in actions {
            watch.act(*leg, action, &mut broken);
        }
        watch.due(actions, &self.limits, &mut broken);
        if watch.window.len() > self.limits.in_flight as usize {
            broken.push(format!("{} requests in flight", watch.window.len()));
        }
        if over && !watch.over {
            watch.over = true;
            watch.end(&mut broken);
        }
        let broken = broken.into_iter();
        self.broken
            .extend(broken.map(|what| format!("{now:?} {machine:?}: {what}")));
    }

    /// The run is over and nothing is under way: whatever is still owed will never come.
    pub fn rest(&mut self) {
        for (machine, watch) in &mut self.machines {
            let mut broken = Vec::new();
            if !watch.over {
                broken.push(format!("rests with {:?} open", watch.legs));
                watch.end(&mut broken);
            }
            let broken = broken.into_iter();
            self.broken
                .extend(broken.map(|what| format!("at rest {machine:?}: {what}")));
        }
    }
}

impl Watch {
    /// What is due whenever a call returns.
    fn due(&mut self, actions: &[(LegId, Action)], limits: &Limits, broken: &mut Vec<String>) {
        // A 2xx is never left without its ACK (CC-02, CC-04, CC-05, CC-23).
        if let Some(at) = self.accepted.take()
            && !actions
                .iter()
                .any(|(leg, action)| *leg == at && matches!(action, Action::SendAck(_)))
        {
            broken.push(format!("{at:?} leaves a 2xx without its ACK"));
        }
        // Only an invitation or a page may wait for somebody, and no more than eight of these.
        let waiting = self.owed.values().filter(|(_, answer)| answer.is_none());
        let mut pages = 0;
        for (method, _) in waiting {
            match method {
                Method::Invite => {}
                Method::Message => pages += 1,
                method => broken.push(format!("{method:?} is not answered at once")),
            }
        }
        if pages > 8 {
            broken.push(format!("{pages} pages wait"));
        }
        // The originator's, and as many members' as there may be.
        if self.legs.len() > 1 + limits.legs.max(1) as usize {
            broken.push(format!("{} legs are open", self.legs.len()));
        }
        // No leg is stuck: something will happen to it, whatever the peer does. The first one stands for
        // its machine, and is there as long as others are.
        let invited = self
            .owed
            .values()
            .any(|(method, _)| *method == Method::Invite);
        for (at, leg) in &self.legs {
            let others = *at == LegId::FIRST && self.legs.len() > 1;
            if !others && !leg.is_awaiting(invited) {
                broken.push(format!("{at:?} waits for nothing: {leg:?}"));
            }
        }
    }

    fn leg(&mut self, at: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&at).or(self.bare.get_mut(&at))
    }

    fn act(&mut self, at: LegId, action: &Action, broken: &mut Vec<String>) {
        let mut wrong = |what: String| broken.push(format!("{at:?} {what}"));
        match action {
            Action::Opened(_) => {
                let leg = self.bare.remove(&at).unwrap_or_default();
                if self.closed.contains(&at) || self.legs.insert(at, leg).is_some() {
                    wrong("is opened twice".into());
                }
                return;
            }
            Action::Respond(txn, reply) => self.respond(at, *txn, reply, &mut wrong),
            Action::Tell(notice) => self.tell(notice, &mut wrong),
            Action::SendRequest(request) => self.send(at, request, &mut wrong),
            _ => {}
        }
        if self.closed.contains(&at) {
            // Answers to strays are all that a leg has to say then. What is told of a recipient is the
            // machine's: one whose turn never came has no leg to tell it on.
            let stray = match action {
                Action::Tell(Notice::Member(..) | Notice::Outcome(..)) => true,
                Action::Respond(..) | Action::SendAck(_) => true,
                Action::SendRequest(request) => request.method == Method::Bye,
                _ => false,
            };
            if !stray {
                wrong(format!("acts after it was closed: {action:?}"));
            }
            return;
        }
        let leg = match self.legs.get_mut(&at) {
            Some(leg) => leg,
            None => {
                if needs_dialog(action) {
                    wrong(format!("acts before it was opened: {action:?}"));
                }
                self.bare.entry(at).or_default()
            }
        };
        leg.act(action, &mut wrong);
        if matches!(action, Action::Closed) {
            leg.end(&mut wrong);
            self.legs.remove(&at);
            self.closed.insert(at);
            self.window.retain(|(leg, _)| *leg != at);
        }
    }

    /// Exactly one final response a request; the same 2xx to an INVITE again (invariant 5).
    fn respond(
        &mut self,
        at: LegId,
        txn: ServerTxn,
        reply: &Reply,
        wrong: &mut impl FnMut(String),
    ) {
        match self.owed.get_mut(&txn) {
            None => wrong(format!("answers {txn:?}, which it never got")),
            Some((method, answer @ None)) => {
                *answer = (!reply.status.is_provisional()).then(|| reply.clone());
                let leg = self.legs.get_mut(&at).filter(|_| reply.status.is_success());
                match (method, leg) {
                    (Method::Invite, Some(leg)) if leg.dialog == Dialog::None => {
                        leg.dialog = Dialog::Confirmed;
                    }
                    (Method::Bye, Some(leg)) => leg.dialog = Dialog::Over,
                    _ => {}
                }
            }
            Some((Method::Invite, Some(first))) if first.status.is_success() && first == reply => {}
            Some((method, Some(first))) => wrong(format!(
                "answers {method:?} {txn:?} with {} after {}",
                reply.status, first.status
            )),
        }
    }

    /// Exactly one outcome a recipient (invariant 7).
    fn tell(&mut self, notice: &Notice, wrong: &mut impl FnMut(String)) {
        match notice {
            Notice::Outcome(message, recipient, outcome) => {
                if !self.outcomes.insert((*message, *recipient)) {
                    wrong(format!("{message:?} {recipient:?}: one more: {outcome:?}"));
                }
            }
            Notice::Member(recipient, uri) => {
                if !self.members.insert(*recipient) {
                    wrong(format!("{recipient:?} {uri} is named twice"));
                }
            }
            _ => {}
        }
    }

    /// Never back, and to each at most once (invariant 6).
    fn send(&mut self, leg: LegId, request: &Outgoing, wrong: &mut impl FnMut(String)) {
        let Some(fresh) = request.fresh else {
            return;
        };
        let target = request.target.to_string();
        if self.origin.as_ref() == Some(&target) {
            wrong(format!("{:?} goes back to {target}", request.method));
        }
        let before = self
            .targets
            .insert((request.method, target.clone()), fresh.token);
        if before.is_some_and(|token| token != fresh.token) {
            wrong(format!("{:?} goes to {target} twice", request.method));
        }
        // A call that is repeated (422) is no further one.
        if before.is_none() {
            self.window.insert((leg, request.txn));
        }
    }

    /// What is due when the machine is closed.
    fn end(&self, broken: &mut Vec<String>) {
        for leg in self.legs.keys() {
            broken.push(format!("{leg:?} was never closed"));
        }
        for (at, leg) in &self.bare {
            leg.end(&mut |what| broken.push(format!("{at:?} {what}")));
        }
        for (txn, (method, answer)) in &self.owed {
            if answer.is_none() {
                broken.push(format!("{method:?} {txn:?} was never answered"));
            }
        }
        for due in &self.expected {
            if !self.outcomes.contains(due) {
                broken.push(format!("{due:?} has no outcome"));
            }
        }
        for member in &self.members {
            if !self.outcomes.iter().any(|(_, known)| known == member) {
                broken.push(format!("{member:?} has no outcome"));
            }
        }
    }
}

impl Leg {
    fn act(&mut self, action: &Action, wrong: &mut impl FnMut(String)) {
        match action {
            Action::StartTimer(timer, _) => {
                self.stopped.remove(timer);
                self.running.insert(*timer);
            }
            Action::StopTimer(timer) => {
                if self.running.remove(timer) {
                    self.stopped.insert(*timer);
                }
            }
            Action::SendRequest(request) => self.send(request, wrong),
            Action::SendCancel(txn) => match self.sent.get_mut(txn) {
                Some(sent) if sent.heard == Heard::Provisional && !sent.cancelled => {
                    sent.cancelled = true;
                }
                sent => wrong(format!("cancels {txn:?}: {sent:?}")),
            },
            Action::SendAck(ack) => {
                let accepted =
                    |sent: &&Sent| sent.method == Method::Invite && sent.heard == Heard::Success;
                let mut accepted = self.sent.values().filter(accepted);
                if !accepted.any(|sent| sent.cseq == ack.cseq) {
                    wrong(format!("acknowledges what was not accepted: {}", ack.cseq));
                }
                if self.dialog == Dialog::None {
                    self.dialog = Dialog::Confirmed;
                    self.begun = true;
                }
                return;
            }
            // Once more for the same session: what its answer said.
            Action::OpenMsrp(open) => {
                let (times, connects) = &mut self.opened;
                *times += 1;
                let again = *times > 2 || (*connects && open.connect);
                *connects |= open.connect;
                if again || self.released || self.msrp.is_some_and(|id| id != open.id) {
                    wrong("opens MSRP twice".into());
                }
                self.msrp = Some(open.id);
            }
            Action::ReleaseMsrp => {
                if self.msrp.is_none() || self.released {
                    wrong("releases MSRP that it does not hold".into());
                }
                self.released = true;
            }
            Action::SendChunk(_) | Action::SendReport(_) | Action::RespondMsrp(..)
                if self.msrp.is_none() || self.released =>
            {
                wrong(format!("uses MSRP that it does not hold: {action:?}"));
            }
            _ => {}
        }
        self.begun = false;
    }

    /// A transaction is new, and so is the CSeq number inside a dialog. One of nobody's ends a stray
    /// dialog, not this one.
    fn send(&mut self, request: &Outgoing, wrong: &mut impl FnMut(String)) {
        if request.txn == ClientTxn::NOBODY {
            // A dialog that cannot be: it is over as soon as it has begun.
            if self.begun {
                self.dialog = Dialog::None;
            }
            return;
        }
        let sent = Sent {
            method: request.method,
            cseq: request.cseq,
            fresh: request.fresh.is_some(),
            cancelled: false,
            heard: Heard::Nothing,
        };
        if self.sent.insert(request.txn, sent).is_some() {
            wrong(format!("{:?} is used twice", request.txn));
        }
        if request.method == Method::Bye {
            self.dialog = Dialog::Over;
        }
        if !sent.fresh {
            // Each fork is a dialog with numbers of its own (RFC 3261 §12.2.1.1).
            let to = request.head.split(|octet| *octet == b'\n');
            let to = to.filter(|line| line.starts_with(b"To:")).flatten();
            let last = self.cseq.entry(to.copied().collect()).or_default();
            if request.cseq <= *last {
                wrong(format!("{} after {} in CSeq", request.cseq, last));
            }
            *last = request.cseq;
        }
    }

    /// Whether it waits for something that will come: a timer, an answer, or the end of its session. A
    /// session that is part of a call counts once the call is answered.
    fn is_awaiting(&self, invited: bool) -> bool {
        let unanswered = |sent: &Sent| matches!(sent.heard, Heard::Nothing | Heard::Provisional);
        let alone = !invited && self.sent.is_empty();
        let holds = self.msrp.is_some() && !self.released;
        !self.running.is_empty()
            || self.sent.values().any(unanswered)
            || (holds && (self.dialog == Dialog::Confirmed || alone))
    }

    /// What is due at `Closed` (invariant 3).
    fn end(&self, wrong: &mut impl FnMut(String)) {
        if self.dialog == Dialog::Confirmed {
            wrong("is closed and nobody has said BYE".into());
        }
        for (txn, sent) in &self.sent {
            let open = matches!(sent.heard, Heard::Nothing | Heard::Provisional);
            if sent.method == Method::Invite && sent.fresh && open && !sent.cancelled {
                wrong(format!("is closed and {txn:?} rings on"));
            }
        }
        if !self.running.is_empty() {
            wrong(format!("is closed while {:?} run", self.running));
        }
        if self.msrp.is_some() && !self.released {
            wrong("is closed and never released MSRP".into());
        }
    }
}

/// What makes no sense before `Opened` has told by what the leg is found.
fn needs_dialog(action: &Action) -> bool {
    match action {
        Action::SendRequest(request) => request.method != Method::Message,
        Action::SendAck(_)
        | Action::SendCancel(_)
        | Action::OpenMsrp(_)
        | Action::SendChunk(_)
        | Action::RespondMsrp(..)
        | Action::SendReport(_)
        | Action::ReleaseMsrp
        | Action::Closed => true,
        _ => false,
    }
}
