//! `prism notifications list`.

use jiff::ToSpan as _;
use prism_aws::notices::{self, NoticeRecord};
use prism_domain::notice::NoticeKind;
use prism_domain::problem::printable;
use prism_domain::zone::Zone;
use serde::Serialize;

use crate::fault::warn_of_unreadable;
use crate::look::{BAD, BUSY, DIM, GOOD, Look, WARN, count, paint};
use crate::output::Answer;
use crate::progress::each;
use crate::stack::Stack;

/// The newest notices.
#[derive(Debug, Serialize)]
pub struct List {
    days: u16,
    /// Newest first.
    notifications: Vec<NoticeRecord>,
}

/// Reads the notices of the last so many days.
pub async fn read(stack: &Stack, days: u16) -> anyhow::Result<List> {
    // The store's days are UTC's.
    let today = Zone::utc().date(stack.now);
    let dates = (0..i64::from(days)).map(|back| today.saturating_sub(back.days())).collect();
    let records =
        each(
            stack,
            dates,
            |stack, day| async move { Ok(warn_of_unreadable(notices::of_day(&stack.table, day).await?)) },
        );
    Ok(list(records.await?.into_iter().flatten().collect(), days))
}

fn list(mut notifications: Vec<NoticeRecord>, days: u16) -> List {
    notifications.sort_by(|NoticeRecord { notice: one, .. }, NoticeRecord { notice: other, .. }| {
        (other.created_at, &other.id).cmp(&(one.created_at, &one.id))
    });
    List { days, notifications }
}

impl Answer for List {
    fn text(&self, look: &Look) -> String {
        if self.notifications.is_empty() {
            return format!("No notice within {}.", count(usize::from(self.days), "day"));
        }
        let told: Vec<String> = self.notifications.iter().map(|record| text(record, look)).collect();
        told.join("\n\n")
    }
}

fn text(NoticeRecord { notice, sent_at }: &NoticeRecord, look: &Look) -> String {
    let (style, sign) = match notice.kind {
        NoticeKind::UpdateAvailable
        | NoticeKind::UpdateReassessed
        | NoticeKind::BaseImageTrouble
        | NoticeKind::BaseImageHeld
        | NoticeKind::RecordUnreadable
        | NoticeKind::BaseImagesReplaced
        | NoticeKind::ApprovalNeeded => (WARN, '⚠'),
        NoticeKind::BuildScheduled => (BUSY, '⏳'),
        NoticeKind::BuildComplete => (GOOD, '✓'),
        NoticeKind::BuildFailed | NoticeKind::UpdateWithdrawn => (BAD, '✗'),
    };
    let unsent = if sent_at.is_none() { paint(DIM, ", not sent yet") } else { String::new() };
    let subject = paint(style, format!("{sign} {}", printable(&notice.subject, 120)));
    let head = format!("{subject} ({}{unsent})", look.ago(notice.created_at));
    // The first line of the text is the subject's beginning.
    let body = notice.body.lines().skip(1).filter(|line| !line.trim().is_empty());
    let body = body.map(|line| format!("   {}", printable(line, 600)));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
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
