//! `heavylift config`: the settings that hold, their docs, new API keys.

use std::path::PathBuf;

use actors::model::Owner;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Subcommand};

use super::{CliError, ui};
use crate::config::keys::NewKey;
use crate::config::snippets::Snippets;
use crate::config::{self, ClientArgs, ServeArgs, ServeConfig, show_bytes};
use crate::error;

/// `heavylift config`.
#[derive(Args, Debug)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Every setting as "serve" would have it, and where it comes from
    Show(Box<ShowCommand>),
    /// docs/configuration.md
    Docs,
    /// docs/errors.md
    Errors,
    /// A new API key, shown once
    NewKey {
        /// Whose key it is: 1 to 64 of a-z, 0-9, - and _
        name: String,
        /// Add it to this file of API keys
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// What to paste into VS Code and Claude
    Clients {
        /// For a server that asks for API keys
        #[arg(long)]
        with_key: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Args, Debug)]
struct ShowCommand {
    #[command(flatten)]
    settings: ServeArgs,
}

pub(super) fn run(command: ConfigCommand, matches: &ArgMatches) -> Result<(), CliError> {
    match command.action {
        Action::Show(show) => {
            let matches = matches.subcommand_matches("config").and_then(|matches| matches.subcommand_matches("show"));
            let checked = show.settings.check();
            ui::out(effective(matches.expect("this command was parsed"), checked.as_ref().ok()));
            checked.map(drop).map_err(|faults| CliError::Usage(faults.to_string()))
        }
        Action::Docs => {
            ui::out(config::docs::markdown().trim_end());
            Ok(())
        }
        Action::Errors => {
            ui::out(error::markdown().trim_end());
            Ok(())
        }
        Action::NewKey { name, file } => new_key(&name, file),
        Action::Clients { with_key, client } => {
            ui::out(Snippets::new(&client.url, with_key || client.api_key.is_some()).page());
            Ok(())
        }
    }
}

fn new_key(name: &str, file: Option<PathBuf>) -> Result<(), CliError> {
    let owner: Owner = name.parse().map_err(|error: actors::model::BadId| CliError::Usage(error.to_string()))?;
    let key = NewKey::random(owner);
    if let Some(file) = file {
        key.append_to(&file).map_err(|error| CliError::Failed(format!("{}: {error}", file.display())))?;
        ui::note(format!("added {name} to {}; the server reads it when it starts", file.display()));
    } else {
        ui::note("add this line below [keys] in the file that --api-keys names:");
        ui::note(format!("\n{}\n", key.line()));
    }
    ui::note("the key itself is shown only now:");
    ui::out(key.secret);
    Ok(())
}

/// The value of a setting whose default depends on the machine.
fn found_out(id: &str, config: &ServeConfig) -> String {
    match id {
        "addr" => config.addr.to_string(),
        "store" => config.store.to_string(),
        "mount" => config.mounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        "scratch" => config.scratch.display().to_string(),
        "workers" => config.jobs.workers.to_string(),
        "threads_per_job" => config.jobs.threads_per_job.to_string(),
        "memory" => show_bytes(config.jobs.memory_bytes),
        "job_memory" => show_bytes(config.jobs.job_memory_bytes),
        _ => String::new(),
    }
}

/// Every setting with its value and source. A store, queue or mount may carry a signature after its `?`, which is not shown.
fn effective(matches: &ArgMatches, checked: Option<&ServeConfig>) -> comfy_table::Table {
    let mut table = ui::table(["setting", "value", "from"]);
    for (flag, variable, id) in config::docs::names() {
        let values = matches.get_raw(&id).map(|values| values.map(|value| value.to_string_lossy()).collect::<Vec<_>>());
        let value = values.unwrap_or_default().join(",");
        let value = match value.split('?').next().filter(|_| id != "mount") {
            Some("") | None => checked.map(|config| found_out(&id, config)).unwrap_or_default(),
            Some(value) => value.to_owned(),
        };
        let from = match matches.value_source(&id) {
            Some(ValueSource::CommandLine) => flag.clone(),
            Some(ValueSource::EnvVariable) => variable,
            _ => "default".to_owned(),
        };
        table.add_row([flag, ui::plain(&value), from]);
    }
    table
}
