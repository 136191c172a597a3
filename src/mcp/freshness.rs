//! How long a client may keep an answer, and whether for others too: `ttlMs` and `cacheScope`.
//!
//! Only 2026-07-28 knows them; older clients ignore what they do not know.

use rmcp::model::CacheScope;

/// What is the same for everyone until the server is replaced: tools, prompts, templates. A change is told besides.
pub(super) const OF_ALL: (u64, CacheScope) = (3_600_000, CacheScope::Public);
/// One principal's, and another one at any moment.
pub(super) const OF_NOW: (u64, CacheScope) = (0, CacheScope::Private);
/// One principal's, and never another one while it is there.
pub(super) const OF_GOOD: (u64, CacheScope) = (3_600_000, CacheScope::Private);

/// Puts a freshness on a result.
macro_rules! fresh {
    ($result:expr, $freshness:expr) => {{
        let (ttl_ms, scope) = $freshness;
        $result.with_ttl_ms(ttl_ms).with_cache_scope(scope)
    }};
}
pub(super) use fresh;
