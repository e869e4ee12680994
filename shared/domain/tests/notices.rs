//! What people read in their e-mail.
#![expect(clippy::unwrap_used, clippy::panic, reason = "values of a test")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_domain::advisory::AdvisoryId;
use prism_domain::approval::ApprovalFor;
use prism_domain::architecture::Architecture;
use prism_domain::build::{Build, Frozen, ImageOutcome, ImageResult, ImageRun};
use prism_domain::id::{AmiId, BuildId, Region, Target, TrackedImageId};
use prism_domain::ledger::{BudgetSource, Reservation, ReservationState};
use prism_domain::money::MicroDollars;
use prism_domain::notice::{
    NoticeKind, base_images_replaced, build_complete, build_failed, build_scheduled, update_available, update_withdrawn,
};
use prism_domain::patch::FrozenPatch;
use prism_domain::policy::{Policy, ReplacedBaseImage};
use prism_domain::request::{RequestInput, compile_request};
use prism_domain::response::{Planned, Response};
use prism_domain::seen_image::SeenImage;
use prism_domain::slot::Slot;
use prism_domain::update::{BaseImageUpdate, Context, Observation, observe};
use prism_domain::zone::Zone;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-02T17:00:00Z")
}

fn target(template: &str) -> Target {
    Target { template: template.parse().unwrap(), architecture: Architecture::X86_64 }
}

fn seen(id: &str, name: &str) -> SeenImage {
    SeenImage::new(id.parse().unwrap(), name)
}

fn update() -> BaseImageUpdate {
    let id = TrackedImageId {
        name: "ubuntu-22.04".parse().unwrap(),
        architecture: Architecture::X86_64,
        region: "us-east-1".parse().unwrap(),
    };
    let current = seen("ami-00000001", "ubuntu-jammy-22.04-amd64-server-20261001");
    let Observation::First(known) = observe(&id, None, &current, Context::default(), now()) else {
        panic!("expected a first observation");
    };
    let next = seen("ami-00000002", "ubuntu-jammy\n22.04-amd64-server-20261101");
    let context = Context {
        quarantine_after: 3,
        changelog_url: Some("https://ubuntu.com/security/notices"),
        ..Context::default()
    };
    let Observation::Moved(moved) = observe(&id, Some(&known), &next, context, now()) else {
        panic!("expected a move");
    };
    moved.1
}

fn build() -> Build {
    let id: BuildId = "python-ml-x86_64-17".parse().unwrap();
    let input = RequestInput { reason: Some("openssl".into()), ..RequestInput::only_if_due(&id.target) };
    let request = compile_request(&input, &id.target, &[update()], &[], &Policy::default(), now());
    let execution = "arn:aws:states:us-east-1:123456789012:execution:prism-auto-ami-build-image:r".into();
    Build::new(id, "update-0123456789ab-python-ml-x86_64".parse().unwrap(), execution, request)
}

fn ran(result: ImageResult, state: ReservationState) -> Build {
    let arn = "arn:aws:imagebuilder:us-east-1:123456789012:image/prism-python-ml-x86-64/1.0.17/1";
    Build {
        frozen: Some(Frozen {
            base: "ubuntu-22.04".parse().unwrap(),
            base_image_id: "ami-00000002".parse().unwrap(),
            root_device: None,
            content_hash: "0123456789ab".into(),
            built_from: None,
            template: serde_json::Value::Null,
            patch: None,
            regions: vec!["us-east-1".parse().unwrap()],
            rates: None,
            policy_version: 0,
        }),
        reservation: Some(Reservation {
            source: BudgetSource::Daily,
            periods: Vec::new(),
            amount: MicroDollars(1_750_000),
            state,
        }),
        run: Some(ImageRun { arn: arn.into(), started_at: at("2026-11-03T02:00:00Z") }),
        outcome: Some(ImageOutcome { result, ended_at: at("2026-11-03T02:25:00Z"), arn: arn.into() }),
        ..build()
    }
}

fn amis() -> BTreeMap<Region, AmiId> {
    BTreeMap::from([("us-east-1".parse().unwrap(), "ami-0123456789abcdef0".parse().unwrap())])
}

#[test]
fn an_update_tells_its_level_and_when_each_template_is_rebuilt() {
    let slot = |at| slot_at(at, BudgetSource::Daily);
    let plans = [
        (target("python-ml"), slot("2026-11-03T02:00:00Z")),
        (target("genomics-basics"), slot("2026-11-02T17:00:00Z")),
    ];
    let notice = update_available(&update(), 0, &planning(plans), &Zone::utc(), now());
    assert_eq!(notice.subject, "Security update available: ubuntu-22.04 (HIGH), 2 templates to rebuild");
    insta::assert_snapshot!(notice.body);
}

