//! What people are told of base images that cannot be followed.

use jiff::Timestamp;

use super::{NAMED, Notice, NoticeKind, branch, count, subject};
use crate::duration::humanize;
use crate::id::{Region, TrackedImageId};
use crate::problem::printable;
use crate::slot;
use crate::trial::Trial;
use crate::update::{CALM, Quarantine, TrackedImage};
use crate::watch::{Trouble, TroubleKind};
use crate::zone::Zone;

/// Base images of a region have had the same trouble for too long. None: there is nobody to tell of.
#[must_use]
pub fn base_image_trouble(
    region: &Region,
    kind: TroubleKind,
    troubles: &[Trouble],
    zone: &Zone,
    now: Timestamp,
) -> Option<Notice> {
    let first = troubles.first()?;
    let line = |trouble: &Trouble| {
        let image = format!("{} ({})", trouble.id.name, trouble.id.architecture);
        format!("{image}: {}, since {}", printable(&trouble.detail, 300), slot::told(zone, trouble.since, now))
    };
    let mut lines: Vec<String> = troubles.iter().take(NAMED).map(line).collect();
    let others = troubles.len().saturating_sub(NAMED);
    if others > 0 {
        lines.push(format!("and {}", count(others, "other")));
    }
    let title = match kind {
        TroubleKind::Missing | TroubleKind::Withdrawn => "Base images withdrawn",
        TroubleKind::Absent | TroubleKind::Foreign => "Base images not accepted",
        TroubleKind::Unreachable | TroubleKind::Throttled => "Base images cannot be looked at",
    };
    let which = match troubles {
        [one] => format!("{} ({}, {region})", one.id.name, one.id.architecture),
        many => format!("{} in {region}", many.len()),
    };
    let tree = branch(format!("{} in {region}: {kind}", count(troubles.len(), "base image")), lines);
    Some(Notice {
        id: format!("base-image-trouble:{}:{}", slashed(&first.id), first.since),
        kind: NoticeKind::BaseImageTrouble,
        subject: subject(&format!("{title}: {which}")),
        body: format!("{title}\n\n{tree}\n{}\n", meaning(kind)),
        created_at: now,
    })
}

/// A base image goes back and forth and is not followed from now on. None: it is not held.
#[must_use]
pub fn base_image_held(tracked: &TrackedImage, zone: &Zone, now: Timestamp) -> Option<Notice> {
    let Quarantine { since: held, seen, .. } = tracked.quarantine.as_ref()?;
    let id = &tracked.id;
    let facts = vec![
        format!("Its source names: {} {}", seen.image_id, printable(&seen.image_name, 128)),
        format!("It stays at: {} {}", tracked.current.image_id, printable(&tracked.current.image_name, 128)),
        format!("Went back or forth: {} within a day", count(tracked.returns.len(), "time")),
        format!("Not followed since: {}", slot::told(zone, *held, now)),
    ];
    let tree = branch(format!("Base image: {} ({}, {})", id.name, id.architecture, id.region), facts);
    let calm = humanize(CALM);
    let next = format!(
        "Nothing is rebuilt for it meanwhile. It is followed again once its source has named the same image for {calm}."
    );
    Some(Notice {
        id: format!("base-image-held:{}:{held}", slashed(id)),
        kind: NoticeKind::BaseImageHeld,
        subject: subject(&format!("Base image goes back and forth: {} ({}, {})", id.name, id.architecture, id.region)),
        body: format!("Base image goes back and forth\n\n{tree}\n{next}\n"),
        created_at: now,
    })
}

/// All of the first builds on a base image failed, so that nothing else is built on it. `message`: what the last one failed
/// with.
#[must_use]
pub fn base_image_failed(trial: &Trial, message: &str, now: Timestamp) -> Notice {
    let Trial { base, architecture, image_id, failed, .. } = trial;
    let failed: Vec<String> = failed.iter().map(ToString::to_string).collect();
    let facts = vec![
        format!("Image: {image_id}"),
        format!("Failed builds: {}", failed.join(", ")),
        format!("Message of the last: {}", printable(message, 600)),
    ];
    let tree = branch(format!("Base image: {base} ({architecture})"), facts);
    let next = vec![
        format!("{} is tried again after 15 minutes, 1 hour, 4 hours, and then daily.", trial.example()),
        "Nothing else is built on it by itself until that succeeds. Launches use the images of before.".to_owned(),
        "A newer image of the vendor's is tried by itself.".to_owned(),
        format!("To try at once: prism templates auto-ami build {}", trial.example()),
    ];
    Notice {
        id: format!("base-image-held:{base}/{architecture}/{image_id}"),
        kind: NoticeKind::BaseImageHeld,
        subject: subject(&format!("Builds on a new base image FAIL: {base} ({architecture})")),
        body: format!("Builds on a new base image fail\n\n{tree}\n{}", branch("What follows", next)),
        created_at: now,
    }
}

