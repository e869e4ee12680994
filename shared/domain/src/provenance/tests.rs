use serde_json::json;

use super::*;
use crate::fixtures::{self, at, target};
use crate::level::Urgency;

const IMAGE: &str = "arn:aws:imagebuilder:us-east-1:123456789012:image/prism-python-ml-x86-64/1.0.17/1";
const RECIPE: &str = "arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/prism-python-ml-x86-64/1.0.17";
const ASKED: &str = "2026-11-23T10:01:00.7Z";

fn own() -> OwnNames {
    OwnNames { image: IMAGE.to_owned(), recipe: RECIPE.to_owned(), ami: "prism-python-ml-x86_64-17 ".to_owned() }
}

/// Build 17, which has frozen what it builds and runs.
fn build() -> Build {
    let frozen = json!({
        "base": "ubuntu-22.04", "base_image_id": "ami-00000001", "content_hash": "0123456789ab", "template": {},
        "regions": ["us-east-1"], "policy_version": 1,
    });
    let frozen = Some(serde_json::from_value(frozen).unwrap());
    Build { frozen, ..fixtures::build(target("python-ml").build(17), &[], at(ASKED)) }
}

fn ended(frozen: bool) -> Build {
    let ending = json!({ "kind": "stopped", "message": "it was stopped", "at": "2026-11-23T11:00:00Z" });
    let build = Build { ending: Some(serde_json::from_value(ending).unwrap()), ..build() };
    if frozen { build } else { Build { frozen: None, ..build } }
}

fn held(number: u32, stage: Stage) -> Held {
    let demand = fixtures::demand(Urgency::Normal, "2026-12-23T10:01:00Z");
    fixtures::held(fixtures::queued(target("python-ml").build(number), demand, ASKED, 1), stage)
}

fn image() -> BuilderImage {
    BuilderImage {
        arn: IMAGE.to_owned(),
        recipe: Some(RECIPE.to_owned()),
        created_at: Some(at("2026-11-23T10:01:00Z")),
    }
}

fn verified(image: &BuilderImage) -> Result<(), Rejected> {
    verify_image(&build(), Some(&held(17, Stage::Building)), &own(), image)
}

#[test]
fn the_image_of_a_build_that_runs_is_believed() {
    assert_eq!(verified(&image()), Ok(()));
}

#[test]
fn an_image_of_another_name_or_number_is_not_believed() {
    for other in ["image/prism-golden-x86-64/1.0.17/1", "image/prism-python-ml-x86-64/1.0.16/1"] {
        let arn = format!("arn:aws:imagebuilder:us-east-1:123456789012:{other}");
        assert_eq!(verified(&BuilderImage { arn, ..image() }), Err(Rejected::OtherArn));
    }
    let second = IMAGE.replace("/1.0.17/1", "/1.0.17/2");
    assert_eq!(verified(&BuilderImage { arn: second, ..image() }), Err(Rejected::OtherArn), "somebody ran it again");
}

#[test]
fn an_image_of_another_recipe_or_of_none_is_not_believed() {
    for recipe in [Some(RECIPE.replace("1.0.17", "1.0.18")), None] {
        assert_eq!(verified(&BuilderImage { recipe, ..image() }), Err(Rejected::OtherRecipe));
    }
}

#[test]
fn an_image_that_is_older_than_the_request_or_of_unknown_age_is_not_believed() {
    let older = at("2026-11-23T10:00:59Z");
    assert_eq!(verified(&BuilderImage { created_at: Some(older), ..image() }), Err(Rejected::Older(older)));
    assert_eq!(verified(&BuilderImage { created_at: None, ..image() }), Err(Rejected::UnknownAge));
}

#[test]
fn a_build_that_waits_or_does_not_hold_its_claim_has_no_image() {
    for held in [Some(held(17, Stage::Waiting)), Some(held(18, Stage::Building)), None] {
        assert_eq!(verify_image(&build(), held.as_ref(), &own(), &image()), Err(Rejected::NotBuilding));
    }
}

