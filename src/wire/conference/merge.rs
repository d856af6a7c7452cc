//! What is known of a conference after one document and another.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    Contents, Description, Endpoint, Execution, Link, Notification, Sidebar, SidebarLinks,
    Sidebars, Standing, State, User, Users,
};
use crate::Limits;

/// What is known of a conference from the documents of one subscription (RFC 4575 §4.6). Versions count
/// within a subscription: a new one begins with a new value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conference {
    version: Option<u32>,
    entity: String,
    contents: Contents,
    size: Size,
}

static UNKNOWN: Description = Description {
    display_text: None,
    subject: None,
    free_text: None,
    keywords: None,
    conference_uris: Vec::new(),
    service_uris: Vec::new(),
    maximum_user_count: None,
    available_media: Vec::new(),
};

static NOBODY: BTreeMap<String, User> = BTreeMap::new();

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Merged {
    /// It is part of what is known.
    Applied,
    /// The conference is over: nothing is known any more, and the subscription can be ended.
    Over,
    /// It is not newer than what is known, which is as before. After version 2³²-1 nothing is: within a
    /// subscription versions only grow (RFC 4575 §5.2), so a focus that begins again wants a new one.
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
        self.contents.merge(news.contents, &mut self.size);
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
        self.contents.description.as_ref().unwrap_or(&UNKNOWN)
    }

    /// How it is going.
    pub fn standing(&self) -> Standing {
        self.contents.standing.unwrap_or_default()
    }

    /// Who is in it, by URI. Their states, and those of their devices, are all [`State::Full`].
    pub fn users(&self) -> &BTreeMap<String, User> {
        let users = self.contents.users.as_ref();
        users.map_or(&NOBODY, |users| &users.users)
    }

    /// All that is known, sidebars among it. All states are [`State::Full`].
    pub fn contents(&self) -> &Contents {
        &self.contents
    }
}

impl Contents {
    /// Takes what is new (RFC 4575 §4.6).
    fn merge(&mut self, news: Self, size: &mut Size) {
        replace(&mut self.description, news.description);
        replace(&mut self.host, news.host);
        replace(&mut self.standing, news.standing);
        if let Some(news) = news.users {
            self.merge_users(news, size);
        }
        if let Some(news) = news.sidebar_links {
            self.merge_sidebar_links(news, size);
        }
        if let Some(news) = news.sidebars {
            self.merge_sidebars(news, size);
        }
    }

    fn merge_users(&mut self, news: Users, size: &mut Size) {
        let mut known = self.users.take().map(|users| users.users);
        if news.state != State::Partial {
            for (entity, user) in known.take().iter().flatten() {
                size.take(Size::of(entity, user));
            }
        }
        if news.state == State::Deleted {
            return;
        }
        let mut users = known.unwrap_or_default();
        for (entity, news) in news.users {
            put(&mut users, entity, news, size);
        }
        self.users = Some(Users {
            state: State::Full,
            users,
        });
    }

    fn merge_sidebar_links(&mut self, news: SidebarLinks, size: &mut Size) {
        let known = self.sidebar_links.take();
        let known = known.into_iter().flat_map(|known| known.links);
        let mut links = BTreeMap::new();
        for link in known {
            size.take(Size::of_link(&link));
            if news.state == State::Partial {
                links.insert(link.uri.clone(), link);
            }
        }
        if news.state == State::Deleted {
            return;
        }
        links.extend(news.links.into_iter().map(|link| (link.uri.clone(), link)));
        let links: Vec<Link> = links.into_values().collect();
        links.iter().for_each(|link| size.add(Size::of_link(link)));
        self.sidebar_links = Some(SidebarLinks {
            state: State::Full,
            links,
        });
    }

