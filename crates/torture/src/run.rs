//! One run of one part: its seed, its rounds, the server's binary, and a folder that is gone afterwards.

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use tempfile::TempDir;

use crate::failure::{Doing, Failure};
use crate::random;

/// The seed of the short version: the tests do the same every time.
pub const SHORT_SEED: u64 = 1;

pub struct Run {
    pub seed: u64,
    pub rounds: u32,
    pub annals: PathBuf,
    folder: TempDir,
}

impl Run {
    pub fn new(annals: &Path, seed: u64, rounds: u32) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("annals-torture-").tempdir().doing("cannot make a folder")?;
        Ok(Self { seed, rounds, annals: annals.to_owned(), folder })
    }

    /// A place in the run's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Randomness for one purpose.
    pub fn random(&self, purpose: &str) -> StdRng {
        random::stream(self.seed, purpose)
    }

    /// The folder stays, for whoever wants to look at it.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}
