//! How one template stands on one architecture, in one word and what belongs to it.

use anstyle::Style;
use jiff::{SignedDuration, Timestamp};
use prism_aws::queue::Forecast;
use prism_domain::architecture::Architecture;
use prism_domain::assessment::UpdateType;
use prism_domain::build::{Build, BuildState, Channel, EndingKind};
use prism_domain::claim::{Held, Stage};
use prism_domain::due::{Due, Source, has_changed, is_left_behind};
use prism_domain::forecast::late_by;
use prism_domain::id::{BaseImageName, BuildId};
use prism_domain::level::SecurityLevel;
use prism_domain::patch::Patch;
use prism_domain::problem::printable;
use prism_domain::request::BuildTrigger;
use serde::Serialize;

use crate::bases::Base;
use crate::forecasts::{done_at, turn};
use crate::look::{BAD, BUSY, DIM, GOOD, Look, WARN, length, paint};
use crate::pending::{gist, pending};

/// How a target stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Condition {
    /// It has an image, and nothing is to be done.
    Compiled {
        /// Since when.
        since: Timestamp,
    },
    /// A build waits for its turn.
    Queued {
        /// Which.
        build: BuildId,
        /// Why it is built.
        trigger: Option<BuildTrigger>,
        /// The worst level of the updates that it answers.
        level: Option<SecurityLevel>,
        /// When it starts, if nothing else happens. Nothing: somebody has to change something first.
        at: Option<Timestamp>,
        /// When it is done then.
        done_at: Option<Timestamp>,
        /// When it has to be done.
        deadline: Timestamp,
        /// What it waits for now.
        reason: String,
        /// Whether the image that it stands on meanwhile is one that its vendor has taken back.
        withdrawn: bool,
    },
    /// A build runs.
    Building {
        /// Which.
        build: BuildId,
        /// What it does: `starting`, `building` or `finishing`.
        step: String,
        /// Since when Image Builder runs.
        since: Option<Timestamp>,
    },
    /// Its base image has moved since its image was made, and no build is on its way.
    Behind {
        /// The base image.
        base: BaseImageName,
        /// How bad it is to stay on the old one: the worst of what has happened since.
        level: Option<SecurityLevel>,
        /// Whether it may fix vulnerabilities.
        security: bool,
        /// Since when.
        since: Timestamp,
        /// Whether the image that it stands on is one that its vendor has taken back.
        withdrawn: bool,
        /// Why it is not rebuilt by itself now, if so.
        #[serde(skip_serializing_if = "Option::is_none")]
        held_back: Option<String>,
    },
    /// Its image was found to lack fixes that no move of its base image brings, and no build is on its way.
    Lacking {
        /// How bad that is.
        level: SecurityLevel,
        /// Since when it is known.
        since: Timestamp,
        /// Why it is not rebuilt by itself now, if so.
        #[serde(skip_serializing_if = "Option::is_none")]
        held_back: Option<String>,
    },
    /// Its template has changed since its image was made.
    Changed {
        /// Of which revision of the template its image is.
        image_revision: u64,
        /// Which revision the template is at.
        template_revision: u64,
        /// Why it is not rebuilt by itself now, if so.
        #[serde(skip_serializing_if = "Option::is_none")]
        held_back: Option<String>,
    },
    /// Its template is for another architecture now.
    LeftBehind {
        /// Which.
        now_for: Architecture,
        /// When its image was made.
        since: Timestamp,
    },
    /// Its last build failed.
    Failed {
        /// Which.
        build: BuildId,
        /// What happened.
        message: String,
        /// When.
        at: Timestamp,
    },
    /// It has no image, and no build is on its way.
    NeverBuilt,
}

/// What is known of a target.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The build that holds its claim.
    pub held: Option<Held>,
    /// The image that launches use.
    pub channel: Option<Channel>,
    /// Its newest builds, newest first.
    pub builds: Vec<Build>,
    /// What its base image is now, and its newest moves.
    pub base: Base,
    /// What it is built from.
    pub source: Source,
    /// The revision of its template.
    pub revision: u64,
    /// The findings of what its image lacks.
    pub patches: Vec<Patch>,
    /// What it is due, as far as that is known.
    pub due: Option<Due>,
    /// What is foreseen of the build that holds its claim.
    pub forecast: Forecast,
}

impl Known {
    /// Whether its template has changed since its image was made.
    pub fn has_changed(&self) -> bool {
        self.channel
            .as_ref()
            .zip(self.source.source_hash.as_ref())
            .is_some_and(|(channel, hash)| !is_left_behind(channel, &self.source) && has_changed(channel, hash))
    }

    /// Why it is not rebuilt by itself now, though that is due.
    fn held_back(&self) -> Option<String> {
        let Some(Due::Rebuild(rebuild)) = &self.due else { return None };
        rebuild.why_not_started().map(|why| printable(&why, 300))
    }
}

