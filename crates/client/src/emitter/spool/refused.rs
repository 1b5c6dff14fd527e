//! `refused.ndjson`: what the server does not want, for people. A refusal may stand there twice, when a crash comes between
//! this file and the position; the idempotency key in the item tells.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use annals_core::time::Micros;
use serde_json::value::RawValue;

use super::super::outcome::{Refused, RefusedLine};
use super::private;

/// The reasons of tens of thousands of events. A file that nobody empties must not fill the disk.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(super) struct RefusedFile {
    path: PathBuf,
}

impl RefusedFile {
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join("refused.ndjson") }
    }

    /// Synced when it returns.
    pub fn append<'a>(&self, refused: impl IntoIterator<Item = &'a Refused>, now: Micros) -> io::Result<()> {
        let mut lines = Vec::new();
        for refused in refused {
            serde_json::to_writer(
                &mut lines,
                &RefusedLine {
                    refused_at: now.canonical(),
                    http_status: refused.http_status,
                    message: &refused.message,
                    code: refused.code.as_deref(),
                    errors: refused.errors.as_ref(),
                    item: serde_json::from_slice::<&RawValue>(&refused.item)?,
                },
            )?;
            lines.push(b'\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        private(&mut options);
        let mut file = options.open(&self.path)?;
        if file.metadata()?.len() + lines.len() as u64 > BYTES_MAX {
            return Err(io::Error::other(format!("{} has reached {BYTES_MAX} bytes", self.path.display())));
        }
        file.write_all(&lines)?;
        file.sync_data()
    }
}
