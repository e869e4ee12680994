//! The build phase: what is done to the base image.

use crate::base::SystemManager;
use crate::compile::{Step, conda, python};
use crate::resolve::ResolvedTemplate;
use crate::shell::{quote, quote_all};
use crate::template::User;

/// The steps, in the order in which one may need the other: services come last, since a script before
/// them may write their units.
pub(super) fn steps(resolved: &ResolvedTemplate) -> Vec<Step> {
    let mut steps = vec![update(resolved.system_manager())];
    steps.extend(system(resolved));
    steps.extend(conda::step(resolved));
    steps.extend(python::step(resolved));
    steps.extend(path(resolved));
    steps.extend(users(resolved));
    steps.extend(post_install(resolved));
    steps.extend(services(resolved));
    steps
}

/// apt that asks nothing: it takes the packaged answers, keeps changed configuration files as they are,
/// lists no services to restart on an instance that ends with the build, and waits for its lock, which
/// another process of a fresh machine may hold.
const APT: &str = "DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold";

/// dnf, or on Amazon Linux 2 its predecessor, which takes the same words.
const DNF: &str = "$(command -v dnf || command -v yum)";

/// A command that installs words without asking anything.
pub(super) fn install(manager: SystemManager, words: &str) -> String {
    match manager {
        SystemManager::Apt => format!("{APT} install --yes {words}"),
        SystemManager::Dnf => format!("{DNF} install --assumeyes {words}"),
    }
}

/// Brings what the base came with up to date. On Amazon Linux 2023 this stays within the release to which
/// the AMI's repositories are locked; a newer release comes as a newer base image, or as a patch that names it.
/// Source: <https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades.html>.
fn update(manager: SystemManager) -> Step {
    Step { name: "UpdateSystem", seconds: 3600, script: upgrade(manager, "") }
}

/// The commands that bring the system up to date, with more options of the manager's upgrade.
pub(super) fn upgrade(manager: SystemManager, options: &str) -> String {
    match manager {
        // The lock of the lists, which the machine's own daily update may hold, is not waited for by apt.
        SystemManager::Apt => format!(
            "attempt=0\nuntil {APT} update; do\n  (( ++attempt < 10 ))\n  sleep 15\ndone\n{APT} upgrade{options} --yes"
        ),
        SystemManager::Dnf => format!("{DNF} upgrade{options} --assumeyes"),
    }
}

fn system(resolved: &ResolvedTemplate) -> Option<Step> {
    let packages = &resolved.packages.system;
    if packages.is_empty() {
        return None;
    }
    let manager = resolved.system_manager();
    let install = install(manager, &quote_all(packages.iter().map(String::as_str)));
    let script = match manager {
        SystemManager::Apt => format!("{install}\napt-get clean"),
        SystemManager::Dnf => install,
    };
    Some(Step { name: "InstallSystemPackages", seconds: 3600, script })
}

/// The programs of the environments, on everybody's path.
fn path(resolved: &ResolvedTemplate) -> Option<Step> {
    let programs = programs(resolved)?;
    let script = format!("printf '%s\\n' 'export PATH={programs}:$PATH' > /etc/profile.d/prism.sh");
    Some(Step { name: "PutProgramsOnThePath", seconds: 60, script })
}

fn programs(resolved: &ResolvedTemplate) -> Option<String> {
    let conda = conda::is_used(resolved).then_some(conda::ENVIRONMENT);
    let python = (!resolved.packages.pip.is_empty()).then(|| python::environment(resolved));
    let mut directories: Vec<&str> = python.into_iter().chain(conda).collect();
    directories.dedup();
    let paths: Vec<String> = directories.iter().map(|directory| format!("{directory}/bin")).collect();
    (!paths.is_empty()).then(|| paths.join(":"))
}

fn users(resolved: &ResolvedTemplate) -> Option<Step> {
    let lines: Vec<String> = resolved.users.iter().map(user).collect();
    (!lines.is_empty()).then(|| Step { name: "CreateUsers", seconds: 300, script: lines.join("\n") })
}

/// Makes an account, or gives one that is there what it lacks.
fn user(user: &User) -> String {
    let name = quote(&user.name);
    let shell = quote(user.shell.as_deref().unwrap_or("/bin/bash"));
    let mut lines: Vec<String> = Vec::new();
    for group in user.groups.iter().map(|group| quote(group)) {
        lines.push(format!("getent group {group} >/dev/null || groupadd {group}"));
    }
    lines.push(format!("id -u {name} >/dev/null 2>&1 || useradd --create-home --user-group {name}"));
    lines.push(format!("usermod --shell {shell} {name}"));
    if !user.groups.is_empty() {
        lines.push(format!("usermod --append --groups {} {name}", quote(&user.groups.join(","))));
    }
    if user.sudo {
        // The number puts the file behind the distribution's own, whose last word would count.
        let file = format!("/etc/sudoers.d/91-prism-{}", user.name);
        let file = quote(&file);
        lines.push(format!("printf '%s ALL=(ALL) NOPASSWD:ALL\\n' {name} > {file}"));
        lines.push(format!("chmod 0440 {file}"));
    }
    lines.join("\n")
}

/// Runs the author's text in a shell of its own, which stops at the first failing command. Its exit code
/// becomes 1: AWSTOE takes 194 for a wish to restart the machine and run the step again.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html>.
fn post_install(resolved: &ResolvedTemplate) -> Option<Step> {
    if resolved.post_install.is_empty() {
        return None;
    }
    let text = quote(&resolved.post_install.join("\n"));
    let path = programs(resolved).map(|programs| format!("export PATH={programs}:$PATH\n")).unwrap_or_default();
    let script = format!(
        "export DEBIAN_FRONTEND=noninteractive\n{path}\
         bash -euo pipefail -c {text} || {{ echo \"post_install failed with exit code $?\"; exit 1; }}"
    );
    Some(Step { name: "RunPostInstall", seconds: 7200, script })
}

fn services(resolved: &ResolvedTemplate) -> Option<Step> {
    let enabled = resolved.services.iter().filter(|service| service.enable).map(|service| service.name.as_str());
    let words = quote_all(enabled);
    let script = format!("systemctl daemon-reload\nsystemctl enable {words}");
    (!words.is_empty()).then_some(Step { name: "EnableServices", seconds: 300, script })
}