/// How a target stands: what runs or waits first, then what went wrong, then what is there.
pub fn condition(known: &Known) -> Condition {
    if let Some(held) = &known.held {
        return held_condition(held, known);
    }
    let last = known.builds.iter().find_map(|build| {
        let ending = build.ending.as_ref()?;
        matches!(ending.kind, EndingKind::Complete | EndingKind::Failed).then_some((build, ending))
    });
    // A failed rebuild does not hide what the image lacks.
    let is_due = matches!(known.due, Some(Due::Rebuild(_)));
    if let Some((build, ending)) = last.filter(|(_, ending)| ending.kind == EndingKind::Failed && !is_due) {
        let message = printable(&ending.message, 300);
        return Condition::Failed { build: build.id.clone(), message, at: ending.at };
    }
    let Some(channel) = &known.channel else { return Condition::NeverBuilt };
    let since = channel.since;
    if is_left_behind(channel, &known.source)
        && let Some(now_for) = known.source.architecture
    {
        return Condition::LeftBehind { now_for, since };
    }
    let level_of_patches = known.patches.iter().map(|patch| patch.level).max();
    let tracked = known.base.tracked.as_ref();
    if let Some(tracked) = tracked.filter(|tracked| tracked.current.image_id != channel.base_image_id) {
        let lacks = pending(&channel.base_image_id, &known.base);
        let withdrawn = lacks.withdrawn.as_ref().filter(|_| lacks.updates.is_empty());
        let gist = gist(lacks.updates.iter().chain(withdrawn));
        return Condition::Behind {
            base: channel.base.clone(),
            level: gist.as_ref().map(|gist| gist.level).max(level_of_patches),
            security: level_of_patches.is_some() || gist.is_some_and(|gist| gist.update_type == UpdateType::Security),
            since: tracked.since,
            withdrawn: withdrawn.is_some(),
            held_back: known.held_back(),
        };
    }
    if let Some(level) = level_of_patches
        && let Some(since) = known.patches.iter().map(|patch| patch.found_at).min()
    {
        return Condition::Lacking { level, since, held_back: known.held_back() };
    }
    match channel.built_from.as_ref().filter(|_| known.has_changed()) {
        None => Condition::Compiled { since },
        Some(from) => Condition::Changed {
            image_revision: from.revision,
            template_revision: known.revision,
            held_back: match &known.due {
                Some(Due::Rebuild(_)) => known.held_back(),
                Some(Due::Nothing(why)) => Some(why.clone()),
                None => Some("the policy cannot be read".to_owned()),
            },
        },
    }
}

fn held_condition(held: &Held, known: &Known) -> Condition {
    let id = &held.queued.build;
    let build = known.builds.iter().find(|build| build.id == *id);
    match held.stage {
        Stage::Waiting => {
            let (at, reason) = turn(held, &known.forecast);
            Condition::Queued {
                build: id.clone(),
                trigger: build.map(|build| build.request.trigger),
                level: build.and_then(|build| build.request.level),
                at,
                done_at: done_at(held, &known.forecast),
                deadline: held.queued.demand.deadline,
                reason,
                withdrawn: known.channel.as_ref().is_some_and(|channel| {
                    let lacks = pending(&channel.base_image_id, &known.base);
                    lacks.withdrawn.is_some() && lacks.updates.is_empty()
                }),
            }
        }
        Stage::Building => Condition::Building {
            build: id.clone(),
            step: build.map_or(BuildState::Starting, Build::state).to_string(),
            since: build.and_then(|build| build.run.as_ref()).map(|run| run.started_at),
        },
    }
}

/// `queued for tonight (02:00 UTC, in 9 hours)`, or `blocked`.
fn queued(at: Option<Timestamp>, look: &Look) -> String {
    match at {
        None => "blocked".to_owned(),
        Some(at) if look.is_now(at) => "queued".to_owned(),
        Some(at) => format!("queued for {}", look.when(at)),
    }
}

impl Condition {
    /// By how much a build that waits misses its deadline, as far as can be foreseen.
    pub fn late_by(&self, now: Timestamp) -> Option<SignedDuration> {
        let Self::Queued { deadline, done_at, .. } = self else { return None };
        late_by(*done_at, *deadline, now)
    }

    /// `; it is due 21:00 UTC, which it misses by 3 hours`; nothing, if it is not late.
    fn late(&self, look: &Look) -> String {
        let (Self::Queued { deadline, done_at, .. }, Some(late)) = (self, self.late_by(look.now)) else {
            return String::new();
        };
        let due = if *deadline <= look.now { "it was due" } else { "it is due" };
        let misses = match done_at {
            Some(_) => format!(", which it misses by {}", length(late)),
            None => String::new(),
        };
        paint(BAD, format!("; {due} {}{misses}", look.clock(*deadline)))
    }

    /// Its sign and colour.
    fn sign(&self) -> (Style, char) {
        match self {
            Self::Compiled { .. } => (GOOD, '✓'),
            Self::Queued { level: Some(SecurityLevel::Critical | SecurityLevel::High), .. }
            | Self::Queued { withdrawn: true, .. }
            | Self::Behind { .. }
            | Self::Lacking { .. } => (WARN, '⚠'),
            Self::Changed { .. } => (BUSY, '~'),
            Self::Queued { .. } => (BUSY, '⏳'),
            Self::Building { .. } => (BUSY, '▶'),
            Self::Failed { .. } => (BAD, '✗'),
            Self::LeftBehind { .. } | Self::NeverBuilt => (DIM, '·'),
        }
    }

