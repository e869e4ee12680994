//! What is foreseen of the builds that wait and run, as the schedule itself would play it now.

use jiff::Timestamp;
use prism_aws::policies;
use prism_aws::queue::{Forecast, Queue};
use prism_domain::claim::Held;
use prism_domain::problem::printable;

use crate::stack::Stack;

/// Reads the queue and plays it forward. Empty, if the policy cannot be read.
pub async fn read(stack: &Stack) -> anyhow::Result<Forecast> {
    let Some(policy) = policies::readable(&stack.table).await? else { return Ok(Forecast::default()) };
    Ok(Queue::read(&stack.table, &policy, stack.now).await?.forecast(&policy, stack.now))
}

/// When a build that waits starts, if nothing else happens, and what it waits for now.
pub fn turn(held: &Held, forecast: &Forecast) -> (Option<Timestamp>, String) {
    match forecast.waiting.get(&held.queued.build) {
        Some(expected) => (expected.start.map(|start| start.at), printable(expected.reason(), 400)),
        None => (None, "waits: its start is not known yet".to_owned()),
    }
}

/// When a build that waits or runs will be done, if nothing else happens.
pub fn done_at(held: &Held, forecast: &Forecast) -> Option<Timestamp> {
    let build = &held.queued.build;
    let waits = forecast.waiting.get(build).and_then(|expected| expected.start).map(|start| start.ends);
    waits.or_else(|| forecast.ends.get(build).copied())
}
