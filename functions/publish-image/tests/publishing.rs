//! Publishing an image, against AWS in memory.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use prism_aws::keys;
use prism_testing::{Aws, NOW, REGION, ami, target};
use publish_image::PublishImage;
use serde_json::{Value, json};

const PARAMETER: &str = "/prism/auto-ami/lab/x86_64/latest";

/// Build 2 has made an image; build 1 is published.
fn made() -> Aws {
    let aws = Aws::new().with_template().with_image();
    let mut build = aws.build(1).unwrap();
    let fields = json!({
        "id": target().build(2), "revision": 5, "published_at": null, "ending": null,
        "frozen": {
            "base": "debian-12", "base_image_id": ami(2), "root_device": null, "content_hash": "0123456789ab",
            "built_from": { "source_hash": "1-a", "revision": 7, "by_name": false }, "template": null, "patch": null,
            "regions": [REGION], "rates": null, "policy_version": 0,
        },
        "outcome": {
            "result": { "status": "available", "amis": { REGION: ami(92) } }, "ended_at": NOW, "arn": "arn:two",
        },
    });
    build.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    aws.put(&keys::build(&target().build(2)), &build);
    aws
}

fn channel(aws: &Aws) -> Value {
    aws.get(&keys::channel(&target())).unwrap()
}

async fn publish(aws: &Aws) {
    aws.ask::<PublishImage>(json!({ "build_id": "lab-x86_64-2" }), NOW).await;
}

#[tokio::test]
async fn a_published_image_is_what_launches_get_and_the_channel_says_of_what_it_was_made() {
    let aws = made();
    publish(&aws).await;
    assert_eq!(aws.parameter(PARAMETER), Some(ami(92)));
    let channel = channel(&aws);
    assert_eq!((&channel["build"], &channel["built_from"]["revision"]), (&json!("lab-x86_64-2"), &json!(7)));
    assert_eq!(aws.build(2).unwrap()["published_at"], json!(NOW));
}

#[tokio::test]
async fn publishing_twice_changes_nothing() {
    let aws = made();
    publish(&aws).await;
    let once = (channel(&aws)["since"].clone(), aws.build(2));
    publish(&aws).await;
    assert_eq!((channel(&aws)["since"].clone(), aws.build(2)), once);
}

#[tokio::test]
async fn a_channel_that_has_moved_on_is_not_moved_back() {
    let aws = made();
    aws.meanwhile(|items| {
        items.change(&keys::channel(&target()), |channel| {
            channel["build"] = json!("lab-x86_64-3");
            channel["amis"] = json!({ REGION: ami(93) });
            channel["version"] = json!(2);
        });
    });
    publish(&aws).await;
    assert_eq!(channel(&aws)["build"], json!("lab-x86_64-3"));
    assert_eq!(aws.parameter(PARAMETER), Some(ami(93)), "launches get the newer one");
}
