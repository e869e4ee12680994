//! reserve-budget: the gate. Checks again what may have changed since the build was queued, freezes what
//! is built, and reserves the money and a place among the running builds, all in one transaction.

use jiff::{SignedDuration, Timestamp};
use prism_aws::environment::Environment;
use prism_aws::error::{Error, Result};
use prism_aws::functions::Functions;
use prism_aws::queue::{self, Answer, BuilderPrices, Queue, TurnAnswer};
use prism_aws::runtime::{Function, about};
use prism_aws::table::Table;
use prism_aws::{
    base_images, builds, claims, fault, inventory, journal, ledger, patches, policies, race, standing, templates,
    trials,
};
use prism_domain::build::{Build, BuiltFrom, Channel, Frozen};
use prism_domain::claim::{Claim, Held, Stage};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::due::{Due, Rebuild, due};
use prism_domain::duration::{after, humanize};
use prism_domain::estimate::Expectation;
use prism_domain::id::{AmiId, BuildId};
use prism_domain::ledger::{Booking, BudgetSource, Reservation};
use prism_domain::patch::FrozenPatch;
use prism_domain::permit::Permit;
use prism_domain::policy::Policy;
use prism_domain::queued::Queued;
use prism_domain::root_volume::RootVolume;
use prism_domain::schedule::{Turn, UNREADABLE_WAIT};
use prism_domain::slot::Demand;
use serde::Deserialize;
use serde_json::json;

/// When to try again with a base image that has not been seen yet, and is being looked at.
const UNSEEN: SignedDuration = SignedDuration::from_secs(30);

/// For how long a base image may not be seen before the build fails and people hear of it.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(2);

/// The function.
#[derive(Debug)]
pub struct ReserveBudget {
    table: Table,
    prices: BuilderPrices,
    functions: Functions,
    watch_base_images: String,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The ARN of the execution.
    execution: String,
    /// Its build.
    build_id: BuildId,
    /// Whether schedule-builds has granted it its turn.
    #[serde(default)]
    granted: bool,
}

/// A build that waits for its turn, and the claim that it holds.
#[derive(Clone)]
struct Waiting {
    build: Build,
    claim: Claim,
    held: Held,
}

/// What a build is made of, and what that is expected to take and to cost.
struct Content {
    frozen: Frozen,
    expected: Expectation,
    /// Why its root volume is larger than the template asks for, if it is.
    raised: Option<String>,
}

impl Function for ReserveBudget {
    type Input = Input;
    type Output = TurnAnswer;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            prices: BuilderPrices::of_stack(environment)?,
            functions: Functions::new(&environment.config),
            watch_base_images: environment.required("WATCH_BASE_IMAGES_FUNCTION")?.to_owned(),
        })
    }

    async fn handle(&self, input: Input, now: Timestamp) -> Result<TurnAnswer> {
        about(&input.build_id);
        let Some(answer) = race::try_to_win(async || self.attempt(&input, now).await).await? else {
            // Not an error: the money is contended, and the queue decides who is next.
            let again = after(now, SignedDuration::from_mins(1));
            return Ok(TurnAnswer::wait(again, "waits: others reserve money at this moment", now));
        };
        tracing::info!(answer = ?answer.answer, "{} {}", input.build_id, answer.reason);
        Ok(answer)
    }
}

impl ReserveBudget {
    /// One reading, one decision, one write. `None`: what was read has changed meanwhile.
    async fn attempt(&self, input: &Input, now: Timestamp) -> Result<Option<TurnAnswer>> {
        // The claim first: a build that somebody joins between the two readings makes the claim's revision an old one.
        let claim = claims::of(&self.table, &input.build_id.target).await?;
        let build = builds::get(&self.table, &input.build_id).await?;
        let Some(held) = claim.held.clone().filter(|held| held.execution == input.execution) else {
            let reason = build.ending.map_or_else(|| "no longer holds its claim".to_owned(), |ending| ending.message);
            return Ok(Some(TurnAnswer::stop(reason)));
        };
        if held.stage == Stage::Building {
            return Ok(Some(TurnAnswer::go("its money is reserved")));
        }
        let waiting = Waiting { build, claim, held };
        let queued = waiting.held.queued.clone();
        if let Some(reason) = queued.stopped() {
            return self.hold_back(&waiting, queued, TurnAnswer::stop(reason), now).await;
        }
        match Box::pin(self.decide(waiting.clone(), input.granted, now)).await {
            // Its claim can be read, so that it waits there: whoever mends the record finds it, and wakes it.
            Err(Error::Unreadable(record)) => {
                let reason = format!("waits, since {record}");
                let answer = TurnAnswer::wait(after(now, UNREADABLE_WAIT), reason, now);
                self.hold_back(&waiting, queued, answer, now).await
            }
            decided => decided,
        }
    }

