//! The inventory: images, and the channels that say which of them launches use.

use jiff::SignedDuration;
use prism_domain::build::{Channel, Image};
use prism_domain::id::{Target, TemplateName};

use crate::base_images::Dependant;
use crate::error::Result;
use crate::keys;
use crate::table::{Table, Write};

/// The channel `latest` of a target, once it has an image.
///
/// # Errors
///
/// If AWS fails.
pub async fn channel(table: &Table, target: &Target) -> Result<Option<Channel>> {
    table.get(&keys::channel(target)).await
}

/// The channels of a template.
///
/// # Errors
///
/// If AWS fails.
pub async fn channels(table: &Table, template: &TemplateName) -> Result<Vec<Channel>> {
    table.query(&keys::template_history(template), keys::CHANNEL).await
}

/// The writes that publish an image: the image, the channel that now names it, and the mark by which an
/// update of its base image finds it. `expected`: how long the target's next build will run.
///
/// # Errors
///
/// If a write cannot be built.
pub fn publish(
    image: &Image,
    channel: &Channel,
    before: Option<&Channel>,
    expected: SignedDuration,
) -> Result<Vec<Write>> {
    let target = &image.build.target;
    let dependant = Dependant {
        target: target.clone(),
        base_image_id: Some(image.base_image_id.clone()),
        expected: Some(expected),
    };
    let mut writes = vec![
        Write::put(&keys::image(&image.build), image)?,
        Write::replace(&keys::channel(target), channel, "version", before.map(|channel| channel.version))?,
        Write::put(&keys::dependant(&image.base, target), &dependant)?,
    ];
    if let Some(before) = before.filter(|before| before.base != image.base) {
        writes.push(Write::delete(&keys::dependant(&before.base, target))?);
    }
    Ok(writes)
}

/// The write that records that a channel's parameters have been read back as right.
///
/// # Errors
///
/// If a write cannot be built.
pub fn verified(target: &Target, channel: &Channel) -> Result<Write> {
    let verified = Channel { verified_version: channel.version, ..channel.clone() };
    Write::replace(&keys::channel(target), &verified, "version", Some(channel.version))
}
