use super::*;

const NOW: &str = "2026-11-23T17:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn demand(urgency: Urgency, priority: u8) -> Demand {
    Demand {
        urgency,
        priority,
        trigger: BuildTrigger::Security,
        deadline: at("2027-01-23T17:00:00Z"),
        expected: SignedDuration::from_mins(45),
        not_before: None,
        approved: true,
    }
}

/// The slot in one line.
fn told(demand: &Demand, policy: &Policy, now: &str) -> String {
    let Slot { at, source, reason } = slot(demand, policy, now.parse().unwrap());
    format!("{at} {source}: {reason}")
}

#[test]
fn urgency_and_priority_decide_when_and_who_pays() {
    let policy = Policy::default();
    insta::assert_snapshot!(told(&demand(Urgency::Critical, 100), &policy, NOW),
        @"2026-11-23T17:00:00Z emergency: starts at once on emergency money, since it is critical");
    insta::assert_snapshot!(told(&demand(Urgency::High, 90), &policy, NOW),
        @"2026-11-24T02:00:00Z daily: waits for the off-peak window, which opens 02:00 UTC (in 9 hours)");
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 70), &policy, NOW),
        @"2026-11-24T02:00:00Z daily: waits for the off-peak window, which opens 02:00 UTC (in 9 hours)");
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 69), &policy, NOW),
        @"2026-11-23T17:00:00Z monthly: starts as soon as the monthly budget allows");
    insta::assert_snapshot!(told(&demand(Urgency::High, 90), &policy, "2026-11-24T03:00:00Z"),
        @"2026-11-24T03:00:00Z daily: starts now, in the off-peak window");
}

#[test]
fn an_urgent_window_is_for_high_urgency_alone() {
    let policy = Policy { urgent_window: Some("20:00-22:00 America/New_York".parse().unwrap()), ..Policy::default() };
    insta::assert_snapshot!(told(&demand(Urgency::High, 90), &policy, NOW),
        @"2026-11-24T01:00:00Z daily: waits for the urgent window, which opens 20:00 America/New_York (in 8 hours)");
    assert_eq!(slot(&demand(Urgency::Normal, 80), &policy, at(NOW)).at, at("2026-11-24T02:00:00Z"));
}

#[test]
fn a_window_that_opens_too_late_is_not_waited_for() {
    let policy = Policy::default();
    let mut high = demand(Urgency::High, 90);
    high.deadline = at("2026-11-23T23:00:00Z");
    insta::assert_snapshot!(told(&high, &policy, NOW),
        @"2026-11-23T22:15:00Z daily: starts 22:15 UTC (in 5 hours) to be done by 23:00 UTC: the off-peak window, which opens 02:00 UTC, would be too late");
    high.deadline = at("2026-11-23T17:30:00Z");
    insta::assert_snapshot!(told(&high, &policy, NOW),
        @"2026-11-23T17:00:00Z daily: starts now to be done by 17:30 UTC: the off-peak window, which opens 02:00 UTC, would be too late");
    high.deadline = at("2026-11-23T16:00:00Z");
    insta::assert_snapshot!(told(&high, &policy, NOW),
        @"2026-11-23T17:00:00Z daily: starts now, since it was due by 16:00 UTC: the off-peak window opens 02:00 UTC");
}

#[test]
fn popularity_keeps_to_the_quiet_hours_whatever_its_deadline() {
    let mut popular = demand(Urgency::Normal, 75);
    popular.trigger = BuildTrigger::Popularity;
    popular.deadline = at(NOW);
    let policy = Policy::default();
    assert_eq!(slot(&popular, &policy, at(NOW)).at, at("2026-11-24T02:00:00Z"));
    popular.priority = 10;
    let quiet = slot(&popular, &policy, at(NOW));
    assert_eq!((quiet.at, quiet.source), (at("2026-11-24T02:00:00Z"), BudgetSource::Monthly));
}

#[test]
fn who_prefers_the_quiet_hours_has_every_other_build_wait_for_them() {
    let policy = Policy { prefer_off_peak: true, ..Policy::default() };
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 60), &policy, NOW),
        @"2026-11-24T02:00:00Z monthly: waits for the off-peak window, which opens 02:00 UTC (in 9 hours)");
    assert_eq!(slot(&demand(Urgency::Critical, 100), &policy, at(NOW)).at, at(NOW));
}

#[test]
fn a_break_that_prepares_the_semester_is_quiet_all_day() {
    let mut policy = Policy { semester_prep_window: Some("Winter".to_owned()), ..Policy::default() };
    let winter = serde_json::json!([{"name": "winter", "from": "2026-11-24", "to": "2026-12-31"}]);
    policy.breaks = serde_json::from_value(winter).unwrap();
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 80), &policy, NOW),
        @"2026-11-24T00:00:00Z daily: waits for the winter break's window, which opens 00:00 UTC (in 7 hours)");
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 80), &policy, "2026-12-31T23:00:00Z"),
        @"2026-12-31T23:00:00Z daily: starts now, in the winter break's window");
    assert_eq!(slot(&demand(Urgency::Normal, 80), &policy, at("2027-01-01T00:00:00Z")).at, at("2027-01-01T02:00:00Z"));
}

#[test]
fn a_scheduled_build_starts_no_earlier() {
    let mut later = demand(Urgency::Normal, 50);
    later.not_before = Some(at("2026-11-27T12:00:00Z"));
    insta::assert_snapshot!(told(&later, &Policy::default(), NOW),
        @"2026-11-27T12:00:00Z monthly: is scheduled for 12:00 UTC on 2026-11-27 (in 4 days)");
    later.urgency = Urgency::High;
    assert_eq!(slot(&later, &Policy::default(), at(NOW)).at, at("2026-11-28T02:00:00Z"));
    assert_eq!(slot(&later, &Policy::default(), at("2026-11-28T03:00:00Z")).at, at("2026-11-28T03:00:00Z"));
}

#[test]
fn a_person_approves_low_updates_and_on_demand_emergency_money() {
    let mut policy = Policy::default();
    let unapproved = |urgency| Demand { approved: false, ..demand(urgency, 30) };
    assert_eq!(needs_approval(&unapproved(Urgency::Low), &policy), Some(Approval::LowUrgency));
    assert_eq!(needs_approval(&unapproved(Urgency::Critical), &policy), None);
    policy.emergency_needs_approval = true;
    policy.low_needs_approval = false;
    assert_eq!(needs_approval(&unapproved(Urgency::Low), &policy), None);
    assert_eq!(needs_approval(&unapproved(Urgency::Critical), &policy), Some(Approval::EmergencyMoney));
    assert_eq!(needs_approval(&demand(Urgency::Critical, 100), &policy), None);
}
