//! What one job may use: the settings' bounds, lowered by its principal's quota.

use std::time::Duration;

use tools::Limits;

use crate::core::Core;
use crate::model::Owner;

/// Bounds for the jobs of one principal. What is not said is as the settings have it; nothing is ever raised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Memory of one job, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time of one job, in seconds.
    pub cpu_seconds: Option<u64>,
    /// How long one job may run.
    pub deadline: Option<Duration>,
    /// What one job may write, in bytes.
    pub output_bytes: Option<u64>,
    /// Files that one job may hold open at once.
    pub open_files: Option<u64>,
}

impl Quota {
    /// `limits`, lowered.
    #[must_use]
    pub fn lower(&self, limits: &Limits) -> Limits {
        Limits {
            memory_bytes: lower(limits.memory_bytes, self.memory_bytes),
            cpu_seconds: limits.cpu_seconds.into_iter().chain(self.cpu_seconds).min(),
            max_output_bytes: lower(limits.max_output_bytes, self.output_bytes),
            max_open_files: lower(limits.max_open_files, self.open_files),
            ..limits.clone()
        }
    }
}

fn lower<T: Ord>(setting: T, quota: Option<T>) -> T {
    match quota {
        Some(quota) => setting.min(quota),
        None => setting,
    }
}

impl Core {
    /// What one job of `owner` may use.
    #[must_use]
    pub fn limits_of(&self, owner: &Owner) -> Limits {
        let limits = &self.config.limits;
        self.config.quotas.get(owner).map_or_else(|| limits.clone(), |quota| quota.lower(limits))
    }

    /// How long one job of `owner` may run.
    #[must_use]
    pub fn deadline_of(&self, owner: &Owner) -> Duration {
        lower(self.config.deadline, self.config.quotas.get(owner).and_then(|quota| quota.deadline))
    }
}

#[test]
fn a_quota_lowers_and_never_raises() {
    let limits = Limits { memory_bytes: 100, cpu_seconds: None, max_output_bytes: 10, ..Limits::default() };
    let quota = Quota { memory_bytes: Some(50), cpu_seconds: Some(7), output_bytes: Some(20), ..Quota::default() };
    let lowered = quota.lower(&limits);
    assert_eq!((lowered.memory_bytes, lowered.cpu_seconds, lowered.max_output_bytes), (50, Some(7), 10));
    assert_eq!(Quota::default().lower(&limits), limits);
}
