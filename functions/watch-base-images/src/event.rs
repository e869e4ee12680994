//! What an event asks for. None is believed: at most it is a reason to look now.

use serde_json::Value;

/// Why the function was invoked.
#[derive(Debug, PartialEq, Eq)]
pub enum Occasion {
    /// By the schedule, by a person or by a build that waits for a base image.
    Look,
    /// By one of the topics on which Amazon tells of new images.
    Hint(String),
    /// By a topic that is not listed: there is nothing to do.
    Unlisted(String),
}

/// Reads an event. One of SNS has `Records`, each with the topic's ARN.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>.
pub fn occasion(event: &Value, listed: &[String]) -> Occasion {
    let Some(records) = event.get("Records").and_then(Value::as_array) else { return Occasion::Look };
    let topics: Vec<&str> =
        records.iter().filter_map(|record| record.pointer("/Sns/TopicArn").and_then(Value::as_str)).collect();
    match topics.iter().find(|topic| listed.iter().any(|listed| listed == *topic)) {
        Some(topic) => Occasion::Hint((*topic).to_owned()),
        None => Occasion::Unlisted(prism_domain::problem::printable(&topics.join(", "), 256)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LISTED: &str = "arn:aws:sns:us-east-1:137112412989:amazon-linux-2023-ami-updates";

    fn sns(topic: &str) -> Value {
        json!({"Records": [{"EventSource": "aws:sns", "Sns": {"TopicArn": topic, "Message": "{}"}}]})
    }

    #[test]
    fn an_empty_event_and_one_of_the_schedule_are_looks() {
        for event in [json!({}), json!({"source": "aws.scheduler"}), Value::Null] {
            assert_eq!(occasion(&event, &[LISTED.to_owned()]), Occasion::Look);
        }
    }

    #[test]
    fn only_a_listed_topic_gives_a_hint() {
        let listed = [LISTED.to_owned()];
        assert_eq!(occasion(&sns(LISTED), &listed), Occasion::Hint(LISTED.to_owned()));
        for topic in ["arn:aws:sns:us-east-1:123456789012:amazon-linux-2023-ami-updates", &format!("{LISTED}x"), ""] {
            assert_eq!(occasion(&sns(topic), &listed), Occasion::Unlisted(topic.to_owned()));
        }
        assert_eq!(occasion(&json!({"Records": []}), &listed), Occasion::Unlisted(String::new()));
        assert_eq!(occasion(&sns("\u{1b}[2J"), &listed), Occasion::Unlisted(r"\u{1b}[2J".to_owned()));
    }
}
