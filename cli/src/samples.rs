//! Values as the table has them, for the tests of every command.

use jiff::{SignedDuration, Timestamp};
use prism_aws::queue::{Expected, Forecast};
use prism_aws::templates::TemplateRecord;
use prism_domain::advisory::Probability;
use prism_domain::architecture::Architecture;
use prism_domain::assessment::UpdateType;
use prism_domain::assessment::{Assessment, FixedCve, FixedPackage};
use prism_domain::build::{Build, Channel, Ending, EndingKind, Frozen, ImageOutcome, ImageResult, ImageRun};
use prism_domain::claim::{Held, Parked, Stage};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::duration::after;
use prism_domain::forecast::Foreseen;
use prism_domain::id::{AmiId, Region, Target, TrackedImageId};
use prism_domain::ledger::{BudgetSource, Reservation, ReservationState};
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::money::MicroDollars;
use prism_domain::patch::Patch;
use prism_domain::policy::Policy;
use prism_domain::queued::Queued;
use prism_domain::request::{CompilationRequest, RequestInput, compile_request};
use prism_domain::schedule::{Turn, WaitsFor};
use prism_domain::seen_image::SeenImage;
use prism_domain::slot::{Demand, Slot};
use prism_domain::update::{BaseImageUpdate, Context, Direction, Observation, Quarantine, TrackedImage, observe};
use prism_domain::watch::{Trouble, TroubleKind};
use serde_json::json;

use crate::bases::{Base, Bases};
use crate::condition::Known;
use crate::standing::{Everything, Standing, TargetStanding};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn region() -> Region {
    "us-east-1".parse().unwrap()
}

fn seen(ami: &str) -> SeenImage {
    let image_name = "ubuntu/images/ubuntu-jammy-22.04-amd64-server-20261120".into();
    SeenImage { image_id: ami.parse().unwrap(), image_name, created_at: None, root_device: None, root_volume_gb: None }
}

/// A base image that moved yesterday.
pub fn tracked(name: &str, ami: &str) -> TrackedImage {
    let id = TrackedImageId { name: name.parse().unwrap(), architecture: x86(), region: region() };
    match observe(&id, None, &seen(ami), Context::default(), at("2026-11-22T15:00:00Z")) {
        Observation::First(tracked) => TrackedImage { sequence: 3, ..*tracked },
        other => panic!("no first observation: {other:?}"),
    }
}

/// Its last move: nothing is known of it.
pub fn last_move() -> BaseImageUpdate {
    let known = TrackedImage { sequence: 2, ..tracked("ubuntu-22.04", "ami-00000001") };
    let context = Context { quarantine_after: 3, ..Context::default() };
    match observe(&known.id, Some(&known), &seen("ami-00000002"), context, at("2026-11-22T15:00:00Z")) {
        Observation::Moved(moved) => moved.1,
        other => panic!("no update: {other:?}"),
    }
}

pub fn x86() -> Architecture {
    Architecture::X86_64
}

fn target(name: &str) -> Target {
    Target { template: name.parse().unwrap(), architecture: x86() }
}

fn request(reason: Option<&str>, updates: &[BaseImageUpdate], when: &str) -> CompilationRequest {
    let wish = RequestInput::from_value(&json!({"template": "python-ml", "reason": reason}), at(when)).unwrap();
    compile_request(&wish, &target("python-ml"), updates, &[], &Policy::default(), at(when))
}

fn build(number: u32) -> Build {
    let name = format!("request-{number}");
    let execution = format!("arn:aws:states:us-east-1:123456789012:execution:prism-auto-ami-build-image:{name}");
    let request = request(Some("new course"), &[], "2026-11-22T12:00:00Z");
    let built = Build::new(target("python-ml").build(number), name.parse().unwrap(), execution, request);
    Build { revision: 1, ..built }
}

fn reservation(state: ReservationState) -> Reservation {
    let periods = vec!["monthly#2026-11".parse().unwrap()];
    Reservation { source: BudgetSource::Monthly, periods, amount: MicroDollars(2_000_000), state }
}

