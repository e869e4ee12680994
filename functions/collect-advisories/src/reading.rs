//! One run of one feed: its documents fetched and read one after the other, within its limits.

use std::collections::VecDeque;
use std::io::BufReader;

use jiff::Timestamp;
use prism_advisories::{Feed, FeedError, Reading, Request};
use prism_aws::advisories::FeedState;
use prism_domain::advisory::{Advisory, Threats};
use prism_domain::problem::printable;
use tokio::time::{Duration, Instant};
use ureq::http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::redirects;

/// How long a run of a feed may take.
const A_RUN: Duration = Duration::from_secs(150);

/// How long one document may take.
const A_DOCUMENT: Duration = Duration::from_mins(1);

/// What a run came to. What was read before something went wrong is good.
#[derive(Debug, Default)]
pub struct Run {
    /// What it tells.
    pub advisories: Vec<Advisory>,
    /// What it tells of attacks.
    pub threats: Option<Threats>,
    /// Up to where it was read.
    pub cursor: Option<String>,
    /// The tag of its first document.
    pub etag: Option<String>,
    /// How many records could not be read.
    pub skipped: usize,
    /// What went wrong, in a sentence; then it did not come to its end.
    pub failure: Option<String>,
    /// How many documents were read.
    pub documents: usize,
    /// Whether it came to its end: there may be more than one run may read.
    pub complete: bool,
}

/// A client that follows no redirect by itself, waits not too long, and takes no answer for an error.
#[must_use]
pub fn agent() -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(A_DOCUMENT))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent("prism-auto-ami")
        .build();
    config.into()
}

/// Runs a feed from `base_url`, on from where earlier runs have left it. Blocks.
pub fn run(feed: &Feed, agent: &Agent, base_url: &str, before: Option<&FeedState>, since: Timestamp) -> Run {
    let begun = Instant::now();
    let cursor = before.and_then(|before| before.cursor.clone());
    let known = before.and_then(|before| before.etag.clone());
    let mut ahead = VecDeque::from([feed.first(cursor.as_deref(), since)]);
    let mut run = Run { cursor, etag: known.clone(), complete: true, ..Run::default() };
    while let Some(request) = ahead.pop_front() {
        if run.documents == feed.limits.documents {
            // It goes on from the cursor, the next time.
            run.complete = false;
            break;
        }
        if begun.elapsed() > A_RUN {
            run.failure = Some(format!("took longer than {} seconds", A_RUN.as_secs()));
            break;
        }
        let etag = known.as_deref().filter(|_| run.documents == 0);
        match fetch(feed, agent, base_url, &request, etag) {
            Ok(None) => return run,
            Ok(Some((reading, tag))) => {
                if run.documents == 0 {
                    run.etag = tag;
                }
                run.take(reading, &mut ahead);
            }
            Err(Unread { reason, is_lasting }) => {
                let Some(reading) = request.skip(&reason).filter(|_| is_lasting) else {
                    run.failure = Some(reason);
                    break;
                };
                run.take(reading, &mut ahead);
            }
        }
    }
    run.complete &= run.failure.is_none();
    if !run.complete {
        run.etag = None;
    }
    run
}

impl Run {
    fn take(&mut self, reading: Reading, ahead: &mut VecDeque<Request>) {
        self.documents += 1;
        self.advisories.extend(reading.advisories);
        self.skipped += reading.skipped.count;
        for skipped in &reading.skipped.first {
            tracing::warn!(record = skipped.record, "a record is passed over: {}", skipped.reason);
        }
        if reading.threats.is_some() {
            self.threats = reading.threats;
        }
        if reading.cursor.is_some() {
            self.cursor = reading.cursor;
        }
        self.complete &= !reading.more;
        ahead.extend(reading.next);
    }
}

/// A document that could not be had, or read.
struct Unread {
    /// A sentence that reads on from `the feed`.
    reason: String,
    /// Whether it would be so again: who passes over what was only out of reach never reads it.
    is_lasting: bool,
}

/// Fetches and reads a document as it comes, and answers its tag as well; `None`: it is not modified.
fn fetch(
    feed: &Feed,
    agent: &Agent,
    base_url: &str,
    request: &Request,
    etag: Option<&str>,
) -> Result<Option<(Reading, Option<String>)>, Unread> {
    let answer = ask(agent, format!("{base_url}{}", request.path), etag)
        .map_err(|reason| Unread { reason, is_lasting: false })?;
    match answer.status() {
        StatusCode::NOT_MODIFIED => Ok(None),
        StatusCode::OK => {
            let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
            let mut document = BufReader::with_capacity(64 * 1024, answer.into_body().into_reader());
            let read = feed.read(request, &mut document);
            let unread = |error: FeedError| Unread { is_lasting: !error.is_retryable(), reason: error.to_string() };
            read.map(|reading| Some((reading, tag))).map_err(unread)
        }
        status => Err(Unread {
            reason: format!("answered {status} to {}", printable(&request.path, 200)),
            is_lasting: matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE),
        }),
    }
}

/// The answer to a request, wherever on the same host the server sends it. Otherwise, a sentence.
fn ask(agent: &Agent, mut url: String, etag: Option<&str>) -> Result<Response<Body>, String> {
    for _ in 0..=redirects::MOST {
        let mut call = agent.get(&url);
        if let Some(etag) = etag {
            call = call.header(IF_NONE_MATCH, etag);
        }
        let unreached = |error: ureq::Error| format!("could not be reached: {}", printable(&error.to_string(), 200));
        let answer = call.call().map_err(unreached)?;
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let Some(location) = location.filter(|_| answer.status().is_redirection()) else { return Ok(answer) };
        url = redirects::target(&url, location)?;
    }
    Err(format!("redirects more than {} times", redirects::MOST))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_redirect_to_another_place_is_not_followed() {
        let (vendor, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (url, elsewhere) = (vendor.local_addr().unwrap(), other.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let (mut caller, _) = vendor.accept().unwrap();
            let _ = caller.read(&mut [0; 1024]).unwrap();
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: http://{elsewhere}/x\r\nContent-Length: 0\r\n\r\n");
            caller.write_all(answer.as_bytes()).unwrap();
        });
        let told = ask(&agent(), format!("http://{url}/list.json"), None).map(|answer| answer.status());
        assert_eq!(told, Err("redirects to an address that is not of the same host over https".to_owned()));
        answering.join().unwrap();
        other.set_nonblocking(true).unwrap();
        assert!(other.accept().is_err(), "nobody has asked there");
    }
}
