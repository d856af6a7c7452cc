//! The text of a transcript: settings, then steps, each with the lines that belong to it.

use super::Trouble;

/// A transcript that was read.
pub struct Script {
    pub settings: Vec<Line>,
    pub steps: Vec<Step>,
}

/// Indented lines without their indentation, each with its number.
pub type Block = Vec<(usize, String)>;
pub type Lines = [(usize, String)];

/// A line and the indented lines below it.
#[derive(Clone, Debug)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    pub text: String,
    pub block: Block,
    /// The number of the last line that belongs to it.
    pub last: usize,
}

/// Which way a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `>`: into the machine.
    In,
    /// `<`: out of it.
    Out,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    pub way: Way,
    pub line: Line,
    pub words: Vec<String>,
    /// `to NAME`, `on NAME`, `as NAME` at its end.
    pub to: Option<String>,
    pub on: Option<String>,
    pub name: Option<String>,
}

impl Script {
    pub fn read(text: &str) -> Result<Self, Trouble> {
        let mut script = Self {
            settings: Vec::new(),
            steps: Vec::new(),
        };
        for line in lines(text)? {
            let mut letters = line.text.chars();
            let way = match letters.next() {
                Some('>') => Way::In,
                Some('<') => Way::Out,
                _ if script.steps.is_empty() => {
                    script.settings.push(line);
                    continue;
                }
                _ => return Err(line.trouble("a step begins with `>` or `<`")),
            };
            script.steps.push(Step::new(way, line)?);
        }
        Ok(script)
    }
}

fn lines(text: &str) -> Result<Vec<Line>, Trouble> {
    let mut lines: Vec<Line> = Vec::new();
    for (place, text) in text.lines().enumerate() {
        let (number, text) = (place + 1, text.trim_end_matches('\r'));
        if text.starts_with('#') {
            continue;
        }
        if !text.is_empty() && !text.starts_with([' ', '\t']) {
            let text = text.trim_end().to_string();
            let block = Vec::new();
            lines.push(Line {
                number,
                text,
                block,
                last: number,
            });
        } else if let Some(line) = lines.last_mut() {
            line.block.push((number, text.to_string()));
        } else if !text.trim().is_empty() {
            return Err(Trouble::new(number, "an indented line belongs to no step"));
        }
    }
    for line in &mut lines {
        line.dress()?;
    }
    Ok(lines)
}

impl Line {
    pub fn trouble(&self, text: impl Into<String>) -> Trouble {
        Trouble::new(self.number, text)
    }

    /// Takes the indentation and the blank lines at the end away.
    fn dress(&mut self) -> Result<(), Trouble> {
        while self
            .block
            .last()
            .is_some_and(|(_, text)| text.trim().is_empty())
        {
            self.block.pop();
        }
        let filled = |text: &&(usize, String)| !text.1.trim().is_empty();
        let Some((_, first)) = self.block.iter().find(filled) else {
            return Ok(());
        };
        let indent = first[..first.len() - first.trim_start().len()].to_string();
        for (number, text) in &mut self.block {
            *text = match text.strip_prefix(&indent) {
                Some(rest) => rest.to_string(),
                None if text.trim().is_empty() => String::new(),
                None => {
                    return Err(Trouble::new(
                        *number,
                        "the line is indented less than the first",
                    ));
                }
            };
            self.last = *number;
        }
        Ok(())
    }
}

impl Step {
    fn new(way: Way, line: Line) -> Result<Self, Trouble> {
        let mut words: Vec<String> = line.text[1..].split_whitespace().map(Into::into).collect();
        let (mut to, mut on, mut name) = (None, None, None);
        while words.len() > 2 {
            let place = match words[words.len() - 2].as_str() {
                "to" => &mut to,
                "on" => &mut on,
                "as" => &mut name,
                _ => break,
            };
            *place = words.pop();
            words.pop();
        }
        if words.is_empty() {
            return Err(line.trouble("a step says what happens"));
        }
        Ok(Self {
            way,
            line,
            words,
            to,
            on,
            name,
        })
    }

    pub fn trouble(&self, text: impl Into<String>) -> Trouble {
        self.line.trouble(text)
    }

    pub fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }

    /// The block as head and body: the first blank line is between them.
    pub fn halves(&self) -> (&Lines, &Lines) {
        let block = &self.line.block;
        match block.iter().position(|(_, text)| text.is_empty()) {
            Some(place) => (&block[..place], &block[place + 1..]),
            None => (block, &[]),
        }
    }
}
