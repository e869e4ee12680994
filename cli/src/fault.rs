//! What is told when a command fails: sentences on stderr, never a dump.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use prism_aws::table::Readings;
use prism_domain::problem::{Problems, printable};
use prism_domain::unreadable::UnreadableRecord;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// The longest that is told of one fault, in characters.
const LIMIT: usize = 2_000;

/// Faults of what was given, each a sentence of its own.
#[derive(Debug)]
pub struct Faults(pub Vec<String>);

impl Faults {
    /// The faults of a file.
    pub fn of_file(file: &Path, problems: &Problems) -> Self {
        Self(problems.0.iter().map(|problem| format!("{}: {problem}", file.display())).collect())
    }
}

impl From<Problems> for Faults {
    fn from(problems: Problems) -> Self {
        Self(problems.0.iter().map(ToString::to_string).collect())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl Error for Faults {}

/// The command did what it was asked to, and what it tells of went wrong: that has been told already.
#[derive(Debug)]
pub struct WentWrong;

impl fmt::Display for WentWrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it went wrong")
    }
}

impl Error for WentWrong {}

/// Tells why a command failed. Nobody reading any more (`prism … | head`) is no failure.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|e| e.kind() == io::ErrorKind::BrokenPipe)
    {
        return ExitCode::SUCCESS;
    }
    if !error.is::<WentWrong>() {
        let mut stderr = anstream::stderr().lock();
        for line in sentences(error) {
            // Nothing is left to tell it to.
            let _ = writeln!(stderr, "{ERROR}error:{ERROR:#} {line}");
        }
    }
    ExitCode::FAILURE
}

/// Something to know that is no failure.
pub fn warn(text: &str) {
    let style = AnsiColor::Yellow.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{style}note:{style:#} {}", printable(text, LIMIT));
}

/// Tells of records that cannot be read, beside the answer.
pub fn warn_left_out(unreadable: &[UnreadableRecord]) {
    for record in unreadable {
        warn(&format!("{record}; it is left out"));
    }
}

/// The values of what was read. Each record that cannot be read is told of beside the answer.
pub fn warn_of_unreadable<T>(readings: Readings<T>) -> Vec<T> {
    warn_left_out(&readings.unreadable);
    readings.values
}

fn sentences(error: &anyhow::Error) -> Vec<String> {
    if let Some(Faults(faults)) = error.downcast_ref::<Faults>() {
        return faults.iter().map(|fault| printable(fault, LIMIT)).collect();
    }
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        if let Some(edge) = cause.downcast_ref::<prism_aws::Error>() {
            parts.push(told_by_aws(edge));
            // What lies below says the same in the SDK's words.
            break;
        }
        parts.push(cause.to_string());
    }
    vec![printable(&parts.join(": "), LIMIT)]
}

/// What the edge says, and what to do about the faults that are the reader's own to mend.
fn told_by_aws(error: &prism_aws::Error) -> String {
    let told = error.to_string();
    let below: Vec<String> = std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source())
        .map(|cause| cause.to_string().to_lowercase())
        .collect();
    if lacks_credentials(&told, &below) {
        return "no AWS credentials could be loaded: sign in, set them in the environment, or choose a profile with --profile"
            .to_owned();
    }
    if let prism_aws::Error::Unreadable(record) = error {
        return format!("{told}. To mend it: {}", record.remedy());
    }
    if told.contains("ExpiredToken") {
        return format!("{told}: sign in again");
    }
    told
}

/// Whether credentials are missing. A call that AWS refuses has credentials, although the refusal mentions identities: it
/// names the kind of policy that allows nothing.
fn lacks_credentials(told: &str, below: &[String]) -> bool {
    let says = |word: &str| below.iter().any(|line| line.contains(word));
    let refused = says("not authorized to perform") || told.contains("not authorized to perform");
    !refused && ["credential", "identity", "sso"].into_iter().any(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    #[test]
    fn a_failure_is_one_sentence_from_what_was_done_to_why() {
        let edge = prism_aws::Error::malformed("the record POLICY CURRENT", "missing field `zone`");
        let told = anyhow::Result::<()>::Err(edge.into()).context("the policy could not be shown").unwrap_err();
        insta::assert_snapshot!(sentences(&told).join("\n"), @"the policy could not be shown: the record POLICY CURRENT cannot be read: missing field `zone`");
    }

    #[test]
    fn a_record_that_cannot_be_read_is_told_with_what_mends_it() {
        let record = UnreadableRecord::new("prism-state", "POLICY", "CURRENT", Some("zone"), "expected string");
        let [told] = <[String; 1]>::try_from(sentences(&prism_aws::Error::from(record).into())).unwrap();
        let mended = "field zone: expected string. To mend it: replace it with your policy: prism policy apply";
        assert!(told.contains(mended));
    }

    #[test]
    fn faults_of_a_file_are_told_one_by_one() {
        let faults = anyhow!(Faults(vec!["a.yaml: name is missing".into(), "b.yaml: base is missing".into()]));
        assert_eq!(sentences(&faults).len(), 2);
    }

    #[test]
    fn whoever_is_refused_is_not_told_to_sign_in() {
        let told = "starting an execution failed: AccessDeniedException: User: arn:aws:iam::123456789012:user/asker is not \
                    authorized to perform: states:StartExecution because no identity-based policy allows it";
        assert!(!lacks_credentials(told, &[told.to_lowercase()]));
        assert!(lacks_credentials("reading failed", &["no valid credentials are found".to_owned()]));
    }

    #[test]
    fn text_from_outside_cannot_move_the_cursor() {
        assert_eq!(sentences(&anyhow!("bad \u{1b}[2J name")), ["bad \\u{1b}[2J name"]);
    }
}
