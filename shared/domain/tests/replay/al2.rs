//! Amazon Linux 2, release by release. Amazon's advisories of those years are not at hand, so they are made of the
//! release's own list of CVEs, one each, issued on the day of its notes: what is tried is not whether the list is found,
//! but what is made of it.

use prism_domain::advisory::{Advisory, AdvisoryKind, CveId, Ecosystem, Probability};
use prism_domain::assessment::{Assessment, Published, Side, assess};
use prism_domain::level::{Confidence, SecurityLevel};

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
            let judged = judge(data, previous, next, &advisories);
            let label = label(next);
            table.count(label, judged.level);
            if let Some(label) = label.filter(|label| apart(*label, judged.level) >= 2) {
                far.push(format!(
                    "- {} ({label} known, {} assigned: {})",
                    next.version, judged.level, judged.reasons[0]
                ));
            }
            assert!(next.exploited.is_empty() || judged.level == SecurityLevel::Critical, "{}", next.version);
            assert!(judged.confidence != Confidence::Certain, "dates are never certain");
        }
        println!("\nAmazon Linux 2, 93 moves, ratings: {ratings:?}\n\n{table}");
        println!("{}", far.join("\n"));
    }
}

fn judge(data: &Data, previous: &Release, next: &Release, advisories: &[Advisory]) -> Assessment {
    let seen =
        |release: &Release| image(format!("amzn2-ami-hvm-{}-x86_64-gp2", release.version), Some(at(release.date, 12)));
    let (previous, next_image) = (seen(previous), seen(next));
    let side = |image| Side { image, findings: None, packages: None };
    let now = at(next.date, 18);
    let ecosystem: Ecosystem = "amazon-linux-2".parse().unwrap();
    let threats = data.threats.as_of(next.date);
    let published = Published {
        ecosystem: Some(&ecosystem),
        advisories: Some(advisories),
        read_at: Some(now),
        threats: &threats,
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
