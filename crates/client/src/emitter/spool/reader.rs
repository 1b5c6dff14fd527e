//! The side of the spool that sends: reads batches, remembers how far the server has everything, deletes what is done.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use annals_core::time::Micros;
use bytes::Bytes;

use super::super::JSON_BYTES_MAX;
use super::super::outcome::{Refused, Trouble};
use super::super::place::{Batch, BatchLimits, Doubt, Place, Record};
use super::super::shared::Shared;
use super::super::stats::add;
use super::Spool;
use super::position::{Found, Position, PositionFile};
use super::record;
use super::refused::RefusedFile;
use super::segments::Segments;

const LINE_BYTES_MAX: usize = JSON_BYTES_MAX + record::OVERHEAD_BYTES_MAX;

pub(in super::super) struct Reader {
    segments: Arc<Segments>,
    shared: Arc<Shared>,
    position_file: PositionFile,
    refused_file: RefusedFile,
    position: Position,
    /// The position is further than its file.
    unsaved: bool,
    /// The next byte to read; at or after the position.
    place: Place,
    file: Option<(u64, File)>,
    pub age_max: Duration,
    _lock: Arc<File>,
}

/// What stands at a place.
enum Piece {
    /// With its line break.
    Line { record: Option<(Micros, Bytes)>, bytes: u64 },
    /// No line break in sight.
    NoLine { bytes: u64 },
    /// The file is shorter than it was, or gone.
    Missing { bytes: u64 },
}

impl Reader {
    pub(super) fn open(spool: &Spool, segments: Arc<Segments>, shared: Arc<Shared>, lock: Arc<File>) -> io::Result<Self> {
        let position_file = PositionFile::new(&spool.folder, spool.sync);
        let position = match position_file.read()? {
            Found::Position(position) => position,
            // The position is written before anything is sent for the first time.
            Found::Nothing => Position::default(),
            Found::Damaged => {
                let file = spool.folder.join("position");
                tracing::error!(file = %file.display(), "the spool's position is damaged: everything in it is sent again");
                shared.report(&Trouble::Damaged { file, offset: 0, bytes: 0 });
                add(&shared.counters.damaged, 1);
                Position { settled: Place::default(), doubt: Some(Doubt { until: segments.end(), since: Micros::saturating(0) }) }
            }
        };
        let reader = Self {
            refused_file: RefusedFile::in_folder(&spool.folder),
            segments,
            shared,
            position_file,
            position,
            unsaved: false,
            place: position.settled,
            file: None,
            age_max: spool.age_max,
            _lock: lock,
        };
        reader.shared.settled_until(position.settled);
        reader.shared.spooled.store(reader.count_lines()?, Relaxed);
        Ok(reader)
    }

    /// A number that no file has, and that is after everything which the position knows.
    pub fn next_segment(&self) -> u64 {
        let doubted = self.position.doubt.map_or(0, |doubt| doubt.until.segment);
        self.segments.end().segment.max(self.position.settled.segment).max(doubted).saturating_add(1)
    }

    pub fn is_empty(&self) -> bool {
        self.place >= self.segments.end()
    }

    /// The next records. Damage is reported and passed over.
    pub fn take(&mut self, limits: BatchLimits) -> io::Result<Batch> {
        let doubt = self.position.doubt.filter(|doubt| self.place < doubt.until);
        let until = doubt.map_or_else(|| self.segments.end(), |doubt| doubt.until);
        let mut batch = Batch { records: Vec::new(), end: self.place, doubt };
        let (mut bytes, mut chunk) = (0, Chunk::default());
        while batch.records.len() < limits.events_max {
            let Some(readable) = self.readable(&mut batch.end, until) else { break };
            match self.piece(batch.end, readable, &mut chunk, limits)? {
                Piece::Line { record: Some((emitted_at, json)), bytes: line } => {
                    bytes += json.len() + 1;
                    if bytes > limits.bytes_max && !batch.records.is_empty() {
                        break;
                    }
                    batch.end.offset += line;
                    batch.records.push(Record { json, emitted_at, end: batch.end });
                }
                Piece::NoLine { bytes } if bytes == readable => {
                    // The end of a file whose writer was killed. Nobody was told that this record is safe.
                    tracing::info!(at = %batch.end, bytes, "a torn record at the end of a spool file is passed over");
                    batch.end.offset += bytes;
                }
                Piece::Line { record: None, bytes } => {
                    let _ = self.shared.spooled.fetch_update(Relaxed, Relaxed, |spooled| Some(spooled.saturating_sub(1)));
                    self.damaged(&mut batch.end, bytes);
                }
                Piece::NoLine { bytes } | Piece::Missing { bytes } => self.damaged(&mut batch.end, bytes),
            }
        }
        self.place = batch.end;
        Ok(batch)
    }

