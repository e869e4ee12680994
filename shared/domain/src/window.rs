//! Windows of the day in which builds run.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::{Timestamp, ToSpan};

use crate::text::stored_as_text;
use crate::zone::Zone;

/// A daily window, such as `02:00-06:00 America/New_York`. It may cross midnight.
///
/// On the days when clocks change it means what people mean: a start that clocks jump over is the
/// instant of the jump; a window that lies wholly in the jump doesn't happen that day; where clocks go
/// back, the window runs once, from the first time that clocks show its start to the last time that
/// they come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindow {
    start: Time,
    /// Midnight is the end of the day. The start only where both are midnight: the whole day.
    end: Time,
    zone: Zone,
}

/// One occurrence of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Its first instant.
    pub opens: Timestamp,
    /// The first instant after it.
    pub closes: Timestamp,
}

/// A text that is no window. Reads on from the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAWindow {
    /// Not of the form.
    #[error(
        "is not a window; write it as 02:00-06:00, with a time zone behind it if it isn't the policy's: 02:00-06:00 America/New_York"
    )]
    Malformed,
    /// Start and end are the same.
    #[error("is a window without length; write the whole day as 00:00-24:00")]
    Empty,
    /// What stands behind the times is no zone.
    #[error("names no known time zone; give an IANA name such as UTC or America/New_York")]
    Zone,
}

impl TimeWindow {
    /// 02:00 to 06:00: the hours in which most machines are idle.
    #[must_use]
    pub fn at_night(zone: Zone) -> Self {
        Self { start: Time::constant(2, 0, 0, 0), end: Time::constant(6, 0, 0, 0), zone }
    }

    /// Reads a window, in `zone` unless it names its own.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse_in(text: &str, zone: &Zone) -> Result<Self, NotAWindow> {
        let (start, rest) = text.trim().split_once(['-', '–']).ok_or(NotAWindow::Malformed)?;
        let rest = rest.trim_start();
        let (end, name) = rest.split_once(' ').map_or((rest, ""), |(end, name)| (end, name.trim()));
        let (start, end) = (minutes(start).ok_or(NotAWindow::Malformed)?, minutes(end).ok_or(NotAWindow::Malformed)?);
        if start == 24 * 60 {
            return Err(NotAWindow::Malformed);
        }
        if start == end {
            return Err(NotAWindow::Empty);
        }
        let zone = if name.is_empty() { zone.clone() } else { name.parse().map_err(|_| NotAWindow::Zone)? };
        Ok(Self { start: time(start), end: time(end), zone })
    }

    /// The zone in which its times are read.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether it is open.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        self.next(now).is_some_and(|opening| opening.opens <= now)
    }

    /// When it is open next: `now` while it is.
    #[must_use]
    pub fn next_start(&self, now: Timestamp) -> Timestamp {
        self.next(now).map_or(Timestamp::MAX, |opening| opening.opens.max(now))
    }

    /// The occurrence that is open, or else the next one. `None` only at the end of time.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Opening> {
        let today = self.zone.date(now);
        // Two days back and four on: a zone may skip a whole day, or live one twice.
        (-2..=4)
            .filter_map(|days: i64| today.checked_add(days.days()).ok())
            .map(|date| self.on(date))
            .filter(|opening| opening.opens < opening.closes && opening.closes > now)
            .min_by_key(|opening| opening.opens)
    }

    /// The occurrence that starts on a date; where clocks jump over the whole of it, one without length.
    fn on(&self, date: Date) -> Opening {
        let last_day = if self.end <= self.start { date.tomorrow().unwrap_or(date) } else { date };
        Opening {
            opens: self.zone.first(date.to_datetime(self.start)),
            closes: self.zone.last(last_day.to_datetime(self.end)),
        }
    }
}

/// Minutes since midnight of `2:00`, `02:00` or `24:00`.
fn minutes(text: &str) -> Option<i16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !(1..=2).contains(&hour.len()) || minute.len() != 2 || !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (i16, i16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && (hour < 24 || (hour, minute) == (24, 0))).then_some(hour * 60 + minute)
}

fn time(minutes: i16) -> Time {
    Time::midnight().wrapping_add(i64::from(minutes).minutes())
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, zone } = self;
        let end_hour = if *end == Time::midnight() { 24 } else { end.hour() };
        f.pad(&format!("{:02}:{:02}-{end_hour:02}:{:02} {zone}", start.hour(), start.minute(), end.minute()))
    }
}

impl FromStr for TimeWindow {
    type Err = NotAWindow;

    /// Without a zone of its own, in UTC.
    fn from_str(text: &str) -> Result<Self, NotAWindow> {
        Self::parse_in(text, &Zone::utc())
    }
}

stored_as_text!(TimeWindow);

#[cfg(test)]
mod tests;
