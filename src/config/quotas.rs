//! Quotas in the file of API keys: what the jobs of one principal may use, where that is less than the settings allow.
//!
//! ```toml
//! [quota.ada]
//! memory = "2GiB"     # of one job
//! cpu = "10min"       # processor time of one job
//! deadline = "5min"   # how long one job may run
//! output = "1GiB"     # what one job may write
//! files = 256         # how many one job may hold open
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use actors::Quota;
use actors::model::Owner;
use serde::Deserialize;

use super::jobs::{LEAST_MEMORY, LEAST_OUTPUT, OPEN_FILES};
use super::serve::parse::size;
use super::units::{parse_duration, parse_number};

/// One principal's table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaEntry {
    memory: Option<String>,
    cpu: Option<String>,
    deadline: Option<String>,
    output: Option<String>,
    files: Option<u64>,
}

/// The quotas by principal.
///
/// # Errors
/// A sentence that names the principal and what is wrong: a name that has no key, a size or time that is none.
pub(super) fn parse(
    entries: BTreeMap<String, QuotaEntry>,
    is_known: impl Fn(&Owner) -> bool,
) -> Result<BTreeMap<Owner, Quota>, String> {
    let check = |(name, entry): (String, QuotaEntry)| {
        let fault = |what: String| format!("the quota of {name}: {what}");
        let owner: Owner = name.parse().map_err(|error: actors::model::BadId| fault(error.to_string()))?;
        if !is_known(&owner) {
            return Err(fault("nobody of that name has a key".to_owned()));
        }
        Ok((owner, entry.check().map_err(fault)?))
    };
    entries.into_iter().map(check).collect()
}

impl QuotaEntry {
    fn check(self) -> Result<Quota, String> {
        let bytes = |text: Option<String>, least| text.map(|text| size(&text, least)).transpose();
        let files = |number: u64| parse_number(&number.to_string(), &OPEN_FILES);
        Ok(Quota {
            memory_bytes: bytes(self.memory, LEAST_MEMORY)?,
            cpu_seconds: self.cpu.as_deref().map(time).transpose()?.map(|time| time.as_secs()),
            deadline: self.deadline.as_deref().map(time).transpose()?,
            output_bytes: bytes(self.output, LEAST_OUTPUT)?,
            open_files: self.files.map(files).transpose()?,
        })
    }
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text, &(Duration::from_secs(1)..=Duration::from_hours(24 * 30)))
}
