//! When an image's content was fixed, as far as its owner tells, and what was published between two images.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::advisory::Advisory;
use crate::duration::{after, before};
use crate::seen_image::SeenImage;
use crate::zone::Zone;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The time in which an advisory has to be issued, or changed, to be about what lies between two images: from the
/// first moment at which the previous one may have been made to the last at which the next one may have been, both
/// in whole days of UTC, and a day more at either end. An image is made of what was there a little earlier, and an
/// advisory follows its packages. What falls on an edge counts twice, for this move and its neighbour, rather than
/// for none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Between {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Between {
    /// Between two images, if it is known when both were made.
    pub(super) fn of(previous: &SeenImage, next: &SeenImage) -> Option<Self> {
        let (earliest, _) = made(previous)?;
        Some(Self { from: before(start(earliest), DAY), to: end(next)? })
    }

    /// Whether an advisory was issued, or changed, in this time.
    pub(super) fn covers(self, advisory: &Advisory) -> bool {
        advisory.is_dated() && [advisory.issued, advisory.updated].iter().any(|at| self.from <= *at && *at < self.to)
    }
}

/// When the last advisory may come whose packages an image has; nothing where it is not known when that was made.
pub(super) fn end(image: &SeenImage) -> Option<Timestamp> {
    let (_, latest) = made(image)?;
    Some(after(start(latest), DAY * 2))
}

/// From when on what has been read about an image is all that was there when it was made.
pub(super) fn settled(image: &SeenImage) -> Option<Timestamp> {
    let named = date_in_name(&image.image_name);
    match image.created_at {
        Some(created) if named.is_none_or(|named| named <= day_of(created)) => Some(created),
        _ => Some(after(start(named?), DAY)),
    }
}

/// Whether the next image is the older one.
pub(super) fn goes_back(previous: &SeenImage, next: &SeenImage) -> bool {
    let by_name = || date_in_name(&previous.image_name).zip(date_in_name(&next.image_name));
    match previous.created_at.zip(next.created_at) {
        Some((previous, next)) => next < previous,
        None => by_name().is_some_and(|(previous, next)| next < previous),
    }
}

/// The earliest and the latest day on which an image may have been made: the one that EC2 tells, and the one in its
/// name. They differ by days, either way: some vendors name an image by its release to come, others by what it was
/// made of.
pub(super) fn made(image: &SeenImage) -> Option<(Date, Date)> {
    let days = [image.created_at.map(day_of), date_in_name(&image.image_name)].into_iter().flatten();
    days.clone().min().zip(days.max())
}

/// The day of an instant, in UTC.
pub(super) fn day_of(at: Timestamp) -> Date {
    Zone::utc().date(at)
}

fn start(day: Date) -> Timestamp {
    Zone::utc().start_of_day(day)
}

/// The date in an image's name, such as `20260923` or `2026.09.17`; of several the last one. A number of other length
/// is none, and neither is a day that no calendar has.
pub(super) fn date_in_name(name: &str) -> Option<Date> {
    let runs: Vec<(usize, &str)> = digits(name).collect();
    let compact = runs.iter().filter_map(|(at, run)| {
        let whole = run.len() == 8;
        whole.then(|| date(run.get(..4)?, run.get(4..6)?, run.get(6..)?)).flatten().map(|date| (*at, date))
    });
    let dotted = runs.windows(3).filter_map(|runs| {
        let [(at, year), (month_at, month), (day_at, day)] = runs else { return None };
        let joined =
            |from: usize, length: usize, to: usize| from + length + 1 == to && name.get(to - 1..to) == Some(".");
        let of_lengths = (year.len(), month.len(), day.len()) == (4, 2, 2);
        let is_date = of_lengths && joined(*at, 4, *month_at) && joined(*month_at, 2, *day_at);
        is_date.then(|| date(year, month, day)).flatten().map(|date| (*at, date))
    });
    compact.chain(dotted).max().map(|(_, date)| date)
}

/// Every number of a text, and where it begins.
fn digits(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(|c: char| !c.is_ascii_digit()).filter_map(move |run| {
        let begins = at;
        at += run.len() + text.get(at + run.len()..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        (!run.is_empty()).then_some((begins, run))
    })
}

/// There were no public images before 2006, and a number beyond this century is something else.
fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    let year: i16 = year.parse().ok().filter(|year| (2006..2100).contains(year))?;
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests;
