use crate::approval::Causes;
use crate::id::UpdateId;
use crate::level::Urgency;
use crate::request::CompilationRequest;
use proptest::prelude::*;

use super::*;
use crate::build::Build;
use crate::claim::{Claim, Held, Stage};
use crate::fixtures::{self, NOW, at, cents, now, target};
use crate::ledger::{BudgetSource, Ledger};
use crate::level::SecurityLevel;
use crate::permit::Permit;
use crate::schedule::{Load, Turn, turn_of};
use crate::slot::Demand;

fn update(sequence: u32) -> UpdateId {
    format!("ubuntu-22.04/x86_64/us-east-1/{sequence}").parse().unwrap()
}

fn queued(name: &str, urgency: Urgency, cost: i64, deadline: &str) -> Queued {
    let causes = Causes { updates: vec![update(3)], ..Causes::default() };
    let demand = Demand { priority: 90, causes, ..fixtures::demand(urgency, deadline) };
    fixtures::queued(target(name).build(17), demand, NOW, cost)
}

/// A build for a critical update, which is due in four hours.
pub(crate) fn emergency(name: &str, cost: i64) -> Queued {
    queued(name, Urgency::Critical, cost, "2026-11-23T21:00:00Z")
}

/// A build for a low-level update, which is due in thirty days.
pub(crate) fn low(name: &str) -> Queued {
    queued(name, Urgency::Low, 102, "2026-12-23T17:00:00Z")
}

fn policy() -> Policy {
    Policy { emergency_needs_approval: true, ..Policy::default() }
}

fn approved(queued: &Queued) -> Queued {
    let given = Approval {
        build: queued.build.clone(),
        causes: queued.demand.causes.clone(),
        urgency: queued.demand.urgency,
        amount: queued.estimate,
        execution: "arn".into(),
        reason: None,
        at: now(),
    };
    Queued { approval: Some(given), ..queued.clone() }
}

#[test]
fn an_urgent_request_by_hand_does_not_approve_itself() {
    let by_hand = |urgency| Demand { by_hand: true, urgency, ..emergency("python-ml", 850).demand };
    let needs =
        |urgency, policy: &Policy| needs_approval(&Queued { demand: by_hand(urgency), ..low("python-ml") }, policy);
    let needed = needs(Urgency::Critical, &policy()).unwrap();
    assert_eq!((needed.what, needed.again), (ApprovalFor::EmergencyMoney, None));
    assert_eq!(needs(Urgency::Critical, &Policy::default()), None, "emergency money is approved in advance");
    assert_eq!(needs(Urgency::Low, &policy()), None, "a low-level update is approved by it");
}

#[test]
fn a_low_level_update_that_nobody_started_by_hand_needs_approval_if_the_policy_says_so() {
    let needed = needs_approval(&low("python-ml"), &policy()).unwrap();
    assert_eq!((needed.what, needed.again), (ApprovalFor::LowUpdate, None));
    assert_eq!(needs_approval(&low("python-ml"), &Policy { low_needs_approval: false, ..policy() }), None);
    for urgency in [Urgency::Normal, Urgency::High] {
        assert_eq!(needs_approval(&queued("python-ml", urgency, 850, "2026-11-23T21:00:00Z"), &policy()), None);
    }
}

#[test]
fn an_approval_passes_to_a_build_that_answers_the_same_and_is_asked_again_if_that_is_dearer_or_worse() {
    let given = approved(&emergency("python-ml", 850));
    assert_eq!(needs_approval(&given, &policy()), None);
    let mut next = given.clone();
    next.build = target("python-ml").build(18);
    next.demand.causes.updates.push(update(4));
    assert_eq!(needs_approval(&next, &policy()), None, "it answers all that the approved one did");
    let dearer = Queued { estimate: cents(851), ..next.clone() };
    let again = Some(Again::Dearer { approved: cents(850) });
    assert_eq!(needs_approval(&dearer, &policy()).unwrap().again, again);
    let mut other = next.clone();
    other.demand.causes.updates = vec![update(4)];
    assert_eq!(needs_approval(&other, &policy()).unwrap().again, None, "it is for something else");
    let mut worse = approved(&low("python-ml"));
    worse.demand.urgency = Urgency::Critical;
    assert_eq!(needs_approval(&worse, &policy()).unwrap().again, Some(Again::Worse));
}

