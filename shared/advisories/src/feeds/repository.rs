//! The `updateinfo.xml` of rpm repositories: Amazon Linux, and Rocky.
//!
//! A run reads, of Amazon Linux, the repository's list of mirrors, which names the directory of the newest release;
//! then its table of contents, which names `updateinfo.xml.gz` and its checksum; then that, unless the checksum is
//! the one that was read before.
//! Sources: <https://docs.aws.amazon.com/linux/al2023/ug/managing-repos-os-updates.html>;
//! the mirror lists as `amazonlinux.repo` of each image has them.

use std::io::Read;

use super::is_path;
use crate::error::Fault;
use crate::feed::{Feed, Limits, Role, Start};
use crate::reading::{Reading, Step};
use crate::source::Document;
use crate::updateinfo;

/// A repository of one release. `start`: the list of its mirrors.
const fn amazon(name: &'static str, start: &'static str, ecosystems: &'static [&'static str]) -> Feed {
    repository(name, "https://cdn.amazonlinux.com", Start::At(start, Step::Mirrors), ecosystems, Role::Main)
}

/// The same. `start`: its table of contents. Source of the paths: <https://wiki.rockylinux.org/rocky/repo/>.
const fn rocky(name: &'static str, start: &'static str, ecosystems: &'static [&'static str]) -> Feed {
    repository(name, "https://dl.rockylinux.org", Start::At(start, Step::Contents), ecosystems, Role::Hint)
}

const fn repository(
    name: &'static str,
    base_url: &'static str,
    start: Start,
    ecosystems: &'static [&'static str],
    role: Role,
) -> Feed {
    let limits = Limits { bytes: 256 * 1024 * 1024, documents: 3 };
    Feed { name, base_url, ecosystems, role, limits, start, parse }
}

/// The advisories of x86-64 and of arm64 are the same ones, for the same versions: one architecture is read.
pub(crate) const FEEDS: [Feed; 10] = [
    amazon("alas-2023", "/al2023/core/mirrors/latest/x86_64/mirror.list", &["amazon-linux-2023"]),
    amazon("alas-2", "/2/core/latest/x86_64/mirror.list", &["amazon-linux-2"]),
    amazon("alas-2-kernel-5.10", "/2/extras/kernel-5.10/latest/x86_64/mirror.list", &["amazon-linux-2"]),
    amazon("alas-2-kernel-5.15", "/2/extras/kernel-5.15/latest/x86_64/mirror.list", &["amazon-linux-2"]),
    rocky("rocky-8-baseos", "/pub/rocky/8/BaseOS/x86_64/os/repodata/repomd.xml", &["rocky-8"]),
    rocky("rocky-8-appstream", "/pub/rocky/8/AppStream/x86_64/os/repodata/repomd.xml", &["rocky-8"]),
    rocky("rocky-9-baseos", "/pub/rocky/9/BaseOS/x86_64/os/repodata/repomd.xml", &["rocky-9"]),
    rocky("rocky-9-appstream", "/pub/rocky/9/AppStream/x86_64/os/repodata/repomd.xml", &["rocky-9"]),
    rocky("rocky-10-baseos", "/pub/rocky/10/BaseOS/x86_64/os/repodata/repomd.xml", &["rocky-10"]),
    rocky("rocky-10-appstream", "/pub/rocky/10/AppStream/x86_64/os/repodata/repomd.xml", &["rocky-10"]),
];

const CONTENTS: &str = "repodata/repomd.xml";

fn parse(feed: &Feed, document: Document<'_>) -> Result<Reading, Fault> {
    match document.request.step {
        Step::Mirrors => mirrors(document),
        Step::Contents => contents(document),
        _ => {
            let cursor = document.request.cursor.clone();
            Ok(Reading { cursor, ..updateinfo::read(document, feed.ecosystems[0])? })
        }
    }
}

/// Each line is a URL of the repository. Its host is passed over: requests go to the feed's base URL alone.
fn mirrors(document: Document<'_>) -> Result<Reading, Fault> {
    let Document { request, meter, mut source } = document;
    let mut text = String::new();
    source.read_to_string(&mut text).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Fault::malformed("UTF-8", "somewhere".into(), error.to_string()),
        _ => meter.fault(&error, "somewhere".into()),
    })?;
    let line = text.lines().next().unwrap_or_default().replace("$basearch", "x86_64");
    let path = line.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let path = format!("/{}/{CONTENTS}", path.trim_end_matches('/'));
    if !is_path(&path) {
        return Err(Fault::unexpected(format!("is not a list of mirrors; its first line is \"{line}\"")));
    }
    let next = vec![request.then(path, Step::Contents, request.cursor.clone())];
    Ok(Reading { next, ..Reading::default() })
}

fn contents(document: Document<'_>) -> Result<Reading, Fault> {
    let request = document.request;
    let (href, checksum) = updateinfo::contents(document)?;
    if request.cursor.as_ref() == Some(&checksum) {
        return Ok(Reading { cursor: Some(checksum), ..Reading::default() });
    }
    let path = request.path.strip_suffix(CONTENTS).map(|root| format!("{root}{href}")).unwrap_or_default();
    if !is_path(&path) {
        return Err(Fault::unexpected(format!("names updateinfo at \"{href}\"")));
    }
    Ok(Reading { next: vec![request.then(path, Step::Whole, Some(checksum))], ..Reading::default() })
}
