//! Money, in integer micro-dollars.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of US dollars in millionths. Whole numbers only, so that sums are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroDollars(pub i64);

impl MicroDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whole dollars.
    #[must_use]
    pub const fn dollars(dollars: i64) -> Self {
        Self(dollars.saturating_mul(1_000_000))
    }

    /// This amount an hour, for so many seconds, rounded up to a millionth.
    #[must_use]
    pub fn per_hour_for(self, seconds: i64) -> Self {
        let total = i128::from(self.0) * i128::from(seconds.max(0));
        let rounded = (total + 3_599).div_euclid(3_600);
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }

    /// This amount, so many times.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self(self.0.saturating_mul(i64::from(count)))
    }
}

impl Add for MicroDollars {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for MicroDollars {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for MicroDollars {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for MicroDollars {
    /// `$25.00`; with as many decimals as a smaller amount than a cent needs: `$0.0042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        let (whole, micros) = (amount / 1_000_000, amount % 1_000_000);
        if micros % 10_000 == 0 || whole > 0 {
            // Cents, rounded half up, once there is a dollar to speak of.
            let cents = (amount + 5_000) / 10_000;
            return f.pad(&format!("{sign}${}.{:02}", cents / 100, cents % 100));
        }
        let decimals = format!("{micros:06}");
        f.pad(&format!("{sign}$0.{}", decimals.trim_end_matches('0')))
    }
}

/// A text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not an amount of US dollars; write it as 25, 25.00 or $25.00, with at most 6 decimals and from 0 to 1,000,000,000"
)]
pub struct NotMoney;

impl FromStr for MicroDollars {
    type Err = NotMoney;

    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let text = text.trim();
        let text = text.strip_prefix('$').unwrap_or(text);
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 10 || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
            return Err(NotMoney);
        }
        let micros: i64 = format!("{fraction:0<6}").parse().map_err(|_| NotMoney)?;
        let whole: i64 = whole.parse().map_err(|_| NotMoney)?;
        if whole > 1_000_000_000 {
            return Err(NotMoney);
        }
        Ok(Self(whole * 1_000_000 + micros))
    }
}
