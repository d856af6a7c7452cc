//! A body with all that is nested in it (RFC 5621 §4 to §9).

use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use super::param::plain;
use super::{MAX_DEPTH, MAX_PARTS, content_id, flaw, split};
use crate::wire::octet::offset;
use crate::wire::uri::unescape;
use crate::{Body, Flaw, Part, Status};

/// What the parts of a multipart are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multipart {
    /// Each stands for itself. So do those of a subtype that nobody knows (RFC 2046 §5.1.3).
    Mixed,
    /// All say the same; the last that is understood counts (RFC 2046 §5.1.4).
    Alternative,
    /// One is the root, the others belong to it (RFC 2387).
    Related,
}

impl Multipart {
    /// The subtype as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Alternative => "alternative",
            Self::Related => "related",
        }
    }
}

/// A body taken apart on all levels: at most [`MAX_PARTS`] parts, at most [`MAX_DEPTH`] deep. No octet is
/// copied.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Each part before those in it.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    part: Part,
    /// What it is, if it has parts.
    kind: Option<Multipart>,
    /// Where it stands in the body.
    at: usize,
    /// The place after the last part in it.
    end: usize,
}

/// What there is to be processed of a body.
pub type Chosen<'a> = SmallVec<[&'a Part; 4]>;

impl Body {
    /// The body with all that is nested in it; nothing for an empty one.
    ///
    /// # Errors
    ///
    /// What is wrong with a multipart that cannot be split; 400 for one that is too deep or has too many
    /// parts, counted on all levels.
    pub fn tree(&self) -> Result<Tree, Flaw> {
        let mut tree = Tree::default();
        let whole = match self.parts()? {
            [] => return Ok(tree),
            [only] if self.multipart.content.is_empty() => only,
            _ => &self.multipart,
        };
        tree.grow(whole.clone(), 0, 0)?;
        Ok(tree)
    }

    /// The part that describes the session: `application/sdp` with disposition `session`, which is
    /// its default (RFC 3261 §20.11), wherever it is nested. Of alternatives the last that has one counts.
    ///
    /// # Errors
    ///
    /// Status 400: the body cannot be split, or two parts describe the session.
    pub fn description_part(&self) -> Result<Option<Part>, Flaw> {
        let describes = |part: &Part| {
            let session = part.disposition().is_none() || part.is_disposed("session");
            session && part.is("application/sdp")
        };
        let parts = self.parts()?;
        let tree;
        let found = if parts.iter().any(|part| part.multipart().is_some()) {
            tree = self.tree()?;
            tree.matching(&describes)
        } else {
            parts.iter().filter(|part| describes(part)).collect()
        };
        match found.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(Part::clone(only))),
            [_, second, ..] => {
                let at = offset(self.whole(), second.content());
                Err(flaw(at, "two session descriptions"))
            }
        }
    }
}

impl Part {
    /// What its parts are to each other; `None` if it is no multipart.
    pub fn multipart(&self) -> Option<Multipart> {
        let kind = self.media_type();
        let (main, sub) = kind.split_at_checked("multipart/".len())?;
        main.eq_ignore_ascii_case("multipart/").then(|| {
            let known = [Multipart::Alternative, Multipart::Related];
            let mut known = known.into_iter();
            known
                .find(|known| sub.eq_ignore_ascii_case(known.as_str()))
                .unwrap_or(Multipart::Mixed)
        })
    }

    /// Whether this URL names the part: `cid:` and its Content-ID, escaped where need be (RFC 2392 §2). Some
    /// leave the scheme out.
    pub fn is_named_by(&self, url: &str) -> bool {
        let id = match url.split_at_checked(4) {
            Some((scheme, id)) if scheme.eq_ignore_ascii_case("cid:") => id,
            _ => url,
        };
        let found = self.content_id();
        found.is_some_and(|found| unescape(id).eq(found.bytes()))
    }

    /// Whether the other is a piece of this one.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        let (whole, piece) = (self.content.as_ptr_range(), other.content.as_ptr_range());
        whole.start <= piece.start && piece.end <= whole.end
    }

    /// The boundary of a multipart.
    pub(super) fn split(
        &self,
        take: impl FnMut(usize, Part) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        let value = self.content_type();
        let boundary = plain(value, "boundary")
            .filter(|boundary| (1..=70).contains(&boundary.len()))
            .ok_or(flaw(0, "multipart without usable boundary"))?;
        split::split(&self.content, &boundary, take)
    }
}

