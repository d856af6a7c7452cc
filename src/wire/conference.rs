//! The conference event package (RFC 4575): who is in a conference, told whole or by what changed.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};
use roxmltree::Node;

use super::xml::{self, flaw, words};
use crate::{Flaw, Limits, Part};

/// The media type of the document (RFC 4575 §3.4).
pub const MEDIA_TYPE: &str = "application/conference-info+xml";

const DOCUMENT: &str = "urn:ietf:params:xml:ns:conference-info";
/// The name space of the nickname (RFC 6501 §4.6.5), as RFC 7701 §9.1 has it.
const XCON: &str = "urn:ietf:params:xml:ns:xcon-conference-info";

/// One document, as a focus sends it.
///
/// Media, sidebars, the host and how somebody was referred are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The URI of the conference.
    pub entity: String,
    /// Whether this is all or what changed, or the conference is over.
    pub state: State,
    /// The number of the document within the subscription.
    pub version: u32,
    /// What the conference is, replaced as a whole.
    pub description: Option<Description>,
    /// How it is going, replaced as a whole.
    pub standing: Option<Standing>,
    /// Who is in it.
    pub users: Option<Users>,
}

words! {
    /// What a document has of an element (RFC 4575 §4.4).
    State {
        /// All of it; the default.
        Full = "full",
        /// What changed.
        Partial = "partial",
        /// That it is gone.
        Deleted = "deleted",
    }
}

/// What a conference is (RFC 4575 §5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub display_text: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// What it is about, at length.
    pub free_text: Option<String>,
    /// Where to join it.
    pub conference_uris: Vec<Link>,
    /// What else belongs to it.
    pub service_uris: Vec<Link>,
    /// How many users there may be.
    pub maximum_user_count: Option<u32>,
}

/// How a conference is going (RFC 4575 §5.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many users there are, some of whom may not be told of.
    pub user_count: Option<u32>,
    /// Whether one can join.
    pub active: Option<bool>,
    /// Whether nobody new can join.
    pub locked: Option<bool>,
}

/// A URI and what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The URI, of any scheme.
    pub uri: String,
    /// Its name.
    pub display_text: Option<String>,
    /// What it is for, as `participation`.
    pub purpose: Option<String>,
}

/// Who is in a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    /// Whether these are all or those who changed, or nobody is left.
    pub state: State,
    /// Each by the URI that is the key (RFC 4575 §4.5): octets are compared. Of two with the same, the
    /// later counts; one without has an empty key.
    pub users: BTreeMap<String, User>,
}

/// Someone in a conference (RFC 4575 §5.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Whether this is all or what changed, or the user is gone.
    pub state: State,
    /// The name.
    pub display_text: Option<String>,
    /// The name that the user chose for this conference (RFC 7701 §7).
    pub nickname: Option<String>,
    /// Other addresses of the user.
    pub associated: Option<Vec<Link>>,
    /// What the user is in the conference, as `participant`. An empty list, as of other addresses, cannot
    /// be written: only a user in full can lose the last.
    pub roles: Option<Vec<String>>,
    /// The user's devices, each by its key, as in [`Users::users`].
    pub endpoints: BTreeMap<String, Endpoint>,
}

/// A device of a user (RFC 4575 §5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether this is all or what changed, or the device is gone.
    pub state: State,
    /// Its name.
    pub display_text: Option<String>,
    /// How it is connected; a word that RFC 4575 does not have counts as none.
    pub status: Option<EndpointStatus>,
    /// How it came, likewise.
    pub joining: Option<Joining>,
    /// How it left, likewise.
    pub disconnection: Option<Disconnection>,
}

words! {
    /// How a device is connected (RFC 4575 §5.7.3).
    EndpointStatus {
        /// It is expected.
        Pending = "pending",
        /// The focus is calling it.
        DialingOut = "dialing-out",
        /// It is calling the focus.
        DialingIn = "dialing-in",
        /// It rings.
        Alerting = "alerting",
        /// It has a dialog, and no part in the conference.
        OnHold = "on-hold",
        /// It takes part.
        Connected = "connected",
        /// It hears and is not heard.
        MutedViaFocus = "muted-via-focus",
        /// It is being taken out.
        Disconnecting = "disconnecting",
        /// It is out.
        Disconnected = "disconnected",
    }
}

