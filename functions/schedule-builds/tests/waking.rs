//! Whom schedule-builds wakes, and which looks it starts, against AWS in memory.

use plan_build::PlanBuild;
use prism_aws::keys;
use prism_testing::{Aws, NOW, target};
use schedule_builds::ScheduleBuilds;
use serde_json::{Value, json};

const NIGHT: &str = "2026-11-24T02:00:00Z";
const NEXT_NIGHT: &str = "2026-11-25T02:00:00Z";

/// A build that is parked until this moment, as the state machine parks it.
async fn parked(until: &str) -> Aws {
    let aws = Aws::with_waiting_build::<PlanBuild>().await;
    aws.put(&keys::token(&target().build(2)), &json!({ "token": "of-build-2", "awaits": "turn" }));
    aws.change(&keys::claim(&target()), |claim| {
        claim["held"]["parked"] = json!({ "until": until, "reason": "waits" });
    });
    aws
}

async fn looked(aws: &Aws, at: &str) -> Value {
    aws.ask::<ScheduleBuilds>(json!({}), at).await
}

#[tokio::test]
async fn a_build_is_woken_when_its_turn_has_come_and_not_before() {
    let aws = parked(NIGHT).await;
    assert_eq!(looked(&aws, NOW).await["woken"], json!(0));
    assert_eq!(aws.answered(), Vec::<String>::new());
    assert_eq!(looked(&aws, NIGHT).await["woken"], json!(1));
    assert_eq!(aws.answered(), ["of-build-2"]);
}

#[tokio::test]
async fn a_build_that_could_start_sooner_than_its_claim_says_stays_parked_and_its_claim_says_so() {
    let aws = parked(NEXT_NIGHT).await;
    assert_eq!(looked(&aws, NOW).await["woken"], json!(0));
    let parked = aws.get(&keys::claim(&target())).unwrap()["held"]["parked"].clone();
    assert_eq!((&parked["until"], &parked["waits_for"]), (&json!(NIGHT), &json!("slot")));
    let revision = |aws: &Aws| aws.get(&keys::claim(&target())).unwrap()["revision"].clone();
    let before = revision(&aws);
    looked(&aws, NOW).await;
    assert_eq!(revision(&aws), before, "it is said once");
}

#[tokio::test]
async fn a_build_that_is_on_its_way_to_the_gate_is_left_alone() {
    let aws = Aws::with_waiting_build::<PlanBuild>().await;
    assert_eq!(looked(&aws, NIGHT).await, json!({ "waiting": 1, "woken": 0, "looks": 0, "told": 0 }));
}

#[tokio::test]
async fn a_look_that_nobody_took_up_is_started_again_and_not_twice() {
    let aws = Aws::new().with_template().with_image().with_move("high");
    aws.change(&keys::claim(&target()), |claim| claim["wanted"] = json!(NOW));
    assert_eq!(looked(&aws, NOW).await["looks"], json!(1));
    assert_eq!(aws.started(), [json!({ "template": "lab", "architectures": ["x86_64"], "only_if_due": true })]);
    assert_eq!(looked(&aws, NOW).await["looks"], json!(0), "it is on its way now");
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_wakes_nobody() {
    let aws = parked(NIGHT).await;
    aws.put(&keys::policy(), &json!({ "version": "one" }));
    assert_eq!(looked(&aws, NIGHT).await["waiting"], json!(0));
    assert_eq!(aws.answered(), Vec::<String>::new());
}
