//! The policy: what an organisation wants of its images, as values. Documented in `docs/POLICY.md`.

mod input;
mod notes;
mod replaced;
mod season;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::advisory::Probability;
use crate::catalogue::{BaseImage, Catalogue};
use crate::duration;
use crate::id::{BaseImageName, Region};
use crate::level::SecurityLevel;
use crate::money::MicroDollars;
use crate::window::TimeWindow;
use crate::zone::Zone;

pub use input::{FIELDS, ROOT, SEASONAL_FIELDS, SECURITY_FIELDS};
pub use replaced::{ReplacedBaseImage, replaced_base_images};
pub use season::{Break, PrecompilationRun, SeasonalPrecompilation, SeasonalSchedule, Semester};

/// What the organisation wants. The default is what holds where nobody has set anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no that a person sets, independent of the others")]
pub struct Policy {
    /// Which revision it is; 0 for the built-in defaults.
    pub version: u64,
    /// Where days and months of the budgets begin, and where windows lie that name no zone.
    pub zone: Zone,
    /// When a template is popular.
    pub popularity: Popularity,
    /// When builds run that can wait for the quiet hours.
    pub off_peak_window: TimeWindow,
    /// When high-urgency builds run; the off-peak window unless set.
    pub urgent_window: Option<TimeWindow>,
    /// How soon an update has to be in an image, by its level.
    pub deadlines: Deadlines,
    /// How long an image may lack a security update before it is rebuilt whatever else holds.
    #[serde(with = "duration::text")]
    pub security_window: SignedDuration,
    /// After how long an image is rebuilt though nothing moved.
    #[serde(with = "duration::text::optional")]
    pub rebuild_every: Option<SignedDuration>,
    /// What builds may cost.
    pub budgets: BudgetLimits,
    /// What one build may cost, by the level of what it answers.
    pub max_cost_by_level: ByLevel<Option<MicroDollars>>,
    /// How many builds run at a time.
    pub max_concurrent_builds: u32,
    /// Whether a low-level update waits for a person.
    pub low_needs_approval: bool,
    /// Whether emergency money waits for a person.
    pub emergency_needs_approval: bool,
    /// Whether a critical build that emergency money does not pay for, or that waits for its approval, starts as a high one
    /// does.
    pub emergency_overflow: bool,
    /// Whether builds that may start whenever the budget allows wait for the quiet hours too.
    pub prefer_off_peak: bool,
    /// Where images are published besides the home region.
    pub regions: Vec<Region>,
    /// Base images that are watched besides the built-in ones, or in place of those of the same name.
    pub base_images: Vec<BaseImage>,
    /// Where base images are watched besides the home region.
    pub watch_regions: Vec<Region>,
    /// How long a base image has to be out before templates are rebuilt on it.
    pub minimum_age: Vec<MinimumAge>,
    /// Whether templates are rebuilt on an older image when a base image goes back to it.
    pub rebuild_on_rollback: bool,
    /// Whether templates that have changed since their image was made are rebuilt.
    pub rebuild_on_change: bool,
    /// From how many returns within a day on a base image that flaps is not followed any more.
    pub quarantine_after: u32,
    /// From how many failures on a rebuild is tried once a week only.
    pub failure_limit: u32,
    /// From which probability of exploitation on a vulnerability counts as high at least.
    pub epss_threshold: Probability,
    /// Builds ahead of a semester.
    pub seasonal_precompilation: Option<SeasonalPrecompilation>,
    /// The break whose days count as quiet hours, by its name.
    pub semester_prep_window: Option<String>,
    /// When semesters start.
    pub semesters: Vec<Semester>,
    /// When there is nobody on the campus.
    pub breaks: Vec<Break>,
    /// Whether people hear before a build starts.
    pub notify_before_rebuild: bool,
    /// Whether instructors hear of security updates.
    pub notify_instructors: bool,
    /// Whether students hear of security updates.
    pub notify_students: bool,
    /// Whether costs are booked against grants.
    pub budget_tracking: bool,
    /// Which templates a grant pays for.
    pub grants: Vec<Grant>,
    /// Whether an image stays while an instance of it runs.
    pub preserve_running_instances: bool,
}

/// When a template is popular.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Popularity {
    /// From so many launches on.
    pub threshold: u32,
    /// Within so long.
    #[serde(with = "duration::text")]
    pub within: SignedDuration,
}

/// How soon an update has to be in an image, by its level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// For critical updates.
    #[serde(with = "duration::text")]
    pub critical: SignedDuration,
    /// For high ones.
    #[serde(with = "duration::text")]
    pub high: SignedDuration,
    /// For medium ones.
    #[serde(with = "duration::text")]
    pub medium: SignedDuration,
    /// For low ones.
    #[serde(with = "duration::text")]
    pub low: SignedDuration,
}

impl Deadlines {
    /// The one of a level.
    #[must_use]
    pub const fn of(&self, level: SecurityLevel) -> SignedDuration {
        match level {
            SecurityLevel::Critical => self.critical,
            SecurityLevel::High => self.high,
            SecurityLevel::Medium => self.medium,
            SecurityLevel::Low => self.low,
        }
    }
}

/// What builds may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLimits {
    /// A calendar day.
    pub daily: MicroDollars,
    /// A calendar month; the day's builds are part of it.
    pub monthly: MicroDollars,
    /// A calendar month, for critical builds, besides the monthly budget.
    pub emergency: MicroDollars,
}

/// A value for each level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByLevel<T> {
    /// For critical.
    pub critical: T,
    /// For high.
    pub high: T,
    /// For medium.
    pub medium: T,
    /// For low.
    pub low: T,
}