words! {
    /// How a device came (RFC 4575 §5.7.4).
    Joining {
        /// It called.
        DialedIn = "dialed-in",
        /// It was called.
        DialedOut = "dialed-out",
        /// It is the focus.
        FocusOwner = "focus-owner",
    }
}

words! {
    /// How a device left (RFC 4575 §5.7.6).
    Disconnection {
        /// It said BYE.
        Departed = "departed",
        /// It was put out, or not let in.
        Booted = "booted",
        /// It could not be reached.
        Failed = "failed",
        /// It was busy.
        Busy = "busy",
    }
}

/// What is known of a conference from the documents of one subscription (RFC 4575 §4.6). Versions count
/// within a subscription: a new one begins with a new value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conference {
    version: Option<u32>,
    entity: String,
    description: Description,
    standing: Standing,
    users: BTreeMap<String, User>,
    size: Size,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Merged {
    /// It is part of what is known.
    Applied,
    /// The conference is over: nothing is known any more, and the subscription can be ended.
    Over,
    /// It is not newer than what is known, which is as before.
    Stale,
    /// What it builds upon was never received: what is known is as before, and the subscription must be
    /// refreshed, upon which all is told again.
    Gap,
    /// There is more to know than [`Limits`] allows: nothing is known any more. Refreshing the
    /// subscription would not help.
    TooMuch,
}

impl Conference {
    /// A conference of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next document.
    pub fn apply(&mut self, news: Notification, limits: &Limits) -> Merged {
        if self.version.is_some_and(|version| news.version <= version) {
            return Merged::Stale;
        }
        match news.state {
            State::Full => *self = Self::new(),
            State::Deleted => {
                *self = Self {
                    version: Some(news.version),
                    entity: news.entity,
                    ..Self::new()
                };
                return Merged::Over;
            }
            State::Partial => {
                let next = self.version.and_then(|version| version.checked_add(1));
                if next != Some(news.version) {
                    return Merged::Gap;
                }
            }
        }
        self.version = Some(news.version);
        self.entity = news.entity;
        self.description = news
            .description
            .unwrap_or(core::mem::take(&mut self.description));
        self.standing = news.standing.unwrap_or(self.standing);
        if let Some(news) = news.users {
            if news.state != State::Partial {
                self.users.clear();
                self.size = Size::default();
            }
            if news.state != State::Deleted {
                for (entity, user) in news.users {
                    self.put(entity, user);
                }
            }
        }
        if self.size.entries > limits.conference_entries
            || self.size.octets > limits.conference_octets
        {
            *self = Self::new();
            return Merged::TooMuch;
        }
        Merged::Applied
    }

    /// The version of the last document that was applied.
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// The URI of the conference; empty while nothing is known.
    pub fn entity(&self) -> &str {
        &self.entity
    }

    /// What the conference is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How it is going.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Who is in it, by URI. Their states, and those of their devices, are all [`State::Full`].
    pub fn users(&self) -> &BTreeMap<String, User> {
        &self.users
    }

    /// Takes what is new of one user.
    fn put(&mut self, entity: String, news: User) {
        let mut known = self.users.remove(&entity);
        if let Some(user) = &known {
            self.size.take(Size::of(&entity, user));
        }
        match (news.state, &mut known) {
            (State::Deleted, _) => return,
            (State::Partial, Some(user)) => user.merge(news),
            (State::Partial | State::Full, _) => known = Some(news.settled()),
        }
        if let Some(user) = known {
            self.size.add(Size::of(&entity, &user));
            self.users.insert(entity, user);
        }
    }
}

impl User {
    /// All that is to be known of a user of whom nothing was known.
    fn settled(mut self) -> Self {
        self.state = State::Full;
        self.endpoints
            .retain(|_, endpoint| endpoint.state != State::Deleted);
        for endpoint in self.endpoints.values_mut() {
            endpoint.state = State::Full;
        }
        self
    }

