//! Documents of conferences: read, written and merged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use proptest::prelude::*;
use simple_im::wire::conference::{
    self, AvailableMedia, Call, Conference, Contents, Description, Disconnection, Endpoint,
    EndpointStatus, Execution, Host, Joining, Link, Media, MediaStatus, Merged, Notification,
    Sidebar, SidebarLinks, Sidebars, Standing, State, User, Users,
};
use simple_im::{Flaw, Limits, Status};

use crate::wire_xml::{one, text, word, written};

pub(crate) fn info(state: &str, version: u32, inner: &str) -> Result<Notification, Flaw> {
    let xml = format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' \
         xmlns:xcon='urn:ietf:params:xml:ns:xcon-conference-info' \
         entity='sip:c@h' state='{state}' version='{version}'>{inner}</conference-info>"
    );
    conference::parse(xml.as_bytes(), &Limits::default())
}

/// Who is in a conference, as `uri name [nick] (device status)`.
fn show(conference: &Conference) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let user = |(uri, user): (&String, &User)| {
        assert_eq!(user.state, State::Full);
        let mut shown = format!("{uri} {}", text(&user.display_text));
        for (uri, endpoint) in &user.endpoints {
            assert_eq!(endpoint.state, State::Full);
            let status = endpoint.status.map_or("", EndpointStatus::as_str);
            shown += &format!(" ({uri} {}{status})", text(&endpoint.display_text));
        }
        shown
    };
    conference.users().iter().map(user).collect()
}

/// Applies documents from version 1 on, all but the first partial, and tells who is there then.
#[track_caller]
fn check(documents: &[&str], expected: &[&str]) {
    let mut conference = Conference::new();
    for (version, inner) in (1..).zip(documents) {
        let state = if version == 1 { "full" } else { "partial" };
        let news = info(state, version, inner).unwrap_or_else(|flaw| panic!("{flaw}: {inner}"));
        let merged = conference.apply(news, &Limits::default());
        assert_eq!(merged, Merged::Applied, "{inner}");
    }
    assert_eq!(show(&conference), expected);
}

pub(crate) const TWO: &str = "<users><user entity='sip:a@h'><display-text>A</display-text>\
    <endpoint entity='a1'><display-text>phone </display-text><status>connected</status></endpoint>\
    <endpoint entity='a2'><status>alerting</status></endpoint></user>\
    <user entity='sip:b@h'><endpoint entity='b1'/></user></users>";

#[test]
fn the_full_document_of_the_rfc_is_read() {
    // RFC 4575 §6, shortened where elements repeat.
    let news = conference::parse(
        b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>
        <conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\"
         entity=\"sips:conf233@example.com\" state=\"full\" version=\"1\">
        <!-- CONFERENCE INFO -->
         <conference-description><subject>Agenda: This month's goals</subject>
          <service-uris><entry><uri>http://sharepoint/salesgroup/</uri><purpose>web-page</purpose>
          </entry></service-uris></conference-description>
         <conference-state><user-count>33</user-count></conference-state>
         <users><user entity=\"sip:bob@example.com\" state=\"full\">
           <display-text>Bob Hoskins</display-text>
           <endpoint entity=\"sip:bob@pc33.example.com\"><display-text>Bob's Laptop</display-text>
            <status>disconnected</status><disconnection-method>departed</disconnection-method>
            <disconnection-info><when>2005-03-04T20:00:00Z</when><reason>bad voice quality</reason>
             <by>sip:mike@example.com</by></disconnection-info>
            <media id=\"1\"><display-text>main audio</display-text><type>audio</type>
             <status>sendrecv</status></media></endpoint></user>
          <user entity=\"sip:alice@example.com\" state=\"full\"><display-text>Alice</display-text>
           <endpoint entity=\"sip:4kfk4j392jsu@example.com;grid=433kj4j3u\">
            <status>connected</status><joining-method>dialed-out</joining-method></endpoint>
          </user></users></conference-info>",
        &Limits::default(),
    )
    .unwrap();
    assert_eq!((news.state, news.version), (State::Full, 1));
    let mut conference = Conference::new();
    assert_eq!(conference.apply(news, &Limits::default()), Merged::Applied);
    assert_eq!(conference.entity(), "sips:conf233@example.com");
    assert_eq!(conference.version(), Some(1));
    assert_eq!(conference.standing().user_count, Some(33));
    let description = conference.description();
    assert_eq!(
        description.subject.as_deref(),
        Some("Agenda: This month's goals")
    );
    assert_eq!(
        description.service_uris[0].uri,
        "http://sharepoint/salesgroup/"
    );
    assert_eq!(
        description.service_uris[0].purpose.as_deref(),
        Some("web-page")
    );
    assert_eq!(
        show(&conference),
        [
            "sip:alice@example.com Alice (sip:4kfk4j392jsu@example.com;grid=433kj4j3u connected)",
            "sip:bob@example.com Bob Hoskins (sip:bob@pc33.example.com Bob's Laptopdisconnected)"
        ]
    );
    let bob = &conference.users()["sip:bob@example.com"];
    let laptop = &bob.endpoints["sip:bob@pc33.example.com"];
    assert_eq!(laptop.disconnection, Some(Disconnection::Departed));
}

