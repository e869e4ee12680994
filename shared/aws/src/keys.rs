//! The keys of the state table: every item that there is, on one page. `docs/DATA.md` tells what is in
//! each.

use jiff::Timestamp;
use jiff::civil::Date;
use prism_domain::advisory::{AdvisoryId, Ecosystem};
use prism_domain::architecture::Architecture;
use prism_domain::id::{AmiId, BaseImageName, BuildId, Region, Target, TemplateName, TrackedImageId, UpdateId};
use prism_domain::ledger::Period;
use prism_domain::patch::PatchId;
use prism_domain::zone::Zone;

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// The partition that holds every template.
pub const TEMPLATES: &str = "TEMPLATES";
/// The partition that holds every claim.
pub const CLAIMS: &str = "CLAIM";
/// The partition of task tokens. Whoever reads it can answer for every build that waits.
pub const TOKENS: &str = "TOKEN";
/// The partition of what people were told of builds that wait for approval.
pub const APPROVALS: &str = "APPROVAL";
/// The partition of the trials of base images.
pub const TRIALS: &str = "TRIAL";
/// The partition of the ledger.
pub const LEDGER: &str = "LEDGER";

/// A template as it was applied.
#[must_use]
pub fn template(name: &TemplateName) -> Key {
    Key::new(TEMPLATES, name.as_str())
}

/// The partition of all that has happened to a template.
#[must_use]
pub fn template_history(name: &TemplateName) -> String {
    format!("TEMPLATE#{name}")
}

/// The claim of a target.
#[must_use]
pub fn claim(target: &Target) -> Key {
    Key::new(CLAIMS, target.to_string())
}

/// The trial of a base image on an architecture.
#[must_use]
pub fn trial(base: &BaseImageName, architecture: Architecture, image: &AmiId) -> Key {
    Key::new(TRIALS, format!("{}{image}", trials_of(base, architecture)))
}

/// What the sort keys of the trials of a base image on an architecture begin with.
#[must_use]
pub fn trials_of(base: &BaseImageName, architecture: Architecture) -> String {
    format!("{base}#{architecture}#")
}

/// The task token with which a build's execution waits.
#[must_use]
pub fn token(id: &BuildId) -> Key {
    Key::new(TOKENS, id.to_string())
}

/// That people were told of builds that wait for approval, by the id of the notice.
#[must_use]
pub fn approval_told(notice_id: &str) -> Key {
    Key::new(APPROVALS, notice_id)
}

/// A build. Numbers are padded, so that builds sort by age.
#[must_use]
pub fn build(id: &BuildId) -> Key {
    Key::new(template_history(&id.target.template), format!("BUILD#{}#{:08}", id.target.architecture, id.number))
}

/// The beginning of the sort keys of a target's builds.
#[must_use]
pub fn builds_of(architecture: Architecture) -> String {
    format!("BUILD#{architecture}#")
}

/// The image that a build made.
#[must_use]
pub fn image(id: &BuildId) -> Key {
    Key::new(template_history(&id.target.template), format!("{}{:08}", images_of(id.target.architecture), id.number))
}

/// The beginning of the sort keys of the images that a target's builds made.
#[must_use]
pub fn images_of(architecture: Architecture) -> String {
    format!("IMAGE#{architecture}#")
}

/// What is installed in the image that a build made.
#[must_use]
pub fn packages(id: &BuildId) -> Key {
    Key::new(template_history(&id.target.template), format!("PACKAGES#{}#{:08}", id.target.architecture, id.number))
}

/// A finding that the image of a build lacks fixes.
#[must_use]
pub fn patch(id: &PatchId) -> Key {
    let target = &id.build.target;
    Key::new(
        template_history(&target.template),
        format!("{}{:08}#{}", patches_of(target.architecture), id.build.number, id.lacks),
    )
}

/// The beginning of the sort keys of what a target's images were found to lack.
#[must_use]
pub fn patches_of(architecture: Architecture) -> String {
    format!("PATCH#{architecture}#")
}

/// The channel `latest` of a target.
#[must_use]
pub fn channel(target: &Target) -> Key {
    Key::new(template_history(&target.template), format!("CHANNEL#{}#latest", target.architecture))
}

/// The beginning of the sort keys of a template's channels.
pub const CHANNEL: &str = "CHANNEL#";

/// A decision about a template.
#[must_use]
pub fn decision(template: &TemplateName, at: Timestamp, subject: &str) -> Key {
    Key::new(template_history(template), format!("DECISION#{at:.6}#{subject}"))
}

/// What became of the request of an execution, by the execution's ARN.
#[must_use]
pub fn request(execution: &str) -> Key {
    Key::new(format!("REQUEST#{execution}"), "REQUEST")
}

/// The partition of a base image on an architecture.
#[must_use]
pub fn base_image(name: &BaseImageName, architecture: Architecture) -> String {
    format!("BASE#{name}#{architecture}")
}

