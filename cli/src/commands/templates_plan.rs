//! What applying templates would come to.

use std::collections::{BTreeMap, BTreeSet};

use prism_aws::templates::TemplateRecord;
use prism_domain::architecture::Architecture;
use prism_domain::catalogue::Catalogue;
use prism_domain::id::{BaseImageName, TemplateName};
use prism_templates::{ResolvedTemplate, Template, component, resolve};
use serde::Serialize;

use crate::diff::{Difference, differences};
use crate::look::{BAD, DIM, GOOD, Look, WARN, branch, count, paint};
use crate::near;
use crate::output::Answer;

/// A template of a file.
#[derive(Debug, Clone)]
pub struct Given {
    pub file: String,
    pub template: Template,
}

/// What applying would come to, parents before children.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Whether it has been done.
    pub applied: bool,
    pub templates: Vec<Change>,
}

/// What applying one template would come to.
#[derive(Debug, Serialize)]
pub struct Change {
    pub name: TemplateName,
    pub file: String,
    #[serde(rename = "change")]
    pub kind: Kind,
    /// Which revision it then has.
    pub revision: u64,
    pub base: BaseImageName,
    pub architecture: Architecture,
    /// What is different, of one that changes.
    pub differences: Vec<Difference>,
    /// Applied templates that inherit from it, and so change too.
    pub inherited_by: Vec<TemplateName>,
    #[serde(skip)]
    pub template: Template,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    New,
    Changed,
    Unchanged,
}

