//! From a patch to Image Builder components: the system brought up to date, and proof that the fixes are there.

use std::collections::{BTreeMap, BTreeSet};

use prism_domain::advisory::Fix;
use prism_domain::id::Target;
use prism_domain::patch::FrozenPatch;
use prism_domain::problem::{Problem, Problems, printable};

use crate::base::{Family, SystemManager};
use crate::compile::{ComponentDocument, Step, build, phase, system};
use crate::resolve::ResolvedTemplate;
use crate::shell::quote;

/// The most characters of packages and versions in one component: both of its checks have the table, and all of it
/// has to stay within what Image Builder takes.
const TABLE_CHARACTERS: usize = 5_800;

/// What a document adds to a line of the table: what it is indented by, and its end.
const INDENTED: usize = 9;

/// The most components of a patch: a recipe takes 20, and the template's own is one of them.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ImageRecipe.html>.
const MAX_COMPONENTS: usize = 19;

/// What names the release of a system whose repositories are locked to one.
/// Source: <https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades-usage.html>.
const RELEASE_PACKAGE: &str = "system-release";

/// The components that bring a patch to the base of a template, each with a part of the packages to check: one,
/// unless they are many. The same patch of the same target always gives the same text.
///
/// # Errors
/// Every fault at once: a package, version or release of other characters than those of its kind, a release where
/// the system knows none, more packages than fit into a recipe.
pub(crate) fn components(
    resolved: &ResolvedTemplate,
    target: &Target,
    patch: &FrozenPatch,
) -> Result<Vec<ComponentDocument>, Problems> {
    let manager = resolved.system_manager();
    let mut problems = Vec::new();
    let mut refuse = |what: &str, text: &str| {
        problems.push(Problem::new("patch", format!("names {what} \"{}\", which is none", printable(text, 60))));
    };
    for Fix { package, version } in &patch.at_least {
        if !is_package(package) {
            refuse("the package", package);
        }
        if !is_version(version) {
            refuse("the version", version);
        }
    }
    if let Some(release) = patch.release.as_ref().filter(|release| !is_release(release, manager)) {
        refuse("the release", release);
    }
    let tables = tables(patch);
    if tables.len() > MAX_COMPONENTS {
        problems.push(Problem::new(
            "patch",
            format!("needs {} components to check its packages; a recipe takes {MAX_COMPONENTS}", tables.len()),
        ));
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let list = list(resolved);
    let document = |table: &String| {
        let check = [Step { name: "CheckPatch", seconds: 900, script: check(manager, list, table) }];
        let build = [build::await_cloud_init(), update(manager, patch)];
        let phases = [phase("build", &build), phase("validate", &check), phase("test", &check)];
        let name = target.to_string().replace('_', "-");
        ComponentDocument(format!("name: prism-patch-{name}\nschemaVersion: 1.0\nphases:\n{}", phases.concat()))
    };
    Ok(tables.iter().map(document).collect())
}

/// Brings the system up to date: to the release, if one is named, which is from then on the one to which it is
/// locked, since the package that says so is upgraded too.
fn update(manager: SystemManager, patch: &FrozenPatch) -> Step {
    let options = match (manager, &patch.release) {
        (SystemManager::Dnf, Some(release)) => format!(" --releasever={}", quote(release)),
        (SystemManager::Apt, _) | (SystemManager::Dnf, None) => String::new(),
    };
    Step { name: "UpdateSystem", seconds: 3600, script: system::upgrade(manager, &options) }
}

/// A command that lists what is installed: name, version, state. Debian's advisories name source packages.
fn list(resolved: &ResolvedTemplate) -> &'static str {
    match (resolved.system_manager(), Family::of(&resolved.base)) {
        (SystemManager::Apt, Some(Family::Debian)) => {
            "dpkg-query -W -f '${source:Package} ${source:Version} ${db:Status-Status}\\n'"
        }
        (SystemManager::Apt, _) => "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n'",
        (SystemManager::Dnf, _) => "rpm -qa --qf '%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE} installed\\n'",
    }
}