/// The partition of what every base image is now, in a region: one query reads them all.
#[must_use]
pub fn tracked_images(region: &Region) -> String {
    format!("TRACKED#{region}")
}

/// A tracked image: what a base image is now, in a region.
#[must_use]
pub fn tracked_image(id: &TrackedImageId) -> Key {
    Key::new(tracked_images(&id.region), format!("{}#{}", id.name, id.architecture))
}

/// The partition of what is wrong with base images, in a region.
#[must_use]
pub fn troubles(region: &Region) -> String {
    format!("TROUBLE#{region}")
}

/// What is wrong with a base image, in a region.
#[must_use]
pub fn trouble(id: &TrackedImageId) -> Key {
    Key::new(troubles(&id.region), format!("{}#{}", id.name, id.architecture))
}

/// A move of a base image.
#[must_use]
pub fn update(id: &UpdateId) -> Key {
    Key::new(
        base_image(&id.image.name, id.image.architecture),
        format!("UPDATE#{}#{:08}", id.image.region, id.sequence),
    )
}

/// The beginning of the sort keys of an image's moves in a region.
#[must_use]
pub fn updates_in(region: &Region) -> String {
    format!("UPDATE#{region}#")
}

/// One part of whom the response to a move rebuilds: templates of a plan.
#[must_use]
pub fn plan(id: &UpdateId, round: u32, plan: &str, page: u32) -> Key {
    Key::new(
        base_image(&id.image.name, id.image.architecture),
        format!("PLAN#{}#{:08}#{round:04}#{plan}#{page:06}", id.image.region, id.sequence),
    )
}

/// How far the response to a move has come. Its insertion asks for the next part.
#[must_use]
pub fn page(id: &UpdateId, round: u32, page: u32) -> Key {
    Key::new(base_image(&id.image.name, id.image.architecture), format!("{}{page:06}", pages_of(id, round)))
}

/// The beginning of the sort keys of the pages of a response.
#[must_use]
pub fn pages_of(id: &UpdateId, round: u32) -> String {
    format!("{PAGE}{}#{:08}#{round:04}#", id.image.region, id.sequence)
}

/// The beginning of the sort keys of all pages.
pub const PAGE: &str = "PAGE#";

/// A target whose active image stands on a base image.
#[must_use]
pub fn dependant(base: &BaseImageName, target: &Target) -> Key {
    Key::new(base_image(base, target.architecture), format!("DEPENDANT#{}", target.template))
}

/// The beginning of the sort keys of a base image's dependants.
pub const DEPENDANT: &str = "DEPENDANT#";

/// The partition of what ended builds may have left behind.
pub const CLEARINGS: &str = "CLEARING";

/// What an ended build may have left behind.
#[must_use]
pub fn clearing(id: &BuildId) -> Key {
    Key::new(CLEARINGS, id.to_string())
}

/// The balance of a budget period.
#[must_use]
pub fn balance(period: &Period) -> Key {
    Key::new(LEDGER, period.to_string())
}

/// How many builds run.
#[must_use]
pub fn running() -> Key {
    Key::new(LEDGER, "running")
}

/// The partition of an ecosystem's advisories, in the table of advisories.
#[must_use]
pub fn advisories_of(ecosystem: &Ecosystem) -> String {
    format!("ADVISORY#{ecosystem}")
}

/// An advisory, in the table of advisories. They sort by the day of their issue.
#[must_use]
pub fn advisory(ecosystem: &Ecosystem, issued: Date, id: &AdvisoryId) -> Key {
    Key::new(advisories_of(ecosystem), format!("{issued}#{id}"))
}

/// The partition of what is known of attacks, in the table of advisories.
pub const THREATS: &str = "THREAT";

/// The partition of how feeds stand, in the table of advisories.
pub const FEEDS: &str = "FEED";

/// How a feed stands, in the table of advisories.
#[must_use]
pub fn feed(name: &str) -> Key {
    Key::new(FEEDS, name)
}

/// The policy in force.
#[must_use]
pub fn policy() -> Key {
    Key::new("POLICY", "CURRENT")
}

/// The unreadable records that people have been told of.
#[must_use]
pub fn told_unreadable() -> Key {
    Key::new("UNREADABLE", "TOLD")
}

/// The last look at all base images in a region.
#[must_use]
pub fn watch(region: &str) -> Key {
    Key::new("WATCH", format!("REGION#{region}"))
}

/// The partition of the notices of a day.
#[must_use]
pub fn notices_of(day: Date) -> String {
    format!("NOTICE#{day}")
}

/// A notice.
#[must_use]
pub fn notice(created_at: Timestamp, id: &str) -> Key {
    let day = Zone::utc().date(created_at);
    Key::new(notices_of(day), format!("{created_at:.6}#{id}"))
}