#[test]
fn a_partial_document_changes_what_it_names() {
    check(
        &[TWO],
        &[
            "sip:a@h A (a1 phone connected) (a2 alerting)",
            "sip:b@h  (b1 )",
        ],
    );
    let partial = |inner: &str| format!("<users state='partial'>{inner}</users>");
    // One status of one device.
    let status = partial(
        "<user entity='sip:a@h' state='partial'><endpoint entity='a1' state='partial'>\
         <status>on-hold</status></endpoint></user>",
    );
    check(
        &[TWO, &status],
        &[
            "sip:a@h A (a1 phone on-hold) (a2 alerting)",
            "sip:b@h  (b1 )",
        ],
    );
    // A device told in full loses what is not told.
    let full = partial(
        "<user entity='sip:a@h' state='partial'><endpoint entity='a1'><status>pending</status>\
         </endpoint></user>",
    );
    check(
        &[TWO, &full],
        &["sip:a@h A (a1 pending) (a2 alerting)", "sip:b@h  (b1 )"],
    );
    // So does a user.
    let user = partial("<user entity='sip:a@h'><endpoint entity='a3'/></user>");
    check(&[TWO, &user], &["sip:a@h  (a3 )", "sip:b@h  (b1 )"]);
    // What is deleted is gone; what was never there may be.
    let gone = partial(
        "<user entity='sip:a@h' state='partial'><display-text>B</display-text>\
         <endpoint entity='a2' state='deleted'><status>connected</status></endpoint>\
         <endpoint entity='a9' state='deleted'/></user>\
         <user entity='sip:b@h' state='deleted'><display-text>still?</display-text></user>\
         <user entity='sip:x@h' state='deleted'/>",
    );
    check(&[TWO, &gone], &["sip:a@h B (a1 phone connected)"]);
    // What is new is added, whatever it is called.
    let new = partial(
        "<user entity='sip:c@h' state='partial'><endpoint entity='c1' state='partial'/>\
         <endpoint entity='c2' state='deleted'/></user><user entity='SIP:b@h' state='full'/>",
    );
    check(
        &[TWO, &new],
        &[
            "SIP:b@h ",
            "sip:a@h A (a1 phone connected) (a2 alerting)",
            "sip:b@h  (b1 )",
            "sip:c@h  (c1 )",
        ],
    );
    // A list told in full, which is the default, is the list; one that is deleted is none.
    check(
        &[TWO, "<users><user entity='sip:c@h'/></users>"],
        &["sip:c@h "],
    );
    check(
        &[
            TWO,
            "<users state='deleted'><user entity='sip:c@h'/></users>",
        ],
        &[],
    );
    // Nothing told, nothing changed.
    check(
        &[TWO, ""],
        &[
            "sip:a@h A (a1 phone connected) (a2 alerting)",
            "sip:b@h  (b1 )",
        ],
    );
    // In a full document nobody is deleted or partly there.
    let odd = "<users><user entity='sip:a@h' state='deleted'/><user entity='sip:b@h' state='partial'>\
        <endpoint entity='b1' state='partial'/></user></users>";
    check(&[odd], &["sip:b@h  (b1 )"]);
}

#[test]
fn what_has_no_state_of_its_own_is_replaced_whole() {
    let mut conference = Conference::new();
    let mut apply = |state, version, inner: &str| {
        let merged = conference.apply(info(state, version, inner).unwrap(), &Limits::default());
        assert_eq!(merged, Merged::Applied);
        (conference.description().clone(), conference.standing())
    };
    let first = "<conference-description><display-text>D</display-text><subject>S</subject>\
        <conf-uris><entry><uri>tel:+1</uri></entry></conf-uris>\
        <maximum-user-count>100</maximum-user-count></conference-description>\
        <conference-state><user-count>32</user-count><active>true</active><locked>0</locked>\
        </conference-state>";
    let (description, standing) = apply("full", 7, first);
    assert_eq!(description.maximum_user_count, Some(100));
    assert_eq!(description.conference_uris[0].uri, "tel:+1");
    assert_eq!(
        (standing.active, standing.locked),
        (Some(true), Some(false))
    );
    let (same, _) = apply(
        "partial",
        8,
        "<conference-state><user-count>3</user-count></conference-state>",
    );
    assert_eq!(same, description);
    let (now, standing) = apply(
        "partial",
        9,
        "<conference-description><subject>T</subject></conference-description>",
    );
    assert_eq!(
        (now.subject.as_deref(), now.display_text),
        (Some("T"), None)
    );
    assert_eq!((standing.user_count, standing.active), (Some(3), None));
    let (none, standing) = apply("full", 11, "");
    assert_eq!(
        (none, standing),
        (Description::default(), Standing::default())
    );
}

