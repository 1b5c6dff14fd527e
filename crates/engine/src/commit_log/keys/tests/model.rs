//! The index against a hash map, in random order, with crashes: whatever is sealed, merged, expired or replayed, the answers
//! are those of the map.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The clock that stamped the requests may be a little behind.
    Commit {
        batch: Vec<(u32, u8)>,
        behind_seconds: u32,
    },
    Seal {
        commits_left: u64,
        rows_leave: bool,
    },
    /// Until `FinishSeal`, other steps happen while the run is written.
    PlanSeal,
    FinishSeal,
    Merge,
    PlanMerge,
    FinishMerge,
    Expire,
    Wait {
        minutes: u32,
    },
    /// The process dies and starts again. A merge that was written but not finished leaves its file.
    Crash {
        replays_from_seal: bool,
        merge_was_written: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let commit = (prop::collection::vec((0..30_u32, 0..2_u8), 0..6), 0..600_u32)
        .prop_map(|(batch, behind_seconds)| Step::Commit { batch, behind_seconds });
    let seal = (0..3_u64, any::<bool>()).prop_map(|(commits_left, rows_leave)| Step::Seal { commits_left, rows_leave });
    let crash = (any::<bool>(), any::<bool>())
        .prop_map(|(replays_from_seal, merge_was_written)| Step::Crash { replays_from_seal, merge_was_written });
    let step = prop_oneof![
        12 => commit,
        10 => seal,
        2 => Just(Step::PlanSeal),
        2 => Just(Step::FinishSeal),
        2 => Just(Step::Merge),
        2 => Just(Step::PlanMerge),
        2 => Just(Step::FinishMerge),
        1 => Just(Step::Expire),
        3 => (0..900_u32).prop_map(|minutes| Step::Wait { minutes }),
        2 => crash,
    ];
    prop::collection::vec(step, 1..90)
}

struct World {
    folder: TempDir,
    index: KeyIndex,
    now: Seconds,
    /// What the map says: the last entry that was accepted for each key.
    accepted: HashMap<u32, KeyEntry>,
    /// The commit log, from which only sealed commits leave.
    log: Vec<(u64, KeyEntry)>,
    last_commit: u64,
    seal: Option<Seal>,
    merge: Option<Merge>,
}

impl World {
    fn expected(&self, number: u32, with: BodyDigest) -> Seen {
        let live = self.accepted.get(&number).filter(|entry| entry.at.is_live(self.now));
        live.map_or(Seen::Never, |entry| entry.seen_with(with))
    }

    fn commit(&mut self, batch: &[(u32, u8)], received: Seconds) {
        self.last_commit += 1;
        let entries: Vec<KeyEntry> =
            batch.iter().map(|(number, with)| KeyEntry { body: body(*with), ..entry(*number, received) }).collect();
        let seen = self.index.probe_batch(&entries, self.now).unwrap();
        for (((number, _), entry), seen) in batch.iter().zip(entries).zip(seen) {
            assert_eq!(seen, self.expected(*number, entry.body), "key {number} at {:?}", self.now);
            if seen == Seen::Never {
                self.accepted.insert(*number, entry);
                self.log.push((self.last_commit, entry));
                self.index.insert(self.last_commit, entry);
            }
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Commit { batch, behind_seconds } => self.commit(&batch, Seconds(self.now.0 - behind_seconds)),
            Step::Seal { commits_left, rows_leave } => {
                let through = self.last_commit.saturating_sub(commits_left);
                self.index.seal(through).unwrap();
                if rows_leave {
                    self.log.retain(|(commit, _)| *commit > through);
                }
            }
            Step::PlanSeal => self.seal = self.index.plan_seal(self.last_commit).unwrap(),
            Step::FinishSeal => {
                if let Some(seal) = self.seal.take() {
                    self.index.finish_seal(seal.write().unwrap());
                }
            }
            Step::Merge => drop(merge(&mut self.index, self.now).unwrap()),
            Step::PlanMerge => self.merge = self.index.plan_merge(self.now),
            Step::FinishMerge => {
                if let Some(merge) = self.merge.take() {
                    self.index.finish_merge(merge.write().unwrap()).unwrap();
                }
            }
            Step::Expire => self.index.expire(self.now).unwrap(),
            Step::Wait { minutes } => self.now.0 += minutes * 60,
            Step::Crash { replays_from_seal, merge_was_written } => self.crash(replays_from_seal, merge_was_written),
        }
    }

    fn crash(&mut self, replays_from_seal: bool, merge_was_written: bool) {
        self.seal = None;
        if let Some(merge) = self.merge.take().filter(|_| merge_was_written) {
            drop(merge.write().unwrap());
        }
        self.index = open(&self.folder, self.now);
        let sealed = self.index.sealed_through().filter(|_| replays_from_seal);
        for (commit, entry) in &self.log {
            if sealed.is_none_or(|through| *commit > through) {
                self.index.insert(*commit, *entry);
            }
        }
    }

    fn check_every_key(&self) {
        for number in 0..30 {
            for with in [body(0), body(1)] {
                let seen = probe_with(&self.index, number, with, self.now).unwrap();
                assert_eq!(seen, self.expected(number, with), "key {number} at {:?}", self.now);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn answers_like_a_hash_map(steps in steps()) {
        let folder = TempDir::new().unwrap();
        let mut world = World {
            index: open(&folder, NOON),
            folder,
            now: NOON,
            accepted: HashMap::new(),
            log: Vec::new(),
            last_commit: 0,
            seal: None,
            merge: None,
        };
        for step in steps {
            world.take(step);
            world.check_every_key();
        }
    }
}
