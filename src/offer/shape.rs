//! What an offer is for, and which of its lines counts.

use super::{Description, Direction, Kind, Media};
use crate::{Head, Preference};

/// What an offer is for (D-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A file (RFC 5547).
    File,
    /// One large message.
    LargeMessage,
    /// A session of messages.
    Session,
}

impl Description {
    /// The message line that counts: the first that is open.
    pub(super) fn message(&self) -> Option<&Media> {
        self.media()
            .iter()
            .find(|line| line.kind == Kind::Message && line.port != 0)
    }

    /// The announced size of the message, in octets (OC-LM-26).
    pub(crate) fn filelength(&self) -> Option<u64> {
        self.message()?.filelength
    }

    /// Whether there is a message line that counts.
    pub(crate) fn is_open(&self) -> bool {
        self.message().is_some()
    }

    /// Who sends, as the offerer sees it.
    pub(crate) fn direction(&self) -> Direction {
        self.message()
            .map_or(Direction::Inactive, |line| line.direction)
    }

    /// What the request that carries the offer is for (D-30).
    pub(crate) fn shape_of(&self, head: &Head) -> Shape {
        let tagged = head
            .contact()
            .is_some_and(|contact| contact.feature("+g.oma.sip-im.large-message"));
        let contact = if tagged {
            ContactTag::LargeMessage
        } else {
            ContactTag::None
        };
        self.shape(head.preference(), contact)
    }

    /// What the offer is for, with what Accept-Contact asked for and whether the Contact names the
    /// Large Message feature tag. The first that applies counts (D-30).
    pub fn shape(&self, preference: Preference, contact_large: ContactTag) -> Shape {
        let mut messages = self
            .media()
            .iter()
            .filter(|line| line.kind == Kind::Message);
        if messages.clone().any(|line| line.file) {
            return Shape::File;
        }
        if preference.large_message || contact_large == ContactTag::LargeMessage {
            return Shape::LargeMessage;
        }
        match (messages.next(), messages.next()) {
            (Some(only), None) if only.direction == Direction::SendOnly => Shape::LargeMessage,
            _ => Shape::Session,
        }
    }
}

/// Whether a Contact names the Large Message feature tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactTag {
    /// It names `+g.oma.sip-im.large-message`.
    LargeMessage,
    /// It does not.
    None,
}