#[test]
fn versions_tell_what_is_stale_and_what_was_missed() {
    let mut conference = Conference::new();
    let mut apply = |state: &str, version: u32| {
        let inner = format!("<users state='partial'><user entity='sip:{version}@h'/></users>");
        let merged = conference.apply(info(state, version, &inner).unwrap(), &Limits::default());
        (merged, conference.version(), conference.users().len())
    };
    assert_eq!(apply("partial", 1), (Merged::Gap, None, 0));
    assert_eq!(apply("full", 5), (Merged::Applied, Some(5), 1));
    assert_eq!(apply("partial", 5), (Merged::Stale, Some(5), 1));
    assert_eq!(apply("full", 5), (Merged::Stale, Some(5), 1));
    assert_eq!(apply("full", 4), (Merged::Stale, Some(5), 1));
    assert_eq!(apply("deleted", 5), (Merged::Stale, Some(5), 1));
    assert_eq!(apply("partial", 7), (Merged::Gap, Some(5), 1));
    assert_eq!(apply("partial", 6), (Merged::Applied, Some(6), 2));
    assert_eq!(apply("full", 9), (Merged::Applied, Some(9), 1));
    assert_eq!(apply("deleted", 12), (Merged::Over, Some(12), 0));
    assert_eq!(apply("full", 12), (Merged::Stale, Some(12), 0));
    assert_eq!(
        apply("full", u32::MAX),
        (Merged::Applied, Some(u32::MAX), 1)
    );
    assert_eq!(apply("partial", 0), (Merged::Stale, Some(u32::MAX), 1));
}

#[test]
fn what_is_wrong_with_a_conference_document_is_said() {
    let space = "xmlns='urn:ietf:params:xml:ns:conference-info'";
    let read = |root: &str| {
        let xml = format!("<conference-info {space} {root}/>");
        conference::parse(xml.as_bytes(), &Limits::default()).map_err(|flaw| flaw.what)
    };
    assert!(read("entity='x' version=' 4294967295 '").is_ok());
    let version = Err("conference without usable version");
    for wrong in [
        "",
        "version=''",
        "version='-1'",
        "version='4294967296'",
        "version='1.0'",
    ] {
        assert_eq!(read(&format!("entity='x' {wrong}")), version);
    }
    assert_eq!(read("version='1'"), Err("conference without entity"));
    assert_eq!(
        read("entity='x' version='1' state='FULL'"),
        Err("unknown state")
    );
    for (inner, what) in [
        ("<users state='x'/>", "unknown state"),
        ("<users><user state=''/></users>", "unknown state"),
        (
            "<users><user><endpoint state='x'/></user></users>",
            "unknown state",
        ),
        (
            "<conference-state><user-count>x</user-count></conference-state>",
            "malformed number",
        ),
        (
            "<conference-state><active>yes</active></conference-state>",
            "malformed truth value",
        ),
    ] {
        let flaw = info("full", 1, inner).unwrap_err();
        assert_eq!((flaw.what, flaw.status), (what, Status(400)));
        assert!(flaw.at > 150, "{inner}");
    }
}

#[test]
fn what_a_reader_does_not_know_is_passed_over() {
    let news = info(
        "full",
        1,
        "<host-info><users><user/></users></host-info><x:users xmlns:x='urn:x'><x:user/></x:users>\
         <users><x:user xmlns:x='urn:x'/><user xcon:nickname='Dopey' nickname='no'>\
         <cascaded-focus>sip:f@h</cascaded-focus><languages>en</languages><roles><entry> owner </entry>\
         <entry/><other/></roles><associated-aors><entry><uri>mailto:a@h</uri>\
         <display-text>mail</display-text></entry></associated-aors>\
         <endpoint><status>levitating</status><joining-method>x</joining-method><call-info/>\
         <display-text>a<!-- c -->b<![CDATA[<c>]]></display-text></endpoint></user></users>",
    )
    .unwrap();
    let users = news.contents.users.unwrap().users;
    assert_eq!(users.len(), 1);
    // One without key has the empty one.
    let user = &users[""];
    assert_eq!(user.nickname.as_deref(), Some("Dopey"));
    assert_eq!(user.roles.as_ref().unwrap(), &["owner", ""]);
    assert_eq!(user.associated.as_ref().unwrap()[0].uri, "mailto:a@h");
    let endpoint = &user.endpoints[""];
    assert_eq!((endpoint.status, endpoint.joining), (None, None));
    assert_eq!(endpoint.display_text.as_deref(), Some("ab<c>"));
}

