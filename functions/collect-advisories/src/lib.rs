//! collect-advisories: reads what vendors publish of vulnerabilities, and what is known of attacks, and keeps what is
//! new. A feed that is down or sends nonsense leaves what was kept of it as it was, and stops no other.

mod addresses;
mod reading;
mod redirects;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use prism_advisories::{Feed, Role};
use prism_aws::advisories::{self, FeedFailure, FeedState};
use prism_aws::environment::Environment;
use prism_aws::error::{Error, Result};
use prism_aws::functions::Functions;
use prism_aws::runtime::Function;
use prism_aws::table::Table;
use prism_aws::{fault, policies, templates};
use prism_domain::advisory::{Advisory, AdvisoryId, Ecosystem, Threats, news};
use prism_domain::duration::{after, before};
use prism_domain::problem::printable;
use prism_domain::zone::Zone;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;
use ureq::Agent;

use addresses::Addresses;
use reading::Run;

/// For how long a list of attacks is refused that tells of less than half of what was known.
const REFUSED: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How many feeds are read at a time.
const AT_A_TIME: usize = 4;

/// The function.
#[derive(Debug)]
pub struct CollectAdvisories {
    table: Table,
    advisories: Table,
    functions: Functions,
    assess_updates: String,
    addresses: Addresses,
    agent: Agent,
}

/// What to read.
#[derive(Debug, Default, Deserialize)]
pub struct Input {
    /// These feeds alone, whether a template needs them or not; none: all that are needed.
    #[serde(default)]
    feeds: Vec<String>,
}

/// What was read.
#[derive(Debug, Default, Serialize)]
pub struct Output {
    /// What came of each feed.
    feeds: BTreeMap<String, FeedOutput>,
    /// The ecosystems in which something is new.
    changed: BTreeSet<Ecosystem>,
    /// Whether something new is known of attacks.
    attacks: bool,
}

/// What came of a feed.
#[derive(Debug, Default, Serialize)]
pub struct FeedOutput {
    /// How many documents were read; none: nothing is new since the last time.
    documents: usize,
    /// How many advisories were read.
    read: usize,
    /// How many of them are new, or tell more than before.
    new: usize,
    /// How many records could not be read.
    skipped: usize,
    /// What went wrong.
    failure: Option<String>,
}

impl Function for CollectAdvisories {
    type Input = Input;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            advisories: environment.advisories()?,
            functions: Functions::new(&environment.config),
            assess_updates: environment.required("ASSESS_UPDATES_FUNCTION")?.to_owned(),
            addresses: Addresses::parse(environment.optional("FEED_URLS").unwrap_or_default())?,
            agent: reading::agent(),
        })
    }

    async fn handle(&self, input: Input, now: Timestamp) -> Result<Output> {
        let wanted = self.wanted(&input).await?;
        self.await_feeds(&wanted, now).await?;
        let count = wanted.len();
        let mut output = Output::default();
        let mut running = JoinSet::new();
        let mut ahead = wanted.into_iter();
        loop {
            while running.len() < AT_A_TIME
                && let Some(feed) = ahead.next()
            {
                self.start(feed, now, &mut running).await?;
            }
            let Some(done) = running.join_next().await else { break };
            let (feed, state, run) = done.map_err(|error| Error::malformed("a feed's reading", error))?;
            let name = feed.name.to_owned();
            let kept = self.keep(&feed, state, run, now, &mut output).await?;
            output.feeds.insert(name, kept);
        }
        if output.attacks || !output.changed.is_empty() {
            self.functions.poke(&self.assess_updates, &json!({})).await?;
        }
        let failed = output.feeds.values().filter(|feed| feed.failure.is_some()).count();
        tracing::info!(feeds = count, failed, changed = output.changed.len(), attacks = output.attacks, "collected");
        Ok(output)
    }
}

impl CollectAdvisories {
    /// Notes of feeds that were never read that they are to be: until they are, nobody takes their silence for good news.
    async fn await_feeds(&self, wanted: &[Feed], now: Timestamp) -> Result<()> {
        let known = advisories::feeds(&self.advisories).await?.logged();
        for feed in wanted.iter().filter(|feed| known.iter().all(|state| state.feed != feed.name)) {
            advisories::write_feed(&self.advisories, &asked(feed, now)).await?;
        }
        Ok(())
    }

    /// The feeds that are asked for, or those that tell of what a template stands on, and of attacks.
    async fn wanted(&self, input: &Input) -> Result<Vec<Feed>> {
        let all = prism_advisories::all();
        let known: Vec<&str> = all.iter().map(|feed| feed.name).collect();
        let named: BTreeSet<&str> = input.feeds.iter().map(String::as_str).collect();
        let unknown: Vec<&str> = named.iter().copied().filter(|name| !known.contains(name)).collect();
        if !unknown.is_empty() {
            let unknown = printable(&unknown.join(", "), 100);
            return Err(Error::InvalidRequest(format!("feeds names {unknown}; there are {}", known.join(", "))));
        }
        let needed = if named.is_empty() { self.needed().await? } else { BTreeSet::new() };
        let is_wanted = |feed: &Feed| {
            let tells_of = feed.ecosystems;
            named.contains(feed.name)
                || (named.is_empty() && (tells_of.is_empty() || tells_of.iter().any(|name| needed.contains(*name))))
        };
        Ok(all.into_iter().filter(|feed| is_wanted(feed)).collect())
    }

