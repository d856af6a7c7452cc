//! A driver without sockets: machines, and the crate's bookkeeping around them.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::mem;

use bytes::Bytes;
use simple_im::driver::{Dispatch, Known, Outbox, Pushed, Role, Route, TimerQueue, stray};
use simple_im::msrp::{Connection, ConnectionId, Sessions};
use simple_im::{
    Access, Action, Actions, Answer, AskId, ClientTxn, Config, Context, Down, Entropy, Event,
    Found, LegId, LookupError, Machine, MachineId, Method, MsrpEvent, Notice, Outgoing, Question,
    Refusal, Reply, Request, Response, ServerTxn, Tag, TxnError, Uri,
};

use super::invariants::Monitor;
use super::txn::{Cookie, Layer, Sent, Up, plain};
use super::{Dice, Time};

/// A machine of any role, that commands can be given to all the same.
pub trait Actor: Machine {
    fn any(&mut self) -> &mut dyn Any;
}

impl<M: Machine + 'static> Actor for M {
    fn any(&mut self) -> &mut dyn Any {
        self
    }
}

/// Makes the machine for a stranger's request.
pub type Factory = Box<dyn FnMut(Role, &Request) -> Box<dyn Actor>>;

/// Decides, and after how long.
pub type Host = Box<dyn FnMut(&Question) -> (Time, Decision)>;

/// What a host says; an [`Answer`] that owns its members.
#[derive(Clone, Debug)]
pub enum Decision {
    Accept,
    Refuse(Refusal),
    Access(Access),
    Members(Result<Vec<Uri>, LookupError>),
    /// It never answers.
    Never,
}

/// What the network is to do.
#[derive(Debug)]
pub enum Output {
    Sip(Sent),
    Connect(ConnectionId, String, u16),
    Write(ConnectionId, Bytes),
    Close(ConnectionId),
}

/// Everything that went into and came out of the machines.
#[derive(Clone, Debug)]
pub enum Entry {
    Heard(Time, MachineId, LegId, String),
    Did(Time, MachineId, LegId, Action),
}

/// One host on the network.
pub struct Node {
    pub name: String,
    pub config: Config,
    pub monitor: Monitor,
    pub log: Vec<Entry>,
    /// What the application was told.
    pub told: Vec<(MachineId, Notice)>,
    /// What it was asked.
    pub asked: Vec<(MachineId, Question)>,
    pub outputs: VecDeque<Output>,
    /// Fires timers that were stopped, to see that nothing comes of it.
    pub ghosts: bool,
    pub layer: Layer,
    dice: Dice,
    /// Chooses which timers haunt; never what machines draw.
    fate: Dice,
    factory: Factory,
    host: Host,
    machines: BTreeMap<MachineId, Box<dyn Actor>>,
    /// To whom a server transaction belongs: CANCEL asks.
    owners: BTreeMap<ServerTxn, (MachineId, LegId)>,
    born: u32,
    timers: TimerQueue<Time>,
    dispatch: Dispatch<Time>,
    outbox: Outbox<(Cookie, Outgoing)>,
    /// MESSAGEs outside dialogs that are under way, and where to.
    pages: BTreeMap<(MachineId, LegId, ClientTxn), Uri>,
    decisions: BTreeMap<(Time, u64), (MachineId, LegId, AskId, Decision)>,
    sessions: Sessions,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Which connections of ours lead where, and who waits for one that is being made.
    targets: BTreeMap<ConnectionId, (String, u16)>,
    waiting: BTreeMap<ConnectionId, Vec<(MachineId, LegId)>>,
    /// Counts decisions and connections.
    count: u64,
    /// What performing actions has led to; handed in once the buffer is empty.
    local: VecDeque<Local>,
    actions: Actions,
}

enum Local {
    Failed(MachineId, LegId, ClientTxn),
    Down(MachineId, LegId),
    Poll(ConnectionId),
    Close(MachineId),
    Find(MachineId, LegId, AskId, (Tag, Bytes)),
}