#[test]
fn a_document_has_so_many_entries() {
    let mut limits = Limits::default();
    limits.conference_entries = 5;
    let read = |inner: &str| {
        let xml = format!(
            "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='x' \
             version='1'>{inner}</conference-info>"
        );
        conference::parse(xml.as_bytes(), &limits).map_err(|flaw| flaw.what)
    };
    let many = Err("conference with too many entries");
    for (before, entry, after) in [
        ("<users>", "<user/>", "</users>"),
        ("<users><user>", "<endpoint/>", "</user></users>"),
        (
            "<users><user><roles>",
            "<entry/>",
            "</roles></user></users>",
        ),
        (
            "<users><user><associated-aors>",
            "<entry/>",
            "</associated-aors></user></users>",
        ),
        (
            "<conference-description><conf-uris>",
            "<entry/>",
            "</conf-uris></conference-description>",
        ),
        (
            "<conference-description><service-uris>",
            "<entry/>",
            "</service-uris></conference-description>",
        ),
        (
            "<conference-description><available-media>",
            "<entry/>",
            "</available-media></conference-description>",
        ),
        ("<host-info><uris>", "<entry/>", "</uris></host-info>"),
        (
            "<users><user><endpoint>",
            "<media/>",
            "</endpoint></user></users>",
        ),
        ("<sidebars-by-ref>", "<entry/>", "</sidebars-by-ref>"),
        ("<sidebars-by-val>", "<entry/>", "</sidebars-by-val>"),
        (
            "<sidebars-by-val><entry><users>",
            "<user/>",
            "</users></entry></sidebars-by-val>",
        ),
    ] {
        let own = ["<user>", "<endpoint>", "-val><entry>"];
        let own: usize = own.iter().map(|own| before.matches(own).count()).sum();
        let inner = |n: usize| format!("{before}{}{after}", entry.repeat(n));
        assert!(read(&inner(5 - own)).is_ok(), "{before}");
        assert_eq!(read(&inner(6 - own)), many, "{before}");
    }
}

#[test]
fn what_is_kept_is_bounded_over_all_documents() {
    let mut limits = Limits::default();
    limits.conference_entries = 10;
    limits.conference_octets = 1_000;
    let add = |version: u32, name: &str| {
        let state = if version == 1 { "full" } else { "partial" };
        let inner = format!(
            "<users state='partial'><user entity='sip:{version}@h'><roles><entry>{name}</entry></roles>\
             </user></users>"
        );
        info(state, version, &inner).unwrap()
    };
    let mut conference = Conference::new();
    for version in 1..=5 {
        assert_eq!(
            conference.apply(add(version, "x"), &limits),
            Merged::Applied
        );
    }
    // Someone leaves, someone comes: there is room.
    let gone = "<users state='partial'><user entity='sip:1@h' state='deleted'/></users>";
    assert_eq!(
        conference.apply(info("partial", 6, gone).unwrap(), &limits),
        Merged::Applied
    );
    assert_eq!(conference.apply(add(7, "x"), &limits), Merged::Applied);
    assert_eq!(conference.users().len(), 5);
    assert_eq!(conference.apply(add(8, "x"), &limits), Merged::TooMuch);
    assert_eq!(conference, Conference::new());
    assert_eq!(conference.apply(add(9, "x"), &limits), Merged::Gap);
    // So it is with octets.
    let long = "x".repeat(490);
    assert_eq!(conference.apply(add(1, &long), &limits), Merged::Applied);
    assert_eq!(conference.apply(add(2, &long), &limits), Merged::Applied);
    assert_eq!(conference.apply(add(3, "xx"), &limits), Merged::TooMuch);
}

