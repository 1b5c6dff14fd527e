//! What the index promises, and what a damaged disk does to it.

mod damage;
mod model;

use std::fs;

use tempfile::TempDir;

use super::entry::KEY_LIFETIME_SECONDS;
use super::index::RUNS_MAX;
use super::merge::Merge;
use super::seal::Seal;
use super::*;

/// Neighbours share a prefix, so that filters meet equal prefixes and look-ups must compare whole digests.
fn key(number: u32) -> KeyDigest {
    let mut digest = [0; 16];
    digest[..4].copy_from_slice(&(number / 2).wrapping_mul(0x9e37_79b9).to_be_bytes());
    digest[4..8].copy_from_slice(&(number / 2).to_be_bytes());
    digest[12..].copy_from_slice(&number.to_be_bytes());
    KeyDigest(digest)
}

fn body(number: u8) -> BodyDigest {
    BodyDigest([number; 12])
}

fn entry(number: u32, at: Seconds) -> KeyEntry {
    KeyEntry { key: key(number), body: body(0), at }
}

const NOON: Seconds = Seconds(1_790_000_000);

fn later(seconds: u32) -> Seconds {
    Seconds(NOON.0 + seconds)
}

fn open(folder: &TempDir, now: Seconds) -> KeyIndex {
    KeyIndex::open(&folder.path().join("keys"), now).unwrap()
}

/// An index whose keys `0..count` are sealed in one run.
fn sealed(folder: &TempDir, count: u32) -> KeyIndex {
    let mut index = open(folder, NOON);
    (0..count).for_each(|number| index.insert(1, entry(number, NOON)));
    index.seal(1).unwrap();
    index
}

fn probe_with(index: &KeyIndex, number: u32, body: BodyDigest, now: Seconds) -> Result<Seen, KeyIndexError> {
    index.probe_batch(&[KeyEntry { body, ..entry(number, now) }], now).map(|seen| seen[0])
}

fn probe(index: &KeyIndex, number: u32, now: Seconds) -> Seen {
    probe_with(index, number, body(0), now).unwrap()
}

/// False when there was none to do.
fn merge(index: &mut KeyIndex, now: Seconds) -> Result<bool, KeyIndexError> {
    let Some(merge) = index.plan_merge(now) else { return Ok(false) };
    index.finish_merge(merge.write()?)?;
    Ok(true)
}

fn files(folder: &TempDir) -> Vec<String> {
    let names = fs::read_dir(folder.path().join("keys")).unwrap();
    let mut names: Vec<String> = names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_key_is_remembered_for_a_day_wherever_it_lives() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    index.insert(1, entry(7, NOON));
    for place in ["active", "sealed", "reopened"] {
        match place {
            "sealed" => index.seal(1).unwrap(),
            "reopened" => index = open(&folder, NOON),
            _ => {}
        }
        assert_eq!(probe(&index, 7, later(KEY_LIFETIME_SECONDS)), Seen::SameBody, "{place}");
        assert_eq!(probe_with(&index, 7, body(1), NOON).unwrap(), Seen::OtherBody, "{place}");
        assert_eq!(probe(&index, 7, later(KEY_LIFETIME_SECONDS + 1)), Seen::Never, "{place}");
        assert_eq!(probe(&index, 6, NOON), Seen::Never, "{place}: shares the prefix");
        // The clock may be set back between two commits.
        assert_eq!(probe(&index, 7, Seconds(NOON.0 - 90)), Seen::SameBody, "{place}");
    }
}

#[test]
fn after_the_clock_was_set_back_the_later_use_of_a_key_counts() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    let (first, second) = (entry(1, NOON), KeyEntry { body: body(1), ..entry(1, later(KEY_LIFETIME_SECONDS + 60)) });
    for (commit, entry) in [(1, second), (2, first)] {
        index.insert(commit, entry);
        index.seal(commit).unwrap();
    }
    // Both count at this time, although the first had expired when the second came.
    let now = later(KEY_LIFETIME_SECONDS);
    assert_eq!(probe_with(&index, 1, body(1), now).unwrap(), Seen::SameBody);
    assert_eq!(index.probe_batch(&[second, first], now).unwrap(), [Seen::SameBody, Seen::OtherBody]);
}

#[test]
fn a_batch_sees_its_own_earlier_keys() {
    let folder = TempDir::new().unwrap();
    let mut index = sealed(&folder, 4);
    index.insert(2, entry(100, NOON));
    let other = KeyEntry { body: body(1), ..entry(50, NOON) };
    let batch = [entry(50, NOON), entry(50, NOON), other, entry(3, NOON), entry(100, NOON), entry(51, NOON)];
    let seen = index.probe_batch(&batch, NOON).unwrap();
    use Seen::*;
    assert_eq!(seen, [Never, SameBody, OtherBody, SameBody, SameBody, Never]);
    assert_eq!(probe(&index, 50, NOON), Never, "a probe inserts nothing");
    assert_eq!(index.probe_batch(&[], NOON).unwrap(), []);
}

