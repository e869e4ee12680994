//! Amazon Linux 2, release by release. Amazon's advisories of those years are not at hand, so they are made of the
//! release's own list of CVEs, one each, issued on the day of its notes: what is tried is not whether the list is found,
//! but what is made of it.

use jiff::Timestamp;
use jiff::civil::Date;
use prism_domain::advisory::{Advisory, AdvisoryKind, CveId, Ecosystem, Probability};
use prism_domain::architecture::Architecture;
use prism_domain::assessment::{Assessment, ChangeKind, Published, Side, assess, reassess};
use prism_domain::id::TrackedImageId;
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::seen_image::SeenImage;
use prism_domain::update::{BaseImageUpdate, Context, Observation, observe};

use crate::data::{Data, Release, at, image, level};
use crate::table::{Confusion, apart};

/// What the advisories are given of their ratings.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Ratings {
    /// Those of AlmaLinux, which the label is made of too.
    Alma,
    /// None.
    Unrated,
}

pub fn replay(data: &Data) {
    for ratings in [Ratings::Alma, Ratings::Unrated] {
        let mut table = Confusion::default();
        let mut far = Vec::new();
        let advisories: Vec<Advisory> =
            data.releases.iter().flat_map(|release| advisories(data, release, ratings)).collect();
        for pair in data.releases.windows(2) {
            let [previous, next] = pair else { unreachable!() };
            let judged = judge(data, (previous, next), &advisories, next.date);
            let label = label(next);
            table.count(label, judged.level);
            if let Some(label) = label.filter(|label| apart(*label, judged.level) >= 2) {
                far.push(format!(
                    "- {} ({label} known, {} assigned: {})",
                    next.version, judged.level, judged.reasons[0]
                ));
            }
            assert!(next.exploited.is_empty() || judged.level == SecurityLevel::Critical, "{}", next.version);
            assert_eq!(judged.confidence, Confidence::Likely, "dates are never certain");
            becomes_critical(data, (previous, next), &advisories, judged);
        }
        println!("\nAmazon Linux 2, 93 moves, ratings: {ratings:?}\n\n{table}");
        println!("{}", far.join("\n"));
    }
}

/// What became known to be exploited later makes an update critical on that day.
fn becomes_critical(data: &Data, pair: (&Release, &Release), advisories: &[Advisory], judged: Assessment) {
    let later = pair.1.exploited_later.iter().filter_map(|cve| data.threats.exploited.get(cve)).max();
    let Some(day) = later else { return };
    let again = judge(data, pair, advisories, *day);
    assert_eq!(again.level, SecurityLevel::Critical);
    if judged.level < SecurityLevel::Critical {
        let change = reassess(&update(judged), again).expect("it is worse than it was thought to be");
        assert_eq!(change.kind, ChangeKind::Raised);
        println!("{}, on {day}: {}", pair.1.version, change.sentence);
    }
}

fn update(judged: Assessment) -> BaseImageUpdate {
    let tracked = TrackedImageId {
        name: "amazon-linux-2".parse().unwrap(),
        architecture: Architecture::X86_64,
        region: "us-east-1".parse().unwrap(),
    };
    let other = SeenImage { image_id: "ami-00000002".parse().unwrap(), ..image(String::new(), None) };
    let context = Context { quarantine_after: 3, ..Context::default() };
    let now = Timestamp::UNIX_EPOCH;
    let Observation::First(known) = observe(&tracked, None, &image(String::new(), None), context, now) else {
        panic!("nothing was known before")
    };
    let Observation::Moved(moved) = observe(&tracked, Some(&known), &other, context, now) else {
        panic!("it is another image")
    };
    moved.1.assessed(judged, now)
}

fn judge(data: &Data, (previous, next): (&Release, &Release), advisories: &[Advisory], day: Date) -> Assessment {
    let seen =
        |release: &Release| image(format!("amzn2-ami-hvm-{}-x86_64-gp2", release.version), Some(at(release.date, 12)));
    let (previous, next_image) = (seen(previous), seen(next));
    let side = |image| Side { image, scan: None, packages: None };
    let now = at(day, 18);
    let ecosystem: Ecosystem = "amazon-linux-2".parse().unwrap();
    let published = Published {
        ecosystem: Some(&ecosystem),
        advisories: Some(advisories),
        read_at: Some(now),
        threats: &data.threats,
        attacks_read_at: Some(now),
        epss_threshold: Probability::TENTH,
    };
    assess(side(&previous), side(&next_image), &published, now)
}

/// The worst rating that is known of what a release fixed, and critical if one of them was known to be exploited.
fn label(release: &Release) -> Option<SecurityLevel> {
    let exploited = (!release.exploited.is_empty()).then_some(SecurityLevel::Critical);
    release.known_severity.values().map(|rating| level(rating)).chain(exploited).max()
}

fn advisories(data: &Data, release: &Release, ratings: Ratings) -> Vec<Advisory> {
    let of = |cve: &CveId| Advisory {
        id: format!("ALAS2-{}-{cve}", release.version).parse().unwrap(),
        ecosystem: "amazon-linux-2".parse().unwrap(),
        kind: AdvisoryKind::Security,
        severity: data.severities.get(cve).filter(|_| ratings == Ratings::Alma).map(|rating| level(rating)),
        title: String::new(),
        cves: vec![cve.clone()],
        fixed: Vec::new(),
        issued: at(release.date, 0),
        updated: at(release.date, 0),
    };
    release.cves.iter().map(of).collect()
}