#[test]
fn a_conference_is_written_in_the_order_of_the_schema() {
    let link = |uri: &str| Link {
        uri: uri.into(),
        display_text: Some("L".into()),
        purpose: Some("participation".into()),
        modified: None,
    };
    let endpoint = Endpoint {
        state: State::Partial,
        display_text: Some("phone".into()),
        status: Some(EndpointStatus::Disconnected),
        joining: Some(Joining::DialedIn),
        disconnection: Some(Disconnection::Booted),
        ..Endpoint::default()
    };
    let user = User {
        state: State::Partial,
        display_text: Some("A & B".into()),
        nickname: Some("\"Dopey\"\n".into()),
        associated: Some(vec![link("tel:+1")]),
        roles: Some(vec!["participant".into()]),
        languages: None,
        cascaded_focus: None,
        endpoints: [("sip:a@pc".into(), endpoint)].into(),
    };
    let news = Notification {
        entity: "sip:c@h;x=<y>".into(),
        state: State::Partial,
        version: 2,
        contents: Contents {
            description: Some(Description {
                display_text: Some("D".into()),
                subject: Some("S".into()),
                free_text: Some("F".into()),
                conference_uris: vec![link("sip:c@h")],
                service_uris: vec![],
                maximum_user_count: Some(100),
                ..Description::default()
            }),
            standing: Some(Standing {
                user_count: Some(1),
                active: Some(true),
                locked: Some(false),
            }),
            users: Some(Users {
                state: State::Partial,
                users: [("sip:a@h".into(), user)].into(),
            }),
            ..Contents::default()
        },
    };
    let xml = written(|out| conference::write(out, &news));
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" \
        xmlns:xcon=\"urn:ietf:params:xml:ns:xcon-conference-info\" \
        entity=\"sip:c@h;x=&lt;y&gt;\" state=\"partial\" version=\"2\">\r\n\
        <conference-description>\r\n\
        <display-text>D</display-text>\r\n<subject>S</subject>\r\n<free-text>F</free-text>\r\n\
        <conf-uris>\r\n<entry>\r\n<uri>sip:c@h</uri>\r\n<display-text>L</display-text>\r\n\
        <purpose>participation</purpose>\r\n</entry>\r\n</conf-uris>\r\n\
        <maximum-user-count>100</maximum-user-count>\r\n\
        </conference-description>\r\n\
        <conference-state>\r\n<user-count>1</user-count>\r\n<active>true</active>\r\n\
        <locked>false</locked>\r\n</conference-state>\r\n\
        <users state=\"partial\">\r\n\
        <user entity=\"sip:a@h\" state=\"partial\" xcon:nickname=\"&quot;Dopey&quot;&#10;\">\r\n\
        <display-text>A &amp; B</display-text>\r\n\
        <associated-aors>\r\n<entry>\r\n<uri>tel:+1</uri>\r\n<display-text>L</display-text>\r\n\
        <purpose>participation</purpose>\r\n</entry>\r\n</associated-aors>\r\n\
        <roles>\r\n<entry>participant</entry>\r\n</roles>\r\n\
        <endpoint entity=\"sip:a@pc\" state=\"partial\">\r\n\
        <display-text>phone</display-text>\r\n<status>disconnected</status>\r\n\
        <joining-method>dialed-in</joining-method>\r\n\
        <disconnection-method>booted</disconnection-method>\r\n\
        </endpoint>\r\n</user>\r\n</users>\r\n</conference-info>";
    assert_eq!(xml, expected);
    assert_eq!(
        conference::parse(xml.as_bytes(), &Limits::default()),
        Ok(news)
    );
}

/// RFC 4575 §7.2, from the media on.
const RICH: &str = "<conference-description><display-text>Weekly Sales Meeting</display-text>\
    <keywords> sales meeting weekly </keywords><available-media><entry label='34567'>\
    <display-text>main audio</display-text><type>audio</type><status>sendrecv</status></entry>\
    <entry label='34569'><type>video</type><status>inactive</status></entry></available-media>\
    </conference-description><host-info><display-text>Sales Host</display-text>\
    <web-page>http://sharepoint/salesgroup/hosts/</web-page>\
    <uris><entry><uri>sip:sales@example.com</uri></entry></uris></host-info>\
    <users><user entity='sip:bob@example.com'><languages>en</languages>\
    <endpoint entity='sip:bob@pc33.example.com'><referred><when>2005-03-04T20:00:00Z</when>\
    <reason>expert required</reason><by>sip:mike@example.com</by></referred>\
    <joining-info><reason>invitation</reason></joining-info>\
    <disconnection-info><by>sip:mike@example.com</by></disconnection-info>\
    <media id='1'><type>audio</type><label>34567</label><src-id>432424</src-id>\
    <status>sendrecv</status></media><media id='2'/>\
    <call-info><sip><display-text>full info</display-text><call-id>hsjh8980vhsb78</call-id>\
    <from-tag>vav738dvbs</from-tag><to-tag>8954jgjg8432</to-tag></sip></call-info></endpoint></user></users>\
    <sidebars-by-ref><entry><uri>s:45</uri><display-text>with Carol</display-text></entry>\
    <entry><uri>s:21</uri></entry></sidebars-by-ref>\
    <sidebars-by-val><entry entity='s:77'><users><user entity='sip:bob@example.com'/>\
    <user entity='sip:mark@example.com'/></users></entry><entry entity='s:78'/></sidebars-by-val>";

