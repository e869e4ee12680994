//! Why, in plain words.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::evidence::{Basis, Evidence, Fixing};
use super::rating::{NAMED, UNRATED, rated};
use super::{FixedCve, Published};
use crate::advisory::AdvisoryKind;
use crate::problem::printable;

/// How long a package's name, or its version, may be in a sentence: it is a vendor's text.
const LEGIBLE: usize = 60;

/// What the sentences tell of: the fixes are the worst first.
pub(super) struct Reasons<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    pub(super) fixes: &'a [FixedCve],
    pub(super) published: &'a Published<'a>,
    pub(super) precaution: bool,
    /// Whether what is exploited is not known, or has not been read for days.
    pub(super) unsure: bool,
}

impl Reasons<'_> {
    /// The weightiest first: attacks, then what vendors say, then what both stand on. At most nine.
    pub(super) fn in_words(&self) -> Vec<String> {
        let sentences = [
            self.exploited(),
            self.likely(),
            self.patch_tuesdays(),
            self.rated(),
            self.unrated(),
            self.nothing(),
            self.stale(),
            self.unsure(),
            Some(self.basis()),
            self.open(),
            self.left_out(),
        ];
        sentences.into_iter().flatten().collect()
    }

    fn exploited(&self) -> Option<String> {
        let mut exploited = self.fixes.iter().filter_map(|fix| Some((fix, fix.exploited_since?)));
        let (worst, since) = exploited.next()?;
        let verb = self.verb();
        let more = and_more(exploited.count(), "that is exploited", "that are exploited");
        Some(format!("{verb} {}, which is known to be exploited since {}{more}", named(worst), long(since)))
    }

    fn likely(&self) -> Option<String> {
        let threshold = self.published.epss_threshold;
        let likely = self.fixes.iter().filter(|fix| fix.exploited_since.is_none() && fix.likelihood >= Some(threshold));
        let worst = likely.clone().max_by_key(|fix| fix.likelihood)?;
        let likelihood = worst.likelihood?;
        let more = and_more(likely.count() - 1, "that is nearly as likely to be", "that are likely to be");
        Some(format!(
            "{} {}, which is exploited within 30 days with a probability of {likelihood}{more}",
            self.verb(),
            named(worst)
        ))
    }

    fn patch_tuesdays(&self) -> Option<String> {
        let Basis::PatchTuesdays(days) = &self.evidence.basis else { return None };
        let last = days.last()?;
        Some(match days.len() {
            1 => format!("brings what Microsoft published on its Patch Tuesday, {}", long(*last)),
            count => format!("brings what Microsoft published on {count} Patch Tuesdays, the last {}", long(*last)),
        })
    }

    /// Of those that the vendor rates, the worst.
    fn rated(&self) -> Option<String> {
        if self.evidence.basis == Basis::Findings {
            return self.found();
        }
        let is_rated = |fixing: &&Fixing<'_>| self.evidence.counts(fixing) && fixing.advisory.severity.is_some();
        let worst = self.evidence.fixings.iter().filter(is_rated).map(|fixing| rated(fixing.advisory)).max()?;
        let of_it = |fixing: &&Fixing<'_>| is_rated(fixing) && rated(fixing.advisory) == worst;
        Some(advisories(self.evidence.fixings.iter().filter(of_it), &format!("that the vendor rates {worst}")))
    }

    fn found(&self) -> Option<String> {
        let worst = self.fixes.first()?.level;
        let (all, of_it) = (self.fixes.len(), self.fixes.iter().filter(|fix| fix.level == worst).count());
        let vulnerabilities = if all == 1 { "vulnerability" } else { "vulnerabilities" };
        let share = if of_it == all { String::new() } else { format!("{} of them ", counted(of_it)) };
        Some(format!(
            "Amazon Inspector found {} {vulnerabilities} in the old image that the new one does not have, {share}of \
             level {worst}",
            counted(all)
        ))
    }

    fn unrated(&self) -> Option<String> {
        let is_unrated = |fixing: &&Fixing<'_>| self.evidence.counts(fixing) && fixing.advisory.severity.is_none();
        let unrated: Vec<&Fixing<'_>> = self.evidence.fixings.iter().filter(is_unrated).collect();
        let level = UNRATED;
        (!unrated.is_empty()).then(|| {
            advisories(unrated.into_iter(), &format!("without a rating by the vendor, which counts as {level}"))
        })
    }

    /// What it is about when it fixes no vulnerability.
    fn nothing(&self) -> Option<String> {
        let tuesdays = matches!(&self.evidence.basis, Basis::PatchTuesdays(days) if !days.is_empty());
        if !self.fixes.is_empty() || tuesdays || self.evidence.fixings.iter().any(|it| self.evidence.counts(it)) {
            return None;
        }
        let of = |kind| self.evidence.fixings.iter().filter(move |fixing| fixing.advisory.kind == kind);
        Some(if of(AdvisoryKind::Enhancement).next().is_some() {
            advisories(of(AdvisoryKind::Enhancement), "about something new and not about vulnerabilities")
        } else if of(AdvisoryKind::Bugfix).next().is_some() {
            advisories(of(AdvisoryKind::Bugfix), "about bugs and not about vulnerabilities")
        } else {
            "no vulnerability is known that it fixes".to_owned()
        })
    }

    fn stale(&self) -> Option<String> {
        let made = date(self.evidence.stale?);
        let read = match self.published.read_at {
            Some(at) => format!("the advisories were last read on {}, and the new image is of {made}", date(at)),
            None => format!("the advisories have never been read completely, and the new image is of {made}"),
        };
        Some(if self.precaution { format!("{read}: it counts as high until they are") } else { read })
    }

    fn basis(&self) -> String {
        match &self.evidence.basis {
            Basis::Findings => "judged by Amazon Inspector's findings of both images",
            Basis::Packages => "judged by what is installed in both images",
            Basis::PreviousPackages => {
                "judged by what is installed in the old image, and by the advisories that there were when the new one \
                 was made: what is installed in that is not known"
            }
            Basis::Dates => "judged by the advisories issued between the two images: what is installed is not known",
            Basis::PatchTuesdays(_) => {
                "judged by the days on which Microsoft publishes: what is installed is not known"
            }
            Basis::Missing => "judged by what is installed",
        }
        .to_owned()
    }

    fn unsure(&self) -> Option<String> {
        self.unsure.then(|| match self.published.attacks_read_at {
            Some(at) => format!("which vulnerabilities are exploited was last read on {}", date(at)),
            None => "which vulnerabilities are exploited has never been read".to_owned(),
        })
    }

    fn open(&self) -> Option<String> {
        match self.evidence.open {
            0 => None,
            1 => Some("one advisory counts by its date: the list of what is installed does not tell".to_owned()),
            open => {
                Some(format!("{open} advisories count by their dates: the list of what is installed does not tell"))
            }
        }
    }

    fn left_out(&self) -> Option<String> {
        let left_out = self.fixes.len().checked_sub(NAMED).filter(|count| *count > 0)?;
        Some(format!("{left_out} more vulnerabilities are not named, the least of them"))
    }

    fn verb(&self) -> &'static str {
        if self.evidence.basis == Basis::Missing { "lacks the fix of" } else { "fixes" }
    }
}

