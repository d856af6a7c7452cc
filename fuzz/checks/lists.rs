//! What holds for any octets that are taken for a URI-list.

use bytes::BytesMut;
use simple_im::Limits;
use simple_im::wire::lists::{
    CopyControl, Entry, UriList, parse, write, write_history, write_list,
};

/// Reads the list, writes it and what becomes of it, and reads that.
pub fn check(data: &[u8]) {
    let limits = Limits::default();
    match parse(data, &limits) {
        Ok(list) => {
            written(&list.entries);
            whole(&list);
            history(&list.entries);
            bounded(data, &list, limits);
        }
        Err(flaw) => super::flaw::check(data, flaw),
    }
}

fn written(entries: &[Entry]) {
    let mut out = BytesMut::new();
    write_list(&mut out, entries);
    let again = parse(&out, &roomy()).expect("we wrote it");
    assert_eq!(again.entries, entries);
}

/// A document is the same document, and the structure holds together.
fn whole(list: &UriList) {
    let mut out = BytesMut::new();
    write(&mut out, list);
    assert_eq!(parse(&out, &roomy()).as_ref(), Ok(list));
    for lists in list.lists.windows(2) {
        assert!(lists[1].depth <= lists[0].depth + 1);
        assert!(lists[1].entries.start >= lists[0].entries.start);
    }
    for reference in &list.references {
        let own = &list.lists[reference.list].entries;
        assert!((own.start..=own.end).contains(&reference.at));
    }
}

/// Nobody learns of a blind copy, nor of who stays anonymous.
fn history(entries: &[Entry]) {
    let mut out = BytesMut::new();
    let seen = |entry: &&Entry| matches!(entry.copy, Some(CopyControl::To | CopyControl::Cc));
    let told = write_history(&mut out, entries);
    assert_eq!(told, entries.iter().any(|entry| seen(&entry)));
    if !told {
        assert!(out.is_empty());
        return;
    }
    let again = parse(&out, &roomy()).expect("we wrote it").entries;
    assert!(again.iter().all(|entry| seen(&entry) && !entry.anonymize));
    let named = |entry: &&Entry| seen(entry) && !entry.anonymize;
    let named = entries.iter().filter(named).count();
    assert!((named..=named + 2).contains(&again.len()), "{again:?}");
}

/// As many entries as there are may be, and not one fewer.
fn bounded(data: &[u8], list: &UriList, mut limits: Limits) {
    let entries = list.entries.len() + list.references.len();
    assert!(entries.max(list.lists.len()) <= limits.list_entries);
    limits.list_entries = entries.max(list.lists.len());
    limits.list_depth = list
        .lists
        .iter()
        .map(|list| list.depth + 1)
        .max()
        .unwrap_or(0);
    limits.list_octets = data.len();
    assert_eq!(parse(data, &limits).as_ref(), Ok(list));
    if let Some(fewer) = limits.list_entries.checked_sub(1) {
        limits.list_entries = fewer;
        assert!(parse(data, &limits).is_err());
        limits.list_entries = fewer + 1;
    }
    if let Some(shallower) = limits.list_depth.checked_sub(1) {
        limits.list_depth = shallower;
        assert!(parse(data, &limits).is_err());
        limits.list_depth = shallower + 1;
    }
    limits.list_octets -= 1;
    assert!(parse(data, &limits).is_err());
}

/// What we write may be longer than what we read: escapes, and long names of short attributes.
fn roomy() -> Limits {
    let mut limits = Limits::default();
    limits.list_octets *= 16;
    limits
}
