//! Reading YAML that nobody vouches for.

use prism_domain::problem::{Problem, Problems, printable};
use serde_json::Value;

use crate::template::Template;

/// The largest template, in bytes of YAML.
pub const MAX_YAML_BYTES: usize = 64 * 1024;

/// Reads a template from YAML 1.2 text.
///
/// # Errors
/// Every fault at once, each with its field: text that is too long, that is not YAML, that repeats a key
/// or multiplies itself through aliases; fields that are unknown; values that are not what they must be.
pub fn parse(yaml: &str) -> Result<Template, Problems> {
    crate::read::from_json(&tree(yaml)?)
}

fn tree(yaml: &str) -> Result<Value, Problems> {
    if yaml.len() > MAX_YAML_BYTES {
        let size = yaml.len();
        return Err(refused(format!("is {size} bytes long; allowed are {MAX_YAML_BYTES} (64 KiB)")));
    }
    // A small document can name a large one many times over, so that what it unfolds to is bounded too.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_aliases: 100, max_nodes: 20_000 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 5_000, max_replay_stack_depth: 8 },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let reason = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
        let reason = reason.lines().next().unwrap_or_default();
        refused(format!("cannot be read as YAML: {}", printable(reason, 200)))
    })
}

fn refused(message: String) -> Problems {
    Problems(vec![Problem::new("template", message)])
}
