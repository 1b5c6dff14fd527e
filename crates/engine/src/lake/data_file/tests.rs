//! No byte of a data file changes unnoticed, and its directory is the truth.

use std::ops::Range;
use std::path::Path as FolderPath;

use annals_core::ids::OrganizationId;
use proptest::prelude::*;

use super::checksums::{Checksums, Summed};
use super::directory::{Directory, DirectoryBuilder};
use super::{DataFiles, Footers, verify};
use crate::lake::snapshot::LakeFile;
use crate::lake::testing::{Sequencer, api_request_of, commit, environment, event, feed_event_of, organization, shard, url};
use crate::lake::{Lake, LakeError, LakeSettings, Row, Table};

async fn lake(folder: &FolderPath) -> Lake {
    Lake::open(&url(folder), LakeSettings::default()).await.expect("a lake")
}

/// A lake with one file in each table.
async fn small_lake(folder: &FolderPath) -> Lake {
    let lake = lake(folder).await;
    let mut sequencer = Sequencer::default();
    let events = sequencer.commit(5, (0..40).map(|n| (organization(n % 7), event(n))).collect());
    lake.audit_events.append(shard(), commit(1), events).await.expect("a flush");
    let events = sequencer.feed(5, (0..40).map(|n| (environment(n % 3), feed_event_of(n))).collect());
    lake.feed_events.append(shard(), commit(2), events).await.expect("a flush");
    let requests = sequencer.requests(5, (0..40).map(|n| (environment(n % 3), api_request_of(n))).collect());
    lake.api_requests.append(shard(), commit(3), requests).await.expect("a flush");
    lake
}

fn only<R: Row>(table: &Table<R>) -> LakeFile<R> {
    let snapshot = table.snapshot();
    let [file] = snapshot.files() else { panic!("one file") };
    file.clone()
}

/// As a process that has just begun sees it.
async fn check_again<R: Row>(table: &Table<R>, file: &LakeFile<R>) -> Result<(), LakeError> {
    verify(&DataFiles::new(table.files(), Footers::default()), file, &mut |_| ()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_changed_byte_is_noticed_and_the_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = small_lake(folder.path()).await;
    check_damage(folder.path(), &lake.audit_events).await;
    check_damage(folder.path(), &lake.feed_events).await;
    check_damage(folder.path(), &lake.api_requests).await;
}

async fn check_damage<R: Row>(folder: &FolderPath, table: &Table<R>) {
    let file = only(table);
    check_again(table, &file).await.expect("what was written");
    let path = folder.join(R::TABLE).join(&file.path);
    let good = std::fs::read(&path).expect("the file");
    let check = async |bytes: &[u8], case: String| {
        std::fs::write(&path, bytes).expect("the file");
        let found = check_again(table, &file).await;
        let Err(LakeError::Damaged(why)) = found else { panic!("{case}: {found:?}") };
        assert!(why.to_string().contains(&file.path), "{case}: {why}");
    };
    let footer_known = table.data_files();
    footer_known.footer(&(&file).into()).await.expect("what was written");
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        let case = format!("byte {at} of {}", good.len());
        if (at as u64) < file.parts.expect("it has parts").directory_at {
            // Decoding a footer takes longer than everything else here.
            std::fs::write(&path, bytes).expect("the file");
            let found = verify(footer_known, &file, &mut |_| ()).await;
            assert!(matches!(found, Err(LakeError::Damaged(_))), "{case}: {found:?}");
        } else {
            check(&bytes, case).await;
        }
    }
    for length in (0..good.len()).step_by(97) {
        check(&good[..length], format!("{length} bytes of {}", good.len())).await;
    }
    check(&[good.as_slice(), b"x"].concat(), "a byte more".to_owned()).await;
    std::fs::remove_file(&path).expect("the file");
    let missing = check_again(table, &file).await;
    assert!(matches!(missing, Err(LakeError::Damaged(_))), "{missing:?}");
    std::fs::write(&path, good).expect("the file");
    check_again(table, &file).await.expect("what was written");
}

