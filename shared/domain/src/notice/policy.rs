//! What people are told of a policy.

use jiff::Timestamp;

use super::{Notice, NoticeKind, branch, count, subject};
use crate::policy::ReplacedBaseImage;

/// A policy has base images come from other owners than their vendors. None: it does not.
#[must_use]
pub fn base_images_replaced(
    version: u64,
    replaced_base_images: &[ReplacedBaseImage],
    now: Timestamp,
) -> Option<Notice> {
    let first = replaced_base_images.first()?;
    let line = |one: &ReplacedBaseImage| {
        format!("{}: images of account {}, not of its vendor {}", one.base, one.owner, one.vendor)
    };
    let others = if replaced_base_images.len() > 1 {
        format!(" and {}", count(replaced_base_images.len() - 1, "other"))
    } else {
        String::new()
    };
    let tree = branch(format!("Policy: version {version}"), replaced_base_images.iter().map(line));
    Some(Notice {
        id: format!("base-images-replaced:{version}"),
        kind: NoticeKind::BaseImagesReplaced,
        subject: subject(&format!("Base image replaced by another owner's: {}{others}", first.base)),
        body: format!(
            "Base images replaced\n\n{tree}\nTemplates on them are built on these images from now on. If this was \
             not intended, apply a policy without these entries: prism policy apply FILE\n"
        ),
        created_at: now,
    })
}
