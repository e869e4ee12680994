//! From a resolved template to an Image Builder component.

mod build;
mod check;
mod conda;
mod patch;
mod python;
mod system;

use std::fmt;

use prism_domain::problem::{Problem, Problems};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::resolve::{ResolvedTemplate, hex};

pub(crate) use patch::components as patch_components;

/// The most characters of a component that is given inline.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateComponent.html>.
pub const MAX_COMPONENT_CHARACTERS: usize = 16_000;

/// A component as EC2 Image Builder reads it: YAML with the phases `build`, `validate` and `test`.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComponentDocument(String);

impl ComponentDocument {
    /// The YAML text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ComponentDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The component that builds, validates and tests the template. The same template always gives the same
/// text.
///
/// # Errors
/// If the text is longer than Image Builder takes.
pub fn component(resolved: &ResolvedTemplate) -> Result<ComponentDocument, Problems> {
    let text = document(resolved);
    let length = text.chars().count();
    if length > MAX_COMPONENT_CHARACTERS {
        return Err(Problems(vec![Problem::new(
            "template",
            format!(
                "compiles to a component of {length} characters; Image Builder takes {MAX_COMPONENT_CHARACTERS}: \
                 shorten post_install or install fewer packages by name"
            ),
        )]));
    }
    Ok(ComponentDocument(text))
}

impl ResolvedTemplate {
    /// 12 hexadecimal digits that change exactly when an image of this template would: of SHA-256 over the
    /// base's name, the component document, the root volume and the tags. Since the document counts, so
    /// does a change of how this version compiles templates.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        let document = document(self);
        let volume = self.root_volume_gb.to_string();
        let tags = self.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        for part in [self.base.as_str(), &document, &volume].into_iter().chain(tags) {
            // Each part's length before it, so that no two lists of parts read the same.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex(&hash.finalize()[..6])
    }
}

/// The document, of whatever length.
pub(crate) fn document(resolved: &ResolvedTemplate) -> String {
    let phases = [
        phase("build", &build::steps(resolved)),
        phase("validate", &check::steps(resolved, check::Moment::Built)),
        phase("test", &check::steps(resolved, check::Moment::Booted)),
    ];
    format!("name: prism-{}\nschemaVersion: 1.0\nphases:\n{}", resolved.name, phases.concat())
}

/// One `ExecuteBash` step: a script that root runs.
struct Step {
    /// Its name in the logs, unique in its phase.
    name: &'static str,
    /// How long it may take.
    seconds: u32,
    /// What bash runs. Any failing command ends it.
    script: String,
}

/// What every script begins with: the first failure ends it; programs that look for a home find one, whoever started
/// the step; and what is large and temporary goes to the disk. `/tmp` is in memory on Amazon Linux 2023 and on
/// Debian 13.
/// Sources: <https://docs.aws.amazon.com/linux/al2023/ug/filesystem-slash-tmp.html>,
/// <https://www.debian.org/releases/trixie/release-notes/issues.en.html>.
const PROLOGUE: &str = "set -euo pipefail\nexport HOME=/root TMPDIR=/var/tmp\n";

fn phase(name: &str, steps: &[Step]) -> String {
    format!("- name: {name}\n  steps:\n{}", steps.iter().map(Step::yaml).collect::<String>())
}

impl Step {
    /// The step, with its script as a literal block, which takes every character as it stands.
    fn yaml(&self) -> String {
        let Self { name, seconds, script } = self;
        let script = format!("{PROLOGUE}{}", script.trim_end());
        let indented = |line: &str| {
            if line.is_empty() { "\n".to_owned() } else { format!("        {line}\n") }
        };
        format!(
            "  - name: {name}\n    action: ExecuteBash\n    onFailure: Abort\n    timeoutSeconds: {seconds}\n    \
             inputs:\n      commands:\n      - |-\n{}",
            script.split('\n').map(indented).collect::<String>()
        )
    }
}
