//! `prism notifications list`.

use jiff::Timestamp;
use jiff::ToSpan as _;
use prism_aws::notices::{self, NoticeRecord};
use prism_domain::notice::NoticeKind;
use prism_domain::problem::printable;
use prism_domain::zone::Zone;
use serde::Serialize;

use super::On;
use crate::args::NotificationsList;
use crate::look::{BAD, BUSY, DIM, GOOD, Look, WARN, count, paint};
use crate::output::Answer;
use crate::progress::{during, each};

/// The newest notices.
#[derive(Debug, Serialize)]
pub struct List {
    days: u16,
    /// Newest first.
    notifications: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    kind: NoticeKind,
    subject: String,
    body: String,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
}

/// Reads and answers.
pub async fn run(on: &On, args: &NotificationsList) -> anyhow::Result<()> {
    let stack = on.stack().await?;
    // The store's days are UTC's.
    let today = Zone::utc().date(on.output.look.now);
    let days = (0..i64::from(args.days)).map(|back| today.saturating_sub(back.days())).collect();
    let records = each(days, |day| {
        let table = stack.table.clone();
        async move { Ok(notices::of_day(&table, day).await?) }
    });
    let records = during("reading notices", records).await?;
    on.output.give(&list(records.into_iter().flatten().collect(), args.days))
}

fn list(records: Vec<NoticeRecord>, days: u16) -> List {
    let mut notifications: Vec<Row> = records
        .into_iter()
        .map(|NoticeRecord { notice, sent_at }| Row {
            id: notice.id,
            kind: notice.kind,
            subject: notice.subject,
            body: notice.body,
            created_at: notice.created_at,
            sent_at,
        })
        .collect();
    notifications.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    List { days, notifications }
}

impl Answer for List {
    fn text(&self, look: &Look) -> String {
        if self.notifications.is_empty() {
            return format!("No notice within {}.", count(usize::from(self.days), "day"));
        }
        let told: Vec<String> = self.notifications.iter().map(|row| row.text(look)).collect();
        told.join("\n\n")
    }
}

impl Row {
    fn text(&self, look: &Look) -> String {
        let (style, sign) = match self.kind {
            NoticeKind::UpdateAvailable
            | NoticeKind::UpdateReassessed
            | NoticeKind::BaseImageTrouble
            | NoticeKind::BaseImageHeld => (WARN, '⚠'),
            NoticeKind::BuildScheduled => (BUSY, '⏳'),
            NoticeKind::BuildComplete => (GOOD, '✓'),
            NoticeKind::BuildFailed | NoticeKind::UpdateWithdrawn => (BAD, '✗'),
        };
        let unsent = if self.sent_at.is_none() { paint(DIM, ", not sent yet") } else { String::new() };
        let head = format!(
            "{} ({}{unsent})",
            paint(style, format!("{sign} {}", printable(&self.subject, 120))),
            look.ago(self.created_at)
        );
        // The first line of the text is the subject's beginning.
        let body = self
            .body
            .lines()
            .skip(1)
            .filter(|line| !line.trim().is_empty())
            .map(|line| format!("   {}", printable(line, 600)));
        std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use prism_domain::notice::Notice;

    use super::*;
    use crate::look::tests::{look, plain};

    fn record(id: &str, kind: NoticeKind, subject: &str, body: &str, at: &str, sent: bool) -> NoticeRecord {
        let created_at = at.parse().unwrap();
        let notice = Notice { id: id.into(), kind, subject: subject.into(), body: body.into(), created_at };
        NoticeRecord { notice, sent_at: sent.then_some(created_at) }
    }

    #[test]
    fn notices_are_listed_newest_first_with_their_text() {
        let records = vec![
            record(
                "build-complete:python-ml-x86_64-4",
                NoticeKind::BuildComplete,
                "Build complete: python-ml-x86_64-4 (manual)",
                "Build complete\n\nBuild: python-ml-x86_64-4\n├── Template: python-ml\n└── New AMI: ami-00000009 (us-east-1)\n",
                "2026-11-23T12:00:00Z",
                true,
            ),
            record(
                "update-available:ubuntu-22.04/x86_64/us-east-1/3",
                NoticeKind::UpdateAvailable,
                "Security update available: ubuntu-22.04 (HIGH), 1 template to rebuild",
                "Security update available\n\nBase image: ubuntu-22.04 (x86_64, us-east-1)\n└── Rebuilds planned: 1\n",
                "2026-11-23T16:30:00Z",
                false,
            ),
        ];
        let list = list(records, 7);
        insta::assert_snapshot!(plain(&list.text(&look())));
        insta::assert_json_snapshot!(list);
    }

    #[test]
    fn no_notice_is_said() {
        assert_eq!(list(Vec::new(), 1).text(&look()), "No notice within 1 day.");
    }
}
