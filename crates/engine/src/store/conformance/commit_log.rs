//! The commit log: numbers, fences, rows and heads.

use annals_core::ids::{CommitNumber, OrganizationId, ShardId};
use futures::future::join_all;

use super::Backend;
use super::fixtures::{check_damaged, check_fenced, founded, organization_id};
use crate::store::{Fence, Store, StoreError, StoredCommit};

fn shard() -> ShardId {
    ShardId::new(0x0000_abcd)
}

fn number(n: u64) -> CommitNumber {
    CommitNumber::new(n).expect("small")
}

fn commit(n: u64) -> StoredCommit {
    StoredCommit { number: number(n), blob: format!("blob {n}").into_bytes() }
}

async fn append(store: &dyn Store, fence: Fence, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        store.commit(fence, &commit(n)).await.expect("stored");
    }
}

async fn numbers(store: &dyn Store, shard: ShardId) -> Vec<u64> {
    let rows = store.commits_after(shard, CommitNumber::ZERO, 1000).await.expect("rows");
    rows.iter().map(|row| row.number.get()).collect()
}

async fn last(store: &dyn Store) -> u64 {
    store.last_commit(shard()).await.expect("a number").get()
}

pub(crate) async fn numbers_follow_each_other(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    assert_eq!(last(&*store).await, 0);
    check_damaged(store.commit(fence, &commit(2)).await);
    check_damaged(store.commit(fence, &commit(0)).await);
    append(&*store, fence, 1..=2).await;
    for wrong in [0, 1, 2, 4, 100] {
        check_damaged(store.commit(fence, &commit(wrong)).await);
    }
    assert_eq!((numbers(&*store, shard()).await, last(&*store).await), (vec![1, 2], 2));
    append(&*store, fence, 3..=3).await;
}

pub(crate) async fn a_claim_fences_earlier_writers(backend: &dyn Backend) {
    let store = founded(backend).await;
    let old = store.claim_shard(shard()).await.expect("claimed");
    append(&*store, old, 1..=2).await;
    let new = store.claim_shard(shard()).await.expect("claimed again");
    check_fenced(store.commit(old, &commit(3)).await);
    check_fenced(store.release(old, number(1), &[(organization_id(1), 5)]).await);
    assert_eq!(numbers(&*store, shard()).await, [1, 2]);
    assert_eq!(store.heads(shard()).await.expect("heads"), []);
    append(&*store, new, 3..=3).await;
}

pub(crate) async fn an_unclaimed_shard_takes_no_commit(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = Fence { shard: shard(), epoch: 1 };
    check_fenced(store.commit(fence, &commit(1)).await);
    check_fenced(store.release(fence, CommitNumber::ZERO, &[]).await);
    assert_eq!((last(&*store).await, numbers(&*store, shard()).await), (0, vec![]));
}

pub(crate) async fn epochs_rise_for_ever(backend: &dyn Backend) {
    let mut before = 0;
    for _ in 0..3 {
        let store = founded(backend).await;
        for _ in 0..2 {
            let fence = store.claim_shard(shard()).await.expect("claimed");
            assert!(fence.epoch > before && fence.shard == shard());
            before = fence.epoch;
        }
    }
}

pub(crate) async fn rows_come_back_in_order(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    let blobs = [Vec::new(), vec![0; 1], vec![0xFF; 3 << 20], b"last".to_vec()];
    let commits: Vec<_> = (1..).zip(blobs).map(|(n, blob)| StoredCommit { number: number(n), blob }).collect();
    for commit in &commits {
        store.commit(fence, commit).await.expect("stored");
    }
    assert!(store.commits_after(shard(), CommitNumber::ZERO, 10).await.expect("rows") == commits);
    assert!(store.commits_after(shard(), number(1), 2).await.expect("rows") == commits[1..3]);
    assert_eq!(store.commits_after(shard(), number(4), 2).await.expect("rows"), []);
    assert_eq!(store.commits_after(shard(), number(1), 0).await.expect("rows"), []);
}

pub(crate) async fn one_of_two_concurrent_commits_is_stored(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    let rivals: Vec<_> = (0..8u8).map(|n| StoredCommit { number: number(1), blob: vec![n] }).collect();
    let outcomes = join_all(rivals.iter().map(|rival| store.commit(fence, rival))).await;
    let winners: Vec<_> =
        rivals.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(rival, _)| rival.clone()).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(store.commits_after(shard(), CommitNumber::ZERO, 10).await.expect("rows"), winners);
}

