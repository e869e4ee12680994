//! What closing a build writes, against AWS in memory.

use close_build::CloseBuild;
use plan_build::PlanBuild;
use prism_aws::error::Error;
use prism_aws::keys;
use prism_testing::{Aws, EXECUTION, target};
use serde_json::{Value, json};

const LATER: &str = "2026-11-23T17:30:00Z";

async fn waiting() -> Aws {
    Aws::with_waiting_build::<PlanBuild>().await
}

/// What closing answers that the state machine asks for since the execution has failed like this.
async fn closed(aws: &Aws, failure: Value) -> Value {
    let input = json!({ "execution": EXECUTION, "stopped": null, "failure": failure });
    aws.ask::<CloseBuild>(input, LATER).await
}

fn failure(cause: &str) -> Value {
    json!({ "Error": "PermanentFault", "Cause": json!({ "errorMessage": cause }).to_string() })
}

#[tokio::test]
async fn a_build_that_failed_frees_its_claim_and_is_tried_again_in_15_minutes() {
    let aws = waiting().await;
    assert_eq!(closed(&aws, failure("no space left")).await["ending"], json!("failed"));
    let claim = aws.claim();
    assert_eq!(claim["held"], Value::Null);
    assert_eq!(claim["attempts"]["message"], json!("no space left"));
    assert_eq!(claim["wanted"], json!("2026-11-23T17:45:00Z"));
    assert!(aws.started().is_empty(), "not at once");
}

#[tokio::test]
async fn a_template_that_cannot_be_built_has_failed_itself_and_a_fault_of_aws_is_not_its() {
    let named = |error: Error| json!({ "Error": error.name(), "Cause": "{}" });
    for (error, failures) in [(Error::CannotBuild("why".into()), 1), (Error::lost_race("claiming"), 0)] {
        let aws = waiting().await;
        closed(&aws, named(error)).await;
        assert_eq!(aws.claim()["attempts"]["failures"], json!(failures));
    }
}

#[tokio::test]
async fn closing_twice_counts_one_failure() {
    let aws = waiting().await;
    closed(&aws, failure("no space left")).await;
    let once = aws.claim();
    closed(&aws, failure("no space left")).await;
    assert_eq!(aws.claim()["attempts"], once["attempts"]);
    assert_eq!(aws.count("TEMPLATE#lab", "DECISION#"), 2, "planned and closed");
}

#[tokio::test]
async fn what_a_person_asked_for_while_it_ran_is_looked_at_at_once() {
    let aws = waiting().await;
    aws.change(&keys::claim(&target()), |claim| claim["next"] = json!({ "template": "lab" }));
    closed(&aws, failure("no space left")).await;
    let started = aws.started();
    assert_eq!((started.len(), &started[0]["only_if_due"]), (1, &json!(true)));
}

#[tokio::test]
async fn a_claim_that_changed_between_reading_and_writing_is_read_again() {
    let aws = waiting().await;
    aws.meanwhile(|items| {
        items.change(&keys::claim(&target()), |claim| {
            claim["next"] = json!({ "template": "lab" });
            claim["revision"] = json!(claim["revision"].as_u64().unwrap() + 1);
        });
    });
    closed(&aws, failure("no space left")).await;
    assert_eq!(aws.claim()["next"]["template"], json!("lab"), "what was asked for meanwhile is kept");
    assert_eq!(aws.build(2).unwrap()["ending"]["kind"], json!("failed"));
}
