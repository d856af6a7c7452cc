//! What holds for any octets that are taken for the documents of a conference.

use bytes::BytesMut;
use simple_im::Limits;
use simple_im::wire::conference::{
    Conference, Contents, Merged, Notification, State, parse, write,
};

/// Zeros stand between one document and the next.
pub fn check(data: &[u8]) {
    let limits = Limits::default();
    let mut conference = Conference::new();
    for document in data.split(|octet| *octet == 0) {
        match parse(document, &limits) {
            Ok(news) => {
                written(&news);
                merged(&mut conference, news, &limits);
            }
            Err(flaw) => super::flaw::check(document, flaw),
        }
    }
}

fn written(news: &Notification) {
    let mut roomy = Limits::default();
    roomy.conference_octets *= 16;
    let mut out = BytesMut::new();
    write(&mut out, news);
    let again = parse(&out, &roomy).expect("we wrote it");
    let mut second = BytesMut::new();
    write(&mut second, &again);
    assert_eq!(out, second, "another round changes nothing");
    assert_eq!(
        (&again.entity, again.state, again.version),
        (&news.entity, news.state, news.version)
    );
    let (again, news) = (&again.contents, &news.contents);
    assert_eq!(again.standing, news.standing);
    assert_eq!(again.description, news.description);
    assert_eq!(again.sidebar_links, news.sidebar_links);
    let names = |contents: &Contents| -> Vec<String> {
        let users = contents.users.iter().flat_map(|users| users.users.keys());
        let sidebars = contents.sidebars.iter().flat_map(|all| all.sidebars.keys());
        users.chain(sidebars).cloned().collect()
    };
    assert_eq!(names(again), names(news));
}

fn merged(conference: &mut Conference, news: Notification, limits: &Limits) {
    let before = conference.clone();
    let (state, version) = (news.state, news.version);
    match conference.apply(news, limits) {
        Merged::Applied => assert_eq!(conference.version(), Some(version)),
        Merged::Over => assert!(state == State::Deleted && conference.users().is_empty()),
        Merged::Stale => {
            assert!(*conference == before && before.version() >= Some(version));
        }
        Merged::Gap => assert!(*conference == before && state == State::Partial),
        Merged::TooMuch => assert!(*conference == Conference::new()),
    }
    assert!(conference.users().len() <= limits.conference_entries);
    full(conference.contents());
    // Told in full, it is the same.
    let Some(version) = conference.version() else {
        return;
    };
    let mut told = Conference::new();
    let full = Notification {
        entity: conference.entity().into(),
        state: State::Full,
        version,
        contents: conference.contents().clone(),
    };
    assert_eq!(told.apply(full, limits), Merged::Applied);
    assert_eq!(told, *conference);
}

/// What is known is known in full, on all levels.
fn full(contents: &Contents) {
    let mut states = Vec::new();
    if let Some(users) = &contents.users {
        states.push(users.state);
        for user in users.users.values() {
            states.push(user.state);
            states.extend(user.endpoints.values().map(|device| device.state));
        }
    }
    states.extend(contents.sidebar_links.iter().map(|links| links.state));
    if let Some(sidebars) = &contents.sidebars {
        states.push(sidebars.state);
        for sidebar in sidebars.sidebars.values() {
            states.push(sidebar.state);
            full(&sidebar.contents);
        }
    }
    assert!(states.iter().all(|state| *state == State::Full));
}
