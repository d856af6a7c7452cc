//! The conformance page, the code and the tests say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

const FAMILIES: [(&str, u32); 9] = [
    ("OC-PM", 16),
    ("OC-LM", 39),
    ("IS", 53),
    ("TC-PM", 7),
    ("TC-LM", 18),
    ("CF-PM", 12),
    ("CF-LM", 26),
    ("UP", 6),
    ("FT", 5),
];

/// Corner cases of the sections that are implemented: any INVITE, pager, large message (4.1 to 4.3),
/// controlling function, terminating client, MSRP (4.5 to 4.7).
const CASES: [RangeInclusive<u32>; 2] = [1..=62, 72..=138];
/// Their headings in the catalogue.
const SECTIONS: [&str; 6] = [
    "### 4.1", "### 4.2", "### 4.3", "### 4.5", "### 4.6", "### 4.7",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// Ids of requirements in a text, `OC-PM-01` and the like; `X-01 to X-05` names those between too.
fn ids(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (family, _) in FAMILIES {
        let mut last: Option<(usize, u32)> = None;
        let mark = format!("{family}-");
        for (at, _) in text.match_indices(&mark) {
            let before = text[..at].chars().next_back();
            let digits: String = text[at + mark.len()..]
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-') || digits.len() != 2 {
                continue;
            }
            let number: u32 = digits.parse().unwrap();
            if let Some((end, from)) = last
                && text[end..at].trim() == "to"
            {
                found.extend((from..number).map(|n| format!("{family}-{n:02}")));
            }
            found.insert(format!("{family}-{number:02}"));
            last = Some((at + mark.len() + 2, number));
        }
    }
    found
}

/// Ids at the beginning of test names: `oc_pm_01_…`, `cc_27_…`.
fn proved() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let unit = sources(&root().join("src"));
    for (_, text) in sources(&root().join("tests")).into_iter().chain(unit) {
        for (at, _) in text.match_indices("#[test]") {
            let Some((_, name)) = text[at..].split_once("fn ") else {
                continue;
            };
            let name = name.split('(').next().unwrap().to_ascii_uppercase();
            let words: Vec<&str> = name.split('_').collect();
            let number = words
                .iter()
                .position(|word| word.bytes().all(|b| b.is_ascii_digit()) && !word.is_empty());
            let Some(number) = number.filter(|n| (1..=2).contains(n)) else {
                continue;
            };
            let family = words[..number].join("-");
            // Resolutions and examples are proved too, but have no row.
            if family == "CC" || FAMILIES.iter().any(|(known, _)| *known == family) {
                found.insert(words[..=number].join("-"));
            }
        }
    }
    found
}

/// The rows of the page: id to status.
fn rows() -> BTreeMap<String, String> {
    let page = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let (id, status) = (cells[0], cells.last().unwrap().trim_end_matches('|').trim());
        if id.bytes().any(|b| b.is_ascii_digit()) {
            assert!(
                rows.insert(id.into(), status.into()).is_none(),
                "{id} has two rows"
            );
        }
    }
    rows
}

#[test]
fn every_row_of_the_catalogue_is_on_the_page() {
    let rows = rows();
    for (family, count) in FAMILIES {
        let found = rows
            .keys()
            .filter(|id| id.rsplit_once('-').unwrap().0 == family)
            .count();
        assert_eq!(found, count as usize, "rows of {family}");
    }
    for number in CASES.into_iter().flatten() {
        let id = format!("CC-{number:02}");
        let status = rows.get(&id).map(String::as_str);
        assert!(
            !matches!(status, None | Some("planned")),
            "{id}: {status:?}"
        );
    }
    // Where the catalogue itself is at hand, it is asked.
    let path = std::env::var("SIMPLE_IM_SPEC")
        .map_or_else(|_| root().join("../shared/spec"), PathBuf::from);
    let Ok(catalogue) = fs::read_to_string(path.join("requirements.md")) else {
        return eprintln!("skipped: the catalogue is not at hand");
    };
    for line in catalogue.lines().filter(|line| line.starts_with("| ")) {
        let id = line[2..].split(' ').next().unwrap();
        let family = id.rsplit_once('-').map_or("", |(family, _)| family);
        if FAMILIES.iter().any(|(known, _)| *known == family) {
            assert!(rows.contains_key(id), "{id} is missing");
        }
    }
    let cases = fs::read_to_string(path.join("corner-cases.md")).unwrap();
    let mut ours = false;
    for line in cases.lines() {
        if line.starts_with("### ") {
            ours = SECTIONS.iter().any(|section| line.starts_with(section));
        }
        let id = line.strip_prefix("| ").unwrap_or_default();
        let id = id.split(' ').next().unwrap();
        if ours && id.starts_with("CC-") {
            assert!(rows.contains_key(id), "{id} is missing");
        }
    }
}

#[test]
fn what_is_done_is_cited_and_proved() {
    // What `src/states` says of the machines is no code that does it.
    let cited: BTreeSet<String> = sources(&root().join("src"))
        .iter()
        .filter(|(path, _)| !path.starts_with(root().join("src/states")))
        .flat_map(|(_, text)| ids(text))
        .collect();
    let (rows, proved) = (rows(), proved());
    let mut wrong = Vec::new();
    for (id, status) in &rows {
        match status.as_str() {
            "done" => {
                if !cited.contains(id) {
                    wrong.push(format!("{id} is done, but no code cites it"));
                }
                if !proved.contains(id) {
                    wrong.push(format!("{id} is done, but no test is named by it"));
                }
            }
            "tested" if !proved.contains(id) => {
                wrong.push(format!("{id} is tested, but no test is named by it"))
            }
            "tested" | "planned" => {}
            reason if reason.starts_with("out of scope, because ") => {}
            reason if reason.starts_with("not tested, because ") => {}
            other => wrong.push(format!("{id} has the status {other:?}")),
        }
    }
    for id in cited.iter().chain(&proved) {
        if !rows.contains_key(id) {
            wrong.push(format!("{id} is cited or proved, but has no row"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ids_are_found_as_they_are_written() {
    let text = "(OC-PM-01, TC-LM-10), CF-LM-11 to CF-LM-13; XOC-PM-09 IS-7 and CC-01";
    let found: Vec<String> = ids(text).into_iter().collect();
    assert_eq!(
        found,
        ["CF-LM-11", "CF-LM-12", "CF-LM-13", "OC-PM-01", "TC-LM-10"]
    );
}