    fn merge(&mut self, news: Self) {
        replace(&mut self.display_text, news.display_text);
        replace(&mut self.nickname, news.nickname);
        replace(&mut self.associated, news.associated);
        replace(&mut self.roles, news.roles);
        for (entity, mut endpoint) in news.endpoints {
            match (endpoint.state, self.endpoints.get_mut(&entity)) {
                (State::Deleted, _) => {
                    self.endpoints.remove(&entity);
                }
                (State::Partial, Some(known)) => known.merge(endpoint),
                (State::Partial | State::Full, _) => {
                    endpoint.state = State::Full;
                    self.endpoints.insert(entity, endpoint);
                }
            }
        }
    }
}

impl Endpoint {
    fn merge(&mut self, news: Self) {
        replace(&mut self.display_text, news.display_text);
        replace(&mut self.status, news.status);
        replace(&mut self.joining, news.joining);
        replace(&mut self.disconnection, news.disconnection);
    }
}

fn replace<T>(known: &mut Option<T>, news: Option<T>) {
    if news.is_some() {
        *known = news;
    }
}

/// How much is kept of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    entries: usize,
    octets: usize,
}

impl Size {
    fn of(entity: &str, user: &User) -> Self {
        let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let associated = || user.associated.iter().flatten();
        let roles = || user.roles.iter().flatten();
        let links = associated()
            .map(|link| link.uri.len() + len(&link.display_text) + len(&link.purpose))
            .sum::<usize>();
        let roles_len = roles().map(String::len).sum::<usize>();
        let endpoints = user
            .endpoints
            .iter()
            .map(|(entity, endpoint)| entity.len() + len(&endpoint.display_text))
            .sum::<usize>();
        let own = entity.len() + len(&user.display_text) + len(&user.nickname);
        Self {
            entries: 1 + associated().count() + roles().count() + user.endpoints.len(),
            octets: own + links + roles_len + endpoints,
        }
    }

    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.octets += other.octets;
    }

    fn take(&mut self, other: Self) {
        self.entries = self.entries.saturating_sub(other.entries);
        self.octets = self.octets.saturating_sub(other.octets);
    }
}

/// Reads a document. Elements that it does not know are passed over.
///
/// # Errors
///
/// Status 400: as any XML (CC-100); no `conference-info` document; no `entity` or `version`; an unknown
/// `state`; a malformed number or truth value; more entries than `limits` allows.
pub fn parse(xml: &[u8], limits: &Limits) -> Result<Notification, Flaw> {
    let document = xml::parse(xml, limits.conference_octets, limits)?;
    let root = document.root_element();
    if !root.has_tag_name((DOCUMENT, "conference-info")) {
        return Err(flaw(0, "not a conference-info document"));
    }
    let mut reader = Reader {
        room: limits.conference_entries,
    };
    let version = root.attribute("version").map(str::trim);
    let mut news = Notification {
        entity: root
            .attribute("entity")
            .ok_or(flaw(xml::place(root), "conference without entity"))?
            .into(),
        state: state(root)?,
        version: version
            .and_then(|version| version.parse().ok())
            .ok_or(flaw(xml::place(root), "conference without usable version"))?,
        description: None,
        standing: None,
        users: None,
    };
    for (name, child) in xml::children(root, DOCUMENT) {
        match name {
            "conference-description" => news.description = Some(reader.description(child)?),
            "conference-state" => news.standing = Some(standing(child)?),
            "users" => news.users = Some(reader.users(child)?),
            _ => {}
        }
    }
    Ok(news)
}

impl Part {
    /// Reads the part as a conference document.
    ///
    /// # Errors
    ///
    /// As [`parse`]; and 415 where it is something else, or encoded.
    pub fn conference(&self, limits: &Limits) -> Result<Notification, Flaw> {
        parse(self.of(MEDIA_TYPE)?, limits)
    }
}

struct Reader {
    /// How many more entries there may be.
    room: usize,
}

impl Reader {
    fn count(&mut self, node: Node<'_, '_>) -> Result<(), Flaw> {
        let room = self.room.checked_sub(1);
        self.room = room.ok_or(flaw(xml::place(node), "conference with too many entries"))?;
        Ok(())
    }

    fn description(&mut self, node: Node<'_, '_>) -> Result<Description, Flaw> {
        let mut found = Description::default();
        for (name, child) in xml::children(node, DOCUMENT) {
            match name {
                "display-text" => found.display_text = Some(xml::text(child)),
                "subject" => found.subject = Some(xml::text(child)),
                "free-text" => found.free_text = Some(xml::text(child)),
                "conf-uris" => found.conference_uris = self.links(child)?,
                "service-uris" => found.service_uris = self.links(child)?,
                "maximum-user-count" => found.maximum_user_count = Some(value(child)?),
                _ => {}
            }
        }
        Ok(found)
    }

