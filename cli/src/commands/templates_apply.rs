//! `prism templates apply`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use prism_aws::templates;
use prism_domain::id::TemplateName;
use prism_domain::pacing::rebuilt_from;
use prism_templates::{MAX_YAML_BYTES, parse};

use super::templates_plan::{Given, Kind, Plan, Rebuilds, plan};
use super::{On, read_text};
use crate::fault::{Faults, warn_of_unreadable};
use crate::progress::during;
use crate::stack::Stack;
use crate::standing;

/// Reads every file, plans, and applies the plan, parents before children.
pub async fn run(on: &On, paths: &[PathBuf], dry_run: bool) -> anyhow::Result<()> {
    let (given, mut faults) = read(paths);
    let stack = match on.stack().await {
        // Faults of the files are worth telling even where there is no stack to ask.
        Err(error) if !faults.is_empty() => {
            faults.push(format!("{error:#}"));
            return Err(Faults(faults).into());
        }
        stack => stack?,
    };
    let stored = warn_of_unreadable(during("reading templates", templates::all(&stack.table)).await?);
    let catalogue = stack.policy().await?.catalogue();
    let mut plan = plan(given, faults, &stored, &catalogue).map_err(Faults)?;
    if dry_run {
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
    plan.rebuilds = during("reading images", rebuilds(&stack, &plan)).await?;
    on.output.give(&plan)
}

/// The images of what has changed, and of what inherits from that, that are made of something else by now.
async fn rebuilds(stack: &Stack, plan: &Plan) -> anyhow::Result<Option<Rebuilds>> {
    let changed = plan.templates.iter().filter(|change| change.kind == Kind::Changed);
    let names: BTreeSet<TemplateName> =
        changed.flat_map(|change| std::iter::once(&change.name).chain(&change.inherited_by)).cloned().collect();
    if names.is_empty() {
        return Ok(None);
    }
    let all = standing::some(stack, &names).await?;
    let targets = all.templates.iter().flat_map(|template| &template.targets);
    let images = targets.filter(|target| target.changed).count();
    let policy = all.policy.unwrap_or_default();
    let from = policy.rebuild_on_change.then(|| rebuilt_from(&policy, stack.now));
    Ok((images > 0).then_some(Rebuilds { images, from }))
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
    let text = read_text(path, MAX_YAML_BYTES).map_err(|error| vec![format!("{error:#}")])?;
    let template = parse(&text).map_err(|problems| Faults::of_file(path, &problems).0)?;
    Ok(Given { file: path.display().to_string(), template })
}

#[cfg(test)]
mod tests {
    use prism_domain::catalogue::Catalogue;

    use super::*;

    const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/templates");

    #[test]
    fn a_directory_stands_for_its_templates() {
        let (given, faults) = read(&[PathBuf::from(EXAMPLES)]);
        assert!(given.len() >= 3);
        assert!(plan(given, faults, &[], &Catalogue::built_in()).is_ok_and(|plan| plan.changes() >= 3));
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
