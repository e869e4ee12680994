//! What can be typed.

use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Args, ColorChoice, CommandFactory as _, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use prism_domain::architecture::Architecture;
use prism_domain::id::{BuildId, Region, TemplateName};
use prism_domain::level::SecurityLevel;
use prism_domain::money::MicroDollars;

/// Keeps the AMIs of your templates patched, quick to launch and within budget.
#[derive(Debug, Parser)]
#[command(name = "prism", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads what was typed; where that is no command, says so and ends.
    pub fn read() -> Self {
        Self::parse().checked().unwrap_or_else(|error| error.exit())
    }

    /// What the parser cannot say in a sentence.
    fn checked(self) -> Result<Self, clap::Error> {
        match &self.command {
            Command::Templates(Templates::AutoAmi(AutoAmi::Build(build)))
                if build.name.is_none() && !build.security_update =>
            {
                let told = "name the template to build, or give --security-update to build all that lack one";
                Err(Self::command().error(ErrorKind::MissingRequiredArgument, told))
            }
            _ => Ok(self),
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The stack to talk to, by its CloudFormation name
    #[arg(long, global = true, value_name = "NAME", env = "PRISM_STACK", default_value = "prism-auto-ami", value_parser = stack_name)]
    pub stack: String,
    /// The region of the stack; otherwise as every AWS tool finds it
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// The profile of ~/.aws/config to use; otherwise as every AWS tool finds it
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Talk to this address instead of AWS; otherwise what `AWS_ENDPOINT_URL` says
    #[arg(long, global = true, value_name = "URL", value_parser = address)]
    pub endpoint_url: Option<String>,
    /// Text for people, or JSON for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// When to use colours; never where `NO_COLOR` is set
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// Tell times in UTC instead of this machine's zone
    #[arg(long, global = true)]
    pub utc: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

impl Global {
    /// Says to whatever writes to the terminal when to use colours.
    pub fn apply_color(&self) {
        match self.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Templates: apply them, list them, build their images
    #[command(subcommand)]
    Templates(Templates),
    /// The policy: windows, deadlines, budgets
    #[command(subcommand)]
    Policy(Policy),
    /// Public base images
    #[command(subcommand)]
    BaseImages(BaseImages),
    /// Builds: what was asked for, and what became of it
    #[command(subcommand)]
    Builds(Builds),
    /// What waits for a person's approval
    #[command(subcommand)]
    Approvals(Approvals),
    /// What people were told
    #[command(subcommand)]
    Notifications(Notifications),
}

#[derive(Debug, Subcommand)]
pub enum Templates {
    /// Check template files and apply what is new in them; all of them, or none if one is at fault
    Apply {
        /// Template files, or directories of them (*.yaml, *.yml)
        #[arg(required = true, value_name = "FILE|DIR")]
        paths: Vec<PathBuf>,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Every template, with its images
    List,
    /// What happens to templates by itself
    #[command(subcommand)]
    AutoAmi(AutoAmi),
}

#[derive(Debug, Subcommand)]
pub enum AutoAmi {
    /// How every template stands, what is queued, and what is left of the budgets
    Status {
        /// Only the builds that miss their deadline, as far as can be foreseen
        #[arg(long)]
        overdue: bool,
    },
    /// Security updates of base images: which templates lack one, and when they are rebuilt
    SecurityStatus,
    /// Build a template's image by hand; approves low-level updates of it that wait for approval
    Build(Build),
    /// What was decided about a template, and why
    History {
        /// The template
        #[arg(value_parser = template_name)]
        name: TemplateName,
        /// Only what was decided on this day, such as 2026-11-24
        #[arg(long, value_name = "DATE")]
        on: Option<Date>,
        /// At most so many decisions, the newest ones
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit())]
        limit: usize,
    },
    /// The policy in force
    Configure,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Build {
    /// The template
    #[arg(value_parser = template_name)]
    pub name: Option<TemplateName>,
    /// Build what lacks a security update of its base image: without NAME, every template that does
    #[arg(long)]
    pub security_update: bool,
    /// With --security-update: only for updates of this level or worse
    #[arg(long, value_name = "LEVEL", requires = "security_update", default_value = "high")]
    pub level: SecurityLevel,
    /// With --security-update: only show what would be built
    #[arg(long, requires = "security_update")]
    pub dry_run: bool,
    /// Start at once, on emergency money, which may have to be approved
    #[arg(long)]
    pub urgent: bool,
    /// Why, for those who read of it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Build for this architecture (may be given twice); otherwise the template's own
    #[arg(long = "architecture", value_name = "ARCHITECTURE")]
    pub architectures: Vec<Architecture>,
    /// Build only if the estimate is at most this, in US dollars
    #[arg(long, value_name = "AMOUNT")]
    pub max_cost: Option<MicroDollars>,
    /// When it has to be done, such as 2026-11-23T18:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub deadline: Option<Timestamp>,
    /// Follow the build until it has ended
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// The policy in force
    Show,
    /// Put a policy in force
    Apply {
        /// The policy, in YAML or JSON
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
        /// Apply without asking, even if it replaces a vendor's base images with another account's
        #[arg(long, conflicts_with = "dry_run")]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum BaseImages {
    /// Every base image that is watched: what it is now, who stands on it, and what is wrong with it
    List {
        /// As watched in this region (may be given twice), or in `all`; otherwise in the stack's own
        #[arg(long = "in", value_name = "REGION|all", value_parser = watched_in)]
        watched_in: Vec<WatchedIn>,
        /// Also those that were never seen, and that nobody stands on
        #[arg(long)]
        all: bool,
    },
    /// The moves of a base image, newest first
    History {
        /// The base image, by its name or what else people call it
        name: String,
        /// Only of this architecture
        #[arg(long)]
        architecture: Option<Architecture>,
        /// As watched in this region; otherwise in the stack's own
        // Not `region`: that is the stack's.
        #[arg(long = "in", value_name = "REGION")]
        watched_in: Option<Region>,
        /// At most so many moves, the newest ones
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit())]
        limit: usize,
    },
    /// One move of a base image: why it is as bad as it is to stay behind, vulnerability by vulnerability
    Explain {
        /// The move, such as ubuntu-22.04/x86_64/us-east-1/3; or a base image: its newest one
        update: String,
        /// Of a base image: its newest move on this architecture
        #[arg(long)]
        architecture: Option<Architecture>,
        /// At most so many vulnerabilities, the worst ones
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit())]
        limit: usize,
    },
}

