//! How things look: times, colours, tables and trees.

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use prism_domain::duration::relative;
use prism_domain::level::SecurityLevel;
use prism_domain::zone::Zone;
use termtree::Tree;

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BUSY: Style = AnsiColor::Cyan.on_default();
pub const WARN: Style = AnsiColor::Yellow.on_default();
pub const BAD: Style = AnsiColor::Red.on_default();
pub const DIM: Style = Style::new().dimmed();
pub const BOLD: Style = Style::new().bold();

/// A column that gives way keeps at least so much.
const LEAST: u16 = 24;

/// From whose view things are told.
#[derive(Debug, Clone)]
pub struct Look {
    /// Now, read once.
    pub now: Timestamp,
    /// The reader's zone.
    pub zone: Zone,
    /// How many columns the terminal has; nothing where there is none.
    pub width: Option<u16>,
}

impl Look {
    /// As seen from this machine.
    pub fn here(now: Timestamp, utc: bool) -> Self {
        let system = jiff::tz::TimeZone::try_system().ok();
        let named = system.as_ref().and_then(|zone| zone.iana_name()).filter(|name| !utc && !is_utc(name));
        let zone = named.and_then(|name| name.parse().ok()).unwrap_or_else(Zone::utc);
        Self { now, zone, width: Table::new().width() }
    }

    /// `3 hours ago`, `in 25 minutes`.
    pub fn ago(&self, at: Timestamp) -> String {
        relative(at, self.now)
    }

    /// `3 hours ago`, `yesterday`: for what is done, where the hour tells nothing.
    pub fn done(&self, at: Timestamp) -> String {
        let yesterday = self.zone.date(self.now).saturating_sub(1.day());
        let long = at.duration_until(self.now) >= SignedDuration::from_hours(12);
        let told = if long && self.zone.date(at) == yesterday { "yesterday".to_owned() } else { self.ago(at) };
        if told == "now" { "just now".to_owned() } else { told }
    }

    /// `30 minutes`: for how long something has been, or is still to come.
    pub fn span(&self, at: Timestamp) -> String {
        let told = self.ago(at);
        told.strip_prefix("in ").or_else(|| told.strip_suffix(" ago")).unwrap_or(&told).to_owned()
    }

    /// `02:30 UTC`, with its date when that is over a day away.
    pub fn clock(&self, at: Timestamp) -> String {
        self.zone.clock(at, self.now)
    }

    /// `Tue 24 Nov 2026 02:30`: for columns, whose head names the zone.
    pub fn stamp(&self, at: Timestamp) -> String {
        self.zone.local(at).strftime("%a %d %b %Y %H:%M").to_string()
    }

    /// `Tue 24 Nov 2026 02:30 UTC (3 hours ago)`.
    pub fn instant(&self, at: Timestamp) -> String {
        format!("{} {} ({})", self.stamp(at), self.zone.name(), self.ago(at))
    }

    /// Which day that is for the reader: `now`, `today`, `tonight`, `tomorrow`, or its date.
    pub fn day(&self, at: Timestamp) -> String {
        if self.is_now(at) {
            return "now".to_owned();
        }
        let (then, today) = (self.zone.local(at), self.zone.date(self.now));
        let tomorrow = today.saturating_add(1.day());
        let night =
            (then.date() == today && !(6..20).contains(&then.hour())) || (then.date() == tomorrow && then.hour() < 6);
        if night {
            "tonight".to_owned()
        } else if then.date() == today {
            "today".to_owned()
        } else if then.date() == tomorrow {
            "tomorrow".to_owned()
        } else {
            then.strftime("%a %d %b").to_string()
        }
    }

    /// Whether an instant is not yet to come: by as little as passes while a command runs, it is not.
    pub fn is_now(&self, at: Timestamp) -> bool {
        self.now.duration_until(at) < SignedDuration::from_secs(60)
    }

    /// `now`, or `tonight (02:30 UTC, in 9 hours)`.
    pub fn when(&self, at: Timestamp) -> String {
        if self.is_now(at) {
            return "now".to_owned();
        }
        let time = self.zone.local(at).strftime("%H:%M").to_string();
        format!("{} ({time} {}, {})", self.day(at), self.zone.name(), self.ago(at))
    }

    /// A table without borders. `flexible`: the column that gives way where the terminal is narrow.
    pub fn table(&self, head: &[&str], rows: Vec<Vec<Cell>>, flexible: usize) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.force_no_tty().enforce_styling();
        table.style_text_only();
        table.set_header(head.iter().map(|title| Cell::new(title).fg(Color::DarkGrey)));
        table.add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if let Some((width, room)) = self.room(&table, flexible) {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            for (place, column) in table.column_iter_mut().enumerate() {
                let constraint = if place == flexible {
                    ColumnConstraint::UpperBoundary(Width::Fixed(room))
                } else {
                    ColumnConstraint::ContentWidth
                };
                column.set_constraint(constraint);
            }
        }
        table.trim_fmt()
    }

    /// The terminal's width, and what of it is left for a column that gives way. `None`: where nothing sensible
    /// is, the terminal may break lines as it likes.
    fn room(&self, table: &Table, flexible: usize) -> Option<(u16, u16)> {
        let rest: u16 = table
            .column_max_content_widths()
            .into_iter()
            .enumerate()
            .filter(|(place, _)| *place != flexible)
            .map(|(_, width)| width.saturating_add(2))
            .fold(0, u16::saturating_add);
        let width = self.width?;
        let room = width.saturating_sub(rest);
        (room >= LEAST).then_some((width, room))
    }
}

