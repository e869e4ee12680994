//! The RSS of Amazon Linux's security center: id, severity, package, vulnerabilities and dates of every bulletin, but no
//! versions. It is there before the repositories are, and tells something when they are out of reach.
//! Source: <https://docs.aws.amazon.com/linux/al2023/ug/alas.html>.

use prism_domain::advisory::Advisory;

use crate::error::Fault;
use crate::feed::{Feed, Limits, Role, Start};
use crate::reading::{Reading, Step};
use crate::record::{Draft, Gathered, rating};
use crate::source::Document;
use crate::xml::{Node, walk};

/// The bulletins of each release.
pub(crate) const FEEDS: [Feed; 2] = [
    bulletins("alas-2023-rss", "/AL2023/alas.rss", &["amazon-linux-2023"], |feed, it| parse(feed, it, "ALAS2023-")),
    bulletins("alas-2-rss", "/AL2/alas.rss", &["amazon-linux-2"], |feed, it| parse(feed, it, "ALAS2-")),
];

const fn bulletins(
    name: &'static str,
    path: &'static str,
    ecosystems: &'static [&'static str],
    parse: fn(&Feed, Document<'_>) -> Result<Reading, Fault>,
) -> Feed {
    Feed {
        name,
        base_url: "https://alas.aws.amazon.com",
        ecosystems,
        role: Role::Hint,
        limits: Limits { bytes: 32 * 1024 * 1024, documents: 1 },
        start: Start::At(path, Step::Whole),
        parse,
    }
}

#[derive(Default)]
struct Item {
    title: String,
    cves: String,
    issued: String,
    updated: String,
}

/// `prefix`: what an id begins with in the repositories, where the RSS has only `ALAS-`.
fn parse(feed: &Feed, document: Document<'_>, prefix: &str) -> Result<Reading, Fault> {
    let Document { request, meter, source } = document;
    let (mut gathered, mut item) = (Gathered::new(request.since), Item::default());
    walk(source, &meter, |path, node| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (path.as_slice(), node) {
            ([root], Node::Open(_)) if *root != "rss" => {
                return Err(Fault::unexpected(format!("is no RSS but {root}")));
            }
            (["rss", "channel", "item"], Node::Open(_)) => {
                meter.next_record();
                item = Item::default();
            }
            (["rss", "channel", "item"], Node::Close(_)) => {
                return gathered.record(&item.title, advisory(feed, prefix, &item).map(|advisory| vec![advisory]));
            }
            ([_, _, "item", "title"], Node::Close(text)) => text.clone_into(&mut item.title),
            ([_, _, "item", "description"], Node::Close(text)) => text.clone_into(&mut item.cves),
            ([_, _, "item", "pubDate"], Node::Close(text)) => text.clone_into(&mut item.issued),
            ([_, _, "item", "lastBuildDate"], Node::Close(text)) => text.clone_into(&mut item.updated),
            _ => {}
        }
        Ok(())
    })?;
    gathered.finish_whole()
}

/// From a title such as `ALAS2023-2025-935 (important): kernel`, or, as it was written at first,
/// `ALAS-2025-935 (important): kernel`.
fn advisory(feed: &Feed, prefix: &str, item: &Item) -> Result<Advisory, String> {
    let parts = item.title.split_once(" (").and_then(|(id, rest)| Some((id, rest.split_once("): ")?)));
    let (id, (severity, package)) = parts.ok_or("is not written as id (severity): package")?;
    let id = id.strip_prefix("ALAS-").map_or_else(|| id.to_owned(), |number| format!("{prefix}{number}"));
    let cves = item.cves.split([',', ' ', '\n']).map(str::trim).filter(|cve| cve.starts_with("CVE-"));
    let draft = Draft {
        id,
        severity: rating(severity),
        title: format!("{package} ({severity})"),
        cves: cves.map(str::to_owned).collect(),
        issued: item.issued.clone(),
        updated: item.updated.clone(),
        ..Draft::default()
    };
    draft.advisory(feed.ecosystems[0], [])
}