#[test]
fn an_ended_build_may_have_left_an_image_if_it_had_begun() {
    assert_eq!(verify_image(&ended(true), None, &own(), &image()), Ok(()));
    assert_eq!(verify_image(&ended(false), None, &own(), &image()), Err(Rejected::NotBuilding));
}

fn ami() -> Ami {
    let tags = [(BUILD_TAG, "python-ml-x86_64-17"), CREATED_BY, (IMAGE_TAG, IMAGE)];
    Ami {
        id: "ami-00000002".parse().unwrap(),
        name: "prism-python-ml-x86_64-17 2026-11-23T10-02-00.000Z".to_owned(),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        created_at: Some(at("2026-11-23T10:02:00Z")),
        snapshots: vec!["snap-1".to_owned()],
    }
}

fn tagged(key: &str, value: &str) -> BTreeMap<String, String> {
    let mut tags = ami().tags;
    tags.insert(key.to_owned(), value.to_owned());
    tags
}

#[test]
fn the_ami_of_a_build_is_believed() {
    assert_eq!(verify_ami(&build(), &own(), &ami()), Ok(()));
}

#[test]
fn an_ami_of_another_name_is_not_believed_however_it_is_tagged() {
    for name in ["golden-production", "prism-python-ml-x86_64-170 2026-11-23T10-02-00.000Z"] {
        let ami = Ami { name: name.to_owned(), ..ami() };
        assert_eq!(verify_ami(&build(), &own(), &ami), Err(Rejected::OtherName), "{name}");
    }
}

#[test]
fn an_ami_that_lacks_one_of_the_tags_is_not_believed() {
    for key in [BUILD_TAG, CREATED_BY.0, IMAGE_TAG] {
        let mut other = ami();
        other.tags.remove(key);
        assert_eq!(verify_ami(&build(), &own(), &other), Err(Rejected::OtherTag(key)));
        let other = Ami { tags: tagged(key, "another"), ..ami() };
        assert_eq!(verify_ami(&build(), &own(), &other), Err(Rejected::OtherTag(key)));
    }
}

#[test]
fn an_ami_that_is_older_than_the_request_is_not_believed() {
    let older = at("2026-11-22T10:02:00Z");
    let ami = Ami { created_at: Some(older), ..ami() };
    assert_eq!(verify_ami(&build(), &own(), &ami), Err(Rejected::Older(older)));
}

#[test]
fn a_snapshot_is_believed_by_what_image_builder_writes_and_by_its_age() {
    let described = |description: &str, tags, created_at| Snapshot {
        id: "snap-1".to_owned(),
        description: description.to_owned(),
        tags,
        created_at: Some(created_at),
    };
    let snapshot = |tags, created_at| described("Created by CreateImage(i-1) for ami-1", tags, created_at);
    let verify = |snapshot| verify_snapshot(&build(), &own(), &snapshot, false);
    let (older, later) = (at("2026-11-22T10:02:00Z"), at("2026-11-23T10:02:00Z"));
    assert_eq!(verify(snapshot(ami().tags, later)), Ok(()));
    assert_eq!(verify(snapshot(ami().tags, older)), Err(Rejected::Older(older)));
    let copied = "Copied for DestinationAmi ami-1 from SourceAmi ami-2 for SourceSnapshot snap-2.";
    assert_eq!(verify(described(copied, ami().tags, later)), Ok(()));
    for other in ["", "last night's backup", "This snapshot is created by the AWS Backup service."] {
        assert_eq!(verify(described(other, ami().tags, later)), Err(Rejected::OtherOrigin), "tags are no proof");
        let other = described(other, ami().tags, later);
        assert_eq!(verify_snapshot(&build(), &own(), &other, true), Ok(()), "the AMI that was removed named it");
    }
    for key in [CREATED_BY.0, IMAGE_TAG] {
        assert_eq!(verify(snapshot(tagged(key, "another"), later)), Err(Rejected::OtherTag(key)));
    }
}
