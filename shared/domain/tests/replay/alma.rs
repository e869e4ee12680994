//! AlmaLinux 8 and 9, a move each week. Images of those days are not at hand, so they are made of the advisories: an
//! image has of each package the newest version that had been published when it was made, or some days before that.
//! What is tried is how often the dates of two images tell what their packages tell.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use prism_domain::advisory::{Advisory, AdvisoryKind, Ecosystem, Fix, Installed, Probability, Threats, VersionOrder};
use prism_domain::assessment::{Assessment, Published, Side, assess};
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::version::compare;

use crate::data::{self, Data, at, image, level};
use crate::table::{Confusion, apart};

/// What a general-purpose image has, more or less, of what a distribution has.
const USUAL: &str = "bash bind-utils binutils bzip2-libs ca-certificates coreutils cups-libs curl dbus dnsmasq expat \
    file-libs freetype glib2 glibc gnupg2 gnutls grub2-common kernel kernel-core krb5-libs less libarchive libblkid \
    libcap libcurl libssh libtasn1 libxml2 ncurses-libs openssh openssh-server openssl openssl-libs pam \
    platform-python python3 python3-libs python3-urllib3 rsync sqlite-libs sudo systemd vim-minimal";

/// The days of slack that the dates of images are given; these are what `assess` gives.
const SLACK: i64 = 1;

/// One distribution's advisories, and what can be made of them.
struct Distribution {
    ecosystem: Ecosystem,
    published: Vec<Advisory>,
    /// Every package that ever has a fix, as it was before the first.
    first: BTreeMap<String, String>,
}

/// What is installed in an image of each week's day.
type Contents = Vec<(Date, Vec<Installed>)>;

pub fn replay(data: &Data) {
    let distributions = ["almalinux8", "almalinux9"].map(|name| Distribution::of(data, name));
    for (image, usual) in [("a usual image", true), ("an image with everything", false)] {
        let (mut by_packages, mut by_previous, mut by_dates) = <(Confusion, Confusion, Confusion)>::default();
        let mut far = Vec::new();
        for distribution in &distributions {
            let contents = distribution.contents(0, usual);
            for pair in contents.windows(2) {
                let [previous, next] = pair else { unreachable!() };
                let [packages, one, dates] = [(true, true), (true, false), (false, false)]
                    .map(|known| distribution.judge(data, previous, next, known, SLACK));
                assert_eq!(packages.confidence, Confidence::Certain);
                assert_eq!((one.confidence, dates.confidence), (Confidence::Likely, Confidence::Likely));
                by_packages.count(distribution.label(data, previous, next), packages.level);
                by_previous.count(Some(packages.level), one.level);
                by_dates.count(Some(packages.level), dates.level);
                let exploited = packages.fixes.iter().any(|fix| fix.exploited_since.is_some());
                let levels = [packages.level, one.level, dates.level];
                assert!(!exploited || levels == [SecurityLevel::Critical; 3], "{} {}", distribution.ecosystem, next.0);
                if apart(packages.level, dates.level) >= 2 {
                    let (name, day) = (&distribution.ecosystem, next.0);
                    let (level, dates_level, why) = (packages.level, dates.level, &dates.reasons[0]);
                    far.push(format!("- {name}, {day}: {level} by packages, {dates_level} by dates: {why}"));
                }
            }
        }
        println!("\nAlmaLinux 8 and 9, {image}, 144 weeks\n\nBy packages against the rating:\n\n{by_packages}");
        println!("By the previous image's packages alone, against both:\n\n{by_previous}");
        println!("By dates, against packages:\n\n{by_dates}");
        println!("{}", far.join("\n"));
    }
    slack(data, &distributions);
}

/// How much it takes that dates never say less than packages, the older an image's content is when it is made.
fn slack(data: &Data, distributions: &[Distribution]) {
    println!("\n| slack | content older by | same | over | under |\n|---|---|---|---|---|");
    for lag in 0..=3 {
        let mut tables: [Confusion; 3] = Default::default();
        for distribution in distributions {
            for pair in distribution.contents(lag, true).windows(2) {
                let [previous, next] = pair else { unreachable!() };
                let packages = distribution.judge(data, previous, next, (true, true), SLACK);
                for (slack, table) in (0..).zip(&mut tables) {
                    let dates = distribution.judge(data, previous, next, (false, false), slack);
                    table.count(Some(packages.level), dates.level);
                }
            }
        }
        for (slack, table) in tables.iter().enumerate() {
            let (same, over, under) = table.same_over_under();
            println!("| {slack} days | {lag} days | {same} | {over} | {under} |");
        }
    }
}

impl Distribution {
    fn of(data: &Data, release: &str) -> Self {
        let number = release.trim_start_matches("almalinux");
        let ecosystem: Ecosystem = format!("almalinux-{number}").parse().unwrap();
        let of_it = data.advisories.iter().filter(|it| it.release == release);
        let published: Vec<Advisory> = of_it.map(|it| advisory(&ecosystem, it)).collect();
        let mut first = BTreeMap::new();
        for fix in published.iter().flat_map(|advisory| &advisory.fixed) {
            first.entry(fix.package.clone()).or_insert_with(|| before(&fix.package, &fix.version));
        }
        Self { ecosystem, published, first }
    }

