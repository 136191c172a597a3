//! Arrow's types that SQL has no like of, and what they become: durations whole numbers, decimals of 256 bits narrower ones or text.

use std::sync::Arc;

use ::arrow::compute::cast;
use ::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Schema, SchemaRef, TimeUnit};
use ::arrow::error::ArrowError;
use ::arrow::record_batch::RecordBatch;

/// The columns of one table before and after.
pub(super) struct Castings {
    before: SchemaRef,
    after: SchemaRef,
}

impl Castings {
    /// Those that `schema` needs.
    pub(super) fn of(schema: &SchemaRef) -> Self {
        let fields = schema.fields().iter().map(|field| match instead(field.data_type()) {
            Some(dtype) => Arc::new(Field::new(field.name(), dtype, field.is_nullable())),
            None => Arc::clone(field),
        });
        let after = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { before: Arc::clone(schema), after }
    }

    /// The columns afterwards.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.after)
    }

    /// # Errors
    /// Arrow's, for values that do not fit.
    pub(super) fn apply(&self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        if self.changed().next().is_none() {
            return Ok(batch);
        }
        let options = ::arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().iter().zip(self.after.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        RecordBatch::try_new_with_options(self.schema(), columns.collect::<Result<_, _>>()?, &options)
    }

    /// What to tell of the table called `table`.
    pub(super) fn notes(&self, table: &str) -> Vec<String> {
        let note = |field: &Field| {
            let read = match field.data_type() {
                DataType::Duration(unit) => format!("durations are read as whole numbers of {}", word(*unit)),
                DataType::Decimal256(precision, _) if *precision > DECIMAL128_MAX_PRECISION => {
                    "numbers of more than 38 digits are read as text".to_owned()
                }
                _ => return None,
            };
            Some(format!("{table}, column \"{}\": its {read}", field.name()))
        };
        self.changed().filter_map(note).collect()
    }

    fn changed(&self) -> impl Iterator<Item = &Field> {
        self.before.fields().iter().map(AsRef::as_ref).filter(|field: &&Field| instead(field.data_type()).is_some())
    }
}

fn instead(dtype: &DataType) -> Option<DataType> {
    match dtype {
        DataType::Duration(_) => Some(DataType::Int64),
        DataType::Decimal256(precision, scale) if *precision <= DECIMAL128_MAX_PRECISION => {
            Some(DataType::Decimal128(*precision, *scale))
        }
        DataType::Decimal256(..) => Some(DataType::Utf8),
        _ => None,
    }
}

fn word(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    }
}
