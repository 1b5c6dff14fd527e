//! A sum over all files of a table, kept in every entry of its log that we write.
//!
//! Delta's log has no checksums: a digit that flips in an entry or a checkpoint, be it of a path, a size or a statistic, would hide records or
//! name the wrong ones. The newest entry says which files there must be, so whatever changed before it is noticed when the table is opened.
//! Entries of older versions and of other writers say nothing, and nothing is checked then.

use std::collections::HashMap;

use deltalake_core::kernel::{Action, Add};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::table::state::DeltaTableState;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::data_file::{Parts, is_packed};
use super::row::Row;
use super::snapshot::{LakeFile, LakeSnapshot};
use super::stats::FileStats;
use super::{LakeError, log};

/// A member of the entry's `commitInfo`.
const MEMBER: &str = "annals.files";
/// A text that begins otherwise is of a later version.
const FORM: &str = "1";

/// What the entry that makes these changes must say.
pub fn after<R: Row>(state: &DeltaTableState, actions: &[Action]) -> Result<(String, Value), LakeError> {
    let files = LakeSnapshot::<R>::of_state(state)?;
    let mut sums: HashMap<String, u128> = files.files().iter().map(|file| (file.path.clone(), sum_of(file))).collect();
    for action in actions {
        match action {
            Action::Add(add) => {
                let file = file_of::<R>(add)?;
                sums.insert(file.path.clone(), sum_of(&file));
            }
            Action::Remove(remove) => {
                sums.remove(&remove.path);
            }
            _ => {}
        }
    }
    Ok((MEMBER.to_owned(), text(sums.values().copied()).into()))
}

/// # Errors
/// `Damaged`: these are not the files that the newest entry tells of.
pub async fn check<R: Row>(log: &LogStoreRef, state: &DeltaTableState) -> Result<(), LakeError> {
    let version = state.version();
    let Some(entry) = log.read_commit_entry(version).await? else { return Ok(()) };
    let Some(said) = log::info(&entry).and_then(|info| info.get(MEMBER)?.as_str().map(str::to_owned)) else { return Ok(()) };
    if !said.starts_with(&format!("{FORM} ")) {
        return Ok(());
    }
    let found = text(LakeSnapshot::<R>::of_state(state)?.files().iter().map(sum_of));
    if found == said {
        return Ok(());
    }
    let reason = format!(
        "the log of {} tells of other files than its entry {version} says: an entry or a checkpoint has changed",
        R::TABLE
    );
    Err(LakeError::damaged(reason))
}

/// The order of files does not matter.
fn text(sums: impl Iterator<Item = u128>) -> String {
    let (count, sum) = sums.fold((0_u64, 0_u128), |(count, sum), one| (count + 1, sum.wrapping_add(one)));
    format!("{FORM} {count} {sum:032x}")
}

fn file_of<R: Row>(add: &Add) -> Result<LakeFile<R>, LakeError> {
    let wrong = || LakeError::damaged(format!("data file {} has no statistics of ours", add.path));
    let stats = add.stats.as_deref().and_then(FileStats::read).ok_or_else(wrong)?;
    let bytes = u64::try_from(add.size).unwrap_or_default();
    let parts = Parts::of_tags(add.tags.as_ref(), bytes).map_err(LakeError::damaged)?;
    Ok(LakeFile { path: add.path.clone(), bytes, stats, parts, is_packed: is_packed(add.tags.as_ref()) })
}

/// Everything that readers believe of a file. Never changes without [`FORM`].
fn sum_of<R: Row>(file: &LakeFile<R>) -> u128 {
    let LakeFile { path, bytes, stats: FileStats { rows, owners, ids, times }, parts, is_packed: _ } = file;
    let mut text = format!("{path}\n{bytes}\n{rows}\n{}\n{}\n{}\n{}\n", owners.least, owners.greatest, ids.least, ids.greatest);
    for time in times {
        text.push_str(&format!("{} {}\n", time.least.get(), time.greatest.get()));
    }
    for (name, value) in parts.iter().flat_map(Parts::tags) {
        text.push_str(&format!("{name}={}\n", value.unwrap_or_default()));
    }
    let digest = Sha256::digest(text);
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(first)
}
