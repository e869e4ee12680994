//! How every template stands: what the table knows of it, gathered.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_aws::queue::{Forecast, Queue};
use prism_aws::templates::TemplateRecord;
use prism_aws::{base_images, builds, claims, inventory, policies, templates, trials};
use prism_domain::architecture::Architecture;
use prism_domain::build::Channel;
use prism_domain::claim::{Claim, Held};
use prism_domain::due::{Due, LackedMoves, due};
use prism_domain::id::{AmiId, BaseImageName, BuildId, Target, TemplateName, TrackedImageId};
use prism_domain::patch::Patch;
use prism_domain::policy::Policy;
use prism_domain::unreadable::UnreadableRecord;
use prism_templates::ResolvedTemplate;

use crate::bases::{Base, Bases};
use crate::condition::{Condition, Known, condition};
use crate::fault::warn_left_out;
use crate::pending::pending;
use crate::progress::each;
use crate::stack::Stack;

/// How many builds of a target are looked at, the newest.
const BUILDS: u32 = 5;

/// Of which targets the findings of missing fixes are read: each takes a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Findings {
    /// Of all.
    All,
    /// Of those for which a finding may have started no build.
    NotBuilt,
}

/// A template and its targets.
#[derive(Debug, Clone)]
pub struct Standing {
    /// As it was applied.
    pub record: TemplateRecord,
    /// With all that it inherits; why not, where that fails.
    pub resolved: Result<ResolvedTemplate, String>,
    /// Its targets: for its own architecture, and for every other that was ever built.
    pub targets: Vec<TargetStanding>,
}

/// A target.
#[derive(Debug, Clone)]
pub struct TargetStanding {
    /// Which.
    pub architecture: Architecture,
    /// The image that launches use.
    pub channel: Option<Channel>,
    /// The build that holds its claim.
    pub held: Option<Held>,
    /// What is foreseen of that build.
    pub forecast: Forecast,
    /// What it is due; nothing is known where the policy cannot be read.
    pub due: Option<Due>,
    /// The findings of what its image lacks, as far as they are read ([`Findings`]).
    pub patches: Vec<Patch>,
    /// Whether its template has changed since its image was made.
    pub changed: bool,
    /// How it stands.
    pub condition: Condition,
    /// Its newest images, newest first, once they are read ([`read_made`]).
    pub made: Vec<Made>,
}

impl TargetStanding {
    /// How a target stands of which this is known.
    pub fn of(architecture: Architecture, known: Known) -> Self {
        let (condition, changed) = (condition(&known), known.has_changed());
        let Known { channel, held, forecast, due, patches, .. } = known;
        Self { architecture, channel, held, forecast, due, patches, changed, condition, made: Vec::new() }
    }

    /// What it lacks of the moves of its base image; nothing where it has no image.
    pub fn lacks(&self, bases: &Bases) -> LackedMoves {
        let Some(channel) = &self.channel else { return LackedMoves::default() };
        let base = bases.get(&(channel.base.clone(), self.architecture));
        base.map(|base| pending(&channel.base_image_id, base)).unwrap_or_default()
    }

    /// When it last changed, by the builds and images that are read here.
    pub fn touched(&self) -> Option<Timestamp> {
        let failed = match &self.condition {
            Condition::Failed { at, .. } => Some(*at),
            _ => None,
        };
        let queued = self.held.as_ref().map(|held| held.queued.queued_at);
        failed.max(queued).max(self.channel.as_ref().map(|channel| channel.since))
    }
}

/// An image that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The base image that it stands on.
    pub on: AmiId,
    /// When it was published.
    pub at: Timestamp,
}

/// Everything about every template.
#[derive(Debug, Clone)]
pub struct Everything {
    /// By name.
    pub templates: Vec<Standing>,
    /// What they stand on.
    pub bases: Bases,
    /// The policy in force; nothing if it cannot be read.
    pub policy: Option<Policy>,
    /// The builds that wait and run, and what there is for them; nothing if the policy cannot be read.
    pub queue: Option<Queue>,
    /// What could not be read.
    pub unreadable: Vec<UnreadableRecord>,
}

/// Reads everything about every template. What cannot be read is told of beside the answer.
pub async fn everything(stack: &Stack) -> anyhow::Result<Everything> {
    gather(stack, None, Findings::NotBuilt).await.inspect(|all| warn_left_out(&all.unreadable))
}

/// Reads everything about some templates: those of them that have been applied.
pub async fn some(stack: &Stack, names: &BTreeSet<TemplateName>) -> anyhow::Result<Everything> {
    gather(stack, Some(names), Findings::NotBuilt).await.inspect(|all| warn_left_out(&all.unreadable))
}

