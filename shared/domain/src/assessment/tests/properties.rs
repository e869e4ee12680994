//! What holds of every judgement, whatever the evidence.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::duration::after;
use crate::fixtures::published;
use jiff::SignedDuration;

/// Everything that a judgement may stand on, in small numbers, so that things meet.
#[derive(Debug, Clone)]
struct World {
    ecosystem: &'static str,
    days: (i64, i64),
    advisories: Option<Vec<Advisory>>,
    packages: (Option<Vec<Installed>>, Option<Vec<Installed>>),
    findings: (Option<Vec<Finding>>, Option<Vec<Finding>>),
    threats: Threats,
    read: Option<i64>,
    threshold: Probability,
}

const NOW: i64 = 40;

fn day(number: i64) -> Timestamp {
    after(at("2026-09-01T00:00:00Z"), SignedDuration::from_hours(24 * number))
}

fn scan(findings: &[Finding]) -> Scan<'_> {
    Scan { at: day(NOW), findings }
}

impl World {
    fn judged(&self) -> Assessment {
        let image = |number| SeenImage { created_at: Some(day(number)), ..image("", None) };
        let (previous, next) = (image(self.days.0), image(self.days.1));
        let ecosystem: Ecosystem = self.ecosystem.parse().unwrap();
        let published = Published {
            advisories: self.advisories.as_deref(),
            read_at: self.read.map(day),
            epss_threshold: self.threshold,
            ..published(&ecosystem, &[], &self.threats, day(NOW))
        };
        let previous =
            Side { image: &previous, scan: self.findings.0.as_deref().map(scan), packages: self.packages.0.as_deref() };
        let next =
            Side { image: &next, scan: self.findings.1.as_deref().map(scan), packages: self.packages.1.as_deref() };
        assess(previous, next, &published, day(NOW))
    }

    fn goes_back(&self) -> bool {
        self.days.1 < self.days.0
    }
}

fn number() -> impl Strategy<Value = u32> {
    1000_u32..1006
}

fn level() -> impl Strategy<Value = SecurityLevel> {
    select(SecurityLevel::ALL.to_vec())
}

fn package() -> impl Strategy<Value = (&'static str, &'static str)> {
    let name = select(vec!["kernel", "openssl", "nodejs"]);
    let version = select(vec!["1.1-1", "1.1-2", "1.2-1", "2.0-1", "1:0.1-1", "1.1-1.module_el9", "1.2-1.module_el9"]);
    (name, version)
}

fn an_advisory() -> impl Strategy<Value = Advisory> {
    let kind = select(vec![AdvisoryKind::Security, AdvisoryKind::Bugfix, AdvisoryKind::Enhancement]);
    let days = (0_i64..NOW, 0_i64..5);
    (1_u32..100, kind, proptest::option::of(level()), vec(number(), 0..3), vec(package(), 0..4), days).prop_map(
        |(id, kind, severity, cves, fixed, (issued, changed))| Advisory {
            kind,
            severity,
            cves: cves.into_iter().map(cve).collect(),
            updated: day(issued + changed),
            ..fixtures::advisory(&format!("RLSA-2026:{id}"), "rocky-9", day(issued), &fixed)
        },
    )
}

/// Findings that Inspector rates: what it does not, an advisory may make less bad than the precaution does.
fn findings() -> impl Strategy<Value = Option<Vec<Finding>>> {
    let finding = (number(), level(), any::<bool>()).prop_map(|(number, severity, fixable)| Finding {
        cve: cve(number),
        severity: Some(severity),
        fixable,
        since: None,
    });
    proptest::option::weighted(0.3, vec(finding, 0..5))
}

fn packages() -> impl Strategy<Value = Option<Vec<Installed>>> {
    proptest::option::weighted(0.6, vec(package(), 0..4).prop_map(|packages| installed(&packages)))
}

fn some_threats() -> impl Strategy<Value = Threats> {
    let exploited = vec((number(), 0_i64..60), 0..2);
    let likely = vec((number(), 5_000_u32..100_000), 0..3);
    (exploited, likely, any::<bool>()).prop_map(|(exploited, likely, windows)| {
        let exploited: std::collections::BTreeMap<CveId, Date> =
            exploited.into_iter().map(|(number, added)| (cve(number), dates::day_of(day(added)))).collect();
        let windows = exploited.keys().filter(|_| windows).cloned().collect();
        let likely =
            likely.into_iter().map(|(number, likelihood)| (cve(number), Probability::new(likelihood).unwrap()));
        Threats { exploited, windows, likely: likely.collect() }
    })
}

