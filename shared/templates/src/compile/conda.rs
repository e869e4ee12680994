//! Where conda packages go, and where conda comes from.

use crate::compile::system::install;
use crate::compile::{Step, python};
use crate::package;
use crate::resolve::ResolvedTemplate;
use crate::shell::quote_all;

/// The environment that holds the template's conda packages, apart from conda's own.
pub(super) const ENVIRONMENT: &str = "/opt/prism/conda";

/// Where conda is put if the base has none.
const HOME: &str = "/opt/prism/miniforge";

/// No distribution of the supported families carries conda, so that it comes from conda-forge's release,
/// of one version, by checksum: what is downloaded is what was looked at, or the build fails.
/// Source: <https://github.com/conda-forge/miniforge/releases/tag/25.3.1-0>.
const RELEASE: &str = "25.3.1-0";
const SHA256_X86_64: &str = "376b160ed8130820db0ab0f3826ac1fc85923647f75c1b8231166e3d559ab768";
const SHA256_ARM64: &str = "a57c9e3d6c0c449c0283fd07e0bfa30d95eb8d547a14e8dc06c606405d01a7f0";

/// Whether an environment is made.
pub(super) fn is_used(resolved: &ResolvedTemplate) -> bool {
    !resolved.packages.conda.is_empty() || python::in_conda(resolved)
}

/// Shell lines that set `conda` to the base's own conda, or to the one that is installed here.
pub(super) fn find() -> String {
    format!("conda=$(command -v conda || ls /opt/conda/bin/conda 2>/dev/null || echo {HOME}/bin/conda)")
}

pub(super) fn step(resolved: &ResolvedTemplate) -> Option<Step> {
    if !is_used(resolved) {
        return None;
    }
    let mut channels = vec!["conda-forge"];
    for channel in resolved.packages.conda.iter().filter_map(|spec| package::conda_channel(spec)) {
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    let channels: Vec<String> = channels.iter().map(|channel| format!("--channel {}", crate::quote(channel))).collect();
    let python = if python::in_conda(resolved) { ["python", "pip"].as_slice() } else { &[] };
    let asked: Vec<String> = resolved.packages.conda.iter().map(|spec| package::conda_name(spec)).collect();
    let added = python.iter().copied().filter(|name| !asked.iter().any(|asked| asked == name));
    let words = quote_all(resolved.packages.conda.iter().map(String::as_str).chain(added));
    let curl = install(resolved.system_manager(), "curl ca-certificates");
    let script = format!(
        r#"{find}
if [ ! -x "$conda" ]; then
  command -v curl >/dev/null || {curl}
  case $(uname -m) in
    x86_64) sha256={SHA256_X86_64} ;;
    aarch64) sha256={SHA256_ARM64} ;;
  esac
  installer=$(mktemp --suffix=.sh)
  url=https://github.com/conda-forge/miniforge/releases/download/{RELEASE}/Miniforge3-{RELEASE}-Linux-$(uname -m).sh
  curl -fsSL --retry 3 -o "$installer" "$url"
  echo "$sha256  $installer" | sha256sum --check --quiet
  bash "$installer" -b -p {HOME}
  rm -f "$installer"
  ln -sf {HOME}/bin/conda /usr/local/bin/conda
fi
"$conda" create --yes --quiet --prefix {ENVIRONMENT} --override-channels {channels} {words}
"$conda" clean --all --yes --quiet"#,
        find = find(),
        channels = channels.join(" "),
    );
    Some(Step { name: "InstallCondaPackages", seconds: 3600, script })
}
