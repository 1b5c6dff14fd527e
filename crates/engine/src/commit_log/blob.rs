//! One commit as bytes: what the fsync makes durable.
//!
//! ```text
//! "AL" ‖ format:u8 ‖ raw length:u32 LE ‖ zstd frame with checksum of postcard(Body)
//! ```
//!
//! The checksum, the length and the commit's own number inside make a flipped, truncated or misplaced row noticed.

use annals_core::event::NormalEvent;
use annals_core::ids::{CommitNumber, EnvironmentId, OrganizationId, ShardId};
use annals_core::limits::{COMMIT_BYTES_MAX, COMMIT_RECORDS_MAX};
use annals_core::record::{NewApiRequest, NewFeedEvent};
use annals_core::time::Micros;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 2] = b"AL";
const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 7;
/// Level 1: the committer compresses on the path to the acknowledgement.
const ZSTD_LEVEL: i32 = 1;
/// Canonical bytes, and for each record its ids, key and lengths.
const RAW_BYTES_MAX: usize = 2 * COMMIT_BYTES_MAX + 256 * COMMIT_RECORDS_MAX;

/// Everything of one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    pub shard: ShardId,
    pub number: CommitNumber,
    /// One server time for all records of the commit.
    pub received_at: Micros,
    pub records: Vec<Record>,
}

/// New kinds are added at the end: the position is the tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    AuditEvent(AuditRecord),
    FeedEvent(OtherRecord<NewFeedEvent>),
    ApiRequest(OtherRecord<NewApiRequest>),
}

impl Record {
    pub fn key(&self) -> Option<KeyMark> {
        match self {
            Self::AuditEvent(record) => record.key,
            Self::FeedEvent(record) => record.key,
            Self::ApiRequest(record) => record.key,
        }
    }

    pub fn forget_key(&mut self) {
        match self {
            Self::AuditEvent(record) => record.key = None,
            Self::FeedEvent(record) => record.key = None,
            Self::ApiRequest(record) => record.key = None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub environment: EnvironmentId,
    pub organization: OrganizationId,
    pub seq: u64,
    pub key: Option<KeyMark>,
    pub event: NormalEvent,
}

/// A record that has no seq.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherRecord<T> {
    pub environment: EnvironmentId,
    pub key: Option<KeyMark>,
    pub content: T,
}

/// An idempotency key and the body it came with, as digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMark {
    pub key: [u8; 16],
    pub body: [u8; 12],
}

impl KeyMark {
    /// Keys of one owner never meet those of another: an organization's own key must not learn which keys others used. Nor do those of
    /// one request, as `POST /v1/events`, meet those of another.
    pub fn new(owner: [u8; 32], request: &[u8], key: &str, body: [u8; 12]) -> Self {
        let digest = Sha256::new().chain_update(owner).chain_update(request).chain_update([0]).chain_update(key);
        Self { key: first(digest), body }
    }

    /// The mark of a body from the digest over it.
    pub fn body(digest: Sha256) -> [u8; 12] {
        first(digest)
    }
}

fn first<const N: usize>(digest: Sha256) -> [u8; N] {
    let mut first = [0; N];
    first.copy_from_slice(&digest.finalize()[..N]);
    first
}

/// The bytes are not a commit that we wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("commit {number}: {reason}")]
pub struct BlobError {
    pub number: CommitNumber,
    pub reason: String,
}

/// Keeps its buffers between commits.
pub struct Encoder {
    zstd: zstd::bulk::Compressor<'static>,
}

impl Encoder {
    /// # Errors
    /// The compressor cannot be set up (out of memory).
    pub fn new() -> std::io::Result<Self> {
        let mut zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
        zstd.include_checksum(true)?;
        Ok(Self { zstd })
    }

    /// # Errors
    /// More than a commit may hold, or out of memory.
    pub fn encode(&mut self, body: &Body) -> std::io::Result<Vec<u8>> {
        let raw = postcard::to_stdvec(body).map_err(std::io::Error::other)?;
        if raw.len() > RAW_BYTES_MAX {
            return Err(std::io::Error::other("commit too large"));
        }
        let packed = self.zstd.compress(&raw)?;
        let mut blob = Vec::with_capacity(HEADER_BYTES + packed.len());
        blob.extend_from_slice(MAGIC);
        blob.push(FORMAT);
        blob.extend_from_slice(&u32::try_from(raw.len()).map_err(std::io::Error::other)?.to_le_bytes());
        blob.extend_from_slice(&packed);
        Ok(blob)
    }
}

/// # Errors
/// Names the commit and what is wrong with it.
pub fn decode(shard: ShardId, number: CommitNumber, blob: &[u8]) -> Result<Body, BlobError> {
    let decoder = Decoder::new().map_err(|error| BlobError { number, reason: error.to_string() });
    decoder?.decode(shard, number, blob)
}

/// Keeps its tables between commits: setting them up takes as long as unpacking a small one.
pub struct Decoder {
    zstd: zstd::bulk::Decompressor<'static>,
}

impl Decoder {
    /// # Errors
    /// The decompressor cannot be set up (out of memory).
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new()? })
    }

    /// # Errors
    /// Names the commit and what is wrong with it.
    pub fn decode(&mut self, shard: ShardId, number: CommitNumber, blob: &[u8]) -> Result<Body, BlobError> {
        let damaged = |reason: &str| BlobError { number, reason: reason.to_owned() };
        let (header, packed) = blob.split_at_checked(HEADER_BYTES).ok_or_else(|| damaged("shorter than its header"))?;
        if &header[..2] != MAGIC {
            return Err(damaged("not a commit"));
        }
        if header[2] != FORMAT {
            return Err(damaged("it was made by a newer annals: run that one"));
        }
        let raw_bytes = u32::from_le_bytes([header[3], header[4], header[5], header[6]]) as usize;
        if raw_bytes > RAW_BYTES_MAX {
            return Err(damaged("impossible length"));
        }
        let raw = self.zstd.decompress(packed, raw_bytes).map_err(|error| damaged(&error.to_string()))?;
        if raw.len() != raw_bytes {
            return Err(damaged("length differs from its header"));
        }
        let body: Body = postcard::from_bytes(&raw).map_err(|error| damaged(&error.to_string()))?;
        if body.shard != shard || body.number != number {
            return Err(damaged("belongs to another place"));
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit_log::tests::record;

    #[test]
    fn every_flipped_byte_and_every_truncation_is_noticed() {
        let (shard, number) = (ShardId::new(1), CommitNumber::new(7).expect("small"));
        let body = Body { shard, number, received_at: Micros::saturating(5), records: vec![record("a", 0), record("b", 1)] };
        let blob = Encoder::new().expect("memory").encode(&body).expect("small");
        assert_eq!(decode(shard, number, &blob).as_ref(), Ok(&body));
        assert!(decode(shard, CommitNumber::ZERO, &blob).is_err());
        for i in 0..blob.len() {
            assert!(decode(shard, number, &blob[..i]).is_err(), "truncated at {i}");
            for bit in 0..8 {
                let mut flipped = blob.clone();
                flipped[i] ^= 1 << bit;
                // A bit that the frame format leaves unused may flip; nothing else is read then.
                assert!(decode(shard, number, &flipped).map_or(true, |read| read == body), "byte {i} bit {bit}");
            }
        }
    }
}
