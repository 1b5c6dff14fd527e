//! How far the import of a file has come, on disk beside it: whoever imports the file again goes on from there.
//!
//! The state is saved before each batch is sent. It says where the lines end that are dealt with, and where those end that are on their
//! way: these are in doubt after a kill. The idempotency keys of a batch make a repetition harmless for 24 hours only, so what is in doubt is
//! looked up before it is sent again (`read_back`).

use std::fs::File;
use std::io::{BufRead, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use annals_client::wire::Moment;
use serde::{Deserialize, Serialize};

use super::super::Failed;
use super::super::state_file::{beside, load, save};
use super::batch::Refused;
use super::lines::Lines;

const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    version: u32,
    /// Where the lines went: to another server none of them went yet.
    server: String,
    /// What was said of organizations, as it was typed. With other options the same lines become other events.
    #[serde(default)]
    options: String,
    /// Dealt with: length, lines and digest of the beginning of the file.
    bytes: u64,
    lines: u64,
    digest: String,
    /// Where the lines end that are on their way. Absent: none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending_bytes: Option<u64>,
    /// What is on its way was not recorded before this time of the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// Length of the file of refused lines.
    refused_bytes: u64,
    #[serde(flatten)]
    pub counts: Counts,
}

/// What became of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub stored: u64,
    /// They were here already.
    pub repeated: u64,
    pub refused: u64,
}

/// The progress of one file with its places on disk. Standard input has none: it cannot be read again.
pub struct Journal {
    pub progress: Progress,
    path: Option<PathBuf>,
    refused_path: PathBuf,
    refused: Option<File>,
}

impl Journal {
    /// Goes on where the file's import ended before.
    ///
    /// # Errors
    /// The file is not the one whose beginning was imported, or it went to another server or to other organizations.
    pub fn open<R: BufRead>(
        input: &Path,
        refused_path: PathBuf,
        (server, options): (&str, &str),
        lines: &mut Lines<R>,
    ) -> Result<Self, Failed> {
        let path = (input != Path::new("-")).then(|| beside(input, ".annals-import"));
        let saved: Option<Progress> = path.as_deref().map(load).transpose()?.flatten();
        let Some(progress) = saved else {
            let digest = lines.digest();
            let progress = Progress {
                version: VERSION,
                server: server.to_owned(),
                options: options.to_owned(),
                bytes: 0,
                lines: 0,
                digest,
                sending_bytes: None,
                since: None,
                refused_bytes: 0,
                counts: Counts::default(),
            };
            return Ok(Self { progress, path, refused_path, refused: None });
        };
        let state = path.as_deref().unwrap_or(input).display();
        let wrong = |what: String| Err(Failed::usage(format!("{what}; without {state} it would be imported from its beginning")));
        if progress.version != VERSION {
            return wrong(format!("the import of {} was begun by another version", input.display()));
        }
        if progress.server != server {
            return wrong(format!("the import of {} was begun into {}", input.display(), progress.server));
        }
        if progress.options != options {
            let said = if progress.options.is_empty() { "without options" } else { &progress.options };
            return wrong(format!("the import of {} was begun with other options ({said})", input.display()));
        }
        lines.skip(progress.bytes, progress.lines)?;
        if lines.bytes != progress.bytes || lines.digest() != progress.digest {
            return wrong(format!("{} has changed since a part of it was imported", input.display()));
        }
        Ok(Self { progress, path, refused_path, refused: None })
    }

    /// The lines up to here are on their way.
    pub fn sending<R>(&mut self, lines: &Lines<R>) -> Result<(), Failed> {
        self.progress.sending_bytes = Some(lines.bytes);
        self.save()
    }

    /// The lines up to here are dealt with. On disk it is with the next batch, or at the end.
    pub fn done<R: BufRead>(&mut self, lines: &Lines<R>, counts: Counts, refused: &[Refused]) -> Result<(), Failed> {
        self.note_refused(refused)?;
        let Progress { bytes, lines: count, digest, sending_bytes, counts: total, .. } = &mut self.progress;
        (*bytes, *count, *digest, *sending_bytes) = (lines.bytes, lines.count(), lines.digest(), None);
        total.stored += counts.stored;
        total.repeated += counts.repeated;
        total.refused += refused.len() as u64;
        Ok(())
    }

    pub fn save(&self) -> Result<(), Failed> {
        self.path.as_deref().map_or(Ok(()), |path| save(path, &self.progress))
    }

    pub fn bytes(&self) -> u64 {
        self.progress.bytes
    }

    pub fn refused_path(&self) -> &Path {
        &self.refused_path
    }

    /// They are on disk before the state that counts them. What a kill left behind that state is written over.
    fn note_refused(&mut self, refused: &[Refused]) -> Result<(), Failed> {
        if refused.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for line in refused {
            serde_json::to_writer(&mut text, line).map_err(Failed::other)?;
            text.push(b'\n');
        }
        let unwritable = |error| Failed::other(format!("{}: {error}", self.refused_path.display()));
        let mut file = match self.refused.take() {
            Some(file) => file,
            None => File::options().create(true).truncate(false).write(true).open(&self.refused_path).map_err(unwritable)?,
        };
        let begin = self.progress.refused_bytes;
        let write = |file: &mut File| {
            file.set_len(begin)?;
            file.seek(SeekFrom::Start(begin))?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write(&mut file).map_err(unwritable)?;
        self.refused = Some(file);
        self.progress.refused_bytes += text.len() as u64;
        Ok(())
    }
}
