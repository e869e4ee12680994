//! A package's specification: its name and what is asked of its version.

/// The name of a system package: what stands before `=version`.
pub(crate) fn system_name(spec: &str) -> String {
    spec.split('=').next().unwrap_or(spec).to_owned()
}

/// The name under which conda lists a package: no channel, no version, lower case.
pub(crate) fn conda_name(spec: &str) -> String {
    let spec = spec.rsplit("::").next().unwrap_or(spec);
    spec.split(CONSTRAINT).next().unwrap_or(spec).to_ascii_lowercase()
}

/// The channel that a conda package asks for.
pub(crate) fn conda_channel(spec: &str) -> Option<&str> {
    spec.split_once("::").map(|(channel, _)| channel)
}

/// The name under which pip compares packages: no extras, no version, lower case, hyphens.
/// Source: <https://packaging.python.org/en/latest/specifications/name-normalization/>.
pub(crate) fn pip_name(spec: &str) -> String {
    let name = spec.split(CONSTRAINT).next().unwrap_or(spec);
    let name = name.split('[').next().unwrap_or(name);
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_ascii_lowercase()
}

/// The characters that begin a version constraint.
const CONSTRAINT: [char; 5] = ['=', '<', '>', '!', '~'];

/// Whether the text is a system package.
pub(crate) fn is_system(spec: &str) -> bool {
    let (name, version) = spec.split_once('=').map_or((spec, None), |(name, version)| (name, Some(version)));
    let fits = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    (1..=128).contains(&spec.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && fits(name, ".+-_:~^")
        && version.is_none_or(|version| !version.is_empty() && fits(version, ".+-_:~^"))
}

/// Whether the text is a conda package.
pub(crate) fn is_conda(spec: &str) -> bool {
    let (channel, spec) = spec.split_once("::").map_or((None, spec), |(channel, spec)| (Some(channel), spec));
    let (name, constraint) = spec.split_at(spec.find(CONSTRAINT).unwrap_or(spec.len()));
    let is_word = |text: &str| {
        (1..=128).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    channel.is_none_or(is_word) && is_word(name) && is_constraint(constraint)
}

/// Whether the text is a Python package with at most extras and version constraints. An address to
/// fetch from, a path, an option or an environment marker is not.
/// Source: <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>.
pub(crate) fn is_pip(spec: &str) -> bool {
    let (name, constraint) = spec.split_at(spec.find(CONSTRAINT).unwrap_or(spec.len()));
    let (name, extras) = match name.strip_suffix(']') {
        None => (name, None),
        Some(inner) => match inner.split_once('[') {
            None => return false,
            Some((name, extras)) => (name, Some(extras)),
        },
    };
    is_pip_word(name) && extras.is_none_or(|extras| extras.split(',').all(is_pip_word)) && is_constraint(constraint)
}

fn is_pip_word(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Nothing, or clauses with commas between them: an operator and a version each.
fn is_constraint(text: &str) -> bool {
    text.is_empty()
        || text.len() <= 128
            && text.split(',').all(|clause| {
                let version = clause.trim_start_matches(CONSTRAINT);
                let operator = &clause[..clause.len() - version.len()];
                matches!(operator, "=" | "==" | "===" | "~=" | "!=" | ">=" | "<=" | ">" | "<")
                    && !version.is_empty()
                    && version.chars().all(|c| c.is_ascii_alphanumeric() || ".*+!_-=".contains(c))
            })
}
