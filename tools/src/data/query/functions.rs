//! Which functions SQL may call. `guard` asks; DuckDB's lock-down stands behind it, so this is the message and the second lock.

/// Functions that make a table without reading a file or the engine's own state.
const TABLE_FUNCTIONS: [&str; 7] =
    ["generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"];

/// Functions that tell about the server or the engine, wait, or run other SQL.
const REFUSED: [&str; 43] = [
    "add_parquet_key",
    "current_catalog",
    "current_connection_id",
    "current_database",
    "current_query",
    "current_query_id",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_transaction_id",
    "current_user",
    "currval",
    "get_block_size",
    "getenv",
    "getvariable",
    "glob",
    "icu_calendar_names",
    "in_search_path",
    "json_deserialize_sql",
    "json_execute_serialized_sql",
    "json_serialize_plan",
    "json_serialize_sql",
    "nextval",
    "obj_description",
    "col_description",
    "shobj_description",
    "parse_duckdb_log_message",
    "query",
    "query_table",
    "seq_scan",
    "session_user",
    "setseed",
    "setval",
    "sleep_ms",
    "sniff_csv",
    "stats",
    "txid_current",
    "user",
    "vector_type",
    "version",
    "which_secret",
    "write_log",
];

/// Families of the same kind, by how their names begin.
const REFUSED_FAMILIES: [&str; 9] =
    ["__internal", "duckdb_", "has_", "inet_", "parquet_", "pg_", "pragma_", "read_", "truncate_"];

/// Names that begin like a refused family and are harmless.
const EXCEPTIONS: [&str; 2] = ["pg_typeof", "pg_size_pretty"];

/// Whether `FROM name(…)` is offered.
pub(super) fn makes_a_table(name: &str) -> bool {
    TABLE_FUNCTIONS.contains(&name.to_ascii_lowercase().as_str())
}

/// Whether `name(…)` is refused wherever it stands.
pub(super) fn is_refused(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if EXCEPTIONS.contains(&name.as_str()) {
        return false;
    }
    REFUSED.contains(&name.as_str()) || REFUSED_FAMILIES.iter().any(|family| name.starts_with(family))
}

/// The offered table functions, for a message.
pub(super) fn table_functions() -> String {
    TABLE_FUNCTIONS.join(", ")
}
