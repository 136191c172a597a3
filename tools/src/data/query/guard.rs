//! Lets through exactly one SELECT over named tables, and says which tables. Runs before the job exists.
//!
//! It reads DuckDB's own syntax tree, so comments, quoting and exotic spellings are DuckDB's to understand. What passes is
//! still run on a locked-down connection (`duck`): this is the clear message, that is the wall.

use std::rc::Rc;

use super::ast::Ast;
use super::functions::{is_refused, makes_a_table, table_functions};
use super::nesting;
use super::place::place;
use crate::data::duck::reworded;
use crate::{Limits, ToolError, WorkspacePath};

const QUERY_NODES: [&str; 4] = ["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"];
const ONE_SELECT: &str = "data_query runs exactly one SELECT or WITH statement";

/// The tables that `sql` reads, as it spells them, in order, each once (in any case of letters).
///
/// # Errors
/// `BadQuery` for anything that is not one SELECT over plain tables; `TooLarge` for a text over the limits.
pub(super) fn tables_of(sql: &str, aliases: &[&str], limits: &Limits) -> Result<Vec<String>, ToolError> {
    Ok(located(sql, aliases, limits)?.into_iter().map(|(_, name)| name).collect())
}

/// As [`tables_of`], each with where it is first named, as a byte of `sql`.
///
/// # Errors
/// As there.
pub(super) fn located(sql: &str, aliases: &[&str], limits: &Limits) -> Result<Vec<(Option<usize>, String)>, ToolError> {
    let chars = sql.chars().count();
    if chars > limits.max_sql_chars {
        let most = limits.max_sql_chars;
        return Err(ToolError::too_large(format!("the SQL has {chars} characters; at most {most} are allowed")));
    }
    if sql.contains('\0') {
        return Err(ToolError::bad_query("the SQL holds a NUL character; remove it"));
    }
    nesting::check(sql)?;
    let ast = Ast::parse(sql)?;
    let statement = one_statement(&ast, sql)?;
    Walk { sql, ast: &ast, aliases, found: Vec::new() }.run(statement)
}

/// The root of the only statement.
fn one_statement(ast: &Ast, sql: &str) -> Result<usize, ToolError> {
    if ast.is_true(Ast::ROOT, "error") {
        return Err(parse_error(ast, sql));
    }
    let statements = ast.child(Ast::ROOT, "statements").map_or(&[][..], |list| ast.children(list));
    match statements {
        [] => Err(ToolError::bad_query(format!("the SQL is empty; {ONE_SELECT}"))),
        [one] => Ok(*one),
        many => Err(ToolError::bad_query(format!("the SQL holds {} statements; {ONE_SELECT}", many.len()))),
    }
}

fn parse_error(ast: &Ast, sql: &str) -> ToolError {
    let root = Ast::ROOT;
    if ast.text(root, "error_type") == "not implemented" {
        return ToolError::bad_query(not_select(sql));
    }
    let message = ast.text(root, "error_message").lines().next().unwrap_or("the SQL cannot be read");
    let message = reworded(message).unwrap_or_else(|| message.to_owned());
    match ast.number(root, "position").and_then(|at| usize::try_from(at).ok()) {
        Some(at) => ToolError::bad_query(format!("{message} ({})", place(sql, at))),
        None => ToolError::bad_query(message),
    }
}

/// DuckDB says only that something is no SELECT. It also says so of a PIVOT that must look at the data for its columns.
fn not_select(sql: &str) -> String {
    let word = first_word(sql);
    let begins_well = ["SELECT", "WITH", "FROM", "VALUES", "TABLE", "PIVOT"].contains(&word.as_str());
    if begins_well && sql.to_ascii_lowercase().contains("pivot") {
        return "a PIVOT needs its values spelt out: PIVOT t ON c IN ('a', 'b') USING sum(x)".to_owned();
    }
    if begins_well {
        return format!("the SQL holds a further statement that is no SELECT; {ONE_SELECT}");
    }
    format!("{word} is not allowed; {ONE_SELECT}")
}