/// Builds of `python-ml`: one that is done, one that failed before, one that waits.
pub fn builds() -> Vec<Build> {
    let run = |number: u32, started: &str| ImageRun {
        arn: format!("arn:aws:imagebuilder:us-east-1:123456789012:image/prism-python-ml-x86-64/1.0.{number}/1"),
        started_at: at(started),
    };
    let ending = |kind, message: &str, when| Some(Ending { kind, message: message.into(), at: at(when) });
    let done = Build {
        frozen: Some(Frozen {
            base: "ubuntu-22.04".parse().unwrap(),
            base_image_id: "ami-00000001".parse().unwrap(),
            root_device: None,
            content_hash: "0123456789ab".into(),
            built_from: None,
            template: json!({}),
            patch: None,
            regions: vec![region()],
            rates: None,
            policy_version: 2,
        }),
        reservation: Some(reservation(ReservationState::Settled { amount: MicroDollars(1_575_000) })),
        run: Some(run(4, "2026-11-22T12:01:00Z")),
        outcome: Some(ImageOutcome {
            result: ImageResult::Available { amis: [(region(), "ami-00000009".parse().unwrap())].into() },
            ended_at: at("2026-11-22T12:31:00Z"),
            arn: run(4, "2026-11-22T12:01:00Z").arn,
        }),
        published_at: Some(at("2026-11-22T12:32:00Z")),
        ending: ending(EndingKind::Complete, "ami-00000009 is published", "2026-11-22T12:32:00Z"),
        ..build(4)
    };
    let mut failed = Build {
        reservation: Some(reservation(ReservationState::Settled { amount: MicroDollars(75_000) })),
        run: Some(run(3, "2026-11-21T09:00:00Z")),
        outcome: Some(ImageOutcome {
            result: ImageResult::Failed {
                step: Some("InstallPackages".into()),
                message: "package nosuch is missing".into(),
            },
            ended_at: at("2026-11-21T09:09:30Z"),
            arn: run(3, "2026-11-21T09:00:00Z").arn,
        }),
        ending: ending(EndingKind::Failed, "InstallPackages failed: package nosuch is missing", "2026-11-21T09:10:00Z"),
        ..build(3)
    };
    failed.request.requested_at = at("2026-11-21T08:59:00Z");
    let wanted = request(None, &[last_move()], "2026-11-23T16:00:00Z");
    let waiting = Build { request: CompilationRequest { deadline: at("2026-11-24T16:00:00Z"), ..wanted }, ..build(5) };
    vec![done, failed, waiting]
}

/// The claim's holder, waiting for tonight.
pub fn held(build: &Build) -> Held {
    let until = at("2026-11-24T02:00:00Z");
    let reason = "waits for the off-peak window, which opens 02:00 UTC".to_owned();
    let request = &build.request;
    Held {
        request: build.request_id.clone(),
        execution: build.execution.clone(),
        stage: Stage::Waiting,
        queued: Queued {
            build: build.id.clone(),
            demand: Demand::of(request, SignedDuration::from_mins(40)),
            permits: Vec::new(),
            queued_at: request.requested_at,
            estimate: MicroDollars(1_567_200),
            max_cost: None,
            disabled: None,
            approval: None,
            base_image_id: None,
            is_again: false,
            ends: None,
        },
        slot: Slot { at: until, source: BudgetSource::Daily, reason: reason.clone() },
        parked: Some(Parked { until, waits_for: None, reason }),
        started_at: None,
    }
}

/// What is foreseen of a build: that it starts when its claim says so.
pub fn forecast(held: &Held) -> Forecast {
    let build = held.queued.build.clone();
    let Slot { at, source, reason } = held.slot.clone();
    let start = Foreseen { at, ends: after(at, held.queued.demand.expected), source };
    let turn = Turn::Wait { until: at, waits_for: WaitsFor::Slot, reason };
    let expected = Expected { start: Some(start), turn, waits_for_approval: false };
    Forecast { waiting: [(build, expected)].into(), ends: [].into() }
}

pub fn channel(name: &str, base_image: &str) -> Channel {
    Channel {
        build: target(name).build(4),
        amis: [(region(), "ami-00000009".parse().unwrap())].into(),
        base: "ubuntu-22.04".parse().unwrap(),
        base_image_id: base_image.parse().unwrap(),
        built_from: None,
        since: at("2026-11-21T12:32:00Z"),
        version: 4,
        verified_version: 4,
        verified: [].into(),
    }
}