/// `3 advisories that the vendor rates high, such as ALAS2023-2025-935 (kernel6.12)`. Those of one number, such as of
/// several releases, are one.
fn advisories<'a>(fixings: impl Iterator<Item = &'a Fixing<'a>>, which: &str) -> String {
    let of = |fixing: &'a Fixing<'a>| {
        let package = fixing.package.as_ref().map(|package| package.name.as_str());
        (fixing.advisory.id.as_str(), package)
    };
    let all: BTreeSet<(&str, Option<&str>)> = fixings.map(of).collect();
    let example = all.last().map(|(id, package)| {
        package.map_or_else(|| (*id).to_owned(), |package| format!("{id} ({})", printable(package, LEGIBLE)))
    });
    let such_as = if all.len() == 1 { "," } else { ", such as" };
    let noun = if all.len() == 1 { "advisory" } else { "advisories" };
    format!("{} {noun} {which}{such_as} {}", counted(all.len()), example.unwrap_or_default())
}

/// `CVE-2024-1086 (kernel)`.
fn named(fix: &FixedCve) -> String {
    match &fix.package {
        Some(package) => format!("{} ({})", fix.cve, printable(&package.name, LEGIBLE)),
        None => fix.cve.to_string(),
    }
}

fn and_more(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => String::new(),
        1 => format!(", and one more {one}"),
        count => format!(", and {count} more {many}"),
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "one".to_owned() } else { count.to_string() }
}

/// `30 May 2024`.
fn long(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

fn date(at: Timestamp) -> String {
    long(super::dates::day_of(at))
}