/// What an assessment with evidence says of the update.
fn assessed() -> BaseImageUpdate {
    let fix = |number: u32, level: &str, exploited: Option<&str>, likelihood: Option<u32>| {
        serde_json::json!({
            "cve": format!("CVE-2026-{number}"), "level": level, "rating": level, "exploited_since": exploited,
            "likelihood": likelihood, "advisory": "USN-7000-1",
            "package": {"name": "openssl", "installed": "3.0.2-0ubuntu1.15", "fixed": "3.0.2-0ubuntu1.18"},
        })
    };
    let fixes = [
        fix(1001, "critical", Some("2026-10-30"), Some(97_300)),
        fix(1002, "high", None, Some(12_000)),
        fix(1003, "medium", None, None),
        fix(1004, "low", None, None),
    ];
    let mut json = serde_json::to_value(update()).unwrap();
    json["fixes"] = fixes.to_vec().into();
    json["cves"] = (1001..1047).map(|number| format!("CVE-2026-{number}")).collect::<Vec<_>>().into();
    json["between"] =
        (1..9).map(|day| format!("ubuntu-jammy-22.04-amd64-server-2026100{day}")).collect::<Vec<_>>().into();
    json["security_level"] = "critical".into();
    json["confidence"] = "certain".into();
    json["reasons"] = vec!["CVE-2026-1001 is known to be exploited"].into();
    serde_json::from_value(json).unwrap()
}

fn slot_at(text: &str, source: BudgetSource) -> Slot {
    Slot { at: at(text), source, reason: String::new() }
}

/// A response that rebuilds these, without anybody's approval.
fn planning(plans: impl IntoIterator<Item = (Target, Slot)>) -> Response {
    let planned = |(target, slot)| Planned { target, slot, approval: None };
    Response { plans: plans.into_iter().map(planned).collect(), ..Response::default() }
}

/// The same, once a person approves.
fn waiting(approval: ApprovalFor, plans: impl IntoIterator<Item = (Target, Slot)>) -> Vec<Planned> {
    planning(plans).plans.into_iter().map(|planned| Planned { approval: Some(approval), ..planned }).collect()
}

#[test]
fn a_rebuild_that_waits_for_approval_says_so_and_how_to_approve_it() {
    let plans = [(target("python-ml"), slot_at("2026-11-02T17:00:00Z", BudgetSource::Monthly))];
    let response = Response { plans: waiting(ApprovalFor::LowUpdate, plans), ..Response::default() };
    let notice = update_available(&update(), 0, &response, &Zone::utc(), now());
    insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.body));
}

#[test]
fn many_rebuilds_that_wait_for_approval_are_told_apart_from_those_that_start_by_themselves() {
    let plans = waiting(ApprovalFor::EmergencyMoney, many(30, 18));
    let by_themselves = [(target("genomics-basics"), slot_at("2026-11-03T02:00:00Z", BudgetSource::Daily))];
    let response = Response { plans: [planning(by_themselves).plans, plans].concat(), ..Response::default() };
    let body = update_available(&update(), 0, &response, &Zone::utc(), now()).body;
    insta::assert_snapshot!(body);
}

#[test]
fn who_is_not_rebuilt_though_it_should_be_is_named_with_the_reason() {
    let hindered = vec![
        (target("r-research"), "the template is disabled: until the term\nends".to_owned()),
        (target("gone"), "the template is gone".to_owned()),
    ];
    let response = Response { hindered, ..Response::default() };
    let notice = update_available(&update(), 0, &response, &Zone::utc(), now());
    insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.body));
    let plans = planning([(target("python-ml"), slot_at("2026-11-03T02:00:00Z", BudgetSource::Daily))]).plans;
    let body = update_available(&update(), 0, &Response { plans, ..response }, &Zone::utc(), now()).body;
    assert!(body.contains("├── Rebuilds planned: 1\n") && body.contains("└── Not rebuilt: 2\n"), "{body}");
}

#[test]
fn the_first_twenty_that_are_not_rebuilt_are_named_and_the_rest_is_counted() {
    let why = "x".repeat(1000);
    let hindered = many(10_000, 48).into_iter().map(|(target, _)| (target, why.clone())).collect();
    let response = Response { hindered, ..planning(many(10_000, 48)) };
    let body = update_available(&update(), 0, &response, &Zone::utc(), now()).body;
    assert!(body.len() <= 240_000 && body.contains("Not rebuilt: 10000\n"));
    assert!(body.contains("template-00019xx") && body.contains("└── and 9980 more\n"));
    assert_eq!(body.lines().filter(|line| line.contains(&"x".repeat(150))).count(), 20);
}

#[test]
fn a_long_list_of_cves_is_cut_and_the_worst_three_are_explained() {
    let plans = [(target("python-ml"), slot_at("2026-11-02T17:00:00Z", BudgetSource::Emergency))];
    let notice = update_available(&assessed(), 0, &planning(plans), &Zone::utc(), now());
    insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.body));
}