    /// The turn of a build that waits, and what becomes of that. `None`: what was read has changed meanwhile.
    async fn decide(&self, mut waiting: Waiting, granted: bool, now: Timestamp) -> Result<Option<TurnAnswer>> {
        let policy = policies::current(&self.table).await?;
        let mut queued = waiting.held.queued.clone();
        let build = &mut waiting.build;
        let mut build_on = None;
        if !build.request.by_hand {
            match self.due(build, &mut queued, &policy, now).await? {
                Ok(rebuild) => {
                    // It is for all that is due by now.
                    let due = rebuild.request(&build.id.target, &policy, now);
                    queued.permits = Permit::of(&due).added_to(queued.permits().into_owned());
                    build.request = build.request.clone().absorbing(&due);
                    queued.demand = Demand::of(&build.request, queued.demand.expected);
                    build_on = rebuild.build_on;
                }
                Err(reason) => return self.hold_back(&waiting, queued, TurnAnswer::stop(reason), now).await,
            }
        }
        let content = match self.freeze(build, build_on.as_ref(), &policy, now).await? {
            Ok(content) => content,
            Err(answer) => return self.hold_back(&waiting, queued, answer, now).await,
        };
        // It was queued with the template, the regions and the policy of then.
        let base_image = &content.frozen.base_image_id;
        let queued = queued.frozen_as(base_image, content.expected, build.request.max_cost(&policy));
        match Queue::turn_of(&self.table, &queued, granted, &policy, now).await? {
            Turn::Go { source, bookings } => {
                waiting.held.queued = queued;
                self.reserve(waiting, content, (source, &bookings), &policy, now).await
            }
            turn => {
                let answer = TurnAnswer::of(&turn, &queued.build, now);
                self.hold_back(&waiting, queued, answer, now).await
            }
        }
    }

