//! `prism`: the command line of Prism Auto-AMI. Documented in `docs/CLI.md`.

mod args;
mod bases;
mod commands;
mod condition;
mod diff;
mod fault;
mod forecasts;
mod look;
mod near;
mod output;
mod pending;
mod progress;
#[cfg(test)]
mod samples;
mod stack;
mod standing;
mod wrong;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = args::Cli::read();
    cli.global.apply_color();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(commands::run(cli)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fault::report(&error),
    }
}
