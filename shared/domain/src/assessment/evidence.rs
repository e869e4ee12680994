//! What is known of a move: the best evidence there is, and what it says was fixed.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::dates::{Between, end, settled};
use super::packages::{Inventory, main_package};
use super::windows::Days;
use super::{Finding, FixedPackage, Published, Scan, Side};
use crate::advisory::{Advisory, CveId, Fix, Installed, VersionOrder};
use crate::duration::after;
use crate::level::Confidence;

/// What a judgement stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Basis {
    /// Amazon Inspector has scanned both images.
    Findings,
    /// What is installed in both.
    Packages,
    /// What is installed in the previous one, and when the next one was made.
    PreviousPackages,
    /// When both were made.
    Dates,
    /// The days between them on which Microsoft published.
    PatchTuesdays(Vec<Date>),
    /// What is installed in one image, and could be updated there.
    Missing,
}

/// An advisory that a move brings the fix of, and in which package, as far as is known.
#[derive(Debug, Clone)]
pub(super) struct Fixing<'a> {
    pub(super) advisory: &'a Advisory,
    pub(super) package: Option<FixedPackage>,
}

/// What is known of a move.
#[derive(Debug, Clone)]
pub(super) struct Evidence<'a> {
    pub(super) basis: Basis,
    /// The vulnerabilities that Amazon Inspector found in the previous image and not in the next.
    pub(super) gone: Vec<&'a Finding>,
    /// The vulnerabilities of Windows that became known to be exploited meanwhile.
    pub(super) windows: Vec<&'a CveId>,
    /// The advisories; where Inspector has told what is gone, those about that.
    pub(super) fixings: Vec<Fixing<'a>>,
    /// How many of the advisories are there by their dates, since the list of what is installed leaves them open.
    pub(super) open: usize,
    /// When the next image was made, if the advisories were last read before that.
    pub(super) stale: Option<Timestamp>,
}

/// For how long it may not have been read what is exploited before a judgement says so.
const ATTACKS_KNOWN: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Whether it is not known, or not any more, which vulnerabilities are exploited.
pub(super) fn lacks_attacks(published: &Published<'_>, now: Timestamp) -> bool {
    published.attacks_read_at.is_none_or(|read| after(read, ATTACKS_KNOWN) <= now)
}

impl Evidence<'_> {
    pub(super) fn new(basis: Basis) -> Self {
        Self { basis, gone: Vec::new(), windows: Vec::new(), fixings: Vec::new(), open: 0, stale: None }
    }

    /// Whether an advisory speaks for itself. Beside Inspector's findings it only says how bad these are.
    pub(super) fn counts(&self, fixing: &Fixing<'_>) -> bool {
        fixing.advisory.is_security() && self.basis != Basis::Findings
    }

    /// How sure a judgement by it is.
    pub(super) fn confidence(&self) -> Confidence {
        match &self.basis {
            Basis::Findings | Basis::Packages | Basis::Missing if self.open == 0 => Confidence::Certain,
            _ => Confidence::Likely,
        }
    }
}

/// The best evidence there is; nothing where there is none.
pub(super) fn gather<'a>(
    previous: Side<'a>,
    next: Side<'a>,
    published: &Published<'a>,
    now: Timestamp,
) -> Option<Evidence<'a>> {
    // A scan from before the next image says nothing of what that was made to fix.
    let is_recent = |scan: &Scan<'_>| settled(next.image).is_none_or(|made| made <= scan.at);
    if let (Some(before), Some(after)) = (previous.scan.filter(is_recent), next.scan) {
        return Some(by_findings(before.findings, after.findings, published));
    }
    let ecosystem = published.ecosystem?;
    if ecosystem.as_str().starts_with("windows-") {
        // Nobody publishes advisories for it, so an empty list of them proves nothing.
        return by_patch_tuesdays(previous, next, published);
    }
    let evidence = match (published.advisories, installed(previous)) {
        (Some(advisories), Some(packages)) if ecosystem.order() != VersionOrder::None => {
            let inventory = |installed| Inventory::new(ecosystem, installed);
            let next_packages = installed(next).map(inventory);
            let until = if next_packages.is_some() { now } else { end(next.image).map_or(now, |end| end.min(now)) };
            let issued = advisories.iter().filter(|advisory| advisory.issued <= until);
            let between = Between::of(previous.image, next.image);
            by_packages(&inventory(packages), next_packages.as_ref(), between, issued)
        }
        (Some(advisories), _) => by_dates(previous, next, advisories, now)?,
        (None, _) => return None,
    };
    let made = settled(next.image).unwrap_or(now);
    let stale = (published.read_at < Some(made)).then_some(made);
    Some(Evidence { stale, ..evidence })
}