#[test]
fn an_approval_of_an_urgent_request_is_none_of_another_one() {
    let urgent = |id: &str, number| {
        let mut build = emergency("python-ml", 850);
        build.build = target("python-ml").build(number);
        build.demand.causes = Causes { urgent_request: Some(id.parse().unwrap()), ..Causes::default() };
        build
    };
    let given = approved(&urgent("one", 17)).approval;
    assert_eq!(needs_approval(&Queued { approval: given.clone(), ..urgent("one", 18) }, &policy()), None);
    assert!(needs_approval(&Queued { approval: given, ..urgent("two", 18) }, &policy()).is_some());
}

#[test]
fn an_approval_of_an_item_without_causes_is_for_its_build_alone() {
    let mut build = emergency("python-ml", 850);
    build.demand.causes = Causes::default();
    let given = approved(&build);
    assert_eq!(needs_approval(&given, &policy()), None);
    assert!(needs_approval(&Queued { build: target("python-ml").build(18), ..given }, &policy()).is_some());
}

#[test]
fn what_a_build_waits_for_is_said_with_how_to_approve_it() {
    let told = |queued: &Queued| waiting_reason(needs_approval(queued, &policy()).unwrap(), queued);
    insta::assert_snapshot!(told(&low("python-ml")),
        @"waits for approval, since its update is of low level: prism builds approve python-ml-x86_64-17, or start a build of python-ml by hand");
    insta::assert_snapshot!(told(&emergency("python-ml", 850)),
        @"waits for approval of $8.50 of emergency money: prism builds approve python-ml-x86_64-17");
    let dearer = Queued { estimate: cents(900), ..approved(&emergency("python-ml", 850)) };
    insta::assert_snapshot!(told(&dearer),
        @"waits for approval of $9.00 of emergency money, of which $8.50 is approved: prism builds approve python-ml-x86_64-17");
    let mut worse = approved(&low("python-ml"));
    worse.demand.urgency = Urgency::Critical;
    insta::assert_snapshot!(told(&worse),
        @"waits for approval of $1.02 of emergency money, since it is for something worse than what was approved: prism builds approve python-ml-x86_64-17");
}

proptest! {
    #[test]
    fn emergency_money_that_needs_approval_is_never_spent_without_one_for_it(
        by_hand: bool, given in prop::option::of((0..2_000_i64, 0..3_u32)), cost in 0..2_000_i64, number in 17..19_u32,
    ) {
        let mut build = emergency("python-ml", cost);
        build.demand.by_hand = by_hand;
        build.build = target("python-ml").build(number);
        build.approval = given.and_then(|(amount, sequence)| {
            let mut of = emergency("python-ml", amount);
            of.demand.causes.updates = vec![update(sequence + 2)];
            approved(&of).approval
        });
        let covered = given.is_some_and(|(amount, sequence)| cost <= amount && (sequence == 1 || number == 17));
        prop_assert_eq!(needs_approval(&build, &policy()).is_none(), covered);
    }
}

// ------------------------------------------------------------------------------------------------------- the ruling

/// A waiting build as the claim and the table have it.
fn waiting(queued: &Queued) -> (Build, Claim) {
    let held = Held { execution: "arn-of-the-build".into(), ..fixtures::held(queued.clone(), Stage::Waiting) };
    let claim = Claim { counter: 17, held: Some(held), revision: 1, ..Claim::free(queued.build.target.clone()) };
    (fixtures::build(queued.build.clone(), &[], now()), claim)
}

fn input(reject: bool) -> ApprovalInput {
    ApprovalInput { build: target("python-ml").build(17), reject, reason: reject.then(|| "exam week".to_owned()) }
}

fn ruled(input: &ApprovalInput, build: &Build, claim: &Claim, execution: &str) -> ApprovalDecision {
    decide_approval(input, build, claim, execution, &policy(), now())
}

