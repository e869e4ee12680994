//! What people are told of records that cannot be read.

use jiff::Timestamp;
use termtree::Tree;

use super::{NAMED, Notice, NoticeKind, branch, count, subject};
use crate::hash;
use crate::problem::printable;
use crate::unreadable::UnreadableRecord;

/// Records that cannot be read and of which people have not been told. `revision`: of the record of what people were told,
/// so that a record that breaks again gets a new notice. None if `records` is empty.
#[must_use]
pub fn record_unreadable(records: &[&UnreadableRecord], revision: u64, now: Timestamp) -> Option<Notice> {
    let first = records.first()?;
    let digests: Vec<String> = records.iter().map(|record| record.digest()).collect();
    let mut tree = Tree::new(count(records.len(), "record"));
    for record in records.iter().take(NAMED) {
        let facts = [format!("Look at it: {}", record.command()), format!("To mend it: {}", record.remedy())];
        tree.push(branch(record.to_string(), facts));
    }
    let others = records.len().saturating_sub(NAMED);
    if others > 0 {
        tree.push(Tree::new(format!("and {}", count(others, "other"))));
    }
    let which = match records {
        [_] => format!("{} {}", printable(&first.pk, 40), printable(&first.sk, 60)),
        many => format!("{} of them", many.len()),
    };
    Some(Notice {
        id: format!("record-unreadable:{}-{revision}", hash::short(&digests.join(" "))),
        kind: NoticeKind::RecordUnreadable,
        subject: subject(&format!(
            "{} cannot be read: {which}",
            if records.len() == 1 { "A record" } else { "Records" }
        )),
        body: format!(
            "Records cannot be read\n\n{tree}\nWhat such a record is about waits until it is mended, and is taken up by \
             itself then. Everything else goes on. An item that was edited by hand, or that a newer version wrote, may be \
             such a record.\n"
        ),
        created_at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::now;

    fn record(sk: &str) -> UnreadableRecord {
        UnreadableRecord::new("prism-state", "CLAIM", sk, Some("held.stage"), "unknown variant `soaking`")
    }

    #[test]
    fn a_notice_says_which_record_cannot_be_read_and_how_to_look_at_it_and_mend_it() {
        let notice = record_unreadable(&[&record("biology-x86_64")], 0, now()).unwrap();
        insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.body), @r#"
        A record cannot be read: CLAIM biology-x86_64

        Records cannot be read

        1 record
        └── the record CLAIM biology-x86_64 in the table prism-state cannot be read: field held.stage: unknown variant `soaking`
            ├── Look at it: aws dynamodb get-item --table-name prism-state --key '{"pk":{"S":"CLAIM"},"sk":{"S":"biology-x86_64"}}'
            └── To mend it: mend the field in the DynamoDB console; if a newer version wrote it, deploy that version

        What such a record is about waits until it is mended, and is taken up by itself then. Everything else goes on. An item that was edited by hand, or that a newer version wrote, may be such a record.
        "#);
    }

    #[test]
    fn many_records_are_one_notice_that_names_some_and_counts_the_others() {
        let records: Vec<UnreadableRecord> = (0..500).map(|n| record(&format!("t{n}-x86_64"))).collect();
        let notice = record_unreadable(&records.iter().collect::<Vec<_>>(), 7, now()).unwrap();
        assert!(notice.body.contains("and 480 others") && notice.body.len() < 20_000);
        assert_eq!(notice.subject, "Records cannot be read: 500 of them");
    }

    #[test]
    fn the_same_fault_has_the_same_notice_until_it_was_mended() {
        let one = record("biology-x86_64");
        let id = |revision| record_unreadable(&[&one], revision, now()).unwrap().id;
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(3));
        assert!(record_unreadable(&[], 0, now()).is_none());
    }
}
