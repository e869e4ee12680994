//! What is shown while something takes its time, and doing many things at once.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use prism_domain::visible::visible;
use tokio::time::{Duration, interval};

const FRAME: Duration = Duration::from_millis(100);

/// Nothing is shown of what is done within so many frames.
const PATIENCE: usize = 10;

const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// How many calls are under way at the same time.
const AT_ONCE: usize = 16;

/// Does some work; if that takes long and a person watches, says what is being done.
pub fn during<'a, T: 'a>(what: &'a str, work: impl Future<Output = T> + 'a) -> impl Future<Output = T> + 'a {
    // What the SDK does takes kilobytes of state: not in every future that awaits it.
    watched(what, Box::pin(work))
}

async fn watched<T>(what: &str, mut work: impl Future<Output = T> + Unpin) -> T {
    let watched = std::io::stderr().is_terminal();
    let mut frames = interval(FRAME);
    let mut count = 0_usize;
    loop {
        tokio::select! {
            biased;
            done = &mut work => {
                if watched && count > PATIENCE {
                    say("\r\u{1b}[2K");
                }
                return done;
            }
            _ = frames.tick() => {
                count += 1;
                if watched && count > PATIENCE {
                    let frame = FRAMES.get(count % FRAMES.len()).copied().unwrap_or('.');
                    say(&format!("\r\u{1b}[2K{frame} {what} ({} s)", count / 10));
                }
            }
        }
    }
}

/// Says a line of progress.
pub fn line(text: &str) {
    say(&format!("{text}\n"));
}

/// Asks a person, and answers what was typed.
pub fn question(text: &str) -> anyhow::Result<String> {
    say(text);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("no answer could be read")?;
    Ok(answer)
}

fn say(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // Progress that nobody can read is no failure.
    let _ = stderr.write_all(visible(text).as_bytes()).and_then(|()| stderr.flush());
}

/// Does the same with many inputs, several at a time, each with `what` they share. Answers in the order of the inputs.
pub async fn each<C, I, T, F>(what: &C, inputs: Vec<I>, work: impl Fn(C, I) -> F) -> anyhow::Result<Vec<T>>
where
    C: Clone,
    F: Future<Output = anyhow::Result<T>>,
{
    stream::iter(inputs).map(|input| work(what.clone(), input)).buffered(AT_ONCE).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_inputs() {
        let inputs: Vec<u64> = (0..40).collect();
        let doubled = each(&(), inputs, |(), n| async move {
            tokio::time::sleep(Duration::from_millis(40 - n)).await;
            anyhow::Ok(n * 2)
        });
        assert_eq!(doubled.await.unwrap(), (0..40).map(|n| n * 2).collect::<Vec<u64>>());
    }

    #[tokio::test]
    async fn one_failure_is_the_answer() {
        let failed = each(&(), vec![1, 2, 3], |(), n| async move { (n != 2).then_some(n).context("no") });
        assert_eq!(failed.await.unwrap_err().to_string(), "no");
    }
}