impl Tree {
    /// All parts that are no multiparts, in order.
    pub fn leaves(&self) -> impl Iterator<Item = &Part> {
        let leaves = self.nodes.iter().filter(|node| node.kind.is_none());
        leaves.map(|node| &node.part)
    }

    /// All parts, multiparts before those in them, with the depth of each: the whole is at 0.
    pub fn parts(&self) -> impl Iterator<Item = (usize, &Part)> {
        let mut open: SmallVec<[usize; MAX_DEPTH]> = SmallVec::new();
        self.nodes.iter().enumerate().map(move |(place, node)| {
            while open.last().is_some_and(|end| *end <= place) {
                open.pop();
            }
            let depth = open.len();
            open.push(node.end);
            (depth, &node.part)
        })
    }

    /// The part that a `cid:` URL names, on whatever level; the first if there are two.
    pub fn named_by(&self, url: &str) -> Option<&Part> {
        let mut parts = self.nodes.iter().map(|node| &node.part);
        parts.find(|part| part.is_named_by(url))
    }

    /// The root of a `multipart/related`, the only or the outermost: the one that `start` names, else the
    /// first (RFC 2387 §3.2). `None` where there is no such multipart.
    ///
    /// # Errors
    ///
    /// Status 400: `start` names none of its parts, or `type` is not that of the root.
    pub fn root(&self) -> Result<Option<&Part>, Flaw> {
        let related = |node: &Node| node.kind == Some(Multipart::Related);
        let Some(place) = self.nodes.iter().position(related) else {
            return Ok(None);
        };
        let root = self.root_of(place)?;
        Ok(self.nodes.get(root).map(|node| &node.part))
    }

