//! `heavylift serve`: settings in, server on.

use clap::Args;

use super::CliError;
use crate::config::ServeArgs;

/// `heavylift serve`.
#[derive(Args, Debug)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    settings: ServeArgs,
}

pub(super) async fn run(command: &ServeCommand) -> Result<(), CliError> {
    let config = command.settings.check().map_err(|faults| CliError::Usage(faults.to_string()))?;
    crate::telemetry::init(config.log, &config.log_filter).map_err(|error| CliError::Usage(error.to_string()))?;
    crate::app::serve(config).await.map_err(|error| CliError::Failed(format!("{error:#}")))
}
