//! Items that a newer version wrote, as this one reads them after going back to it. `newer_items.json` has real items of each
//! kind, to which the tests add what a newer version may.

use std::collections::BTreeMap;

use crate::base_images::{Dependant, UpdateRecord, WatchRun};
use crate::clearings::ClearingRecord;
use crate::notices::NoticeRecord;
use crate::pages::PageRecord;
use crate::requests::RequestRecord;
use crate::templates::TemplateRecord;
use prism_domain::build::{Build, Channel, Image};
use prism_domain::claim::Claim;
use prism_domain::decision::Decision;
use prism_domain::ledger::Balance;
use prism_domain::policy::Policy;
use prism_domain::update::TrackedImage;
use prism_domain::watch::Trouble;
use serde_json::{Value, json};

use super::{Fault, Item, Readings, Record};

/// The words of each kind of record that a newer version may add to, by their paths.
const WORDS: [(&str, &[&str]); 8] = [
    ("claim", &["held.stage", "held.queued.demand.trigger", "held.queued.demand.urgency", "held.slot.source"]),
    ("build", &["request.trigger", "request.urgency", "reservation.source", "ending.kind"]),
    ("update", &["update_type", "security_level", "confidence", "direction"]),
    ("tracked", &["id.architecture"]),
    ("trouble", &["kind"]),
    ("dependant", &["target.architecture"]),
    ("decision", &["kind"]),
    ("notice", &["kind"]),
];

fn items() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("newer_items.json")).unwrap()
}

fn as_item(value: &Value) -> Item {
    serde_dynamo::to_item(value).unwrap()
}

fn reading(kind: &str, value: &Value) -> Result<(), Fault> {
    fn of<T: Record>(item: Item) -> Result<(), Fault> {
        T::read(item).map(|_| ())
    }
    let item = as_item(value);
    match kind {
        "balance" => of::<Balance>(item),
        "build" => of::<Build>(item),
        "channel" => of::<Channel>(item),
        "claim" => of::<Claim>(item),
        "clearing" => of::<ClearingRecord>(item),
        "decision" => of::<Decision>(item),
        "dependant" => of::<Dependant>(item),
        "image" => of::<Image>(item),
        "look" => of::<WatchRun>(item),
        "notice" => of::<NoticeRecord>(item),
        "page" => of::<PageRecord>(item),
        "policy" => of::<Policy>(item),
        "request" => of::<RequestRecord>(item),
        "template" => of::<TemplateRecord>(item),
        "tracked" => of::<TrackedImage>(item),
        "trouble" => of::<Trouble>(item),
        "update" => of::<UpdateRecord>(item),
        "plan" | "running" => Ok(()),
        other => panic!("which type is {other}?"),
    }
}

/// The same item with another value at a path.
fn changed(value: &Value, path: &str, new: Value) -> Value {
    let mut item = value.clone();
    *item.pointer_mut(&format!("/{}", path.replace('.', "/"))).unwrap() = new;
    item
}

#[test]
fn a_field_that_only_a_newer_version_knows_changes_nothing_for_any_record() {
    for (kind, value) in items() {
        assert_eq!(reading(&kind, &value), Ok(()), "{kind}");
        let mut newer = value.clone();
        newer["a_newer_field"] = json!({ "of": ["a", "newer", 1] });
        for inner in ["held", "request", "frozen", "current", "target", "plan"] {
            if newer[inner].is_object() {
                newer[inner]["a_newer_field"] = json!(true);
            }
        }
        if let Some(cause) = newer.pointer_mut("/next/cause") {
            cause["a_newer_field"] = json!(true);
        }
        if let Some(base) = newer.pointer_mut("/base_images/0") {
            base["a_newer_field"] = json!(true);
        }
        assert_eq!(reading(&kind, &newer), Ok(()), "{kind}");
    }
}

#[test]
fn what_waits_on_a_claim_and_base_images_of_a_policy_are_among_the_items() {
    let has = |kind: &str, path: &str| items()[kind].pointer(path).is_some_and(Value::is_object);
    assert!(has("claim", "/next/cause") && has("policy", "/base_images/0"));
}

#[test]
fn a_word_that_only_a_newer_version_knows_sets_that_record_aside_by_its_field() {
    let items = items();
    for (kind, paths) in WORDS {
        for path in paths {
            let fault = reading(kind, &changed(&items[kind], path, json!("unheard-of"))).unwrap_err();
            assert_eq!(fault.field.as_deref(), Some(*path), "{kind}: {}", fault.reason);
            assert!(!fault.reason.is_empty());
        }
    }
}

#[test]
fn of_many_claims_only_the_one_that_a_newer_version_wrote_is_set_aside() {
    let claim = &items()["claim"];
    let newer = changed(claim, "held.queued.demand.trigger", json!("season"));
    let mut claims: Readings<Claim> = Readings::default();
    for (name, value) in [("astronomy-x86_64", claim), ("biology-x86_64", &newer), ("chemistry-x86_64", claim)] {
        claims.take("prism-state", as_item(&changed(value, "sk", json!(name))));
    }
    assert_eq!(claims.values.len(), 2);
    let [aside] = claims.unreadable.as_slice() else { panic!("{:?}", claims.unreadable) };
    assert_eq!((aside.pk.as_str(), aside.sk.as_str()), ("CLAIM", "biology-x86_64"));
    assert_eq!(aside.field.as_deref(), Some("held.queued.demand.trigger"));
    assert_eq!(crate::claims::target_of(aside).unwrap().to_string(), "biology-x86_64");
}