/// Whether a zone is UTC by another name, such as `Etc/UTC`.
fn is_utc(name: &str) -> bool {
    matches!(name.rsplit('/').next(), Some("UTC" | "UCT" | "Universal" | "Zulu" | "GMT"))
}

/// The style of how bad something is.
pub fn of_level(level: SecurityLevel) -> Style {
    match level {
        SecurityLevel::Critical => BAD,
        SecurityLevel::High => WARN,
        SecurityLevel::Medium | SecurityLevel::Low => BOLD,
    }
}

/// A text in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A text in a table.
pub fn cell(text: String, dim: bool) -> Cell {
    let cell = Cell::new(text);
    if dim { cell.add_attribute(Attribute::Dim) } else { cell }
}

/// A line, and what stands below it.
pub fn branch(line: impl Into<String>, below: impl IntoIterator<Item = impl Into<Tree<String>>>) -> Tree<String> {
    Tree::new(line.into()).with_leaves(below)
}

/// `1 template`, `3 templates`.
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The first of some names, and how many more there are: `a, b and 3 more`.
pub fn some(names: impl IntoIterator<Item = String>, most: usize) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    let more = names.len().saturating_sub(most);
    if more == 0 {
        return names.join(", ");
    }
    names.truncate(most);
    format!("{} and {more} more", names.join(", "))
}

/// A length of time without what is below a minute, once there is one.
pub fn length(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    prism_domain::duration::humanize(if minutes > 0 { SignedDuration::from_mins(minutes) } else { duration })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Monday 23 November 2026, 17:00 UTC, as a reader in UTC without a terminal sees it.
    pub fn look() -> Look {
        Look { now: "2026-11-23T17:00:00Z".parse().unwrap(), zone: Zone::utc(), width: None }
    }

    /// What is left where there are no colours.
    pub fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_time_to_come_is_told_as_people_say_it() {
        let told = |at: &str| look().when(at.parse().unwrap());
        assert_eq!(told("2026-11-23T16:59:00Z"), "now");
        assert_eq!(told("2026-11-23T18:30:00Z"), "today (18:30 UTC, in 1 hour 30 minutes)");
        assert_eq!(told("2026-11-24T02:30:00Z"), "tonight (02:30 UTC, in 10 hours)");
        assert_eq!(told("2026-11-24T12:00:00Z"), "tomorrow (12:00 UTC, in 19 hours)");
        assert_eq!(told("2026-12-01T00:00:00Z"), "Tue 01 Dec (00:00 UTC, in 7 days)");
    }

    #[test]
    fn what_is_done_was_some_time_ago_or_yesterday() {
        let told = |at: &str| look().done(at.parse().unwrap());
        assert_eq!(told("2026-11-23T14:00:00Z"), "3 hours ago");
        assert_eq!(told("2026-11-23T16:59:50Z"), "just now");
        assert_eq!(told("2026-11-22T23:00:00Z"), "yesterday");
        assert_eq!(told("2026-11-22T01:00:00Z"), "yesterday");
        assert_eq!(told("2026-11-20T01:00:00Z"), "4 days ago");
        let span = |at: &str| look().span(at.parse().unwrap());
        assert_eq!([span("2026-11-23T17:30:00Z"), span("2026-11-23T14:00:00Z")], ["30 minutes", "3 hours"]);
    }

    #[test]
    fn of_many_names_the_first_are_told() {
        let names = || ["a", "b", "c"].map(str::to_owned);
        assert_eq!((some(names(), 3), some(names(), 2)), ("a, b, c".into(), "a, b and 1 more".into()));
    }

    #[test]
    fn only_the_last_column_breaks_where_the_terminal_is_narrow_and_none_where_it_is_too_narrow() {
        let rows = || vec![vec![Cell::new("python-ml-x86_64-17"), Cell::new("its image is published, at last")]];
        let table = |width| plain(&Look { width: Some(width), ..look() }.table(&["BUILD", "OUTCOME"], rows(), 1));
        assert_eq!(table(48).lines().count(), 3);
        assert_eq!(table(30).lines().count(), 2);
        assert_eq!(table(120).lines().count(), 2);
    }

    #[test]
    fn a_table_has_no_borders_and_no_blanks_at_the_end() {
        let rows =
            vec![vec![Cell::new("python-ml").fg(Color::Green), Cell::new("3")], vec![Cell::new("r"), Cell::new("12")]];
        let table = plain(&look().table(&["TEMPLATE", "REVISION"], rows, 0));
        assert_eq!(table, "TEMPLATE   REVISION\npython-ml  3\nr          12");
    }
}
