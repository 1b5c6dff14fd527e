//! One data file: it is there, it is whole, and its rows are those that the table's log tells of.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Finding, Part};
use crate::lake::{LakeFile, Row};

/// Why a file is not what it should be.
pub(super) enum Problem {
    Missing,
    Bytes { found: u64, said: u64 },
    Damaged(String),
    Rows(&'static str),
}

/// Every row goes to `row`, also those of a file that turns out to be wrong further on.
pub(super) async fn examine<R: Row>(
    files: Arc<dyn ObjectStore>,
    file: &LakeFile<R>,
    row: &mut (dyn FnMut(&R) + Send),
) -> Result<(), Problem> {
    let bytes = match files.get(&Path::from(file.path.as_str())).await {
        Ok(found) => found.bytes().await.map_err(damaged)?,
        Err(object_store::Error::NotFound { .. }) => return Err(Problem::Missing),
        Err(error) => return Err(damaged(error)),
    };
    if bytes.len() as u64 != file.bytes {
        return Err(Problem::Bytes { found: bytes.len() as u64, said: file.bytes });
    }
    let batches = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|builder| builder.build()).map_err(damaged)?;
    let mut rows = RowsCheck { file, count: 0, last: None };
    for batch in batches {
        for found in R::from_batch(&batch.map_err(damaged)?).map_err(damaged)? {
            rows.check(&found)?;
            row(&found);
        }
        tokio::task::yield_now().await;
    }
    if rows.count == file.stats.rows { Ok(()) } else { Err(Problem::Rows("it has not as many rows as the table's log says")) }
}

fn damaged(error: impl std::fmt::Display) -> Problem {
    Problem::Damaged(error.to_string())
}

struct RowsCheck<'f, R: Row> {
    file: &'f LakeFile<R>,
    count: u64,
    last: Option<(R::Owner, u64, R::Id)>,
}

impl<R: Row> RowsCheck<'_, R> {
    fn check(&mut self, row: &R) -> Result<(), Problem> {
        self.count += 1;
        let place = (row.owner(), row.rank(), row.id());
        if self.last.is_some_and(|last| last >= place) {
            return Err(Problem::Rows("its rows are not in order"));
        }
        self.last = Some(place);
        let stats = &self.file.stats;
        let times = R::TIMES.iter().zip(&stats.times).all(|(time, range)| range.holds((time.of)(row)));
        if !stats.owners.holds(row.owner()) || !stats.ids.holds(row.id()) || !times {
            return Err(Problem::Rows("it has rows outside of what the table's log says of it"));
        }
        let date = self.file.path.strip_prefix("date=").and_then(|rest| rest.split('/').next());
        if !date.is_some_and(|date| row.received_at().wire().starts_with(date)) {
            return Err(Problem::Rows("it has rows of another day than its folder"));
        }
        Ok(())
    }
}

impl Problem {
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    pub fn finding(self, place: String) -> Finding {
        let problem = match self {
            Self::Missing => "it is missing".to_owned(),
            Self::Bytes { found, said } => format!("it has {found} bytes and was written with {said}"),
            Self::Damaged(problem) => problem,
            Self::Rows(problem) => problem.to_owned(),
        };
        Finding {
            part: Part::DataFiles,
            place,
            problem,
            meaning: "requests for records in this file are answered with an error; all others are answered as always",
            advice: "put the file back from a backup: data files never change, so the one in any backup that names it is right",
        }
    }
}