    /// Bytes that may be read at the place, which moves to the next file at the end of one. `None` at the end.
    fn readable(&self, place: &mut Place, until: Place) -> Option<u64> {
        loop {
            if *place >= until {
                return None;
            }
            let length = self.segments.length(place.segment).unwrap_or(0);
            let length = if place.segment == until.segment { length.min(until.offset) } else { length };
            if place.offset < length {
                return Some(length - place.offset);
            }
            *place = self.segments.after(place.segment).map(|segment| Place { segment, offset: 0 })?;
        }
    }

    fn piece(&mut self, at: Place, readable: u64, chunk: &mut Chunk, limits: BatchLimits) -> io::Result<Piece> {
        if !chunk.has_line(at) {
            // Room for a batch, and for the longest line that there can be.
            let wanted = readable.min((limits.bytes_max + LINE_BYTES_MAX) as u64);
            *chunk = Chunk { start: at, bytes: self.read(at, wanted as usize)? };
        }
        let rest = chunk.rest(at);
        Ok(match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => Piece::Line { record: record::decode(&rest.slice(..end)), bytes: end as u64 + 1 },
            None if rest.is_empty() => Piece::Missing { bytes: readable },
            None => Piece::NoLine { bytes: rest.len() as u64 },
        })
    }

    /// Fewer bytes than wanted only when the file is shorter. A file that is gone has none.
    fn read(&mut self, at: Place, wanted: usize) -> io::Result<Bytes> {
        if self.file.as_ref().is_none_or(|(number, _)| *number != at.segment) {
            match File::open(self.segments.path(at.segment)) {
                Ok(file) => self.file = Some((at.segment, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Bytes::new()),
                Err(error) => return Err(error),
            }
        }
        let Some((_, file)) = &mut self.file else { return Ok(Bytes::new()) };
        let mut bytes = Vec::with_capacity(wanted);
        file.seek(SeekFrom::Start(at.offset))?;
        file.take(wanted as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    fn damaged(&self, place: &mut Place, bytes: u64) {
        let file = self.segments.path(place.segment);
        tracing::error!(file = %file.display(), offset = place.offset, bytes, "the spool is damaged here: what stood there is lost");
        add(&self.shared.counters.damaged, 1);
        self.shared.report(&Trouble::Damaged { file, offset: place.offset, bytes });
        place.offset += bytes;
    }

    /// Word of an attempt that begins now, or that certainly stored nothing. On disk when it returns, as is all that was settled.
    pub fn mark(&mut self, doubt: Option<Doubt>) -> io::Result<()> {
        self.unsaved |= self.position.doubt != doubt;
        self.position.doubt = doubt;
        self.save()
    }

    /// The server has answered for everything before `until`. On disk after the next [`save`](Self::save): should that be lost,
    /// the events are sent again, and their keys tell the server.
    pub fn settle(&mut self, until: Place, settled: u64, refused: &[Arc<Refused>]) {
        if let Err(error) = self.refused_file.append(refused.iter().map(Arc::as_ref), self.shared.now()) {
            tracing::error!(%error, events = refused.len(), "refused events cannot be kept in refused.ndjson");
        }
        self.position.settled = until;
        self.position.doubt = self.position.doubt.filter(|doubt| doubt.until > until);
        self.unsaved = true;
        let _ = self.shared.spooled.fetch_update(Relaxed, Relaxed, |spooled| Some(spooled.saturating_sub(settled)));
    }

    /// Writes the position, and only then deletes the files before it.
    pub fn save(&mut self) -> io::Result<()> {
        if !self.unsaved {
            return Ok(());
        }
        self.position_file.write(&self.position, self.shared.now())?;
        self.unsaved = false;
        for number in self.segments.before(self.position.settled.segment) {
            match std::fs::remove_file(self.segments.path(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, number, "a spool file that is done cannot be deleted");
                }
                _ => self.segments.forget(number),
            }
        }
        Ok(())
    }

    /// How many records wait. Damaged lines are counted as one each.
    fn count_lines(&self) -> io::Result<u64> {
        let (mut place, end, mut lines) = (self.place, self.segments.end(), 0);
        while let Some(readable) = self.readable(&mut place, end) {
            let mut file = File::open(self.segments.path(place.segment))?;
            file.seek(SeekFrom::Start(place.offset))?;
            for byte in io::BufReader::with_capacity(256 * 1024, file.take(readable)).bytes() {
                lines += u64::from(byte? == b'\n');
            }
            place.offset += readable;
        }
        Ok(lines)
    }
}

/// Bytes of one file that were read at once.
#[derive(Default)]
struct Chunk {
    start: Place,
    bytes: Bytes,
}

impl Chunk {
    fn rest(&self, at: Place) -> Bytes {
        let is_inside = at.segment == self.start.segment && at.offset >= self.start.offset;
        let skip = if is_inside { usize::try_from(at.offset - self.start.offset).unwrap_or(usize::MAX) } else { usize::MAX };
        self.bytes.slice(skip.min(self.bytes.len())..)
    }

    fn has_line(&self, at: Place) -> bool {
        self.rest(at).contains(&b'\n')
    }
}