/// What was decided about `python-ml`, newest first.
pub fn decisions() -> Vec<Decision> {
    let decision = |kind, subject: &str, reason: &str, when| Decision {
        kind,
        subject: subject.into(),
        reasons: vec![reason.into()],
        inputs: json!({"policy": 2}),
        at: at(when),
    };
    vec![
        decision(
            DecisionKind::Build,
            "python-ml-x86_64-5",
            "it waits for the off-peak window, which opens 02:00 UTC",
            "2026-11-23T16:00:00Z",
        ),
        decision(DecisionKind::Publish, "python-ml-x86_64-4:closed", "its image is published", "2026-11-22T12:32:10Z"),
        decision(DecisionKind::Publish, "python-ml-x86_64-4", "its tests passed", "2026-11-22T12:32:00Z"),
        decision(
            DecisionKind::Reserve,
            "python-ml-x86_64-4",
            "$2.00 is reserved from the monthly budget",
            "2026-11-22T12:00:30Z",
        ),
        decision(
            DecisionKind::Build,
            "python-ml-x86_64-4",
            "it starts as soon as the monthly budget allows",
            "2026-11-22T12:00:00Z",
        ),
    ]
}

fn standing(yaml: &str, known: &[Known]) -> Standing {
    let template = prism_templates::parse(yaml).unwrap();
    let all = [(template.slug.clone(), template.clone())].into();
    let targets = known.iter().cloned().zip(Architecture::ALL);
    let targets = targets.map(|(known, architecture)| TargetStanding::of(architecture, known));
    Standing {
        resolved: prism_templates::resolve(&template.slug, &all).map_err(|problems| problems.to_string()),
        targets: targets.collect(),
        record: TemplateRecord {
            name: template.slug.clone(),
            template,
            revision: 2,
            applied_at: at("2026-11-01T12:00:00Z"),
            disabled: None,
        },
    }
}

/// A template in each condition.
pub fn everything() -> Everything {
    let [done, failed, waiting] = <[Build; 3]>::try_from(builds()).unwrap();
    let building = Held { stage: Stage::Building, ..held(&done) };
    let ends = [(done.id.clone(), at("2026-11-23T17:20:00Z"))].into();
    let ends = Forecast { ends, ..Forecast::default() };
    let running = Build { outcome: None, published_at: None, ending: None, ..done.clone() };
    let moved =
        Known { channel: Some(channel("genomics", "ami-00000001")), base: base(vec![last_move()]), ..Known::default() };
    let compiled = Known { channel: Some(channel("basics", "ami-00000002")), ..Known::default() };
    let queued = Known {
        held: Some(held(&waiting)),
        forecast: forecast(&held(&waiting)),
        channel: Some(channel("python-ml", "ami-00000001")),
        builds: vec![waiting, done],
        ..Known::default()
    };
    let on_ubuntu = |name: &str| format!("name: {name}\nbase: ubuntu-22.04");
    let mut disabled = standing(&on_ubuntu("Legacy"), std::slice::from_ref(&compiled));
    disabled.record.disabled = Some("prefer-fresh-builds".into());
    let templates = vec![
        standing(&on_ubuntu("Basics"), &[compiled, Known::default()]),
        standing(&on_ubuntu("Python ML"), &[queued]),
        standing(&on_ubuntu("Genomics"), &[moved]),
        standing(&on_ubuntu("R Research"), &[Known { builds: vec![failed], ..Known::default() }]),
        standing(
            &on_ubuntu("Vision"),
            &[Known { held: Some(building), builds: vec![running], forecast: ends, ..Known::default() }],
        ),
        disabled,
        standing("name: Broken\ninherits: nobody", &[]),
    ];
    let bases = Bases::from([(("ubuntu-22.04".parse().unwrap(), x86()), base(vec![last_move()]))]);
    Everything { templates, bases, policy: Some(Policy::default()), queue: None, unreadable: Vec::new() }
}

/// The n-th image of a base image.
pub fn ami(n: u32) -> AmiId {
    format!("ami-{n:08}").parse().unwrap()
}

