//! Runs of keys that nobody sent, laid out as a day of regular seals and merges leaves them: a measurement should not have to send fifty
//! million events to know what holding their keys costs.

use std::path::Path;

use super::entry::{BodyDigest, KeyDigest, KeyEntry, Seconds};
use super::error::KeyIndexError;
use super::merge::RUNS_PER_MERGE;
use super::run_writer::{Labels, RunWriter};

/// Keys of one regular seal.
const SEAL_KEYS: u64 = 65_536;

/// Writes runs of `keys` keys, all used at `at`, into a folder that has none.
///
/// # Errors
/// The folder cannot be written.
pub fn fill(folder: &Path, keys: u64, at: Seconds) -> Result<(), KeyIndexError> {
    std::fs::create_dir_all(folder).map_err(KeyIndexError::io("create", folder))?;
    let mut left = keys;
    for sequence in 0.. {
        let Some((tier, size)) = largest_run(left) else { break };
        RunWriter::write(folder, sequence, |run| {
            // Ascending as they are made: one key in each of as many equal parts of all digests.
            let part = u64::MAX / size;
            (0..size).try_for_each(|number| {
                let drawn = spread(sequence.wrapping_mul(u64::MAX / 64) ^ number);
                let key = u128::from(number * part + drawn % part) << 64 | u128::from(drawn);
                run.push(KeyEntry { key: KeyDigest(key.to_be_bytes()), body: BodyDigest([0; 12]), at })
            })?;
            // Of no commit: all of the log is replayed.
            Ok(Labels { tier, through: 0 })
        })?;
        left -= size;
    }
    Ok(())
}

/// Tier and size of the largest run that so many keys end in.
fn largest_run(keys: u64) -> Option<(u32, u64)> {
    let sizes = (0..).map(|tier| (tier, SEAL_KEYS * (RUNS_PER_MERGE as u64).pow(tier)));
    sizes.take_while(|(_, size)| *size <= keys).last().or((keys > 0).then_some((0, keys)))
}

/// A bijection that leaves no pattern.
fn spread(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit_log::keys::KeyIndex;

    #[test]
    fn what_is_filled_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let now = Seconds(1_000_000);
        fill(&folder.path().join("keys"), 8 * SEAL_KEYS + 2 * SEAL_KEYS + 5, now).unwrap();
        let index = KeyIndex::open(&folder.path().join("keys"), now).unwrap();
        let keys: Vec<_> = index.runs.iter().map(|run| (run.footer.tier, run.footer.keys)).collect();
        assert_eq!(keys, [(1, 8 * SEAL_KEYS), (0, SEAL_KEYS), (0, SEAL_KEYS), (0, 5)]);
        assert_eq!(index.sealed_through(), Some(0));
    }
}
