//! Which templates a template is made of.

use std::collections::{BTreeMap, BTreeSet};

use prism_domain::id::TemplateName;
use prism_domain::problem::{Problem, Problems};

use crate::template::Template;

/// How many templates may stand above each other, the one at the bottom not counted.
pub(crate) const MAX_DEPTH: usize = 8;

/// The template and all that it inherits from, each once: parents before children, and of several parents
/// the first first.
pub(crate) fn lineage<'a>(
    name: &TemplateName,
    all: &'a BTreeMap<TemplateName, Template>,
) -> Result<Vec<&'a Template>, Problems> {
    let Some(template) = all.get(name) else {
        return Err(Problems(vec![Problem::new("template", format!("{name} is not known"))]));
    };
    let mut walk = Walk { all, order: Vec::new(), path: Vec::new(), done: BTreeSet::new(), problems: Vec::new() };
    walk.visit(template);
    if walk.problems.is_empty() { Ok(walk.order) } else { Err(Problems(walk.problems)) }
}

struct Walk<'a> {
    all: &'a BTreeMap<TemplateName, Template>,
    order: Vec<&'a Template>,
    path: Vec<&'a TemplateName>,
    done: BTreeSet<&'a TemplateName>,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, template: &'a Template) {
        self.path.push(&template.slug);
        for parent in &template.inherits {
            if self.path.contains(&parent) {
                self.refuse(format!("runs in a circle: {} → {parent}; take one of them out", self.way()));
            } else if self.done.contains(parent) {
            } else if self.path.len() > MAX_DEPTH {
                self.refuse(format!("is more than {MAX_DEPTH} deep: {} → {parent}; inherit less far", self.way()));
            } else if let Some(parent) = self.all.get(parent) {
                self.visit(parent);
            } else {
                let by = &template.slug;
                self.refuse(format!(
                    "names {parent}, which is not a known template (in {by}); add it or correct the name"
                ));
            }
        }
        self.path.pop();
        self.done.insert(&template.slug);
        self.order.push(template);
    }

    fn refuse(&mut self, message: String) {
        self.problems.push(Problem::new("inherits", message));
    }

    fn way(&self) -> String {
        self.path.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" → ")
    }
}