/// The n-th move of `ubuntu-22.04`, a day after the one before it, between two of its images: nothing is known of it.
pub fn update(n: u32, from: u32, to: u32) -> BaseImageUpdate {
    let mut update = last_move();
    update.id.sequence = n;
    update.updated_at = at(&format!("2026-11-{:02}T15:00:00Z", 18 + n));
    (update.previous_image_id, update.image_id) = (ami(from), ami(to));
    update.previous_image_name = name(from);
    update.image_name = name(to);
    update
}

fn name(n: u32) -> String {
    format!("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-202611{:02}", 17 + n)
}

/// The same, to an older image.
pub fn back(n: u32, from: u32, to: u32) -> BaseImageUpdate {
    BaseImageUpdate { direction: Direction::Back, ..update(n, from, to) }
}

/// A move that was judged, on what is installed in both images.
pub fn judged(update: BaseImageUpdate, level: SecurityLevel, fixes: Vec<FixedCve>) -> BaseImageUpdate {
    let update_type = if fixes.is_empty() { UpdateType::Maintenance } else { UpdateType::Security };
    let reasons = vec![format!("it fixes {} vulnerabilities, the worst of level {level}", fixes.len())];
    let now = update.updated_at;
    let assessment = Assessment { update_type, level, confidence: Confidence::Certain, reasons, fixes };
    BaseImageUpdate { ..update.assessed(assessment, now) }
}

/// A vulnerability of which no more is known.
pub fn cve(id: &str, level: SecurityLevel) -> FixedCve {
    FixedCve {
        cve: id.parse().unwrap(),
        level,
        rating: Some(level),
        exploited_since: None,
        likelihood: None,
        advisory: None,
        package: None,
    }
}

/// One of the kernel that is exploited, and of which everything is known.
pub fn kernel() -> FixedCve {
    FixedCve {
        rating: Some(SecurityLevel::High),
        exploited_since: Some("2024-05-30".parse().unwrap()),
        likelihood: Probability::new(97_312),
        advisory: Some("USN-7095-1".parse().unwrap()),
        package: Some(FixedPackage {
            name: "kernel".into(),
            installed: Some("5.15.0-119.129".into()),
            fixed: "5.15.0-124.134".into(),
        }),
        ..cve("CVE-2024-1234", SecurityLevel::Critical)
    }
}

/// What the image of a build was found to lack: the fixes of two advisories, and no vulnerability that is known.
pub fn patch(build: &str, level: SecurityLevel, found_at: &str) -> Patch {
    Patch {
        id: format!("{build}/0123456789ab").parse().unwrap(),
        base: "ubuntu-22.04".parse().unwrap(),
        base_image_id: ami(2),
        level,
        advisories: ["USN-7095-1", "USN-7096-1"].map(|id| id.parse().unwrap()).into(),
        fixes: Vec::new(),
        at_least: Vec::new(),
        release: None,
        reasons: Vec::new(),
        found_at: at(found_at),
    }
}

/// A base image that its moves have led to where it is.
pub fn base(updates: Vec<BaseImageUpdate>) -> Base {
    let newest = updates.first().unwrap();
    let mut tracked = tracked("ubuntu-22.04", newest.image_id.as_str());
    tracked.current.image_name.clone_from(&newest.image_name);
    tracked.since = newest.updated_at;
    Base { tracked: Some(tracked), updates, trials: Vec::new() }
}

pub fn trouble(id: &TrackedImageId, kind: TroubleKind, detail: &str) -> Trouble {
    Trouble {
        id: id.clone(),
        kind,
        detail: detail.into(),
        since: at("2026-11-23T12:00:00Z"),
        told_at: None,
        gone: None,
    }
}

/// The same base image, going back and forth.
pub fn flapping(tracked: TrackedImage) -> TrackedImage {
    let seen = SeenImage { image_id: ami(7), ..tracked.current.clone() };
    let (since, seen_since) = (at("2026-11-23T11:00:00Z"), at("2026-11-23T16:00:00Z"));
    TrackedImage { quarantine: Some(Quarantine { since, seen, seen_since }), ..tracked }
}