/// Where a base image is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchedIn {
    /// Everywhere.
    All,
    /// In a region.
    Region(Region),
}

#[derive(Debug, Subcommand)]
pub enum Builds {
    /// The newest builds, of one template or of all
    List {
        /// Only of this template
        #[arg(value_parser = template_name)]
        template: Option<TemplateName>,
        /// At most so many, the newest ones
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit())]
        limit: usize,
    },
    /// Everything about one build
    Show {
        /// The build, such as python-ml-x86_64-17
        build_id: BuildId,
    },
    /// Approve a build that waits for approval, up to what it is estimated to cost now
    Approve {
        /// The build, such as python-ml-x86_64-17
        build_id: BuildId,
        /// Why, for those who read of it
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Reject a build that waits for approval: it ends, and nothing is built for the same causes until one is new or worse
    Reject {
        /// The build, such as python-ml-x86_64-17
        build_id: BuildId,
        /// Why, for those who read of it
        #[arg(long, value_name = "TEXT", value_parser = not_blank)]
        reason: String,
    },
}

/// Text that says something.
fn not_blank(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it is blank; say why".to_owned()) } else { Ok(text.to_owned()) }
}

#[derive(Debug, Subcommand)]
pub enum Approvals {
    /// Builds that wait for approval, and how to approve each
    List,
}