#[test]
fn a_seal_takes_only_its_commits() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    (1..=10).for_each(|commit| index.insert(commit, entry(commit as u32, NOON)));
    index.seal(0).unwrap();
    assert_eq!((files(&folder).len(), index.sealed_through()), (0, None));
    index.seal(6).unwrap();
    assert_eq!((files(&folder).len(), index.active.len(), index.sealed_through()), (1, 4, Some(6)));
    let index = open(&folder, NOON);
    let known = (1..=10).filter(|number| probe(&index, *number, NOON) != Seen::Never);
    assert_eq!(known.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_commit_that_lands_while_a_seal_is_written_stays_active() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    index.insert(1, entry(1, NOON));
    let seal = index.plan_seal(u64::MAX).unwrap().unwrap();
    assert_eq!(probe(&index, 1, NOON), Seen::SameBody, "still known while the run is written");
    index.insert(2, entry(2, NOON));
    index.finish_seal(seal.write().unwrap());
    assert_eq!((index.active.len(), index.sealed_through()), (1, Some(1)));
    assert_eq!(probe(&index, 2, NOON), Seen::SameBody);
}

#[test]
fn whole_runs_expire_also_at_open() {
    let folder = TempDir::new().unwrap();
    let mut index = sealed(&folder, 10);
    index.insert(2, entry(11, later(3_600)));
    index.seal(2).unwrap();
    index.expire(later(KEY_LIFETIME_SECONDS)).unwrap();
    assert_eq!(files(&folder).len(), 2);
    index.expire(later(KEY_LIFETIME_SECONDS + 1)).unwrap();
    assert_eq!(files(&folder).len(), 1);
    open(&folder, later(KEY_LIFETIME_SECONDS + 3_601));
    assert_eq!(files(&folder).len(), 0);
}

#[test]
fn eight_runs_become_one_and_old_or_doubled_keys_go() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    for commit in 0..8 {
        let at = later(commit * 3_600);
        (0..500).for_each(|number| index.insert(commit.into(), entry(commit * 500 + number, at)));
        index.insert(commit.into(), entry(9_999, at));
        assert!(!merge(&mut index, at).unwrap());
        index.seal(commit.into()).unwrap();
    }
    // Two of the eight hours are older than a day by now.
    let now = later(KEY_LIFETIME_SECONDS + 3_601);
    assert!(merge(&mut index, now).unwrap());
    assert!(!merge(&mut index, now).unwrap());
    assert_eq!(files(&folder).len(), 1);
    for index in [index, open(&folder, now)] {
        assert_eq!((index.runs[0].footer.keys, index.runs[0].footer.tier, index.sealed_through()), (3_001, 1, Some(7)));
        assert_eq!(probe(&index, 999, now), Seen::Never);
        assert_eq!(probe(&index, 1_000, now), Seen::SameBody);
        assert_eq!(probe(&index, 9_999, later(7 * 3_600 + KEY_LIFETIME_SECONDS)), Seen::SameBody, "the newest counts");
    }
}

#[test]
fn a_merge_of_nothing_live_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    for commit in 1..=8 {
        index.insert(commit, entry(commit as u32, NOON));
        index.seal(commit).unwrap();
    }
    assert!(merge(&mut index, later(KEY_LIFETIME_SECONDS + 1)).unwrap());
    assert_eq!(files(&folder).len(), 0);
}

#[test]
fn a_crash_between_a_merge_and_its_deletions_is_harmless() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    for commit in 1..=8 {
        index.insert(commit, entry(commit as u32, NOON));
        index.seal(commit).unwrap();
    }
    let _ = index.plan_merge(NOON).unwrap().write().unwrap();
    drop(index);
    let mut index = open(&folder, NOON);
    assert_eq!(files(&folder).len(), 9);
    assert!(merge(&mut index, NOON).unwrap());
    assert_eq!(files(&folder).len(), 2);
    assert!((1..=8).all(|number| probe(&index, number, NOON) == Seen::SameBody));
}

#[test]
fn a_run_of_several_segments_and_a_broken_last_block_finds_every_key() {
    let folder = TempDir::new().unwrap();
    let count = 2 * run_file::SEGMENT_KEYS as u32 + 77;
    for index in [sealed(&folder, count), open(&folder, NOON)] {
        let run = &index.runs[0];
        assert_eq!((run.segments.filters().len(), run.footer.keys), (3, count.into()));
        assert!((0..count).all(|number| run.may_hold(key(number))));
        assert!((0..count).step_by(101).all(|number| probe(&index, number, NOON) == Seen::SameBody));
        let strangers = (count + 1..count + 200_000).filter(|number| run.may_hold(key(*number)));
        assert!(strangers.count() < 20, "about three are expected");
    }
}

#[test]
fn runs_have_a_maximum() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    let one = |index: &mut KeyIndex, commit: u64| {
        index.insert(commit, entry(commit as u32, NOON));
        index.seal(commit)
    };
    (0..RUNS_MAX as u64).for_each(|commit| one(&mut index, commit).unwrap());
    let refused = one(&mut index, RUNS_MAX as u64).unwrap_err();
    assert!(matches!(refused, KeyIndexError::TooManyRuns { runs: RUNS_MAX, .. }), "{refused}");
    assert_eq!(probe(&index, RUNS_MAX as u32, NOON), Seen::SameBody, "the key is still active");
    while merge(&mut index, NOON).unwrap() {}
    assert_eq!(files(&folder).len(), 1, "512 runs are three tiers of eight");
    index.seal(RUNS_MAX as u64).unwrap();
}
