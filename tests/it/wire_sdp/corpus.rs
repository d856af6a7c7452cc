//! Descriptions by others.

use std::path::PathBuf;

use bytes::Bytes;
use simple_im::wire::sdp::{self, Kind, Proto};

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("SIMPLE_IM_CORPORA");
    let folder = folder
        .map_or(PathBuf::from("../shared/corpora"), PathBuf::from)
        .join("sdp");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("SIMPLE_IM_REQUIRE_CORPORA").is_some_and(|v| v == "1");
    assert!(!required, "the corpora are absent");
    eprintln!("skipped: the corpora are absent");
    None
}

#[test]
fn descriptions_of_the_corpora_are_read_right() {
    let Some(folder) = corpus() else { return };
    let (mut seen, mut messages) = (0, 0);
    for manifest in ["manifest-rfc.json", "manifest-repos.json"] {
        let manifest = std::fs::read_to_string(folder.join(manifest)).unwrap();
        for item in manifest.split("\"file\": \"").skip(1) {
            let file = item.split('"').next().unwrap();
            let text = Bytes::from(std::fs::read(folder.join(file)).unwrap());
            let found = sdp::parse(&text);
            seen += 1;
            // Only the RFCs' examples come with facts; some show a fragment, without v=.
            let Some((_, facts)) = item.split_once("\"m_lines\": [") else {
                continue;
            };
            if !text.starts_with(b"v=0") {
                assert!(found.is_err(), "{file}");
                continue;
            }
            let facts = facts.split(']').next().unwrap();
            let lines: Vec<_> = facts.split('"').skip(1).step_by(2).collect();
            let found = found.unwrap_or_else(|flaw| panic!("{file}: {flaw}"));
            let read: Vec<_> = found.media().iter().map(|line| line.line()).collect();
            assert_eq!(read, lines, "{file}");
            for line in found
                .media()
                .iter()
                .filter(|line| line.kind == Kind::Message)
            {
                messages += 1;
                assert_eq!(line.proto, Proto::Msrp, "{file}");
                // A line that only shows what its author can do has port 0 and no path.
                let path = line.path().starts_with("msrp://");
                assert_eq!(path, line.port != 0, "{file}");
                assert!(!line.accept_types().is_empty(), "{file}");
                assert_eq!(line.file, file.contains("5547"), "{file}");
            }
        }
    }
    assert_eq!((seen, messages), (183, 15));
}
