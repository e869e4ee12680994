//! EPSS: how likely it is that a vulnerability is exploited within 30 days. One compressed CSV a day, of every
//! vulnerability there is; only notable probabilities are kept.
//! Sources: <https://www.first.org/epss/data_stats>, <https://epss.empiricalsecurity.com>.

use prism_domain::advisory::{CveId, Probability, Threats};

use crate::error::Fault;
use crate::feed::{Feed, Limits, Role, Start};
use crate::reading::{Reading, Step};
use crate::record::Gathered;
use crate::source::Document;
use crate::source::each_line;

/// The scores of the day.
pub(crate) const FEED: Feed = Feed {
    name: "epss",
    base_url: "https://epss.empiricalsecurity.com",
    ecosystems: &[],
    role: Role::Main,
    limits: Limits { bytes: 64 * 1024 * 1024, documents: 1 },
    start: Start::At("/epss_scores-current.csv.gz", Step::Whole),
    parse,
};

/// Of some 300,000 vulnerabilities, about one in twenty is notable.
const NOTABLE: usize = 200_000;

/// A line of comment, the names of the columns, and then `cve,epss,percentile`.
fn parse(_: &Feed, document: Document<'_>) -> Result<Reading, Fault> {
    let (mut gathered, mut threats) = (Gathered::new(document.request.since), Threats::default());
    let mut headed = false;
    each_line(document.source, &document.meter, |at, line| {
        let Some(text) = line.strip_suffix('\n') else { return Err(Fault::CutOff { at: at.to_owned() }) };
        let text = text.trim_end_matches('\r');
        if text.starts_with('#') || text.is_empty() {
            return Ok(());
        }
        if !headed {
            headed = text.starts_with("cve,epss");
            let other = || Fault::malformed("CSV of EPSS", at.to_owned(), format!("its columns are \"{text}\""));
            return if headed { Ok(()) } else { Err(other()) };
        }
        let read = score(text).map(|(cve, likely)| {
            if likely >= Probability::NOTABLE {
                threats.likely.insert(cve, likely);
            }
            Vec::new()
        });
        gathered.record(at, read)?;
        if threats.likely.len() > NOTABLE { Err(Fault::TooMany { limit: NOTABLE }) } else { Ok(()) }
    })?;
    Ok(Reading { threats: Some(threats), ..gathered.finish_whole()? })
}

fn score(line: &str) -> Result<(CveId, Probability), String> {
    let mut fields = line.split(',');
    let (cve, score) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    Ok((
        cve.parse().map_err(|error| format!("\"{cve}\" {error}"))?,
        score.parse().map_err(|error| format!("\"{score}\" {error}"))?,
    ))
}
