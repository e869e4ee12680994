//! The commands: one file each. Every one reads, makes a value of what it read, and gives that as its answer.

mod base_images;
mod base_images_explain;
mod base_images_explain_view;
mod base_images_history;
mod base_images_list;
mod base_images_list_view;
mod build;
mod build_view;
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
mod status_view;
mod templates_apply;
mod templates_list;
mod templates_plan;

use std::path::Path;

use anyhow::{Context as _, anyhow};
use prism_aws::templates;
use prism_domain::id::TemplateName;

use crate::args::{AutoAmi, BaseImages, Builds, Cli, Command, Global, Notifications, Policy, Templates};
use crate::look::Look;
use crate::near;
use crate::output::Output;
use crate::stack::Stack;

/// Runs what was typed.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { global, command } = cli;
    let look = Look::here(prism_aws::clock::now(), global.utc);
    let on = On { output: Output { format: global.output, look }, global };
    match command {
        Command::Templates(Templates::Apply(args)) => templates_apply::run(&on, &args).await,
        Command::Templates(Templates::List) => templates_list::run(&on).await,
        Command::Templates(Templates::AutoAmi(AutoAmi::Status)) => status::run(&on).await,
        Command::Templates(Templates::AutoAmi(AutoAmi::SecurityStatus)) => security_status::run(&on).await,
        Command::Templates(Templates::AutoAmi(AutoAmi::Build(args))) => build::run(&on, args).await,
        Command::Templates(Templates::AutoAmi(AutoAmi::History(args))) => history::run(&on, &args).await,
        Command::Templates(Templates::AutoAmi(AutoAmi::Configure)) | Command::Policy(Policy::Show) => {
            policy_show::run(&on).await
        }
        Command::Policy(Policy::Apply(args)) => policy_apply::run(&on, &args).await,
        Command::BaseImages(BaseImages::List(args)) => base_images_list::run(&on, &args).await,
        Command::BaseImages(BaseImages::History(args)) => base_images_history::run(&on, &args).await,
        Command::BaseImages(BaseImages::Explain(args)) => base_images_explain::run(&on, &args).await,
        Command::Builds(Builds::List(args)) => builds_list::run(&on, &args).await,
        Command::Builds(Builds::Show(args)) => builds_show::run(&on, &args).await,
        Command::Notifications(Notifications::List(args)) => notifications::run(&on, &args).await,
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
        Stack::find(&self.global).await
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

/// What is said when there is no such template.
async fn no_such_template(stack: &Stack, name: &TemplateName) -> anyhow::Error {
    match templates::all(&stack.table).await {
        Ok(all) if all.is_empty() => {
            anyhow!("there is no template {name}: none has been applied yet; prism templates apply does it")
        }
        Ok(all) => {
            let hint = near::hint(name.as_str(), all.iter().map(|r| r.name.as_str()), "prism templates list shows all");
            anyhow!("there is no template {name}; {hint}")
        }
        Err(error) => error.into(),
    }
}
