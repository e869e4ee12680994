//! Windows, whose images are told apart by the days on which Microsoft publishes.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::Published;
use super::dates::made;
use crate::advisory::CveId;
use crate::seen_image::SeenImage;

/// The days from the one of the previous image to the one of the next. Both count: an image of such a day may have
/// been made before its hour, or after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days {
    from: Date,
    to: Date,
}

impl Days {
    pub(super) fn of(previous: &SeenImage, next: &SeenImage) -> Option<Self> {
        Some(Self { from: made(previous)?.0, to: made(next)?.1 })
    }

    fn cover(self, day: Date) -> bool {
        self.from <= day && day <= self.to
    }

    /// The days on which Microsoft published what is cumulative and mostly about security: every second Tuesday of a
    /// month, at ten in the morning of its own zone, which is the same day in UTC. AWS's images follow within days.
    /// Source: <https://docs.aws.amazon.com/ec2/latest/windows-ami-reference/ec2-windows-ami-version-history.html>.
    pub(super) fn patch_tuesdays(self) -> Vec<Date> {
        second_tuesdays(self.from).take_while(|day| *day <= self.to).filter(|day| self.cover(*day)).collect()
    }

    /// The first day after these on which Microsoft publishes.
    fn next_patch_tuesday(self) -> Option<Date> {
        second_tuesdays(self.to).find(|day| *day > self.to)
    }

    /// The vulnerabilities of Windows that became known to be exploited in these days, or after them until Microsoft
    /// published again: those were mostly fixed by what it had published last. One that was numbered long before the
    /// previous image is none of them: both images have its fix, however late it was noticed.
    pub(super) fn exploited<'a>(self, published: &Published<'a>) -> Vec<&'a CveId> {
        let threats = published.threats;
        let until = self.next_patch_tuesday();
        let counts = |day: Date| self.from <= day && until.map_or(day <= self.to, |until| day < until);
        let exploited = threats.exploited.iter().filter(|(cve, since)| {
            threats.windows.contains(*cve) && counts(**since) && year(cve) >= Some(self.from.year() - 1)
        });
        exploited.map(|(cve, _)| cve).collect()
    }
}

/// The second Tuesday of each month, beginning with the month of `from`.
fn second_tuesdays(from: Date) -> impl Iterator<Item = Date> {
    let months = from.first_of_month().series(1.month());
    months.filter_map(|month| month.nth_weekday_of_month(2, Weekday::Tuesday).ok())
}

fn year(cve: &CveId) -> Option<i16> {
    cve.as_str().split('-').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests;
