//! From a tree of values to a template.

use std::collections::BTreeMap;

use prism_domain::id::TemplateName;
use prism_domain::problem::Problems;
use prism_domain::root_volume::ROOT_VOLUME_GB;
use serde_json::Value;

use crate::allow;
use crate::package;
use crate::reader::{Fields, Reader, below, kind, nearest, shown};
use crate::template::{InstanceDefaults, PackageManager, Packages, Service, Template, User};

const FIELDS: [&str; 13] = [
    "name",
    "slug",
    "description",
    "base",
    "inherits",
    "package_manager",
    "packages",
    "users",
    "services",
    "post_install",
    "instance_defaults",
    "version",
    "tags",
];

/// The most tags of a template. EC2 allows 50 on an AMI; the rest is for this system's and Image
/// Builder's own.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.
pub(crate) const MAX_TAGS: usize = 40;

/// Reads a template from a JSON value, or what YAML was read into.
///
/// # Errors
/// Every fault at once, each with its field.
pub fn from_json(value: &Value) -> Result<Template, Problems> {
    let mut reader = Reader::default();
    let template = reader.fields("", value, &FIELDS).and_then(|fields| template(&mut reader, &fields));
    reader.finish(template)
}

impl TryFrom<Value> for Template {
    type Error = Problems;
    fn try_from(value: Value) -> Result<Self, Self::Error> {
        from_json(&value)
    }
}

/// The slug that a name stands for, if it makes a valid one: `Python ML` is `python-ml`.
#[must_use]
pub fn slug_of(name: &str) -> Option<TemplateName> {
    let words: Vec<&str> = name.split(|c: char| c.is_whitespace() || c == '_' || c == '-').collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase().parse().ok()
}

fn template(reader: &mut Reader, fields: &Fields) -> Option<Template> {
    let (name, slug) = identity(reader, fields);
    let description = reader.optional_text(fields, "description", &allow::DESCRIPTION);
    let base = reader.optional(fields, "base", Reader::parsed);
    let inherits = inherits(reader, fields);
    if fields.get("base").is_none() && fields.get("inherits").is_none() {
        reader.report("base", "is missing; give a base image such as ubuntu-22.04, or a template in inherits");
    }
    let template = Template {
        name: name.unwrap_or_default(),
        slug: slug?,
        description: description.map(|text| text.trim_end().to_owned()),
        base,
        inherits,
        package_manager: package_manager(reader, fields),
        packages: packages(reader, fields),
        users: reader.list(fields, "users", user, |user| user.name.clone()),
        services: reader
            .list(fields, "services", service, |service| service.name.trim_end_matches(".service").to_owned()),
        post_install: post_install(reader, fields),
        instance_defaults: instance_defaults(reader, fields),
        version: reader.optional_text(fields, "version", &allow::VERSION),
        tags: tags(reader, fields),
    };
    Some(template)
}

fn identity(reader: &mut Reader, fields: &Fields) -> (Option<String>, Option<TemplateName>) {
    let name = required(reader, fields, "", &allow::TITLE);
    // A fault of the slug must not hide the faults of the fields behind it: any slug will do for those.
    let any = || "any".parse().ok();
    let slug = match (fields.get("slug"), &name) {
        (Some((path, value)), _) => reader.parsed(&path, value).or_else(any),
        (None, None) => any(),
        (None, Some(name)) => slug_of(name).or_else(|| {
            let rule = "2 to 48 lower-case letters, digits and single hyphens, a letter first";
            reader.report("slug", format!("is missing, and {} makes none; allowed are {rule}", shown(name)));
            any()
        }),
    };
    (name, slug)
}

fn inherits(reader: &mut Reader, fields: &Fields) -> Vec<TemplateName> {
    let parent = |reader: &mut Reader, path: &str, item: &Value| {
        item.as_str().and_then(slug_of).or_else(|| reader.parsed(path, item))
    };
    let parents = reader.list(fields, "inherits", parent, ToString::to_string);
    if let Some((path, _)) = fields.get("inherits").filter(|(_, value)| value.as_array().is_some_and(Vec::is_empty)) {
        reader.report(&path, "is an empty list; name a template, or leave the field away");
    }
    parents
}

fn package_manager(reader: &mut Reader, fields: &Fields) -> Option<PackageManager> {
    let (path, value) = fields.get("package_manager")?;
    let text = value.as_str().unwrap_or_else(|| kind(value));
    let found = PackageManager::ALL.into_iter().find(|manager| manager.as_str() == text);
    if found.is_none() {
        let all = PackageManager::ALL.map(PackageManager::as_str);
        let hint = nearest(text, &all).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
        reader.report(&path, format!("is {}; {hint}allowed are {}", shown(text), all.join(", ")));
    }
    found
}

