//! One data file: it is there, it is whole, and its rows are those that the table's log tells of.

use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{Finding, Part};
use crate::lake::{LakeError, LakeFile, Row, TableView};

/// Why a file is not what it should be.
pub(super) enum Problem {
    Missing,
    Damaged(String),
}

/// Every row goes to `row`, also those of a file that turns out to be wrong further on.
///
/// # Errors
/// The storage does not answer.
pub(super) async fn examine<R: Row>(
    table: &TableView<R>,
    file: &LakeFile<R>,
    row: &mut (dyn FnMut(&R) + Send),
) -> Result<Option<Problem>, LakeError> {
    match table.files().head(&Path::from(file.path.as_str())).await {
        Ok(_) => {}
        Err(object_store::Error::NotFound { .. }) => return Ok(Some(Problem::Missing)),
        Err(error) => return Err(error.into()),
    }
    match table.verify(file, row).await {
        Ok(()) => Ok(None),
        Err(LakeError::Damaged(cause)) => Ok(Some(Problem::Damaged(cause.to_string()))),
        Err(error) => Err(error),
    }
}

impl Problem {
    pub fn finding(self, place: String) -> Finding {
        let problem = match self {
            Self::Missing => "it is missing".to_owned(),
            Self::Damaged(problem) => problem,
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