fn applied(input: &ApprovalInput, build: &Build, claim: &Claim) -> (Claim, Build, String) {
    match ruled(input, build, claim, "one") {
        ApprovalDecision::Applies { claim, build, message } => (*claim, *build, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_approval_is_of_the_estimate_on_the_claim_and_holds_when_it_is_given_again() {
    let (build, claim) = waiting(&emergency("python-ml", 850));
    let (claim, build, message) = applied(&input(false), &build, &claim);
    assert_eq!(message, "python-ml-x86_64-17 may start, at a cost of $8.50 at most");
    let queued = &claim.held.as_ref().unwrap().queued;
    assert_eq!(queued.approval.as_ref().unwrap().amount, cents(850));
    assert_eq!((needs_approval(queued, &policy()), &build.approval), (None, &queued.approval));
    for execution in ["one", "two"] {
        assert!(matches!(ruled(&input(false), &build, &claim, execution), ApprovalDecision::AlreadyApplied { .. }));
    }
}

#[test]
fn an_execution_that_approved_a_build_and_is_tried_again_is_not_refused_though_the_build_has_ended() {
    let (build, claim) = waiting(&emergency("python-ml", 850));
    let (claim, build, _) = applied(&input(false), &build, &claim);
    let free = Claim { held: None, ..claim };
    assert!(matches!(ruled(&input(false), &build, &free, "one"), ApprovalDecision::AlreadyApplied { .. }));
    assert!(matches!(ruled(&input(false), &build, &free, "two"), ApprovalDecision::Refused { .. }));
}

#[test]
fn a_rejected_build_stops_and_cannot_be_approved_any_more() {
    let (build, claim) = waiting(&approved(&emergency("python-ml", 850)));
    let (claim, _, message) = applied(&input(true), &build, &claim);
    assert_eq!(message, "python-ml-x86_64-17 was rejected: exam week");
    let held = claim.held.clone().unwrap();
    assert_eq!(held.queued.ends.as_deref(), Some("was rejected: exam week"));
    assert_eq!(claim.hold.as_ref().unwrap().causes, held.queued.demand.causes);
    let ended = Claim { held: None, ..claim.clone() };
    for claim in [claim, ended] {
        for execution in ["one", "two"] {
            assert!(matches!(ruled(&input(true), &build, &claim, execution), ApprovalDecision::AlreadyApplied { .. }));
        }
        let ApprovalDecision::Refused { message } = ruled(&input(false), &build, &claim, "three") else { panic!() };
        assert_eq!(message, "python-ml-x86_64-17 was rejected: exam week");
    }
}

#[test]
fn a_build_that_needs_no_approval_cannot_be_approved_or_rejected() {
    let refused = |build: &Build, claim: &Claim, reject| match ruled(&input(reject), build, claim, "one") {
        ApprovalDecision::Refused { message } => message,
        other => panic!("{other:?}"),
    };
    let (build, claim) = waiting(&queued("python-ml", Urgency::High, 850, "2026-11-24T17:00:00Z"));
    assert_eq!(refused(&build, &claim, false), "python-ml-x86_64-17 does not need approval");
    insta::assert_snapshot!(refused(&build, &claim, true),
        @"python-ml-x86_64-17 does not need approval; to stop it, stop its execution arn-of-the-build");
    // A person has joined a low update, which that approves.
    let mut joined = queued("python-ml", Urgency::Normal, 850, "2026-11-24T17:00:00Z");
    let low = Permit { urgency: Urgency::Low, ..Permit::demanded(&joined.demand) };
    joined.permits = Permit::demanded(&joined.demand).added_to(vec![low]);
    let (build, claim) = waiting(&joined);
    assert!(refused(&build, &claim, true).contains("does not need approval"));
    let (build, mut claim) = waiting(&emergency("python-ml", 850));
    claim.held.as_mut().unwrap().stage = Stage::Building;
    for reject in [false, true] {
        assert!(refused(&build, &claim, reject).contains("has started"));
    }
    claim.held.as_mut().unwrap().stage = Stage::Waiting;
    claim.held.as_mut().unwrap().queued.build = target("python-ml").build(18);
    assert_eq!(refused(&build, &claim, false), "python-ml-x86_64-17 has ended; python-ml-x86_64-18 waits now");
}

/// A build for an update of a level that a person has joined with an urgent request.
fn joined_urgently(level: SecurityLevel) -> Queued {
    let mut build = emergency("python-ml", 850);
    build.demand.level = Some(level);
    build.demand.causes.urgent_request = Some("exam".parse().unwrap());
    build
}

#[test]
fn an_urgent_request_that_waits_for_approval_holds_up_no_update_that_needs_none() {
    let turn = |queued: &Queued, now| turn_of(queued, &Ledger::default(), &Load::default(), &policy(), at(now));
    let starts = |queued: &Queued| turn(queued, NOW);
    let Turn::Wait { reason, .. } = starts(&joined_urgently(SecurityLevel::High)) else { panic!() };
    insta::assert_snapshot!(reason, @"starts 20:15 UTC to be done by 21:00 UTC: the off-peak window, which opens 02:00 UTC, would be too late; to start it at once: prism builds approve python-ml-x86_64-17");
    let Turn::Go { source, .. } = turn(&joined_urgently(SecurityLevel::High), "2026-11-23T20:15:00Z") else { panic!() };
    assert_eq!(source, BudgetSource::Daily, "not on emergency money");
    let Turn::Wait { reason, .. } = starts(&joined_urgently(SecurityLevel::Low)) else { panic!() };
    assert!(reason.starts_with("waits for approval of"), "{reason}");
    let Turn::Wait { reason, .. } = starts(&joined_urgently(SecurityLevel::Critical)) else { panic!() };
    assert!(reason.starts_with("starts 20:15 UTC") && reason.contains("; to start it at once: prism"), "{reason}");
    let approved = approved(&joined_urgently(SecurityLevel::High));
    let Turn::Go { source, .. } = starts(&approved) else { panic!() };
    assert_eq!(source, BudgetSource::Emergency);
}

#[test]
fn an_update_that_needs_no_approval_is_not_rejected_with_somebody_s_urgent_request() {
    let (build, claim) = waiting(&joined_urgently(SecurityLevel::High));
    let (claim, build, message) = applied(&input(true), &build, &claim);
    assert_eq!(
        message,
        "the urgent request of python-ml-x86_64-17 was rejected: exam week; it goes on for its updates and patches"
    );
    let queued = &claim.held.as_ref().unwrap().queued;
    assert_eq!(
        (queued.demand.urgency, queued.stopped(), needs_approval(queued, &policy())),
        (Urgency::High, None, None)
    );
    assert_eq!((build.request.urgency, &build.request.urgent_request), (Urgency::High, &None));
    let again = CompilationRequest { base_image_updates: vec![update(3)], by_hand: false, ..build.request.clone() };
    let covers = claim.hold.as_ref().unwrap().covers(&Causes::of(&again), again.urgency, &policy(), now());
    assert!(!covers, "the update is not rejected");
    assert!(matches!(ruled(&input(true), &build, &claim, "one"), ApprovalDecision::AlreadyApplied { .. }));
    assert!(matches!(ruled(&input(true), &build, &claim, "two"), ApprovalDecision::Refused { .. }));
}

#[test]
fn an_update_that_is_rejected_with_an_urgent_request_rests_only_until_it_is_judged_worse() {
    let (build, claim) = waiting(&joined_urgently(SecurityLevel::Low));
    let (claim, ..) = applied(&input(true), &build, &claim);
    assert!(claim.held.as_ref().unwrap().queued.stopped().is_some());
    let hold = claim.hold.unwrap();
    let covers =
        |urgency| hold.covers(&Causes { updates: vec![update(3)], ..Causes::default() }, urgency, &policy(), now());
    assert!(covers(Urgency::Low) && !covers(Urgency::Normal));
}

#[test]
fn what_ends_or_is_disabled_waits_for_no_approval_and_cannot_be_approved() {
    let disabled = Queued { disabled: Some("exam week".into()), ..emergency("python-ml", 850) };
    assert_eq!(needs_approval(&disabled, &policy()), None);
    let (build, claim) = waiting(&disabled);
    let ApprovalDecision::Refused { message } = ruled(&input(false), &build, &claim, "one") else { panic!() };
    assert_eq!(message, "python-ml-x86_64-17 stops, since its template is disabled: exam week");
}

#[test]
fn an_approval_of_the_build_before_is_told_by_the_name_of_the_one_that_took_its_place() {
    let mut next = approved(&emergency("python-ml", 850));
    next.build = target("python-ml").build(18);
    let (build, claim) = waiting(&next);
    let input = ApprovalInput { build: next.build.clone(), ..input(false) };
    let ApprovalDecision::AlreadyApplied { message } = ruled(&input, &build, &claim, "two") else { panic!() };
    assert_eq!(message, "python-ml-x86_64-18 may start, at a cost of $8.50 at most");
}

// ------------------------------------------------------------------------------------------------ what people are told

fn ids(waiting: &[Queued], told: &[(&str, &str)], now: &str) -> Vec<String> {
    let told = told.iter().map(|(id, told_at)| ((*id).to_owned(), at(told_at))).collect();
    due_reminders(waiting, &told, &policy(), at(now)).into_iter().map(|reminder| reminder.id).collect()
}

#[test]
fn emergency_money_is_asked_for_at_once_and_again_at_half_the_time_once_each() {
    let builds = [emergency("python-ml", 850), emergency("genomics", 850)];
    let asked = "approval-needed:emergency:ubuntu-22.04/x86_64/us-east-1/3";
    let reminder = "approval-reminder:emergency:ubuntu-22.04/x86_64/us-east-1/3";
    assert_eq!(ids(&builds, &[], NOW), [asked], "one notice of all that answer the same update");
    let told = [(asked, NOW)];
    assert!(ids(&builds, &told, "2026-11-23T18:59:59Z").is_empty());
    assert_eq!(ids(&builds, &told, "2026-11-23T19:00:00Z"), [reminder]);
    let both = [told[0], (reminder, "2026-11-23T19:00:00Z")];
    assert!(ids(&builds, &both, "2026-11-23T23:00:00Z").is_empty());
}

#[test]
fn a_low_level_update_whose_own_notice_has_told_of_it_is_told_of_again_at_half_the_time() {
    let builds = [low("python-ml"), low("genomics")];
    assert!(ids(&builds, &[], "2026-12-08T16:59:59Z").is_empty());
    let reminder = "approval-reminder:low:ubuntu-22.04/x86_64/us-east-1/3";
    assert_eq!(ids(&builds, &[], "2026-12-08T17:00:00Z"), [reminder]);
}

#[test]
fn an_urgent_request_is_told_of_by_itself_and_an_approval_that_got_too_small_anew() {
    let mut urgent = emergency("python-ml", 850);
    urgent.demand.causes.urgent_request = Some("one".parse().unwrap());
    assert_eq!(ids(std::slice::from_ref(&urgent), &[], NOW), ["approval-needed:emergency:python-ml-x86_64-17"]);
    assert!(reminder_when_queued(&urgent, &policy(), now()).is_some());
    assert_eq!(
        reminder_when_queued(&emergency("python-ml", 850), &policy(), now()),
        None,
        "others may answer the same update"
    );
    let dearer = Queued { estimate: cents(900), ..approved(&urgent) };
    let again = format!("approval-needed:emergency:python-ml-x86_64-17:{NOW}");
    let told = [("approval-needed:emergency:python-ml-x86_64-17", NOW)];
    assert_eq!(ids(&[dearer], &told, NOW), [again]);
}

#[test]
fn nobody_is_told_of_a_build_that_is_approved_rejected_or_past_its_deadline_for_a_second_time() {
    let rejected = Queued { ends: Some("was rejected".into()), ..emergency("python-ml", 850) };
    assert!(ids(&[approved(&emergency("python-ml", 850)), rejected], &[], NOW).is_empty());
    let asked = "approval-needed:emergency:ubuntu-22.04/x86_64/us-east-1/3";
    let late = "2026-11-23T21:00:00Z";
    assert_eq!(ids(&[emergency("python-ml", 850)], &[], late), [asked], "it is told of for the first time");
    assert!(ids(&[emergency("python-ml", 850)], &[(asked, late)], "2026-11-24T21:00:00Z").is_empty());
}

#[test]
fn a_build_that_is_queued_after_the_notice_of_its_update_gets_one_of_its_own() {
    let asked = "approval-needed:emergency:ubuntu-22.04/x86_64/us-east-1/3";
    let late = Queued { queued_at: at("2026-11-23T17:10:00Z"), ..emergency("genomics", 850) };
    let builds = [emergency("python-ml", 850), late];
    let own = "approval-needed:emergency:genomics-x86_64-17";
    assert_eq!(ids(&builds, &[(asked, NOW)], "2026-11-23T17:15:00Z"), [own]);
    let told = [(asked, NOW), (own, "2026-11-23T17:15:00Z")];
    assert!(ids(&builds, &told, "2026-11-23T17:20:00Z").is_empty());
}
