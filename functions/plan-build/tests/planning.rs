//! What plan-build makes of requests and looks, against AWS in memory.

use plan_build::PlanBuild;
use prism_aws::keys;
use prism_testing::{Aws, EXECUTION, NOW, ami, look, target};
use serde_json::{Value, json};

async fn planned(aws: &Aws, input: Value) -> Value {
    aws.ask::<PlanBuild>(input, NOW).await
}

/// The same input, of another execution.
fn of_another(mut input: Value) -> Value {
    input["execution"] = json!(format!("{EXECUTION}-other"));
    input["request"] = json!("one-other");
    input
}

#[tokio::test]
async fn a_look_where_nothing_is_due_writes_nothing() {
    let aws = Aws::new().with_template().with_image();
    let before = aws.claim();
    let answer = planned(&aws, look()).await;
    assert_eq!(
        (&answer["message"], &answer["turn"]),
        (&json!("nothing is due: its image lacks nothing"), &Value::Null)
    );
    assert_eq!(aws.claim()["counter"], before["counter"]);
    assert!(aws.build(2).is_none());
}

#[tokio::test]
async fn a_look_claims_a_build_for_what_is_due() {
    let aws = Aws::new().with_template().with_image().with_move("high");
    let answer = planned(&aws, look()).await;
    assert_eq!(answer["build_id"], json!("lab-x86_64-2"));
    assert_eq!(answer["turn"]["answer"], json!("wait"));
    let held = &aws.claim()["held"];
    assert_eq!((&held["execution"], &held["queued"]["base_image_id"]), (&json!(EXECUTION), &json!(ami(2))));
    let request = &aws.build(2).unwrap()["request"];
    assert_eq!((&request["trigger"], &request["by_hand"]), (&json!("security"), &json!(false)));
}

#[tokio::test]
async fn the_same_execution_twice_plans_one_build() {
    let aws = Aws::new().with_template().with_image().with_move("high");
    let first = planned(&aws, look()).await;
    assert_eq!(planned(&aws, look()).await, first);
    assert_eq!(aws.claim()["counter"], json!(2));
}

#[tokio::test]
async fn a_look_that_loses_the_race_for_the_claim_looks_again() {
    let aws = Aws::new().with_template().with_image().with_move("high");
    // Another execution plans the same between its reading and its writing.
    let other = Aws::new().with_template().with_image().with_move("high");
    planned(&other, of_another(look())).await;
    let (claim, build) = (other.claim(), other.build(2).unwrap());
    aws.meanwhile(move |items| {
        items.put(&keys::claim(&target()), &claim);
        items.put(&keys::build(&target().build(2)), &build);
    });
    let answer = planned(&aws, look()).await;
    assert_eq!(answer["message"], json!("build lab-x86_64-2 answers it"));
    assert_eq!(aws.claim()["counter"], json!(2), "it has made no build of its own");
}

#[tokio::test]
async fn a_person_s_request_joins_the_build_that_waits() {
    let aws = Aws::new().with_template().with_image().with_move("high");
    planned(&aws, look()).await;
    let mut request = of_another(look());
    request["input"] = json!({ "template": "lab" });
    let answer = planned(&aws, request).await;
    assert_eq!(answer["build_id"], json!("lab-x86_64-2"));
    let build = aws.build(2).unwrap();
    assert_eq!(build["joined"].as_array().map(Vec::len), Some(1));
    assert_eq!(build["request"]["by_hand"], json!(true));
}

#[tokio::test]
async fn a_template_that_is_gone_is_no_fault_of_a_look() {
    let aws = Aws::new();
    let answer = planned(&aws, look()).await;
    assert!(answer["message"].as_str().unwrap().contains("not known"), "{answer}");
}
