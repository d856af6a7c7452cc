//! The transcripts, and the format itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use simple_im::profile::Profile;
use simple_im::{Limits, Timer};

#[path = "../sim/transcript.rs"]
mod transcript;

use transcript::settings::{TIMERS, Value, kebab, timer_name};
use transcript::{blessed, play, read_step};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The transcripts, in the order of their names.
fn all() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("tests/transcripts")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "txt"));
    files.sort();
    files
}

/// A page, with these expectations of the MESSAGE.
fn page(expected: &str) -> String {
    format!(
        "role originating\naddress sip:alice@example.com\n\n\
         > send sip:bob@example.com\n  type text/plain\n\n  Hello Bob\n{expected}"
    )
}

/// What is said about a page that is expected to be so.
fn difference(expected: &str) -> String {
    play(&page(expected)).unwrap_err().of("page.txt")
}

#[test]
fn every_transcript_comes_true() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut troubles = Vec::new();
    for file in all() {
        let name = format!("tests/transcripts/{}", file.file_name().unwrap().display());
        let text = fs::read_to_string(&file).unwrap();
        let Err(trouble) = play(&text) else {
            continue;
        };
        match blessed(&text) {
            Ok(text) if bless => fs::write(&file, text).unwrap(),
            _ => troubles.push(trouble.of(&name)),
        }
    }
    assert!(troubles.is_empty(), "\n{}", troubles.join("\n"));
    assert!(all().len() >= 30);
}

#[test]
fn every_transcript_says_what_it_shows() {
    for file in all() {
        let text = fs::read_to_string(&file).unwrap();
        let shows = text.lines().take_while(|line| line.starts_with('#'));
        assert!(
            shows.clone().any(|line| line.starts_with("# Shows ")),
            "{} names no requirement or corner case",
            file.display()
        );
    }
}

#[test]
fn the_worked_example_of_the_documentation_comes_true() {
    let docs = text("docs/transcripts.md");
    let mut examples = docs.split("```transcript\n").skip(1);
    let example = examples.next().expect("an example");
    let example = example.split("```").next().unwrap();
    play(example).unwrap_or_else(|trouble| panic!("{}", trouble.of("example")));
}

#[test]
fn a_wrong_header_is_shown_beside_the_right_one() {
    let said = difference(
        "< sip MESSAGE sip:bob@example.com\n  Max-Forwards: 70\n  Content-Type: text/html\n",
    );
    assert!(said.starts_with("page.txt:8: "), "{said}");
    assert!(
        said.contains("\n  -     Content-Type: text/html\n"),
        "{said}"
    );
    assert!(
        said.contains("\n  +     Content-Type: text/plain\n"),
        "{said}"
    );
    assert!(said.contains("\n        Max-Forwards: 70\n"), "{said}");
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (expected, said) in [
        ("", "page.txt:4: after this step the machine also did"),
        ("< nothing\n", "page.txt:8: nothing was expected here"),
        (
            "< sip INVITE\n",
            "page.txt:8: the machine did something else",
        ),
        (
            "< sip MESSAGE\n< closed\n",
            "page.txt:9: the machine did nothing more",
        ),
        (
            "< sip MESSAGE\n< done\n",
            "page.txt:9: the machine is not closed",
        ),
        ("< sip MESSAGE\n  !Supported\n", "-     !Supported"),
        ("< sip MESSAGE\n\n  Hello Rob\n", "-     Hello Rob"),
        ("< sip MESSAGE\n\n  Hello Bob\n  Bye\n", "-     Bye"),
        ("< sip MESSAGE\n  length 8\n", "+     length 9"),
        (
            "< sip MESSAGE\n> frobnicate\n",
            "page.txt:9: nothing called `frobnicate`",
        ),
        (
            "< sip MESSAGE\n> sip 200 to bob\n",
            "page.txt:9: nothing is called `bob`",
        ),
        (
            "< sip MESSAGE\n> sip 200\n  X: ${a}\n",
            "page.txt:9: `${a}` has no value yet",
        ),
        (
            "< sip MESSAGE\n> after 3s sharp\n",
            "page.txt:9: `sharp` is one word too many",
        ),
        (
            "< sip MESSAGE\n> close\n  now\n",
            "page.txt:9: no lines belong to such a step",
        ),
        ("oops\n", "page.txt:8: a step begins with `>` or `<`"),
    ] {
        let found = difference(expected);
        assert!(found.contains(said), "{expected:?} says {found}");
    }
}

#[test]
fn what_a_name_stands_for_stays_the_same() {
    let both = "< sip MESSAGE\n  From: *;tag=${tag}\n  Call-ID: ${call}\n  Call-ID: *${tag}\n";
    play(&page(both)).unwrap();
    let said = difference("< sip MESSAGE\n  From: <${who}>;tag=${tag}\n  To: <${who}>\n");
    assert!(said.contains("-     To: <${who}>"), "{said}");
}

#[test]
fn a_mistake_in_the_settings_is_told_with_its_line() {
    for (text, said) in [
        ("", "line 1: a transcript names one role"),
        ("role juggler\n", "line 1: no role `juggler`"),
        ("role originating\nknob x = 1\n", "line 2: no knob `x`"),
        (
            "role originating\nlimit ring = 3\n",
            "line 2: `3` is no time",
        ),
        ("role originating\nprofile x\n", "line 2: no profile `x`"),
        ("role originating\naddress x y\n", "line 2: `x y` is no URI"),
        (
            "role originating\n< closed\n",
            "line 2: nothing can be expected before",
        ),
        (
            "  indented\n",
            "line 1: an indented line belongs to no step",
        ),
    ] {
        let found = play(text).unwrap_err().to_string();
        assert!(found.starts_with(said), "{found}");
    }
}

