use prism_domain::id::TrackedImageId;
use prism_domain::unreadable::UnreadableRecord;
use prism_domain::watch::TroubleKind;

use super::*;
use crate::look::tests::{look, plain};
use crate::samples::{self, trouble};

fn facts() -> Facts {
    let mut ledger = Ledger::default();
    for (period, committed, spent) in
        [("daily#2026-11-23", 3_200_000, 1_200_000), ("monthly#2026-11", 81_500_000, 79_500_000)]
    {
        let balance = ledger.balances.entry(period.parse().unwrap()).or_default();
        balance.committed.0 = committed;
        balance.spent.0 = spent;
    }
    let all = samples::everything();
    let image = all.bases.values().find_map(|base| Some(base.tracked.as_ref()?.id.clone())).unwrap();
    let other = TrackedImageId { name: "rocky-9".parse().unwrap(), ..image.clone() };
    let absent = "names ami-00000009, which does not exist";
    let troubles = [image, other].map(|id| trouble(&id, TroubleKind::Absent, absent)).to_vec();
    Facts { all, decisions: samples::decisions(), ledger, running: Some(1), troubles, remedy: None }
}

#[test]
fn what_is_overdue_is_told_with_the_remedy_that_was_played() {
    let mut facts = facts();
    let late = |target: &mut TargetStanding| {
        if let Condition::Queued { deadline, .. } = &mut target.condition {
            *deadline = samples::at("2026-11-24T01:30:00Z");
        }
    };
    facts.all.templates.iter_mut().flat_map(|standing| &mut standing.targets).for_each(late);
    let change = prism_domain::remedy::Change::Budget { source: BudgetSource::Daily, by: MicroDollars(15_200_000) };
    let delayed = vec!["genomics-x86_64-2".parse().unwrap()];
    facts.remedy = Some(Remedy { change, late: 3, saved: 2, delayed });
    let status = status(facts, look().now);
    assert_eq!(status.templates[0].name.as_str(), "python-ml", "it comes first");
    insta::assert_snapshot!(plain(&status.overdue().text(&look())), @"
    Overdue:
    ├── python-ml: ⚠ Pending security update (high), queued for tonight (02:00 UTC, in 9 hours): python-ml-x86_64-5 waits for the off-peak window, which opens 02:00 UTC; it is due 01:30 UTC, which it misses by 1 hour 10 minutes
    └── ⚠ 3 builds miss their deadlines. To save 2 of them: raise daily_budget by $15.20 in the policy; genomics-x86_64-2 starts later then
    ");
}

#[test]
fn a_status_shows_every_template_the_money_what_happened_and_what_is_wrong() {
    let status = status(facts(), look().now);
    insta::assert_snapshot!(plain(&status.text(&look())));
    insta::assert_json_snapshot!(status);
}

#[test]
fn records_that_cannot_be_read_are_shown_first() {
    let record = |pk: &str, sk: &str| UnreadableRecord::new("prism-state", pk, sk, Some("version"), "expected num");
    let unreadable = vec![record("CLAIM", "biology-x86_64"), record("POLICY", "CURRENT")];
    let mut facts = facts();
    facts.all = Everything { policy: None, unreadable, ..facts.all };
    facts.running = None;
    let told = plain(&status(facts, look().now).text(&look()));
    let first: Vec<&str> = told.lines().take(7).collect();
    assert_eq!(first[2], "Records That Cannot Be Read:");
    assert!(first[3].ends_with(
        "the record CLAIM biology-x86_64 in the table prism-state cannot be read: field version: expected num"
    ));
    assert!(first[6].ends_with("To mend it: replace it with your policy: prism policy apply FILE"), "{told}");
    assert!(told.contains("The policy in force cannot be read, and so its limits are not known"), "{told}");
    assert!(told.contains("Running builds: not known"), "{told}");
}

#[test]
fn a_region_whose_launches_do_not_get_the_image_is_shown_with_its_template() {
    let mut facts = facts();
    let channel = facts.all.templates[0].targets[0].channel.as_mut().unwrap();
    channel.amis.insert("eu-central-1".parse().unwrap(), "ami-00000010".parse().unwrap());
    channel.verified.insert("eu-central-1".parse().unwrap(), channel.version - 1);
    let text = plain(&status(facts, look().now).text(&look()));
    let line = "basics (x86_64): ✓ Compiled (last: 2 days ago) (launches in eu-central-1 do not get it yet)";
    assert!(text.contains(line), "{text}");
}

#[test]
fn the_status_of_an_empty_stack_says_what_to_do() {
    let empty = Everything { templates: Vec::new(), bases: Bases::new(), ..samples::everything() };
    let facts = Facts { all: empty, decisions: Vec::new(), running: Some(0), ..facts() };
    insta::assert_snapshot!(plain(&status(facts, look().now).text(&look())));
}
