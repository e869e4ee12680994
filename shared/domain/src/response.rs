//! What a move of a base image means for the templates that stand on it: who is rebuilt and when, and who is not and
//! why.

use jiff::{SignedDuration, Timestamp};

use crate::approval::{ApprovalFor, approval_for};
use crate::due::{LEFT_BEHIND, not_rebuilt};
use crate::id::{AmiId, Target};
use crate::permit::Permit;
use crate::policy::Policy;
use crate::request::{RequestInput, compile_request};
use crate::slot::{Slot, slot};
use crate::update::{BaseImageUpdate, Direction, TrackedImage};

/// A template whose published image stands on the base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependant {
    /// The template and architecture.
    pub target: Target,
    /// The image that its published image stands on, where that is known.
    pub base_image_id: Option<AmiId>,
    /// How long its next build is expected to run.
    pub expected: SignedDuration,
    /// Whether its template is for another architecture now, and nobody asked for this one by its name.
    pub left_behind: bool,
    /// Why it cannot be built, or is not to be, if so.
    pub hindrance: Option<String>,
}

/// A rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The template and architecture.
    pub target: Target,
    /// When it starts and who pays, once it is approved.
    pub slot: Slot,
    /// What a person has to approve before that, if anything.
    pub approval: Option<ApprovalFor>,
}

/// The response to a move: every dependant is planned, skipped or hindered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// Who is rebuilt, and when that is planned.
    pub plans: Vec<Planned>,
    /// Who need not be or, after a withdrawal, is not to be, and why.
    pub skipped: Vec<(Target, String)>,
    /// Who should be and cannot, and why.
    pub hindered: Vec<(Target, String)>,
    /// Those of the two whose image stands on one that was withdrawn.
    pub kept: Vec<Target>,
}

/// The response to a move. `tracked`: what the base image is by now, on which whatever is built will stand, and was before.
#[must_use]
pub fn respond(
    update: &BaseImageUpdate,
    tracked: &TrackedImage,
    dependants: impl IntoIterator<Item = Dependant>,
    policy: &Policy,
    now: Timestamp,
) -> Response {
    let back = update.direction == Direction::Back;
    let current = &tracked.current.image_id;
    let withdrawn_images = if back { withdrawn(update, tracked) } else { Vec::new() };
    let mut response = Response::default();
    for dependant in dependants {
        let Dependant { target, base_image_id, expected, left_behind, hindrance } = dependant;
        let withdrawn = back && base_image_id.as_ref().is_none_or(|stands_on| withdrawn_images.contains(&stands_on));
        let skipped = if base_image_id.as_ref() == Some(current) {
            Some(format!("its image stands on {current} already"))
        } else if left_behind {
            Some(LEFT_BEHIND.to_owned())
        } else if back && !withdrawn {
            Some(format!("its image does not stand on {} or another that was withdrawn", update.previous_image_id))
        } else if back && !policy.rebuild_on_rollback {
            Some(not_rebuilt(update))
        } else {
            None
        };
        let is_left = skipped.is_some() || hindrance.is_some();
        if is_left && withdrawn && base_image_id.as_ref() != Some(current) {
            response.kept.push(target.clone());
        }
        match (skipped, hindrance) {
            (Some(reason), _) => response.skipped.push((target, reason)),
            (None, Some(reason)) => response.hindered.push((target, reason)),
            (None, None) => response.plans.push(planned(target, update, expected, policy, now)),
        }
    }
    response
}

/// What a move back takes back: the image that it came from and, of those before it, all that were made after the one that
/// it went to, as far as EC2 tells when.
fn withdrawn<'a>(update: &'a BaseImageUpdate, tracked: &'a TrackedImage) -> Vec<&'a AmiId> {
    let newer = tracked.past.iter().filter(|past| {
        past.image.created_at.zip(update.image_created_at).is_some_and(|(past, went_to)| past > went_to)
    });
    let newer = newer.map(|past| &past.image.image_id).filter(|image| **image != update.image_id);
    std::iter::once(&update.previous_image_id).chain(newer).collect()
}