#[test]
fn a_blessed_transcript_comes_true_and_keeps_what_was_right() {
    let right = "< sip MESSAGE sip:bob@example.com as page\n  Max-Forwards: 70\n";
    let wrong = page(&format!("{right}< closed\n> sip 202 to page\n< closed\n"));
    let new = blessed(&wrong).unwrap();
    play(&new).unwrap();
    assert!(new.contains(right), "{new}");
    assert!(new.contains("\n< tell outcome accepted-by-server recipient=0 message=0\n"));
    assert_eq!(blessed(&new).unwrap(), new);
}

/// The names of the fields of a struct, from its own mouth.
fn fields(debug: &str) -> Vec<(&str, &str)> {
    let lines = debug.lines().filter_map(|line| line.strip_prefix("    "));
    let own = lines.filter(|line| !line.starts_with([' ', ')', '}', ']']));
    own.filter_map(|line| line.split_once(": ")).collect()
}

#[test]
fn every_knob_and_every_limit_can_be_set() {
    let mut profile = Profile::default();
    let debug = format!("{profile:#?}");
    assert!(fields(&debug).len() >= 40);
    for (name, _) in fields(&debug) {
        let why = transcript::settings::knob(&mut profile, name, "?").unwrap_err();
        assert!(!why.starts_with("no knob"), "{why}");
    }
    let mut limits = Limits::default();
    let debug = format!("{limits:#?}");
    assert!(fields(&debug).len() >= 28);
    for (name, _) in fields(&debug) {
        let why = transcript::settings::limit(&mut limits, name, "?").unwrap_err();
        assert!(!why.starts_with("no limit"), "{why}");
    }
}

#[test]
fn every_timer_has_a_name() {
    for timer in TIMERS {
        assert_eq!(<Timer as Value>::read(timer_name(timer)), Ok(timer));
        assert_eq!(timer_name(timer), kebab(&format!("{timer:?}")));
    }
    assert_eq!(TIMERS.len(), variants("src/action.rs", "Timer").len());
}

/// The variants of an enum, as its source has them.
fn variants(file: &str, name: &str) -> Vec<String> {
    let source = text(file);
    let begin = format!("pub enum {name}");
    let body = source.split(&begin).nth(1).expect(name);
    let body = body.split("\n}").next().unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let name = |line: &str| {
        let end = line.find(|c: char| !c.is_ascii_alphanumeric());
        line[..end.unwrap_or(line.len())].to_string()
    };
    names.map(name).collect()
}

/// Whatever the API has, a transcript can say: the documentation has a line for each, and each line
/// can be read.
#[test]
fn every_variant_of_the_api_can_be_written() {
    let docs = text("docs/transcripts.md");
    for (file, names) in [
        (
            "src/action.rs",
            &["Action", "Timer", "Question", "Notice", "Continuation"][..],
        ),
        ("src/action.rs", &["FailureReport"]),
        (
            "src/event.rs",
            &["Event", "TxnError", "Answer", "Refusal", "LookupError"],
        ),
        ("src/event.rs", &["MsrpEvent", "Down"]),
        ("src/outcome.rs", &["Outcome", "Failure"]),
        (
            "src/originating/draft.rs",
            &["Target", "PathKnowledge", "Misuse"],
        ),
        ("src/roster.rs", &["CopyControl"]),
    ] {
        for name in names {
            for variant in variants(file, name) {
                let row = format!("| `{name}::{variant}` | `");
                let found = docs.split(&row).nth(1);
                let found = found.unwrap_or_else(|| panic!("no row for {name}::{variant}"));
                let example = found.split('`').next().unwrap();
                if example.starts_with(['<', '>']) {
                    read_step(example).unwrap_or_else(|why| panic!("{example}: {why}"));
                }
            }
        }
    }
}

/// The example, as `cargo test` has built it. `cargo test --test it` leaves an old one where it is.
fn replay() -> Option<Command> {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent()?.parent()?;
    let built = folder.join(format!("examples/replay{}", std::env::consts::EXE_SUFFIX));
    let time = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let source = root().join("tests/sim/transcript");
    let parts = fs::read_dir(&source)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let sources = parts.chain([
        source.with_extension("rs"),
        root().join("examples/replay.rs"),
    ]);
    let newest = sources.filter_map(|file| time(&file)).max();
    if time(&built) < newest {
        eprintln!("skipped: the example is not built, or not anew");
        return None;
    }
    Some(Command::new(built))
}

#[test]
fn replay_exits_with_1_when_a_machine_does_something_else() {
    let Some(mut replay) = replay() else {
        return;
    };
    let good = root().join("tests/transcripts/a1-pager.txt");
    let ran = replay.arg(&good).output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
    assert!(ran.stdout.starts_with(b"ok "));

    let wrong =
        text("tests/transcripts/a1-pager.txt").replace("Max-Forwards: 70", "Max-Forwards: 69");
    let mut replay = self::replay().unwrap();
    replay.arg(&good).arg("-").arg(&good);
    let mut child = replay
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), wrong.as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(
        said.contains("\n-:12: the machine did something else"),
        "{said}"
    );
    assert!(
        said.contains("  -     Max-Forwards: 69\n  +     Max-Forwards: 70\n"),
        "{said}"
    );
    assert_eq!(
        said.matches("ok ").count(),
        2,
        "the others are played all the same"
    );
}