/// What follows from a trouble, and what to do about it.
const fn meaning(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::Missing | TroubleKind::Withdrawn => {
            "Templates go on being built on the last image that was seen, as long as that exists. If the vendor has given \
             the base image up, give the templates another one."
        }
        TroubleKind::Absent | TroubleKind::Foreign => {
            "What the source names is not taken for the base image. Templates go on being built on the last one that \
             was. It is looked at again with every run and taken up once its vendor has mended it."
        }
        TroubleKind::Unreachable | TroubleKind::Throttled => {
            "Whether it has moved is not known meanwhile. It is looked at again with every run. If this lasts, look at \
             the log of watch-base-images, the region and the account's quotas."
        }
    }
}

fn slashed(id: &TrackedImageId) -> String {
    format!("{}/{}/{}", id.name, id.architecture, id.region)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::architecture::Architecture;
    use crate::fixtures::at;
    use crate::seen_image::SeenImage;

    fn now() -> Timestamp {
        at("2026-11-24T11:05:00Z")
    }

    fn region() -> Region {
        "eu-west-1".parse().unwrap()
    }

    fn id(name: &str) -> TrackedImageId {
        TrackedImageId { name: name.parse().unwrap(), architecture: Architecture::X86_64, region: region() }
    }

    fn trouble(name: &str, kind: TroubleKind, detail: &str) -> Trouble {
        let since = now() - SignedDuration::from_mins(65);
        Trouble { id: id(name), kind, detail: detail.to_owned(), since, told_at: Some(now()), gone: None }
    }

    fn told(kind: TroubleKind, troubles: &[Trouble]) -> String {
        let notice = base_image_trouble(&region(), kind, troubles, &Zone::utc(), now()).unwrap();
        format!("{}\n\n{}\n\n{}", notice.id, notice.subject, notice.body)
    }

    #[test]
    fn one_image_that_does_not_exist_is_told_by_its_name() {
        let detail = "its parameter names ami-0123456789abcdef0, which does not exist";
        let troubles = [trouble("ubuntu-22.04", TroubleKind::Absent, detail)];
        insta::assert_snapshot!(told(TroubleKind::Absent, &troubles));
    }

    #[test]
    fn many_images_that_cannot_be_asked_for_are_one_notice() {
        let detail = "reading parameters: ThrottlingException: Rate exceeded";
        let troubles: Vec<Trouble> =
            (0..23).map(|n| trouble(&format!("base-{n}"), TroubleKind::Throttled, detail)).collect();
        insta::assert_snapshot!(told(TroubleKind::Throttled, &troubles));
    }

    #[test]
    fn what_a_vendor_wrote_is_made_printable() {
        let troubles = [trouble("debian-12", TroubleKind::Foreign, "its parameter names \u{1b}[2J\u{202e}")];
        assert!(told(TroubleKind::Foreign, &troubles).contains(r"names \u{1b}[2J\u{202e}"));
    }

    #[test]
    fn a_base_image_that_goes_back_and_forth_is_told_with_both_images() {
        let image = |id: &str, name| SeenImage::new(id.parse().unwrap(), name);
        let at = |minutes| now() - SignedDuration::from_mins(minutes);
        let tracked = TrackedImage {
            id: id("ubuntu-22.04"),
            current: image("ami-aaaaaaaa", "ubuntu-jammy-20261101"),
            since: at(30),
            sequence: 3,
            past: Vec::new(),
            returns: vec![at(45), at(30), at(0)],
            quarantine: Some(Quarantine {
                since: now(),
                seen: image("ami-bbbbbbbb", "ubuntu-jammy-20261120"),
                seen_since: now(),
            }),
        };
        let notice = base_image_held(&tracked, &Zone::utc(), now()).unwrap();
        insta::assert_snapshot!(format!("{}\n\n{}\n\n{}", notice.id, notice.subject, notice.body));
        assert_eq!(base_image_held(&TrackedImage { quarantine: None, ..tracked }, &Zone::utc(), now()), None);
    }
}
