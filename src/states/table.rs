//! A machine's table: tried out cell by cell, then drawn and written.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::desk::Desk;
use crate::Timer;

/// A machine in some state, with whatever its events need.
pub(crate) trait Subject: Clone {
    /// How often an event comes until the machine holds as much as it ever will.
    const FULL: usize = 20;

    /// The name of its state, found by a match without a wildcard.
    fn state(&self) -> &'static str;

    fn desk(&self) -> &Desk;

    /// The machine itself, to see how much it holds.
    fn machine(&self) -> &dyn fmt::Debug;
}

/// One kind of event, and how it is brought about; what the machine says to its parent is returned.
pub(crate) struct Row<S> {
    name: String,
    drawn: &'static str,
    why: &'static str,
    timer: Option<Timer>,
    once: bool,
    run: Box<dyn Fn(&mut S) -> String>,
}

impl<S> Row<S> {
    pub(crate) fn new(name: impl Into<String>, run: impl Fn(&mut S) -> String + 'static) -> Self {
        Self {
            name: name.into(),
            drawn: "",
            why: "",
            timer: None,
            once: false,
            run: Box::new(run),
        }
    }

    /// A timer fires, whether it runs or not.
    pub(crate) fn timer(timer: Timer, run: impl Fn(&mut S) -> String + 'static) -> Self {
        Self {
            timer: Some(timer),
            ..Self::new(format!("`{timer:?}`"), run)
        }
    }

    /// What the diagram calls it, alone or with others like it.
    pub(crate) fn drawn(mut self, name: &'static str) -> Self {
        self.drawn = name;
        self
    }

    /// Its caller counts how often it happens, so that the machine need not.
    pub(crate) fn counted(mut self) -> Self {
        self.once = true;
        self
    }

    /// Why a surprising row is as it is.
    pub(crate) fn because(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }
}

/// Rows that belong together.
pub(crate) struct Group {
    title: &'static str,
    lines: Vec<Line>,
}

#[derive(Clone)]
struct Line {
    /// Of one event, or of several that mean the same in every state.
    events: Vec<String>,
    drawn: String,
    why: &'static str,
    cells: Vec<Cell>,
}

#[derive(Clone, PartialEq, Eq)]
struct Cell {
    does: String,
    next: Option<&'static str>,
}

/// A machine's whole table.
pub(crate) struct Machine {
    pub(crate) title: &'static str,
    about: &'static str,
    begins: Vec<(&'static str, &'static str)>,
    states: Vec<Known>,
    groups: Vec<Group>,
}

struct Known {
    name: &'static str,
    about: &'static str,
    timers: BTreeSet<Timer>,
}

