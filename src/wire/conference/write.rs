//! Documents of conferences written.

use bytes::{BufMut, BytesMut};

use super::{
    Contents, DOCUMENT, Description, Disconnection, Endpoint, EndpointStatus, Execution, Joining,
    Link, MediaStatus, Notification, State, User, XCON,
};
use crate::wire::xml;

/// Writes a document, in the order of the schema (RFC 4575 §6).
pub fn write(out: &mut BytesMut, news: &Notification) {
    xml::begin(out, "conference-info", DOCUMENT);
    if has_nicknames(&news.contents) {
        xml::attribute(out, "xmlns:xcon", XCON);
    }
    xml::attribute(out, "entity", &news.entity);
    xml::attribute(out, "state", news.state.as_str());
    let _ = core::fmt::write(out, format_args!(" version=\"{}\">\r\n", news.version));
    put_contents(out, &news.contents);
    out.put_slice(b"</conference-info>");
}

/// As deep as sidebars are within one another.
fn has_nicknames(contents: &Contents) -> bool {
    let mut users = contents.users.iter().flat_map(|users| users.users.values());
    let mut sidebars = contents
        .sidebars
        .iter()
        .flat_map(|all| all.sidebars.values());
    users.any(|user| user.nickname.is_some())
        || sidebars.any(|sidebar| has_nicknames(&sidebar.contents))
}

/// As deep as sidebars are within one another.
fn put_contents(out: &mut BytesMut, contents: &Contents) {
    if let Some(description) = &contents.description {
        put_description(out, description);
    }
    if let Some(host) = &contents.host {
        xml::line(out, "<host-info>");
        put(out, "display-text", host.display_text.as_deref());
        put(out, "web-page", host.web_page.as_deref());
        put_links(out, "uris", &host.uris);
        xml::line(out, "</host-info>");
    }
    if let Some(standing) = &contents.standing {
        xml::line(out, "<conference-state>");
        put_value(out, "user-count", standing.user_count);
        put_value(out, "active", standing.active);
        put_value(out, "locked", standing.locked);
        xml::line(out, "</conference-state>");
    }
    if let Some(users) = &contents.users {
        open(out, "users", None, users.state);
        for (entity, user) in &users.users {
            put_user(out, entity, user);
        }
        xml::line(out, "</users>");
    }
    if let Some(links) = &contents.sidebar_links {
        open(out, "sidebars-by-ref", None, links.state);
        links.links.iter().for_each(|link| put_link(out, link));
        xml::line(out, "</sidebars-by-ref>");
    }
    if let Some(sidebars) = &contents.sidebars {
        open(out, "sidebars-by-val", None, sidebars.state);
        for (entity, sidebar) in &sidebars.sidebars {
            open(out, "entry", Some(entity), sidebar.state);
            put_contents(out, &sidebar.contents);
            xml::line(out, "</entry>");
        }
        xml::line(out, "</sidebars-by-val>");
    }
}

fn put_description(out: &mut BytesMut, description: &Description) {
    xml::line(out, "<conference-description>");
    put(out, "display-text", description.display_text.as_deref());
    put(out, "subject", description.subject.as_deref());
    put(out, "free-text", description.free_text.as_deref());
    put(out, "keywords", description.keywords.as_deref());
    put_links(out, "conf-uris", &description.conference_uris);
    put_links(out, "service-uris", &description.service_uris);
    put_value(out, "maximum-user-count", description.maximum_user_count);
    if !description.available_media.is_empty() {
        xml::line(out, "<available-media>");
        for media in &description.available_media {
            out.put_slice(b"<entry");
            xml::attribute(out, "label", &media.label);
            xml::line(out, ">");
            put(out, "display-text", media.display_text.as_deref());
            xml::element(out, "type", &media.kind);
            put(out, "status", media.status.map(MediaStatus::as_str));
            xml::line(out, "</entry>");
        }
        xml::line(out, "</available-media>");
    }
    xml::line(out, "</conference-description>");
}

/// Opens an element with its key and its state.
fn open(out: &mut BytesMut, name: &str, entity: Option<&str>, state: State) {
    out.put_slice(b"<");
    out.put_slice(name.as_bytes());
    if let Some(entity) = entity {
        xml::attribute(out, "entity", entity);
    }
    xml::attribute(out, "state", state.as_str());
    xml::line(out, ">");
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
    if let Some(roles) = user.roles.as_deref().filter(|roles| !roles.is_empty()) {
        xml::line(out, "<roles>");
        for role in roles {
            xml::element(out, "entry", role);
        }
        xml::line(out, "</roles>");
    }
    put(out, "languages", user.languages.as_deref());
    put(out, "cascaded-focus", user.cascaded_focus.as_deref());
    for (entity, endpoint) in &user.endpoints {
        put_endpoint(out, entity, endpoint);
    }
    xml::line(out, "</user>");
}

fn put_endpoint(out: &mut BytesMut, entity: &str, endpoint: &Endpoint) {
    open(out, "endpoint", Some(entity), endpoint.state);
    put(out, "display-text", endpoint.display_text.as_deref());
    put_execution(out, "referred", endpoint.referred.as_deref());
    put(out, "status", endpoint.status.map(EndpointStatus::as_str));
    put(out, "joining-method", endpoint.joining.map(Joining::as_str));
    put_execution(out, "joining-info", endpoint.joining_info.as_deref());
    let left = endpoint.disconnection.map(Disconnection::as_str);
    put(out, "disconnection-method", left);
    put_execution(
        out,
        "disconnection-info",
        endpoint.disconnection_info.as_deref(),
    );
    for (id, media) in &endpoint.media {
        out.put_slice(b"<media");
        xml::attribute(out, "id", id);
        xml::line(out, ">");
        put(out, "display-text", media.display_text.as_deref());
        put(out, "type", media.kind.as_deref());
        put(out, "label", media.label.as_deref());
        put(out, "src-id", media.source.as_deref());
        put(out, "status", media.status.map(MediaStatus::as_str));
        xml::line(out, "</media>");
    }
    if let Some(call) = &endpoint.call {
        xml::line(out, "<call-info>");
        xml::line(out, "<sip>");
        put(out, "display-text", call.display_text.as_deref());
        xml::element(out, "call-id", &call.call_id);
        xml::element(out, "from-tag", &call.from_tag);
        xml::element(out, "to-tag", &call.to_tag);
        xml::line(out, "</sip>");
        xml::line(out, "</call-info>");
    }
    xml::line(out, "</endpoint>");
}

fn put_execution(out: &mut BytesMut, name: &str, done: Option<&Execution>) {
    if let Some(done) = done {
        let _ = core::fmt::write(out, format_args!("<{name}>\r\n"));
        put(out, "when", done.when.as_deref());
        put(out, "reason", done.reason.as_deref());
        put(out, "by", done.by.as_deref());
        let _ = core::fmt::write(out, format_args!("</{name}>\r\n"));
    }
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
    links.iter().for_each(|link| put_link(out, link));
    let _ = core::fmt::write(out, format_args!("</{name}>\r\n"));
}

fn put_link(out: &mut BytesMut, link: &Link) {
    xml::line(out, "<entry>");
    xml::element(out, "uri", &link.uri);
    put(out, "display-text", link.display_text.as_deref());
    put(out, "purpose", link.purpose.as_deref());
    put_execution(out, "modified", link.modified.as_deref());
    xml::line(out, "</entry>");
}