    fn links(&mut self, node: Node<'_, '_>) -> Result<Vec<Link>, Flaw> {
        let mut links = Vec::new();
        for (_, entry) in xml::children(node, DOCUMENT).filter(|(name, _)| *name == "entry") {
            self.count(entry)?;
            let mut link = Link::default();
            for (name, child) in xml::children(entry, DOCUMENT) {
                match name {
                    "uri" => link.uri = xml::word(child),
                    "display-text" => link.display_text = Some(xml::text(child)),
                    "purpose" => link.purpose = Some(xml::word(child)),
                    _ => {}
                }
            }
            links.push(link);
        }
        Ok(links)
    }

    fn users(&mut self, node: Node<'_, '_>) -> Result<Users, Flaw> {
        let mut users = BTreeMap::new();
        for (_, user) in xml::children(node, DOCUMENT).filter(|(name, _)| *name == "user") {
            self.count(user)?;
            users.insert(key(user), self.user(user)?);
        }
        Ok(Users {
            state: state(node)?,
            users,
        })
    }

    fn user(&mut self, node: Node<'_, '_>) -> Result<User, Flaw> {
        let mut user = User {
            state: state(node)?,
            nickname: node.attribute((XCON, "nickname")).map(String::from),
            ..User::default()
        };
        for (name, child) in xml::children(node, DOCUMENT) {
            match name {
                "display-text" => user.display_text = Some(xml::text(child)),
                "associated-aors" => user.associated = Some(self.links(child)?),
                "roles" => user.roles = Some(self.roles(child)?),
                "endpoint" => {
                    self.count(child)?;
                    user.endpoints.insert(key(child), endpoint(child)?);
                }
                _ => {}
            }
        }
        Ok(user)
    }

    fn roles(&mut self, node: Node<'_, '_>) -> Result<Vec<String>, Flaw> {
        let mut roles = Vec::new();
        for (_, entry) in xml::children(node, DOCUMENT).filter(|(name, _)| *name == "entry") {
            self.count(entry)?;
            roles.push(xml::word(entry));
        }
        Ok(roles)
    }
}

impl Default for User {
    fn default() -> Self {
        Self {
            state: State::Full,
            display_text: None,
            nickname: None,
            associated: None,
            roles: None,
            endpoints: BTreeMap::new(),
        }
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            state: State::Full,
            display_text: None,
            status: None,
            joining: None,
            disconnection: None,
        }
    }
}

fn endpoint(node: Node<'_, '_>) -> Result<Endpoint, Flaw> {
    let mut endpoint = Endpoint {
        state: state(node)?,
        ..Endpoint::default()
    };
    for (name, child) in xml::children(node, DOCUMENT) {
        match name {
            "display-text" => endpoint.display_text = Some(xml::text(child)),
            "status" => endpoint.status = EndpointStatus::read(&xml::word(child)),
            "joining-method" => endpoint.joining = Joining::read(&xml::word(child)),
            "disconnection-method" => {
                endpoint.disconnection = Disconnection::read(&xml::word(child));
            }
            _ => {}
        }
    }
    Ok(endpoint)
}

fn standing(node: Node<'_, '_>) -> Result<Standing, Flaw> {
    let mut found = Standing::default();
    for (name, child) in xml::children(node, DOCUMENT) {
        match name {
            "user-count" => found.user_count = Some(value(child)?),
            "active" => found.active = Some(truth(child)?),
            "locked" => found.locked = Some(truth(child)?),
            _ => {}
        }
    }
    Ok(found)
}

fn key(node: Node<'_, '_>) -> String {
    node.attribute("entity").unwrap_or_default().into()
}

fn state(node: Node<'_, '_>) -> Result<State, Flaw> {
    let word = node.attribute("state").map_or("full", str::trim);
    State::read(word).ok_or(flaw(xml::place(node), "unknown state"))
}

fn value(node: Node<'_, '_>) -> Result<u32, Flaw> {
    let number = xml::word(node).parse();
    number.map_err(|_| flaw(xml::place(node), "malformed number"))
}