fn packages(reader: &mut Reader, fields: &Fields) -> Packages {
    let Some(fields) = reader.within(fields, "packages", &["system", "conda", "pip"]) else {
        return Packages::default();
    };
    Packages {
        system: reader.texts(&fields, "system", &allow::SYSTEM_PACKAGE, package::system_name),
        conda: reader.texts(&fields, "conda", &allow::CONDA_PACKAGE, package::conda_name),
        pip: reader.texts(&fields, "pip", &allow::PIP_PACKAGE, package::pip_name),
    }
}

fn user(reader: &mut Reader, path: &str, value: &Value) -> Option<User> {
    if !value.is_object() {
        let name = reader.text(path, value, &allow::USER)?;
        return Some(User { name, groups: Vec::new(), shell: None, sudo: false });
    }
    let fields = reader.fields(path, value, &["name", "groups", "shell", "sudo"])?;
    let name = required(reader, &fields, path, &allow::USER);
    let groups = reader.texts(&fields, "groups", &allow::GROUP, str::to_owned);
    if let Some(own) = name.as_ref().filter(|name| groups.contains(name)) {
        reader.report(&below(path, "groups"), format!("names {own}, the user's own group, which it gets anyway"));
    }
    let shell = reader.optional_text(&fields, "shell", &allow::SHELL);
    let sudo = reader.optional(&fields, "sudo", Reader::truth).unwrap_or(false);
    Some(User { name: name?, groups, shell, sudo })
}

fn service(reader: &mut Reader, path: &str, value: &Value) -> Option<Service> {
    if !value.is_object() {
        let name = reader.text(path, value, &allow::SERVICE)?;
        return Some(Service { name, port: None, enable: true });
    }
    let fields = reader.fields(path, value, &["name", "port", "enable"])?;
    let name = required(reader, &fields, path, &allow::SERVICE);
    let port = reader.optional(&fields, "port", |reader, path, value| reader.number(path, value, 1..=65_535));
    let enable = reader.optional(&fields, "enable", Reader::truth).unwrap_or(true);
    Some(Service { name: name?, port: port.and_then(|port| u16::try_from(port).ok()), enable })
}

/// The field `name`, which must be there.
fn required(reader: &mut Reader, fields: &Fields, path: &str, rule: &allow::Rule) -> Option<String> {
    let Some((path, value)) = fields.get("name") else {
        reader.report(&below(path, "name"), format!("is missing; give {}", rule.what));
        return None;
    };
    reader.text(&path, value, rule)
}

fn post_install(reader: &mut Reader, fields: &Fields) -> Vec<String> {
    let Some((path, value)) = fields.get("post_install") else {
        return Vec::new();
    };
    let items = reader.items(&path, value);
    let texts = items.into_iter().filter_map(|(path, item)| reader.text(&path, item, &allow::SHELL_TEXT));
    texts.map(|text| text.trim_end().to_owned()).collect()
}

fn instance_defaults(reader: &mut Reader, fields: &Fields) -> InstanceDefaults {
    let allowed = ["type", "root_volume_gb", "estimated_cost_per_hour"];
    let Some(fields) = reader.within(fields, "instance_defaults", &allowed) else {
        return InstanceDefaults::default();
    };
    InstanceDefaults {
        instance_type: reader.optional_text(&fields, "type", &allow::INSTANCE_TYPE),
        root_volume_gb: reader
            .optional(&fields, "root_volume_gb", |reader, path, value| reader.number(path, value, ROOT_VOLUME_GB)),
        estimated_cost_per_hour: reader.optional(&fields, "estimated_cost_per_hour", Reader::parsed),
    }
}

fn tags(reader: &mut Reader, fields: &Fields) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let Some((path, value)) = fields.get("tags") else {
        return tags;
    };
    let Some(keys) = value.as_object() else {
        reader.report(&path, format!("is {}; give a mapping such as course: biology-101", kind(value)));
        return tags;
    };
    let allowed: Vec<&str> = keys.keys().map(String::as_str).collect();
    let Some(fields) = reader.fields(&path, value, &allowed) else {
        return tags;
    };
    if keys.len() > MAX_TAGS {
        reader.report(&path, format!("holds {} tags; allowed are {MAX_TAGS}", keys.len()));
    }
    for (path, key, value) in fields.all() {
        if !(allow::TAG_KEY.holds)(key) {
            let rule = &allow::TAG_KEY;
            reader.report(&path, format!("is not {}; {}", rule.what, rule.allowed));
        }
        if value.is_f64() {
            // 1.10 was read as 1.1 already, and a tag must not silently say something else.
            reader.report(&path, "is a number with decimals; put it in quotes");
        } else if let Some(text) = reader.text(&path, value, &allow::TAG_VALUE) {
            tags.insert(key.clone(), text);
        }
    }
    tags
}