/// The rebuild of a target, by the same rules by which it will be queued.
fn planned(
    target: Target,
    update: &BaseImageUpdate,
    expected: SignedDuration,
    policy: &Policy,
    now: Timestamp,
) -> Planned {
    let input = RequestInput::only_if_due(&target);
    let request = compile_request(&input, &target, std::slice::from_ref(update), &[], policy, now);
    let approval = approval_for(request.urgency, request.by_hand, policy);
    Planned { target, slot: slot(&Permit::of(&request), expected, policy, now), approval }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::{self, at};
    use crate::level::SecurityLevel;
    use crate::seen_image::SeenImage;
    use crate::update::PastImage;

    fn now() -> Timestamp {
        at("2026-11-23T17:00:00Z")
    }

    fn ami(number: u8) -> AmiId {
        format!("ami-000000{number:02}").parse().unwrap()
    }

    /// From the first image to the second, or back from the second to the first.
    fn update(direction: Direction) -> BaseImageUpdate {
        let (from, to) = if direction == Direction::Back { (2, 1) } else { (1, 2) };
        BaseImageUpdate { image_id: ami(to), previous_image_id: ami(from), direction, ..fixtures::update() }
    }

    fn dependant(name: &str, stands_on: Option<u8>) -> Dependant {
        Dependant {
            target: fixtures::target(name),
            base_image_id: stands_on.map(ami),
            expected: SignedDuration::from_mins(45),
            left_behind: false,
            hindrance: None,
        }
    }

    /// The n-th image, made on the n-th of November.
    fn image(number: u8) -> SeenImage {
        let created_at = Some(at(&format!("2026-11-{number:02}T00:00:00Z")));
        SeenImage { created_at, ..SeenImage::new(ami(number), "name") }
    }

    /// A base image that is the first of these by now, and was the others before, the newest first.
    fn tracked(images: &[u8]) -> TrackedImage {
        let past = |number: &u8| PastImage { image: image(*number), until: now() };
        TrackedImage {
            id: update(Direction::Forward).id.image,
            current: image(images[0]),
            since: now(),
            sequence: 1,
            past: images[1..].iter().map(past).collect(),
            returns: Vec::new(),
            quarantine: None,
        }
    }

    fn respond_to(direction: Direction, current: u8, dependants: Vec<Dependant>, policy: &Policy) -> Response {
        respond(&update(direction), &tracked(&[current]), dependants, policy, now())
    }

    #[test]
    fn who_stands_on_any_image_that_is_newer_than_what_it_went_back_to_is_told() {
        // From the fifth, which came after the fourth, back to the third; it has been the second, too.
        let (went_to, came_from) = (image(3), ami(5));
        let back = BaseImageUpdate {
            image_id: went_to.image_id,
            image_created_at: went_to.created_at,
            previous_image_id: came_from,
            ..update(Direction::Back)
        };
        let told_of = |update: &BaseImageUpdate| {
            let dependants = (2..=5).map(|number| dependant(&format!("on-{number}"), Some(number)));
            let response = respond(update, &tracked(&[3, 5, 4, 2]), dependants, &Policy::default(), now());
            response.kept.iter().map(|target| target.template.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(told_of(&back), ["on-4", "on-5"]);
        let undated = BaseImageUpdate { image_created_at: None, ..back };
        assert_eq!(told_of(&undated), ["on-5"], "it is not known which of the others are newer");
    }

    #[test]
    fn who_stands_on_what_it_moved_from_is_rebuilt_by_the_rule_by_which_it_is_queued() {
        let response = respond_to(Direction::Forward, 2, vec![dependant("python-ml", Some(1))], &Policy::default());
        let [planned] = response.plans.as_slice() else { panic!("{response:?}") };
        assert_eq!((planned.target.template.as_str(), planned.approval), ("python-ml", None));
        assert_eq!(planned.slot.reason, "waits for the off-peak window, which opens 02:00 UTC");
    }

    #[test]
    fn who_stands_on_what_it_is_by_now_is_not_built_again() {
        let response = respond_to(Direction::Forward, 2, vec![dependant("python-ml", Some(2))], &Policy::default());
        assert_eq!(response.skipped[0].1, "its image stands on ami-00000002 already");
        assert!(response.plans.is_empty() && response.kept.is_empty());
    }

    #[test]
    fn who_cannot_be_built_is_passed_over_and_holds_up_nobody() {
        let broken = Dependant { hindrance: Some("the template is gone".into()), ..dependant("gone", Some(1)) };
        let dependants = vec![broken, dependant("python-ml", Some(1))];
        let response = respond_to(Direction::Forward, 2, dependants, &Policy::default());
        assert_eq!(response.hindered[0].1, "the template is gone");
        assert_eq!((response.plans.len(), response.skipped.len()), (1, 0));
    }

    #[test]
    fn who_needs_no_rebuild_is_hindered_by_nothing() {
        let disabled = Dependant { hindrance: Some("it is disabled".into()), ..dependant("python-ml", Some(2)) };
        let response = respond_to(Direction::Forward, 2, vec![disabled], &Policy::default());
        assert!(response.hindered.is_empty() && response.skipped.len() == 1);
    }

    #[test]
    fn who_stands_on_a_withdrawn_image_is_rebuilt_only_where_the_policy_says_so() {
        let disabled = || Dependant { hindrance: Some("it is disabled".into()), ..dependant("disabled", Some(2)) };
        let all = || vec![dependant("on-older", Some(1)), dependant("on-withdrawn", Some(2)), disabled()];
        let names = |targets: &[Target]| targets.iter().map(|target| target.template.to_string()).collect::<Vec<_>>();
        let left = respond_to(Direction::Back, 1, all(), &Policy::default());
        assert!(left.plans.is_empty());
        assert_eq!(names(&left.kept), ["on-withdrawn", "disabled"]);
        insta::assert_snapshot!(left.skipped[1].1, @"its base image went back from ami-00000002 to the older ami-00000001: it is not rebuilt on that, since rebuild_on_rollback is false in the policy");
        let policy = Policy { rebuild_on_rollback: true, ..Policy::default() };
        let rebuilt = respond_to(Direction::Back, 1, all(), &policy);
        assert_eq!(rebuilt.plans[0].target.template.as_str(), "on-withdrawn");
        assert_eq!(names(&rebuilt.kept), ["disabled"]);
    }

    #[test]
    fn a_withdrawal_that_is_over_by_now_concerns_nobody() {
        let response = respond_to(Direction::Back, 2, vec![dependant("python-ml", Some(2))], &Policy::default());
        assert!(response.plans.is_empty() && response.kept.is_empty());
    }

    proptest! {
        #[test]
        fn every_dependant_is_planned_or_it_is_said_why_it_is_not(
            stands_on in prop::collection::vec((prop::option::of(1..4_u8), any::<bool>()), 0..30),
            back: bool, rebuild: bool, current in 1..4_u8,
        ) {
            let direction = if back { Direction::Back } else { Direction::Forward };
            let policy = Policy { rebuild_on_rollback: rebuild, ..Policy::default() };
            let dependants: Vec<Dependant> = stands_on.iter().enumerate().map(|(number, (image, hindered))| Dependant {
                hindrance: hindered.then(|| "why".to_owned()),
                ..dependant(&format!("template-{number}"), *image)
            }).collect();
            let response = respond_to(direction, current, dependants.clone(), &policy);
            let mut named: Vec<&Target> = response.plans.iter().map(|planned| &planned.target).collect();
            let left = || response.skipped.iter().chain(&response.hindered);
            named.extend(left().map(|(target, _)| target));
            named.sort();
            let mut all: Vec<&Target> = dependants.iter().map(|dependant| &dependant.target).collect();
            all.sort();
            prop_assert_eq!(named, all);
            prop_assert!(left().all(|(_, reason)| !reason.is_empty()));
            prop_assert!(response.kept.iter().all(|kept| left().any(|(target, _)| target == kept)));
            prop_assert!(response.kept.is_empty() || back);
            prop_assert!(response.plans.is_empty() || !back || rebuild);
        }

        #[test]
        fn what_waits_for_approval_is_planned_as_waiting_for_it(
            level in prop::sample::select(SecurityLevel::ALL.to_vec()), low: bool, emergency: bool,
        ) {
            let policy = Policy { low_needs_approval: low, emergency_needs_approval: emergency, ..Policy::default() };
            let update = BaseImageUpdate { security_level: level, ..update(Direction::Forward) };
            let response = respond(&update, &tracked(&[2]), [dependant("python-ml", Some(1))], &policy, now());
            let expected = match level {
                SecurityLevel::Low if low => Some(ApprovalFor::LowUpdate),
                SecurityLevel::Critical if emergency => Some(ApprovalFor::EmergencyMoney),
                _ => None,
            };
            prop_assert_eq!(response.plans[0].approval, expected);
        }
    }
}