fn truth(node: Node<'_, '_>) -> Result<bool, Flaw> {
    match xml::word(node).as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(flaw(xml::place(node), "malformed truth value")),
    }
}

/// Writes a document, in the order of the schema (RFC 4575 §6).
pub fn write(out: &mut BytesMut, news: &Notification) {
    xml::begin(out, "conference-info", DOCUMENT);
    let users = || news.users.iter().flat_map(|users| users.users.values());
    if users().any(|user| user.nickname.is_some()) {
        xml::attribute(out, "xmlns:xcon", XCON);
    }
    xml::attribute(out, "entity", &news.entity);
    xml::attribute(out, "state", news.state.as_str());
    let _ = core::fmt::write(out, format_args!(" version=\"{}\">\r\n", news.version));
    if let Some(description) = &news.description {
        xml::line(out, "<conference-description>");
        put(out, "display-text", description.display_text.as_deref());
        put(out, "subject", description.subject.as_deref());
        put(out, "free-text", description.free_text.as_deref());
        put_links(out, "conf-uris", &description.conference_uris);
        put_links(out, "service-uris", &description.service_uris);
        put_value(out, "maximum-user-count", description.maximum_user_count);
        xml::line(out, "</conference-description>");
    }
    if let Some(standing) = &news.standing {
        xml::line(out, "<conference-state>");
        put_value(out, "user-count", standing.user_count);
        put_value(out, "active", standing.active);
        put_value(out, "locked", standing.locked);
        xml::line(out, "</conference-state>");
    }
    if let Some(users) = &news.users {
        out.put_slice(b"<users");
        xml::attribute(out, "state", users.state.as_str());
        xml::line(out, ">");
        for (entity, user) in &users.users {
            put_user(out, entity, user);
        }
        xml::line(out, "</users>");
    }
    out.put_slice(b"</conference-info>");
}

fn put_user(out: &mut BytesMut, entity: &str, user: &User) {
    out.put_slice(b"<user");
    xml::attribute(out, "entity", entity);
    xml::attribute(out, "state", user.state.as_str());
    if let Some(nickname) = &user.nickname {
        xml::attribute(out, "xcon:nickname", nickname);
    }
    xml::line(out, ">");
    put(out, "display-text", user.display_text.as_deref());
    put_links(
        out,
        "associated-aors",
        user.associated.as_deref().unwrap_or_default(),
    );
    if let Some(roles) = user.roles.as_ref().filter(|roles| !roles.is_empty()) {
        xml::line(out, "<roles>");
        for role in roles {
            xml::element(out, "entry", role);
        }
        xml::line(out, "</roles>");
    }
    for (entity, endpoint) in &user.endpoints {
        out.put_slice(b"<endpoint");
        xml::attribute(out, "entity", entity);
        xml::attribute(out, "state", endpoint.state.as_str());
        xml::line(out, ">");
        put(out, "display-text", endpoint.display_text.as_deref());
        put(out, "status", endpoint.status.map(EndpointStatus::as_str));
        put(out, "joining-method", endpoint.joining.map(Joining::as_str));
        let left = endpoint.disconnection.map(Disconnection::as_str);
        put(out, "disconnection-method", left);
        xml::line(out, "</endpoint>");
    }
    xml::line(out, "</user>");
}

fn put(out: &mut BytesMut, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        xml::element(out, name, text);
    }
}

fn put_value(out: &mut BytesMut, name: &str, value: Option<impl core::fmt::Display>) {
    if let Some(value) = value {
        let _ = core::fmt::write(out, format_args!("<{name}>{value}</{name}>\r\n"));
    }
}

/// Writes URIs, unless there are none: the schema has no empty list.
fn put_links(out: &mut BytesMut, name: &str, links: &[Link]) {
    if links.is_empty() {
        return;
    }
    let _ = core::fmt::write(out, format_args!("<{name}>\r\n"));
    for link in links {
        xml::line(out, "<entry>");
        xml::element(out, "uri", &link.uri);
        put(out, "display-text", link.display_text.as_deref());
        put(out, "purpose", link.purpose.as_deref());
        xml::line(out, "</entry>");
    }
    let _ = core::fmt::write(out, format_args!("</{name}>\r\n"));
}
