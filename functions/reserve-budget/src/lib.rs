//! reserve-budget: the gate. Checks again what may have changed since the build was queued, freezes what
//! is built, and reserves the money and a place among the running builds, all in one transaction.

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use prism_aws::error::{Error, Result};
use prism_aws::functions::Functions;
use prism_aws::queue::{self, Queue, TurnAnswer};
use prism_aws::runtime::{Function, about};
use prism_aws::table::{Applied, Table, back_off};
use prism_aws::{
    base_images, builds, claims, clock, fault, inventory, journal, ledger, patches, policies, settings, templates,
};
use prism_domain::build::{Build, Frozen};
use prism_domain::claim::{Claim, Held, Stage};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::duration::{after, humanize};
use prism_domain::id::{AmiId, BuildId, Target};
use prism_domain::ledger::{Booking, BudgetSource, Reservation};
use prism_domain::patch::FrozenPatch;
use prism_domain::policy::Policy;
use prism_domain::schedule::Turn;
use serde::Deserialize;
use serde_json::json;

/// How often a reservation is tried again when others change what it stands on.
const TRIES: u32 = 6;

/// When to try again with a base image that has not been seen yet, and is being looked at.
const UNSEEN: SignedDuration = SignedDuration::from_secs(30);

/// For how long a base image may not be seen before the build fails and people hear of it.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(2);

/// The function.
#[derive(Debug)]
pub struct ReserveBudget {
    table: Table,
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
}

impl Function for ReserveBudget {
    type Input = Input;
    type Output = TurnAnswer;

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            functions: Functions::new(config),
            watch_base_images: settings::required("WATCH_BASE_IMAGES_FUNCTION")?,
        })
    }

    async fn handle(&self, input: Input) -> Result<TurnAnswer> {
        about(&input.build_id);
        for attempt in 0..TRIES {
            let now = clock::now();
            if let Some(answer) = self.attempt(&input, now).await? {
                tracing::info!(answer = ?answer.answer, "{} {}", input.build_id, answer.reason);
                return Ok(answer);
            }
            back_off(attempt).await;
        }
        // Not an error: the money is contended, and the queue decides who is next.
        let now = clock::now();
        Ok(TurnAnswer::wait(
            after(now, SignedDuration::from_mins(1)),
            "waits: others reserve money at this moment",
            now,
        ))
    }
}

impl ReserveBudget {
    /// One reading, one decision, one write. `None`: what was read has changed meanwhile.
    async fn attempt(&self, input: &Input, now: Timestamp) -> Result<Option<TurnAnswer>> {
        let build = builds::get(&self.table, &input.build_id).await?;
        let claim = claims::of(&self.table, &input.build_id.target).await?;
        let Some(held) = claim.held.clone().filter(|held| held.execution == input.execution) else {
            let reason = build.ending.map_or_else(|| "no longer holds its claim".to_owned(), |ending| ending.message);
            return Ok(Some(TurnAnswer::stop(reason)));
        };
        if held.stage == Stage::Building {
            return Ok(Some(TurnAnswer::go("its money is reserved")));
        }
        let policy = policies::current(&self.table).await?;
        match Queue::turn_of(&self.table, &claim, &build.id, &policy, now).await? {
            Some(Turn::Go { source, bookings }) => {
                let frozen = match self.freeze(&build, &policy, now).await? {
                    Ok(frozen) => frozen,
                    Err(answer) => return self.hold_back(&build, &held, answer, now).await.map(Some),
                };
                self.reserve(build, claim, held, frozen, (source, &bookings), &policy, now).await
            }
            Some(turn) => self.hold_back(&build, &held, TurnAnswer::of(&turn, now), now).await.map(Some),
            None => Ok(None),
        }
    }

