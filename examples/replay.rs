//! Plays transcripts: call flows as text, against a fresh machine each.
//!
//! `cargo run --example replay -- FILE...` prints `ok FILE` or the difference, and exits with 1 when
//! a machine did something else than its transcript says. `-` is standard input. The format is
//! described in `docs/transcripts.md`.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::{fs, path::PathBuf};

use clap::Parser;

#[path = "../tests/sim/transcript.rs"]
mod transcript;

/// Plays transcripts of call flows and says where a machine does something else.
#[derive(Parser)]
struct Options {
    /// Transcripts; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Prints each transcript with the expectations replaced that do not come true.
    #[arg(long)]
    bless: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut all = true;
    for file in &options.files {
        let name = file.display().to_string();
        let said = match read(file) {
            Err(error) => Err(format!("{name}: {error}")),
            Ok(text) if options.bless => transcript::blessed(&text).map_err(|why| why.of(&name)),
            Ok(text) => match transcript::play(&text) {
                Ok(()) => Ok(format!("ok {name}\n")),
                Err(why) => Err(why.of(&name)),
            },
        };
        all &= said.is_ok();
        let said = said.unwrap_or_else(|why| format!("{}\n", why.trim_end()));
        // A reader that has gone away has seen enough.
        let _ = io::stdout().write_all(said.as_bytes());
    }
    if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read(file: &PathBuf) -> io::Result<String> {
    if file.as_os_str() != "-" {
        return fs::read_to_string(file);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}
