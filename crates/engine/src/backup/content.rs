//! Bytes by their digest: taken from somewhere, checked on the way, and kept under their own name.

use std::fmt;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Watch;

/// Up to here a file is sent in one piece.
const PIECE_BYTES: usize = 8 * 1024 * 1024;
const PIECES_IN_FLIGHT_MAX: usize = 4;
/// Of one read of a local file.
const READ_BYTES: usize = 1024 * 1024;

/// SHA-256, in hex.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    pub fn end(hash: Sha256) -> Self {
        Self(hex::encode(hash.finalize()))
    }

    /// Where the content is kept.
    pub fn path(&self) -> Path {
        Path::from(format!("files/{}/{}", &self.0[..2], self.0))
    }

    /// `None` for a path that is none of [`Digest::path`].
    pub fn of_path(path: &Path) -> Option<Self> {
        let digest = Self::try_from(path.filename()?.to_owned()).ok()?;
        (digest.path() == *path).then_some(digest)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() == 64 && is_hex { Ok(Self(text)) } else { Err("not a SHA-256 in hex") }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub type Pieces = BoxStream<'static, object_store::Result<Bytes>>;

/// Number and digest of the bytes.
pub async fn measure(mut pieces: Pieces, watch: &dyn Watch) -> object_store::Result<(u64, Digest)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    while let Some(piece) = pieces.try_next().await? {
        hash.update(&piece);
        bytes += piece.len() as u64;
        watch.advance(piece.len() as u64);
    }
    Ok((bytes, Digest::end(hash)))
}

/// Keeps the bytes under `digest`. Whether they have it: otherwise nothing is kept.
pub async fn keep(shelf: &dyn ObjectStore, bytes: u64, digest: &Digest, mut pieces: Pieces) -> object_store::Result<bool> {
    if bytes <= PIECE_BYTES as u64 {
        let whole: Vec<Bytes> = pieces.try_collect().await?;
        let whole = Bytes::from(whole.concat());
        if Digest::of(&whole) != *digest {
            return Ok(false);
        }
        shelf.put(&digest.path(), whole.into()).await?;
        return Ok(true);
    }
    let upload = shelf.put_multipart(&digest.path()).await?;
    let mut file = WriteMultipart::new_with_chunk_size(upload, PIECE_BYTES);
    let mut hash = Sha256::new();
    let sent = async {
        while let Some(piece) = pieces.try_next().await? {
            hash.update(&piece);
            file.wait_for_capacity(PIECES_IN_FLIGHT_MAX).await?;
            file.put(piece);
        }
        Ok(Digest::end(hash) == *digest)
    };
    match sent.await {
        Ok(true) => file.finish().await.map(|_| true),
        unsent => {
            // The first error says more than one of cleaning up.
            let _ = file.abort().await;
            unsent
        }
    }
}

/// The bytes of an object.
pub async fn of_object(store: &dyn ObjectStore, path: &Path) -> object_store::Result<Pieces> {
    Ok(store.get(path).await?.into_stream())
}

/// The bytes of a file that is open, also when its name is gone.
pub fn of_file(file: &std::fs::File) -> std::io::Result<Pieces> {
    use std::os::unix::fs::FileExt;

    let file = file.try_clone()?;
    let read = move |(file, at): (std::fs::File, u64)| async move {
        let reading = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; READ_BYTES];
            let read = file.read_at(&mut piece, at)?;
            piece.truncate(read);
            Ok((file, piece))
        });
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic { store: "file", source };
        let done: std::io::Result<(std::fs::File, Vec<u8>)> = reading.await.map_err(|error| failed(error.into()))?;
        let (file, piece) = done.map_err(|error| failed(error.into()))?;
        let next = at + piece.len() as u64;
        Ok::<_, object_store::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), (file, next))))
    };
    Ok(futures::stream::try_unfold((file, 0), read).boxed())
}