/// How long a base image has to be out before templates are rebuilt on it: others meet a bad one first. A critical
/// update does not wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinimumAge {
    /// Which base image; none: every one that has no entry of its own.
    pub base: Option<BaseImageName>,
    /// For high updates.
    #[serde(with = "duration::text::optional")]
    pub high: Option<SignedDuration>,
    /// For medium ones.
    #[serde(with = "duration::text::optional")]
    pub medium: Option<SignedDuration>,
    /// For low ones.
    #[serde(with = "duration::text::optional")]
    pub low: Option<SignedDuration>,
}

impl MinimumAge {
    /// The one for updates of a level; none for critical ones.
    #[must_use]
    pub fn of(&self, level: SecurityLevel) -> SignedDuration {
        let age = match level {
            SecurityLevel::Critical => None,
            SecurityLevel::High => self.high,
            SecurityLevel::Medium => self.medium,
            SecurityLevel::Low => self.low,
        };
        age.unwrap_or(SignedDuration::ZERO)
    }
}

/// A grant, and the templates that it pays for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its name or number.
    pub name: String,
    /// The templates, by name.
    pub templates: Vec<crate::id::TemplateName>,
}

/// When a build may start, and in which window that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The instant.
    pub at: Timestamp,
    /// When the window closes.
    pub closes: Timestamp,
    /// The window's name for a sentence: `the off-peak window`.
    pub in_window: String,
    /// The zone in which people read the window's times.
    pub zone: Zone,
}

impl Start {
    fn within(window: &TimeWindow, name: &str, now: Timestamp) -> Self {
        let opening = window.next(now);
        Self {
            at: opening.map_or(Timestamp::MAX, |opening| opening.opens.max(now)),
            closes: opening.map_or(Timestamp::MAX, |opening| opening.closes),
            in_window: name.to_owned(),
            zone: window.zone().clone(),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            version: 0,
            zone: Zone::utc(),
            popularity: Popularity { threshold: 5, within: SignedDuration::from_hours(7 * 24) },
            off_peak_window: TimeWindow::at_night(Zone::utc()),
            urgent_window: None,
            deadlines: Deadlines {
                critical: SignedDuration::from_hours(4),
                high: SignedDuration::from_hours(24),
                medium: SignedDuration::from_hours(7 * 24),
                low: SignedDuration::from_hours(30 * 24),
            },
            security_window: SignedDuration::from_hours(7 * 24),
            rebuild_every: None,
            budgets: BudgetLimits {
                daily: MicroDollars::dollars(25),
                monthly: MicroDollars::dollars(500),
                emergency: MicroDollars::dollars(50),
            },
            max_cost_by_level: ByLevel::default(),
            max_concurrent_builds: 5,
            low_needs_approval: true,
            emergency_needs_approval: false,
            emergency_overflow: true,
            prefer_off_peak: false,
            regions: Vec::new(),
            base_images: Vec::new(),
            watch_regions: Vec::new(),
            minimum_age: Vec::new(),
            rebuild_on_rollback: false,
            rebuild_on_change: true,
            quarantine_after: 3,
            failure_limit: 5,
            epss_threshold: Probability::TENTH,
            seasonal_precompilation: None,
            semester_prep_window: None,
            semesters: Vec::new(),
            breaks: Vec::new(),
            notify_before_rebuild: true,
            notify_instructors: false,
            notify_students: false,
            budget_tracking: false,
            grants: Vec::new(),
            preserve_running_instances: true,
        }
    }
}

impl Policy {
    /// What one build that answers an update of this level may cost, if that is limited.
    #[must_use]
    pub const fn max_cost(&self, level: SecurityLevel) -> Option<MicroDollars> {
        match level {
            SecurityLevel::Critical => self.max_cost_by_level.critical,
            SecurityLevel::High => self.max_cost_by_level.high,
            SecurityLevel::Medium => self.max_cost_by_level.medium,
            SecurityLevel::Low => self.max_cost_by_level.low,
        }
    }

    /// When an update of this level, seen at `from`, has to be in the images.
    #[must_use]
    pub fn deadline(&self, level: SecurityLevel, from: Timestamp) -> Timestamp {
        duration::after(from, self.deadlines.of(level))
    }

    /// The base images that are watched.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        Catalogue::with(&self.base_images)
    }

    /// How long a base image has to be out before an update of this level is built; nothing for critical ones.
    #[must_use]
    pub fn minimum_age(&self, base: &BaseImageName, level: SecurityLevel) -> SignedDuration {
        let own = self.minimum_age.iter().find(|age| age.base.as_ref() == Some(base));
        let entry = own.or_else(|| self.minimum_age.iter().find(|age| age.base.is_none()));
        entry.map_or(SignedDuration::ZERO, |age| age.of(level))
    }

    /// When the quiet hours are next: `now` within the off-peak window, and all day long in the break
    /// that is the semester's preparation.
    #[must_use]
    pub fn next_off_peak(&self, now: Timestamp) -> Start {
        let nightly = Start::within(&self.off_peak_window, "the off-peak window", now);
        let prep = self.prep_break(now).map(|b| (b, self.zone.start_of_day(b.from).max(now)));
        match prep.filter(|(_, start)| *start < nightly.at) {
            Some((b, at)) => Start {
                at,
                closes: self.zone.start_of_day(b.to.tomorrow().unwrap_or(b.to)),
                in_window: format!("the {} break's window", b.name),
                zone: self.zone.clone(),
            },
            None => nightly,
        }
    }

    /// When a high-urgency build may start next: where no urgent window is set, in the quiet hours.
    #[must_use]
    pub fn next_urgent(&self, now: Timestamp) -> Start {
        match &self.urgent_window {
            Some(window) => Start::within(window, "the urgent window", now),
            None => self.next_off_peak(now),
        }
    }
}

#[cfg(test)]
mod tests;
