//! Asking: what the parameters name, what the vendors' images are. What could not be asked never reads as absent.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use prism_aws::error::Error;
use prism_aws::pace::within;
use prism_aws::parameters::BATCH;
use prism_domain::catalogue::Owner;
use prism_domain::id::AmiId;
use prism_domain::problem::printable;
use prism_domain::sight::{PublicImage, Unseen};
use prism_domain::watch::TroubleKind;
use prism_ec2::DESCRIBED_AT_ONCE;

use crate::eyes::RegionLook;

/// How many calls of a kind are under way at a time in a region.
const AT_ONCE: usize = 8;

/// What an error says of an image: nothing but that it could not be looked at.
pub fn unseen(error: &Error) -> Unseen {
    let kind = if error.is_throttling() { TroubleKind::Throttled } else { TroubleKind::Unreachable };
    (kind, printable(&error.to_string(), 300))
}

/// The same of one of a look's calls of sources. What there was no time left for after another was throttled was throttled,
/// too: waiting for its turn took the time.
fn unseen_among(error: &Error, throttled: &Cell<bool>) -> Unseen {
    let (kind, sentence) = unseen(error);
    throttled.set(throttled.get() || kind == TroubleKind::Throttled);
    let waited = error.is_out_of_time() && throttled.get();
    (if waited { TroubleKind::Throttled } else { kind }, sentence)
}

/// What each of these parameters names. If AWS refuses to answer for all of them, each is asked for alone: one that is at
/// fault is not the others'.
async fn each_of(
    names: &[String],
    ask: &impl AsyncFn(&[String]) -> Result<BTreeMap<String, Option<String>>, Error>,
    throttled: &Cell<bool>,
) -> Vec<(String, Result<Option<String>, Unseen>)> {
    let together = ask(names).await;
    let refused = together.as_ref().is_err_and(|error| !error.is_retryable());
    let together = together.map_err(|error| unseen_among(&error, throttled));
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let answers = if refused && names.len() > 1 {
            &ask(std::slice::from_ref(name)).await.map_err(|error| unseen_among(&error, throttled))
        } else {
            &together
        };
        let incomplete = || (TroubleKind::Unreachable, "the answer that named its parameter was incomplete".to_owned());
        let answer = answers.as_ref().map_err(Unseen::clone);
        found.push((name.clone(), answer.and_then(|it| it.get(name).cloned().ok_or_else(incomplete))));
    }
    found
}

