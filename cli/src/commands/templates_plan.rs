//! What applying templates would come to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_aws::templates::TemplateRecord;
use prism_domain::architecture::Architecture;
use prism_domain::catalogue::Catalogue;
use prism_domain::id::{BaseImageName, TemplateName};
use prism_templates::{ResolvedTemplate, Template, component, resolve};
use serde::Serialize;

use crate::diff::{Difference, differences};
use crate::fault::Faults;
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
    /// What is rebuilt for it, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebuilds: Option<Rebuilds>,
}

/// What is rebuilt because templates have changed.
#[derive(Debug, Serialize)]
pub struct Rebuilds {
    /// How many images.
    pub images: usize,
    /// From when on: the next off-peak window. None: the policy has them not rebuilt.
    pub from: Option<Timestamp>,
}

impl Rebuilds {
    fn text(&self, look: &Look) -> String {
        let images = if self.images == 1 { "1 image is".to_owned() } else { format!("{} images are", self.images) };
        let itself = if self.images == 1 { "itself" } else { "themselves" };
        match self.from {
            Some(from) => {
                format!("{images} rebuilt for this in the off-peak windows, at the earliest {}.", look.when(from))
            }
            None => format!("{images} not rebuilt by {itself}, since rebuild_on_change is false in the policy."),
        }
    }
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

/// Plans, or tells every fault of every file. `faults`: those of the files that could not be read. Where there is one, a
/// parent that is not known may be in such a file, and is no fault.
pub fn plan(
    mut given: Vec<Given>,
    mut faults: Vec<String>,
    stored: &[TemplateRecord],
    catalogue: &Catalogue,
) -> Result<Plan, Vec<String>> {
    let complete = faults.is_empty();
    let before: BTreeMap<TemplateName, Template> =
        stored.iter().map(|record| (record.name.clone(), record.template.clone())).collect();
    let mut after = before.clone();
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
    // What is applied can be built at any time, even if applying ends half-way.
    given.sort_by_cached_key(|given| generation(&given.template.slug, &files, &after));
    let changes = given.into_iter().filter_map(|given| {
        let resolved = sound.get(&given.template.slug)?;
        Some(change(given, resolved, stored, &after))
    });
    Ok(Plan { applied: false, templates: changes.collect(), rebuilds: None })
}

/// A template with all that it inherits, if an image can be built of it.
fn check(
    name: &TemplateName,
    all: &BTreeMap<TemplateName, Template>,
    catalogue: &Catalogue,
) -> Result<ResolvedTemplate, Vec<String>> {
    let resolved = resolve(name, all).map_err(|problems| Faults::from(problems).0)?;
    let mut faults: Vec<String> = base_fault(&resolved, catalogue).into_iter().collect();
    faults.extend(component(&resolved).err().into_iter().flat_map(|problems| Faults::from(problems).0));
    if faults.is_empty() { Ok(resolved) } else { Err(faults) }
}

fn base_fault(resolved: &ResolvedTemplate, catalogue: &Catalogue) -> Option<String> {
    let (base, architecture) = (&resolved.base, resolved.architecture());
    let Some(found) = catalogue.find(base) else {
        let hint = near::base_image(base.as_str(), catalogue);
        return Some(format!("base is {base}, which is not in the catalogue of base images; {hint}"));
    };
    if found.architectures.contains_key(&architecture) {
        return None;
    }
    let has: Vec<String> = found.architectures.keys().map(ToString::to_string).collect();
    let (instance_type, has) = (&resolved.instance_type, has.join(" and "));
    Some(format!(
        "instance_defaults.type is {instance_type}, which needs {architecture}, but {base} comes for {has} only"
    ))
}

/// How many generations of what is given stand above a template. No template inherits from itself: that has been refused.
fn generation(
    name: &TemplateName,
    given: &BTreeMap<TemplateName, String>,
    all: &BTreeMap<TemplateName, Template>,
) -> usize {
    let parents = all.get(name).into_iter().flat_map(|template| &template.inherits);
    let above = parents.filter(|parent| given.contains_key(*parent)).map(|parent| 1 + generation(parent, given, all));
    above.max().unwrap_or(0)
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
    fn text(&self, look: &Look) -> String {
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
        let rebuilds = self.rebuilds.as_ref().map(|rebuilds| format!("\n{}", rebuilds.text(look)));
        format!("{}\n{end}{}", trees.concat(), rebuilds.unwrap_or_default())
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
        let plan = plan(files, Vec::new(), &stored, &Catalogue::built_in()).unwrap();
        insta::assert_snapshot!(plain(&plan.text(&look())));
        insta::assert_json_snapshot!(plan);
    }

    #[test]
    fn what_is_rebuilt_for_a_change_is_said() {
        let text = |images, from| Rebuilds { images, from }.text(&look());
        let tonight = look().now + jiff::SignedDuration::from_hours(2);
        insta::assert_snapshot!(text(1, Some(tonight)), @"1 image is rebuilt for this in the off-peak windows, at the earliest today (19:00 UTC, in 2 hours).");
        insta::assert_snapshot!(text(3, None), @"3 images are not rebuilt by themselves, since rebuild_on_change is false in the policy.");
    }

    #[test]
    fn nothing_to_apply_is_said() {
        let plan =
            plan(vec![given("a.yaml", BASICS)], Vec::new(), &[stored(BASICS, 3)], &Catalogue::built_in()).unwrap();
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
        insta::assert_snapshot!(plan(files, Vec::new(), &stored, &Catalogue::built_in()).unwrap_err().join("\n"));
    }

    #[test]
    fn a_parent_in_a_file_that_cannot_be_read_is_not_told_as_missing() {
        let child = vec![given("b.yaml", "name: Bb\ninherits: nobody\n")];
        let unread = vec!["a.yaml: cannot be read".to_owned()];
        assert_eq!(plan(child, unread.clone(), &[], &Catalogue::built_in()).unwrap_err(), unread);
    }
}