#[test]
fn the_rich_document_of_the_rfc_is_read() {
    let news = info("full", 1, RICH).unwrap();
    let mut conference = Conference::new();
    assert_eq!(conference.apply(news, &Limits::default()), Merged::Applied);
    let description = conference.description();
    assert_eq!(
        description.keywords.as_deref(),
        Some("sales meeting weekly")
    );
    let [audio, video] = description.available_media.as_slice() else {
        panic!("{description:?}")
    };
    assert_eq!((&*audio.label, &*audio.kind), ("34567", "audio"));
    assert_eq!(video.status, Some(MediaStatus::Inactive));
    let contents = conference.contents();
    let host = contents.host.as_ref().unwrap();
    assert_eq!(
        host.web_page.as_deref(),
        Some("http://sharepoint/salesgroup/hosts/")
    );
    assert_eq!(host.uris[0].uri, "sip:sales@example.com");
    let bob = &conference.users()["sip:bob@example.com"];
    assert_eq!(bob.languages.as_deref(), Some("en"));
    let laptop = &bob.endpoints["sip:bob@pc33.example.com"];
    let referred = laptop.referred.as_ref().unwrap();
    assert_eq!(referred.reason.as_deref(), Some("expert required"));
    let left = laptop.disconnection_info.as_ref().unwrap();
    assert_eq!(left.by.as_deref(), Some("sip:mike@example.com"));
    assert_eq!(laptop.media["1"].source.as_deref(), Some("432424"));
    assert_eq!(laptop.media["1"].status, Some(MediaStatus::SendRecv));
    assert_eq!(laptop.call.as_ref().unwrap().to_tag, "8954jgjg8432");
    let links: Vec<_> = contents
        .sidebar_links
        .iter()
        .flat_map(|all| &all.links)
        .collect();
    assert_eq!(
        links.iter().map(|link| &*link.uri).collect::<Vec<_>>(),
        ["s:21", "s:45"]
    );
    let sidebars = &contents.sidebars.as_ref().unwrap().sidebars;
    let inside = sidebars["s:77"].contents.users.as_ref().unwrap();
    assert_eq!(inside.users.len(), 2);
    assert_eq!(sidebars["s:78"].contents, Contents::default());
}

