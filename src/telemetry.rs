//! Logs: `tracing` to standard error, for people or as one JSON object a line.
//!
//! Called once, by whoever starts the server; the client commands log nothing.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::LogFormat;

/// A logger that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse; settings check that before.
    #[error("the log filter cannot be used: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// There is a logger already.
    #[error("logging was started before: {0}")]
    Started(#[from] TryInitError),
}

/// Starts logging for the whole process, what `log` reports included.
///
/// # Errors
/// When `filter` does not parse or logging was started before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Pretty => builder.with_target(false).finish().try_init()?,
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).finish().try_init()?,
    }
    Ok(())
}

#[test]
fn a_bad_filter_is_refused_and_a_second_start_too() {
    assert!(matches!(init(LogFormat::Json, "info,=="), Err(TelemetryError::Filter(_))));
    // The first start may have been another test's; the second cannot succeed.
    let _ = init(LogFormat::Json, "off");
    assert!(matches!(init(LogFormat::Pretty, "off"), Err(TelemetryError::Started(_))));
}
