//! Runs of idempotency keys: every byte is as it was written.

use std::path::PathBuf;

use super::{CannotLook, Exam, Finding, Part};
use crate::clock::{Clock, SystemClock};
use crate::commit_log::keys::{KeyIndexError, look};
use crate::commit_log::seconds;

pub(super) async fn examine(exam: &mut Exam<'_>, folder: PathBuf) -> Result<(), CannotLook> {
    let cannot = |folder: PathBuf| move |error| CannotLook::File(folder.display().to_string(), error);
    let now = seconds(SystemClock.now());
    match look::missing(&folder, now) {
        Ok(missing) => missing.iter().for_each(|path| exam.found(&gone(path.display().to_string()))),
        Err(KeyIndexError::Io { source, path, .. }) => return Err(CannotLook::File(path.display().to_string(), source)),
        Err(error) => exam.found(&finding(folder.with_extension("list").display().to_string(), error.to_string())),
    }
    let runs = look::runs(&folder).map_err(cannot(folder.clone()))?;
    exam.watch.begin(Part::Keys, runs.len() as u64);
    for path in runs {
        let checking = path.clone();
        match tokio::task::spawn_blocking(move || look::check(&checking)).await? {
            Ok(()) => exam.examined.runs += 1,
            // A running server merges runs and lets old ones expire.
            Err(KeyIndexError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(KeyIndexError::Io { source, .. }) => return Err(CannotLook::File(path.display().to_string(), source)),
            Err(error) => exam.found(&finding(path.display().to_string(), error.to_string())),
        }
        exam.watch.advance(1);
    }
    Ok(())
}

fn gone(place: String) -> Finding {
    Finding {
        part: Part::Keys,
        place,
        problem: "it is missing".to_owned(),
        meaning: "a request that is sent again within 24 hours might be stored twice; /ready says so, and the rest is served",
        advice: "restore the file from a backup of the same day; otherwise this ends by itself when its keys would have expired",
    }
}

fn finding(place: String, problem: String) -> Finding {
    Finding {
        part: Part::Keys,
        place,
        problem,
        meaning: "a request that is sent again within 24 hours might be stored twice: the server refuses to start, or to answer it",
        advice: "restore the file from a backup of the same day; or move it away, and accept that retries of its hours are stored again",
    }
}