#[test]
fn an_update_that_is_judged_anew_is_told_of_again_under_another_name() {
    let plans = [(target("python-ml"), slot_at("2026-11-02T17:00:00Z", BudgetSource::Emergency))];
    let told = |round| update_available(&assessed(), round, &planning(plans.clone()), &Zone::utc(), now());
    assert_eq!(
        (told(1).id.as_str(), told(1).kind),
        ("update-reassessed:ubuntu-22.04/x86_64/us-east-1/1:1", NoticeKind::UpdateReassessed)
    );
    assert_eq!(told(1).subject, "Security update reassessed: ubuntu-22.04 (CRITICAL), 1 template to rebuild");
    assert_ne!(told(1).id, told(2).id);
}

/// So many templates: most wait for the night, some start now, one day later the rest.
fn many(count: usize, length: usize) -> Vec<(Target, Slot)> {
    let slot = |number: usize| match number % 10 {
        0 => slot_at("2026-11-02T17:00:00Z", BudgetSource::Monthly),
        1 => slot_at("2026-11-04T02:00:00Z", BudgetSource::Daily),
        _ => slot_at("2026-11-03T02:00:00Z", BudgetSource::Daily),
    };
    let name = |number: usize| format!("{:x<length$}", format!("template-{number:05}"));
    (0..count).map(|number| (target(&name(number)), slot(number))).collect()
}

/// How many of the templates a text names.
fn named(body: &str, plans: &[(Target, Slot)]) -> usize {
    let words: BTreeSet<&str> = body.split([' ', ',', '\n']).collect();
    plans.iter().filter(|(target, _)| words.contains(target.template.as_str())).count()
}

#[test]
fn as_many_times_as_templates_are_no_trouble() {
    let start = |minutes| now() + jiff::SignedDuration::from_mins(minutes);
    let slot = |minutes| Slot { at: start(minutes), source: BudgetSource::Daily, reason: String::new() };
    let plans: Vec<_> = many(10_000, 18).into_iter().zip(0..).map(|((target, _), n)| (target, slot(n))).collect();
    let body = update_available(&update(), 0, &planning(plans), &Zone::utc(), now()).body;
    assert!(body.len() <= 240_000 && body.contains("and at 9980 times later"));
}

#[test]
fn ten_thousand_templates_fit_into_one_message_by_the_time_at_which_they_are_rebuilt() {
    let plans = many(10_000, 18);
    let notice = update_available(&update(), 0, &planning(plans.clone()), &Zone::utc(), now());
    assert!(notice.body.len() <= 240_000, "{}", notice.body.len());
    assert_eq!(named(&notice.body, &plans), 10_000);
    assert!(notice.body.lines().all(|line| line.chars().count() <= 130));
    let lines: Vec<&str> = notice.body.lines().collect();
    let (head, tail) = (&lines[..18], &lines[lines.len() - 4..]);
    insta::assert_snapshot!(format!("{}\n\n{}\n[…]\n{}", notice.subject, head.join("\n"), tail.join("\n")));
}

#[test]
fn names_that_do_not_fit_are_counted() {
    let plans = many(10_000, 48);
    let notice = update_available(&update(), 0, &planning(plans.clone()), &Zone::utc(), now());
    assert!((230_000..=240_000).contains(&notice.body.len()), "{}", notice.body.len());
    let named = named(&notice.body, &plans);
    let more = format!("    and {} more\n", 10_000 - named);
    assert!((4_000..10_000).contains(&named) && notice.body.contains(&more), "{named}");
    assert!(notice.body.ends_with("--urgent\n"), "what to do stands at the end");
}

/// The same base image, going back.
fn withdrawn() -> BaseImageUpdate {
    let update = update();
    BaseImageUpdate {
        image_id: update.previous_image_id.clone(),
        image_name: update.previous_image_name.clone(),
        previous_image_id: update.image_id.clone(),
        previous_image_name: update.image_name.clone(),
        ..update
    }
}

#[test]
fn a_withdrawn_image_tells_who_stands_on_it_and_what_to_do() {
    let kept = vec![target("python-ml"), target("r-research")];
    let response = Response { kept, ..Response::default() };
    let notice = update_withdrawn(&withdrawn(), 0, &response, &Zone::utc(), now());
    assert_eq!(
        (notice.id.as_str(), notice.kind.to_string().as_str()),
        ("update-withdrawn:ubuntu-22.04/x86_64/us-east-1/1", "update-withdrawn")
    );
    insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.body));
}

