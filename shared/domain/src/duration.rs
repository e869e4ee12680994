//! Lengths of time, as people write them and read them.

use jiff::{SignedDuration, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// Longer is a mistake, and would leave the years that a timestamp can hold.
const LONGEST: i64 = 3_660 * DAY;

/// A text that is no length of time. Reads on from the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADuration {
    /// Not of the form at all.
    #[error("is not a length of time; write it as 4 hours, 24h, 7 days, 1h 30m or immediate")]
    Malformed,
    /// A number without a unit.
    #[error("lacks a unit; write it as 4 hours, 30 minutes or 7 days")]
    WithoutUnit,
    /// Months and years.
    #[error("has a unit of no fixed length; write months and years as days or weeks")]
    NoFixedLength,
    /// More than ten years.
    #[error("is too long; at most 3,660 days")]
    TooLong,
}

/// Reads `4 hours`, `24h`, `7 d`, `1h 30m`, `1 day and 12 hours`, `a week`, `1.5 hours`; `immediate`
/// (also `immediately`, `now`, `at once`) and a bare `0` are no time at all. Larger units come first, each once.
///
/// # Errors
/// When the text is anything else, negative or over ten years.
pub fn parse_duration(text: &str) -> Result<SignedDuration, NotADuration> {
    let text = text.trim().to_ascii_lowercase();
    if matches!(text.as_str(), "immediate" | "immediately" | "now" | "at once" | "0") {
        return Ok(SignedDuration::ZERO);
    }
    let mut rest = text.as_str();
    let mut total: i64 = 0;
    let mut smaller_than = i64::MAX;
    while !rest.is_empty() {
        let (count, after) = number(rest)?;
        let (unit, after) = unit(after)?;
        if unit >= smaller_than {
            return Err(NotADuration::Malformed);
        }
        smaller_than = unit;
        total = total.checked_add(count.seconds(unit)?).ok_or(NotADuration::TooLong)?;
        rest = separator(after);
    }
    match total {
        _ if smaller_than == i64::MAX => Err(NotADuration::Malformed),
        0..=LONGEST => Ok(SignedDuration::from_secs(total)),
        _ => Err(NotADuration::TooLong),
    }
}

/// A count in thousandths, so that `1.5 hours` is exact.
struct Count(i64);

impl Count {
    fn seconds(&self, unit: i64) -> Result<i64, NotADuration> {
        let thousandths = self.0.checked_mul(unit).ok_or(NotADuration::TooLong)?;
        if thousandths % 1_000 == 0 { Ok(thousandths / 1_000) } else { Err(NotADuration::Malformed) }
    }
}

fn number(text: &str) -> Result<(Count, &str), NotADuration> {
    for article in ["an ", "a "] {
        if let Some(rest) = text.strip_prefix(article) {
            return Ok((Count(1_000), rest));
        }
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let fraction = match fraction {
        None => "",
        Some(f) if (1..=3).contains(&f.len()) && f.bytes().all(|b| b.is_ascii_digit()) => f,
        Some(_) => return Err(NotADuration::Malformed),
    };
    if whole.is_empty() {
        return Err(NotADuration::Malformed);
    }
    let count = format!("{whole}{fraction:0<3}").parse().map_err(|_| NotADuration::TooLong)?;
    Ok((Count(count), rest.trim_start()))
}

fn unit(text: &str) -> Result<(i64, &str), NotADuration> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let seconds = match name {
        "" if rest.is_empty() => return Err(NotADuration::WithoutUnit),
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "wk" | "wks" | "week" | "weeks" => WEEK,
        "mo" | "month" | "months" | "y" | "yr" | "yrs" | "year" | "years" => return Err(NotADuration::NoFixedLength),
        _ => return Err(NotADuration::Malformed),
    };
    Ok((seconds, rest))
}

/// What may stand between two parts: blanks, a comma, an `and`.
fn separator(text: &str) -> &str {
    let text = text.trim_start();
    let text = text.strip_prefix(',').unwrap_or(text).trim_start();
    text.strip_prefix("and ").unwrap_or(text).trim_start()
}

/// Every unit from days to seconds that a length has: `1 day 12 hours`. Reads back to the same length.
#[must_use]
pub fn exact(duration: SignedDuration) -> String {
    words(duration, 4)
}

/// A length in the two largest units that it has: `4 hours`, `25 minutes`, `1 hour 30 minutes`.
#[must_use]
pub fn humanize(duration: SignedDuration) -> String {
    words(duration, 2)
}

fn words(duration: SignedDuration, most: usize) -> String {
    let mut rest = duration.as_secs().saturating_abs();
    let mut parts = Vec::new();
    for (name, seconds) in [("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", 1)] {
        if rest >= seconds && parts.len() < most {
            parts.push(plural(rest / seconds, name));
            rest %= seconds;
        } else if !parts.is_empty() && most == 2 {
            // The second part is the very next unit or none: no `1 day 3 seconds`.
            break;
        }
    }
    if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(" ") }
}