pub(crate) async fn the_last_number_outlives_its_row(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    append(&*store, fence, 1..=3).await;
    store.release(fence, number(3), &[]).await.expect("released");
    assert_eq!((last(&*store).await, numbers(&*store, shard()).await), (3, vec![]));
    store.close().await;
    let store = backend.open().await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    check_damaged(store.commit(fence, &commit(3)).await);
    append(&*store, fence, 4..=4).await;
    assert_eq!((last(&*store).await, numbers(&*store, shard()).await), (4, vec![4]));
}

pub(crate) async fn a_release_deletes_rows_and_raises_heads(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    append(&*store, fence, 1..=4).await;
    for _ in 0..2 {
        store.release(fence, number(2), &[(organization_id(1), 5), (organization_id(2), 1)]).await.expect("released");
        assert_eq!((numbers(&*store, shard()).await, last(&*store).await), (vec![3, 4], 4));
        assert_eq!(sorted_heads(&*store).await, [(organization_id(1), 5), (organization_id(2), 1)]);
    }
    store.release(fence, number(1), &[]).await.expect("an earlier release is harmless");
    assert_eq!(numbers(&*store, shard()).await, [3, 4]);
    append(&*store, fence, 5..=5).await;
}

pub(crate) async fn heads_never_fall(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    for head in [5, 4, 0, 6] {
        store.release(fence, CommitNumber::ZERO, &[(organization_id(1), head)]).await.expect("released");
    }
    assert_eq!(sorted_heads(&*store).await, [(organization_id(1), 6)]);
}

pub(crate) async fn only_what_was_committed_can_be_released(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    append(&*store, fence, 1..=2).await;
    check_damaged(store.release(fence, number(3), &[(organization_id(1), 1)]).await);
    assert_eq!((numbers(&*store, shard()).await, sorted_heads(&*store).await), (vec![1, 2], vec![]));
}

pub(crate) async fn many_heads_are_saved(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    let heads: Vec<_> = (0..10_000).map(|n| (organization_id(n), n)).collect();
    store.release(fence, CommitNumber::ZERO, &heads).await.expect("released");
    assert!(sorted_heads(&*store).await == heads);
}

/// Also not at the ends of their ranges.
pub(crate) async fn shards_do_not_meet(backend: &dyn Backend) {
    let store = founded(backend).await;
    let shards = [0, 1, 0x007f_ffff, 0x0080_0000, 0x00ff_ffff].map(ShardId::new);
    let mut fences = Vec::new();
    for shard in shards {
        fences.push(store.claim_shard(shard).await.expect("claimed"));
    }
    for (count, fence) in (1..).zip(&fences) {
        append(&*store, *fence, 1..=count).await;
    }
    store.release(fences[2], number(2), &[(organization_id(1), 2)]).await.expect("released");
    for (expected, shard) in [vec![1], vec![1, 2], vec![3], vec![1, 2, 3, 4], vec![1, 2, 3, 4, 5]].into_iter().zip(shards) {
        assert_eq!(numbers(&*store, shard).await, expected, "{shard:?}");
    }
    assert_eq!(store.heads(shards[1]).await.expect("heads"), []);
}

pub(crate) async fn commits_survive_a_crash(backend: &dyn Backend) {
    let store = founded(backend).await;
    let fence = store.claim_shard(shard()).await.expect("claimed");
    append(&*store, fence, 1..=3).await;
    store.release(fence, number(1), &[(organization_id(1), 9)]).await.expect("released");
    drop(store);
    let store = backend.open().await;
    assert_eq!((numbers(&*store, shard()).await, last(&*store).await), (vec![2, 3], 3));
    assert_eq!(sorted_heads(&*store).await, [(organization_id(1), 9)]);
    let refused: Result<(), StoreError> = store.commit(Fence { epoch: fence.epoch + 1, ..fence }, &commit(4)).await;
    check_fenced(refused);
}

async fn sorted_heads(store: &dyn Store) -> Vec<(OrganizationId, u64)> {
    let mut heads = store.heads(shard()).await.expect("heads");
    heads.sort();
    heads
}
