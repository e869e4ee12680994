//! How a move of a base image is answered, against AWS in memory.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use prism_aws::keys;
use prism_aws::stream::StreamEvent;
use prism_domain::id::UpdateId;
use prism_testing::{Aws, NOW, ami, target};
use respond_to_update::RespondToUpdate;
use serde_json::{Value, json};

fn update() -> UpdateId {
    "debian-12/x86_64/us-east-1/1".parse().unwrap()
}

/// A move that nobody has told of yet, under one template.
fn moved() -> Aws {
    let aws = Aws::new().with_template().with_image().with_move("high");
    aws.change(&keys::update(&update()), |record| {
        record["announced_at"] = Value::Null;
        record["responded_at"] = Value::Null;
    });
    aws
}

async fn answered(aws: &Aws) {
    let answer = aws.ask::<RespondToUpdate>(StreamEvent::naming(&keys::update(&update())), NOW).await;
    assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
}

fn responded(aws: &Aws) -> bool {
    !aws.get(&keys::update(&update())).unwrap()["responded_at"].is_null()
}

#[tokio::test]
async fn a_move_is_told_once_and_everybody_who_stands_on_the_base_image_is_looked_at() {
    let aws = moved();
    answered(&aws).await;
    assert_eq!((aws.started().len(), aws.count("NOTICE#2026-11-23", "")), (1, 1));
    assert!(responded(&aws));
    assert!(!aws.claim()["wanted"].is_null(), "a look that is lost is started again");
}

#[tokio::test]
async fn a_move_that_is_answered_is_not_answered_again() {
    let aws = moved();
    answered(&aws).await;
    answered(&aws).await;
    assert_eq!((aws.started().len(), aws.count("NOTICE#2026-11-23", "")), (1, 1));
}

#[tokio::test]
async fn an_image_that_stands_on_the_new_one_already_is_left_alone() {
    let aws = moved();
    let key = keys::dependant(&"debian-12".parse().unwrap(), &target());
    aws.change(&key, |dependant| dependant["base_image_id"] = json!(ami(2)));
    answered(&aws).await;
    assert_eq!((aws.started().len(), aws.count("NOTICE#2026-11-23", "")), (0, 0));
    assert!(responded(&aws));
}