    /// What a build that no person asked for is to bring, or why it is not made any more: its template is disabled, or
    /// nothing is due.
    async fn due(
        &self,
        build: &Build,
        queued: &mut Queued,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Result<Box<Rebuild>, String>> {
        let standing = standing::of(&self.table, &build.id.target).await?;
        queued.disabled.clone_from(&standing.source.disabled);
        if let Some(reason) = queued.stopped() {
            return Ok(Err(reason));
        }
        Ok(match due(&standing, policy, now) {
            Due::Nothing(reason) => Err(format!("stops, since nothing is due any more: {reason}")),
            Due::Rebuild(rebuild) => Ok(rebuild),
        })
    }

    /// What the build is made of from now on and what that is expected to take and to cost, or why it can't be made now.
    /// One that can't be made at all is an error, so that people hear of it.
    async fn freeze(
        &self,
        build: &Build,
        build_on: Option<&AmiId>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Result<Content, TurnAnswer>> {
        let target = &build.id.target;
        let template = templates::current(&self.table, &target.template).await?;
        let resolved = template.resolved.map_err(|problems| Error::CannotBuild(problems.to_string()))?;
        let catalogue = policy.catalogue();
        let Some(base) = catalogue.find(&resolved.base) else {
            return Err(Error::CannotBuild(format!("base image {} is not in the catalogue", resolved.base)));
        };
        let region = self.table.region()?;
        let Some(tracked) = base_images::current(&self.table, &base.name, target.architecture, region).await? else {
            let image = format!("base image {} for {} in {region}", base.name, target.architecture);
            if after(build.request.requested_at, GIVEN_UP) <= now {
                return Err(Error::CannotBuild(format!("{image} has not been seen for {}", humanize(GIVEN_UP))));
            }
            // Whoever has just deployed and builds a first image need not wait for the schedule.
            self.functions.poke(&self.watch_base_images, &json!({})).await?;
            fault::point("reserve-budget.watch-poked");
            return Ok(Err(TurnAnswer::wait(after(now, UNSEEN), format!("waits until {image} is seen"), now)));
        };
        let image = tracked.image_or_current(build_on);
        let patches = patches::known(&self.table, &build.request.security_patches).await?;
        let channel = inventory::channel(&self.table, target).await?;
        let was_by_name = channel.as_ref().and_then(|channel| channel.built_from.as_ref()).is_some_and(|it| it.by_name);
        let published = self.published_patch(channel, &image.image_id).await?;
        let volume = RootVolume::new(resolved.root_volume_gb, image).map_err(Error::CannotBuild)?;
        let rates = self.prices.rates(target.architecture, volume.size_gb);
        let regions = queue::regions(region, policy);
        let expected = queue::expect(&self.table, target, rates, regions.len()).await?;
        let frozen = Frozen {
            base: base.name.clone(),
            base_image_id: image.image_id.clone(),
            root_device: image.root_device.clone(),
            content_hash: resolved.content_hash(),
            built_from: Some(BuiltFrom {
                source_hash: resolved.source_hash(),
                revision: template.revision,
                by_name: build.request.by_name || was_by_name || resolved.architecture() != target.architecture,
            }),
            template: serde_json::to_value(&resolved).map_err(|error| Error::malformed("a template", error))?,
            patch: FrozenPatch::of(&patches, published.as_ref()),
            regions,
            rates: Some(rates),
            policy_version: policy.version,
        };
        Ok(Ok(Content { frozen, expected, raised: volume.raised }))
    }

    /// What the published image was patched with, if it stands on this base image.
    async fn published_patch(&self, channel: Option<Channel>, base_image_id: &AmiId) -> Result<Option<FrozenPatch>> {
        let Some(channel) = channel.filter(|channel| channel.base_image_id == *base_image_id) else { return Ok(None) };
        let published = builds::find(&self.table, &channel.build).await?;
        Ok(published.and_then(|build| build.frozen).and_then(|frozen| frozen.patch))
    }

    async fn reserve(
        &self,
        Waiting { build, claim, held }: Waiting,
        content: Content,
        (source, bookings): (BudgetSource, &[Booking]),
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<TurnAnswer>> {
        let reservation = Reservation::open(source, bookings);
        let Content { frozen, raised, .. } = content;
        let patch = frozen.patch.as_ref();
        let reserved = format!("{} is reserved from the {source} budget", reservation.amount);
        let decision = Decision {
            kind: DecisionKind::Reserve,
            subject: build.id.to_string(),
            reasons: std::iter::once(reserved).chain(raised).collect(),
            inputs: json!({
                "base_image": frozen.base_image_id, "content": frozen.content_hash, "bookings": bookings, "policy": policy.version,
                "patches": patch.map(|patch| &patch.ids), "release": patch.map(|patch| &patch.release),
            }),
            at: now,
        };
        let id = build.id.clone();
        let mut writes = ledger::reserve(bookings, policy)?;
        let (base, on) = (&frozen.base, &frozen.base_image_id);
        if let Some(trial) = trials::find(&self.table, base, id.target.architecture, on).await? {
            if trial.holds_back(&id, &held.queued.demand, now).is_some() {
                // Others have become the first meanwhile.
                return Ok(None);
            }
            let begun = trial.clone().after_start(&id, now);
            if begun != trial {
                writes.push(trials::write(&begun)?);
            }
        }
        writes.push(journal::write(&id.target.template, &decision)?);
        writes.push(builds::write(&Build { frozen: Some(frozen), reservation: Some(reservation), ..build })?);
        let held = Held { stage: Stage::Building, parked: None, started_at: Some(now), ..held };
        writes.push(claims::write(&Claim { held: Some(held), ..claim })?);
        let reserved = self.table.transact(&format!("reserving money for build {id}"), writes).await?;
        let answer = reserved.then(TurnAnswer::go("has its money"));
        Ok(answer.inspect(|_| fault::point("reserve-budget.reserved")))
    }

    /// Says in the journal why a build waits, and on its claim what it would cost as it is now, so that nobody wakes it for
    /// what it would have cost before. Of one that stops, the claim says that it ends, so that nobody joins it. `None`: the
    /// claim has changed meanwhile.
    async fn hold_back(
        &self,
        Waiting { build, claim, held }: &Waiting,
        queued: Queued,
        answer: TurnAnswer,
        now: Timestamp,
    ) -> Result<Option<TurnAnswer>> {
        let queued = match answer.answer {
            Answer::Stop => Queued { ends: Some(answer.reason.clone()), ..queued },
            _ => queued,
        };
        let told = held.parked.as_ref().is_some_and(|parked| parked.reason == answer.reason);
        if told && held.queued == queued {
            return Ok(Some(answer));
        }
        let mut writes = Vec::new();
        if held.queued != queued {
            let held = Held { queued: queued.clone(), ..held.clone() };
            writes.push(claims::write(&Claim { held: Some(held), ..claim.clone() })?);
            writes.push(builds::write(build)?);
        }
        let decision = Decision {
            kind: DecisionKind::Defer,
            subject: build.id.to_string(),
            reasons: vec![format!("it {}", answer.reason)],
            inputs: json!({ "until": answer.until, "estimate": queued.estimate, "max_cost": queued.max_cost }),
            at: now,
        };
        // Of one that ends, the ending is told when it is closed.
        if answer.answer != Answer::Stop {
            writes.push(journal::write(&build.id.target.template, &decision)?);
        }
        if writes.is_empty() {
            return Ok(Some(answer));
        }
        Ok(self.table.transact(&format!("saying why build {} waits", build.id), writes).await?.then(answer))
    }
}
