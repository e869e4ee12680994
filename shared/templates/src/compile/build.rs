//! The build phase: what is done to the base image.

use crate::base::SystemManager;
use crate::compile::system::{install, upgrade};
use crate::compile::{Step, conda, python};
use crate::resolve::ResolvedTemplate;
use crate::shell::{quote, quote_all};
use crate::template::User;

/// The steps, in the order in which one may need the other: services come last, since a script before
/// them may write their units.
pub(super) fn steps(resolved: &ResolvedTemplate) -> Vec<Step> {
    let mut steps = vec![await_cloud_init(), update(resolved.system_manager())];
    steps.extend(system(resolved));
    steps.extend(conda::step(resolved));
    steps.extend(python::step(resolved));
    steps.extend(path(resolved));
    steps.extend(users(resolved));
    steps.extend(post_install(resolved));
    steps.extend(services(resolved));
    steps
}

/// Waits until cloud-init has finished, since it writes apt's sources and installs packages while Systems Manager is
/// at work already. Its exit code 2 says that it recovered from errors.
/// Source: <https://cloudinit.readthedocs.io/en/latest/explanation/failure_states.html#error-codes>.
pub(super) fn await_cloud_init() -> Step {
    let script = r#"command -v cloud-init >/dev/null || exit 0
code=0
timeout 600 cloud-init status --wait || code=$?
case $code in
  0 | 2) ;;
  124) echo "cloud-init has not finished within ten minutes"; exit 1 ;;
  *) echo "cloud-init has failed: exit code $code"; exit 1 ;;
esac"#;
    Step { name: "AwaitCloudInit", seconds: 660, script: script.to_owned() }
}

/// Brings what the base came with up to date. On Amazon Linux 2023 this stays within the release to which
/// the AMI's repositories are locked; a newer release comes as a newer base image, or as a patch that names it.
/// Source: <https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades.html>.
fn update(manager: SystemManager) -> Step {
    Step { name: "UpdateSystem", seconds: 3600, script: upgrade(manager, "") }
}

fn system(resolved: &ResolvedTemplate) -> Option<Step> {
    let packages = &resolved.packages.system;
    if packages.is_empty() {
        return None;
    }
    let manager = resolved.system_manager();
    let install = install(manager, &quote_all(packages));
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

/// Runs the text of each template in a shell of its own, which stops at the first failing command: what a parent does
/// to its shell, such as leaving it, is not done to the child's. The exit code of a failure becomes 1, since AWSTOE
/// takes 194 for a wish to restart the machine and run the step again.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html>.
fn post_install(resolved: &ResolvedTemplate) -> Option<Step> {
    if resolved.post_install.is_empty() {
        return None;
    }
    let texts = resolved.post_install();
    let runs: Vec<String> =
        texts.iter().map(|(template, text)| format!("run {} {}", quote(template.as_str()), quote(text))).collect();
    let path = programs(resolved).map(|programs| format!("export PATH={programs}:$PATH\n")).unwrap_or_default();
    let script = format!(
        "export DEBIAN_FRONTEND=noninteractive\n{path}\
         run() {{ bash -euo pipefail -c \"$2\" || {{ echo \"post_install of $1 failed with exit code $?\"; exit 1; }}; }}\n\
         {}",
        runs.join("\n")
    );
    Some(Step { name: "RunPostInstall", seconds: 7200, script })
}

fn services(resolved: &ResolvedTemplate) -> Option<Step> {
    let enabled = resolved.services.iter().filter(|service| service.enable).map(|service| &service.name);
    let words = quote_all(enabled);
    let script = format!("systemctl daemon-reload\nsystemctl enable {words}");
    (!words.is_empty()).then_some(Step { name: "EnableServices", seconds: 300, script })
}
