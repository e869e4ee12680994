//! Time zones, by their IANA names.
//!
//! The rules come from the database that is compiled in, never from the machine's: the same policy
//! means the same instants in a function, in the command line and in a test.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, AmbiguousTimestamp, TimeZone, TimeZoneDatabase};

use crate::text::{MalformedId, stored_as_text};

/// A time zone such as `America/New_York`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    rules: TimeZone,
    name: String,
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { rules: TimeZone::UTC, name: "UTC".to_owned() }
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules of the zone.
    #[must_use]
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// What clocks and calendars of the zone show at an instant.
    #[must_use]
    pub fn local(&self, instant: Timestamp) -> DateTime {
        self.rules.to_datetime(instant)
    }

    /// The calendar day of an instant.
    #[must_use]
    pub fn date(&self, instant: Timestamp) -> Date {
        self.local(instant).date()
    }

    /// The first instant of a calendar day, which need not be 00:00.
    #[must_use]
    pub fn start_of_day(&self, date: Date) -> Timestamp {
        self.first(date.at(0, 0, 0, 0))
    }

    /// The first instant at which clocks show this time or a later one: in the gap when clocks go
    /// forward, the instant at which they do.
    #[must_use]
    pub fn first(&self, local: DateTime) -> Timestamp {
        self.resolve(local, AmbiguousTimestamp::earlier)
    }

    /// The last instant at which clocks come to show this time: when clocks go back over it, the
    /// second one; in a gap, the instant at which clocks go forward.
    #[must_use]
    pub fn last(&self, local: DateTime) -> Timestamp {
        self.resolve(local, AmbiguousTimestamp::later)
    }

    fn resolve(&self, local: DateTime, of_two: fn(AmbiguousTimestamp) -> Result<Timestamp, jiff::Error>) -> Timestamp {
        let ambiguous = self.rules.to_ambiguous_timestamp(local);
        let resolved = if let AmbiguousOffset::Gap { after, .. } = ambiguous.offset() {
            // Read with the later offset, a time in a gap lies before the jump.
            ambiguous.earlier().map(|before| {
                let jump = self.rules.following(before).take(4).find(|t| t.offset() == after);
                jump.map_or(before, |jump| jump.timestamp())
            })
        } else {
            of_two(ambiguous)
        };
        resolved.unwrap_or(if local.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// An instant for a sentence: `02:00 UTC`, and with its date when that is over a day away.
    #[must_use]
    pub fn clock(&self, instant: Timestamp, now: Timestamp) -> String {
        let local = self.local(instant);
        let time = format!("{:02}:{:02} {}", local.hour(), local.minute(), self.name);
        if instant.duration_since(now).as_secs().abs() < 24 * 3_600 {
            time
        } else {
            format!("{time} on {}", local.date())
        }
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl FromStr for Zone {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let rules = TimeZoneDatabase::bundled().get(text).ok().filter(|rules| !rules.is_unknown());
        let zone = rules.and_then(|rules| Some(Self { name: rules.iana_name()?.to_owned(), rules }));
        let allowed = "give an IANA name such as UTC, America/New_York or Europe/Berlin";
        zone.ok_or(MalformedId { what: "a time zone", allowed })
    }
}

stored_as_text!(Zone);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    #[test]
    fn a_zone_goes_by_its_iana_name() {
        assert_eq!("america/new_york".parse::<Zone>().unwrap().name(), "America/New_York");
        assert_eq!("utc".parse::<Zone>().unwrap(), Zone::utc());
        for text in ["", "EST5EDT4", "Mars/Olympus", "Etc/Unknown", "../etc/passwd"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
        let zone: Zone = serde_json::from_str(r#""Europe/Berlin""#).unwrap();
        assert_eq!(serde_json::to_string(&zone).unwrap(), r#""Europe/Berlin""#);
    }

    #[test]
    fn a_day_starts_when_its_date_is_first_told() {
        let havana: Zone = "America/Havana".parse().unwrap();
        // Clocks jump from 00:00 to 01:00 on 8 March 2026, and go back from 01:00 to 00:00 on 1 November.
        assert_eq!(havana.start_of_day(jiff::civil::date(2026, 3, 8)), at("2026-03-08T01:00:00-04:00"));
        assert_eq!(havana.start_of_day(jiff::civil::date(2026, 11, 1)), at("2026-11-01T00:00:00-04:00"));
    }

    #[test]
    fn an_instant_over_a_day_away_is_told_with_its_date() {
        let now = at("2026-11-23T17:00:00Z");
        let zone: Zone = "America/New_York".parse().unwrap();
        assert_eq!(zone.clock(at("2026-11-24T02:00:00Z"), now), "21:00 America/New_York");
        assert_eq!(Zone::utc().clock(at("2026-11-25T02:00:00Z"), now), "02:00 UTC on 2026-11-25");
    }
}