    /// What images have that are made on every Wednesday of what was there some days before: the newest of each
    /// package, of its stream.
    fn contents(&self, lag: i64, usual: bool) -> Contents {
        let (first, last): (Date, Date) = ("2024-11-06".parse().unwrap(), "2026-03-31".parse().unwrap());
        let wanted: BTreeSet<&str> = USUAL.split_whitespace().collect();
        let days = first.series(1.weeks()).take_while(|day| *day <= last);
        let mut newest: BTreeMap<&str, &str> =
            self.first.iter().map(|(package, version)| (package.as_str(), version.as_str())).collect();
        newest.retain(|package, _| !usual || wanted.contains(package));
        let mut until = Timestamp::UNIX_EPOCH;
        days.map(|day| {
            let content = at(day, 12 - 24 * lag);
            let new = self.published.iter().filter(|it| until < it.issued && it.issued <= content);
            for fix in new.flat_map(|advisory| &advisory.fixed) {
                let Some(known) = newest.get_mut(fix.package.as_str()) else { continue };
                let follows = !fix.version.contains(".module") || stream(&fix.version) == stream(known);
                if follows && compare(VersionOrder::Rpm, known, &fix.version) == Some(Ordering::Less) {
                    *known = &fix.version;
                }
            }
            until = content;
            let installed = |(package, version): (&&str, &&str)| Installed {
                package: (*package).to_owned(),
                version: (*version).to_owned(),
            };
            (day, newest.iter().map(installed).collect())
        })
        .collect()
    }

    fn judge(
        &self,
        data: &Data,
        (previous, old): &(Date, Vec<Installed>),
        (next, new): &(Date, Vec<Installed>),
        (old_known, new_known): (bool, bool),
        slack: i64,
    ) -> Assessment {
        // Other slack than is given is as if the images were of other days.
        let of = |day: &Date, shift: i64| image(String::new(), Some(at(*day, 12 + 24 * shift)));
        let (old_image, new_image) = (of(previous, SLACK - slack), of(next, slack - SLACK));
        let now = at(*next, 36);
        let known: Vec<Advisory> =
            self.published.iter().filter(|it| it.issued <= now).map(|it| as_of(it, now)).collect();
        let exploited = data.threats.exploited.iter().filter(|(_, added)| *added <= next);
        let exploited = exploited.map(|(cve, added)| (cve.clone(), *added)).collect();
        let threats = Threats { exploited, ..Threats::default() };
        let published = Published {
            ecosystem: Some(&self.ecosystem),
            advisories: Some(&known),
            read_at: Some(now),
            threats: &threats,
            attacks_read_at: Some(now),
            epss_threshold: Probability::TENTH,
        };
        let side = |image, packages, known: bool| Side { image, scan: None, packages: known.then_some(packages) };
        assess(side(&old_image, old, old_known), side(&new_image, new, new_known), &published, now)
    }

    /// The worst rating of an advisory whose very version came with the move, and critical if it fixed what was known
    /// to be exploited.
    fn label(
        &self,
        data: &Data,
        (_, old): &(Date, Vec<Installed>),
        (day, new): &(Date, Vec<Installed>),
    ) -> Option<SecurityLevel> {
        let changed = old.iter().zip(new).filter(|(old, new)| old.version != new.version);
        let came: BTreeSet<(&str, &str)> =
            changed.map(|(_, new)| (new.package.as_str(), new.version.as_str())).collect();
        let brought = |it: &&Advisory| it.fixed.iter().any(|fix| came.contains(&(&fix.package, &fix.version)));
        let rate = |it: &Advisory| {
            let exploited = it.cves.iter().any(|cve| data.threats.exploited.get(cve).is_some_and(|since| since <= day));
            it.severity.max(exploited.then_some(SecurityLevel::Critical))
        };
        self.published.iter().filter(brought).filter_map(rate).max()
    }
}

/// A version of the same stream that is older than any fix.
fn before(package: &str, version: &str) -> String {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let mut numbers = rest.split(['.', '-']);
    let mut next = || numbers.next().unwrap_or("0");
    if version.contains(".module") {
        format!("{epoch}:{}.0~0-0.module_el8", next())
    } else if package.starts_with("kernel") || package.ends_with("perf") {
        format!("{epoch}:{}.{}.0~0-0", next(), next())
    } else {
        format!("{epoch}:0-0")
    }
}

/// The major version.
fn stream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    version.split('.').next().unwrap_or(version)
}

fn advisory(ecosystem: &Ecosystem, published: &data::Record) -> Advisory {
    let fix = |(package, version): (&String, &String)| Fix { package: package.clone(), version: version.clone() };
    Advisory {
        id: published.id.parse().unwrap(),
        ecosystem: ecosystem.clone(),
        kind: if published.kind == "security" { AdvisoryKind::Security } else { AdvisoryKind::Bugfix },
        severity: published.severity.as_deref().map(level),
        title: String::new(),
        cves: published.cves.clone(),
        fixed: published.fixed.iter().map(fix).collect(),
        issued: published.published,
        updated: published.modified.max(published.published),
    }
}

/// An advisory, as it was at a moment: what changed later had not changed yet.
fn as_of(advisory: &Advisory, now: Timestamp) -> Advisory {
    let updated = if advisory.updated <= now { advisory.updated } else { advisory.issued };
    Advisory { updated, ..advisory.clone() }
}
