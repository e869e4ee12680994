//! The inventory: images, and the channels that say which of them launches use.

use jiff::SignedDuration;
use prism_domain::architecture::Architecture;
use prism_domain::build::{Channel, Image};
use prism_domain::id::{BuildId, Target, TemplateName};

use crate::base_images::Dependant;
use crate::error::Result;
use crate::keys;
use crate::table::{Readings, Table, Write};

/// The channel `latest` of a target, once it has an image.
///
/// # Errors
///
/// If AWS fails.
pub async fn channel(table: &Table, target: &Target) -> Result<Option<Channel>> {
    table.get(&keys::channel(target)).await
}

/// Every image that a target's builds have published.
///
/// # Errors
///
/// If AWS fails, or one of them cannot be read.
pub async fn images(table: &Table, target: &Target) -> Result<Vec<Image>> {
    let read = table.query(&keys::template_history(&target.template), &keys::images_of(target.architecture)).await?;
    read.all()
}

/// The channels of a template.
///
/// # Errors
///
/// If AWS fails.
pub async fn channels(table: &Table, template: &TemplateName) -> Result<Readings<Channel>> {
    table.query(&keys::template_history(template), keys::CHANNEL).await
}

/// The channels of templates on every architecture, in no order.
///
/// # Errors
///
/// If AWS fails.
pub async fn channels_of_templates(
    table: &Table,
    templates: impl IntoIterator<Item = TemplateName>,
) -> Result<Readings<Channel>> {
    let on_each = |template: TemplateName| {
        Architecture::ALL.map(|architecture| Target { template: template.clone(), architecture })
    };
    channels_of(table, &templates.into_iter().flat_map(on_each).collect::<Vec<_>>()).await
}

/// The images that these builds made, in no order. A build without an image has none here.
///
/// # Errors
///
/// If AWS fails.
pub async fn images_of(table: &Table, builds: &[BuildId]) -> Result<Readings<Image>> {
    table.get_all(&builds.iter().map(keys::image).collect::<Vec<_>>()).await
}

/// The channels of those targets that have an image, in no order.
///
/// # Errors
///
/// If AWS fails.
pub async fn channels_of(table: &Table, targets: &[Target]) -> Result<Readings<Channel>> {
    table.get_all(&targets.iter().map(keys::channel).collect::<Vec<_>>()).await
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
        by_name: channel.built_from.as_ref().map(|from| from.by_name),
    };
    let mut writes = vec![
        Write::put(&keys::image(&image.build), image)?,
        Write::replace(&keys::channel(target), channel, "version", before.map_or(0, |channel| channel.version))?,
        Write::put(&keys::dependant(&image.base, target), &dependant)?,
    ];
    if let Some(before) = before.filter(|before| before.base != image.base) {
        writes.push(Write::delete(&keys::dependant(&before.base, target))?);
    }
    Ok(writes)
}

/// The write that records in which regions a channel's parameters have been read back as right, if it has not moved on.
///
/// # Errors
///
/// If a write cannot be built.
pub fn mark_verified(target: &Target, channel: &Channel) -> Result<Write> {
    Write::replace(&keys::channel(target), channel, "version", channel.version)
}
