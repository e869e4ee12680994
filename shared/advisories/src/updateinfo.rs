//! `updateinfo.xml`, in which rpm repositories publish their advisories.
//!
//! Its form: <https://github.com/rpm-software-management/createrepo_c/blob/master/doc/createrepo_c.8> and, of each
//! element, <https://docs.pulpproject.org/pulp_rpm/>; a repository's table of contents (`repomd.xml`) names it.

use crate::error::Fault;
use crate::reading::Reading;
use crate::record::{Draft, Fixed, Gathered, kind, rating};
use crate::source::Document;
use crate::xml::{Node, attribute, walk};

/// Reads the advisories of one ecosystem.
pub(crate) fn read(document: Document<'_>, ecosystem: &str) -> Result<Reading, Fault> {
    let Document { request, meter, source } = document;
    let mut gathered = Gathered::new(request.since);
    let (mut draft, mut fixed) = (Draft::default(), Vec::<Fixed>::new());
    walk(source, &meter, |path, node| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (path.as_slice(), node) {
            ([root], Node::Open(_)) if *root != "updates" => {
                return Err(Fault::unexpected(format!("is no updateinfo but {root}")));
            }
            (["updates", "update"], Node::Open(tag)) => {
                meter.next_record();
                draft = Draft { kind: kind(&attribute(tag, "type")?), ..Draft::default() };
                fixed.clear();
            }
            (["updates", "update"], Node::Close(_)) => {
                let advisory = draft.advisory(ecosystem, std::mem::take(&mut fixed));
                return gathered.record(&draft.id, advisory.map(|advisory| vec![advisory]));
            }
            ([_, _, "id"], Node::Close(text)) => text.clone_into(&mut draft.id),
            ([_, _, "title"], Node::Close(text)) => text.clone_into(&mut draft.title),
            ([_, _, "severity"], Node::Close(text)) => draft.severity = rating(text),
            ([_, _, "issued"], Node::Open(tag)) => draft.issued = attribute(tag, "date")?,
            ([_, _, "updated"], Node::Open(tag)) => draft.updated = attribute(tag, "date")?,
            ([_, _, "references", "reference"], Node::Open(tag)) if attribute(tag, "type")? == "cve" => {
                draft.cves.push(attribute(tag, "id")?);
            }
            ([_, _, "pkglist", "collection", "package"], Node::Open(tag)) => {
                let name = attribute(tag, "name")?;
                if attribute(tag, "arch")? != "src" && !is_debug(&name) {
                    let (epoch, version, release) =
                        (attribute(tag, "epoch")?, attribute(tag, "version")?, attribute(tag, "release")?);
                    let epoch = if epoch.is_empty() { "0" } else { &epoch };
                    fixed.push((name, format!("{epoch}:{version}-{release}")));
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    gathered.finish_whole()
}

/// Debug information: it is in no image, and doubles every list.
pub(crate) fn is_debug(package: &str) -> bool {
    ["-debuginfo", "-debugsource", "-debuginfo-common", "-dbgsym", "-dbg"].iter().any(|end| package.ends_with(end))
        || package.contains("-debuginfo-common-")
}

/// Where a repository's `updateinfo` is, as its table of contents says, and its checksum.
/// Source: <https://github.com/rpm-software-management/createrepo_c>.
pub(crate) fn contents(document: Document<'_>) -> Result<(String, String), Fault> {
    let (mut within, mut href, mut checksum) = (false, String::new(), String::new());
    walk(document.source, &document.meter, |path, node| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (path.as_slice(), node) {
            ([root], Node::Open(_)) if *root != "repomd" => {
                return Err(Fault::unexpected(format!("is no repomd but {root}")));
            }
            (["repomd", "data"], Node::Open(tag)) => within = attribute(tag, "type")? == "updateinfo",
            (["repomd", "data", "location"], Node::Open(tag)) if within => href = attribute(tag, "href")?,
            (["repomd", "data", "checksum"], Node::Close(text)) if within => text.clone_into(&mut checksum),
            _ => {}
        }
        Ok(())
    })?;
    if href.is_empty() || checksum.is_empty() {
        return Err(Fault::unexpected("names no updateinfo, or one without a checksum"));
    }
    if checksum.len() > 200 || !checksum.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Fault::unexpected(format!("gives updateinfo the checksum \"{checksum}\"")));
    }
    Ok((href, checksum))
}