/// Reads everything about every template, or about those alone. The caller reports the records that cannot be read.
pub async fn gather(
    stack: &Stack,
    only: Option<&BTreeSet<TemplateName>>,
    findings: Findings,
) -> anyhow::Result<Everything> {
    let mut unreadable = Vec::new();
    let records = templates::all(&stack.table).await?.set_aside(&mut unreadable);
    let policy = readable(policies::current(&stack.table).await, &mut unreadable)?;
    let queue = match &policy {
        Some(policy) => Some(Queue::read(&stack.table, policy, stack.now).await?),
        None => None,
    };
    let claims: Vec<Claim> = match &queue {
        Some(queue) => {
            unreadable.extend(queue.unreadable.iter().cloned());
            queue.claims().cloned().collect()
        }
        None => claims::all(&stack.table).await?.set_aside(&mut unreadable),
    };
    let forecast = queue.as_ref().zip(policy.as_ref()).map(|(queue, policy)| queue.forecast(policy, stack.now));
    let forecast = forecast.unwrap_or_default();
    let catalogue = policy.clone().unwrap_or_default().catalogue();
    let watched = |base: &BaseImageName| catalogue.find(base).map_or_else(|| base.clone(), |found| found.name.clone());
    let all: BTreeMap<TemplateName, TemplateRecord> =
        records.into_iter().map(|record| (record.name.clone(), record)).collect();
    let shown = || all.values().filter(|record| only.is_none_or(|only| only.contains(&record.name)));
    let names = shown().map(|record| record.name.clone());
    let found = inventory::channels_of_templates(&stack.table, names).await?.set_aside(&mut unreadable);
    let mut channels = grouped(found, |channel| channel.build.target.template.clone());
    let mut claims: BTreeMap<Target, Claim> = claims.into_iter().map(|claim| (claim.target.clone(), claim)).collect();
    let mut templates = Vec::new();
    let mut known = Vec::new();
    for record in shown() {
        let current = templates::current_of(&record.name, &all);
        let source = current.source();
        let resolved = current.resolved.map_err(|problems| problems.to_string());
        let channels = channels.remove(&record.name).unwrap_or_default();
        for architecture in architectures(&record.name, resolved.as_ref().ok(), &channels, &claims) {
            let target = Target { template: record.name.clone(), architecture };
            let channel = channels.iter().find(|channel| channel.build.target == target).cloned();
            let base = match (&channel, &resolved) {
                (Some(channel), _) => Some(channel.base.clone()),
                (None, Ok(resolved)) => Some(watched(&resolved.base)),
                (None, Err(_)) => None,
            };
            let elsewhere = channels.first().cloned().filter(|_| channel.is_none());
            let claim = claims.remove(&target).unwrap_or_else(|| Claim::free(target));
            let (held, source) = (claim.held.clone(), source.clone());
            let forecast = held.as_ref().map(|held| forecast.of(&held.queued.build)).unwrap_or_default();
            let one = Known { held, channel, source, revision: record.revision, forecast, ..Known::default() };
            known.push((claim, elsewhere, base, one));
        }
        templates.push(Standing { record: record.clone(), resolved, targets: Vec::new() });
    }
    let wanted = known.iter().filter_map(|(claim, _, base, _)| Some((base.clone()?, claim.target.architecture)));
    let wanted: BTreeSet<(BaseImageName, Architecture)> = wanted.collect();
    let mut bases = Bases::new();
    for (key, base, aside) in each(stack, wanted.into_iter().collect(), read_base).await? {
        bases.insert(key, base);
        unreadable.extend(aside);
    }
    let newest = known.iter().flat_map(|(claim, .., known)| since_published(claim, known));
    let found = builds::find_all(&stack.table, &newest.collect::<Vec<_>>()).await?.set_aside(&mut unreadable);
    let mut builds = grouped(found, |build| build.id.target.clone());
    let published = known.iter().filter_map(|(claim, _, _, known)| {
        let is_read = findings == Findings::All || may_lack_unbuilt(claim, known);
        known.channel.as_ref().map(|channel| channel.build.clone()).filter(|_| is_read)
    });
    let mut patches = lacked(stack, published.collect(), &mut unreadable).await?;
    let mut targets: BTreeMap<TemplateName, Vec<TargetStanding>> = BTreeMap::new();
    for (claim, elsewhere, base, mut known) in known {
        let Target { template, architecture } = claim.target.clone();
        known.builds = builds.remove(&claim.target).unwrap_or_default();
        known.builds.sort_by_key(|build| Reverse(build.id.number));
        known.patches = patches.remove(&claim.target).unwrap_or_default();
        known.base = base.and_then(|base| bases.get(&(base, architecture))).cloned().unwrap_or_default();
        let standing = prism_domain::due::Standing {
            claim,
            published: known.channel.clone(),
            elsewhere,
            tracked: known.base.tracked.clone(),
            moves: known.base.updates.clone(),
            patches: known.patches.clone(),
            trials: known.base.trials.clone(),
            source: known.source.clone(),
        };
        known.due = policy.as_ref().map(|policy| due(&standing, policy, stack.now));
        targets.entry(template).or_default().push(TargetStanding::of(architecture, known));
    }
    for standing in &mut templates {
        standing.targets = targets.remove(&standing.record.name).unwrap_or_default();
    }
    unreadable.sort_unstable();
    unreadable.dedup();
    Ok(Everything { templates, bases, policy, queue, unreadable })
}

