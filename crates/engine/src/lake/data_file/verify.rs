//! Reads all of a data file, as nobody else does, and finds out whether it is what the log says of it.

use futures::TryStreamExt;
use parquet::arrow::ParquetRecordBatchStreamBuilder;

use super::footers::{DataFile, DataFiles};
use super::rows::failed;
use super::summary::Summary;
use crate::lake::snapshot::LakeFile;
use crate::lake::stats::FileStats;
use crate::lake::{LakeError, Row};

/// Bytes whose checksums are compared at a time.
const RUN_BYTES: u64 = 4 * 1024 * 1024;
/// Rows that are decoded at a time: a row may have 64 KiB.
const BATCH_ROWS: usize = 1024;

/// Every row goes to `row`, also those of a file that turns out to be wrong further on.
///
/// # Errors
/// `Damaged` says what is wrong with the file, which it names. Otherwise it cannot be read now.
pub async fn verify<R: Row>(files: &DataFiles, file: &LakeFile<R>, row: &mut (dyn FnMut(&R) + Send)) -> Result<(), LakeError> {
    let place = DataFile::from(file);
    files.check_size(&place).await?;
    // Also those bytes that no reader ever asks for.
    if let Some(parts) = file.parts {
        let reader = files.reader(place.clone());
        let mut start = 0;
        while start < parts.directory_at {
            let run = start..(start + RUN_BYTES).min(parts.directory_at);
            start = run.end;
            let _: Vec<_> = reader.read(std::slice::from_ref(&run)).await?;
        }
    }
    let directory = files.directory(file).await?;
    let (found_directory, found) = read_rows(files, file, row).await?;
    if directory.is_some_and(|directory| *directory != found_directory) {
        return Err(place.damaged("its directory is not that of its rows"));
    }
    // As the log keeps them: times in milliseconds.
    let found = found.text().ok().and_then(|text| FileStats::read(&text));
    if found.as_ref() != Some(&file.stats) {
        return Err(place.damaged("its statistics in the log are not those of its rows"));
    }
    Ok(())
}

async fn read_rows<R: Row>(
    files: &DataFiles,
    file: &LakeFile<R>,
    row: &mut (dyn FnMut(&R) + Send),
) -> Result<(super::Directory, FileStats<R>), LakeError> {
    let place = DataFile::from(file);
    let named = |error: LakeError| match error {
        LakeError::Damaged(why) => place.damaged(why),
        passing @ LakeError::Unavailable(_) => passing,
    };
    let decoded = |error| failed(&place, error);
    let rows = ParquetRecordBatchStreamBuilder::new(files.reader(place.clone())).await.map_err(decoded)?;
    let mut batches = rows.with_batch_size(BATCH_ROWS).build().map_err(decoded)?;
    let mut summary = Summary::<R>::new();
    let mut last: Option<R> = None;
    while let Some(batch) = batches.try_next().await.map_err(decoded)? {
        summary.add(&batch).map_err(named)?;
        let rows = R::from_batch(&batch).map_err(|error| place.damaged(error))?;
        let order = |row: &R| (row.owner(), row.rank(), row.id());
        let begins_later = last.as_ref().zip(rows.first()).is_none_or(|(last, first)| order(last) < order(first));
        if !begins_later || !rows.is_sorted_by(|a, b| order(a) < order(b)) {
            return Err(place.damaged("its rows are out of order"));
        }
        rows.iter().for_each(&mut *row);
        last = rows.into_iter().next_back().or(last);
        // Decoding takes milliseconds, and others want to read too.
        tokio::task::yield_now().await;
    }
    summary.finish().map_err(named)
}