impl Node {
    pub fn new(name: &str, config: Config, seed: u64, factory: Factory, host: Host) -> Self {
        Self {
            name: name.into(),
            monitor: Monitor::new(config.limits.clone(), config.profile.echo_to_originator),
            config,
            log: Vec::new(),
            told: Vec::new(),
            asked: Vec::new(),
            outputs: VecDeque::new(),
            ghosts: true,
            layer: Layer::new(name),
            dice: Dice::new(seed),
            fate: Dice::new(!seed),
            factory,
            host,
            machines: BTreeMap::new(),
            owners: BTreeMap::new(),
            born: 0,
            timers: TimerQueue::new(),
            dispatch: Dispatch::new(),
            outbox: Outbox::new(),
            pages: BTreeMap::new(),
            decisions: BTreeMap::new(),
            sessions: Sessions::default(),
            connections: BTreeMap::new(),
            targets: BTreeMap::new(),
            waiting: BTreeMap::new(),
            count: 0,
            local: VecDeque::new(),
            actions: Actions::new(),
        }
    }

    /// Takes everything that strangers send for a group or a list.
    pub fn serve(&mut self) {
        self.dispatch = Dispatch::with_roles(Role::server);
    }

    /// Starts a machine; `make` gives its first command.
    pub fn open<M: Actor + 'static, R>(
        &mut self,
        now: Time,
        make: impl FnOnce(&mut Context<'_>) -> (M, R),
    ) -> (MachineId, R) {
        let machine = self.birth(None);
        let mut actions = mem::take(&mut self.actions);
        let mut cx = Context::new(&self.config, &mut self.dice, &mut actions);
        let (made, result) = make(&mut cx);
        self.machines.insert(machine, Box::new(made));
        self.perform(machine, actions, now);
        self.settle(now);
        (machine, result)
    }

    /// Gives a machine of type `M` a command; `None` if it is gone or of another type.
    pub fn command<M: Actor + 'static, R>(
        &mut self,
        machine: MachineId,
        now: Time,
        say: impl FnOnce(&mut M, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let mut actions = mem::take(&mut self.actions);
        let mut cx = Context::new(&self.config, &mut self.dice, &mut actions);
        let actor = self.machines.get_mut(&machine);
        let actor = actor.and_then(|actor| (**actor).any().downcast_mut());
        let result = actor.map(|actor| say(actor, &mut cx));
        self.perform(machine, actions, now);
        self.settle(now);
        result
    }

    /// Ends every machine.
    pub fn close(&mut self, now: Time) {
        for machine in self.machines.keys().copied().collect::<Vec<_>>() {
            self.call(machine, now, |actor, cx| actor.close(cx));
        }
        self.settle(now);
    }

    /// How many machines there are.
    pub fn machines(&self) -> usize {
        self.machines.len()
    }

    /// A datagram has come.
    pub fn datagram(&mut self, octets: &Bytes, from: usize, now: Time) {
        self.layer.receive(octets, from, now);
        self.settle(now);
    }

    /// What was to be sent has nowhere to go.
    pub fn unreachable(&mut self, sent: &Sent, now: Time) {
        self.layer.unreachable(sent);
        self.settle(now);
    }

