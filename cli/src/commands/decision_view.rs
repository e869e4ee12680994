//! How a decision is told.

use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::problem::printable;

/// What a decision was about, and what became of that: `python-ml-x86_64-4`, `published`.
pub fn told(decision: &Decision) -> (String, &'static str) {
    let (subject, about) = match decision.subject.split_once(':') {
        Some((subject, "closed")) => return (printable(subject, 100), closed(decision.kind)),
        // A base image's update: which, since more than one may be on its way.
        Some((subject, update)) => (subject, format!(", for the update {}", printable(update, 100))),
        None => (decision.subject.as_str(), String::new()),
    };
    let became = match decision.kind {
        DecisionKind::Build => "queued",
        DecisionKind::Join => "joined by another request",
        DecisionKind::Supersede => "queued, in the place of another",
        // The build that runs is told of; the one that follows has no number yet.
        DecisionKind::Defer if decision.reasons.iter().any(|reason| reason.starts_with(subject)) => {
            "is followed by another build"
        }
        DecisionKind::Defer => "has to wait",
        DecisionKind::Skip => "skipped",
        DecisionKind::Stop => "stopped",
        DecisionKind::Approve => "approved",
        DecisionKind::Reject => "rejected",
        DecisionKind::Reserve => "got its money",
        DecisionKind::Publish => "published",
    };
    (format!("{}{about}", printable(subject, 100)), became)
}

/// How a build was closed.
fn closed(kind: DecisionKind) -> &'static str {
    if kind == DecisionKind::Publish { "complete" } else { "ended without an image" }
}

/// Whether a decision says no more than another one does that is told too.
pub fn is_detail(decision: &Decision) -> bool {
    match decision.kind {
        DecisionKind::Reserve => true,
        DecisionKind::Publish => decision.subject.ends_with(":closed"),
        _ => false,
    }
}

/// Whether a decision is about this build.
pub fn is_about(decision: &Decision, build: &str) -> bool {
    decision.subject.split(':').next() == Some(build)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(kind: DecisionKind, subject: &str) -> Decision {
        Decision {
            kind,
            subject: subject.into(),
            reasons: Vec::new(),
            inputs: serde_json::Value::Null,
            at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_decision_says_what_it_is_about_and_what_became_of_it() {
        let told = |kind, subject| {
            let (subject, became) = told(&decision(kind, subject));
            format!("{subject} {became}")
        };
        assert_eq!(told(DecisionKind::Publish, "a-x86_64-1"), "a-x86_64-1 published");
        assert_eq!(told(DecisionKind::Publish, "a-x86_64-1:closed"), "a-x86_64-1 complete");
        assert_eq!(told(DecisionKind::Stop, "a-x86_64-1:closed"), "a-x86_64-1 ended without an image");
        let skipped = told(DecisionKind::Skip, "a-x86_64:ubuntu-22.04/x86_64/us-east-1/3");
        assert_eq!(skipped, "a-x86_64, for the update ubuntu-22.04/x86_64/us-east-1/3 skipped");
    }

    #[test]
    fn the_end_of_a_build_is_about_it_and_its_successor_is_not() {
        assert!(is_about(&decision(DecisionKind::Stop, "a-x86_64-1:closed"), "a-x86_64-1"));
        assert!(!is_about(&decision(DecisionKind::Stop, "a-x86_64-11"), "a-x86_64-1"));
    }
}
