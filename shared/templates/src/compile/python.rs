//! Where Python packages go: a virtual environment of their own, or conda's.
//!
//! Always an environment, also on systems whose own Python would still take packages: what pip puts
//! there can break the system's tools, newer releases refuse it, and one place is easier to find.
//! Source: <https://packaging.python.org/en/latest/specifications/externally-managed-environments/>.

use crate::base::SystemManager;
use crate::compile::Step;
use crate::compile::system::install;
use crate::resolve::ResolvedTemplate;
use crate::shell::quote_all;
use crate::template::PackageManager;

const VENV: &str = "/opt/prism/venv";

/// Whether Python packages share conda's environment.
pub(super) fn in_conda(resolved: &ResolvedTemplate) -> bool {
    resolved.package_manager == PackageManager::Conda && !resolved.packages.pip.is_empty()
}

/// The environment's directory.
pub(super) fn environment(resolved: &ResolvedTemplate) -> &'static str {
    if in_conda(resolved) { super::conda::ENVIRONMENT } else { VENV }
}

pub(super) fn step(resolved: &ResolvedTemplate) -> Option<Step> {
    let packages = &resolved.packages.pip;
    if packages.is_empty() {
        return None;
    }
    let python = format!("{}/bin/python", environment(resolved));
    let words = quote_all(packages);
    let mut script = format!("{python} -m pip install --no-input --disable-pip-version-check {words}");
    if !in_conda(resolved) {
        let needed = match resolved.system_manager() {
            SystemManager::Apt => "python3 python3-venv",
            SystemManager::Dnf => "python3 python3-pip",
        };
        let install = install(resolved.system_manager(), needed);
        script = format!("{install}\npython3 -m venv {VENV}\n{script}");
    }
    Some(Step { name: "InstallPythonPackages", seconds: 3600, script })
}
