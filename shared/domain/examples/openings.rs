//! Tells when windows open. Reads lines of an instant, a tab and a window. Answers each line with the first instant of the
//! window's next opening and the first instant after it, in seconds since 1970.

use std::io::{self, BufRead as _, BufWriter, Write as _};

use prism_domain::window::TimeWindow;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut answers = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (now, window) = line.split_once('\t').ok_or("a line has no tab")?;
        let window: TimeWindow = window.parse()?;
        let opening = window.next(now.parse()?).ok_or("a window never opens")?;
        writeln!(answers, "{} {}", opening.opens.as_second(), opening.closes.as_second())?;
    }
    Ok(())
}
