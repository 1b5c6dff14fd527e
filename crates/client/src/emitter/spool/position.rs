//! How far the server has everything. Written in one step: a new file, synced, renamed over the old one.
//!
//! It is one line in the form of a record, so damage is noticed. A spool without a position that can be read sends everything
//! again: the keys of the last hours make that harmless, and older events are reported as perhaps there twice.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use annals_core::time::Micros;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::place::{Doubt, Place};
use super::{SpoolSync, private, record, sync_folder};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Position {
    /// Everything before this place is settled.
    pub settled: Place,
    /// Written before the first attempt, so that a killed process leaves word of it.
    pub doubt: Option<Doubt>,
}

pub(super) enum Found {
    Position(Position),
    /// A new spool.
    Nothing,
    Damaged,
}

pub(super) struct PositionFile {
    folder: PathBuf,
    sync: bool,
}

impl PositionFile {
    pub fn new(folder: &Path, sync: SpoolSync) -> Self {
        Self { folder: folder.to_owned(), sync: sync != SpoolSync::OsOnly }
    }

    pub fn read(&self) -> io::Result<Found> {
        let text = match std::fs::read(self.folder.join("position")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        let line = text.strip_suffix(b"\n").map(Bytes::copy_from_slice);
        let position = line.and_then(|line| record::decode(&line)).and_then(|(_, json)| serde_json::from_slice(&json).ok());
        Ok(position.map_or(Found::Damaged, Found::Position))
    }

    pub fn write(&self, position: &Position, now: Micros) -> io::Result<()> {
        let mut line = Vec::new();
        record::encode(&mut line, now, &serde_json::to_vec(position)?);
        let staged = self.folder.join("position.new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        private(&mut options);
        let mut file = options.open(&staged)?;
        file.write_all(&line)?;
        if self.sync {
            file.sync_data()?;
        }
        std::fs::rename(&staged, self.folder.join("position"))?;
        if self.sync { sync_folder(&self.folder) } else { Ok(()) }
    }
}
