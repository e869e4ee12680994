//! Any document for any feed is an error that names the feed, or a reading without a text that could do harm.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use prism_advisories::{Feed, Reading, Request, all};
use prism_domain::problem::printable;

// The first line is `name.step`, as the fixtures are called: which feed, and how far into a run. Another line means one
// of the feeds too.
fuzz_target!(|input: &[u8]| {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (head, document) = (&input[..line], input.get(line + 1..).unwrap_or_default());
    let feeds = all();
    let (name, steps) = match head {
        [name @ .., b'.', step] => (name, step.saturating_sub(b'0')),
        name => (name, 0),
    };
    let any = head.iter().fold(0_usize, |sum, byte| sum.wrapping_add(usize::from(*byte))) % feeds.len();
    let feed = feeds.iter().find(|feed| feed.name.as_bytes() == name).unwrap_or(&feeds[any]);
    let request = steps_into(feed, steps % 3);
    match feed.read(&request.at_most(1024 * 1024), &mut &*document) {
        Err(error) => assert!(error.to_string().starts_with(&format!("the feed {} ", feed.name))),
        Ok(reading) => harmless(&reading),
    }
});

/// The request that a run comes to after so many documents, as far as it has so many.
fn steps_into(feed: &Feed, steps: u8) -> Request {
    let mut request = feed.first(None, Timestamp::UNIX_EPOCH);
    for _ in 0..steps {
        let document = match request.path.rsplit('/').next() {
            Some("mirror.list") => "https://example.com/a/\n",
            Some("repomd.xml") => {
                "<repomd><data type='updateinfo'><checksum>a</checksum><location href='u.xml'/></data></repomd>"
            }
            Some("modified_id.csv") => {
                "2030-01-01T00:00:00Z,ALSA-2030:0001\n2030-01-01T00:00:00Z,RHSA-2030:0001\n\
                 2030-01-01T00:00:00Z,USN-9001-1\n"
            }
            Some("changes.csv") => "\"suse-su-2030_0001-1.json\",\"2030-05-01T10:00:00Z\"\n",
            _ => break,
        };
        let reading = feed.read(&request, &mut document.as_bytes()).expect("it is a good document");
        request = reading.next.into_iter().next().expect("it leads on");
    }
    request
}

fn harmless(reading: &Reading) {
    for advisory in &reading.advisories {
        assert_eq!(printable(&advisory.title, usize::MAX), advisory.title);
        assert!(advisory.issued <= advisory.updated);
        for fix in &advisory.fixed {
            let is_safe = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b".+~-_^:".contains(&b));
            assert!(is_safe(&fix.package) && is_safe(&fix.version) && !fix.package.contains(".."));
        }
    }
    for skipped in &reading.skipped.first {
        assert_eq!(printable(&skipped.reason, usize::MAX), skipped.reason);
    }
    for next in &reading.next {
        assert!(next.path.starts_with('/') && next.path.bytes().all(|b| b.is_ascii_graphic()));
        assert!(!next.path.split('/').any(|part| part == ".."));
    }
}