impl Machine {
    /// A machine whose states are those of the scenes, which are named and explained.
    pub(crate) fn new<S: Subject>(
        title: &'static str,
        about: &'static str,
        scenes: &[(&'static str, &'static str, S)],
        groups: Vec<(&'static str, Vec<Row<S>>)>,
    ) -> Self {
        for (name, _, scene) in scenes {
            assert_eq!(scene.state(), *name, "the script leads elsewhere");
        }
        let states = scenes.iter().map(|(name, about, scene)| Known {
            name,
            about,
            timers: scene.desk().running.clone(),
        });
        let states: Vec<Known> = states.collect();
        let groups = groups.into_iter().map(|(title, rows)| {
            let lines = rows.into_iter().map(|row| Line {
                cells: scenes
                    .iter()
                    .map(|(.., scene)| tried(scene, &row, &states))
                    .collect(),
                drawn: if row.drawn.is_empty() {
                    row.name.clone()
                } else {
                    row.drawn.into()
                },
                events: Vec::from([row.name]),
                why: row.why,
            });
            let lines = lines.collect();
            Group { title, lines }
        });
        let groups = groups.collect();
        Self {
            title,
            about,
            begins: Vec::new(),
            states,
            groups,
        }
    }

    /// What makes a machine, and the state in which it begins.
    pub(crate) fn begins(mut self, event: &'static str, state: &'static str) -> Self {
        self.begins.push((event, state));
        self
    }

    /// The state of which this is a variant.
    fn whole(&self, name: &'static str) -> &'static str {
        let whole = name.split(" · ").next().unwrap_or(name);
        if self.states.iter().any(|state| state.name == whole) {
            whole
        } else {
            name
        }
    }

    /// The transitions and what brings them about. Variants of a state, named `State · variant`, are one.
    fn edges(&self) -> Vec<(&'static str, &'static str, Vec<&str>)> {
        let mut edges: Vec<(&str, &str, Vec<&str>)> = Vec::new();
        for line in self.groups.iter().flat_map(|group| &group.lines) {
            for (state, cell) in self.states.iter().zip(&line.cells) {
                let next = cell.next.unwrap_or(state.name);
                let (from, to) = (self.whole(state.name), self.whole(next));
                if from == to {
                    continue;
                }
                let by = match edges.iter_mut().find(|edge| (edge.0, edge.1) == (from, to)) {
                    Some((.., by)) => by,
                    None => {
                        edges.push((from, to, Vec::new()));
                        &mut edges.last_mut().unwrap().2
                    }
                };
                if !by.contains(&line.drawn.as_str()) {
                    by.push(&line.drawn);
                }
            }
        }
        edges
    }
}

/// Hands one event to a machine in one state.
fn tried<S: Subject>(scene: &S, row: &Row<S>, states: &[Known]) -> Cell {
    let mut trial = scene.clone();
    let (before, name) = (trial.desk().done.len(), trial.state());
    let said = (row.run)(&mut trial);
    let desk = trial.desk();
    let next = trial.state();
    let has = states
        .iter()
        .find(|state| state.name == next)
        .map(|state| &state.timers);
    let has =
        has.unwrap_or_else(|| panic!("{name}: {} leads to {next}, which has no scene", row.name));
    let mut does = desk.since(before, has);
    // A timer that the next state does not have by itself is no news, but worth a word.
    if next != name {
        let ran = |timer: &&Timer| {
            let told = does
                .iter()
                .any(|news| news.starts_with(&format!("+{timer:?}")));
            scene.desk().running.contains(*timer) && !has.contains(*timer) && !told
        };
        let running: Vec<_> = desk.running.iter().filter(ran).collect();
        does.extend(running.iter().map(|timer| format!("`{timer:?}` runs on")));
    }
    if !said.is_empty() {
        does.push(format!("*{said}*"));
    }
    // A timer that was stopped, or never ran, means nothing (CC-24).
    let idle = |timer| {
        let desk = scene.desk();
        !desk.running.contains(&timer) && !desk.fired.contains(&timer)
    };
    if row.timer.is_some_and(idle) {
        assert!(
            does.is_empty() && next == name,
            "{name}: {} fires and does not run: {does:?}",
            row.name
        );
    }
    if let ("Closed", Err(wrong)) = (next, desk.settled()) {
        panic!("{name}: {}: {wrong}", row.name);
    }
    // However often it happens, the machine holds no more than its bounds say. A counter has a digit more
    // now and then.
    let again = |trial: &mut S| {
        for _ in 0..S::FULL {
            let _ = (row.run)(trial);
        }
        format!("{:?}", trial.machine()).len()
    };
    let (before, after) = (again(&mut trial), again(&mut trial));
    assert!(
        row.once || after < before + S::FULL,
        "{name}: {}: from {before} to {after}",
        row.name
    );
    Cell {
        does: does.join(", "),
        next: (next != name).then_some(next),
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.does.as_str(), self.next) {
            ("", None) => f.write_str("–"),
            (does, None) => f.write_str(does),
            ("", Some(next)) => write!(f, "→ **{next}**"),
            (does, Some(next)) => write!(f, "{does} → **{next}**"),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## {}\n\n{}\n", self.title, self.about)?;
        self.draw(f)?;
        let timers = self.states.iter().any(|state| !state.timers.is_empty());
        let (head, line) = if timers {
            (" timers |", "---|")
        } else {
            ("", "")
        };
        writeln!(f, "| state | what it means |{head}\n|---|---|{line}")?;
        for state in &self.states {
            let names = state.timers.iter().map(|timer| format!("`{timer:?}`"));
            let running = match names.collect::<Vec<_>>().join(", ") {
                _ if !timers => String::new(),
                none if none.is_empty() => " – |".into(),
                running => format!(" {running} |"),
            };
            writeln!(f, "| **{}** | {} |{running}", state.name, state.about)?;
        }
        let mut notes = Vec::new();
        for group in &self.groups {
            group.write(f, &self.states, &mut notes)?;
        }
        for (place, note) in notes.iter().enumerate() {
            writeln!(
                f,
                "{}{}. {note}",
                if place == 0 { "\n" } else { "" },
                place + 1
            )?;
        }
        Ok(())
    }
}

impl Machine {
    /// Edges with the same ends are one.
    fn draw(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "```mermaid\nstateDiagram-v2")?;
        let node = |name: &str| {
            let place = self.states.iter().position(|state| state.name == name);
            format!(
                "s{}",
                place.unwrap_or_else(|| panic!("{name} has no scene"))
            )
        };
        for state in self
            .states
            .iter()
            .filter(|state| self.whole(state.name) == state.name)
        {
            writeln!(f, "    {}: {}", node(state.name), state.name)?;
        }
        for (event, state) in &self.begins {
            writeln!(f, "    [*] --> {}: {event}", node(state))?;
        }
        for (from, to, by) in self.edges() {
            let by = by.join(", ").replace(['`', '#', ';', ':'], "");
            writeln!(f, "    {} --> {}: {by}", node(from), node(to))?;
        }
        if self.states.iter().any(|state| state.name == "Closed") {
            writeln!(f, "    {} --> [*]", node("Closed"))?;
        }
        writeln!(f, "```\n")
    }
}

impl Group {
    /// Columns that are alike become one, and so do rows.
    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        states: &[Known],
        notes: &mut Vec<&'static str>,
    ) -> fmt::Result {
        let mut lines: Vec<Line> = Vec::new();
        for line in &self.lines {
            match lines
                .iter_mut()
                .find(|other| other.cells == line.cells && other.why == line.why)
            {
                Some(other) if other.events.contains(&line.events[0]) => {}
                Some(other) => other.events.extend(line.events.clone()),
                None => lines.push(line.clone()),
            }
        }
        let column = |place: usize| lines.iter().map(move |line| &line.cells[place]);
        let mut columns: Vec<Vec<usize>> = Vec::new();
        for place in 0..states.len() {
            match columns
                .iter_mut()
                .find(|column_of| column(column_of[0]).eq(column(place)))
            {
                Some(alike) => alike.push(place),
                None => columns.push(Vec::from([place])),
            }
        }
        write!(f, "\n### {}\n\n| |", self.title)?;
        let most = columns.iter().map(Vec::len).max().unwrap_or_default();
        // The rest comes last.
        let is_rest = |alike: &[usize]| alike.len() > 3 && alike.len() == most;
        if let Some(place) = columns.iter().position(|alike| is_rest(alike)) {
            let rest = columns.remove(place);
            columns.push(rest);
        }
        for (place, alike) in columns.iter().enumerate() {
            if columns.len() == 1 && alike.len() > 1 {
                write!(f, " every state |")?;
            } else if place + 1 == columns.len() && is_rest(alike) {
                write!(f, " every other state |")?;
            } else {
                let names: Vec<&str> = alike.iter().map(|place| states[*place].name).collect();
                write!(f, " {} |", names.join(", "))?;
            }
        }
        writeln!(f, "\n|---|{}", "---|".repeat(columns.len()))?;
        for line in &lines {
            let mut name = line.events.join(", ");
            if !line.why.is_empty() {
                let place = notes
                    .iter()
                    .position(|note| *note == line.why)
                    .unwrap_or_else(|| {
                        notes.push(line.why);
                        notes.len() - 1
                    });
                name += &format!(" <sup>{}</sup>", place + 1);
            }
            write!(f, "| {name} |")?;
            for alike in &columns {
                write!(f, " {} |", line.cells[alike[0]])?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
