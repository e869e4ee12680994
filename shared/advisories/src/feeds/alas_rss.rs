//! The RSS of Amazon Linux's security center: id, severity, package, vulnerabilities and dates of every bulletin, but no
//! versions. It is there before the repositories are, and tells something when they are out of reach.
//! Source: <https://docs.aws.amazon.com/linux/al2023/ug/alas.html>.

use std::io::BufRead;

use jiff::Timestamp;
use prism_domain::advisory::Advisory;

use super::named;
use crate::error::{Fault, FeedError};
use crate::feed::{Feed, Limits, Reading, Request, Role, Step};
use crate::record::{Draft, Gathered, rating};
use crate::source::{Meter, open};
use crate::xml::{Node, walk};

/// The bulletins of one release.
pub(crate) struct AlasRss {
    name: &'static str,
    path: &'static str,
    ecosystem: &'static [&'static str; 1],
    /// What an id begins with in the repositories, where the RSS has only `ALAS-`.
    prefix: &'static str,
}

pub(crate) const ALL: [AlasRss; 2] = [
    AlasRss { name: "alas-2023-rss", path: "/AL2023/alas.rss", ecosystem: &["amazon-linux-2023"], prefix: "ALAS2023-" },
    AlasRss { name: "alas-2-rss", path: "/AL2/alas.rss", ecosystem: &["amazon-linux-2"], prefix: "ALAS2-" },
];

impl Feed for AlasRss {
    fn name(&self) -> &'static str {
        self.name
    }

    fn base_url(&self) -> &'static str {
        "https://alas.aws.amazon.com"
    }

    fn ecosystems(&self) -> &'static [&'static str] {
        self.ecosystem
    }

    fn role(&self) -> Role {
        Role::Hint
    }

    fn limits(&self) -> Limits {
        Limits { bytes: 32 * 1024 * 1024, documents: 1 }
    }

    fn first(&self, _cursor: Option<&str>, since: Timestamp) -> Request {
        Request::new(self.path, Step::Whole, since, None)
    }

    fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError> {
        named(self.name, self.read_whole(request, document))
    }
}

#[derive(Default)]
struct Item {
    title: String,
    cves: String,
    issued: String,
    updated: String,
}

impl AlasRss {
    fn read_whole(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, Fault> {
        let meter = Meter::new(request, self.limits().bytes);
        let source = open(document, &meter)?;
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
                    return gathered.record(&item.title, self.advisory(&item).map(|advisory| vec![advisory]));
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
    fn advisory(&self, item: &Item) -> Result<Advisory, String> {
        let parts = item.title.split_once(" (").and_then(|(id, rest)| Some((id, rest.split_once("): ")?)));
        let (id, (severity, package)) = parts.ok_or("is not written as id (severity): package")?;
        let id = id.strip_prefix("ALAS-").map_or_else(|| id.to_owned(), |number| format!("{}{number}", self.prefix));
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
        draft.advisory(self.ecosystem[0], [])
    }
}
