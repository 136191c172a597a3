//! Who sends the request that rmcp's service is at, and what went wrong with it that rmcp has no words for.
//!
//! rmcp asks its session manager without saying for whom. Its service runs inside the request's own task, so the principal goes
//! beside it as a task's local value, and an error comes back the same way.

use std::sync::Arc;

use actors::model::Owner;
use parking_lot::Mutex;

use crate::error::AppError;

tokio::task_local! {
    static REQUEST: Arc<Scope>;
}

struct Scope {
    owner: Owner,
    trouble: Mutex<Option<AppError>>,
}

/// Whose request this is; nothing outside of requests.
pub(super) fn owner() -> Option<Owner> {
    REQUEST.try_with(|scope| scope.owner.clone()).ok()
}

/// Has the request answered with `error` instead of what rmcp makes of it.
pub(super) fn report(error: AppError) {
    let _ = REQUEST.try_with(|scope| scope.trouble.lock().get_or_insert(error).kind); // outside of requests nobody hears it
}

/// Runs `service` for `owner`; gives its answer, or what went wrong meanwhile.
///
/// # Errors
/// What was reported.
pub(in crate::mcp) async fn answer_for<T>(owner: Owner, service: impl Future<Output = T>) -> Result<T, AppError> {
    let scope = Arc::new(Scope { owner, trouble: Mutex::default() });
    let answer = REQUEST.scope(Arc::clone(&scope), service).await;
    let trouble = scope.trouble.lock().take();
    trouble.map_or(Ok(answer), Err)
}
