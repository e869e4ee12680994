//! The commands: one file each. Every one reads, makes a value of what it read, and gives that as its answer.

mod approvals_list;
mod base_images;
mod base_images_explain;
mod base_images_explain_view;
mod base_images_history;
mod base_images_list;
mod build;
mod build_view;
mod builds_decide;
mod builds_list;
mod builds_show;
mod decision_view;
mod history;
mod notifications;
mod policy_apply;
mod policy_document;
mod policy_show;
mod security_build;
mod security_build_view;
mod security_status;
mod security_status_view;
mod status;
mod templates_apply;
mod templates_list;
mod templates_plan;

use std::path::Path;

use anyhow::{Context as _, anyhow};
use jiff::SignedDuration;
use prism_aws::templates;
use prism_domain::approving::ApprovalInput;
use prism_domain::id::TemplateName;

use crate::args::{Approvals, AutoAmi, BaseImages, Builds, Cli, Command, Global, Notifications, Policy, Templates};
use crate::look::Look;
use crate::near;
use crate::output::{Answer, Output};
use crate::progress::during;
use crate::stack::Stack;

/// Runs what was typed.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { global, command } = cli;
    let look = Look::here(prism_aws::clock::now(), global.utc);
    let on = On { output: Output { format: global.output, look }, global };
    match command {
        Command::Templates(Templates::Apply { paths, dry_run }) => templates_apply::run(&on, &paths, dry_run).await,
        Command::Templates(Templates::List) => on.show("reading templates", templates_list::read).await,
        Command::Templates(Templates::AutoAmi(AutoAmi::Status { overdue: false })) => {
            on.show("reading the status", status::read).await
        }
        Command::Templates(Templates::AutoAmi(AutoAmi::Status { overdue: true })) => {
            on.show("reading the status", async |stack| Ok(status::read(stack).await?.overdue())).await
        }
        Command::Templates(Templates::AutoAmi(AutoAmi::SecurityStatus)) => {
            on.show("reading the security status", security_status::read).await
        }
        Command::Templates(Templates::AutoAmi(AutoAmi::Build(args))) => {
            match args.name.as_ref().filter(|_| !args.security_update) {
                Some(name) => build::run(&on, name, &args).await,
                None => security_build::run(&on, &args).await,
            }
        }
        Command::Templates(Templates::AutoAmi(AutoAmi::History { name, on: day, limit })) => {
            let look = &on.output.look;
            on.show("reading the journal", async |stack| history::read(stack, &name, day, limit, look).await).await
        }
        Command::Templates(Templates::AutoAmi(AutoAmi::Configure)) | Command::Policy(Policy::Show) => {
            on.show("reading the policy", policy_show::read).await
        }
        Command::Policy(Policy::Apply { path, dry_run, yes }) => policy_apply::run(&on, &path, dry_run, yes).await,
        Command::BaseImages(BaseImages::List { watched_in, all }) => {
            on.show("reading base images", async |stack| base_images_list::read(stack, &watched_in, all).await).await
        }
        Command::BaseImages(BaseImages::History { name, architecture, watched_in, limit }) => {
            let read = async |stack: &Stack| {
                base_images_history::read(stack, &name, architecture, watched_in.as_ref(), limit).await
            };
            on.show("reading the moves", read).await
        }
        Command::BaseImages(BaseImages::Explain { update, architecture, limit }) => {
            let read = async |stack: &Stack| base_images_explain::read(stack, &update, architecture, limit).await;
            on.show("reading the move", read).await
        }
        Command::Builds(Builds::List { template, limit }) => {
            on.show("reading builds", async |stack| builds_list::read(stack, template, limit).await).await
        }
        Command::Builds(Builds::Show { build_id }) => {
            on.show("reading the build", async |stack| builds_show::read(stack, &build_id).await).await
        }
        Command::Builds(Builds::Approve { build_id, reason }) => {
            builds_decide::run(&on, &ApprovalInput { build: build_id, reject: false, reason }).await
        }
        Command::Builds(Builds::Reject { build_id, reason }) => {
            builds_decide::run(&on, &ApprovalInput { build: build_id, reject: true, reason: Some(reason) }).await
        }
        Command::Approvals(Approvals::List) => on.show("reading what waits for approval", approvals_list::read).await,
        Command::Notifications(Notifications::List { days }) => {
            on.show("reading notices", async |stack| notifications::read(stack, days).await).await
        }
    }
}

/// What every command works on.
pub struct On {
    /// Where its answer goes.
    pub output: Output,
    /// The options that every command has.
    pub global: Global,
}

impl On {
    /// The stack.
    pub async fn stack(&self) -> anyhow::Result<Stack> {
        during("looking for the stack", Stack::find(&self.global, self.output.look.now)).await
    }

    /// Reads what a command shows, and gives that as its answer. `what`: what is said while that takes its time.
    async fn show<A: Answer>(
        &self,
        what: &str,
        read: impl AsyncFnOnce(&Stack) -> anyhow::Result<A>,
    ) -> anyhow::Result<()> {
        let stack = self.stack().await?;
        self.output.give(&during(what, read(&stack)).await?)
    }
}

/// The text of a file that is not longer than it may be.
fn read_text(path: &Path, limit: usize) -> anyhow::Result<String> {
    use std::io::Read as _;

    let told = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("{told} could not be opened"))?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).with_context(|| format!("{told} could not be read"))?;
    if bytes.len() > limit {
        return Err(anyhow!("{told} is longer than {limit} bytes, which is the longest that is allowed"));
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("{told} is not UTF-8 text"))
}

/// For how long something counts as recent.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Among how many templates the nearest name is looked for.
const NEAR: usize = 10_000;

/// What is said when there is no such template.
async fn no_such_template(stack: &Stack, name: &TemplateName) -> anyhow::Error {
    match templates::names(&stack.table, NEAR).await {
        Ok(names) if names.is_empty() => {
            anyhow!("there is no template {name}: none has been applied yet; prism templates apply does it")
        }
        Ok(names) => {
            let known = names.iter().map(TemplateName::as_str);
            let hint = near::hint(name.as_str(), known, "prism templates list shows all");
            anyhow!("there is no template {name}; {hint}")
        }
        Err(error) => error.into(),
    }
}
