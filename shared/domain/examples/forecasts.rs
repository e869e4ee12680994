//! Times forecasts of queues of 1,000 and of 10,000 builds: how many microseconds each build takes.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures time, and tells people")]

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use prism_domain::approval::Causes;
use prism_domain::forecast::forecast;
use prism_domain::ledger::Ledger;
use prism_domain::level::Urgency;
use prism_domain::money::MicroDollars;
use prism_domain::policy::Policy;
use prism_domain::queued::Queued;
use prism_domain::request::BuildTrigger;
use prism_domain::schedule::Load;
use prism_domain::slot::Demand;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now: Timestamp = "2026-11-23T10:00:00Z".parse()?;
    let mut policy = Policy { max_concurrent_builds: 20, ..Policy::default() };
    policy.budgets.daily = MicroDollars::dollars(1_000);
    policy.budgets.monthly = MicroDollars::dollars(30_000);
    for size in [1_000, 10_000] {
        let queue: Vec<Queued> = (0..size).map(|number| waiting(number, now)).collect::<Result<_, _>>()?;
        let mut best = f64::MAX;
        for _ in 0..9 {
            let begun = Instant::now();
            let foreseen = forecast(&queue, &[], &Ledger::default(), &Load::default(), &policy, now);
            best = best.min(begun.elapsed().as_secs_f64());
            if foreseen.iter().any(|outlook| outlook.start.is_none()) {
                return Err("a build never starts".into());
            }
        }
        println!("{size} builds: {:.2} microseconds a build", best * 1e6 / f64::from(size));
    }
    Ok(())
}

/// Builds of all urgencies, costs and durations.
fn waiting(number: u32, now: Timestamp) -> Result<Queued, Box<dyn std::error::Error>> {
    let urgency = [Urgency::Normal, Urgency::High, Urgency::Normal, Urgency::Critical][number as usize % 4];
    let demand = Demand {
        urgency,
        priority: 50,
        trigger: BuildTrigger::Security,
        deadline: now + SignedDuration::from_hours(24 + i64::from(number % 97)),
        expected: SignedDuration::from_mins(20 + i64::from(number % 37)),
        not_before: None,
        by_hand: false,
        level: None,
        causes: Causes::default(),
    };
    Ok(Queued {
        build: format!("t{number}-x86_64-1").parse()?,
        demand,
        permits: Vec::new(),
        queued_at: now,
        estimate: MicroDollars(1_000_000 + 10_000 * i64::from(number % 211)),
        max_cost: None,
        disabled: None,
        approval: None,
        base_image_id: None,
        is_again: false,
        ends: None,
    })
}
