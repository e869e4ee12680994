//! What changes between two values, line by line, as a person would tell it.

use std::collections::BTreeMap;

use prism_domain::problem::printable;
use serde::Serialize;
use serde_json::Value;

/// The longest line that is shown, in characters.
const LIMIT: usize = 120;

/// What changes in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The field: a path such as `packages.system`.
    pub field: String,
    /// What it no longer has.
    pub removed: Vec<String>,
    /// What it newly has.
    pub added: Vec<String>,
    /// Whether only the order of what it has changes.
    pub reordered: bool,
}

/// What changes, by field.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let (before, after) = (fields(before), fields(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let none = Vec::new();
    names
        .into_iter()
        .filter_map(|name| {
            let (old, new) = (before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none));
            (old != new).then(|| {
                let (removed, added) = (without(old, new), without(new, old));
                let reordered = removed.is_empty() && added.is_empty();
                Difference { field: name.clone(), removed, added, reordered }
            })
        })
        .collect()
}

/// The lines that the others lack, as often as they lack them.
fn without(lines: &[String], others: &[String]) -> Vec<String> {
    let mut left: Vec<&String> = others.iter().collect();
    let mut out = Vec::new();
    for line in lines {
        match left.iter().position(|other| *other == line) {
            Some(place) => {
                left.swap_remove(place);
            }
            None => out.push(line.clone()),
        }
    }
    out
}

/// Every field that is no object, with its lines.
fn fields(value: &Value) -> BTreeMap<String, Vec<String>> {
    let mut out = BTreeMap::new();
    collect("", value, &mut out);
    out
}

fn collect(path: &str, value: &Value, out: &mut BTreeMap<String, Vec<String>>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(&path, value, out);
            }
        }
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) => {
            out.insert(path.to_owned(), items.iter().flat_map(lines).collect());
        }
        scalar => {
            out.insert(path.to_owned(), lines(scalar));
        }
    }
}

fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.lines().map(|line| printable(line, LIMIT)).collect(),
        Value::Object(fields) => {
            let facts = fields.iter().map(|(name, value)| format!("{name}: {}", lines(value).join(", ")));
            vec![printable(&facts.collect::<Vec<_>>().join("; "), LIMIT)]
        }
        Value::Array(items) => items.iter().flat_map(lines).collect(),
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changes_is_told() {
        let before =
            json!({"name": "a", "packages": {"pip": ["numpy", "pandas"]}, "version": "1.0.0", "tags": {"x": "1"}});
        let after = json!({"name": "a", "packages": {"pip": ["pandas", "numpy==2"]}, "version": "1.1.0"});
        let told = differences(&before, &after);
        let fields: Vec<&str> = told.iter().map(|difference| difference.field.as_str()).collect();
        assert_eq!(fields, ["packages.pip", "tags.x", "version"]);
        assert_eq!([&told[0].removed, &told[0].added], [&["numpy"], &["numpy==2"]]);
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn a_change_of_order_is_told_as_one() {
        let told = differences(&json!({"a": ["x", "y"]}), &json!({"a": ["y", "x"]}));
        assert!(told.len() == 1 && told[0].reordered);
    }

    #[test]
    fn a_long_text_is_compared_line_by_line() {
        let told = differences(&json!({"run": ["a\nb"]}), &json!({"run": ["a\nc"]}));
        assert_eq!((&told[0].removed, &told[0].added), (&vec!["b".to_owned()], &vec!["c".to_owned()]));
    }
}
