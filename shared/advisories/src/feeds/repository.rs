//! The `updateinfo.xml` of rpm repositories: Amazon Linux, and Rocky.
//!
//! A run reads, of Amazon Linux, the repository's list of mirrors, which names the directory of the newest release;
//! then its table of contents, which names `updateinfo.xml.gz` and its checksum; then that, unless the checksum is
//! the one that was read before.
//! Sources: <https://docs.aws.amazon.com/linux/al2023/ug/managing-repos-os-updates.html>;
//! the mirror lists as `amazonlinux.repo` of each image has them.

use std::io::{BufRead, Read};

use jiff::Timestamp;

use super::{is_path, named};
use crate::error::{Fault, FeedError};
use crate::feed::{Feed, Limits, Reading, Request, Role, Step};
use crate::source::{Meter, open};
use crate::updateinfo;

/// A repository of one release.
pub(crate) struct Repository {
    name: &'static str,
    base_url: &'static str,
    /// The list of mirrors, or, if it ends with a slash, the repository itself.
    start: &'static str,
    ecosystem: &'static [&'static str; 1],
    role: Role,
}

const fn amazon(name: &'static str, start: &'static str, ecosystem: &'static [&'static str; 1]) -> Repository {
    Repository { name, base_url: "https://cdn.amazonlinux.com", start, ecosystem, role: Role::Main }
}

/// Source of the paths: <https://wiki.rockylinux.org/rocky/repo/>.
const fn rocky(name: &'static str, start: &'static str, ecosystem: &'static [&'static str; 1]) -> Repository {
    Repository { name, base_url: "https://dl.rockylinux.org", start, ecosystem, role: Role::Hint }
}

/// The advisories of x86-64 and of arm64 are the same ones, for the same versions: one architecture is read.
pub(crate) const ALL: [Repository; 10] = [
    amazon("alas-2023", "/al2023/core/mirrors/latest/x86_64/mirror.list", &["amazon-linux-2023"]),
    amazon("alas-2", "/2/core/latest/x86_64/mirror.list", &["amazon-linux-2"]),
    amazon("alas-2-kernel-5.10", "/2/extras/kernel-5.10/latest/x86_64/mirror.list", &["amazon-linux-2"]),
    amazon("alas-2-kernel-5.15", "/2/extras/kernel-5.15/latest/x86_64/mirror.list", &["amazon-linux-2"]),
    rocky("rocky-8-baseos", "/pub/rocky/8/BaseOS/x86_64/os/", &["rocky-8"]),
    rocky("rocky-8-appstream", "/pub/rocky/8/AppStream/x86_64/os/", &["rocky-8"]),
    rocky("rocky-9-baseos", "/pub/rocky/9/BaseOS/x86_64/os/", &["rocky-9"]),
    rocky("rocky-9-appstream", "/pub/rocky/9/AppStream/x86_64/os/", &["rocky-9"]),
    rocky("rocky-10-baseos", "/pub/rocky/10/BaseOS/x86_64/os/", &["rocky-10"]),
    rocky("rocky-10-appstream", "/pub/rocky/10/AppStream/x86_64/os/", &["rocky-10"]),
];

const CONTENTS: &str = "repodata/repomd.xml";

impl Feed for Repository {
    fn name(&self) -> &'static str {
        self.name
    }

    fn base_url(&self) -> &'static str {
        self.base_url
    }

    fn ecosystems(&self) -> &'static [&'static str] {
        self.ecosystem
    }

    fn role(&self) -> Role {
        self.role
    }

    fn limits(&self) -> Limits {
        Limits { bytes: 256 * 1024 * 1024, documents: 3 }
    }

    fn first(&self, cursor: Option<&str>, since: Timestamp) -> Request {
        if self.start.ends_with('/') {
            Request::new(format!("{}{CONTENTS}", self.start), Step::Contents, since, cursor)
        } else {
            Request::new(self.start, Step::Mirrors, since, cursor)
        }
    }

    fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError> {
        named(self.name, self.read_step(request, document))
    }
}

impl Repository {
    fn read_step(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, Fault> {
        let meter = Meter::new(
            request,
            match request.step {
                Step::Mirrors => 64 * 1024,
                Step::Contents => 1024 * 1024,
                _ => self.limits().bytes,
            },
        );
        let source = open(document, &meter)?;
        match request.step {
            Step::Mirrors => mirrors(source, &meter, request),
            Step::Contents => contents(source, &meter, request),
            _ => {
                let mut reading = updateinfo::read(source, &meter, request, self.ecosystem[0])?;
                reading.cursor.clone_from(&request.cursor);
                Ok(reading)
            }
        }
    }
}

/// Each line is a URL of the repository. Its host is passed over: requests go to the feed's base URL alone.
fn mirrors(mut source: Box<dyn BufRead + '_>, meter: &Meter, request: &Request) -> Result<Reading, Fault> {
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

fn contents(source: Box<dyn BufRead + '_>, meter: &Meter, request: &Request) -> Result<Reading, Fault> {
    let (href, checksum) = updateinfo::contents(source, meter)?;
    if request.cursor.as_ref() == Some(&checksum) {
        return Ok(Reading { cursor: Some(checksum), ..Reading::default() });
    }
    let path = request.path.strip_suffix(CONTENTS).map(|root| format!("{root}{href}")).unwrap_or_default();
    if !is_path(&path) {
        return Err(Fault::unexpected(format!("names updateinfo at \"{href}\"")));
    }
    Ok(Reading { next: vec![request.then(path, Step::Whole, Some(checksum))], ..Reading::default() })
}
