use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::duration::after;
use crate::fixtures::at;

fn window(text: &str) -> TimeWindow {
    text.parse().unwrap()
}

#[test]
fn a_window_is_written_as_people_write_it_and_told_in_one_form() {
    for (text, told) in [
        ("02:00-06:00", "02:00-06:00 UTC"),
        (" 2:00 – 6:30 ", "02:00-06:30 UTC"),
        ("22:00-04:00 Europe/Berlin", "22:00-04:00 Europe/Berlin"),
        ("22:00-0:00 america/new_york", "22:00-24:00 America/New_York"),
        ("00:00-24:00", "00:00-24:00 UTC"),
    ] {
        assert_eq!(window(text).to_string(), told);
        assert_eq!(window(told), window(text));
        assert_eq!(serde_json::to_value(window(text)).unwrap(), told);
        assert_eq!(serde_json::from_value::<TimeWindow>(told.into()).unwrap(), window(text));
    }
}

#[test]
fn what_is_no_window_is_refused() {
    for text in [
        "",
        "02:00",
        "2-6",
        "02:00-25:00",
        "02:60-03:00",
        "24:00-02:00",
        "02:00-24:01",
        "+2:00-06:00",
        "02:00-06:00UTC",
    ] {
        assert_eq!(text.parse::<TimeWindow>(), Err(NotAWindow::Malformed), "{text}");
    }
    assert_eq!("02:00-02:00".parse::<TimeWindow>(), Err(NotAWindow::Empty));
    assert_eq!("0:00-00:00".parse::<TimeWindow>(), Err(NotAWindow::Empty));
    assert_eq!("02:00-06:00 Mars/Olympus".parse::<TimeWindow>(), Err(NotAWindow::Zone));
    assert_eq!("02:00-06:00 Etc/Unknown".parse::<TimeWindow>(), Err(NotAWindow::Zone));
}

#[test]
fn a_window_opens_at_its_start_and_closes_at_its_end() {
    let window = window("02:00-06:00");
    for (now, open, next) in [
        ("2026-11-23T01:59:59Z", false, "2026-11-23T02:00:00Z"),
        ("2026-11-23T02:00:00Z", true, "2026-11-23T02:00:00Z"),
        ("2026-11-23T05:59:59Z", true, "2026-11-23T05:59:59Z"),
        ("2026-11-23T06:00:00Z", false, "2026-11-24T02:00:00Z"),
    ] {
        assert_eq!((window.contains(at(now)), window.next_start(at(now))), (open, at(next)), "{now}");
    }
}

#[test]
fn a_window_may_cross_midnight() {
    let window = window("22:00-04:00 America/New_York");
    assert!(window.contains(at("2026-11-23T22:30:00-05:00")));
    assert!(window.contains(at("2026-11-24T03:59:00-05:00")));
    assert!(!window.contains(at("2026-11-24T04:00:00-05:00")));
    assert_eq!(window.next_start(at("2026-11-24T04:00:00-05:00")), at("2026-11-24T22:00:00-05:00"));
}

#[test]
fn the_whole_day_is_always_open() {
    let window = window("00:00-24:00 America/Sao_Paulo");
    for now in ["2018-11-03T23:59:59-03:00", "2018-11-04T03:00:00Z", "2026-11-23T12:00:00Z"] {
        assert!(window.contains(at(now)), "{now}");
    }
}

/// What a person would say of the days when clocks change: case, window, asked at, opens, closes.
const CLOCK_CHANGES: &str = "
# Clocks jump from 02:00 to 03:00 on 8 March 2026 in New York.
starts in the jump | 02:00-06:00 America/New_York | 2026-03-08T00:00:00-05:00 | 2026-03-08T03:00:00-04:00 | 2026-03-08T06:00:00-04:00
starts within the jump | 02:30-06:00 America/New_York | 2026-03-08T00:00:00-05:00 | 2026-03-08T03:00:00-04:00 | 2026-03-08T06:00:00-04:00
ends in the jump | 01:00-02:30 America/New_York | 2026-03-08T00:00:00-05:00 | 2026-03-08T01:00:00-05:00 | 2026-03-08T03:00:00-04:00
spans the jump | 01:00-05:00 America/New_York | 2026-03-08T00:00:00-05:00 | 2026-03-08T01:00:00-05:00 | 2026-03-08T05:00:00-04:00
lies in the jump: not that day | 02:00-03:00 America/New_York | 2026-03-08T00:00:00-05:00 | 2026-03-09T02:00:00-04:00 | 2026-03-09T03:00:00-04:00
crosses midnight into the jump | 22:00-02:30 America/New_York | 2026-03-07T12:00:00-05:00 | 2026-03-07T22:00:00-05:00 | 2026-03-08T03:00:00-04:00
# Clocks go back from 02:00 to 01:00 on 1 November 2026.
starts in the hour that comes twice | 01:30-04:00 America/New_York | 2026-11-01T00:00:00-04:00 | 2026-11-01T01:30:00-04:00 | 2026-11-01T04:00:00-05:00
ends in the hour that comes twice | 00:00-01:30 America/New_York | 2026-10-31T12:00:00-04:00 | 2026-11-01T00:00:00-04:00 | 2026-11-01T01:30:00-05:00
lies in the hour that comes twice: once, through both | 01:00-01:30 America/New_York | 2026-11-01T00:00:00-04:00 | 2026-11-01T01:00:00-04:00 | 2026-11-01T01:30:00-05:00
spans the hour that comes twice | 00:30-05:00 America/New_York | 2026-11-01T00:00:00-04:00 | 2026-11-01T00:30:00-04:00 | 2026-11-01T05:00:00-05:00
# Half an hour on Lord Howe, two hours at Troll, midnight in Havana.
jumps by half an hour | 02:15-04:00 Australia/Lord_Howe | 2026-10-04T00:00:00+10:30 | 2026-10-04T02:30:00+11:00 | 2026-10-04T04:00:00+11:00
jumps by two hours | 02:00-04:00 Antarctica/Troll | 2026-03-29T00:00:00+00:00 | 2026-03-29T03:00:00+02:00 | 2026-03-29T04:00:00+02:00
jumps at midnight | 00:00-04:00 America/Havana | 2026-03-07T12:00:00-05:00 | 2026-03-08T01:00:00-04:00 | 2026-03-08T04:00:00-04:00
# Samoa had no 30 December 2011.
the day is missing | 02:00-06:00 Pacific/Apia | 2011-12-29T12:00:00-10:00 | 2011-12-31T02:00:00+14:00 | 2011-12-31T06:00:00+14:00
into the missing day | 22:00-06:00 Pacific/Apia | 2011-12-29T12:00:00-10:00 | 2011-12-29T22:00:00-10:00 | 2011-12-31T00:00:00+14:00
";