    /// What a recipient processes who understands these parts (RFC 5621 §6 to §8): of mixed all, of
    /// alternatives the last that is understood, of related ones the root and then the others. What is not
    /// understood is passed over where its handling is optional; the handling of each of several
    /// alternatives counts for nothing (§8.3).
    ///
    /// `understands` is asked of parts that are no multiparts.
    ///
    /// # Errors
    ///
    /// Status 415, at the part: it is not understood, and its handling is required. As [`Self::root`].
    pub fn chosen(&self, understands: &dyn Fn(&Part) -> bool) -> Result<Chosen<'_>, Flaw> {
        let mut chosen = Chosen::new();
        if !self.nodes.is_empty() {
            self.choose(0, understands, &mut chosen)?;
        }
        Ok(chosen)
    }

    fn grow(&mut self, part: Part, at: usize, depth: usize) -> Result<(), Flaw> {
        // The whole is not counted.
        if self.nodes.len() > MAX_PARTS {
            return Err(flaw(at, "multipart with too many parts"));
        }
        let place = self.nodes.len();
        let (kind, inner) = (part.multipart(), part.clone());
        self.nodes.push(Node {
            part,
            kind,
            at,
            end: place + 1,
        });
        if kind.is_none() {
            return Ok(());
        }
        if depth == MAX_DEPTH {
            return Err(flaw(at, "multipart too deep"));
        }
        let within = |flaw: Flaw, begin: usize| Flaw {
            at: flaw.at.saturating_add(begin),
            ..flaw
        };
        let mut parts: SmallVec<[(usize, Part); 4]> = SmallVec::new();
        let begin = self.begin(&inner);
        inner
            .split(|at, part| {
                parts.push((at, part));
                Ok(())
            })
            .map_err(|flaw| within(flaw, begin))?;
        for (at, part) in parts {
            self.grow(part, begin + at, depth + 1)?;
        }
        let end = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(place) {
            node.end = end;
        }
        Ok(())
    }

    /// Where the content of a part begins in the body.
    fn begin(&self, part: &Part) -> usize {
        let whole = self.nodes.first().map(|node| &node.part.content);
        offset(whole.map_or(&[][..], Bytes::as_ref), &part.content)
    }

    /// The places of the parts right in a multipart.
    fn children(&self, place: usize) -> SmallVec<[usize; 4]> {
        let end = self.nodes.get(place).map_or(0, |node| node.end);
        let next = |place: &usize| self.nodes.get(*place).map(|node| node.end);
        core::iter::successors(Some(place + 1), next)
            .take_while(|place| *place < end)
            .collect()
    }

    fn root_of(&self, place: usize) -> Result<usize, Flaw> {
        let children = self.children(place);
        let (Some(node), Some(first)) = (self.nodes.get(place), children.first()) else {
            return Err(flaw(0, "multipart without parts"));
        };
        let part = |place: &usize| self.nodes.get(*place).map(|node| &node.part);
        let start = node.part.param("start").and_then(content_id);
        let root = match start {
            None => *first,
            Some(start) => {
                let starts = |place: &&usize| {
                    let id = part(place).and_then(Part::content_id);
                    id == Some(start)
                };
                let found = children.iter().find(starts);
                *found.ok_or(flaw(node.at, "multipart without its root"))?
            }
        };
        match node.part.param("type") {
            Some(kind) if !part(&root).is_some_and(|root| root.is(kind)) => {
                Err(flaw(node.at, "multipart with a root of another type"))
            }
            _ => Ok(root),
        }
    }

    fn choose<'a>(
        &'a self,
        place: usize,
        understands: &dyn Fn(&Part) -> bool,
        chosen: &mut Chosen<'a>,
    ) -> Result<(), Flaw> {
        let Some(node) = self.nodes.get(place) else {
            return Ok(());
        };
        let before = chosen.len();
        let result = match node.kind {
            None if understands(&node.part) => {
                chosen.push(&node.part);
                Ok(())
            }
            None => Err(Flaw {
                status: Status(415),
                ..flaw(node.at, "part is not understood")
            }),
            Some(Multipart::Mixed) => self
                .children(place)
                .iter()
                .try_for_each(|child| self.choose(*child, understands, chosen)),
            Some(Multipart::Related) => self.root_of(place).and_then(|root| {
                self.choose(root, understands, chosen)?;
                let children = self.children(place);
                let mut others = children.iter().filter(|child| **child != root);
                others.try_for_each(|child| self.choose(*child, understands, chosen))
            }),
            Some(Multipart::Alternative) => self.choose_last(place, understands, chosen),
        };
        match result {
            // What need not be understood is passed over as a whole. What is malformed never is.
            Err(flaw) if flaw.status == Status(415) && node.part.handling_optional() => {
                chosen.truncate(before);
                Ok(())
            }
            result => result,
        }
    }

    /// Takes the last alternative of which anything is understood.
    fn choose_last<'a>(
        &'a self,
        place: usize,
        understands: &dyn Fn(&Part) -> bool,
        chosen: &mut Chosen<'a>,
    ) -> Result<(), Flaw> {
        let before = chosen.len();
        for child in self.children(place).into_iter().rev() {
            match self.choose(child, understands, chosen) {
                Ok(()) if chosen.len() > before => return Ok(()),
                Err(flaw) if flaw.status != Status(415) => return Err(flaw),
                _ => chosen.truncate(before),
            }
        }
        Err(Flaw {
            status: Status(415),
            ..flaw(
                self.nodes.get(place).map_or(0, |node| node.at),
                "no alternative is understood",
            )
        })
    }

    /// The parts that are wanted, wherever they are; of alternatives those of the last that has one.
    fn matching(&self, wanted: &dyn Fn(&Part) -> bool) -> Chosen<'_> {
        let mut found = Chosen::new();
        self.seek(0, wanted, &mut found);
        found
    }

    fn seek<'a>(&'a self, place: usize, wanted: &dyn Fn(&Part) -> bool, found: &mut Chosen<'a>) {
        let Some(node) = self.nodes.get(place) else {
            return;
        };
        let before = found.len();
        match node.kind {
            None if wanted(&node.part) => found.push(&node.part),
            None => {}
            Some(Multipart::Alternative) => {
                let mut children = self.children(place).into_iter().rev();
                let _ = children.find(|child| {
                    self.seek(*child, wanted, found);
                    found.len() > before
                });
            }
            Some(_) => {
                for child in self.children(place) {
                    self.seek(child, wanted, found);
                }
            }
        }
    }
}