/// Checksums say that bytes are those that were written, not that the right ones were.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_says_must_be_true_of_the_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = small_lake(folder.path()).await;
    let file = only(&lake.audit_events);
    let mut other = file.clone();
    other.stats.owners.greatest = organization(1000);
    assert!(matches!(check_again(&lake.audit_events, &other).await, Err(LakeError::Damaged(_))));
    let mut other = file.clone();
    other.stats.rows += 1;
    assert!(matches!(check_again(&lake.audit_events, &other).await, Err(LakeError::Damaged(_))));
    let mut older = file;
    older.parts = None;
    check_again(&lake.audit_events, &older).await.expect("readable as files always were");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_says_whose_rows_lie_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = small_lake(folder.path()).await;
    let file = only(&lake.audit_events);
    let directory = lake.audit_events.data_files().directory(&file).await.expect("readable").expect("it has one");
    let found: Vec<(OrganizationId, Range<u32>)> = directory.iter().collect();
    // Forty events of seven organizations.
    let expected = [(0, 0..6), (1, 6..12), (2, 12..18), (3, 18..24), (4, 24..30), (5, 30..35), (6, 35..40)];
    assert_eq!(found, expected.map(|(number, rows)| (organization(number), rows)));
    assert_eq!(directory.rows_of(organization(5)), Some(30..35));
    assert_eq!(directory.rows_of(organization(7)), None);
}

proptest! {
    #[test]
    fn directories_are_given_back(rows in proptest::collection::vec((0..50_u64, 1..2000_u32), 0..40)) {
        let mut rows = rows;
        rows.sort_by_key(|(owner, _)| *owner);
        let mut building = DirectoryBuilder::with_capacity(0);
        for (owner, count) in &rows {
            building.push(organization(*owner), *count).expect("in order");
        }
        let directory = building.build();
        let total = rows.iter().map(|(_, count)| u64::from(*count)).sum();
        prop_assert_eq!(directory.rows(), total);
        for owner in 0..50 {
            let before: u32 = rows.iter().filter(|(other, _)| *other < owner).map(|(_, count)| count).sum();
            let own: u32 = rows.iter().filter(|(other, _)| *other == owner).map(|(_, count)| count).sum();
            prop_assert_eq!(directory.rows_of(organization(owner)), (own > 0).then_some(before..before + own));
        }
        let bytes = directory.encode();
        prop_assert_eq!(Directory::decode(&bytes, total + 1), None);
        prop_assert_eq!(Directory::decode(&bytes, total), Some(directory));
    }

    #[test]
    fn nothing_that_is_no_directory_is_taken_for_one(bytes in proptest::collection::vec(0..3_u8, 0..80), rows in 0..5_u64) {
        if let Some(directory) = Directory::decode(&bytes, rows) {
            prop_assert_eq!(&directory.encode(), &bytes);
        }
        let _ = Checksums::decode(&bytes, rows);
    }

    #[test]
    fn checksums_are_of_blocks(bytes in proptest::collection::vec(any::<u8>(), 0..60_000), parts in 1..7_usize) {
        let mut sink = Summed::new(Vec::new());
        for part in bytes.chunks((bytes.len() / parts).max(1)) {
            std::io::Write::write_all(&mut sink, part).expect("a vector");
        }
        let sums = sink.end_blocks();
        std::io::Write::write_all(&mut sink, b"footer").expect("a vector");
        prop_assert_eq!(sink.rest(), crc32fast::hash(b"footer"));
        let end = bytes.len() as u64;
        let checksums = Checksums::decode(&Checksums::encode(&sums), end).expect("our own");
        prop_assert_eq!(checksums.check(0, &bytes.clone().into()), Ok(()));
        let wanted = end / 3..end / 2;
        let around = checksums.around(&wanted);
        prop_assert!(around.start <= wanted.start && wanted.end <= around.end && around.end <= end);
        let run = bytes[usize::try_from(around.start).unwrap()..usize::try_from(around.end).unwrap()].to_vec();
        prop_assert_eq!(checksums.check(around.start, &run.into()), Ok(()));
    }
}
