use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::assessment::UpdateType;
use crate::fixtures::{self, now};
use crate::id::Target;
use crate::level::SecurityLevel;
use crate::patch::Patch;
use crate::policy::Policy;
use crate::request::{CompilationRequest, RequestInput, compile_request};
use crate::update::BaseImageUpdate;

/// As long a name as a template may have.
fn target() -> Target {
    fixtures::target(&"x".repeat(48))
}

/// What is known of a cause: its level, its age in hours, and whether it is one of security.
type Known = (usize, i64, bool);

fn update(number: u32, (level, age, security): Known) -> BaseImageUpdate {
    let base = "y".repeat(64);
    BaseImageUpdate {
        id: format!("{base}/x86_64/us-east-1/{number}").parse().unwrap(),
        update_type: if security { UpdateType::Security } else { UpdateType::Maintenance },
        security_level: SecurityLevel::ALL[level],
        updated_at: now() - SignedDuration::from_hours(age),
        ..fixtures::update()
    }
}

fn patch(number: u32, (level, age, _): Known) -> Patch {
    let id = format!("{}/0123456789ab", target().build(number));
    fixtures::patch(&id, SecurityLevel::ALL[level], now() - SignedDuration::from_hours(age))
}

fn compile(updates: &[BaseImageUpdate], patches: &[Patch]) -> CompilationRequest {
    compile_request(&RequestInput::only_if_due(&target()), &target(), updates, patches, &Policy::default(), now())
}

fn numbered<T>(known: Vec<Known>, make: impl Fn(u32, Known) -> T) -> Vec<T> {
    known.into_iter().zip(1..).map(|(known, number)| make(number, known)).collect()
}

fn known(most: usize) -> impl Strategy<Value = Vec<Known>> {
    prop::collection::vec((0..SecurityLevel::ALL.len(), 0_i64..2_000, any::<bool>()), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_build_that_answers_many_requests_is_as_wanted_as_all_of_them(one in known(90), other in known(90)) {
        let one = numbered(one, update);
        let other: Vec<BaseImageUpdate> = numbered(other, |number, known| update(number + 60, known));
        let (first, second) = (compile(&one, &[]), compile(&other, &[]));
        let both = first.clone().absorbing(&second);
        prop_assert!(both.base_image_updates.len() <= NAMED);
        prop_assert_eq!(both.level, first.level.max(second.level));
        prop_assert_eq!(both.deadline, first.deadline.min(second.deadline));
        let newest = one.iter().chain(&other).map(|update| update.id.sequence).max();
        prop_assert_eq!(both.base_image_updates.iter().map(|id| id.sequence).max(), newest);
    }
}

#[test]
fn a_build_that_names_as_much_as_it_may_is_far_below_the_limit_of_an_item() {
    let updates = numbered(vec![(0, 1, true); 9_000], update);
    let patches = numbered(vec![(0, 1, true); 9_000], patch);
    let request = compile(&updates, &patches);
    assert_eq!(request.unnamed, 2 * (9_000 - 50));
    let length = serde_json::to_vec(&request).unwrap().len();
    assert!(length < 20_000, "{length} bytes");
}

proptest! {
    #[test]
    fn each_is_left_once_and_those_that_rank_highest(values in prop::collection::vec(0_u32..200, 0..400)) {
        let distinct: BTreeSet<u32> = values.iter().copied().collect();
        let mut left = values;
        let left_out = bound(&mut left, NAMED, |value| *value);
        prop_assert_eq!(left.len(), distinct.len().min(NAMED));
        prop_assert_eq!(left.len() + left_out as usize, distinct.len());
        let highest: BTreeSet<u32> = distinct.iter().rev().take(NAMED).copied().collect();
        prop_assert_eq!(left.into_iter().collect::<BTreeSet<u32>>(), highest);
    }
}

#[test]
fn what_is_not_too_much_keeps_its_order() {
    let mut values = vec![3, 1, 3, 2, 1];
    assert_eq!(bound(&mut values, 3, |value| *value), 0);
    assert_eq!(values, [3, 1, 2]);
}
