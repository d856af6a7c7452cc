//! Patterns: `*` stands for anything, `${name}` for a value that has a name from then on.

use std::collections::BTreeMap;

/// What names stand for.
pub type Names = BTreeMap<String, String>;

enum Piece<'a> {
    Letter(char),
    Any,
    Name(&'a str),
}

/// Whether `text` is as `pattern` says; the names that it gives are added to `names`.
pub fn matches(pattern: &str, text: &str, names: &mut Names) -> bool {
    let mut bound = names.clone();
    let found = step(pattern, text, &mut bound);
    if found {
        *names = bound;
    }
    found
}

/// `text` with names replaced by what they stand for.
pub fn fill(text: &str, names: &Names) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out += &rest[..at];
        let (name, after) = rest[at + 2..]
            .split_once('}')
            .ok_or("a name does not end with `}`")?;
        out += &value(name, names).ok_or(format!("`${{{name}}}` has no value yet"))?;
        rest = after;
    }
    Ok(out + rest)
}

/// What stands in for `${name}`: `${x*2048}` is 2,048 times `x`.
fn value(name: &str, names: &Names) -> Option<String> {
    if let Some((text, times)) = name.rsplit_once('*') {
        return times.parse().ok().map(|times| text.repeat(times));
    }
    names.get(name).cloned()
}

fn next(pattern: &str) -> Option<(Piece<'_>, &str)> {
    let named = pattern.strip_prefix("${");
    if let Some((name, rest)) = named.and_then(|rest| rest.split_once('}')) {
        return Some((Piece::Name(name), rest));
    }
    let escaped = pattern.strip_prefix('\\').filter(|rest| !rest.is_empty());
    let mut letters = escaped.unwrap_or(pattern).chars();
    let letter = letters.next()?;
    let piece = match (letter, escaped) {
        ('*', None) => Piece::Any,
        _ => Piece::Letter(letter),
    };
    Some((piece, letters.as_str()))
}

fn step(pattern: &str, text: &str, names: &mut Names) -> bool {
    let Some((piece, rest)) = next(pattern) else {
        return text.is_empty();
    };
    match piece {
        Piece::Letter(letter) => text
            .strip_prefix(letter)
            .is_some_and(|text| step(rest, text, names)),
        Piece::Any => ends(text).any(|at| step(rest, &text[at..], names)),
        Piece::Name(name) => {
            if let Some(value) = value(name, names) {
                return text
                    .strip_prefix(value.as_str())
                    .is_some_and(|text| step(rest, text, names));
            }
            let delimiter = |c: char| c.is_whitespace() || ";,<>\"".contains(c);
            let most = text.find(delimiter).unwrap_or(text.len());
            ends(&text[..most]).skip(1).any(|at| {
                names.insert(name.to_string(), text[..at].to_string());
                let found = step(rest, &text[at..], names);
                if !found {
                    names.remove(name);
                }
                found
            })
        }
    }
}

/// Where a piece of the text may end.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()])
}
