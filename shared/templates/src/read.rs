//! From a tree of values to a template.

use std::collections::BTreeMap;

use prism_domain::fields::{Form, Section, flag, hint, number, parsed, shown, text_of};
use prism_domain::id::TemplateName;
use prism_domain::problem::{Problem, Problems, printable};
use prism_domain::root_volume::ROOT_VOLUME_GB;
use serde_json::Value;

use crate::allow::{self, Rule};
use crate::package;
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

const FORM: Form = Form { empty_is_absent: true, belongs: |_| None };

/// Reads a template from a JSON value, or what YAML was read into.
///
/// # Errors
/// Every fault at once, each with its field.
pub fn from_json(value: &Value) -> Result<Template, Problems> {
    let Some(fields) = value.as_object() else {
        let message = format!("is not a mapping; its fields are {}", FIELDS.join(", "));
        return Err(Problems(vec![Problem::new("template", message)]));
    };
    let mut section = Section::new(&FORM, "", fields, &FIELDS);
    let template = template(&mut section);
    section.finish(template)
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

fn template(fields: &mut Section<'_>) -> Option<Template> {
    let (name, slug) = identity(fields);
    let description = fields.get("description", matching(&allow::DESCRIPTION));
    let base = fields.get("base", parsed);
    let inherits = inherits(fields);
    if !fields.has("base") && !fields.has("inherits") {
        fields.fault("base", "is missing; give a base image such as ubuntu-22.04, or a template in inherits");
    }
    Some(Template {
        name: name.unwrap_or_default(),
        slug: slug?,
        description: description.map(|text| text.trim_end().to_owned()),
        base,
        inherits,
        package_manager: fields.get("package_manager", package_manager),
        packages: fields.section("packages", &["system", "conda", "pip"], packages).unwrap_or_default(),
        users: fields.distinct("users", user, |user| user.name.clone()),
        services: fields.distinct("services", service, |service| service.name.trim_end_matches(".service").to_owned()),
        post_install: post_install(fields),
        instance_defaults: fields
            .section("instance_defaults", &["type", "root_volume_gb", "estimated_cost_per_hour"], instance_defaults)
            .unwrap_or_default(),
        version: fields.get("version", matching(&allow::VERSION)),
        tags: tags(fields),
    })
}

fn identity(fields: &mut Section<'_>) -> (Option<String>, Option<TemplateName>) {
    let name = required(fields, &allow::TITLE);
    // A fault of the slug must not hide the faults of the fields behind it: any slug will do for those.
    let any = || "any".parse().ok();
    let slug = match &name {
        _ if fields.has("slug") => fields.get("slug", parsed).or_else(any),
        None => any(),
        Some(name) => slug_of(name).or_else(|| {
            let rule = "2 to 48 lower-case letters, digits and single hyphens, a letter first";
            let name = shown(&Value::from(name.as_str()));
            fields.fault("slug", format!("is missing, and {name} makes none; allowed are {rule}"));
            any()
        }),
    };
    (name, slug)
}

fn inherits(fields: &mut Section<'_>) -> Vec<TemplateName> {
    if fields.has("inherits") && fields.is_empty("inherits") {
        fields.fault("inherits", "is an empty list; name a template, or leave the field away");
    }
    let parent = |value: &Value| match value.as_str().and_then(slug_of) {
        Some(parent) => Ok(parent),
        None => parsed(value),
    };
    fields.distinct("inherits", entry(parent), ToString::to_string)
}

fn package_manager(value: &Value) -> Result<PackageManager, String> {
    let all = PackageManager::ALL.map(PackageManager::as_str);
    let found = PackageManager::ALL.into_iter().find(|manager| Some(manager.as_str()) == value.as_str());
    found.ok_or_else(|| {
        let hint = hint(value.as_str().unwrap_or_default(), &all);
        format!("{} is not a package manager; {hint}", shown(value))
    })
}

fn packages(fields: &mut Section<'_>) -> Packages {
    Packages {
        system: fields.distinct("system", entry(matching(&allow::SYSTEM_PACKAGE)), |name| package::system_name(name)),
        conda: fields.distinct("conda", entry(matching(&allow::CONDA_PACKAGE)), |name| package::conda_name(name)),
        pip: fields.distinct("pip", entry(matching(&allow::PIP_PACKAGE)), |name| package::pip_name(name)),
    }
}

fn user(section: &mut Section<'_>, place: &str, value: &Value) -> Option<User> {
    if !value.is_object() {
        let name = entry(matching(&allow::USER))(section, place, value)?;
        return Some(User { name, groups: Vec::new(), shell: None, sudo: false });
    }
    section.section_at(place, value, &["name", "groups", "shell", "sudo"], |fields| {
        let name = required(fields, &allow::USER);
        let groups = fields.distinct("groups", entry(matching(&allow::GROUP)), Clone::clone);
        if let Some(own) = name.as_ref().filter(|name| groups.contains(name)) {
            fields.fault("groups", format!("names {own}, the user's own group, which it gets anyway"));
        }
        let shell = fields.get("shell", matching(&allow::SHELL));
        let sudo = fields.get("sudo", flag).unwrap_or(false);
        Some(User { name: name?, groups, shell, sudo })
    })?
}

fn service(section: &mut Section<'_>, place: &str, value: &Value) -> Option<Service> {
    if !value.is_object() {
        let name = entry(matching(&allow::SERVICE))(section, place, value)?;
        return Some(Service { name, port: None, enable: true });
    }
    section.section_at(place, value, &["name", "port", "enable"], |fields| {
        let name = required(fields, &allow::SERVICE);
        let port = fields.get("port", number(1..=u32::from(u16::MAX)));
        let enable = fields.get("enable", flag).unwrap_or(true);
        Some(Service { name: name?, port: port.and_then(|port| u16::try_from(port).ok()), enable })
    })?
}

/// The field `name`, which must be there.
fn required(fields: &mut Section<'_>, rule: &Rule) -> Option<String> {
    fields.need("name", &format!("give {}", rule.what), matching(rule))
}

fn post_install(fields: &mut Section<'_>) -> Vec<String> {
    let texts = fields.entries("post_install", entry(matching(&allow::SHELL_TEXT)));
    texts.into_iter().map(|(_, text)| text.trim_end().to_owned()).collect()
}

fn instance_defaults(fields: &mut Section<'_>) -> InstanceDefaults {
    InstanceDefaults {
        instance_type: fields.get("type", matching(&allow::INSTANCE_TYPE)),
        root_volume_gb: fields.get("root_volume_gb", number(ROOT_VOLUME_GB)),
        estimated_cost_per_hour: fields.get("estimated_cost_per_hour", parsed),
    }
}

fn tags(fields: &mut Section<'_>) -> BTreeMap<String, String> {
    let Some(keys) = fields.get("tags", |value| {
        value.as_object().cloned().ok_or_else(|| "is not a mapping such as course: biology-101".to_owned())
    }) else {
        return BTreeMap::new();
    };
    if keys.len() > MAX_TAGS {
        fields.fault("tags", format!("holds {} tags; allowed are {MAX_TAGS}", keys.len()));
    }
    let mut tags = BTreeMap::new();
    for (key, value) in keys {
        let place = format!("tags.{}", printable(&key, 60));
        if !(allow::TAG_KEY.holds)(&key) {
            let rule = &allow::TAG_KEY;
            fields.fault(&place, format!("is not {}; {}", rule.what, rule.allowed));
        }
        if value.is_f64() {
            // 1.10 was read as 1.1 already, and a tag must not silently say something else.
            fields.fault(&place, "is a number with decimals; put it in quotes");
        } else if let Some(text) = entry(matching(&allow::TAG_VALUE))(fields, &place, &value) {
            tags.insert(key, text);
        }
    }
    tags
}

/// Reads one entry of a list.
fn entry<T>(read: impl Fn(&Value) -> Result<T, String>) -> impl Fn(&mut Section<'_>, &str, &Value) -> Option<T> {
    move |section, place, value| read(value).map_err(|message| section.fault(place, message)).ok()
}

/// Text of a kind. A number is taken for its text, as people leave the quotes away.
fn matching(rule: &Rule) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = text_of(value).filter(|text| (rule.holds)(text));
        text.ok_or_else(|| format!("{} is not {}; {}", shown(value), rule.what, rule.allowed))
    }
}
