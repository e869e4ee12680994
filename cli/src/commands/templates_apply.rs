//! `prism templates apply`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use prism_aws::{policies, templates};
use prism_templates::{MAX_YAML_BYTES, parse};

use super::templates_plan::{Given, Kind, plan};
use super::{On, read_text};
use crate::args::Apply;
use crate::fault::Faults;
use crate::progress::during;

/// Reads every file, plans, and applies the plan, parents before children.
pub async fn run(on: &On, args: &Apply) -> anyhow::Result<()> {
    let (given, mut faults) = read(&args.paths);
    let stack = on.stack().await;
    let stored = match &stack {
        Ok(stack) => during("reading templates", templates::all(&stack.table)).await.map_err(anyhow::Error::from),
        Err(_) => Ok(Vec::new()),
    };
    // Faults of the files are worth telling even where there is no stack to ask.
    if let (Err(error), false) = (&stack, faults.is_empty()) {
        faults.push(format!("{error:#}"));
        return Err(Faults(faults).into());
    }
    let (stack, stored) = (stack?, stored?);
    let catalogue = policies::current(&stack.table).await?.catalogue();
    let mut plan = match plan(given, &stored, &catalogue, faults.is_empty()) {
        Ok(plan) if faults.is_empty() => plan,
        Ok(_) => return Err(Faults(faults).into()),
        Err(more) => {
            faults.extend(more);
            return Err(Faults(faults).into());
        }
    };
    if args.dry_run {
        return on.output.give(&plan);
    }
    for (written, change) in plan.templates.iter_mut().filter(|change| change.kind != Kind::Unchanged).enumerate() {
        let write = templates::apply(&stack.table, &change.name, &change.template, on.output.look.now);
        let applied = during("applying templates", write).await.with_context(|| {
            format!(
                "{} could not be applied; {written} before it were, and applying again goes on from there",
                change.name
            )
        })?;
        change.revision = applied.unwrap_or(change.revision);
    }
    plan.applied = true;
    on.output.give(&plan)
}

/// Reads every file that is given or lies in a directory that is given; told are all that cannot be read.
fn read(paths: &[PathBuf]) -> (Vec<Given>, Vec<String>) {
    let (mut given, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match files(path) {
            Ok(files) => {
                for file in files {
                    match template(&file) {
                        Ok(one) => given.push(one),
                        Err(told) => faults.extend(told),
                    }
                }
            }
            Err(error) => faults.push(format!("{error:#}")),
        }
    }
    (given, faults)
}

/// The file itself, or the templates of a directory by name.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let told = path.display();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("{told} could not be read"))? {
        let file = entry.with_context(|| format!("{told} could not be read"))?.path();
        if file.is_file() && file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(anyhow!("{told} holds no *.yaml or *.yml file")) } else { Ok(files) }
}

fn template(path: &Path) -> Result<Given, Vec<String>> {
    let file = path.display().to_string();
    let text = read_text(path, MAX_YAML_BYTES).map_err(|error| vec![format!("{error:#}")])?;
    let told = |problem: &prism_domain::problem::Problem| format!("{file}: {problem}");
    let template = parse(&text).map_err(|problems| problems.0.iter().map(told).collect::<Vec<_>>())?;
    Ok(Given { file, template })
}

#[cfg(test)]
mod tests {
    use prism_domain::catalogue::Catalogue;

    use super::*;

    const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/templates");

    #[test]
    fn a_directory_stands_for_its_templates() {
        let (given, faults) = read(&[PathBuf::from(EXAMPLES)]);
        assert_eq!(faults, [""; 0]);
        assert!(given.len() >= 3);
        assert!(plan(given, &[], &Catalogue::built_in(), true).is_ok_and(|plan| plan.changes() >= 3));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_file() {
        let (_, faults) = read(&[
            PathBuf::from("/nowhere/a.yaml"),
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
        ]);
        assert!(faults.len() >= 2 && faults[0].starts_with("/nowhere/a.yaml could not be opened: "), "{faults:?}");
    }
}
