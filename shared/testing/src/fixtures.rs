//! Items as the functions write them: a template `lab` on `debian-12`, for `x86_64`, and what has become of it.

use prism_aws::keys;
use prism_aws::runtime::Function;
use prism_domain::architecture::Architecture;
use prism_domain::id::{Target, TrackedImageId, UpdateId};
use serde_json::{Value, json};

use crate::{Aws, REGION};

/// When tests begin: a Monday afternoon.
pub const NOW: &str = "2026-11-23T17:00:00Z";

/// The execution that a test is about.
pub const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:build-image:one";

/// The image of this number.
#[must_use]
pub fn ami(number: u32) -> String {
    format!("ami-{number:08}")
}

/// The target of the template.
///
/// # Panics
///
/// Never: its name is one.
#[must_use]
pub fn target() -> Target {
    Target { template: "lab".parse().unwrap(), architecture: Architecture::X86_64 }
}

fn tracked() -> TrackedImageId {
    let (name, region) = ("debian-12".parse().unwrap(), REGION.parse().unwrap());
    TrackedImageId { name, architecture: Architecture::X86_64, region }
}

/// The input of `plan-build` for a look at what the target is due.
#[must_use]
pub fn look() -> Value {
    let wish = json!({ "template": "lab", "architectures": ["x86_64"], "only_if_due": true });
    json!({ "execution": EXECUTION, "started": NOW, "request": "one", "input": wish })
}

impl Aws {
    /// AWS in which a build waits for tonight, since its base image has moved. `Plan`: the function that plans it.
    pub async fn with_waiting_build<Plan: Function>() -> Self {
        let aws = Self::new().with_template().with_image().with_move("high");
        aws.ask::<Plan>(look(), NOW).await;
        aws
    }

    /// The template is applied, and its base image has been seen.
    #[must_use]
    pub fn with_template(self) -> Self {
        let target = target();
        let written = json!({
            "name": "Lab", "slug": "lab", "base": "debian-12", "version": "1.0.0", "packages": { "system": ["git"] },
        });
        self.put(&keys::template(&target.template), &json!({
            "name": "lab", "template": written, "revision": 1, "applied_at": "2026-11-01T00:00:00Z", "disabled": null,
        }));
        self.base_image(1, 0, &[]);
        self
    }

    /// Its image of build 1 is published; it stands on the first image of its base.
    #[must_use]
    pub fn with_image(self) -> Self {
        let target = target();
        let run = json!({
            "arn": "arn:aws:imagebuilder:us-east-1:123456789012:image/prism-lab-x86-64/1.0.1/1",
            "started_at": "2026-11-20T02:00:00Z",
        });
        let request = json!({
            "target": target, "trigger": "manual", "priority": 50, "urgency": "normal", "level": null, "max_cost": null,
            "base_image_updates": [], "security_patches": [], "deadline": "2026-11-27T00:00:00Z", "by_hand": true,
            "reason": null, "requested_at": "2026-11-20T01:00:00Z",
        });
        self.put(&keys::build(&target.build(1)), &json!({
            "id": target.build(1), "request_id": "a", "execution": "arn:first", "request": request, "joined": [],
            "frozen": null, "reservation": null, "run": run, "outcome": null, "published_at": "2026-11-20T03:00:00Z",
            "ending": { "kind": "complete", "message": "its image is published", "at": "2026-11-20T03:00:00Z" },
            "revision": 3,
        }));
        self.put(
            &keys::channel(&target),
            &json!({
                "build": target.build(1), "base": "debian-12", "base_image_id": ami(1), "amis": { REGION: ami(91) },
                "since": "2026-11-20T03:00:00Z", "version": 1, "verified_version": 1,
            }),
        );
        let dependant =
            json!({ "target": target, "base_image_id": ami(1), "expected": "25 minutes", "by_name": false });
        self.put(&keys::dependant(&tracked().name, &target), &dependant);
        let claim = json!({ "target": target, "counter": 1, "held": null, "next": null, "revision": 3 });
        self.put(&keys::claim(&target), &claim);
        self
    }

    /// Its base image has moved on from the first image to the second, for a reason of this level.
    #[must_use]
    pub fn with_move(self, level: &str) -> Self {
        let id = UpdateId { image: tracked(), sequence: 1 };
        let update = json!({
            "id": id, "image_id": ami(2), "image_name": "debian-12-amd64-20261123",
            "previous_image_id": ami(1), "previous_image_name": "debian-12-amd64-20261101", "update_type": "security",
            "security_level": level, "confidence": "certain", "cves": [], "reasons": [], "updated_at": NOW,
            "changelog_url": null, "round": 0, "announced_at": NOW, "responded_at": NOW,
        });
        self.put(&keys::update(&id), &update);
        self.base_image(2, 1, &[json!({ "image": image(1), "until": NOW })]);
        self
    }

    fn base_image(&self, number: u32, sequence: u32, past: &[Value]) {
        let base = json!({
            "id": tracked(), "current": image(number), "since": NOW, "sequence": sequence, "past": past,
        });
        self.put(&keys::tracked_image(&tracked()), &base);
    }

    /// The claim of the template's target.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn claim(&self) -> Value {
        self.get(&keys::claim(&target())).unwrap()
    }

    /// A build of the template.
    #[must_use]
    pub fn build(&self, number: u32) -> Option<Value> {
        self.get(&keys::build(&target().build(number)))
    }
}

fn image(number: u32) -> Value {
    json!({
        "image_id": ami(number), "image_name": format!("debian-12-amd64-{number}"), "created_at": null,
        "root_device": "/dev/xvda", "root_volume_gb": 8,
    })
}