    /// In a few words: for a column.
    pub fn words(&self, look: &Look) -> String {
        match self {
            Self::Compiled { .. } => "compiled".to_owned(),
            Self::Queued { withdrawn: true, .. } | Self::Behind { withdrawn: true, .. } => {
                "stands on a withdrawn image".to_owned()
            }
            Self::Queued { level: Some(level), trigger: Some(BuildTrigger::Security), at, .. } => {
                let when = match at {
                    None => ", blocked".to_owned(),
                    Some(at) if look.is_now(*at) => String::new(),
                    Some(at) => format!(", {}", look.day(*at)),
                };
                format!("pending security update ({level}){when}")
            }
            Self::Queued { at: None, .. } => "blocked".to_owned(),
            Self::Queued { at: Some(at), .. } if look.is_now(*at) => "queued".to_owned(),
            Self::Queued { at: Some(at), .. } => format!("queued for {}", look.day(*at)),
            Self::Building { step, .. } => step.clone(),
            Self::Behind { level: Some(level), security: true, .. } | Self::Lacking { level, .. } => {
                format!("pending security update ({level})")
            }
            Self::Behind { .. } => "base image moved".to_owned(),
            Self::Changed { .. } => "template changed".to_owned(),
            Self::LeftBehind { .. } => "left behind".to_owned(),
            Self::Failed { .. } => "last build failed".to_owned(),
            Self::NeverBuilt => "never built".to_owned(),
        }
    }

    /// In a line, with its sign.
    pub fn line(&self, look: &Look) -> String {
        let (style, sign) = self.sign();
        let (head, rest) = self.told(look);
        format!("{}{rest}{}", paint(style, format!("{sign} {head}")), self.late(look))
    }

    fn told(&self, look: &Look) -> (String, String) {
        match self {
            Self::Compiled { since } => ("Compiled".to_owned(), format!(" (last: {})", look.ago(*since))),
            Self::Queued { withdrawn: true, at, reason, build, .. } => {
                let told = queued(*at, look);
                ("Stands on a withdrawn image".to_owned(), format!(", {told}: {build} {reason}"))
            }
            Self::Queued { level: Some(level), trigger: Some(BuildTrigger::Security), at, reason, build, .. } => {
                let when = match at {
                    Some(at) if look.is_now(*at) => String::new(),
                    at => format!(", {}", queued(*at, look)),
                };
                (format!("Pending security update ({level})"), format!("{when}: {build} {reason}"))
            }
            Self::Queued { at: None, reason, build, .. } => ("Blocked".to_owned(), format!(": {build} {reason}")),
            Self::Queued { at: Some(at), reason, build, .. } => {
                let when = if look.is_now(*at) { String::new() } else { format!(" for {}", look.when(*at)) };
                ("Queued".to_owned(), format!("{when}: {build} {reason}"))
            }
            Self::Building { build, step, since } => {
                let since = since.map(|at| format!(", started {}", look.ago(at))).unwrap_or_default();
                let step = step.chars().next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default()
                    + step.get(1..).unwrap_or_default();
                (step, format!(" ({build}{since})"))
            }
            Self::Behind { base, since, withdrawn: true, .. } => {
                let back = format!(": {base} went back to an older one {}, and no build is queued", look.ago(*since));
                ("Stands on a withdrawn image".to_owned(), back)
            }
            Self::Behind { base, level, security, since, held_back, .. } => {
                let head = match (level, security) {
                    (Some(level), true) => format!("Pending security update ({level})"),
                    (Some(level), false) => format!("Pending base image update ({level})"),
                    (None, _) => "Pending base image update".to_owned(),
                };
                let why = held_back.as_deref().unwrap_or("no build is queued yet");
                (head, format!(": {base} moved {}, and {why}", look.ago(*since)))
            }
            Self::Lacking { level, since, held_back } => {
                let why = held_back.as_deref().unwrap_or("no build is queued yet");
                let since = look.ago(*since);
                (
                    format!("Pending security update ({level})"),
                    format!(": its image lacks fixes (found {since}), and {why}"),
                )
            }
            Self::Changed { image_revision, template_revision, held_back } => {
                let what = if image_revision == template_revision {
                    "what it inherits has changed since its image was made".to_owned()
                } else {
                    format!("its image is of revision {image_revision}, the template is at {template_revision}")
                };
                let why = held_back.as_deref().unwrap_or("it is rebuilt in the next off-peak windows");
                ("Template changed".to_owned(), format!(": {what}; {why}"))
            }
            Self::LeftBehind { now_for, since } => {
                let last = look.ago(*since);
                (
                    "Left behind".to_owned(),
                    format!(": its template is for {now_for} now, and it is not rebuilt (last: {last})"),
                )
            }
            Self::Failed { build, message, at } => {
                ("Last build failed".to_owned(), format!(" ({build}, {}): {message}", look.ago(*at)))
            }
            Self::NeverBuilt => ("Never built".to_owned(), String::new()),
        }
    }
}

#[cfg(test)]
mod tests;
