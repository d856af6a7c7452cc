//! The effective list of recipients: no duplicates, no sender, copy control applied.

use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashTable;

use crate::{Profile, Uri};

/// One entry of a URI-list, as it came or as it will be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub uri: Uri,
    /// As what. `None` counts as [`CopyControl::Bcc`] (RFC 5364 §4).
    pub copy: Option<CopyControl>,
    /// Whether the other recipients must not learn of this one (RFC 5364 §5).
    pub anonymize: bool,
}

/// The `copyControl` attribute (RFC 5364 §4). The weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CopyControl {
    /// The others never hear of it.
    Bcc,
    /// A copy.
    Cc,
    /// A primary recipient.
    To,
}

impl From<Uri> for Entry {
    /// An entry without copy control.
    fn from(uri: Uri) -> Self {
        Self {
            uri,
            copy: None,
            anonymize: false,
        }
    }
}

/// Who is served: the entries in their order, without those that name
/// * the originator, unless it wants a copy (CC-73, knob `echo_to_originator`),
/// * us: a factory, exploder or conference URI of ours in a list would have us call ourselves (CC-72),
/// * one that was named before (RFC 3261 §19.1.4, CC-74). The strongest copy control stays, and who is
///   anonymous in one place is anonymous.
///
/// Nothing is copied: URIs go on as the handles that they are.
pub(crate) fn effective(
    entries: impl IntoIterator<Item = Entry>,
    originator: &[&Uri],
    own: &[&Uri],
    profile: &Profile,
) -> Vec<Entry> {
    let key = |uri: &Uri| Key::new(uri, profile);
    let dropped: Vec<Key> = own
        .iter()
        .chain(originator.iter().filter(|_| !profile.echo_to_originator))
        .map(|uri| key(uri))
        .collect();

    let entries = entries.into_iter();
    let mut members: Vec<(Key, Entry)> = Vec::new();
    let mut places: HashTable<usize> = HashTable::new();
    for entry in entries {
        let key = key(&entry.uri);
        if dropped.contains(&key) {
            continue;
        }
        let same = |place: &usize| members.get(*place).is_some_and(|(known, _)| *known == key);
        let known = places.find(key.hash, same).copied();
        if let Some((_, member)) = known.and_then(|place| members.get_mut(place)) {
            member.copy = member.copy.max(entry.copy);
            member.anonymize |= entry.anonymize;
            continue;
        }
        let hash = key.hash;
        members.push((key, entry));
        let rehash = |place: &usize| members.get(*place).map_or(0, |(key, _)| key.hash);
        places.insert_unique(hash, members.len() - 1, rehash);
    }
    members.into_iter().map(|(_, member)| member).collect()
}

/// A URI as it is compared.
struct Key {
    hash: u64,
    uri: Uri,
}

impl Key {
    fn new(uri: &Uri, profile: &Profile) -> Self {
        let uri = profile
            .dedupe_default_port
            .then(|| without_default_port(uri))
            .flatten()
            .unwrap_or_else(|| uri.clone());
        Self {
            // The table takes its tags from the upper bits and its places from the lower ones, and a
            // fingerprint promises nothing about either.
            hash: spread(uri.fingerprint()),
            uri,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.uri.equivalent(&other.uri)
    }
}

fn spread(fingerprint: u64) -> u64 {
    let mixed = (fingerprint ^ (fingerprint >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

/// The URI without `:5060`, or `:5061` for `sips`; `None` if it does not say so.
fn without_default_port(uri: &Uri) -> Option<Uri> {
    let text = uri.as_str();
    let (scheme, rest) = text.split_once(':')?;
    let port = if scheme.eq_ignore_ascii_case("sips") {
        ":5061"
    } else {
        ":5060"
    };
    let host_at = text.len() - rest.split_once('@').map_or(rest, |(_, host)| host).len();
    let host = text.get(host_at..)?;
    let end = host.find([';', '?']).unwrap_or(host.len());
    let bare = host.get(..end)?.strip_suffix(port)?;
    let mut short = String::with_capacity(text.len());
    short.push_str(text.get(..host_at)?);
    short.push_str(bare);
    short.push_str(host.get(end..)?);
    Uri::copy(&short).ok()
}

#[cfg(test)]
mod tests;
