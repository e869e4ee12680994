//! The validate and test phases: whether what was asked for is there.
//!
//! A check names everything that is missing, a line each, before it fails.

use crate::base::SystemManager;
use crate::compile::{Step, conda, python};
use crate::package;
use crate::resolve::ResolvedTemplate;
use crate::shell::{quote, quote_all};

/// When it is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// On the build instance, right after the build.
    Built,
    /// On a new instance of the image, where services have started.
    Booted,
}

pub(super) fn steps(resolved: &ResolvedTemplate, moment: Moment) -> Vec<Step> {
    // A phase must have a step, whatever the template asks for.
    let system = Step { name: "ShowSystem", seconds: 60, script: "cat /etc/os-release\nuname -a".to_owned() };
    let mut steps = vec![system];
    steps.extend(system_packages(resolved));
    steps.extend(conda_packages(resolved));
    steps.extend(python_packages(resolved));
    steps.extend(users(resolved));
    steps.extend(services(resolved, moment));
    steps
}

/// A step around checks that set `missing` to 1.
fn check(name: &'static str, seconds: u32, checks: &str) -> Step {
    Step { name, seconds, script: format!("missing=0\n{checks}\nexit \"$missing\"") }
}

/// A check of each word, by a command that reads `$package`.
fn each_package(words: &str, found: &str) -> String {
    format!("for package in {words}; do\n  {found} || {{ echo \"package $package is missing\"; missing=1; }}\ndone")
}

fn system_packages(resolved: &ResolvedTemplate) -> Option<Step> {
    let words = quote_all(resolved.packages.system.iter().map(|spec| package::system_name(spec)));
    let found = match resolved.system_manager() {
        // A package that was removed again is still known to dpkg, so that its status counts.
        SystemManager::Apt => {
            "{ dpkg-query -W -f '${db:Status-Status} ' \"$package\" 2>/dev/null || true; } | grep -q '^installed'"
        }
        // dnf also installs by what a package provides.
        SystemManager::Dnf => "rpm -q --quiet \"$package\" || rpm -q --quiet --whatprovides \"$package\"",
    };
    (!words.is_empty()).then(|| check("CheckSystemPackages", 300, &each_package(&words, found)))
}

fn conda_packages(resolved: &ResolvedTemplate) -> Option<Step> {
    let words = quote_all(resolved.packages.conda.iter().map(|spec| package::conda_name(spec)));
    let list = format!(
        "{}\ninstalled=$(\"$conda\" list --prefix {} | cut -d' ' -f1 || true)",
        conda::find(),
        conda::ENVIRONMENT
    );
    let found = "grep -qxF -- \"$package\" <<<\"$installed\"";
    (!words.is_empty()).then(|| check("CheckCondaPackages", 600, &format!("{list}\n{}", each_package(&words, found))))
}

fn python_packages(resolved: &ResolvedTemplate) -> Option<Step> {
    let words = quote_all(resolved.packages.pip.iter().map(|spec| package::pip_name(spec)));
    let python = format!("{}/bin/python", python::environment(resolved));
    let found = format!("{python} -m pip show --quiet \"$package\" 2>/dev/null");
    (!words.is_empty()).then(|| check("CheckPythonPackages", 600, &each_package(&words, &found)))
}

fn users(resolved: &ResolvedTemplate) -> Option<Step> {
    let mut checks = Vec::new();
    let names = quote_all(resolved.users.iter().map(|user| &user.name));
    checks.push(format!(
        "for user in {names}; do\n  \
         id -u \"$user\" >/dev/null 2>&1 || {{ echo \"user $user is missing\"; missing=1; }}\ndone"
    ));
    for user in resolved.users.iter().filter(|user| !user.groups.is_empty()) {
        let (name, groups) = (quote(&user.name), quote_all(&user.groups));
        checks.push(format!(
            "for group in {groups}; do\n  \
             id -nG {name} 2>/dev/null | tr ' ' '\\n' | grep -qxF -- \"$group\" || \
             {{ echo \"user\" {name} \"is not in group $group\"; missing=1; }}\ndone"
        ));
    }
    (!resolved.users.is_empty()).then(|| check("CheckUsers", 300, &checks.join("\n")))
}

/// A unit must be there; one that starts at boot must be enabled; on a booted instance it must run, and its port answer.
/// All services of a template have five minutes together: the volume of a new AMI loads lazily, so that they start slowly.
/// Source: <https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html>.
fn services(resolved: &ResolvedTemplate, moment: Moment) -> Option<Step> {
    let all = quote_all(resolved.services.iter().map(|service| &service.name));
    let enabled: Vec<_> = resolved.services.iter().filter(|service| service.enable).collect();
    let words = quote_all(enabled.iter().map(|service| &service.name));
    let mut checks = vec![each_service(&all, "systemctl cat \"$service\" >/dev/null 2>&1", "is missing")];
    if !enabled.is_empty() {
        checks.push(each_service(&words, "systemctl is-enabled --quiet \"$service\"", "is not enabled"));
    }
    if moment == Moment::Booted && !enabled.is_empty() {
        checks
            .push("waits=60\nin_time() { until \"$@\"; do (( waits-- > 0 )) || return 1; sleep 5; done; }".to_owned());
        checks.push(each_service(&words, "in_time systemctl is-active --quiet \"$service\"", "is not running"));
        if enabled.iter().any(|service| service.port.is_some()) {
            checks.push("listens() { [ -n \"$(ss -Hltn \"sport = :$1\")\" ]; }".to_owned());
        }
        for service in enabled {
            if let Some(port) = service.port {
                let name = quote(&service.name);
                checks.push(format!(
                    "in_time listens {port} || \
                     {{ echo \"service\" {name} \"does not listen on port {port}\"; missing=1; }}"
                ));
            }
        }
    }
    (!all.is_empty()).then(|| check("CheckServices", 900, &checks.join("\n")))
}

fn each_service(words: &str, holds: &str, otherwise: &str) -> String {
    format!("for service in {words}; do\n  {holds} || {{ echo \"service $service {otherwise}\"; missing=1; }}\ndone")
}
