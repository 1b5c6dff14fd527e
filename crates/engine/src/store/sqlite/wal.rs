//! SQLite's write-ahead log, looked at before SQLite does: it takes a frame with a wrong checksum for the end of what was written, and so
//! would forget acknowledged commits when a byte flips in the middle.
//!
//! A power cut may leave a torn end, which was never acknowledged: the next transaction is only written when the one before it is synced.
//! So whole transactions behind a torn frame cannot be, and are told.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The last bit says in which order of bytes the checksums are made.
const MAGIC: u32 = 0x377f_0682;
const PAGE_BYTES_MAX: usize = 65_536;

/// What is wrong with the log beside a database; `None` when nothing is, or when there is no log.
pub(super) fn fault(database: &Path) -> io::Result<Option<String>> {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    let mut file = match File::open(&name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => BufReader::with_capacity(1024 * 1024, file?),
    };
    let mut header = [0; HEADER_BYTES];
    // Nothing was ever written, or the first write was torn before anything counted.
    if !filled(&mut file, &mut header)? || header == [0; HEADER_BYTES] {
        return Ok(None);
    }
    let Some(mut log) = Log::of(&header) else { return Ok(Some("the head of its write-ahead log is damaged".to_owned())) };
    let mut frame = vec![0; FRAME_HEADER_BYTES + log.page_bytes];
    let (mut number, mut torn, mut commits_behind) = (0_u64, None, 0_u32);
    while filled(&mut file, &mut frame)? {
        number += 1;
        // Frames of an earlier round through the file have other salts.
        let is_of_this_round = frame[8..16] == log.salts;
        if torn.is_none() && !(is_of_this_round && log.follows(&frame)) {
            torn = Some(number);
        }
        if torn.is_some() && is_of_this_round && number_at(&frame, 4) != 0 {
            commits_behind += 1;
        }
    }
    Ok(torn
        .filter(|_| commits_behind > 1)
        .map(|frame| format!("frame {frame} of its write-ahead log is damaged, and others follow it")))
}

/// Whether there were so many bytes.
fn filled(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

struct Log {
    is_big_endian: bool,
    page_bytes: usize,
    salts: [u8; 8],
    /// Of everything before the next frame.
    sums: (u32, u32),
}

impl Log {
    fn of(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let magic = number_at(header, 0);
        let page_bytes = usize::try_from(number_at(header, 8)).ok()?;
        let mut salts = [0; 8];
        salts.copy_from_slice(&header[16..24]);
        let mut log = Self { is_big_endian: magic & 1 == 1, page_bytes, salts, sums: (0, 0) };
        log.sums = log.sum((0, 0), &header[..24]);
        let is_ours = magic & !1 == MAGIC && page_bytes.is_power_of_two() && (512..=PAGE_BYTES_MAX).contains(&page_bytes);
        (is_ours && log.sums == (number_at(header, 24), number_at(header, 28))).then_some(log)
    }

    /// Whether the frame is the next one.
    fn follows(&mut self, frame: &[u8]) -> bool {
        let sums = self.sum(self.sum(self.sums, &frame[..8]), &frame[FRAME_HEADER_BYTES..]);
        let is_next = sums == (number_at(frame, 16), number_at(frame, 20));
        self.sums = sums;
        is_next
    }

    fn sum(&self, sums: (u32, u32), bytes: &[u8]) -> (u32, u32) {
        let word = |bytes: &[u8; 4]| if self.is_big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
        let (words, _) = bytes.as_chunks::<4>();
        words.chunks_exact(2).fold(sums, |(first, second), pair| {
            let first = first.wrapping_add(word(&pair[0])).wrapping_add(second);
            (first, second.wrapping_add(word(&pair[1])).wrapping_add(first))
        })
    }
}

/// Headers are big-endian whatever the checksums are.
fn number_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(number)
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions, SqliteConnection};

    use super::*;

    async fn open(path: &Path) -> SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal).pragma("wal_autocheckpoint", "0");
        options.connect().await.expect("opens")
    }

    #[tokio::test]
    async fn a_flip_before_the_last_commit_is_noticed_and_a_torn_end_is_none() {
        let folder = tempfile::tempdir().expect("temp folder");
        let (path, wal) = (folder.path().join("x.db"), folder.path().join("x.db-wal"));
        assert_eq!(fault(&path).expect("readable"), None);
        let mut connection = open(&path).await;
        sqlx::raw_sql("CREATE TABLE t (a)").execute(&mut connection).await.expect("runs");
        for n in 0..5 {
            sqlx::query("INSERT INTO t VALUES (?1)").bind(n).execute(&mut connection).await.expect("runs");
        }
        let good = std::fs::read(&wal).expect("readable");
        assert_eq!(fault(&path).expect("readable"), None);
        // Five commits of one frame each are the last: behind the first three stand two or more.
        let frame = FRAME_HEADER_BYTES + 4096;
        for at in [0, 9, 17, 31, good.len() - 5 * frame + 3, good.len() - 5 * frame + 999, good.len() - 3 * frame + 30] {
            let mut bad = good.clone();
            bad[at] ^= 4;
            std::fs::write(&wal, bad).expect("writable");
            assert!(fault(&path).expect("readable").is_some(), "byte {at}");
        }
        for end in [0, 10, good.len() - 5, good.len() - frame - 17] {
            std::fs::write(&wal, &good[..end]).expect("writable");
            assert_eq!(fault(&path).expect("readable"), None, "cut at {end}");
        }
        std::fs::write(&wal, good).expect("writable");
    }
}