fn plural(count: i64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// An instant as seen from `now`: `3 hours ago`, `in 25 minutes`, `now`. Rounded to what a person would say.
#[must_use]
pub fn relative(then: Timestamp, now: Timestamp) -> String {
    let seconds = then.duration_since(now).as_secs();
    let distance = seconds.saturating_abs();
    let unit = match distance {
        0..30 => return "now".to_owned(),
        30..7_200 => MINUTE,
        7_200..172_800 => HOUR,
        _ => DAY,
    };
    let rounded = (distance + unit / 2) / unit * unit;
    let length = humanize(SignedDuration::from_secs(rounded));
    if seconds < 0 { format!("{length} ago") } else { format!("in {length}") }
}

/// The instant so long after another; at the end of time, its end.
#[must_use]
pub fn after(instant: Timestamp, length: SignedDuration) -> Timestamp {
    instant.saturating_add(length).unwrap_or(instant)
}

/// The instant so long before another; at the beginning of time, its beginning.
#[must_use]
pub fn before(instant: Timestamp, length: SignedDuration) -> Timestamp {
    instant.saturating_sub(length).unwrap_or(instant)
}

/// Lengths as text in what is stored and sent: `#[serde(with = "duration::text")]`.
pub mod text {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes a length as text that reads back to it.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(duration: &SignedDuration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::exact(*duration))
    }

    /// Reads a length as people write it.
    ///
    /// # Errors
    /// When the text is no length of time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_duration(&text).map_err(|e| de::Error::custom(format!("{text:?} {e}")))
    }

    /// The same for a length that may be absent.
    pub mod optional {
        use jiff::SignedDuration;
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        struct Text(#[serde(with = "super")] SignedDuration);

        /// Writes a length as text, or nothing.
        ///
        /// # Errors
        /// The serializer's.
        pub fn serialize<S: Serializer>(duration: &Option<SignedDuration>, serializer: S) -> Result<S::Ok, S::Error> {
            duration.map(Text).serialize(serializer)
        }

        /// Reads a length, or nothing.
        ///
        /// # Errors
        /// When the text is no length of time.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
            Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> i64 {
        parse_duration(text).unwrap().as_secs()
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("4 hours", 4 * HOUR),
            ("24h", 24 * HOUR),
            ("7 d", 7 * DAY),
            ("7 days", 7 * DAY),
            ("90 minutes", 90 * MINUTE),
            ("1h 30m", 90 * MINUTE),
            ("1h30m", 90 * MINUTE),
            ("1 day and 12 hours", 36 * HOUR),
            ("2 days, 3 hrs, 5 min", 2 * DAY + 3 * HOUR + 5 * MINUTE),
            ("1.5 hours", 90 * MINUTE),
            ("a week", WEEK),
            ("an hour", HOUR),
            ("2 Weeks", 2 * WEEK),
            ("30s", 30),
            ("immediate", 0),
            (" Immediately ", 0),
            ("0", 0),
            ("0h", 0),
        ] {
            assert_eq!(read(text), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_what_to_write() {
        use NotADuration::{Malformed, NoFixedLength, TooLong, WithoutUnit};
        for (text, fault) in [
            ("", Malformed),
            ("soon", Malformed),
            ("-4 hours", Malformed),
            ("4 furlongs", Malformed),
            ("4 hours 2", WithoutUnit),
            ("30m 1h", Malformed),
            ("1h 2h", Malformed),
            ("1.0001 h", Malformed),
            (". h", Malformed),
            ("1.5.5h", Malformed),
            ("0.0001s", Malformed),
            ("0.5s", Malformed),
            ("4", WithoutUnit),
            ("3 months", NoFixedLength),
            ("1 year", NoFixedLength),
            ("3661 days", TooLong),
            ("99999999999999999999 h", TooLong),
            ("9223372036854775807 w", TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn durations_are_told_in_their_two_largest_units() {
        for (seconds, told) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (25 * MINUTE, "25 minutes"),
            (90 * MINUTE, "1 hour 30 minutes"),
            (4 * HOUR, "4 hours"),
            (36 * HOUR, "1 day 12 hours"),
            (2 * DAY, "2 days"),
            (DAY + 3, "1 day"),
            (30 * DAY, "30 days"),
            (-HOUR, "1 hour"),
        ] {
            assert_eq!(humanize(SignedDuration::from_secs(seconds)), told);
        }
    }

    #[test]
    fn instants_are_told_from_now() {
        for (seconds, told) in [
            (0, "now"),
            (29, "now"),
            (-29, "now"),
            (25 * MINUTE + 20, "in 25 minutes"),
            (HOUR - 1, "in 1 hour"),
            (85 * MINUTE, "in 1 hour 25 minutes"),
            (9 * HOUR - 1, "in 9 hours"),
            (-3 * HOUR, "3 hours ago"),
            (-3 * HOUR - 20 * MINUTE, "3 hours ago"),
            (30 * HOUR, "in 1 day 6 hours"),
            (2 * DAY + 5 * HOUR, "in 2 days"),
            (-10 * DAY, "10 days ago"),
        ] {
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            assert_eq!(relative(after(now, SignedDuration::from_secs(seconds)), now), told);
        }
    }

    #[test]
    fn times_far_away_are_no_trouble() {
        assert_eq!(after(Timestamp::MAX, SignedDuration::MAX), Timestamp::MAX);
        assert_eq!(before(Timestamp::MIN, SignedDuration::MAX), Timestamp::MIN);
        assert!(relative(Timestamp::MAX, Timestamp::MIN).starts_with("in "));
        assert!(humanize(SignedDuration::MIN).ends_with("hours"));
    }

    proptest! {
        #[test]
        fn what_is_told_exactly_reads_back_the_same(seconds in 0..=LONGEST) {
            let length = SignedDuration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&exact(length)).unwrap(), length);
        }

        #[test]
        fn no_text_is_any_trouble(text in "[-0-9.a-z ,]{0,24}") {
            if let Ok(length) = parse_duration(&text) {
                prop_assert!((0..=LONGEST).contains(&length.as_secs()));
            }
        }
    }
}
