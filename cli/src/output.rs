//! Where answers go: stdout, as text or as JSON.

use std::io::Write as _;

use anyhow::Context as _;
use prism_domain::visible::{visible, visible_json};
use serde::Serialize;

use crate::args::Format;
use crate::look::Look;

/// An answer: a value that programs read as JSON, and a text that people read.
pub trait Answer: Serialize {
    /// For people.
    fn text(&self, look: &Look) -> String;
}

/// How answers are given.
#[derive(Debug, Clone)]
pub struct Output {
    pub format: Format,
    pub look: Look,
}

impl Output {
    /// Gives an answer.
    pub fn give(&self, answer: &impl Answer) -> anyhow::Result<()> {
        match self.format {
            Format::Table => write(&visible(&answer.text(&self.look))),
            Format::Json => {
                let text = serde_json::to_string_pretty(answer).context("the answer cannot be written as JSON")?;
                write(&visible_json(&text))
            }
        }
    }

    /// Whether people read it.
    pub fn is_for_people(&self) -> bool {
        self.format == Format::Table
    }
}

fn write(text: &str) -> anyhow::Result<()> {
    let text = text.trim_end_matches('\n');
    let mut stdout = anstream::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).context("the answer could not be written")
}