#[test]
fn who_is_rebuilt_on_the_older_image_is_told_apart_from_who_is_not() {
    let plans = [(target("python-ml"), slot_at("2026-11-03T02:00:00Z", BudgetSource::Daily))];
    let response = Response { kept: vec![target("r-research")], ..planning(plans) };
    let notice = update_withdrawn(&withdrawn(), 0, &response, &Zone::utc(), now());
    insta::assert_snapshot!(notice.body);
    let kept = many(10_000, 48).into_iter().map(|(target, _)| target).collect();
    let response = Response { kept, ..Response::default() };
    assert!(update_withdrawn(&withdrawn(), 0, &response, &Zone::utc(), now()).body.len() <= 240_000);
}

#[test]
fn a_scheduled_build_tells_when_and_why_then() {
    let reason = "starts in the urgent window".to_owned();
    let slot = Slot { reason, ..slot_at("2026-11-03T02:00:00Z", BudgetSource::Daily) };
    let zone: Zone = "America/New_York".parse().unwrap();
    let notice = build_scheduled(&build(), &[], &slot, MicroDollars(1_750_000), &zone, now());
    insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.body));
}

#[test]
fn a_complete_build_tells_the_image_and_the_cost() {
    let build =
        ran(ImageResult::Available { amis: amis() }, ReservationState::Settled { amount: MicroDollars(1_542_000) });
    let notice = build_complete(&build, &amis(), &[], at("2026-11-03T02:26:00Z"));
    assert_eq!(notice.id, "build-complete:python-ml-x86_64-17");
    insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.body));
}

#[test]
fn a_region_whose_parameter_is_not_updated_is_told_with_the_build() {
    let build = ran(ImageResult::Available { amis: amis() }, ReservationState::Open);
    let regions = ["eu-central-1", "us-west-2"].map(|region| region.parse().unwrap());
    let notice = build_complete(&build, &amis(), &regions, now());
    assert_eq!(
        notice.subject,
        "Build complete: python-ml-x86_64-17 (security), not yet for launches in eu-central-1, us-west-2"
    );
    for region in ["eu-central-1", "us-west-2"] {
        assert!(notice.body.contains(&format!("Launches in {region} do not get it yet")), "{}", notice.body);
    }
}

#[test]
fn a_failed_build_tells_the_step_the_money_and_what_to_do_next() {
    let failed = ImageResult::Failed { step: Some("RunTests".into()), message: "package jupyter is missing".into() };
    let build = ran(failed, ReservationState::Settled { amount: MicroDollars(42_000) });
    let notice = build_failed(
        &build,
        Some("RunTests"),
        "package jupyter\u{1b}[31m is missing",
        Some("ami-00000009"),
        Some("in 15 minutes"),
        now(),
    );
    assert_eq!(notice.subject, "Build FAILED: python-ml-x86_64-17");
    insta::assert_snapshot!(notice.body);
}

#[test]
fn a_build_of_a_patch_tells_which_advisories_it_answers() {
    let advisories: Vec<_> = (1..=12).map(|n| format!("ALAS2023-2026-{n}").parse().unwrap()).collect();
    let mut build = ran(ImageResult::Available { amis: amis() }, ReservationState::Open);
    let id = "python-ml-x86_64-16/0123456789ab".parse().unwrap();
    let patch = FrozenPatch { ids: vec![id], advisories, at_least: Vec::new(), release: None };
    let slot = slot_at("2026-11-03T02:00:00Z", BudgetSource::Daily);
    let told = "Brings the fixes of: ALAS2023-2026-1, ALAS2023-2026-2, ALAS2023-2026-3, ALAS2023-2026-4, \
                ALAS2023-2026-5, ALAS2023-2026-6, ALAS2023-2026-7, ALAS2023-2026-8, ALAS2023-2026-9, \
                ALAS2023-2026-10 and 2 more\n";
    let bodies = |build: &Build, advisories: &[AdvisoryId]| {
        [
            build_scheduled(build, advisories, &slot, MicroDollars(1), &Zone::utc(), now()).body,
            build_complete(build, &amis(), &[], now()).body,
            build_failed(build, None, "it failed", None, None, now()).body,
        ]
    };
    assert!(bodies(&build, &[]).iter().all(|body| !body.contains("fixes of")));
    build.frozen.as_mut().unwrap().patch = Some(patch.clone());
    for body in bodies(&build, &patch.advisories) {
        assert!(body.contains(told), "{body}");
    }
}

#[test]
fn a_policy_that_takes_base_images_from_their_vendors() {
    let takeover = |base: &str| ReplacedBaseImage {
        base: base.parse().unwrap(),
        vendor: "099720109477".parse().unwrap(),
        owner: "123456789012".parse().unwrap(),
    };
    let notice = base_images_replaced(3, &[takeover("ubuntu-22.04"), takeover("ubuntu-24.04")], now()).unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.body));
    assert_eq!(notice.kind.to_string(), "base-images-replaced");
    assert_eq!(base_images_replaced(3, &[], now()), None);
}
