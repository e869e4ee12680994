//! How one template stands on one architecture, in one word and what belongs to it.

use anstyle::Style;
use jiff::Timestamp;
use prism_domain::build::{Build, BuildState, Channel, EndingKind};
use prism_domain::claim::{Held, Stage};
use prism_domain::id::{BaseImageName, BuildId};
use prism_domain::level::SecurityLevel;
use prism_domain::problem::printable;
use prism_domain::request::BuildTrigger;
use prism_domain::update::UpdateType;
use serde::Serialize;

use crate::look::{BAD, BUSY, DIM, GOOD, Look, WARN, paint};
use crate::pending::{gist, pending};
use crate::standing::Base;

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
        /// When its turn is planned to be.
        at: Timestamp,
        /// Why then.
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
    if let Some((build, ending)) = last.filter(|(_, ending)| ending.kind == EndingKind::Failed) {
        let message = printable(&ending.message, 300);
        return Condition::Failed { build: build.id.clone(), message, at: ending.at };
    }
    let Some(channel) = &known.channel else { return Condition::NeverBuilt };
    match &known.base.tracked {
        Some(tracked) if tracked.id.name == channel.base && tracked.current.image_id != channel.base_image_id => {
            let lacks = pending(&channel.base_image_id, &known.base);
            let withdrawn = lacks.withdrawn.as_ref().filter(|_| lacks.updates.is_empty());
            let gist = gist(lacks.updates.iter().chain(withdrawn));
            Condition::Behind {
                base: channel.base.clone(),
                level: gist.as_ref().map(|gist| gist.level),
                security: gist.is_some_and(|gist| gist.update_type == UpdateType::Security),
                since: tracked.since,
                withdrawn: withdrawn.is_some(),
            }
        }
        _ => Condition::Compiled { since: channel.since },
    }
}

fn held_condition(held: &Held, known: &Known) -> Condition {
    let id = &held.queued.build;
    let build = known.builds.iter().find(|build| build.id == *id);
    match held.stage {
        Stage::Waiting => {
            let (at, reason) = match &held.parked {
                Some(parked) => (parked.until, &parked.reason),
                None => (held.slot.at, &held.slot.reason),
            };
            Condition::Queued {
                build: id.clone(),
                trigger: build.map(|build| build.request.trigger),
                level: build.and_then(|build| build.request.level),
                at,
                reason: printable(reason, 300),
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

impl Condition {
    /// Its sign and colour.
    pub fn sign(&self) -> (Style, char) {
        match self {
            Self::Compiled { .. } => (GOOD, '✓'),
            Self::Queued { level: Some(SecurityLevel::Critical | SecurityLevel::High), .. }
            | Self::Queued { withdrawn: true, .. }
            | Self::Behind { .. } => (WARN, '⚠'),
            Self::Queued { .. } => (BUSY, '⏳'),
            Self::Building { .. } => (BUSY, '▶'),
            Self::Failed { .. } => (BAD, '✗'),
            Self::NeverBuilt => (DIM, '·'),
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
                let when = if look.is_now(*at) { String::new() } else { format!(", {}", look.day(*at)) };
                format!("pending security update ({level}){when}")
            }
            Self::Queued { at, .. } if look.is_now(*at) => "queued".to_owned(),
            Self::Queued { at, .. } => format!("queued for {}", look.day(*at)),
            Self::Building { step, .. } => step.clone(),
            Self::Behind { level: Some(level), security: true, .. } => format!("pending security update ({level})"),
            Self::Behind { .. } => "base image moved".to_owned(),
            Self::Failed { .. } => "last build failed".to_owned(),
            Self::NeverBuilt => "never built".to_owned(),
        }
    }

    /// In a line, with its sign.
    pub fn line(&self, look: &Look) -> String {
        let (style, sign) = self.sign();
        let (head, rest) = self.told(look);
        format!("{}{rest}", paint(style, format!("{sign} {head}")))
    }

    fn told(&self, look: &Look) -> (String, String) {
        match self {
            Self::Compiled { since } => ("Compiled".to_owned(), format!(" (last: {})", look.ago(*since))),
            Self::Queued { withdrawn: true, at, reason, build, .. } => {
                let when = if look.is_now(*at) { String::new() } else { format!(" for {}", look.when(*at)) };
                ("Stands on a withdrawn image".to_owned(), format!(", queued{when}: {build} {reason}"))
            }
            Self::Queued { level: Some(level), trigger: Some(BuildTrigger::Security), at, reason, build, .. } => {
                let when = if look.is_now(*at) { String::new() } else { format!(", queued for {}", look.when(*at)) };
                (format!("Pending security update ({level})"), format!("{when}: {build} {reason}"))
            }
            Self::Queued { at, reason, build, .. } => {
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
            Self::Behind { base, level, security, since, .. } => {
                let head = match (level, security) {
                    (Some(level), true) => format!("Pending security update ({level})"),
                    (Some(level), false) => format!("Pending base image update ({level})"),
                    (None, _) => "Pending base image update".to_owned(),
                };
                (head, format!(": {base} moved {}, and no build is queued yet", look.ago(*since)))
            }
            Self::Failed { build, message, at } => {
                ("Last build failed".to_owned(), format!(" ({build}, {}): {message}", look.ago(*at)))
            }
            Self::NeverBuilt => ("Never built".to_owned(), String::new()),
        }
    }
}

#[cfg(test)]
pub mod tests;