/// Plans, or tells every fault of every file. `complete`: whether every file could be read, so that a
/// parent which is not known is a fault.
pub fn plan(
    given: Vec<Given>,
    stored: &[TemplateRecord],
    catalogue: &Catalogue,
    complete: bool,
) -> Result<Plan, Vec<String>> {
    let before: BTreeMap<TemplateName, Template> =
        stored.iter().map(|record| (record.name.clone(), record.template.clone())).collect();
    let mut after = before.clone();
    let mut faults = Vec::new();
    let mut files: BTreeMap<TemplateName, String> = BTreeMap::new();
    for Given { file, template } in &given {
        if let Some(other) = files.insert(template.slug.clone(), file.clone()) {
            faults.push(format!("{file}: is template {}, and so is {other}; give each once", template.slug));
        }
        after.insert(template.slug.clone(), template.clone());
    }
    let mut sound = BTreeMap::new();
    for Given { file, template } in &given {
        match check(&template.slug, &after, catalogue) {
            Ok(resolved) => {
                sound.insert(template.slug.clone(), resolved);
            }
            Err(problems) => {
                let told = problems.into_iter().filter(|problem| complete || !problem.starts_with("inherits "));
                faults.extend(told.map(|problem| format!("{file}: {problem}")));
            }
        }
    }
    for name in before.keys().filter(|name| !files.contains_key(*name)) {
        if let (Ok(_), Err(problems)) = (resolve(name, &before), resolve(name, &after)) {
            faults.push(format!("{name}: inherits from what is given here and could no longer be built: {problems}"));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let changes = parents_first(given).into_iter().filter_map(|given| {
        let resolved = sound.get(&given.template.slug)?;
        Some(change(given, resolved, stored, &after))
    });
    Ok(Plan { applied: false, templates: changes.collect() })
}

/// A template with all that it inherits, if an image can be built of it.
fn check(
    name: &TemplateName,
    all: &BTreeMap<TemplateName, Template>,
    catalogue: &Catalogue,
) -> Result<ResolvedTemplate, Vec<String>> {
    let told = |problems: prism_domain::problem::Problems| -> Vec<String> {
        problems.0.iter().map(ToString::to_string).collect()
    };
    let resolved = resolve(name, all).map_err(told)?;
    let mut faults = base_fault(&resolved, catalogue);
    faults.extend(component(&resolved).err().map(told).into_iter().flatten());
    if faults.is_empty() { Ok(resolved) } else { Err(faults) }
}

fn base_fault(resolved: &ResolvedTemplate, catalogue: &Catalogue) -> Vec<String> {
    let (base, architecture) = (&resolved.base, resolved.architecture());
    let Some(found) = catalogue.find(base) else {
        let called = catalogue
            .iter()
            .flat_map(|base| std::iter::once(base.name.as_str()).chain(base.aliases.iter().map(String::as_str)));
        let hint = near::hint(base.as_str(), called, "prism base-images list --all shows all");
        return vec![format!("base is {base}, which is not in the catalogue of base images; {hint}")];
    };
    if found.architectures.contains_key(&architecture) {
        return Vec::new();
    }
    let has: Vec<String> = found.architectures.keys().map(ToString::to_string).collect();
    vec![format!(
        "instance_defaults.type is {}, which needs {architecture}, but {base} comes for {} only",
        resolved.instance_type,
        has.join(" and ")
    )]
}

/// In an order in which what is applied can be built at any time, even if applying ends half-way.
fn parents_first(mut given: Vec<Given>) -> Vec<Given> {
    let mut ordered: Vec<Given> = Vec::with_capacity(given.len());
    while !given.is_empty() {
        let waiting: BTreeSet<TemplateName> = given.iter().map(|given| given.template.slug.clone()).collect();
        let (ready, rest): (Vec<Given>, Vec<Given>) =
            given.into_iter().partition(|given| given.template.inherits.iter().all(|parent| !waiting.contains(parent)));
        // A circle has been refused before; should there be one all the same, the order is as good as any.
        let stuck = ready.is_empty();
        ordered.extend(ready);
        if stuck {
            ordered.extend(rest);
            break;
        }
        given = rest;
    }
    ordered
}

fn change(
    given: Given,
    resolved: &ResolvedTemplate,
    stored: &[TemplateRecord],
    after: &BTreeMap<TemplateName, Template>,
) -> Change {
    let Given { file, template } = given;
    let record = stored.iter().find(|record| record.name == template.slug);
    let kind = match record {
        None => Kind::New,
        Some(record) if record.template == template => Kind::Unchanged,
        Some(_) => Kind::Changed,
    };
    let value = |template: &Template| serde_json::to_value(template).unwrap_or_default();
    let differences = match record {
        Some(record) if kind == Kind::Changed => differences(&value(&record.template), &value(&template)),
        _ => Vec::new(),
    };
    let revision = record.map_or(0, |record| record.revision) + u64::from(kind != Kind::Unchanged);
    let inherited_by = match kind {
        Kind::Changed => descendants(&template.slug, after),
        _ => Vec::new(),
    };
    Change {
        name: template.slug.clone(),
        file,
        kind,
        revision,
        base: resolved.base.clone(),
        architecture: resolved.architecture(),
        differences,
        inherited_by,
        template,
    }
}

fn descendants(name: &TemplateName, all: &BTreeMap<TemplateName, Template>) -> Vec<TemplateName> {
    let mut found: BTreeSet<&TemplateName> = BTreeSet::from([name]);
    loop {
        let more: Vec<&TemplateName> = all
            .iter()
            .filter(|(child, template)| !found.contains(child) && template.inherits.iter().any(|p| found.contains(p)))
            .map(|(child, _)| child)
            .collect();
        if more.is_empty() {
            return found.into_iter().filter(|found| *found != name).cloned().collect();
        }
        found.extend(more);
    }
}

impl Plan {
    /// How many templates change.
    pub fn changes(&self) -> usize {
        self.templates.iter().filter(|change| change.kind != Kind::Unchanged).count()
    }
}

impl Answer for Plan {
    fn text(&self, _: &Look) -> String {
        let trees: Vec<String> = self.templates.iter().map(Change::text).collect();
        let unchanged = self.templates.len() - self.changes();
        let unchanged =
            if unchanged > 0 { format!(" {} as before.", count(unchanged, "template")) } else { String::new() };
        let end = match (self.changes(), self.applied) {
            (0, _) => "Nothing to apply: all is as it was applied before.".to_owned(),
            (changes, true) => {
                let first = self.templates.iter().find(|change| change.kind != Kind::Unchanged);
                let name = first.map_or_else(String::new, |change| change.name.to_string());
                format!(
                    "Applied {}.{unchanged} To build one now: prism templates auto-ami build {name}",
                    count(changes, "template")
                )
            }
            (changes, false) => {
                format!("Would apply {}.{unchanged} Nothing was written (--dry-run).", count(changes, "template"))
            }
        };
        format!("{}\n{end}", trees.concat())
    }
}

impl Change {
    fn text(&self) -> String {
        let facts = format!("{}, {}, {}", self.base, self.architecture, self.file);
        let head = match self.kind {
            Kind::New => format!("{} ({facts})", paint(GOOD, format!("+ {} is new", self.name))),
            Kind::Changed => {
                format!("{} ({facts})", paint(WARN, format!("~ {} changes to revision {}", self.name, self.revision)))
            }
            Kind::Unchanged => paint(DIM, format!("= {} is unchanged ({facts})", self.name)),
        };
        let mut lines: Vec<String> = self.differences.iter().flat_map(difference).collect();
        if !self.inherited_by.is_empty() {
            let names: Vec<&str> = self.inherited_by.iter().map(TemplateName::as_str).collect();
            lines.push(format!("changes with it, since they inherit it: {}", names.join(", ")));
        }
        branch(head, lines).to_string()
    }
}

/// A difference, a line each.
pub fn difference(difference: &Difference) -> Vec<String> {
    let field = &difference.field;
    let removed = difference.removed.iter().map(|line| paint(BAD, format!("- {field}: {line}")));
    let added = difference.added.iter().map(|line| paint(GOOD, format!("+ {field}: {line}")));
    let order = difference.reordered.then(|| format!("  {field}: in another order"));
    removed.chain(added).chain(order).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{look, plain};

    fn given(file: &str, yaml: &str) -> Given {
        Given { file: file.to_owned(), template: prism_templates::parse(yaml).unwrap() }
    }

    fn stored(yaml: &str, revision: u64) -> TemplateRecord {
        let template = prism_templates::parse(yaml).unwrap();
        TemplateRecord { name: template.slug.clone(), template, revision, applied_at: look().now, disabled: None }
    }

    const BASICS: &str = "name: Basics\nbase: ubuntu-22.04\npackages: {system: [git, curl]}\n";

    #[test]
    fn a_plan_tells_what_is_new_what_changes_and_what_does_not() {
        let stored = [
            stored(BASICS, 3),
            stored("name: Notes\nbase: debian-12\n", 1),
            stored("name: Lab\ninherits: basics\n", 2),
        ];
        let files = vec![
            given("child.yaml", "name: Child\ninherits: basics\ninstance_defaults: {type: m7g.large}\n"),
            given("basics.yaml", "name: Basics\nbase: ubuntu-24.04\nversion: 1.1.0\npackages: {system: [git, jq]}\n"),
            given("notes.yaml", "name: Notes\nbase: debian-12\n"),
        ];
        let plan = plan(files, &stored, &Catalogue::built_in(), true).unwrap();
        insta::assert_snapshot!(plain(&plan.text(&look())));
        insta::assert_json_snapshot!(plan);
    }

    #[test]
    fn nothing_to_apply_is_said() {
        let plan = plan(vec![given("a.yaml", BASICS)], &[stored(BASICS, 3)], &Catalogue::built_in(), true).unwrap();
        assert!(plain(&plan.text(&look())).ends_with("Nothing to apply: all is as it was applied before."));
    }

    #[test]
    fn every_fault_of_every_file_is_told() {
        let stored = [stored(BASICS, 1), stored("name: Lab\ninherits: basics\nbase: ubuntu-22.04\n", 1)];
        let files = vec![
            given("a.yaml", "name: Aa\nbase: ubunto-22.04\npackage_manager: apt\n"),
            given("b.yaml", "name: Bb\ninherits: nobody\n"),
            given("c.yaml", "name: Basics\ninherits: lab\n"),
            given("d.yaml", "name: Dd\nbase: ubuntu-22.04\n"),
            given("e.yaml", "name: Dd\nbase: ubuntu-22.04\n"),
        ];
        insta::assert_snapshot!(plan(files, &stored, &Catalogue::built_in(), true).unwrap_err().join("\n"));
    }

    #[test]
    fn a_parent_in_a_file_that_cannot_be_read_is_not_told_as_missing() {
        let child = vec![given("b.yaml", "name: Bb\ninherits: nobody\n")];
        assert_eq!(plan(child, &[], &Catalogue::built_in(), false).unwrap().templates.len(), 0);
    }
}
