//! A table's log, byte by byte: entries are whole and follow each other, checkpoints can be read.

use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::finding::RESTORE;
use super::{CannotLook, Exam, Finding, Part};
use crate::lake::{LakeError, log};

const MEANING: &str = "the log says which data files count; the server refuses to start rather than believe a damaged one";

/// The log of one table, whose name only serves messages.
pub(super) async fn examine(exam: &mut Exam<'_>, table: &str, files: &dyn ObjectStore) -> Result<(), CannotLook> {
    let entries = log::list(files, Some(log::FOLDER)).await?;
    exam.watch.begin(Part::TableLogs, entries.len() as u64);
    let mut last = None;
    for meta in &entries {
        let name = meta.location.filename().unwrap_or_default();
        let place = format!("{table}/{}", meta.location);
        let problem = match kind(name) {
            Kind::Entry(version) => {
                let follows = last.is_none_or(|last| version == last + 1);
                last = Some(version);
                if !follows {
                    exam.found(&finding(place.clone(), "an entry before it is missing".to_owned()));
                }
                problem_of(files, meta, entry_problem).await?
            }
            Kind::Checkpoint => problem_of(files, meta, checkpoint_problem).await?,
            Kind::LastCheckpoint => problem_of(files, meta, json_problem).await?,
            Kind::Other => None,
        };
        if let Some(problem) = problem {
            exam.found(&finding(place, problem));
        }
        exam.watch.advance(1);
    }
    Ok(())
}

enum Kind {
    Entry(u64),
    Checkpoint,
    LastCheckpoint,
    Other,
}

fn kind(name: &str) -> Kind {
    match name.split_once('.') {
        Some((version, "json")) => version.parse().map_or(Kind::Other, Kind::Entry),
        Some((_, rest)) if rest.starts_with("checkpoint") && rest.ends_with("parquet") => Kind::Checkpoint,
        _ if name == "_last_checkpoint" => Kind::LastCheckpoint,
        _ => Kind::Other,
    }
}

/// `None`: there is none, or a running server took the file away.
async fn problem_of(
    files: &dyn ObjectStore,
    meta: &ObjectMeta,
    check: fn(bytes::Bytes) -> Option<String>,
) -> Result<Option<String>, CannotLook> {
    let read = async { files.get(&meta.location).await?.bytes().await };
    match read.await {
        Ok(bytes) => Ok(tokio::task::spawn_blocking(move || check(bytes)).await?),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(LakeError::from(error).into()),
    }
}

/// Each line is one action: an object with one member that Delta knows.
fn entry_problem(bytes: bytes::Bytes) -> Option<String> {
    const ACTIONS: [&str; 7] = ["commitInfo", "protocol", "metaData", "add", "remove", "txn", "domainMetadata"];
    let Ok(text) = std::str::from_utf8(&bytes) else { return Some("it is no text".to_owned()) };
    let mut actions = 0;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let known =
            |action: &Value| action.as_object().is_some_and(|one| one.keys().all(|name| ACTIONS.contains(&name.as_str())));
        match serde_json::from_str(line) {
            Ok(action) if known(&action) => actions += 1,
            Ok(_) => return Some(format!("line {} holds no action that is known", at + 1)),
            Err(error) => return Some(format!("line {} is not JSON: {error}", at + 1)),
        }
    }
    (actions == 0).then(|| "it is empty".to_owned())
}

fn json_problem(bytes: bytes::Bytes) -> Option<String> {
    serde_json::from_slice::<Value>(&bytes).err().map(|error| format!("it is not JSON: {error}"))
}

fn checkpoint_problem(bytes: bytes::Bytes) -> Option<String> {
    let reader = match ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|builder| builder.build()) {
        Ok(reader) => reader,
        Err(error) => return Some(error.to_string()),
    };
    reader.filter_map(Result::err).next().map(|error| error.to_string())
}

pub(super) fn finding(place: String, problem: String) -> Finding {
    Finding { part: Part::TableLogs, place, problem, meaning: MEANING, advice: RESTORE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_judged_by_their_lines() {
        for (text, good) in [
            ("{\"add\":{}}\n{\"commitInfo\":{}}", true),
            ("{\"add\":{}}\n{\"commitInfo\":{", false),
            ("{\"ad\":{}}\n", false),
            ("[]\n", false),
            ("", false),
        ] {
            assert_eq!(entry_problem(text.as_bytes().to_vec().into()).is_none(), good, "{text}");
        }
    }
}
