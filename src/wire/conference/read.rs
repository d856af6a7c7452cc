//! Documents of conferences read.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use roxmltree::Node;

use super::{
    AvailableMedia, Call, Contents, DOCUMENT, Description, Disconnection, Endpoint, EndpointStatus,
    Execution, Host, Joining, Link, MEDIA_TYPE, Media, MediaStatus, Notification, Sidebar,
    SidebarLinks, Sidebars, Standing, State, User, Users, XCON,
};
use crate::wire::xml::{self, flaw};
use crate::{Flaw, Limits, Part};

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
        return Err(flaw(xml::place(root), "not a conference-info document"));
    }
    let mut reader = Reader {
        room: limits.conference_entries,
    };
    let version = root.attribute("version").map(str::trim);
    let news = Notification {
        entity: root
            .attribute("entity")
            .ok_or(flaw(xml::place(root), "conference without entity"))?
            .into(),
        state: state(root)?,
        version: version
            .and_then(|version| version.parse().ok())
            .ok_or(flaw(xml::place(root), "conference without usable version"))?,
        contents: reader.contents(root)?,
    };
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

    /// As deep as the document, at most [`Limits::xml_depth`].
    fn contents(&mut self, node: Node<'_, '_>) -> Result<Contents, Flaw> {
        let mut found = Contents::default();
        for (name, child) in xml::children(node, DOCUMENT) {
            match name {
                "conference-description" => found.description = Some(self.description(child)?),
                "host-info" => found.host = Some(self.host(child)?),
                "conference-state" => found.standing = Some(standing(child)?),
                "users" => found.users = Some(self.users(child)?),
                "sidebars-by-ref" => {
                    found.sidebar_links = Some(SidebarLinks {
                        state: state(child)?,
                        links: self.links(child)?,
                    });
                }
                "sidebars-by-val" => found.sidebars = Some(self.sidebars(child)?),
                _ => {}
            }
        }
        Ok(found)
    }

    fn sidebars(&mut self, node: Node<'_, '_>) -> Result<Sidebars, Flaw> {
        let mut sidebars = BTreeMap::new();
        for (_, entry) in xml::children(node, DOCUMENT).filter(|(name, _)| *name == "entry") {
            self.count(entry)?;
            let sidebar = Sidebar {
                state: state(entry)?,
                contents: self.contents(entry)?,
            };
            sidebars.insert(key(entry), sidebar);
        }
        Ok(Sidebars {
            state: state(node)?,
            sidebars,
        })
    }

    fn host(&mut self, node: Node<'_, '_>) -> Result<Host, Flaw> {
        let mut host = Host::default();
        for (name, child) in xml::children(node, DOCUMENT) {
            match name {
                "display-text" => host.display_text = Some(xml::text(child)),
                "web-page" => host.web_page = Some(xml::word(child)),
                "uris" => host.uris = self.links(child)?,
                _ => {}
            }
        }
        Ok(host)
    }

    fn available_media(&mut self, node: Node<'_, '_>) -> Result<Vec<AvailableMedia>, Flaw> {
        let mut all = Vec::new();
        for (_, entry) in xml::children(node, DOCUMENT).filter(|(name, _)| *name == "entry") {
            self.count(entry)?;
            let mut media = AvailableMedia {
                label: entry.attribute("label").unwrap_or_default().into(),
                ..AvailableMedia::default()
            };
            for (name, child) in xml::children(entry, DOCUMENT) {
                match name {
                    "display-text" => media.display_text = Some(xml::text(child)),
                    "type" => media.kind = xml::word(child),
                    "status" => media.status = MediaStatus::read(&xml::word(child)),
                    _ => {}
                }
            }
            all.push(media);
        }
        Ok(all)
    }

    fn description(&mut self, node: Node<'_, '_>) -> Result<Description, Flaw> {
        let mut found = Description::default();
        for (name, child) in xml::children(node, DOCUMENT) {
            match name {
                "display-text" => found.display_text = Some(xml::text(child)),
                "subject" => found.subject = Some(xml::text(child)),
                "free-text" => found.free_text = Some(xml::text(child)),
                "keywords" => found.keywords = Some(xml::word(child)),
                "conf-uris" => found.conference_uris = self.links(child)?,
                "service-uris" => found.service_uris = self.links(child)?,
                "maximum-user-count" => found.maximum_user_count = Some(value(child)?),
                "available-media" => found.available_media = self.available_media(child)?,
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
                    "modified" => link.modified = Some(execution(child)),
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
                "languages" => user.languages = Some(xml::word(child)),
                "cascaded-focus" => user.cascaded_focus = Some(xml::word(child)),
                "endpoint" => {
                    self.count(child)?;
                    user.endpoints.insert(key(child), self.endpoint(child)?);
                }
                _ => {}
            }
        }
        Ok(user)
    }

    fn endpoint(&mut self, node: Node<'_, '_>) -> Result<Endpoint, Flaw> {
        let mut endpoint = Endpoint {
            state: state(node)?,
            ..Endpoint::default()
        };
        for (name, child) in xml::children(node, DOCUMENT) {
            match name {
                "display-text" => endpoint.display_text = Some(xml::text(child)),
                "referred" => endpoint.referred = Some(execution(child)),
                "status" => endpoint.status = EndpointStatus::read(&xml::word(child)),
                "joining-method" => endpoint.joining = Joining::read(&xml::word(child)),
                "joining-info" => endpoint.joining_info = Some(execution(child)),
                "disconnection-method" => {
                    endpoint.disconnection = Disconnection::read(&xml::word(child));
                }
                "disconnection-info" => endpoint.disconnection_info = Some(execution(child)),
                "media" => {
                    self.count(child)?;
                    let id = child.attribute("id").unwrap_or_default();
                    endpoint.media.insert(id.into(), media(child));
                }
                "call-info" => endpoint.call = call(child),
                _ => {}
            }
        }
        Ok(endpoint)
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

fn media(node: Node<'_, '_>) -> Media {
    let mut media = Media::default();
    for (name, child) in xml::children(node, DOCUMENT) {
        match name {
            "display-text" => media.display_text = Some(xml::text(child)),
            "type" => media.kind = Some(xml::word(child)),
            "label" => media.label = Some(xml::word(child)),
            "src-id" => media.source = Some(xml::word(child)),
            "status" => media.status = MediaStatus::read(&xml::word(child)),
            _ => {}
        }
    }
    media
}

/// The SIP dialog that call information names; that of another protocol is none.
fn call(node: Node<'_, '_>) -> Option<Box<Call>> {
    let (_, sip) = xml::children(node, DOCUMENT).find(|(name, _)| *name == "sip")?;
    let mut call = Box::<Call>::default();
    for (name, child) in xml::children(sip, DOCUMENT) {
        match name {
            "display-text" => call.display_text = Some(xml::text(child)),
            "call-id" => call.call_id = xml::word(child),
            "from-tag" => call.from_tag = xml::word(child),
            "to-tag" => call.to_tag = xml::word(child),
            _ => {}
        }
    }
    Some(call)
}

fn execution(node: Node<'_, '_>) -> Box<Execution> {
    let mut done = Box::<Execution>::default();
    for (name, child) in xml::children(node, DOCUMENT) {
        match name {
            "when" => done.when = Some(xml::word(child)),
            "reason" => done.reason = Some(xml::text(child)),
            "by" => done.by = Some(xml::word(child)),
            _ => {}
        }
    }
    done
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
