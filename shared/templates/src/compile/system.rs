//! The commands of the package managers of systems.

use crate::base::SystemManager;

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

/// The commands that bring the system up to date, with more options of the manager's upgrade. apt is allowed to
/// install new packages, since every build of a kernel is a package of another name; packages on hold stay as they are.
pub(super) fn upgrade(manager: SystemManager, options: &str) -> String {
    match manager {
        // The lock of the lists, which the machine's own daily update may hold, is not waited for by apt.
        SystemManager::Apt => format!(
            "attempt=0\nuntil {APT} update; do\n  (( ++attempt < 10 ))\n  sleep 15\ndone\n{APT} upgrade --with-new-pkgs{options} --yes"
        ),
        SystemManager::Dnf => format!("{DNF} upgrade{options} --assumeyes"),
    }
}
