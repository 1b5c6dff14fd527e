//! A disk that lies: every torn length and every flipped byte is noticed before it changes an answer.

use std::path::PathBuf;

use super::super::run_writer::FINISHED;
use super::*;

const KEYS: u32 = 300;

fn run_of(folder: &TempDir) -> PathBuf {
    sealed(folder, KEYS);
    folder.path().join("keys").join(&files(folder)[0])
}

fn is_refused(folder: &TempDir) -> bool {
    match KeyIndex::open(&folder.path().join("keys"), NOON) {
        Ok(_) => false,
        Err(KeyIndexError::Damaged { path, .. } | KeyIndexError::UnknownVersion { path, .. }) => {
            path.extension().is_some_and(|ending| ending == FINISHED)
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_torn_length_is_refused_at_open() {
    let folder = TempDir::new().unwrap();
    let path = run_of(&folder);
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(is_refused(&folder), "{length} of {} bytes", whole.len());
    }
    fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
    assert!(is_refused(&folder), "one byte too many");
}

/// One of them, or all with their folder. What is left is used, and the list names the others until their keys would have expired.
#[test]
fn a_run_that_is_gone_is_missed_until_it_would_have_expired() {
    for all in [false, true] {
        let folder = TempDir::new().unwrap();
        let mut index = sealed(&folder, KEYS);
        index.insert(2, entry(KEYS, later(60)));
        index.seal(2).unwrap();
        drop(index);
        let runs = files(&folder);
        if all {
            fs::remove_dir_all(folder.path().join("keys")).unwrap();
        } else {
            fs::remove_file(folder.path().join("keys").join(&runs[0])).unwrap();
        }
        for _ in 0..2 {
            let mut index = open(&folder, later(60));
            let missing: Vec<_> = index.missing().iter().map(|missing| missing.sequence).collect();
            assert_eq!(missing, if all { vec![0, 1] } else { vec![0] });
            assert_eq!(look::missing(&folder.path().join("keys"), later(60)).unwrap().len(), missing.len());
            assert_eq!(probe(&index, KEYS, later(60)), if all { Seen::Never } else { Seen::SameBody });
            // Its number is not given again.
            index.insert(3, entry(KEYS + 1, later(60)));
            index.seal(3).unwrap();
            assert!(!files(&folder).contains(&runs[0]));
        }
        let late = later(60 + 2 * KEY_LIFETIME_SECONDS);
        assert_eq!(look::missing(&folder.path().join("keys"), late).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(open(&folder, late).missing(), []);
    }
}

#[test]
fn a_list_that_changed_is_refused() {
    let folder = TempDir::new().unwrap();
    sealed(&folder, KEYS);
    let path = folder.path().join("keys.list");
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() - 1 {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        assert!(matches!(KeyIndex::open(&folder.path().join("keys"), NOON), Err(KeyIndexError::Damaged { .. })), "byte {at}");
    }
}

#[test]
fn a_flipped_byte_is_refused_at_open_or_when_its_block_is_read() {
    let folder = TempDir::new().unwrap();
    let path = run_of(&folder);
    let whole = fs::read(&path).unwrap();
    let entries_end = KEYS as usize * entry::ENTRY_BYTES;
    for offset in (0..whole.len()).step_by(5) {
        let mut flipped = whole.clone();
        flipped[offset] ^= 0x10;
        fs::write(&path, &flipped).unwrap();
        if offset >= entries_end {
            assert!(is_refused(&folder), "byte {offset}");
            continue;
        }
        let index = open(&folder, NOON);
        let answers: Vec<_> = (0..KEYS).map(|number| probe_with(&index, number, body(0), NOON)).collect();
        let in_block = (KEYS as usize - offset / run_file::BLOCK_BYTES * 128).min(128);
        let refused = answers.iter().filter(|answer| matches!(answer, Err(KeyIndexError::Damaged { .. })));
        assert_eq!(refused.count(), in_block, "byte {offset}");
        assert!(answers.iter().flatten().all(|seen| *seen == Seen::SameBody), "byte {offset}");
    }
}

#[test]
fn a_damaged_source_stops_a_merge_and_nothing_is_lost() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    for commit in 1..=8 {
        index.insert(commit, entry(commit as u32, NOON));
        index.seal(commit).unwrap();
    }
    let path = folder.path().join("keys").join(&files(&folder)[3]);
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    fs::write(&path, &flipped).unwrap();
    let refused = merge(&mut index, NOON).unwrap_err();
    assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
    assert_eq!(files(&folder).len(), 8, "no half of a run is left behind");
    fs::write(&path, &whole).unwrap();
    assert!(merge(&mut index, NOON).unwrap());
}

#[test]
fn a_seal_that_fails_keeps_its_keys() {
    let folder = TempDir::new().unwrap();
    let mut index = open(&folder, NOON);
    index.insert(1, entry(1, NOON));
    fs::remove_dir(folder.path().join("keys")).unwrap();
    assert!(matches!(index.seal(1), Err(KeyIndexError::Io { .. })));
    assert_eq!(probe(&index, 1, NOON), Seen::SameBody);
    fs::create_dir(folder.path().join("keys")).unwrap();
    index.seal(1).unwrap();
    assert_eq!(probe(&open(&folder, NOON), 1, NOON), Seen::SameBody);
}

#[test]
fn unfinished_files_go_and_foreign_files_stay() {
    let folder = TempDir::new().unwrap();
    sealed(&folder, 3);
    for name in ["00000000000000000009.unfinished", "notes.txt", "first.keys"] {
        fs::write(folder.path().join("keys").join(name), b"something").unwrap();
    }
    open(&folder, NOON);
    assert_eq!(files(&folder), ["00000000000000000000.keys", "first.keys", "notes.txt"]);
}

#[test]
fn a_newer_format_is_named_as_such() {
    let folder = TempDir::new().unwrap();
    let path = run_of(&folder);
    let mut bytes = fs::read(&path).unwrap();
    let version = bytes.len() - run_file::FOOTER_BYTES + 8;
    bytes[version] = 2;
    fs::write(&path, &bytes).unwrap();
    let refused = KeyIndex::open(&folder.path().join("keys"), NOON).err();
    assert!(matches!(refused, Some(KeyIndexError::UnknownVersion { version: 2, .. })));
}