fn grouped<K: Ord, V>(values: Vec<V>, key: impl Fn(&V) -> K) -> BTreeMap<K, Vec<V>> {
    let mut groups: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for value in values {
        groups.entry(key(&value)).or_default().push(value);
    }
    groups
}

/// The builds that tell how a target stands: those since its published one, of the newest [`BUILDS`].
fn since_published(claim: &Claim, known: &Known) -> Vec<BuildId> {
    let published = known.channel.as_ref().map_or(0, |channel| channel.build.number);
    let first = (published + 1).max(claim.counter.saturating_sub(BUILDS - 1)).max(1);
    (first..=claim.counter).map(|number| claim.target.build(number)).collect()
}

/// Whether a finding of what the image of a target lacks may have started no build: none waits or runs, and something
/// keeps one from being started.
fn may_lack_unbuilt(claim: &Claim, known: &Known) -> bool {
    let is_kept = claim.wanted.is_some() || claim.attempts.is_some() || claim.hold.is_some();
    claim.held.is_none() && (is_kept || known.source.disabled.is_some())
}

/// What the published images of these builds were found to lack, the newest findings first.
async fn lacked(
    stack: &Stack,
    published: Vec<BuildId>,
    unreadable: &mut Vec<UnreadableRecord>,
) -> anyhow::Result<BTreeMap<Target, Vec<Patch>>> {
    let found = each(stack, published, |stack, build| async move {
        let mut aside = Vec::new();
        let found = readable(prism_aws::standing::lacked(&stack.table, &build).await, &mut aside)?;
        Ok((found.map(|found| found.set_aside(&mut aside)).unwrap_or_default(), aside))
    });
    let mut lacked = Vec::new();
    for (found, aside) in found.await? {
        lacked.extend(found);
        unreadable.extend(aside);
    }
    Ok(grouped(lacked, |patch: &Patch| patch.id.build.target.clone()))
}

/// Reads which images were made lately of the targets that have a new one since then.
pub async fn read_made(stack: &Stack, all: &mut Everything, since: Timestamp) -> anyhow::Result<()> {
    let targets = all.templates.iter().flat_map(|standing| &standing.targets);
    let published = targets.filter_map(|target| target.channel.as_ref()).filter(|channel| channel.since >= since);
    let builds = published.flat_map(|channel| {
        let number = channel.build.number;
        (number.saturating_sub(BUILDS - 1).max(1)..=number).map(|number| channel.build.target.build(number))
    });
    let images = inventory::images_of(&stack.table, &builds.collect::<Vec<_>>()).await?;
    let mut images = grouped(images.set_aside(&mut all.unreadable), |image| image.build.target.clone());
    for target in all.templates.iter_mut().flat_map(|standing| &mut standing.targets) {
        let own = target.channel.as_ref().and_then(|channel| images.remove(&channel.build.target));
        let made = own.into_iter().flatten().map(|image| Made { on: image.base_image_id, at: image.published_at });
        target.made = made.collect();
        target.made.sort_by_key(|made| Reverse(made.at));
    }
    Ok(())
}

fn architectures(
    name: &TemplateName,
    resolved: Option<&ResolvedTemplate>,
    channels: &[Channel],
    claims: &BTreeMap<Target, Claim>,
) -> BTreeSet<Architecture> {
    let own = resolved.map(ResolvedTemplate::architecture);
    let published = channels.iter().map(|channel| channel.build.target.architecture);
    let is_held = |architecture: &Architecture| {
        let claim = claims.get(&Target { template: name.clone(), architecture: *architecture });
        claim.is_some_and(|claim| claim.held.is_some())
    };
    let claimed = Architecture::ALL.into_iter().filter(is_held);
    own.into_iter().chain(published).chain(claimed).collect()
}

/// Reads a base image. The records that cannot be read stand behind it.
async fn read_base(
    stack: Stack,
    key: (BaseImageName, Architecture),
) -> anyhow::Result<((BaseImageName, Architecture), Base, Vec<UnreadableRecord>)> {
    let mut unreadable = Vec::new();
    let id = TrackedImageId { name: key.0.clone(), architecture: key.1, region: stack.region };
    let trials = trials::of(&stack.table, &id.name, id.architecture).await?.set_aside(&mut unreadable);
    let updates = base_images::newest_updates(&stack.table, &id, 20).await?.set_aside(&mut unreadable);
    let updates = updates.into_iter().map(|record| record.update).collect();
    let tracked = readable(base_images::tracked(&stack.table, &id).await, &mut unreadable)?.flatten();
    Ok((key, Base { tracked, updates, trials }, unreadable))
}

/// A value that was read; nothing, if its record cannot be, which goes to `aside`.
pub fn readable<T>(read: prism_aws::Result<T>, aside: &mut Vec<UnreadableRecord>) -> anyhow::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(prism_aws::Error::Unreadable(record)) => {
            aside.push(*record);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