/// Whether the first version is older than the second, by the system's own order. What cannot be compared fails.
/// dpkg: <https://man7.org/linux/man-pages/man1/dpkg.1.html>. rpm's Lua compares one part of a version at a time,
/// as older releases of it must be asked to: <https://rpm-software-management.github.io/rpm/manual/lua.html>.
fn older(manager: SystemManager) -> &'static str {
    match manager {
        SystemManager::Apt => {
            r#"older() {
  local code=0
  dpkg --compare-versions "$1" lt "$2" || code=$?
  (( code < 2 )) || { echo "$1 and $2 cannot be compared"; exit 1; }
  (( code == 0 ))
}"#
        }
        SystemManager::Dnf => {
            r#"compare() {
  order=$(rpm --eval "%{lua:print(rpm.vercmp('$1', '$2'))}")
  [[ $order =~ ^(-1|0|1)$ ]] || { echo "$1 and $2 cannot be compared: $order"; exit 1; }
}
older() {
  local one=$1 other=$2
  [[ $one == *:* ]] || one=0:$one
  [[ $other == *:* ]] || other=0:$other
  compare "${one%%:*}" "${other%%:*}"
  one=${one#*:} other=${other#*:}
  (( order )) || compare "${one%-*}" "${other%-*}"
  if (( ! order )) && [[ $one == *-* && $other == *-* ]]; then compare "${one##*-}" "${other##*-}"; fi
  (( order < 0 ))
}"#
        }
    }
}

/// The check: every package of the table that is installed is at least of its version. Names all that are not, a
/// line each, before it fails. Kernels are installed beside each other, so that the newest counts.
fn check(manager: SystemManager, list: &str, table: &str) -> String {
    let older = older(manager);
    format!(
        r#"{older}
listed=$({list})
[[ -n $listed ]] || {{ echo "no package is listed"; exit 1; }}
declare -A installed
while read -r package version state; do
  if [[ $state == installed ]]; then installed[$package]+="${{version/#(none):/0:}} "; fi
done <<<"$listed"
missing=0
while read -r fixed packages; do
  for package in $packages; do
    old='' new=''
    for version in ${{installed[$package]-}}; do
      if older "$version" "$fixed"; then old=$version; else new=$version; fi
    done
    if [[ -n $new && $package =~ ^(kernel|linux) ]]; then old=''; fi
    [[ -z $old ]] || {{ echo "package $package is $old, and fixed in $fixed"; missing=1; }}
  done
done <<'FIXED'
{table}
FIXED
exit "$missing""#
    )
}

/// The packages by the version in which they are fixed, a line each: `version package package`. Cut where a component
/// would become too long.
fn tables(patch: &FrozenPatch) -> Vec<String> {
    let release = patch.release.iter().map(|release| (release.as_str(), RELEASE_PACKAGE));
    let fixes = patch.at_least.iter().map(|fix| (fix.version.as_str(), fix.package.as_str()));
    let mut tables: Vec<BTreeMap<&str, Vec<&str>>> = Vec::new();
    let (mut table, mut length) = (BTreeMap::<&str, Vec<&str>>::new(), 0);
    for (version, package) in release.chain(fixes).collect::<BTreeSet<_>>() {
        let line = version.len() + package.len() + 1 + INDENTED;
        if length + line > TABLE_CHARACTERS {
            tables.push(std::mem::take(&mut table));
            length = 0;
        }
        length += if table.contains_key(version) { package.len() + 1 } else { line };
        table.entry(version).or_default().push(package);
    }
    tables.push(table);
    let line = |(version, packages): (&str, Vec<&str>)| format!("{version} {}", packages.join(" "));
    tables.into_iter().map(|table| table.into_iter().map(line).collect::<Vec<_>>().join("\n")).collect()
}

fn is_word(text: &str, most: usize, more: &str) -> bool {
    (1..=most).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

fn is_package(text: &str) -> bool {
    is_word(text, 128, ".+-_")
}

fn is_version(text: &str) -> bool {
    is_word(text, 128, ".+-_:~^")
}

/// A release is numbers, and never `latest`, which is another one tomorrow.
fn is_release(text: &str, manager: SystemManager) -> bool {
    manager == SystemManager::Dnf && is_word(text, 32, ".") && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}
