//! What people are told of builds that wait for approval.

use jiff::Timestamp;
use termtree::Tree;

use super::{NAMED, Notice, NoticeKind, branch, count, subject, when};
use crate::approval::ApprovalFor;
use crate::approving::{Again, ApprovalReminder, Needed};
use crate::money::MicroDollars;
use crate::problem::printable;
use crate::queued::Queued;
use crate::zone::Zone;

/// Builds wait for approval. `reason`: why a person asked for the first, in that person's words. None: no build waits.
#[must_use]
pub fn approval_needed(
    reminder: &ApprovalReminder<'_>,
    reason: Option<&str>,
    zone: &Zone,
    now: Timestamp,
) -> Option<Notice> {
    let (first, _) = reminder.builds.first()?;
    let total = reminder.builds.iter().map(|(queued, _)| queued.estimate).sum::<MicroDollars>();
    let who = match reminder.builds.as_slice() {
        [(one, _)] => one.build.to_string(),
        many => count(many.len(), "build"),
    };
    let what = match reminder.what {
        ApprovalFor::EmergencyMoney => format!("{total} of emergency money"),
        ApprovalFor::LowUpdate => format!("a low-level update, {total}"),
    };
    let title = if reminder.reminds { "Approval still needed" } else { "Approval needed" };
    let tree = match reminder.builds.as_slice() {
        [(one, needed)] => branch(format!("Build: {}", one.build), facts(one, *needed, reason, zone, now)),
        many => several(first, many, zone, now),
    };
    Some(Notice {
        id: reminder.id.clone(),
        kind: NoticeKind::ApprovalNeeded,
        subject: subject(&format!("{title}: {who}, {what}")),
        body: format!("{title}\n\n{tree}\n{}", ways(first, reminder)),
        created_at: now,
    })
}

/// Builds that answer the same update, a line each.
fn several(first: &Queued, builds: &[(&Queued, Needed)], zone: &Zone, now: Timestamp) -> Tree<String> {
    let update = first.demand.causes.updates.iter().max();
    let mut lines: Vec<String> = update.iter().map(|update| format!("For: the update {update}")).collect();
    lines.push(format!("Urgency: {}", first.demand.urgency));
    lines.extend(builds.iter().take(NAMED).map(|(queued, _)| {
        format!("{}: {}, due {}", queued.build, queued.estimate, when(queued.demand.deadline, now, zone))
    }));
    let others = builds.len().saturating_sub(NAMED);
    if others > 0 {
        lines.push(format!("and {others} more: prism approvals list"));
    }
    branch(format!("Builds that wait for approval: {}", builds.len()), lines)
}

fn facts(queued: &Queued, needed: Needed, reason: Option<&str>, zone: &Zone, now: Timestamp) -> Vec<String> {
    let mut facts = vec![format!("Cost: {}", queued.estimate)];
    let causes = &queued.demand.causes;
    facts.extend(causes.urgent_request.iter().map(|request| format!("For: the urgent request {request}")));
    facts.extend(reason.map(|reason| format!("Reason given: {}", printable(reason, 200))));
    facts.extend(causes.updates.iter().map(|update| format!("For: the update {update}")));
    facts.extend(causes.patches.iter().map(|patch| format!("For: the patch {patch}")));
    facts.push(format!("Urgency: {}", queued.demand.urgency));
    facts.extend(needed.again.map(|again| match again {
        Again::Dearer { approved } => format!("Approved so far: {approved}, which is less than it costs by now"),
        Again::Worse => "Approved so far: something less urgent than what it is for by now".to_owned(),
    }));
    facts.push(format!("Waits since: {}", zone.clock(queued.queued_at, now)));
    facts.push(format!("Due: {}", when(queued.demand.deadline, now, zone)));
    facts
}

/// Who can approve it, how, and what happens otherwise.
fn ways(first: &Queued, reminder: &ApprovalReminder<'_>) -> String {
    let (build, template) = (&first.build, &first.build.target.template);
    let which = if reminder.builds.len() == 1 { "it" } else { "one" };
    let mut approve = vec![
        format!("prism builds approve {build}"),
        format!("or, in the Step Functions console, an execution of approve-build with {{\"build\": \"{build}\"}}"),
    ];
    if reminder.what == ApprovalFor::LowUpdate {
        approve.push(format!("or start a build of the template by hand: prism templates auto-ami build {template}"));
    }
    let approve = branch(format!("To approve {which} (whoever may start executions of approve-build)"), approve);
    let reject = format!("To reject {which}: prism builds reject {build} --reason \"...\"");
    let otherwise = if reminder.blocks {
        "Until then nothing is built, past the deadline too: launches get the image that is published now."
    } else {
        "Without it, builds start as high ones do: in the urgent window, on the day's money."
    };
    format!("{approve}{reject}\n{otherwise}\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::approving::due_reminders;
    use crate::approving::tests::{emergency, low};
    use crate::fixtures::now;
    use crate::policy::Policy;

    use super::*;

    fn told(builds: Vec<(&Queued, Needed)>, reminds: bool, reason: Option<&str>) -> String {
        let reminder = ApprovalReminder { id: "an id".into(), reminds, what: builds[0].1.what, blocks: true, builds };
        let notice = approval_needed(&reminder, reason, &Zone::utc(), now()).unwrap();
        format!("{}\n\n{}", notice.subject, notice.body)
    }

    #[test]
    fn an_urgent_request_that_waits_for_approval_is_told_with_how_to_approve_it() {
        let mut build = emergency("python-ml", 850);
        build.demand.causes.updates.clear();
        build.demand.causes.urgent_request = Some("9d2c".parse().unwrap());
        let needed = Needed { what: ApprovalFor::EmergencyMoney, again: None };
        insta::assert_snapshot!(told(vec![(&build, needed)], false, Some("the exam \u{1b}[2J begins at noon")));
    }

    #[test]
    fn a_build_that_got_dearer_than_what_was_approved_is_told_with_both_sums() {
        let build = emergency("python-ml", 900);
        let again = Some(Again::Dearer { approved: MicroDollars::dollars(8) });
        let needed = Needed { what: ApprovalFor::EmergencyMoney, again };
        let told = told(vec![(&build, needed)], false, None);
        assert!(told.contains("Approved so far: $8.00, which is less than it costs by now"), "{told}");
    }

    #[test]
    fn a_critical_build_that_starts_without_the_approval_says_so() {
        let build = emergency("python-ml", 850);
        let told = |overflow| {
            let policy = Policy { emergency_needs_approval: true, emergency_overflow: overflow, ..Policy::default() };
            let reminder = due_reminders([&build], &BTreeMap::new(), &policy, now()).remove(0);
            approval_needed(&reminder, None, &Zone::utc(), now()).unwrap().body
        };
        assert!(told(true).contains("Without it, builds start as high ones do"), "{}", told(true));
        assert!(told(false).contains("Until then nothing is built"), "{}", told(false));
    }

    #[test]
    fn many_low_level_rebuilds_are_one_reminder() {
        let builds: Vec<Queued> = (0..23).map(|number| low(&format!("template-{number}"))).collect();
        let needed = Needed { what: ApprovalFor::LowUpdate, again: None };
        insta::assert_snapshot!(told(builds.iter().map(|build| (build, needed)).collect(), true, None));
    }
}