/// An image in which nothing at all is installed is one of which nothing is known.
fn installed(side: Side<'_>) -> Option<&[Installed]> {
    side.packages.filter(|packages| !packages.is_empty())
}

fn by_findings<'a>(before: &'a [Finding], after: &[Finding], published: &Published<'a>) -> Evidence<'a> {
    let left: BTreeSet<&CveId> = after.iter().map(|finding| &finding.cve).collect();
    let gone: Vec<&Finding> = before.iter().filter(|finding| finding.fixable && !left.contains(&finding.cve)).collect();
    let cves: BTreeSet<&CveId> = gone.iter().map(|finding| &finding.cve).collect();
    let about = published
        .advisories
        .unwrap_or_default()
        .iter()
        .filter(|advisory| advisory.cves.iter().any(|cve| cves.contains(cve)));
    Evidence { gone, fixings: about.map(named).collect(), ..Evidence::new(Basis::Findings) }
}

/// What is installed decides, whenever the advisory came: an advisory often follows the packages. Without the next
/// image's packages, those count that had been issued when it was made. Of what the list leaves open, dates decide.
fn by_packages<'a>(
    previous: &Inventory<'_>,
    next: Option<&Inventory<'_>>,
    between: Option<Between>,
    advisories: impl Iterator<Item = &'a Advisory>,
) -> Evidence<'a> {
    let basis = if next.is_some() { Basis::Packages } else { Basis::PreviousPackages };
    let mut open = 0;
    let fixings = advisories.filter_map(|advisory| {
        let mut lacked = previous.lacks(advisory);
        if lacked.is_empty() && between.is_none_or(|between| between.covers(advisory)) {
            lacked = previous.may_lack(advisory);
            open += usize::from(!lacked.is_empty());
        } else if let Some(next) = next {
            lacked.retain(|package| next.is_rid_of(package));
        }
        main_package(&lacked).map(|package| Fixing { advisory, package: Some(package) })
    });
    let fixings = fixings.collect();
    Evidence { fixings, open, ..Evidence::new(basis) }
}

fn by_dates<'a>(
    previous: Side<'_>,
    next: Side<'_>,
    advisories: &'a [Advisory],
    now: Timestamp,
) -> Option<Evidence<'a>> {
    let between = Between::of(previous.image, next.image)?;
    let covered = advisories.iter().filter(|advisory| between.covers(advisory) && advisory.issued <= now);
    Some(Evidence { fixings: covered.map(named).collect(), ..Evidence::new(Basis::Dates) })
}

fn by_patch_tuesdays<'a>(previous: Side<'_>, next: Side<'_>, published: &Published<'a>) -> Option<Evidence<'a>> {
    let days = Days::of(previous.image, next.image)?;
    let basis = Basis::PatchTuesdays(days.patch_tuesdays());
    Some(Evidence { windows: days.exploited(published), ..Evidence::new(basis) })
}

/// An advisory, and the package that it is about, of which nothing more is known.
fn named(advisory: &Advisory) -> Fixing<'_> {
    let of = |fix: &Fix| FixedPackage { name: fix.package.clone(), installed: None, fixed: fix.version.clone() };
    let packages: Vec<FixedPackage> = advisory.fixed.iter().map(of).collect();
    Fixing { advisory, package: main_package(&packages) }
}
