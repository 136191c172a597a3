//! One column's profile: which questions its type allows, and their answers as JSON.

use polars::prelude::{AnyValue, DataFrame, DataType, Expr, LazyFrame, QuantileMethod, lit};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Number, Value};

use super::engine;
use crate::{Column, ToolError};

/// Up to this many rows distinct values are counted one by one; beyond, estimated (`HyperLogLog`).
const EXACT_ROWS: u64 = 5_000_000;
/// The longest least or greatest value shown.
const MAX_CHARS: usize = 200;

/// What is in one column.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// Its type in SQL.
    pub dtype: String,
    /// Values that are not null.
    pub count: u64,
    /// Nulls.
    pub nulls: u64,
    /// Distinct values, null not counted.
    pub unique: u64,
    /// Whether `unique` is counted rather than estimated.
    pub unique_is_exact: bool,
    /// The least value; null when there is none or the type has no order here.
    pub min: Value,
    /// The greatest value.
    pub max: Value,
    /// The mean of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The lower quartile of numbers, interpolated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p25: Option<f64>,
    /// The median of numbers, interpolated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// The upper quartile of numbers, interpolated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p75: Option<f64>,
}

impl ColumnProfile {
    /// The profile as a row of the report.
    pub(super) fn row(&self) -> Vec<Value> {
        let number = |value: Option<f64>| value.map_or(Value::Null, float);
        vec![
            Value::from(self.name.as_str()),
            Value::from(self.dtype.as_str()),
            Value::from(self.count),
            Value::from(self.nulls),
            Value::from(self.unique),
            self.min.clone(),
            self.max.clone(),
            number(self.mean),
            number(self.p25),
            number(self.p50),
            number(self.p75),
        ]
    }
}

/// The type of the report's column `name`.
pub(super) fn dtype_of(name: &str) -> &'static str {
    match name {
        "column" | "type" => "VARCHAR",
        "count" | "nulls" | "unique" => "BIGINT",
        "min" | "max" => "as the column",
        _ => "DOUBLE",
    }
}

/// Asks about `column` of a table of `rows` rows.
///
/// # Errors
/// See [`engine::ask`].
pub(super) fn profile(frame: &LazyFrame, column: &Column, rows: u64) -> Result<ColumnProfile, ToolError> {
    let exact = rows <= EXACT_ROWS;
    let numeric = is_numeric(&column.dtype);
    let answer = engine::ask(frame, questions(column, exact, numeric))?;
    let answer = Answer(&answer);
    let nulls = answer.count("nulls");
    let statistic = |name: &str| if numeric { answer.real(name) } else { None };
    Ok(ColumnProfile {
        name: column.name.clone(),
        dtype: column.dtype.clone(),
        count: rows.saturating_sub(nulls),
        nulls,
        unique: answer.count("unique"),
        unique_is_exact: exact,
        min: answer.value("min"),
        max: answer.value("max"),
        mean: statistic("mean"),
        p25: statistic("p25"),
        p50: statistic("p50"),
        p75: statistic("p75"),
    })
}

fn is_numeric(dtype: &str) -> bool {
    const NUMBERS: [&str; 13] = [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
        "FLOAT",
        "DOUBLE",
        "BIGNUM",
    ];
    NUMBERS.contains(&dtype) || dtype.starts_with("DECIMAL(")
}

fn questions(column: &Column, exact: bool, numeric: bool) -> Vec<Expr> {
    let cell = || Expr::Column(column.name.as_str().into()); // `col` reads patterns into names
    let values = || cell().drop_nulls();
    let unique = if exact { values().n_unique() } else { values().approx_n_unique() };
    let mut questions = vec![cell().null_count().alias("nulls"), unique.alias("unique")];
    if column.dtype != "BLOB" {
        let shown = |value: Expr| if shown_as_text(&column.dtype) { value.cast(DataType::String) } else { value };
        questions.extend([shown(cell().min()).alias("min"), shown(cell().max()).alias("max")]);
    }
    if numeric {
        let number = || cell().cast(DataType::Float64);
        let quantile = |share: f64| number().quantile(lit(share), QuantileMethod::Linear);
        questions.push(number().mean().alias("mean"));
        questions.extend([(0.25, "p25"), (0.5, "p50"), (0.75, "p75")].map(|(share, name)| quantile(share).alias(name)));
    }
    questions
}

/// Whether a value is shown as Polars writes it, rather than as a JSON number.
fn shown_as_text(dtype: &str) -> bool {
    dtype.starts_with("DECIMAL(") || dtype.starts_with("TIME") || dtype == "DATE"
}

/// One row of answers by name.
struct Answer<'a>(&'a DataFrame);

impl Answer<'_> {
    fn get(&self, name: &str) -> AnyValue<'_> {
        self.0.column(name).ok().and_then(|column| column.get(0).ok()).unwrap_or(AnyValue::Null)
    }

    fn count(&self, name: &str) -> u64 {
        self.get(name).extract().unwrap_or(0)
    }

    fn real(&self, name: &str) -> Option<f64> {
        self.get(name).extract::<f64>().filter(|number| number.is_finite())
    }

    fn value(&self, name: &str) -> Value {
        let value = self.get(name);
        if let Some(text) = value.get_str() {
            return Value::String(text.chars().take(MAX_CHARS).collect());
        }
        match value {
            AnyValue::Null => Value::Null,
            AnyValue::Boolean(value) => Value::Bool(value),
            AnyValue::Float32(value) => float(f64::from(value)),
            AnyValue::Float64(value) => float(value),
            value => whole(&value),
        }
    }
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::from(value.to_string()), Value::Number)
}

fn whole(value: &AnyValue) -> Value {
    const EXACT: i64 = 1 << 53;
    match value.extract::<i64>() {
        Some(number) if (-EXACT..=EXACT).contains(&number) => Value::from(number),
        _ => Value::from(value.to_string()),
    }
}
