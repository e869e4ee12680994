//! EPSS: how likely it is that a vulnerability is exploited within 30 days. One compressed CSV a day, of every
//! vulnerability there is; only notable probabilities are kept.
//! Sources: <https://www.first.org/epss/data_stats>, <https://epss.empiricalsecurity.com>.

use std::io::BufRead;

use jiff::Timestamp;
use prism_domain::advisory::{CveId, Probability, Threats};

use super::named;
use crate::error::{Fault, FeedError};
use crate::feed::{Feed, Limits, Reading, Request, Skipped, Step};
use crate::record::all_skipped;
use crate::source::{Meter, open};

/// The scores of the day.
pub(crate) struct Epss;

/// Of some 300,000 vulnerabilities, about one in twenty is notable.
const NOTABLE: usize = 200_000;

impl Feed for Epss {
    fn name(&self) -> &'static str {
        "epss"
    }

    fn base_url(&self) -> &'static str {
        "https://epss.empiricalsecurity.com"
    }

    fn ecosystems(&self) -> &'static [&'static str] {
        &[]
    }

    fn limits(&self) -> Limits {
        Limits { bytes: 64 * 1024 * 1024, documents: 1 }
    }

    fn first(&self, _cursor: Option<&str>, since: Timestamp) -> Request {
        Request::new("/epss_scores-current.csv.gz", Step::Whole, since, None)
    }

    fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError> {
        named(self.name(), read(request, document, self.limits().bytes))
    }
}

/// A line of comment, the names of the columns, and then `cve,epss,percentile`.
fn read(request: &Request, document: &mut dyn BufRead, limit: u64) -> Result<Reading, Fault> {
    let meter = Meter::new(request, limit);
    let mut source = open(document, &meter)?;
    let (mut threats, mut skipped) = (Threats::default(), Skipped::default());
    let (mut line, mut number, mut records, mut headed) = (Vec::new(), 0_usize, 0_usize, false);
    loop {
        line.clear();
        meter.next_record();
        number += 1;
        let at = || format!("at line {number}");
        if source.read_until(b'\n', &mut line).map_err(|error| meter.fault(&error, at()))? == 0 {
            break;
        }
        let text = str::from_utf8(&line).map_err(|error| Fault::malformed("UTF-8", at(), error.to_string()))?;
        let Some(text) = text.strip_suffix('\n') else { return Err(Fault::CutOff { at: at() }) };
        let text = text.trim_end_matches('\r');
        if text.starts_with('#') || text.is_empty() {
            continue;
        }
        if !headed {
            if !text.starts_with("cve,epss") {
                return Err(Fault::malformed("CSV of EPSS", at(), format!("its columns are \"{text}\"")));
            }
            headed = true;
            continue;
        }
        records += 1;
        match score(text) {
            Ok((cve, likely)) if likely >= Probability::NOTABLE => drop(threats.likely.insert(cve, likely)),
            Ok(_) => {}
            Err(reason) => skipped.add(&at(), &reason),
        }
        if threats.likely.len() > NOTABLE {
            return Err(Fault::TooMany { limit: NOTABLE });
        }
    }
    all_skipped(records, &skipped)?;
    if records == 0 {
        return Err(Fault::unexpected("has no records"));
    }
    Ok(Reading { threats: Some(threats), skipped, ..Reading::default() })
}

fn score(line: &str) -> Result<(CveId, Probability), String> {
    let mut fields = line.split(',');
    let (cve, score) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    Ok((
        cve.parse().map_err(|error| format!("\"{cve}\" {error}"))?,
        score.parse().map_err(|error| format!("\"{score}\" {error}"))?,
    ))
}