    /// When to call [`Self::tick`].
    pub fn deadline(&self) -> Option<Time> {
        let decision = self.decisions.keys().next().map(|(at, _)| *at);
        [self.timers.deadline(), self.layer.deadline(), decision]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        self.layer.expire(now);
        self.settle(now);
        while let Some(entry) = self.decisions.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (machine, leg, ask, decision) = entry.remove();
            self.answer(machine, leg, ask, &decision, now);
            self.settle(now);
        }
        while let Some((machine, leg, timer)) = self.timers.pop(now) {
            self.monitor.fired(machine, leg, timer);
            self.handle(machine, leg, Event::Timer(timer), now);
            self.settle(now);
        }
    }

    /// Somebody has connected to us.
    pub fn accepted(&mut self) -> ConnectionId {
        let id = self.next_connection();
        self.connections.insert(id, Connection::new(id));
        id
    }

    /// Our connection has been made.
    pub fn connected(&mut self, id: ConnectionId, now: Time) {
        let mut connection = Connection::new(id);
        for at in self.waiting.remove(&id).unwrap_or_default() {
            connection.connected(&mut self.sessions, at);
        }
        self.connections.insert(id, connection);
        self.local.push_back(Local::Poll(id));
        self.settle(now);
        self.close_unused(id);
    }

    /// Octets have come.
    pub fn octets(&mut self, id: ConnectionId, octets: &[u8], now: Time) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.buffer().extend_from_slice(octets);
            self.local.push_back(Local::Poll(id));
            self.settle(now);
        }
        if self.connections.get(&id).is_some_and(Connection::is_broken) {
            self.disconnected(id, Down::Malformed, now);
            self.outputs.push_back(Output::Close(id));
        }
    }

    /// The connection is gone, or could not be made.
    pub fn disconnected(&mut self, id: ConnectionId, why: Down, now: Time) {
        self.targets.remove(&id);
        for (machine, leg) in self.waiting.remove(&id).unwrap_or_default() {
            self.local.push_back(Local::Down(machine, leg));
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.closed(why);
            self.local.push_back(Local::Poll(id));
        }
        self.settle(now);
        self.connections.remove(&id);
    }

    fn birth(&mut self, origin: Option<String>) -> MachineId {
        let machine = MachineId(self.born);
        self.born += 1;
        self.monitor.born(machine, origin);
        machine
    }

    fn next_connection(&mut self) -> ConnectionId {
        self.count += 1;
        ConnectionId(u32::try_from(self.count).unwrap())
    }

    /// Hands in what the layers have to say until nobody has anything to say any more.
    fn settle(&mut self, now: Time) {
        loop {
            if let Some(local) = self.local.pop_front() {
                self.local(local, now);
            } else if let Some(up) = self.layer.up.pop_front() {
                self.up(up, now);
            } else {
                break;
            }
        }
        self.post();
    }

    fn local(&mut self, local: Local, now: Time) {
        match local {
            Local::Failed(machine, leg, txn) => {
                self.monitor.response(machine, leg, txn, None);
                let event = Event::TxnFailed(txn, TxnError::Transport);
                self.handle(machine, leg, event, now);
            }
            Local::Down(machine, leg) => {
                let event = Event::Msrp(MsrpEvent::Down(Down::Unreachable));
                self.handle(machine, leg, event, now);
            }
            Local::Poll(id) => self.poll(id, now),
            Local::Close(machine) => self.call(machine, now, |actor, cx| actor.close(cx)),
            Local::Find(machine, leg, ask, (tag, remote_tag)) => {
                let known = self.dispatch.dialog(tag, now);
                let remote_tag = std::str::from_utf8(&remote_tag).ok();
                let dialog = match known {
                    Known::Leg(old, leg) => {
                        let old = self.machines.get(&old);
                        old.and_then(|old| old.dialog(leg, remote_tag))
                    }
                    _ => None,
                };
                let found = match (known, &dialog) {
                    (_, Some(dialog)) => Found::Dialog(dialog),
                    (Known::Over, None) => Found::Over,
                    (_, None) => Found::Nothing,
                };
                self.handle(machine, leg, Event::Answer(ask, Answer::Dialog(found)), now);
            }
        }
    }

    fn up(&mut self, up: Up, now: Time) {
        match up {
            Up::Request(txn, request) => self.request(txn, &request, now),
            Up::Ack(txn, request) => {
                if let Route::Leg(machine, leg) =
                    self.dispatch.route(txn, &request, &self.config, now)
                {
                    self.handle(machine, leg, Event::Ack(&request), now);
                }
            }
            Up::Cancel { cancel, invite } => match self.owners.get(&invite).copied() {
                Some((machine, leg)) if self.machines.contains_key(&machine) => {
                    self.monitor.request(machine, cancel, Method::Cancel);
                    self.handle(machine, leg, Event::Cancel { cancel, invite }, now);
                }
                // The INVITE has been answered; that is all that there is to say (RFC 3261 §9.2).
                _ => self.reply(cancel, 200, now),
            },
            Up::Response(cookie, response) => self.response(cookie, &response, now),
            Up::Failed(cookie, error) => {
                let (machine, leg, txn) = cookie.unwrap();
                self.page_done((machine, leg, txn), now);
                self.monitor.response(machine, leg, txn, None);
                self.handle(machine, leg, Event::TxnFailed(txn, error), now);
            }
        }
    }

    fn request(&mut self, txn: ServerTxn, request: &Request, now: Time) {
        match self.dispatch.route(txn, request, &self.config, now) {
            Route::Leg(machine, leg) => self.hand_in(machine, leg, txn, request, now),
            Route::Stranger(role) => {
                let machine = self.birth(Some(request.head.from().uri.into()));
                let made = (self.factory)(role, request);
                self.machines.insert(machine, made);
                self.hand_in(machine, LegId::FIRST, txn, request, now);
            }
            route => {
                let mut cx = Context::new(&self.config, &mut self.dice, &mut self.actions);
                if let Some(reply) = route.reply(request, &mut cx) {
                    self.layer.respond(txn, &reply, now);
                }
            }
        }
    }

    fn hand_in(
        &mut self,
        machine: MachineId,
        leg: LegId,
        txn: ServerTxn,
        request: &Request,
        now: Time,
    ) {
        self.owners.insert(txn, (machine, leg));
        self.monitor.request(machine, txn, request.method);
        self.handle(machine, leg, Event::Request(txn, request), now);
    }

    /// Answers in nobody's name.
    fn reply(&mut self, txn: ServerTxn, status: u16, now: Time) {
        let reply = Reply {
            tag: Some(Tag(self.dice.draw())),
            ..plain(status)
        };
        self.dispatch.answered(txn, &reply, now);
        self.layer.respond(txn, &reply, now);
    }

    fn response(&mut self, cookie: Cookie, response: &Response, now: Time) {
        let Some((machine, leg, txn)) = cookie else {
            return self.stray(response, now);
        };
        if !response.status.is_provisional() {
            self.page_done((machine, leg, txn), now);
        }
        if !self.machines.contains_key(&machine) {
            return self.stray(response, now);
        }
        self.monitor
            .response(machine, leg, txn, Some(response.status));
        self.handle(machine, leg, Event::Response(txn, response), now);
    }

    fn stray(&mut self, response: &Response, now: Time) {
        if let Some([ack, bye]) = stray(response, &self.config) {
            self.layer.ack(&ack);
            self.layer.request(None, bye, now);
        }
    }

    /// The next MESSAGE to the same URI may go.
    fn page_done(&mut self, page: (MachineId, LegId, ClientTxn), now: Time) {
        let Some(uri) = self.pages.remove(&page) else {
            return;
        };
        if let Some((cookie, next)) = self.outbox.done(&uri) {
            self.layer.request(cookie, next, now);
        }
    }

    fn answer(
        &mut self,
        machine: MachineId,
        leg: LegId,
        ask: AskId,
        decision: &Decision,
        now: Time,
    ) {
        let answer = match decision {
            Decision::Accept => Answer::Accept,
            Decision::Refuse(why) => Answer::Refuse(*why),
            Decision::Access(access) => Answer::Access(*access),
            Decision::Members(Ok(members)) => Answer::Members(Ok(members)),
            Decision::Members(Err(why)) => Answer::Members(Err(*why)),
            Decision::Never => return,
        };
        self.handle(machine, leg, Event::Answer(ask, answer), now);
    }

    fn handle(&mut self, machine: MachineId, leg: LegId, event: Event<'_>, now: Time) {
        let heard = describe(&event);
        self.log.push(Entry::Heard(now, machine, leg, heard));
        self.call(machine, now, |actor, cx| actor.handle(leg, event, cx));
        let held = self.machines.get(&machine).map(|actor| actor.held(leg));
        let id = self.sessions.connection((machine, leg));
        let connection = id.and_then(|id| self.connections.get_mut(&id));
        if let (Some(held), Some(connection)) = (held, connection) {
            connection.holds((machine, leg), held, &self.config);
        }
    }

    fn call(
        &mut self,
        machine: MachineId,
        now: Time,
        run: impl FnOnce(&mut dyn Actor, &mut Context<'_>),
    ) {
        let Some(actor) = self.machines.get_mut(&machine) else {
            return;
        };
        let mut actions = mem::take(&mut self.actions);
        let mut cx = Context::new(&self.config, &mut self.dice, &mut actions);
        run(actor.as_mut(), &mut cx);
        self.perform(machine, actions, now);
    }

    /// Performs what a call has pushed, and gives the buffer back.
    fn perform(&mut self, machine: MachineId, mut actions: Actions, now: Time) {
        let over = self.machines.get(&machine).is_none_or(|m| m.is_closed());
        self.monitor.called(now, machine, actions.as_slice(), over);
        for (leg, action) in actions.drain() {
            self.log.push(Entry::Did(now, machine, leg, action.clone()));
            self.dispatch.learn(machine, leg, &action, now);
            self.act(machine, leg, action, now);
        }
        self.haunt(machine, &mut actions);
        if over {
            self.machines.remove(&machine);
        }
        if !actions.is_empty() {
            // Broken already, and performed all the same: so that what follows is not taken for more.
            return self.perform(machine, actions, now);
        }
        self.actions = actions;
        self.post();
    }

    fn post(&mut self) {
        while let Some(sent) = self.layer.sent.pop_front() {
            self.outputs.push_back(Output::Sip(sent));
        }
    }

    /// Now and then fires a timer that was stopped.
    fn haunt(&mut self, machine: MachineId, actions: &mut Actions) {
        let Some(actor) = self.machines.get_mut(&machine).filter(|_| self.ghosts) else {
            return;
        };
        let stopped = self.monitor.stopped(machine);
        let chosen = self.fate.below(1 + stopped.len() as u64) as usize;
        if let Some(&(leg, timer)) = stopped.get(chosen) {
            let mut cx = Context::new(&self.config, &mut self.dice, actions);
            actor.handle(leg, Event::Timer(timer), &mut cx);
            self.monitor
                .ghost(machine, (leg, timer), actions.as_slice());
        }
    }

    fn act(&mut self, machine: MachineId, leg: LegId, action: Action, now: Time) {
        let at = (machine, leg);
        match action {
            Action::Opened(_) | Action::Closed => {}
            Action::SendRequest(request) => self.send(machine, leg, request, now),
            Action::SendAck(ack) => self.layer.ack(&ack),
            Action::SendCancel(txn) => self.layer.cancel(machine, leg, txn, now),
            Action::Respond(txn, reply) => self.layer.respond(txn, &reply, now),
            Action::Replace(tag) => {
                if let Known::Leg(machine, _) = self.dispatch.dialog(tag, now) {
                    self.local.push_back(Local::Close(machine));
                }
            }
            Action::Ask(ask, Question::Dialog { tag, remote_tag }) => {
                let named = (tag, remote_tag);
                self.local.push_back(Local::Find(machine, leg, ask, named));
            }
            Action::StartTimer(timer, after) => {
                self.timers.start((machine, leg, timer), now, after)
            }
            Action::StopTimer(timer) => self.timers.stop((machine, leg, timer)),
            Action::Ask(ask, question) => {
                let (after, decision) = (self.host)(&question);
                self.count += 1;
                self.decisions
                    .insert((now + after, self.count), (machine, leg, ask, decision));
                self.asked.push((machine, question));
            }
            Action::Tell(notice) => {
                if let Notice::NotForUs(txn) = notice {
                    self.monitor.excused(machine, txn);
                    self.reply(txn, 480, now);
                }
                self.told.push((machine, notice));
            }
            Action::OpenMsrp(open) => {
                self.sessions.open(at, &open);
                if open.connect {
                    self.connect(at);
                }
            }
            Action::SendChunk(chunk) => self.on_connection(at, |connection, node| {
                connection.send_chunk(node.0, at, chunk, node.1);
            }),
            Action::RespondMsrp(txn, status) => {
                self.on_connection(at, |connection, _| connection.respond(txn, status));
            }
            Action::SendReport(report) => self.on_connection(at, |connection, node| {
                connection.report(node.0, at, &report, node.1);
            }),
            Action::ReleaseMsrp => {
                if let Some(id) = self.sessions.release(at) {
                    if let Some(connection) = self.connections.get_mut(&id) {
                        connection.release(at);
                    }
                    self.close_unused(id);
                }
            }
        }
    }

    fn send(&mut self, machine: MachineId, leg: LegId, request: Outgoing, now: Time) {
        let cookie = (machine, leg, request.txn);
        if request.method != Method::Message || request.fresh.is_none() {
            return self.layer.request(Some(cookie), request, now);
        }
        let uri = request.target.clone();
        let limits = &self.config.limits;
        match self.outbox.push(&uri, (Some(cookie), request), limits) {
            Pushed::Go((cookie, request)) => self.layer.request(cookie, request, now),
            Pushed::Waiting => {}
            Pushed::Full(_) => {
                self.local.push_back(Local::Failed(machine, leg, cookie.2));
                return;
            }
        }
        self.pages.insert(cookie, uri);
    }

    /// Connects for a session, over the connection to the same place if there is one (RFC 4975 §5.4).
    fn connect(&mut self, at: (MachineId, LegId)) {
        let waits = self.waiting.values().any(|waiting| waiting.contains(&at));
        if waits || self.sessions.connection(at).is_some() {
            return;
        }
        let Some(target) = self.sessions.target(at) else {
            self.local.push_back(Local::Down(at.0, at.1));
            return;
        };
        let target = (target.host.to_string(), target.port);
        let shared = self.targets.iter().find(|(_, known)| **known == target);
        let Some((&id, _)) = shared else {
            let id = self.next_connection();
            self.targets.insert(id, target.clone());
            self.waiting.insert(id, vec![at]);
            self.outputs
                .push_back(Output::Connect(id, target.0, target.1));
            return;
        };
        match self.connections.get_mut(&id) {
            Some(connection) => {
                connection.connected(&mut self.sessions, at);
                self.local.push_back(Local::Poll(id));
            }
            None => self.waiting.entry(id).or_default().push(at),
        }
    }

    /// Closes a connection that no session uses any more, after its last octets.
    fn close_unused(&mut self, id: ConnectionId) {
        self.flush(id);
        if self.connections.get(&id).is_some_and(Connection::is_unused) {
            self.connections.remove(&id);
            self.targets.remove(&id);
            self.outputs.push_back(Output::Close(id));
        }
    }

    fn on_connection(
        &mut self,
        at: (MachineId, LegId),
        run: impl FnOnce(&mut Connection, (&Sessions, &mut dyn Entropy)),
    ) {
        let Some(id) = self.sessions.connection(at) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            run(connection, (&self.sessions, &mut self.dice));
            self.local.push_back(Local::Poll(id));
        }
    }

    /// Hands in everything that a connection has to say, and writes what it has to write.
    fn poll(&mut self, id: ConnectionId, now: Time) {
        self.flush(id);
        while let Some(connection) = self.connections.get_mut(&id) {
            let Some(news) = connection.poll(&mut self.sessions, &self.config) else {
                break;
            };
            news.tell(|event| self.handle(news.machine, news.leg, Event::Msrp(event), now));
            self.flush(id);
        }
    }

    fn flush(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            while let Some(octets) = connection.transmit() {
                self.outputs.push_back(Output::Write(id, octets));
            }
        }
    }
}

/// An event in a few words.
fn describe(event: &Event<'_>) -> String {
    match event {
        Event::Request(txn, request) => format!("{:?} {txn:?}", request.method),
        Event::Ack(_) => "Ack".into(),
        Event::Response(txn, response) => format!("{} {txn:?}", response.status),
        Event::Msrp(MsrpEvent::Octets(octets)) => format!("{} octets", octets.len()),
        other => format!("{other:?}"),
    }
}
