//! Semesters and breaks: what a policy does by the calendar.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::Policy;
use crate::duration::{before, exact, parse_duration};
use crate::id::TemplateName;
use crate::text::stored_as_text;

/// Builds ahead of a semester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeasonalPrecompilation {
    /// Whether it happens at all.
    pub enabled: bool,
    /// How long ahead.
    pub schedule: SeasonalSchedule,
    /// Of which templates.
    pub templates: Vec<TemplateName>,
}

/// How long before the start of a semester: `2 weeks before semester start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeasonalSchedule(pub SignedDuration);

/// A text that is no seasonal schedule. Reads on from the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a seasonal schedule; write it as 2 weeks before semester start")]
pub struct NotASchedule;

impl FromStr for SeasonalSchedule {
    type Err = NotASchedule;

    fn from_str(text: &str) -> Result<Self, NotASchedule> {
        let text = text.trim().to_ascii_lowercase();
        let (ahead, event) = text.split_once(" before ").ok_or(NotASchedule)?;
        let words: Vec<&str> = event.split_whitespace().filter(|w| !matches!(*w, "the" | "each" | "every")).collect();
        if !matches!(words.as_slice(), ["semester", "start" | "starts"] | ["semester"] | ["start", "of", "semester"]) {
            return Err(NotASchedule);
        }
        parse_duration(ahead).map(Self).map_err(|_| NotASchedule)
    }
}

impl fmt::Display for SeasonalSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} before semester start", exact(self.0))
    }
}

stored_as_text!(SeasonalSchedule);

/// A semester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Semester {
    /// Its name.
    pub name: String,
    /// Its first day.
    pub starts: Date,
}

/// A break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// Its name.
    pub name: String,
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub to: Date,
}

/// The builds ahead of one semester.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrecompilationRun<'a> {
    /// The semester.
    pub semester: &'a Semester,
    /// From when on they are due.
    pub due: Timestamp,
    /// When they have to be done: the start of the semester.
    pub deadline: Timestamp,
}

const DAY: i64 = 24 * 3_600;

impl Policy {
    /// The builds ahead of semesters that have not started yet, the next one first.
    #[must_use]
    pub fn precompilation_runs(&self, now: Timestamp) -> Vec<PrecompilationRun<'_>> {
        let Some(seasonal) = self.seasonal_precompilation.as_ref().filter(|s| s.enabled) else { return Vec::new() };
        let mut runs: Vec<_> = self
            .semesters
            .iter()
            .map(|semester| PrecompilationRun {
                semester,
                due: self.ahead_of(semester.starts, seasonal.schedule.0),
                deadline: self.zone.start_of_day(semester.starts),
            })
            .filter(|run| run.deadline > now)
            .collect();
        runs.sort_by_key(|run| run.deadline);
        runs
    }

    /// So long before the start of a day: whole days by the calendar, the rest by the clock.
    fn ahead_of(&self, day: Date, ahead: SignedDuration) -> Timestamp {
        let (days, rest) = (ahead.as_secs() / DAY, ahead.as_secs() % DAY);
        let start = self.zone.start_of_day(day.saturating_sub(days.days()));
        before(start, SignedDuration::from_secs(rest))
    }

    /// The break whose days count as quiet hours, that is on or comes next.
    #[must_use]
    pub fn prep_break(&self, now: Timestamp) -> Option<&Break> {
        let name = self.semester_prep_window.as_ref()?;
        let today = self.zone.date(now);
        self.breaks.iter().filter(|b| b.name.eq_ignore_ascii_case(name) && b.to >= today).min_by_key(|b| b.from)
    }
}