#[test]
fn sidebars_media_and_links_are_told_in_parts() {
    let limits = Limits::default();
    let mut conference = Conference::new();
    assert_eq!(
        conference.apply(info("full", 1, RICH).unwrap(), &limits),
        Merged::Applied
    );
    let partial = "<users state='partial'><user entity='sip:bob@example.com' state='partial'>\
        <endpoint entity='sip:bob@pc33.example.com' state='partial'><media id='1'>\
        <status>recvonly</status></media><media id='3'/><call-info/></endpoint></user></users>\
        <sidebars-by-ref state='partial'><entry><uri>s:45</uri><purpose>x</purpose></entry>\
        <entry><uri>s:46</uri></entry></sidebars-by-ref>\
        <sidebars-by-val state='partial'><entry entity='s:77' state='partial'>\
        <users state='partial'><user entity='sip:dan@example.com'/>\
        <user entity='sip:mark@example.com' state='deleted'/></users></entry>\
        <entry entity='s:78' state='deleted'/><entry entity='s:79' state='partial'/></sidebars-by-val>";
    assert_eq!(
        conference.apply(info("partial", 2, partial).unwrap(), &limits),
        Merged::Applied
    );
    let laptop = &conference.users()["sip:bob@example.com"].endpoints["sip:bob@pc33.example.com"];
    // A stream is replaced as a whole; others stay.
    assert_eq!(laptop.media.keys().collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!(
        (&laptop.media["1"].kind, laptop.media["1"].status),
        (&None, Some(MediaStatus::RecvOnly))
    );
    assert!(laptop.call.is_some());
    let contents = conference.contents();
    let links = &contents.sidebar_links.as_ref().unwrap().links;
    let shown: Vec<_> = links
        .iter()
        .map(|link| (&*link.uri, link.purpose.is_some()))
        .collect();
    assert_eq!(shown, [("s:21", false), ("s:45", true), ("s:46", false)]);
    let sidebars = contents.sidebars.as_ref().unwrap();
    assert_eq!(
        sidebars.sidebars.keys().collect::<Vec<_>>(),
        ["s:77", "s:79"]
    );
    let inside = sidebars.sidebars["s:77"].contents.users.as_ref().unwrap();
    let inside: Vec<_> = inside.users.keys().collect();
    assert_eq!(inside, ["sip:bob@example.com", "sip:dan@example.com"]);
    // Told in full or as deleted, they are what is told.
    let gone = "<users state='deleted'/><sidebars-by-ref state='deleted'/><sidebars-by-val>\
        <entry entity='s:1'/></sidebars-by-val>";
    assert_eq!(
        conference.apply(info("partial", 3, gone).unwrap(), &limits),
        Merged::Applied
    );
    let contents = conference.contents();
    assert!(contents.users.is_none() && contents.sidebar_links.is_none());
    assert_eq!(contents.sidebars.as_ref().unwrap().sidebars.len(), 1);
}

#[test]
fn what_is_kept_of_sidebars_is_bounded_too() {
    let mut limits = Limits::default();
    limits.conference_entries = 10;
    let apply = |conference: &mut Conference, version: u32, inner: &str| {
        let state = if version == 1 { "full" } else { "partial" };
        conference.apply(info(state, version, inner).unwrap(), &limits)
    };
    let link = |n: u32| {
        format!(
            "<sidebars-by-ref state='partial'><entry><uri>s:{n}</uri></entry></sidebars-by-ref>"
        )
    };
    let sidebar = |n: u32| {
        format!(
            "<sidebars-by-val state='partial'><entry entity='s' state='partial'><users state='partial'>\
             <user entity='{n}'/></users></entry></sidebars-by-val>"
        )
    };
    for (most, inner) in [(10, &link as &dyn Fn(u32) -> String), (9, &sidebar)] {
        let mut conference = Conference::new();
        for version in 1..=most {
            assert_eq!(
                apply(&mut conference, version, &inner(version)),
                Merged::Applied
            );
        }
        // What is told again takes no more room.
        assert_eq!(
            apply(&mut conference, most + 1, &inner(most)),
            Merged::Applied
        );
        assert_eq!(
            apply(&mut conference, most + 2, &inner(most + 1)),
            Merged::TooMuch
        );
        assert_eq!(conference, Conference::new());
    }
}

fn state() -> impl Strategy<Value = State> {
    one(&[State::Full, State::Partial, State::Deleted])
}

fn execution() -> impl Strategy<Value = Option<Box<Execution>>> {
    let parts = (
        prop::option::of(word()),
        prop::option::of(text()),
        prop::option::of(word()),
    );
    let done = parts.prop_map(|(when, reason, by)| Box::new(Execution { when, reason, by }));
    prop::option::weighted(0.2, done)
}

fn link() -> impl Strategy<Value = Link> {
    let parts = (
        word(),
        prop::option::of(text()),
        prop::option::of(word()),
        execution(),
    );
    parts.prop_map(|(uri, display_text, purpose, modified)| Link {
        uri,
        display_text,
        purpose,
        modified,
    })
}

fn media_status() -> impl Strategy<Value = Option<MediaStatus>> {
    use MediaStatus as M;
    prop::option::of(one(&[M::RecvOnly, M::SendOnly, M::SendRecv, M::Inactive]))
}

fn media() -> impl Strategy<Value = Media> {
    let texts = prop::collection::vec(prop::option::of(word()), 4);
    (texts, media_status()).prop_map(|(texts, status)| Media {
        display_text: texts[0].clone(),
        kind: texts[1].clone(),
        label: texts[2].clone(),
        source: texts[3].clone(),
        status,
    })
}

fn call() -> impl Strategy<Value = Option<Box<Call>>> {
    let texts = (prop::option::of(text()), word(), word(), word());
    let call = texts.prop_map(|(display_text, call_id, from_tag, to_tag)| Call {
        display_text,
        call_id,
        from_tag,
        to_tag,
    });
    prop::option::weighted(0.2, call.prop_map(Box::new))
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    use EndpointStatus as E;
    let status = one(&[
        E::Pending,
        E::DialingOut,
        E::DialingIn,
        E::Alerting,
        E::OnHold,
        E::Connected,
        E::MutedViaFocus,
        E::Disconnecting,
        E::Disconnected,
    ]);
    let joining = one(&[Joining::DialedIn, Joining::DialedOut, Joining::FocusOwner]);
    use Disconnection as D;
    let disconnection = one(&[D::Departed, D::Booted, D::Failed, D::Busy]);
    let optional = (
        prop::option::of(text()),
        prop::option::of(status),
        prop::option::of(joining),
        prop::option::of(disconnection),
    );
    let done = (execution(), execution(), execution());
    let media = prop::collection::btree_map(text(), media(), 0..2);
    (state(), optional, done, media, call()).prop_map(|(state, optional, done, media, call)| {
        let (display_text, status, joining, disconnection) = optional;
        let (referred, joining_info, disconnection_info) = done;
        Endpoint {
            state,
            display_text,
            referred,
            status,
            joining,
            joining_info,
            disconnection,
            disconnection_info,
            media,
            call,
        }
    })
}

fn user() -> impl Strategy<Value = User> {
    let texts = (prop::option::of(text()), prop::option::of(text()));
    let words = (prop::option::of(word()), prop::option::of(word()));
    let lists = (
        prop::option::of(prop::collection::vec(link(), 1..3)),
        prop::option::of(prop::collection::vec(word(), 1..3)),
    );
    let endpoints = prop::collection::btree_map(text(), endpoint(), 0..3);
    (state(), texts, lists, words, endpoints).prop_map(
        |(state, (display_text, nickname), (associated, roles), words, endpoints)| User {
            state,
            display_text,
            nickname,
            associated,
            roles,
            languages: words.0,
            cascaded_focus: words.1,
            endpoints,
        },
    )
}

fn description() -> impl Strategy<Value = Description> {
    let texts = prop::collection::vec(prop::option::of(text()), 3);
    let links = || prop::collection::vec(link(), 0..3);
    let available = (word(), prop::option::of(text()), word(), media_status());
    let available = available.prop_map(|(label, display_text, kind, status)| AvailableMedia {
        label,
        display_text,
        kind,
        status,
    });
    let available = prop::collection::vec(available, 0..2);
    let numbers = prop::option::of(any::<u32>());
    (
        texts,
        prop::option::of(word()),
        links(),
        links(),
        numbers,
        available,
    )
        .prop_map(
            |(texts, keywords, conference_uris, service_uris, most, available_media)| Description {
                display_text: texts[0].clone(),
                subject: texts[1].clone(),
                free_text: texts[2].clone(),
                keywords,
                conference_uris,
                service_uris,
                maximum_user_count: most,
                available_media,
            },
        )
}

fn host() -> impl Strategy<Value = Host> {
    let texts = (prop::option::of(text()), prop::option::of(word()));
    (texts, prop::collection::vec(link(), 0..2)).prop_map(|((display_text, web_page), uris)| Host {
        display_text,
        web_page,
        uris,
    })
}

fn contents() -> impl Strategy<Value = Contents> {
    let standing = prop::option::of((
        any::<Option<u32>>(),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
    ));
    let standing = standing.prop_map(|standing| {
        standing.map(|(user_count, active, locked)| Standing {
            user_count,
            active,
            locked,
        })
    });
    let users = (state(), prop::collection::btree_map(text(), user(), 0..4));
    let users = users.prop_map(|(state, users)| Users { state, users });
    let links = (state(), prop::collection::vec(link(), 0..3));
    let links = links.prop_map(|(state, links)| SidebarLinks { state, links });
    let own = (
        prop::option::of(description()),
        prop::option::weighted(0.2, host()),
        standing,
        prop::option::of(users),
        prop::option::weighted(0.3, links),
    );
    let own = own.prop_map(
        |(description, host, standing, users, sidebar_links)| Contents {
            description,
            host,
            standing,
            users,
            sidebar_links,
            sidebars: None,
        },
    );
    own.prop_recursive(2, 8, 2, |inner| {
        let sidebar = (state(), inner.clone());
        let sidebar = sidebar.prop_map(|(state, contents)| Sidebar { state, contents });
        let sidebars = (state(), prop::collection::btree_map("[ab]", sidebar, 0..3));
        (inner, prop::option::of(sidebars)).prop_map(|(mut contents, sidebars)| {
            contents.sidebars = sidebars.map(|(state, sidebars)| Sidebars { state, sidebars });
            contents
        })
    })
}

fn news() -> impl Strategy<Value = Notification> {
    (text(), state(), any::<u32>(), contents()).prop_map(|(entity, state, version, contents)| {
        Notification {
            entity,
            state,
            version,
            contents,
        }
    })
}

proptest! {
    #[test]
    fn a_conference_that_was_written_reads_back(news in news()) {
        let xml = written(|out| conference::write(out, &news));
        let read = conference::parse(xml.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(&read, &news);
        // Nor does another round change a single octet.
        prop_assert_eq!(written(|out| conference::write(out, &read)), xml);
    }

    /// What was told in parts is what would have been told in full.
    #[test]
    fn documents_merge_in_any_order_of_states(all in prop::collection::vec(news(), 1..8)) {
        let limits = Limits::default();
        let mut conference = Conference::new();
        for (version, mut news) in (0..).zip(all) {
            news.version = version;
            let whole = conference.clone();
            match conference.apply(news.clone(), &limits) {
                Merged::Gap => prop_assert!(news.state == State::Partial && whole == conference),
                Merged::Over => prop_assert!(news.state == State::Deleted && conference.users().is_empty()),
                Merged::Applied => prop_assert_eq!(conference.version(), Some(version)),
                merged => prop_assert!(false, "{:?}", merged),
            }
            show(&conference);
            // Told in full, it is the same, its size included.
            if let Some(version) = conference.version() {
                let mut told = Conference::new();
                let _ = told.apply(Notification {
                    entity: conference.entity().into(),
                    state: State::Full,
                    version,
                    contents: conference.contents().clone(),
                }, &limits);
                prop_assert_eq!(&told, &conference);
            }
        }
    }
}
