use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::architecture::Architecture;
use crate::catalogue::BaseImage;
use crate::fixtures;
use crate::update::PastImage;

const ROCKY: &str = "792107900819";

fn rocky() -> (BaseImage, Source) {
    let base: BaseImage = serde_json::from_value(json!({
        "name": "rocky-9", "title": "Rocky Linux 9", "owner": ROCKY, "architectures": {"x86_64": "x86_64"},
        "names": ["Rocky-9-EC2-Base-9.*.{arch}"], "except": ["*-LVM-*"], "changelog": "https://rockylinux.org/news",
    }))
    .unwrap();
    let source = base.source(Architecture::X86_64).unwrap();
    (base, source)
}

/// The release of a number, made on that day.
fn release(number: u32) -> PublicImage {
    PublicImage {
        owner: ROCKY.to_owned(),
        architecture: Some("x86_64".to_owned()),
        image: SeenImage {
            created_at: Some(Timestamp::from_second(i64::from(number) * 86_400).unwrap()),
            ..SeenImage::new(
                format!("ami-{number:08x}").parse().unwrap(),
                format!("Rocky-9-EC2-Base-9.{number:03}.x86_64"),
            )
        },
    }
}

fn known(current: u32, past: &[u32]) -> TrackedImage {
    TrackedImage {
        id: fixtures::update().id.image,
        current: release(current).image,
        since: Timestamp::UNIX_EPOCH,
        sequence: 0,
        past: past.iter().map(|n| PastImage { image: release(*n).image, until: Timestamp::UNIX_EPOCH }).collect(),
        returns: Vec::new(),
        quarantine: None,
    }
}

#[test]
fn a_value_names_an_image_by_its_id_or_in_the_json_of_ecs() {
    let id: AmiId = "ami-0328612c933eaad3b".parse().unwrap();
    assert_eq!(named("ami-0328612c933eaad3b").as_ref(), Ok(&id));
    let ecs = json!({"schema_version": 1, "image_name": "al2023-ami-ecs", "image_id": "ami-0328612c933eaad3b"});
    assert_eq!(named(&ecs.to_string()).as_ref(), Ok(&id));
}

#[test]
fn a_value_that_names_no_image_is_told_in_a_sentence_that_a_terminal_can_show() {
    let (kind, sentence) = named("soon\u{1b}[2J").unwrap_err();
    assert_eq!(kind, TroubleKind::Foreign);
    insta::assert_snapshot!(sentence, @r"names no AMI but soon\u{1b}[2J");
}

#[test]
fn an_image_is_believed_only_if_it_is_there_its_vendors_and_called_so() {
    let (base, source) = rocky();
    let good = release(6);
    let look = |described: Option<&PublicImage>| believed(&base.owner, &source, &good.image.image_id, described);
    assert_eq!(look(Some(&good)), Ok(good.image.clone()));
    let stranger = PublicImage { owner: "123456789012".to_owned(), ..good.clone() };
    let mut other = good.clone();
    other.image.image_name = "Rocky-9-EC2-LVM-9.006.x86_64".to_owned();
    let arm = PublicImage { architecture: Some("arm64".to_owned()), ..good.clone() };
    let told: Vec<String> = [None, Some(&stranger), Some(&other), Some(&arm)]
        .into_iter()
        .map(|described| look(described).unwrap_err())
        .map(|(kind, sentence)| format!("{kind}: {sentence}"))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    absent: names ami-00000006, which does not exist
    foreign: names ami-00000006, which belongs to 123456789012 and not to 792107900819
    foreign: names ami-00000006, which is something else: Rocky-9-EC2-LVM-9.006.x86_64
    foreign: names ami-00000006, which is for arm64 and not for x86_64
    ");
}

#[test]
fn a_look_alike_of_another_account_is_never_the_newest() {
    let (base, source) = rocky();
    let stranger = PublicImage { owner: "123456789012".to_owned(), ..release(9) };
    let images = [release(2), stranger, release(1)];
    assert_eq!(newest(&base.owner, &source, &images), Some(&release(2).image));
}

#[test]
fn an_image_for_another_architecture_is_never_the_newest_though_its_name_fits() {
    let (base, source) = rocky();
    let arm = PublicImage { architecture: Some("arm64".to_owned()), ..release(9) };
    let untold = PublicImage { architecture: None, ..release(3) };
    assert_eq!(newest(&base.owner, &source, &[release(2), untold.clone(), arm.clone()]), Some(&untold.image));
    assert_eq!(newest(&base.owner, &source, &[arm]), None);
}

#[test]
fn of_two_images_of_the_same_moment_the_later_name_is_the_newer() {
    let (base, source) = rocky();
    let mut twin = release(2);
    twin.image.image_name = "Rocky-9-EC2-Base-9.002b.x86_64".to_owned();
    for images in [[release(2), twin.clone()], [twin.clone(), release(2)]] {
        assert_eq!(newest(&base.owner, &source, &images), Some(&twin.image));
    }
}

#[test]
fn what_came_out_while_nobody_looked_is_between_and_what_was_seen_before_is_not() {
    let (base, source) = rocky();
    let images: Vec<PublicImage> = [5, 3, 1, 4, 2, 6].map(release).into();
    let missed = between(&base.owner, &source, &known(2, &[1, 4]), &release(5).image, &images);
    assert_eq!(missed, [release(3).image.image_name]);
    assert_eq!(between(&base.owner, &source, &known(5, &[]), &release(2).image, &images), [""; 0], "it went back");
}

proptest! {
    #[test]
    fn what_is_between_is_in_order_and_within(
        numbers in prop::collection::btree_set(1_u32..60, 2..20), shuffled in any::<u64>(), cut in 0_usize..20,
    ) {
        let (base, source) = rocky();
        let mut images: Vec<PublicImage> = numbers.iter().map(|n| release(*n)).collect();
        let rotation = usize::try_from(shuffled % 97).unwrap() % images.len();
        images.rotate_left(rotation);
        let from = *numbers.iter().nth(cut % numbers.len()).unwrap();
        let newest = newest(&base.owner, &source, &images).unwrap();
        prop_assert_eq!(&newest.image_id, &release(*numbers.last().unwrap()).image.image_id);
        let missed = between(&base.owner, &source, &known(from, &[]), newest, &images);
        let expected: Vec<String> = numbers.iter().filter(|n| **n > from && *n != numbers.last().unwrap())
            .map(|n| release(*n).image.image_name).collect();
        prop_assert_eq!(missed, expected);
    }

    #[test]
    fn no_value_of_a_parameter_ends_the_look(value in "\\PC{0,200}") {
        if let Err((kind, sentence)) = named(&value) {
            prop_assert_eq!(kind, TroubleKind::Foreign);
            prop_assert!(!sentence.contains('\n'));
        }
    }
}
