//! Whether the seqs of each organization begin where its purges ended, are dense over lake and commit log, and end where the saved heads
//! say.
//!
//! Files are sorted by organization and seq, so a file is a few unbroken stretches for each organization: that is all that is kept.

use std::collections::BTreeMap;

use annals_core::event::{CommittedEvent, NormalEvent, RetentionPurged};
use annals_core::ids::{CommitNumber, OrganizationId, ShardId};

use super::finding::RESTORE;
use super::{Exam, Finding, Known, Part};
use crate::commit_log::blob::AuditRecord;

/// So many organizations are named; of the others only their number is said.
const NAMED_MAX: usize = 20;

type Owner = (OrganizationId, ShardId);

/// Seqs without a hole, both ends inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    first: u64,
    last: u64,
}

#[derive(Default)]
pub(super) struct Sequences {
    stretches: BTreeMap<Owner, Vec<Stretch>>,
    open: Option<(Owner, Stretch)>,
    /// What the commit log has, until it is known what of it is in the lake too.
    logged: Vec<(ShardId, CommitNumber, OrganizationId, u64)>,
    log_unreadable: bool,
    /// The first seqs that are there, as the logs of organizations say of their own purges.
    purged: BTreeMap<Owner, u64>,
}

impl Sequences {
    pub fn in_log(&mut self, shard: ShardId, commit: CommitNumber, event: &AuditRecord) {
        self.logged.push((shard, commit, event.organization, event.seq));
        self.hear(event.organization, &event.event);
    }

    fn hear(&mut self, organization: OrganizationId, event: &NormalEvent) {
        if let Some(purge) = RetentionPurged::of(event) {
            let first = self.purged.entry((organization, purge.shard)).or_default();
            *first = (*first).max(purge.through_seq + 1);
        }
    }

    /// Some commits cannot be read, so seqs are missing: that was told.
    pub fn unreadable_log(&mut self) {
        self.log_unreadable = true;
    }

    /// These commits are in the lake too.
    pub fn drop_logged_through(&mut self, shard: ShardId, flushed: CommitNumber) {
        self.logged.retain(|(of, commit, ..)| *of != shard || *commit > flushed);
    }

    pub fn in_lake(&mut self, event: &CommittedEvent) {
        self.add((event.organization, event.id.shard()), event.seq);
        self.hear(event.organization, &event.event);
    }

    fn add(&mut self, owner: Owner, seq: u64) {
        if let Some((open, stretch)) = &mut self.open
            && *open == owner
            && stretch.last + 1 == seq
        {
            stretch.last = seq;
            return;
        }
        self.end_stretch();
        self.open = Some((owner, Stretch { first: seq, last: seq }));
    }

    fn end_stretch(&mut self) {
        if let Some((owner, stretch)) = self.open.take() {
            self.stretches.entry(owner).or_default().push(stretch);
        }
    }

    pub fn examine(mut self, exam: &mut Exam<'_>, known: &Known) {
        self.logged.sort_unstable_by_key(|(shard, _, organization, seq)| (*organization, *shard, *seq));
        for (shard, _, organization, seq) in std::mem::take(&mut self.logged) {
            self.add((organization, shard), seq);
        }
        self.end_stretch();
        let heads: BTreeMap<Owner, u64> =
            known.heads.iter().map(|(shard, organization, next)| ((*organization, *shard), *next)).collect();
        exam.watch.begin(Part::Sequences, self.stretches.len() as u64);
        let mut problems = Vec::new();
        for (owner, mut stretches) in self.stretches {
            stretches.sort_unstable();
            let saved = heads.get(&owner).copied();
            // Of an organization that was deleted, the oldest events go without a word.
            let is_told = known.organizations.contains(&owner.0) && !self.log_unreadable;
            let first = is_told.then(|| self.purged.get(&owner).copied().unwrap_or(0));
            if let Some(problem) = problem_of(&stretches, first, saved.filter(|_| !self.log_unreadable)) {
                problems.push((owner, problem));
            }
            exam.watch.advance(1);
        }
        for ((organization, shard), problem) in problems.iter().take(NAMED_MAX) {
            exam.found(&finding(format!("{organization} in shard {shard}"), problem.clone()));
        }
        if problems.len() > NAMED_MAX {
            exam.found(&finding(format!("{} more organizations", problems.len() - NAMED_MAX), "the same".to_owned()));
        }
    }
}

/// What is wrong with the stretches of one organization, sorted. `first`: no later one may be the first, because no purge took it.
/// `saved`: the seq that its next event took when rows last left the commit log.
fn problem_of(stretches: &[Stretch], first: Option<u64>, saved: Option<u64>) -> Option<String> {
    let mut next: Option<u64> = None;
    for stretch in stretches {
        match next {
            None if first.is_some_and(|first| stretch.first > first) => {
                let (first, last) = (first.unwrap_or(0), stretch.first - 1);
                return Some(format!("events {first} to {last} are missing, and no purge is recorded that took them"));
            }
            // What came before was purged: the oldest go first, and a prefix of them.
            None => {}
            Some(next) if stretch.first > next => return Some(format!("events {next} to {} are missing", stretch.first - 1)),
            Some(next) if stretch.first < next => {
                return Some(format!("events {} to {} are there twice", stretch.first, stretch.last.min(next - 1)));
            }
            Some(_) => {}
        }
        next = Some(stretch.last + 1);
    }
    match (next, saved) {
        (Some(next), Some(saved)) if next < saved => Some(format!("events {next} to {} are missing", saved - 1)),
        _ => None,
    }
}

fn finding(place: String, problem: String) -> Finding {
    Finding {
        part: Part::Sequences,
        place,
        problem,
        meaning: "every event of an organization has the next number: what is missing was recorded once, and is not here",
        advice: RESTORE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_doubles_and_lost_ends_are_found() {
        let of =
            |ends: &[(u64, u64)]| ends.iter().map(|(first, last)| Stretch { first: *first, last: *last }).collect::<Vec<_>>();
        for (stretches, first, saved, expected) in [
            (of(&[(0, 4), (5, 5), (6, 9)]), Some(0), Some(10), None),
            (of(&[(3, 4), (5, 9)]), None, Some(7), None),
            (of(&[(3, 4), (5, 9)]), Some(3), Some(7), None),
            // A purge that was recorded and has not taken all yet.
            (of(&[(3, 9)]), Some(5), Some(7), None),
            (of(&[(3, 9)]), Some(2), None, Some("events 2 to 2 are missing, and no purge is recorded that took them")),
            (of(&[(0, 4), (6, 9)]), None, None, Some("events 5 to 5 are missing")),
            (of(&[(0, 4), (3, 9)]), None, None, Some("events 3 to 4 are there twice")),
            (of(&[(0, 4)]), Some(0), Some(7), Some("events 5 to 6 are missing")),
        ] {
            assert_eq!(problem_of(&stretches, first, saved).as_deref(), expected);
        }
    }
}