fn world() -> impl Strategy<Value = World> {
    let ecosystem = select(vec!["rocky-9", "ubuntu-22.04", "bottlerocket", "windows-2022"]);
    let days = (0_i64..30, 0_i64..30);
    let advisories = proptest::option::weighted(0.9, vec(an_advisory(), 0..8));
    let read = proptest::option::of(0_i64..NOW);
    let threshold = select(vec![Probability::NOTABLE, Probability::TENTH, Probability::ONE]);
    let sides = (packages(), packages(), findings(), findings());
    (ecosystem, days, advisories, sides, some_threats(), read, threshold).prop_map(
        |(ecosystem, days, advisories, (old, new, before, later), threats, read, threshold)| World {
            ecosystem,
            days,
            advisories,
            packages: (old, new),
            findings: (before, later),
            threats,
            read,
            threshold,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn an_advisory_more_never_makes_it_less_bad(world in world(), more in an_advisory()) {
        let world = World { advisories: Some(world.advisories.unwrap_or_default()), ..world };
        let mut worse = world.clone();
        worse.advisories.get_or_insert_default().push(more);
        prop_assert!(worse.judged().level >= world.judged().level, "{:?} {:?}", world.judged(), worse.judged());
    }

    #[test]
    fn what_is_known_of_attacks_never_makes_it_less_bad(world in world(), number in number(), added in 0_i64..60) {
        let mut worse = world.clone();
        let exploited = &mut worse.threats.exploited;
        let since = dates::day_of(day(added));
        exploited.entry(cve(number)).or_insert(since);
        prop_assert!(worse.judged().level >= world.judged().level);
        let mut worse = world.clone();
        worse.threats.likely.insert(cve(number), Probability::ONE);
        prop_assert!(worse.judged().level >= world.judged().level);
        let worse = World { threshold: Probability::NOTABLE, ..world.clone() };
        prop_assert!(worse.judged().level >= world.judged().level);
    }

    #[test]
    fn a_fix_of_what_is_exploited_is_critical(world in world()) {
        let judged = world.judged();
        for fix in &judged.fixes {
            let exploited = world.threats.exploited.get(&fix.cve).is_some_and(|since| *since <= dates::day_of(day(NOW)));
            prop_assert_eq!(fix.exploited_since.is_some(), exploited);
            if exploited {
                prop_assert_eq!((fix.level, judged.level), (SecurityLevel::Critical, SecurityLevel::Critical));
            }
            if fix.likelihood.is_some_and(|likelihood| likelihood >= world.threshold) {
                prop_assert!(fix.level >= SecurityLevel::High);
            }
        }
    }

    #[test]
    fn what_is_not_known_is_never_below_high(world in world()) {
        let judged = world.judged();
        if judged.confidence == Confidence::Unknown {
            prop_assert_eq!(judged.level, SecurityLevel::High);
        }
        let blind = World { advisories: None, findings: (None, None), ..world };
        if blind.ecosystem != "windows-2022" && !blind.goes_back() {
            prop_assert_eq!(blind.judged(), without_evidence());
        }
    }

    #[test]
    fn the_order_of_advisories_does_not_matter(world in world(), turn in 0_usize..8) {
        let mut other = world.clone();
        if let Some(advisories) = &mut other.advisories {
            let turn = turn.min(advisories.len());
            advisories.rotate_left(turn);
            for advisory in advisories.iter_mut() {
                advisory.fixed.reverse();
                advisory.cves.reverse();
            }
            advisories.reverse();
        }
        prop_assert_eq!(other.judged(), world.judged());
    }

    #[test]
    fn a_judgement_agrees_with_itself(world in world()) {
        let judged = world.judged();
        prop_assert!(!judged.reasons.is_empty() && judged.reasons.len() <= 7, "{:?}", judged.reasons);
        prop_assert!(judged.fixes.iter().all(|fix| fix.level <= judged.level && fix.rating <= Some(fix.level)));
        prop_assert!(judged.fixes.is_sorted_by_key(|fix| std::cmp::Reverse(fix.level)));
        let mut cves: Vec<&CveId> = judged.fixes.iter().map(|fix| &fix.cve).collect();
        cves.sort();
        cves.dedup();
        prop_assert_eq!(cves.len(), judged.fixes.len(), "each is named once");
        if judged.update_type != UpdateType::Security && !world.goes_back() {
            prop_assert_eq!((judged.level, judged.fixes.len()), (SecurityLevel::Low, 0));
        }
        if world.goes_back() {
            prop_assert_eq!((judged.fixes.len(), judged.confidence), (0, Confidence::Unknown));
        }
    }
}