    /// The ecosystems of what templates stand on.
    async fn needed(&self) -> Result<BTreeSet<String>> {
        // Evidence is gathered all the same: that starts nothing.
        let catalogue = policies::readable(&self.table).await?.unwrap_or_default().catalogue();
        let records = templates::all(&self.table).await?.logged();
        let bases = records.iter().filter_map(|record| catalogue.find(record.template.base.as_ref()?));
        Ok(bases.filter_map(|base| base.ecosystem.as_ref().map(ToString::to_string)).collect())
    }

    async fn start(
        &self,
        feed: Feed,
        now: Timestamp,
        running: &mut JoinSet<(Feed, Option<FeedState>, Run)>,
    ) -> Result<()> {
        let state = advisories::feed(&self.advisories, feed.name).await?;
        let url = self.addresses.of(feed.name, feed.base_url);
        let agent = self.agent.clone();
        // The client blocks, and so has threads of its own.
        running.spawn_blocking(move || {
            let run = reading::run(&feed, &agent, &url, state.as_ref(), before(now, advisories::KEPT));
            (feed, state, run)
        });
        Ok(())
    }

    /// Keeps what is new, and then how the feed stands: should this end between the two, it is read again.
    async fn keep(
        &self,
        feed: &Feed,
        state: Option<FeedState>,
        run: Run,
        now: Timestamp,
        output: &mut Output,
    ) -> Result<FeedOutput> {
        let mut kept = FeedOutput {
            documents: run.documents,
            read: run.advisories.len(),
            skipped: run.skipped,
            ..FeedOutput::default()
        };
        let mut by_ecosystem: BTreeMap<Ecosystem, Vec<Advisory>> = BTreeMap::new();
        for advisory in run.advisories {
            by_ecosystem.entry(advisory.ecosystem.clone()).or_default().push(advisory);
        }
        for (ecosystem, read) in by_ecosystem {
            let new = self.keep_advisories(feed, &ecosystem, read).await?;
            if new > 0 {
                kept.new += new;
                output.changed.insert(ecosystem);
            }
        }
        fault::point("collect-advisories.kept");
        let mut failure = run.failure;
        let failed_since = state.as_ref().and_then(|state| state.failure.as_ref()).map(|failure| failure.since);
        if let Some(threats) = &run.threats {
            match self.keep_threats(threats, failed_since, now).await? {
                Ok(is_news) => output.attacks |= is_news,
                Err(reason) => failure = Some(reason),
            }
        }
        kept.failure.clone_from(&failure);
        let failure = failure.map(|reason| {
            tracing::warn!(feed = feed.name, "the feed {} {reason}", feed.name);
            FeedFailure { since: failed_since.unwrap_or(now), reason: printable(&reason, 400) }
        });
        // What was not believed is read again, and not told to be the same.
        let etag = if failure.is_none() { run.etag } else { None };
        let good_at = if failure.is_none() && run.complete { Some(now) } else { state.and_then(|state| state.good_at) };
        let skipped = u32::try_from(run.skipped).unwrap_or(u32::MAX);
        let state = FeedState { good_at, cursor: run.cursor, etag, skipped, failure, ..asked(feed, now) };
        advisories::write_feed(&self.advisories, &state).await?;
        Ok(kept)
    }

    async fn keep_advisories(&self, feed: &Feed, ecosystem: &Ecosystem, mut read: Vec<Advisory>) -> Result<usize> {
        let Some(oldest) = read.iter().map(|advisory| advisory.issued).min() else { return Ok(0) };
        let known = advisories::issued_since(&self.advisories, ecosystem, Zone::utc().date(oldest)).await?;
        if feed.role == Role::Hint {
            let ids: BTreeSet<&AdvisoryId> = known.iter().map(|advisory| &advisory.id).collect();
            read.retain(|advisory| !ids.contains(&advisory.id));
        }
        let new = news(&known, read);
        advisories::keep(&self.advisories, &new).await?;
        Ok(new.len())
    }

    /// Keeps what is known of attacks: each feed tells of one half of it. Answers whether it is news, or why it is
    /// not believed: nobody takes back half of what is known in one day, unless it stays so for days.
    async fn keep_threats(
        &self,
        read: &Threats,
        refused_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Result<bool, String>> {
        let known = match advisories::threats(&self.advisories).await {
            // It is written anew.
            Err(Error::Unreadable(_)) => Threats::default(),
            known => known?,
        };
        let halves = [(known.exploited.len(), read.exploited.len()), (known.likely.len(), read.likely.len())];
        let is_settled = refused_since.is_some_and(|since| after(since, REFUSED) <= now);
        if !is_settled
            && let Some((before, after)) = halves.into_iter().find(|(before, after)| *after > 0 && after * 2 < *before)
        {
            return Ok(Err(format!("tells of {after} vulnerabilities where it told of {before} before")));
        }
        let exploited = !read.exploited.is_empty() && read.exploited != known.exploited;
        let likely = !read.likely.is_empty() && read.likely != known.likely;
        if exploited {
            advisories::keep_exploited(&self.advisories, read, now).await?;
        }
        if likely {
            advisories::keep_likely(&self.advisories, &read.likely, now).await?;
        }
        Ok(Ok(exploited || likely))
    }
}

/// A feed that was asked, and of which nothing is known yet.
fn asked(feed: &Feed, now: Timestamp) -> FeedState {
    FeedState {
        feed: feed.name.to_owned(),
        ecosystems: feed.ecosystems.iter().filter_map(|name| name.parse().ok()).collect(),
        is_hint: feed.role == Role::Hint,
        asked_at: now,
        good_at: None,
        cursor: None,
        etag: None,
        skipped: 0,
        failure: None,
    }
}
