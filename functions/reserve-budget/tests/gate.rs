//! What the gate makes of a build that waits, against AWS in memory.

use plan_build::PlanBuild;
use prism_aws::keys::{self, Key};
use prism_domain::id::Target;
use prism_testing::{Aws, EXECUTION, ami, target};
use reserve_budget::ReserveBudget;
use serde_json::{Value, json};

const NIGHT: &str = "2026-11-24T02:00:00Z";

async fn waiting() -> Aws {
    Aws::with_waiting_build::<PlanBuild>().await
}

/// What the gate answers at night.
async fn decided(aws: &Aws) -> Value {
    aws.ask::<ReserveBudget>(json!({ "build_id": "lab-x86_64-2", "execution": EXECUTION }), NIGHT).await
}

/// Where the day's money is booked.
fn day() -> Key {
    Key { pk: "LEDGER".to_owned(), sk: "daily#2026-11-24".to_owned() }
}

#[tokio::test]
async fn a_build_whose_time_has_come_reserves_its_money_and_is_frozen() {
    let aws = waiting().await;
    assert_eq!(decided(&aws).await["answer"], json!("go"));
    let build = aws.build(2).unwrap();
    assert_eq!(build["frozen"]["base_image_id"], json!(ami(2)));
    let reserved = &build["reservation"]["amount"];
    assert_eq!(aws.get(&day()).unwrap()["committed"], *reserved);
    assert_eq!(aws.get(&keys::running()).unwrap()["count"], json!(1));
    assert_eq!(aws.claim()["held"]["stage"], json!("building"));
}

#[tokio::test]
async fn who_is_more_urgent_goes_first_unless_the_queue_was_just_looked_over_and_the_turn_is_granted() {
    let aws = waiting().await;
    aws.put(&keys::policy(), &json!({ "version": 1, "max_concurrent_builds": 1 }));
    let other: Target = Target { template: "other".parse().unwrap(), ..target() };
    let mut claim = aws.claim();
    claim["target"] = json!(other);
    claim["held"]["queued"]["build"] = json!(other.build(1));
    claim["held"]["queued"]["demand"]["urgency"] = json!("critical");
    claim["held"]["queued"]["permits"][0]["urgency"] = json!("critical");
    aws.put(&keys::claim(&other), &claim);
    let answer = decided(&aws).await;
    assert_eq!(answer["answer"], json!("wait"));
    assert!(answer["reason"].as_str().unwrap().contains("1 is about to start"), "{answer}");
    let granted = json!({ "build_id": "lab-x86_64-2", "execution": EXECUTION, "granted": true });
    assert_eq!(aws.ask::<ReserveBudget>(granted, NIGHT).await["answer"], json!("go"));
}

#[tokio::test]
async fn a_build_that_waits_comes_to_the_gate_by_itself_within_the_hour_after_its_time() {
    let aws = waiting().await;
    let input = json!({ "build_id": "lab-x86_64-2", "execution": EXECUTION });
    let answer = aws.ask::<ReserveBudget>(input, "2026-11-24T01:00:00Z").await;
    assert_eq!((&answer["until"], &answer["waits_for"]), (&json!(NIGHT), &json!("slot")));
    let minutes = answer["wait_seconds"].as_i64().unwrap() / 60;
    assert!((60 + 15..60 + 45).contains(&minutes), "{minutes}");
}

#[tokio::test]
async fn the_gate_asked_twice_reserves_once() {
    let aws = waiting().await;
    decided(&aws).await;
    let once = aws.get(&day());
    assert_eq!(decided(&aws).await["answer"], json!("go"));
    assert_eq!(aws.get(&day()), once);
}

#[tokio::test]
async fn a_build_of_which_nothing_is_due_any_more_stops() {
    let aws = waiting().await;
    // The image that it was to bring is published meanwhile.
    aws.change(&keys::channel(&target()), |channel| channel["base_image_id"] = json!(ami(2)));
    let answer = decided(&aws).await;
    assert_eq!(answer["answer"], json!("stop"));
    assert!(answer["reason"].as_str().unwrap().contains("nothing is due any more"), "{answer}");
    assert_eq!(aws.build(2).unwrap()["reservation"], Value::Null);
}

#[tokio::test]
async fn money_that_somebody_else_took_between_reading_and_writing_is_not_spent_twice() {
    let aws = waiting().await;
    // Another build commits all but a cent of the day's budget of $25.
    aws.meanwhile(|items| items.put(&day(), &json!({ "committed": 24_990_000, "spent": 0 })));
    let answer = decided(&aws).await;
    assert_eq!(answer["answer"], json!("wait"));
    assert!(answer["reason"].as_str().unwrap().contains("tomorrow's daily budget"), "{answer}");
    assert_eq!(aws.get(&day()).unwrap()["committed"], json!(24_990_000));
}

#[tokio::test]
async fn somebody_who_joins_between_reading_and_writing_is_not_forgotten() {
    let aws = waiting().await;
    aws.meanwhile(|items| {
        items.change(&keys::build(&target().build(2)), |build| {
            build["joined"] = json!(["other"]);
            build["revision"] = json!(build["revision"].as_u64().unwrap() + 1);
        });
    });
    assert_eq!(decided(&aws).await["answer"], json!("go"));
    assert_eq!(aws.build(2).unwrap()["joined"], json!(["other"]));
}