    /// What the build is made of from now on, or why it can't be made now. One that can't be made at all is an
    /// error, so that people hear of it.
    async fn freeze(&self, build: &Build, policy: &Policy, now: Timestamp) -> Result<Result<Frozen, TurnAnswer>> {
        let target = &build.id.target;
        // Whoever asked or approved by hand has meant it.
        let record = templates::find(&self.table, &target.template).await?.filter(|_| !build.request.approved);
        if let Some(reason) = record.and_then(|record| record.disabled) {
            return Ok(Err(TurnAnswer::stop(format!("stops, since its template is disabled: {reason}"))));
        }
        let resolved = match templates::resolved(&self.table, &target.template).await {
            Ok(resolved) => resolved,
            Err(Error::InvalidRequest(reason)) => return Err(Error::CannotBuild(reason)),
            Err(error) => return Err(error),
        };
        let catalogue = policy.catalogue();
        let Some(base) = catalogue.find(&resolved.base) else {
            return Err(Error::CannotBuild(format!("base image {} is not in the catalogue", resolved.base)));
        };
        let region = settings::parsed("AWS_REGION")?;
        let Some(image) = base_images::current(&self.table, &base.name, target.architecture, &region).await? else {
            let image = format!("base image {} for {} in {region}", base.name, target.architecture);
            if after(build.request.requested_at, GIVEN_UP) <= now {
                return Err(Error::CannotBuild(format!("{image} has not been seen for {}", humanize(GIVEN_UP))));
            }
            // Whoever has just deployed and builds a first image need not wait for the schedule.
            self.functions.poke(&self.watch_base_images, &json!({})).await?;
            fault::point("reserve-budget.watch-poked");
            return Ok(Err(TurnAnswer::wait(after(now, UNSEEN), format!("waits until {image} is seen"), now)));
        };
        let patches = patches::known(&self.table, &build.request.security_patches).await?;
        let published = self.published_patch(target, &image.current.image_id).await?;
        Ok(Ok(Frozen {
            base: base.name.clone(),
            base_image_id: image.current.image_id,
            root_device: image.current.root_device,
            content_hash: resolved.content_hash(),
            template: serde_json::to_value(&resolved).map_err(|error| Error::malformed("a template", error))?,
            patch: FrozenPatch::of(&patches, published.as_ref()),
            regions: queue::regions(policy)?,
            policy_version: policy.version,
        }))
    }

    /// What the published image was patched with, if it stands on this base image.
    async fn published_patch(&self, target: &Target, base_image_id: &AmiId) -> Result<Option<FrozenPatch>> {
        let channel = inventory::channel(&self.table, target).await?;
        let Some(channel) = channel.filter(|channel| channel.base_image_id == *base_image_id) else { return Ok(None) };
        let published = builds::find(&self.table, &channel.build).await?;
        Ok(published.and_then(|build| build.frozen).and_then(|frozen| frozen.patch))
    }

    #[expect(clippy::too_many_arguments, reason = "everything that the one transaction writes")]
    async fn reserve(
        &self,
        build: Build,
        claim: Claim,
        held: Held,
        frozen: Frozen,
        (source, bookings): (BudgetSource, &[Booking]),
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<TurnAnswer>> {
        let amount = held.queued.estimate;
        let patch = frozen.patch.as_ref();
        let decision = Decision {
            kind: DecisionKind::Reserve,
            subject: build.id.to_string(),
            reasons: vec![format!("{amount} is reserved from the {} budget", source.as_str())],
            inputs: json!({
                "base_image": frozen.base_image_id, "content": frozen.content_hash, "bookings": bookings, "policy": policy.version,
                "patches": patch.map(|patch| &patch.ids), "release": patch.map(|patch| &patch.release),
            }),
            at: now,
        };
        let id = build.id.clone();
        let mut writes = ledger::reserve(bookings, amount, policy)?;
        writes.push(journal::write(&id.target.template, &decision)?);
        writes.push(builds::write(&Build {
            frozen: Some(frozen),
            reservation: Some(Reservation::open(source, amount, bookings)),
            ..build
        })?);
        let held = Held { stage: Stage::Building, parked: None, ..held };
        writes.push(claims::write(&Claim { held: Some(held), ..claim })?);
        match self.table.transact(&format!("reserving money for build {id}"), writes).await? {
            Applied::Written => {
                fault::point("reserve-budget.reserved");
                Ok(Some(TurnAnswer::go("has its money")))
            }
            Applied::Lost(_) => Ok(None),
        }
    }

    /// Says in the journal why a build waits or stops, unless that is what it waits for already.
    async fn hold_back(&self, build: &Build, held: &Held, answer: TurnAnswer, now: Timestamp) -> Result<TurnAnswer> {
        if held.parked.as_ref().is_some_and(|parked| parked.reason == answer.reason) {
            return Ok(answer);
        }
        let decision = Decision {
            kind: DecisionKind::Defer,
            subject: build.id.to_string(),
            reasons: vec![format!("it {}", answer.reason)],
            inputs: json!({ "until": answer.until, "estimate": held.queued.estimate }),
            at: now,
        };
        let write = journal::write(&build.id.target.template, &decision)?;
        match self.table.transact("writing the journal", vec![write]).await? {
            Applied::Written | Applied::Lost(_) => Ok(answer),
        }
    }
}