    fn merge_sidebars(&mut self, news: Sidebars, size: &mut Size) {
        let mut known = self.sidebars.take().map(|sidebars| sidebars.sidebars);
        if news.state != State::Partial {
            for (entity, sidebar) in known.take().iter().flatten() {
                size.take(Size::of_sidebar(entity, sidebar));
            }
        }
        if news.state == State::Deleted {
            return;
        }
        let mut sidebars = known.unwrap_or_default();
        for (entity, news) in news.sidebars {
            let known = sidebars.remove(&entity);
            if let Some(sidebar) = &known {
                size.take(Size::of_sidebar(&entity, sidebar));
            }
            let mut contents = match (news.state, known) {
                (State::Deleted, _) => continue,
                (State::Partial, Some(known)) => known.contents,
                (State::Partial | State::Full, _) => Contents::default(),
            };
            // Counted as a whole below, so not by the way.
            contents.merge(news.contents, &mut Size::default());
            let sidebar = Sidebar {
                state: State::Full,
                contents,
            };
            size.add(Size::of_sidebar(&entity, &sidebar));
            sidebars.insert(entity, sidebar);
        }
        self.sidebars = Some(Sidebars {
            state: State::Full,
            sidebars,
        });
    }
}
/// Takes what is new of one user.
fn put(users: &mut BTreeMap<String, User>, entity: String, news: User, size: &mut Size) {
    let mut known = users.remove(&entity);
    if let Some(user) = &known {
        size.take(Size::of(&entity, user));
    }
    match (news.state, &mut known) {
        (State::Deleted, _) => return,
        (State::Partial, Some(user)) => user.merge(news),
        (State::Partial | State::Full, _) => known = Some(news.settled()),
    }
    if let Some(user) = known {
        size.add(Size::of(&entity, &user));
        users.insert(entity, user);
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
        replace(&mut self.languages, news.languages);
        replace(&mut self.cascaded_focus, news.cascaded_focus);
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
        replace(&mut self.referred, news.referred);
        replace(&mut self.status, news.status);
        replace(&mut self.joining, news.joining);
        replace(&mut self.joining_info, news.joining_info);
        replace(&mut self.disconnection, news.disconnection);
        replace(&mut self.disconnection_info, news.disconnection_info);
        self.media.extend(news.media);
        replace(&mut self.call, news.call);
    }
}

fn replace<T>(known: &mut Option<T>, news: Option<T>) {
    if news.is_some() {
        *known = news;
    }
}

/// How much is kept of users and sidebars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    entries: usize,
    octets: usize,
}

impl Size {
    fn of(entity: &str, user: &User) -> Self {
        let mut size = Self::one([entity.len()]);
        size.texts([
            &user.display_text,
            &user.nickname,
            &user.languages,
            &user.cascaded_focus,
        ]);
        for link in user.associated.iter().flatten() {
            size.add(Self::of_link(link));
        }
        for role in user.roles.iter().flatten() {
            size.add(Self::one([role.len()]));
        }
        for (entity, endpoint) in &user.endpoints {
            size.add(Self::of_endpoint(entity, endpoint));
        }
        size
    }

    fn of_endpoint(entity: &str, endpoint: &Endpoint) -> Self {
        let mut size = Self::one([entity.len()]);
        size.texts([&endpoint.display_text]);
        let executions = [
            &endpoint.referred,
            &endpoint.joining_info,
            &endpoint.disconnection_info,
        ];
        executions.into_iter().for_each(|done| size.execution(done));
        for (id, media) in &endpoint.media {
            size.add(Self::one([id.len()]));
            size.texts([
                &media.display_text,
                &media.kind,
                &media.label,
                &media.source,
            ]);
        }
        if let Some(call) = &endpoint.call {
            size.texts([&call.display_text]);
            size.octets += call.call_id.len() + call.from_tag.len() + call.to_tag.len();
        }
        size
    }

    fn of_link(link: &Link) -> Self {
        let mut size = Self::one([link.uri.len()]);
        size.texts([&link.display_text, &link.purpose]);
        size.execution(&link.modified);
        size
    }

    fn of_sidebar(entity: &str, sidebar: &Sidebar) -> Self {
        let mut size = Self::one([entity.len()]);
        let contents = &sidebar.contents;
        if let Some(found) = &contents.description {
            size.texts([
                &found.display_text,
                &found.subject,
                &found.free_text,
                &found.keywords,
            ]);
            for link in found.conference_uris.iter().chain(&found.service_uris) {
                size.add(Self::of_link(link));
            }
            for media in &found.available_media {
                size.add(Self::one([media.label.len(), media.kind.len()]));
                size.texts([&media.display_text]);
            }
        }
        if let Some(host) = &contents.host {
            size.texts([&host.display_text, &host.web_page]);
            host.uris
                .iter()
                .for_each(|link| size.add(Self::of_link(link)));
        }
        for (entity, user) in contents.users.iter().flat_map(|users| &users.users) {
            size.add(Self::of(entity, user));
        }
        for link in contents.sidebar_links.iter().flat_map(|links| &links.links) {
            size.add(Self::of_link(link));
        }
        for (entity, inner) in contents.sidebars.iter().flat_map(|inner| &inner.sidebars) {
            size.add(Self::of_sidebar(entity, inner));
        }
        size
    }

    /// One entry with texts of these lengths.
    fn one<const N: usize>(lengths: [usize; N]) -> Self {
        Self {
            entries: 1,
            octets: lengths.into_iter().sum(),
        }
    }

    fn texts<const N: usize>(&mut self, texts: [&Option<String>; N]) {
        let lengths = texts.into_iter().flatten().map(String::len);
        self.octets += lengths.sum::<usize>();
    }

    fn execution(&mut self, done: &Option<Box<Execution>>) {
        if let Some(done) = done {
            self.texts([&done.when, &done.reason, &done.by]);
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