#[derive(Debug, Subcommand)]
pub enum Notifications {
    /// The newest notices
    List {
        /// Those of the last so many days, at most 400
        #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=400))]
        days: u16,
    },
}

fn stack_name(text: &str) -> Result<String, String> {
    let allowed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if allowed && (1..=128).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Ok(text.to_owned())
    } else {
        Err("is not a stack name; allowed are 1 to 128 letters, digits and hyphens, a letter first".to_owned())
    }
}

fn address(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.filter(|host| !host.is_empty() && !host.contains(char::is_whitespace)) {
        Some(_) => Ok(text.to_owned()),
        None => Err("is not an address such as http://localhost:4566".to_owned()),
    }
}

/// A template by its identifier, or by what people call it.
fn template_name(text: &str) -> Result<TemplateName, String> {
    text.parse().or_else(|error| prism_templates::slug_of(text).ok_or(error)).map_err(|error| error.to_string())
}

fn watched_in(text: &str) -> Result<WatchedIn, String> {
    if text == "all" {
        return Ok(WatchedIn::All);
    }
    text.parse().map(WatchedIn::Region).map_err(|error| format!("{error}; or all"))
}

/// How many there may be of what is shown: one at least.
fn limit() -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u16).range(1..).map(usize::from)
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "is not an instant such as 2026-11-23T18:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_template_may_be_named_as_people_call_it() {
        assert_eq!(template_name("Python ML").unwrap().as_str(), "python-ml");
        assert!(template_name("../x").is_err());
    }

    #[test]
    fn a_build_needs_a_name_unless_it_is_for_security_updates() {
        let typed = |more: &[&str]| {
            let words = ["prism", "templates", "auto-ami", "build"].iter().chain(more);
            Cli::try_parse_from(words).and_then(Cli::checked).is_ok()
        };
        assert!(typed(&["python-ml"]) && typed(&["--security-update"]) && typed(&["kid", "--security-update"]));
        assert!(typed(&["--security-update", "--level", "critical", "--dry-run"]));
        assert!(!typed(&[]) && !typed(&["kid", "--dry-run"]) && !typed(&["kid", "--level", "high"]));
        assert!(!typed(&["--security-update", "--level", "worst"]));
    }

    #[test]
    fn a_build_is_rejected_for_a_reason() {
        let read = |reason: &str| {
            Cli::try_parse_from(["prism", "builds", "reject", "python-ml-x86_64-17", "--reason", reason]).is_ok()
        };
        assert!(read("exam week") && !read("") && !read("  "));
    }

    #[test]
    fn where_a_base_image_is_watched_is_not_where_the_stack_is() {
        let read = |words: &[&str]| Cli::try_parse_from(["prism", "base-images"].iter().chain(words));
        let list = read(&["list", "--in", "eu-west-1", "--in", "all", "--region", "us-east-1"]).unwrap();
        let Command::BaseImages(BaseImages::List { watched_in, .. }) = &list.command else { panic!("{list:?}") };
        assert_eq!(*watched_in, [WatchedIn::Region("eu-west-1".parse().unwrap()), WatchedIn::All]);
        let history = read(&["history", "ubuntu", "--in", "eu-west-1", "--region", "us-east-1"]).unwrap();
        let Command::BaseImages(BaseImages::History { watched_in, .. }) = &history.command else {
            panic!("{history:?}")
        };
        assert_eq!(watched_in.as_ref().map(Region::as_str), Some("eu-west-1"));
        assert_eq!(history.global.region.as_deref(), Some("us-east-1"));
        assert!(read(&["explain", "ubuntu-22.04/x86_64/us-east-1/3", "--limit", "5"]).is_ok());
        assert!(read(&["list", "--in", "nowhere"]).is_err());
    }

    #[test]
    fn what_is_no_stack_name_is_refused_before_aws_is_asked() {
        assert!(stack_name("prism-auto-ami").is_ok());
        assert!(["", "1st", "a/b", "*"].into_iter().all(|text| stack_name(text).is_err()));
    }
}
