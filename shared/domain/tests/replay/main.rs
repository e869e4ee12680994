//! Judges years of real releases and advisories, each as it could have been judged on its day, and compares that with
//! what is known of them. The tables are in docs/BENCHMARKS.md; `cargo test -p prism-domain --test replay -- --nocapture`
//! prints them.
#![expect(clippy::print_stdout, reason = "the tables are what one runs this for")]

#[cfg(test)]
mod al2;
#[cfg(test)]
mod alma;
#[cfg(test)]
mod data;
#[cfg(test)]
mod table;

#[test]
fn no_release_of_amazon_linux_2_that_fixed_what_was_exploited_is_below_critical() {
    let Some(data) = data::Data::read() else { return };
    al2::replay(&data);
}

#[test]
fn no_week_of_almalinux_that_fixed_what_was_exploited_is_below_critical() {
    let Some(data) = data::Data::read() else { return };
    alma::replay(&data);
}
