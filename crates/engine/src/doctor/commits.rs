//! The commit log: every row is one that we wrote, none is missing, and they go on from each other.

use annals_core::ids::CommitNumber;
use annals_core::time::Micros;

use super::finding::RESTORE;
use super::sequences::Sequences;
use super::{CannotLook, Exam, Finding, Part};
use crate::commit_log::blob::{self, Record};
use crate::store::{DatabaseView, ShardRow, StoreError};

const MEANING: &str = "the records of these commits are nowhere else: the server refuses to start rather than leave them out";

pub(super) async fn examine(
    exam: &mut Exam<'_>,
    view: &mut DatabaseView,
    row: ShardRow,
    sequences: &mut Sequences,
) -> Result<(), CannotLook> {
    exam.watch.begin(Part::CommitLog, row.last.get() - row.released.get().min(row.last.get()));
    let mut after = CommitNumber::ZERO;
    let mut received_at = Micros::saturating(i64::MIN);
    loop {
        let commits = match view.commits_after(row.shard, after).await {
            Ok(commits) => commits,
            Err(StoreError::Damaged { what }) => {
                exam.found(&finding(format!("rows after commit {after} of shard {}", row.shard), format!("{what} is damaged")));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if commits.is_empty() {
            return Ok(());
        }
        for commit in commits {
            let before = if after == CommitNumber::ZERO { row.released } else { after };
            let place = format!("commit {} of shard {}", commit.number, row.shard);
            if Some(commit.number) != before.next() {
                exam.found(&finding(place.clone(), format!("it follows commit {before}: those between are missing")));
            }
            match blob::decode(row.shard, commit.number, &commit.blob) {
                Ok(body) => {
                    if body.received_at < received_at {
                        exam.found(&finding(place, "it was received before the commit that it follows".to_owned()));
                    }
                    received_at = body.received_at;
                    for record in &body.records {
                        if let Record::AuditEvent(event) = record {
                            sequences.in_log(row.shard, commit.number, event);
                        }
                    }
                }
                Err(error) => {
                    sequences.unreadable_log();
                    exam.found(&finding(place, error.reason));
                }
            }
            exam.examined.commits += 1;
            exam.watch.advance(1);
            after = commit.number;
        }
    }
}

/// The last commits are gone, and nothing in the database tells of them.
pub(super) fn cut(row: &ShardRow, noted: CommitNumber) -> Finding {
    Finding {
        part: Part::CommitLog,
        place: "annals.db".to_owned(),
        problem: format!("it ends at commit {}, and commit {noted} was acknowledged: the newest commits are missing", row.last),
        meaning: "its write-ahead log was cut short, or it is an older copy; the server refuses to start",
        advice: RESTORE,
    }
}

fn finding(place: String, problem: String) -> Finding {
    Finding { part: Part::CommitLog, place, problem, meaning: MEANING, advice: RESTORE }
}