#[test]
fn windows_mean_what_people_mean_on_the_days_when_clocks_change() {
    let rows = CLOCK_CHANGES.lines().filter(|row| !row.is_empty() && !row.starts_with('#'));
    for row in rows.clone() {
        let [case, text, now, opens, closes] = row.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let opening = window(text).next(at(now)).unwrap();
        assert_eq!(opening, Opening { opens: at(opens), closes: at(closes) }, "{case}: {text}");
    }
    assert_eq!(rows.count(), 15);
}

#[test]
fn a_window_happens_once_on_the_day_when_clocks_go_back() {
    let window = window("01:00-02:00 America/New_York");
    let first = window.next(at("2026-11-01T00:00:00-04:00")).unwrap();
    assert_eq!(first.closes.duration_since(first.opens), SignedDuration::from_hours(2));
    assert_eq!(window.next_start(first.closes), at("2026-11-02T01:00:00-05:00"));
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    for text in ["02:00-06:00", "22:00-04:00 Pacific/Kiritimati", "00:00-24:00 America/New_York"] {
        for now in [Timestamp::MIN, Timestamp::MAX] {
            assert!(window(text).next_start(now) >= now);
        }
    }
}

const ZONES: &[&str] = &[
    "UTC",
    "America/New_York",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
];

fn any_window() -> impl Strategy<Value = TimeWindow> {
    (prop::sample::select(ZONES), 0..1_440_i16, 1..1_440_i16).prop_map(|(zone, start, length)| TimeWindow {
        start: time(start),
        end: time(start + length),
        zone: zone.parse().unwrap(),
    })
}

/// From 1970 to 2100, and often close to a change of clocks.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    let anywhere = 0..4_102_444_800_i64;
    let near_a_change =
        (prop::sample::select(ZONES), anywhere.clone(), -100_000..100_000_i64).prop_map(|(zone, from, off)| {
            let zone: Zone = zone.parse().unwrap();
            let change = zone.rules().following(Timestamp::from_second(from).unwrap()).next();
            change.map_or(from, |change| change.timestamp().as_second()) + off
        });
    prop_oneof![anywhere, near_a_change].prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_next_start_is_within_two_days_and_in_the_window(window in any_window(), now in any_instant()) {
        let next = window.next_start(now);
        prop_assert!(next >= now);
        prop_assert!(next.duration_since(now) <= SignedDuration::from_hours(48), "{window}: {now} to {next}");
        prop_assert!(window.contains(next));
        prop_assert_eq!(window.contains(now), next == now);
        prop_assert_eq!(window.next_start(next), next);
    }

    #[test]
    fn nothing_is_open_between_now_and_the_next_start(window in any_window(), now in any_instant(), part in 0.0..1.0_f64) {
        let next = window.next_start(now);
        let between = after(now, next.duration_since(now).mul_f64(part));
        prop_assert_eq!(window.contains(between), between == next, "{} at {}", window, between);
        prop_assert_eq!(window.next_start(between), next);
    }

    #[test]
    fn clocks_tell_a_time_of_the_window_while_it_is_open(window in any_window(), now in any_instant()) {
        // The other way round does not hold where clocks go back over the start: the window is open.
        let told = window.zone.local(now).time();
        let listed = if window.start < window.end {
            window.start <= told && told < window.end
        } else {
            window.start <= told || told < window.end
        };
        if listed {
            prop_assert!(window.contains(now), "{} at {}", window, now);
        }
    }

    #[test]
    fn a_window_survives_being_written(window in any_window()) {
        prop_assert_eq!(window.to_string().parse::<TimeWindow>().unwrap(), window);
    }
}
