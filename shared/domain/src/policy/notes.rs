//! What of a policy has no effect, and which line it needs.

use jiff::Timestamp;

use super::Policy;
use crate::duration::humanize;
use crate::level::SecurityLevel;
use crate::money::MicroDollars;

impl Policy {
    /// One sentence for each part that is off, or that says something a person may not have meant. Part of the
    /// answer to whoever sets the policy, and of every status.
    #[must_use]
    pub fn notes(&self, now: Timestamp) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.seasonal_note(now));
        notes.extend(self.prep_note(now));
        notes.extend(self.grant_note());
        notes.extend(self.deadline_notes());
        notes.extend(self.age_notes());
        notes.extend(self.budget_notes());
        notes
    }

    fn seasonal_note(&self, now: Timestamp) -> Option<String> {
        self.seasonal_precompilation.as_ref().filter(|seasonal| seasonal.enabled)?;
        if self.semesters.is_empty() {
            return Some(
                "seasonal_precompilation is off: it needs the first days of the semesters; \
                 add semesters: [{name: spring, starts: 2027-01-18}]"
                    .to_owned(),
            );
        }
        self.precompilation_runs(now).is_empty().then(|| {
            "seasonal_precompilation is off: every semester has started already; add the next one to semesters"
                .to_owned()
        })
    }

    fn prep_note(&self, now: Timestamp) -> Option<String> {
        let name = self.semester_prep_window.as_ref()?;
        if self.prep_break(now).is_some() {
            return None;
        }
        let known = self.breaks.iter().any(|b| b.name.eq_ignore_ascii_case(name));
        Some(if known {
            format!("semester_prep_window is off: the break \"{name}\" is over; add the next one to breaks")
        } else {
            format!(
                "semester_prep_window is off: it needs the days of \"{name}\"; \
                 add breaks: [{{name: {name}, from: 2027-06-01, to: 2027-08-31}}]"
            )
        })
    }

    fn grant_note(&self) -> Option<String> {
        match (self.budget_tracking, self.grants.is_empty()) {
            (true, true) => Some(
                "budget_tracking books costs by template alone: to book them against grants, \
                 add grants: [{name: NSF-1234567, templates: [python-ml]}]"
                    .to_owned(),
            ),
            (false, false) => Some("grants is off: add budget_tracking: true to book costs against them".to_owned()),
            _ => None,
        }
    }

    /// A worse level that may take longer than a milder one.
    fn deadline_notes(&self) -> Vec<String> {
        let pairs = SecurityLevel::ALL.into_iter().zip(SecurityLevel::ALL.into_iter().skip(1));
        pairs
            .filter(|(worse, milder)| self.deadlines.of(*worse) > self.deadlines.of(*milder))
            .map(|(worse, milder)| {
                format!(
                    "{worse}_window is longer than {milder}_window: {worse} updates may take longer than {milder} ones"
                )
            })
            .collect()
    }

    /// Ages that a base image has to have which is not watched, and those that last beyond a deadline.
    fn age_notes(&self) -> Vec<String> {
        let catalogue = self.catalogue();
        let mut notes = Vec::new();
        for age in &self.minimum_age {
            let field =
                age.base.as_ref().map_or_else(|| "minimum_age".to_owned(), |base| format!("minimum_age of {base}"));
            if age.base.as_ref().is_some_and(|base| catalogue.find(base).is_none()) {
                notes.push(format!("{field} is off: there is no such base image; prism base-images list shows all"));
                continue;
            }
            for level in SecurityLevel::ALL {
                let (kept, within) = (age.of(level), self.deadlines.of(level));
                if kept > within {
                    let (kept, within) = (humanize(kept), humanize(within));
                    notes.push(format!(
                        "{field} keeps {level} updates back for {kept}, which is longer than {level}_window, {within}"
                    ));
                }
            }
        }
        notes
    }

    fn budget_notes(&self) -> Vec<String> {
        let budgets = [
            ("daily_budget", self.budgets.daily, "no high-urgency and no popular build can start"),
            ("monthly_budget", self.budgets.monthly, "only critical builds can start"),
            ("emergency_budget", self.budgets.emergency, "no critical build can start"),
        ];
        let mut notes: Vec<String> = budgets
            .into_iter()
            .filter(|(_, limit, _)| *limit == MicroDollars::ZERO)
            .map(|(field, _, effect)| format!("{field} is $0.00: {effect}"))
            .collect();
        if self.budgets.daily > self.budgets.monthly {
            notes.push("daily_budget is more than monthly_budget, which ends the day's spending first".to_owned());
        }
        notes
    }
}
