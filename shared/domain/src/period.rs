//! Which budget pays, and the stretch of the calendar that it is for.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::money::MicroDollars;
use crate::policy::Policy;
use crate::text::{MalformedId, shown_as_stored, stored_as_text};
use crate::zone::Zone;

/// Who pays for a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetSource {
    /// The day's budget, and with it the month's.
    Daily,
    /// The month's budget alone.
    Monthly,
    /// The month's emergency budget, and no other.
    Emergency,
}

shown_as_stored!(BudgetSource);

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(Date);

impl Month {
    /// The month of a day.
    #[must_use]
    pub fn of(day: Date) -> Self {
        Self(day.first_of_month())
    }

    fn first_day_of_next(self) -> Date {
        self.0.saturating_add(1.month())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

/// One budget for one stretch of the calendar: what a limit holds for, and what money is booked in.
/// Written `daily#2026-11-23`, `monthly#2026-11` or `emergency#2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// A day.
    Day(Date),
    /// A month.
    Month(Month),
    /// A month of the emergency budget.
    Emergency(Month),
}

impl Period {
    /// The budget that it is a period of.
    #[must_use]
    pub const fn source(self) -> BudgetSource {
        match self {
            Self::Day(_) => BudgetSource::Daily,
            Self::Month(_) => BudgetSource::Monthly,
            Self::Emergency(_) => BudgetSource::Emergency,
        }
    }

    /// What may be committed in it.
    #[must_use]
    pub const fn limit(self, policy: &Policy) -> MicroDollars {
        match self {
            Self::Day(_) => policy.budgets.daily,
            Self::Month(_) => policy.budgets.monthly,
            Self::Emergency(_) => policy.budgets.emergency,
        }
    }

    /// When the one after it begins.
    #[must_use]
    pub fn ends(self, zone: &Zone) -> Timestamp {
        match self {
            Self::Day(day) => zone.start_of_day(day.tomorrow().unwrap_or(day)),
            Self::Month(month) | Self::Emergency(month) => zone.start_of_day(month.first_day_of_next()),
        }
    }
}

/// The periods in which a build of this source is booked, now.
#[must_use]
pub fn periods(source: BudgetSource, now: Timestamp, zone: &Zone) -> Vec<Period> {
    let day = zone.date(now);
    match source {
        BudgetSource::Daily => vec![Period::Day(day), Period::Month(Month::of(day))],
        BudgetSource::Monthly => vec![Period::Month(Month::of(day))],
        BudgetSource::Emergency => vec![Period::Emergency(Month::of(day))],
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source();
        match self {
            Self::Day(day) => f.pad(&format!("{source}#{day}")),
            Self::Month(month) | Self::Emergency(month) => f.pad(&format!("{source}#{month}")),
        }
    }
}

impl FromStr for Period {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let parse = || {
            let (source, stretch) = text.split_once('#')?;
            let month = || format!("{stretch}-01").parse().ok().map(Month::of);
            let period = match source {
                "daily" => Self::Day(stretch.parse().ok()?),
                "monthly" => Self::Month(month()?),
                "emergency" => Self::Emergency(month()?),
                _ => return None,
            };
            // One spelling a period, since it is a key.
            (period.to_string() == text).then_some(period)
        };
        let allowed = "it looks like daily#2026-11-23, monthly#2026-11 or emergency#2026-11";
        parse().ok_or(MalformedId { what: "a budget period", allowed })
    }
}

stored_as_text!(Period);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    fn told(source: BudgetSource, now: &str, zone: &str) -> Vec<String> {
        periods(source, at(now), &zone.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_daily_build_is_booked_in_the_day_and_in_the_month() {
        let now = "2026-11-23T12:00:00Z";
        assert_eq!(told(BudgetSource::Daily, now, "UTC"), ["daily#2026-11-23", "monthly#2026-11"]);
        assert_eq!(told(BudgetSource::Monthly, now, "UTC"), ["monthly#2026-11"]);
        assert_eq!(told(BudgetSource::Emergency, now, "UTC"), ["emergency#2026-11"]);
    }

    #[test]
    fn days_and_months_begin_in_the_policys_zone() {
        let now = "2026-12-01T04:30:00Z";
        assert_eq!(told(BudgetSource::Daily, now, "America/New_York"), ["daily#2026-11-30", "monthly#2026-11"]);
        assert_eq!(told(BudgetSource::Daily, now, "Asia/Kathmandu"), ["daily#2026-12-01", "monthly#2026-12"]);
    }

    #[test]
    fn a_period_ends_when_the_next_one_begins() {
        let zone: Zone = "America/New_York".parse().unwrap();
        for (period, ends) in [
            ("daily#2026-11-01", "2026-11-02T00:00:00-05:00"),
            ("monthly#2026-11", "2026-12-01T00:00:00-05:00"),
            ("monthly#2026-12", "2027-01-01T00:00:00-05:00"),
            ("emergency#2026-03", "2026-04-01T00:00:00-04:00"),
        ] {
            assert_eq!(period.parse::<Period>().unwrap().ends(&zone), at(ends), "{period}");
        }
    }

    #[test]
    fn a_period_has_one_spelling() {
        for text in ["daily#2026-11-23", "monthly#2026-11", "emergency#2026-11"] {
            let period: Period = text.parse().unwrap();
            assert_eq!(serde_json::to_value(period).unwrap(), text);
            assert_eq!(serde_json::from_value::<Period>(text.into()).unwrap(), period);
        }
        for text in [
            "",
            "daily#2026-11",
            "daily#20261123",
            "monthly#2026-11-23",
            "monthly#2026-13",
            "weekly#2026-11",
            "Daily#2026-11-23",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
