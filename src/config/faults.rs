//! What is wrong with the settings: every fault at once, each by the names under which it can be mended.

use std::fmt;

use clap::CommandFactory as _;

use super::serve::SettingsCommand;

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `--workers`.
    pub flag: String,
    /// `HEAVYLIFT_WORKERS`.
    pub variable: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Fault {
    /// A fault of the setting whose field in `ServeArgs` is `id`.
    pub(super) fn of(id: &str, message: impl Into<String>) -> Self {
        let command = SettingsCommand::command();
        let arg = command.get_arguments().find(|arg| arg.get_id() == id).expect("a setting is named by its field");
        let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { flag: format!("--{}", arg.get_long().unwrap_or(id)), variable, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.flag, self.variable, self.message)
    }
}

/// All that is wrong with the settings; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} {} cannot be used", if count == 1 { "setting" } else { "settings" })?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// Gathers faults while the settings are read one after another.
#[derive(Default)]
pub(super) struct Collector(Vec<Fault>);

impl Collector {
    /// The value, or nothing and a fault more.
    pub(super) fn take<T>(&mut self, id: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|message| self.add(id, message)).ok()
    }

    /// Notes a fault.
    pub(super) fn add(&mut self, id: &str, message: impl Into<String>) {
        self.0.push(Fault::of(id, message));
    }

    /// `value` when nothing was wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Faults> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Faults(self.0)),
        }
    }
}
