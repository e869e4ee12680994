//! What is foreseen of the builds that wait and run, as the schedule itself would play it now.

use prism_aws::policies;
use prism_aws::queue::{Forecast, Queue};
use prism_domain::remedy::Remedy;

use crate::stack::Stack;

/// Reads the queue and plays it forward. Empty, if the policy cannot be read.
pub async fn read(stack: &Stack) -> anyhow::Result<Forecast> {
    let Some(policy) = policies::readable(&stack.table).await? else { return Ok(Forecast::default()) };
    Ok(Queue::read(&stack.table, &policy, stack.now).await?.forecast(&policy, stack.now))
}

/// What a person could change so that builds meet their deadlines.
pub async fn remedy(stack: &Stack) -> anyhow::Result<Option<Remedy>> {
    let Some(policy) = policies::readable(&stack.table).await? else { return Ok(None) };
    Ok(Queue::read(&stack.table, &policy, stack.now).await?.remedy(&policy, stack.now))
}
