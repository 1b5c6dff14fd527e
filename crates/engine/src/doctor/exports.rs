//! Files of exports that are ready: their links must lead somewhere.

use annals_core::ids::ExportId;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

use super::{CannotLook, Exam, Finding, Part};
use crate::lake::{LakeError, LakeView};

pub(super) async fn examine(exam: &mut Exam<'_>, view: &LakeView, ready: &[ExportId]) -> Result<(), CannotLook> {
    exam.watch.begin(Part::Exports, ready.len() as u64);
    let files = view.files(crate::lake::EXPORTS);
    for id in ready {
        let path = Path::from(format!("{id}.csv"));
        match files.head(&path).await {
            Ok(_) => {}
            Err(Error::NotFound { .. }) => exam.found(&Finding {
                part: Part::Exports,
                place: format!("exports/{path}"),
                problem: "it is missing, and its export is said to be ready".to_owned(),
                meaning: "the link of this export leads nowhere; no record is lost",
                advice: "create the export again",
            }),
            Err(error) => return Err(LakeError::from(error).into()),
        }
        exam.watch.advance(1);
    }
    Ok(())
}
