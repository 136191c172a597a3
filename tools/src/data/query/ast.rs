//! DuckDB's own syntax tree of a text, as a flat arena. Read by `guard`; knows nothing of what is allowed.
//!
//! The tree comes as rows of `json_tree` rather than as one JSON text: SQL nests deeper than JSON parsers like to recurse.

use std::collections::HashMap;

use serde_json::Value;

use crate::ToolError;
use crate::data::duck::{Fault, reworded, with_parser};

/// One JSON value of the tree: its key in its parent, its scalar if it is one, its children in order.
struct Node {
    key: String,
    atom: Value,
    children: Vec<usize>,
}

/// The tree. Nodes are named by their index; 0 is the root.
pub(super) struct Ast(Vec<Node>);

impl Ast {
    /// Parses `sql` with DuckDB, on a connection that can reach nothing.
    ///
    /// # Errors
    /// `BadQuery` for a text too deep to be parsed, `Internal` when DuckDB itself fails; a text that does not parse is a tree with
    /// `error` set.
    pub(super) fn parse(sql: &str) -> Result<Self, ToolError> {
        let rows = rows(sql).map_err(Fault::from).map_err(|fault| match reworded(&fault.first_line()) {
            Some(words) => ToolError::bad_query(words),
            None => fault.into_internal("reading the SQL"),
        })?;
        let mut nodes: Vec<Node> = Vec::with_capacity(rows.len());
        let mut index = HashMap::with_capacity(rows.len());
        for (position, (id, parent, key, atom)) in rows.into_iter().enumerate() {
            index.insert(id, position);
            let atom = atom.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
            nodes.push(Node { key: key.unwrap_or_default(), atom, children: Vec::new() });
            if let Some(parent) = parent.and_then(|parent| index.get(&parent)) {
                nodes[*parent].children.push(position);
            }
        }
        Ok(Self(nodes))
    }

    /// The root.
    pub(super) const ROOT: usize = 0;

    /// The children of `node`, in order.
    pub(super) fn children(&self, node: usize) -> &[usize] {
        self.0.get(node).map_or(&[], |node| &node.children)
    }

    /// The child of `node` under `key`.
    pub(super) fn child(&self, node: usize, key: &str) -> Option<usize> {
        self.children(node).iter().copied().find(|child| self.0[*child].key == key)
    }

    /// The text under `key`, or an empty one.
    pub(super) fn text(&self, node: usize, key: &str) -> &str {
        self.child(node, key).and_then(|child| self.0[child].atom.as_str()).unwrap_or_default()
    }

    /// The number under `key`.
    pub(super) fn number(&self, node: usize, key: &str) -> Option<u64> {
        let child = self.child(node, key)?;
        let atom = &self.0[child].atom;
        atom.as_u64().or_else(|| atom.as_str()?.parse().ok())
    }

    /// Whether `key` holds `true`.
    pub(super) fn is_true(&self, node: usize, key: &str) -> bool {
        self.child(node, key).is_some_and(|child| self.0[child].atom == Value::Bool(true))
    }

    /// The texts of the list under `outer`.`inner`.
    pub(super) fn list(&self, node: usize, outer: &str, inner: &str) -> Vec<&str> {
        let list = self.child(node, outer).and_then(|child| self.child(child, inner));
        let items = list.map_or(&[][..], |list| self.children(list));
        items.iter().filter_map(|item| self.0[*item].atom.as_str()).collect()
    }
}

type TreeRow = (i64, Option<i64>, Option<String>, Option<String>);

fn rows(sql: &str) -> duckdb::Result<Vec<TreeRow>> {
    with_parser(|connection| {
        let mut statement = connection.prepare(
            "SELECT id::BIGINT, parent::BIGINT, key::VARCHAR, atom::VARCHAR \
             FROM json_tree(json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true)) ORDER BY id",
        )?;
        let rows = statement.query_map([sql], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        rows.collect()
    })
}
