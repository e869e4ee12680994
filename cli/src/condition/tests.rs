//! Values as the table has them, for the tests of every command.

use jiff::SignedDuration;
use prism_aws::templates::TemplateRecord;
use prism_domain::build::{Ending, Frozen, ImageOutcome, ImageResult, ImageRun};
use prism_domain::claim::Parked;
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::id::{Region, Target, TrackedImageId};
use prism_domain::ledger::{BudgetSource, Reservation, ReservationState};
use prism_domain::level::Urgency;
use prism_domain::money::MicroDollars;
use prism_domain::request::CompilationRequest;
use prism_domain::schedule::Queued;
use prism_domain::slot::{Demand, Slot};
use prism_domain::update::{BaseImageUpdate, Context, Direction, Observation, SeenImage, TrackedImage, observe};
use serde_json::json;

use super::*;
use crate::look::tests::{look, plain};
use crate::standing::{Base, Bases, Everything, Standing, TargetStanding};

pub fn region() -> Region {
    "us-east-1".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn seen(ami: &str) -> SeenImage {
    let image_name = "ubuntu/images/ubuntu-jammy-22.04-amd64-server-20261120".into();
    SeenImage { image_id: ami.parse().unwrap(), image_name, created_at: None, root_device: None }
}

/// A base image that moved yesterday.
pub fn tracked(name: &str, ami: &str) -> TrackedImage {
    let id = TrackedImageId { name: name.parse().unwrap(), architecture: x86(), region: region() };
    match observe(&id, None, &seen(ami), Context::default(), at("2026-11-22T15:00:00Z")) {
        Observation::First(tracked) => TrackedImage { sequence: 3, ..*tracked },
        other => panic!("no first observation: {other:?}"),
    }
}

pub fn update() -> BaseImageUpdate {
    let known = TrackedImage { sequence: 2, ..tracked("ubuntu-22.04", "ami-00000001") };
    let context = Context { quarantine_after: 3, ..Context::default() };
    match observe(&known.id, Some(&known), &seen("ami-00000002"), context, at("2026-11-22T15:00:00Z")) {
        Observation::Moved(moved) => moved.1,
        other => panic!("no update: {other:?}"),
    }
}

fn base_of(update: BaseImageUpdate) -> Base {
    Base { tracked: Some(tracked("ubuntu-22.04", "ami-00000002")), updates: vec![update] }
}

fn x86() -> prism_domain::architecture::Architecture {
    prism_domain::architecture::Architecture::X86_64
}

fn target(name: &str) -> Target {
    Target { template: name.parse().unwrap(), architecture: x86() }
}

fn build(number: u32) -> Build {
    let target = target("python-ml");
    Build {
        id: target.build(number),
        request_id: format!("request-{number}").parse().unwrap(),
        execution: format!(
            "arn:aws:states:us-east-1:123456789012:execution:prism-auto-ami-build-image:request-{number}"
        ),
        request: CompilationRequest {
            target,
            trigger: BuildTrigger::Manual,
            priority: 50,
            urgency: Urgency::Normal,
            level: None,
            max_cost: None,
            base_image_updates: Vec::new(),
            security_patches: Vec::new(),
            deadline: at("2026-11-29T12:00:00Z"),
            not_before: None,
            approved: true,
            reason: Some("new course".into()),
            requested_at: at("2026-11-22T12:00:00Z"),
        },
        joined: Vec::new(),
        frozen: None,
        reservation: None,
        run: None,
        outcome: None,
        published_at: None,
        ending: None,
        revision: 1,
    }
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
            template: json!({}),
            patch: None,
            regions: vec![region()],
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
    let mut waiting = build(5);
    waiting.request = CompilationRequest {
        trigger: BuildTrigger::Security,
        priority: 90,
        urgency: Urgency::High,
        level: Some(SecurityLevel::High),
        base_image_updates: vec![update().id],
        deadline: at("2026-11-23T23:00:00Z"),
        reason: None,
        requested_at: at("2026-11-23T16:00:00Z"),
        ..waiting.request
    };
    vec![done, failed, waiting]
}

/// The claim's holder, waiting for tonight.
pub fn held(build: &Build) -> Held {
    let until = at("2026-11-24T02:00:00Z");
    let reason = "waits for the off-peak window, which opens 02:00 UTC (in 9 hours)".to_owned();
    let request = &build.request;
    Held {
        request: build.request_id.clone(),
        execution: build.execution.clone(),
        stage: Stage::Waiting,
        queued: Queued {
            build: build.id.clone(),
            demand: Demand {
                urgency: request.urgency,
                priority: request.priority,
                trigger: request.trigger,
                deadline: request.deadline,
                expected: SignedDuration::from_mins(40),
                not_before: None,
                approved: request.approved,
            },
            queued_at: request.requested_at,
            estimate: MicroDollars(1_567_200),
            max_cost: None,
            disabled: None,
        },
        slot: Slot { at: until, source: BudgetSource::Daily, reason: reason.clone() },
        parked: Some(Parked { token: "token".into(), until, reason }),
        image_token: None,
    }
}

fn channel(name: &str, base_image: &str) -> Channel {
    Channel {
        build: target(name).build(4),
        amis: [(region(), "ami-00000009".parse().unwrap())].into(),
        base: "ubuntu-22.04".parse().unwrap(),
        base_image_id: base_image.parse().unwrap(),
        since: at("2026-11-21T12:32:00Z"),
        version: 4,
        verified_version: 4,
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
            "it waits for the off-peak window, which opens 02:00 UTC (in 10 hours)",
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
    let targets =
        known.iter().zip(prism_domain::architecture::Architecture::ALL).map(|(known, architecture)| TargetStanding {
            architecture,
            channel: known.channel.clone(),
            held: known.held.clone(),
            condition: condition(known),
            made: Vec::new(),
        });
    Standing {
        resolved: crate::standing::resolve(&template.slug, &all),
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
    let running = Build { outcome: None, published_at: None, ending: None, ..done.clone() };
    let moved =
        Known { channel: Some(channel("genomics", "ami-00000001")), base: base_of(update()), ..Known::default() };
    let compiled = Known { channel: Some(channel("basics", "ami-00000002")), ..Known::default() };
    let queued = Known {
        held: Some(held(&waiting)),
        channel: Some(channel("python-ml", "ami-00000001")),
        builds: vec![waiting, done],
        ..Known::default()
    };
    let base = "base: ubuntu-22.04";
    let mut disabled = standing(&format!("name: Legacy\n{base}"), std::slice::from_ref(&compiled));
    disabled.record.disabled = Some("prefer-fresh-builds".into());
    let templates = vec![
        standing(&format!("name: Basics\n{base}"), &[compiled, Known::default()]),
        standing(&format!("name: Python ML\n{base}"), &[queued]),
        standing(&format!("name: Genomics\n{base}"), &[moved]),
        standing(&format!("name: R Research\n{base}"), &[Known { builds: vec![failed], ..Known::default() }]),
        standing(
            &format!("name: Vision\n{base}"),
            &[Known { held: Some(building), builds: vec![running], ..Known::default() }],
        ),
        disabled,
        standing("name: Broken\ninherits: nobody", &[]),
    ];
    let bases = Bases::from([(("ubuntu-22.04".parse().unwrap(), x86()), base_of(update()))]);
    Everything { templates, bases }
}

fn line(known: &Known) -> String {
    plain(&condition(known).line(&look()))
}

#[test]
fn a_target_that_was_never_built_says_so() {
    assert_eq!(line(&Known::default()), "· Never built");
}

#[test]
fn a_failed_build_is_told_until_one_succeeds() {
    let [done, failed, _] = <[Build; 3]>::try_from(builds()).unwrap();
    let known = |builds| Known { channel: Some(channel("python-ml", "ami-00000001")), builds, ..Known::default() };
    assert!(
        line(&known(vec![failed.clone(), done.clone()]))
            .starts_with("✗ Last build failed (python-ml-x86_64-3, 2 days ago): ")
    );
    assert_eq!(line(&known(vec![done, failed])), "✓ Compiled (last: 2 days ago)");
}

#[test]
fn an_image_whose_base_moved_is_behind_until_a_build_of_it_is_queued() {
    let known =
        Known { channel: Some(channel("python-ml", "ami-00000001")), base: base_of(update()), ..Known::default() };
    assert_eq!(
        line(&known),
        "⚠ Pending security update (high): ubuntu-22.04 moved 1 day 2 hours ago, and no build is queued yet"
    );
    let waiting = builds().remove(2);
    let queued = Known { held: Some(held(&waiting)), builds: vec![waiting], ..known.clone() };
    assert_eq!(
        line(&queued),
        "⚠ Pending security update (high), queued for tonight (02:00 UTC, in 9 hours): python-ml-x86_64-5 \
         waits for the off-peak window, which opens 02:00 UTC (in 9 hours)"
    );
    let level_with_it = Known { channel: Some(channel("python-ml", "ami-00000002")), ..known };
    assert!(line(&level_with_it).starts_with("✓ Compiled"));
}

#[test]
fn an_image_that_stands_on_what_its_vendor_took_back_says_so() {
    let known = Known {
        channel: Some(channel("python-ml", "ami-00000001")),
        base: base_of(BaseImageUpdate { direction: Direction::Back, ..update() }),
        ..Known::default()
    };
    assert_eq!(
        line(&known),
        "⚠ Stands on a withdrawn image: ubuntu-22.04 went back to an older one 1 day 2 hours ago, and no build is queued"
    );
    assert_eq!(condition(&known).words(&look()), "stands on a withdrawn image");
    let waiting = builds().remove(2);
    let queued = Known { held: Some(held(&waiting)), builds: vec![waiting], ..known.clone() };
    assert!(line(&queued).starts_with("⚠ Stands on a withdrawn image, queued for tonight (02:00 UTC, in 9 hours): "));
    let older = Known { channel: Some(channel("python-ml", "ami-00000000")), ..known };
    assert!(line(&older).starts_with("⚠ Pending base image update"), "it never had what was taken back");
}