/// The word that the statement begins with, for a message; comments before it are passed over.
fn first_word(sql: &str) -> String {
    let mut rest = sql.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after).trim_start();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after).trim_start();
        } else {
            break;
        }
    }
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).take(20).collect();
    if word.is_empty() { "this statement".to_owned() } else { word.to_ascii_uppercase() }
}

/// Names of common table expressions, from the innermost out.
struct Scope {
    name: String,
    outer: Option<Rc<Scope>>,
}

fn knows(mut scope: Option<&Rc<Scope>>, name: &str) -> bool {
    while let Some(here) = scope {
        if here.name == name {
            return true;
        }
        scope = here.outer.as_ref();
    }
    false
}

fn and(scope: Option<Rc<Scope>>, name: &str) -> Rc<Scope> {
    Rc::new(Scope { name: name.to_lowercase(), outer: scope })
}

struct Walk<'a> {
    sql: &'a str,
    ast: &'a Ast,
    aliases: &'a [&'a str],
    found: Vec<(u64, String)>,
}

impl Walk<'_> {
    /// Goes over all nodes below `statement`, with its own stack: SQL may nest deeper than ours.
    fn run(mut self, statement: usize) -> Result<Vec<(Option<usize>, String)>, ToolError> {
        self.refuse_bare_show(statement)?;
        let mut open: Vec<(usize, Option<Rc<Scope>>)> = vec![(statement, None)];
        while let Some((node, scope)) = open.pop() {
            self.check(node, scope.as_ref())?;
            let inner = self.scope_of(node, scope, &mut open);
            let cte_map = self.ast.child(node, "cte_map");
            let rest = self.ast.children(node).iter().filter(|child| Some(**child) != cte_map);
            open.extend(rest.map(|child| (*child, inner.clone())));
        }
        self.found.sort_by_key(|(place, _)| *place);
        let within = |place: u64| usize::try_from(place).ok().filter(|place| *place <= self.sql.len());
        Ok(self.found.into_iter().map(|(place, name)| (within(place), name)).collect())
    }

    /// The scope of what lies below `node`; its common table expressions are put on the stack, each with those before it.
    fn scope_of(
        &self,
        node: usize,
        scope: Option<Rc<Scope>>,
        open: &mut Vec<(usize, Option<Rc<Scope>>)>,
    ) -> Option<Rc<Scope>> {
        let mut scope = scope;
        if self.ast.text(node, "type") == "RECURSIVE_CTE_NODE" {
            scope = Some(and(scope, self.ast.text(node, "cte_name")));
        }
        let map = self.ast.child(node, "cte_map").and_then(|map| self.ast.child(map, "map"));
        for entry in map.map_or(&[][..], |map| self.ast.children(map)) {
            if let Some(value) = self.ast.child(*entry, "value") {
                open.push((value, scope.clone()));
            }
            scope = Some(and(scope, self.ast.text(*entry, "key")));
        }
        scope
    }

    fn check(&mut self, node: usize, scope: Option<&Rc<Scope>>) -> Result<(), ToolError> {
        let kind = self.ast.text(node, "type");
        if kind.ends_with("_NODE") && !QUERY_NODES.contains(&kind) {
            let verb = kind.trim_end_matches("_NODE").trim_end_matches("_QUERY").to_ascii_uppercase();
            return Err(self.refuse(node, &format!("{verb} inside a query is not allowed; {ONE_SELECT}")));
        }
        match kind {
            "BASE_TABLE" => self.check_table(node, scope),
            "TABLE_FUNCTION" => self.check_table_function(node),
            "SHOW_REF" => self.check_show(node),
            "FUNCTION" => self.check_function(node),
            "VALUE_PARAMETER" => Err(self.refuse(node, "the SQL has a parameter; write the value itself into the SQL")),
            _ => Ok(()),
        }
    }

    fn check_table(&mut self, node: usize, scope: Option<&Rc<Scope>>) -> Result<(), ToolError> {
        let path = self.ast.list(node, "qualified_name", "path");
        let name = self.ast.text(node, "table_name");
        if path.len() > 1 || !self.ast.text(node, "schema_name").is_empty() {
            let whole = path.join(".");
            return Err(self.refuse(
                node,
                &format!(
                    "{whole:?} names a table of a schema, and there are none; a file's name is quoted: \"{whole}\""
                ),
            ));
        }
        let lower = name.to_lowercase();
        if knows(scope, &lower) || self.found.iter().any(|(_, known)| known.to_lowercase() == lower) {
            return Ok(());
        }
        if !self.aliases.iter().any(|alias| alias.to_lowercase() == lower) {
            self.check_table_name(node, name)?;
        }
        self.found.push((self.ast.number(node, "query_location").unwrap_or(u64::MAX), name.to_owned()));
        Ok(())
    }

    fn check_table_name(&self, node: usize, name: &str) -> Result<(), ToolError> {
        if name.contains("://") {
            let why = format!("{name:?} is an address; a query reads workspace files only, put the file there first");
            return Err(self.refuse(node, &why));
        }
        if name.contains(['*', '?']) {
            let why = format!("{name:?} is a pattern; name each file and put them together with UNION ALL");
            return Err(self.refuse(node, &why));
        }
        match name.parse::<WorkspacePath>() {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refuse(node, &error.message)),
        }
    }

    fn check_table_function(&self, node: usize) -> Result<(), ToolError> {
        let Some(function) = self.ast.child(node, "function") else {
            return Err(self.refuse(node, "this use of FROM is not offered"));
        };
        let name = self.ast.text(function, "function_name");
        let plain = self.ast.list(function, "qualified_name", "path").len() < 2;
        if plain && makes_a_table(name) {
            return Ok(());
        }
        let offered = table_functions();
        let why = if is_refused(name) {
            format!("{name}() is not allowed: a query reads workspace files by name only, as in FROM \"sales.csv\"")
        } else {
            format!("{name}() is not offered in FROM; the table functions are {offered}")
        };
        Err(self.refuse(node, &why))
    }

    fn check_function(&self, node: usize) -> Result<(), ToolError> {
        let name = self.ast.text(node, "function_name");
        if is_refused(name) {
            return Err(self.refuse(node, &format!("the function {name}() is not allowed in a query; leave it out")));
        }
        Ok(())
    }

    fn check_show(&self, node: usize) -> Result<(), ToolError> {
        if self.ast.child(node, "query").is_some() {
            return Ok(());
        }
        Err(self.refuse(node, "SHOW is not allowed; list files with file_list and columns with data_profile"))
    }

    /// `DESCRIBE t` as a whole statement is no SELECT, though it parses to one; inside one it is.
    fn refuse_bare_show(&self, statement: usize) -> Result<(), ToolError> {
        let from = self.ast.child(statement, "node").and_then(|node| self.ast.child(node, "from_table"));
        if from.is_some_and(|from| self.ast.text(from, "type") == "SHOW_REF") {
            let word = first_word(self.sql);
            let message = format!("{word} is not allowed by itself; {ONE_SELECT}, like SELECT * FROM (DESCRIBE sales)");
            return Err(ToolError::bad_query(message));
        }
        Ok(())
    }

    fn refuse(&self, node: usize, why: &str) -> ToolError {
        let at = self.ast.number(node, "query_location").and_then(|at| usize::try_from(at).ok());
        match at.filter(|at| *at <= self.sql.len()) {
            Some(at) => ToolError::bad_query(format!("{why} ({})", place(self.sql, at))),
            None => ToolError::bad_query(why),
        }
    }
}

#[cfg(test)]
mod tests;
