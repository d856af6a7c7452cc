//! What a machine did, against what was expected.

use super::seen::{Seen, Subject};
use super::text::{Step, Way};
use super::{Marks, Player, Trouble};

impl Player {
    /// Compares what was done with the expectations after a step.
    pub(super) fn expect(&mut self, group: &[Step]) -> Result<(), Trouble> {
        let mut trial = self.clone_marks();
        let result = trial.check(group);
        self.keep(trial);
        result
    }

    pub(super) fn clone_marks(&mut self) -> Trial {
        let marks = (
            self.names.clone(),
            self.things.clone(),
            self.pending.clone(),
        );
        Trial {
            marks,
            strict: self.settings.strict_timers,
            closed: self.machine.machine().is_closed() && self.timers.is_empty(),
        }
    }

    pub(super) fn keep(&mut self, trial: Trial) {
        (self.names, self.things, self.pending) = trial.marks;
    }

    /// The lines that say what was done, those that were right among them.
    pub(super) fn bless(&mut self, wanted: &[Step]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest = wanted;
        let mut trial = self.clone_marks();
        let strict = trial.strict;
        for seen in std::mem::take(&mut trial.marks.2) {
            let fits = |step: &Step, trial: &mut Trial| trial.fits(&seen, step).is_ok();
            match rest.iter().position(|step| fits(step, &mut trial)) {
                Some(place) => {
                    lines.push(rest[place].line.text.clone());
                    let block = &rest[place].line.block;
                    lines.extend(block.iter().map(|(_, text)| format!("  {text}")));
                    rest = &rest[place + 1..];
                }
                None if seen.is_timer() && !strict => {}
                None => lines.push(seen.line()),
            }
        }
        // What else was right: that nothing more happened, and that all is over.
        for step in rest {
            if step.word(0) == "nothing" || step.word(0) == "done" && trial.closed {
                lines.push(step.line.text.clone());
            }
        }
        self.keep(trial);
        lines
    }
}

/// A comparison: what it finds is kept or not.
pub(super) struct Trial {
    pub(super) marks: Marks,
    strict: bool,
    closed: bool,
}

impl Trial {
    pub(super) fn check(&mut self, group: &[Step]) -> Result<(), Trouble> {
        for step in &group[1..] {
            match step.word(0) {
                "done" if !self.closed => {
                    return Err(step.trouble("the machine is not closed, or a timer runs"));
                }
                "done" | "nothing" => self.nothing(step)?,
                _ => self.next(step)?,
            }
        }
        self.nothing(&group[0])
    }

    /// Nothing more has been done.
    fn nothing(&mut self, step: &Step) -> Result<(), Trouble> {
        let strict = self.strict;
        let mut rest = { self.marks.2.drain(..) }.filter(|seen| strict || !seen.is_timer());
        let Some(first) = rest.next() else {
            return Ok(());
        };
        let all: String = [first]
            .into_iter()
            .chain(rest)
            .map(|seen| seen.full())
            .collect();
        let what = match step.way {
            Way::In => "after this step the machine also did",
            Way::Out => "nothing was expected here, and the machine did",
        };
        Err(step.trouble(format!("{what}\n{all}")))
    }

    /// The next action is as expected.
    fn next(&mut self, step: &Step) -> Result<(), Trouble> {
        let timer = matches!(step.word(0), "start" | "stop");
        loop {
            let Some(seen) = self.marks.2.pop_front() else {
                let line = &step.line.text;
                return Err(step.trouble(format!("the machine did nothing more\n  - {line}")));
            };
            match self.fits(&seen, step) {
                Ok(()) => return Ok(()),
                Err(_) if seen.is_timer() && !self.strict => {}
                Err(why) => {
                    let more = if timer {
                        " (or the timer was not touched)"
                    } else {
                        ""
                    };
                    let did = seen.full();
                    return Err(step.trouble(format!(
                        "the machine did something else{more}\n{why}  it did\n{did}"
                    )));
                }
            }
        }
    }

    fn fits(&mut self, seen: &Seen, step: &Step) -> Result<(), String> {
        let (names, things, _) = &mut self.marks;
        seen.compare(step, names)?;
        let named = |name: &Option<String>| match name {
            None => Ok(None),
            Some(name) => match things.get(name) {
                Some(thing) => Ok(Some(thing)),
                None => Err(format!("  nothing is called `{name}`\n")),
            },
        };
        if named(&step.on)?.is_some_and(|(leg, _)| *leg != seen.leg) {
            return Err(format!("  - {}\n  it was another leg\n", step.line.text));
        }
        let same = match (named(&step.to)?, &seen.subject) {
            (None, _) => true,
            (Some((_, Subject::Heard(a))), Subject::Heard(b)) => a == b,
            (Some((_, Subject::Frame(a))), Subject::Frame(b)) => a == b,
            (Some((leg, Subject::Sent(a))), Subject::Cancelled(b)) => {
                a.txn == *b && *leg == seen.leg
            }
            (Some(_), _) => false,
        };
        if !same {
            return Err(format!(
                "  - {}\n  it was about another one\n",
                step.line.text
            ));
        }
        if let Some(name) = &step.name {
            things.insert(name.clone(), (seen.leg, seen.subject.clone()));
        }
        Ok(())
    }
}