impl RegionLook<'_> {
    /// What every parameter names: each is asked for once, however many images it stands for.
    pub async fn ask(&self) -> HashMap<String, Result<Option<String>, Unseen>> {
        let names: BTreeSet<&String> = self.watched.iter().filter_map(|one| one.source.parameter.as_ref()).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let answers = async |names: &[String]| {
            let answers = within(self.budget.looks, "reading parameters", async {
                self.eyes.pacer.turn().await;
                self.count(|calls| calls.get_parameters += 1);
                self.eyes.parameters.answers(names).await
            });
            answers.await
        };
        let answers = &answers;
        let batches = stream::iter(names.chunks(BATCH)).map(|batch| each_of(batch, answers, &self.throttled));
        batches.buffer_unordered(AT_ONCE).flat_map(stream::iter).collect().await
    }

    /// The images of every vendor of whose some are found by their names, as far as those names fit.
    pub async fn list(&self, now: Timestamp) -> BTreeMap<Owner, Result<Vec<PublicImage>, Unseen>> {
        let mut patterns: BTreeMap<&Owner, BTreeSet<&String>> = BTreeMap::new();
        for one in self.watched.iter().filter(|one| one.source.parameter.is_none()) {
            patterns.entry(one.base.owner_in(&self.eyes.region)).or_default().extend(&one.source.names);
        }
        let owners = stream::iter(patterns).map(|(owner, patterns)| async move {
            let patterns: Vec<String> = patterns.into_iter().cloned().collect();
            (owner.clone(), self.list_of(owner, &patterns, now).await)
        });
        owners.buffer_unordered(AT_ONCE).collect().await
    }

    async fn list_of(&self, owner: &Owner, patterns: &[String], now: Timestamp) -> Result<Vec<PublicImage>, Unseen> {
        let mut found = Vec::new();
        for patterns in patterns.chunks(DESCRIBED_AT_ONCE) {
            let mut page = None;
            loop {
                self.count(|calls| calls.describe_images += 1);
                let listed = self.eyes.images.listed(owner.as_str(), patterns, page, now);
                let listed = within(self.budget.looks, "listing images", listed).await;
                let (images, next) = listed.map_err(|error| unseen_among(&error, &self.throttled))?;
                found.extend(images);
                page = next;
                if page.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// What these images are; none for one that does not exist.
    pub async fn describe(&self, ids: &BTreeSet<AmiId>) -> HashMap<AmiId, Result<Option<PublicImage>, Unseen>> {
        let ids: Vec<AmiId> = ids.iter().cloned().collect();
        let batches = stream::iter(ids.chunks(DESCRIBED_AT_ONCE)).map(|batch| async move {
            self.count(|calls| calls.describe_images += 1);
            let described = within(self.budget.looks, "describing base images", self.eyes.images.described(batch));
            let described = described.await.map_err(|error| unseen_among(&error, &self.throttled));
            let one = |id: &AmiId| match &described {
                Ok(found) => Ok(found.iter().find(|public| public.image.image_id == *id).cloned()),
                Err(unseen) => Err(unseen.clone()),
            };
            batch.iter().map(|id| (id.clone(), one(id))).collect::<Vec<_>>()
        });
        batches.buffer_unordered(AT_ONCE).flat_map(stream::iter).collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: &str) -> Error {
        let (action, reason) = ("reading parameters".to_owned(), "it is so".to_owned());
        match kind {
            "throttled" => Error::Throttled { action, reason, source: None },
            "down" => Error::Transient { action, reason, source: None },
            _ => Error::OutOfTime { action },
        }
    }

    #[tokio::test]
    async fn a_name_that_aws_refuses_is_no_trouble_of_those_asked_with_it() {
        let names = ["/a", "/b c", "/d"].map(str::to_owned);
        let calls = Cell::new(0);
        let ask = async |asked: &[String]| {
            calls.set(calls.get() + 1);
            if asked.iter().any(|name| name.contains(' ')) {
                let (action, reason) = ("reading parameters".to_owned(), "ValidationException".to_owned());
                return Err(Error::Permanent { action, reason, source: None });
            }
            Ok(asked.iter().map(|name| (name.clone(), (name == "/a").then(|| "ami-1".to_owned()))).collect())
        };
        let found = each_of(&names, &ask, &Cell::default()).await;
        let found: Vec<_> = found.iter().map(|(name, found)| (name.as_str(), found.as_ref().ok())).collect();
        assert_eq!(found, [("/a", Some(&Some("ami-1".to_owned()))), ("/b c", None), ("/d", Some(&None))]);
        assert_eq!(calls.get(), 4);
        let busy = async |_: &[String]| Err(error("throttled"));
        let found = each_of(&names, &busy, &Cell::default()).await;
        assert!(found.iter().all(|(_, found)| matches!(found, Err((TroubleKind::Throttled, _)))));
    }

    #[test]
    fn what_there_was_no_time_for_was_throttled_only_if_another_call_was_before() {
        let kinds = |errors: &[&str]| {
            let throttled = Cell::new(false);
            let kinds = errors.iter().map(|kind| unseen_among(&error(kind), &throttled).0.to_string());
            kinds.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kinds(&["late", "throttled", "down", "late"]), "unreachable throttled unreachable throttled");
        assert_eq!(kinds(&["down", "late", "late"]), "unreachable unreachable unreachable");
    }
}
