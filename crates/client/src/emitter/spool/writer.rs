//! The one thread that appends. Never reads, and never decides what is sent.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use annals_core::time::Micros;
use tokio::sync::oneshot;

use super::super::lock;
use super::super::outcome::{Emitted, NotEmitted};
use super::super::place::Place;
use super::super::shared::{Shared, Stored};
use super::segments::Segments;
use super::{Spool, SpoolSync, private, record, sync_folder};

/// Events that wait for the disk at the same time, and their bytes.
const WAITING_EVENTS_MAX: usize = 16 * 1024;
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Where callers leave their events for the writer.
pub(in super::super) struct Inbox {
    state: Mutex<State>,
    wake: Condvar,
    segments: Arc<Segments>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    bytes: usize,
    closed: bool,
}

enum Waiting {
    Event(WaitingEvent),
    /// Hears where everything that came before it ends.
    Barrier(oneshot::Sender<Place>),
}

pub(in super::super) struct WaitingEvent {
    pub json: Vec<u8>,
    pub emitted_at: Micros,
    pub answer: oneshot::Sender<Result<Emitted, NotEmitted>>,
    pub stored: Option<Stored>,
}

enum Taken {
    Group(Vec<Waiting>),
    Nothing,
    Closed,
}

impl Inbox {
    pub(super) fn new(segments: Arc<Segments>) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), segments }
    }

    pub fn push(&self, event: WaitingEvent) -> Result<(), NotEmitted> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(NotEmitted::Closed);
        }
        if state.waiting.len() >= WAITING_EVENTS_MAX || state.bytes + event.json.len() > WAITING_BYTES_MAX {
            return Err(NotEmitted::QueueFull);
        }
        state.bytes += event.json.len();
        state.waiting.push(Waiting::Event(event));
        self.wake.notify_one();
        Ok(())
    }

    /// The place after everything that was pushed before; an error when the writer is gone.
    pub fn barrier(&self) -> oneshot::Receiver<Place> {
        let (sender, receiver) = oneshot::channel();
        let mut state = lock(&self.state);
        if !state.closed {
            state.waiting.push(Waiting::Barrier(sender));
            self.wake.notify_one();
        }
        receiver
    }

    /// Events that are not in the file yet.
    pub fn waiting(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    pub fn bytes_on_disk(&self) -> u64 {
        self.segments.bytes()
    }

    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_one();
    }

    /// Sleeps until something waits, or `until`.
    fn take(&self, until: Option<Instant>) -> Taken {
        let mut state = lock(&self.state);
        loop {
            if !state.waiting.is_empty() {
                state.bytes = 0;
                return Taken::Group(std::mem::take(&mut state.waiting));
            }
            if state.closed {
                return Taken::Closed;
            }
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Taken::Nothing,
                Some(left) => self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

pub(super) struct Writer {
    folder: PathBuf,
    segments: Arc<Segments>,
    shared: Arc<Shared>,
    sync: SpoolSync,
    bytes_max: u64,
    segment_bytes: u64,
    /// The file that is being written, once there is one, and how much of it is right.
    file: Option<File>,
    number: u64,
    length: u64,
    /// Only with [`SpoolSync::Interval`].
    sync_at: Option<Instant>,
}

impl Writer {
    /// `next` is the number of a file that does not exist yet.
    pub fn new(spool: &Spool, segments: Arc<Segments>, next: u64, shared: Arc<Shared>) -> Self {
        Self {
            folder: spool.folder.clone(),
            segments,
            shared,
            sync: spool.sync,
            bytes_max: spool.bytes_max,
            segment_bytes: spool.segment_bytes(),
            file: None,
            number: next,
            length: 0,
            sync_at: None,
        }
    }

    /// Until the inbox is closed and empty.
    pub fn run(mut self, inbox: &Inbox) {
        loop {
            match inbox.take(self.sync_at) {
                Taken::Group(group) => self.write(group),
                Taken::Nothing => {}
                Taken::Closed => break,
            }
            if self.sync_at.is_some_and(|at| at <= Instant::now()) {
                self.sync_late();
            }
        }
        self.sync_late();
    }

    /// 1. The lines are written. Killed here: at most the last of them is torn, and none was acknowledged.
    /// 2. They are synced. A power cut before that loses them, and none was acknowledged.
    /// 3. The reader may see them. 4. The callers hear of it.
    fn write(&mut self, group: Vec<Waiting>) {
        let mut lines = Vec::new();
        let mut placed = Vec::with_capacity(group.len());
        let room = self.bytes_max.saturating_sub(self.segments.bytes());
        if let Err(error) = self.ready_file() {
            tracing::error!(%error, folder = %self.folder.display(), "the spool cannot be written");
            return self.refuse(group, &NotEmitted::Unwritable(Arc::new(error)));
        }
        for waiting in group {
            let (start, mut refusal) = (lines.len(), None);
            if let Waiting::Event(event) = &waiting {
                if !record::encode(&mut lines, event.emitted_at, &event.json) {
                    refusal = Some(NotEmitted::Unwritable(Arc::new(io::Error::other("a record must be one line"))));
                } else if lines.len() as u64 > room {
                    lines.truncate(start);
                    refusal = Some(NotEmitted::SpoolFull { bytes_max: self.bytes_max });
                }
            }
            match refusal {
                Some(refusal) => self.refuse([waiting], &refusal),
                None => placed.push((Place { segment: self.number, offset: self.length + lines.len() as u64 }, waiting)),
            }
        }
        match self.append(&lines) {
            Ok(()) => self.acknowledge(placed),
            Err(error) => {
                tracing::error!(%error, folder = %self.folder.display(), "the spool cannot be written");
                self.cut_off();
                self.refuse(placed.into_iter().map(|(_, waiting)| waiting), &NotEmitted::Unwritable(Arc::new(error)));
            }
        }
    }

    fn ready_file(&mut self) -> io::Result<()> {
        if self.file.is_some() && self.length < self.segment_bytes {
            return Ok(());
        }
        if self.file.is_some() {
            self.next_file();
        }
        let mut options = OpenOptions::new();
        options.create_new(true).append(true);
        private(&mut options);
        let file = match options.open(self.segments.path(self.number)) {
            // Left by an attempt of which the end failed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.number += 1;
                options.open(self.segments.path(self.number))?
            }
            file => file?,
        };
        if self.sync != SpoolSync::OsOnly {
            sync_folder(&self.folder)?;
        }
        (self.file, self.length) = (Some(file), 0);
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::Error::other("no file is open")) };
        if lines.is_empty() {
            return Ok(());
        }
        file.write_all(lines)?;
        match self.sync {
            SpoolSync::Each => file.sync_data()?,
            SpoolSync::Interval(interval) => {
                self.sync_at.get_or_insert_with(|| Instant::now() + interval);
            }
            SpoolSync::OsOnly => {}
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    fn acknowledge(&self, placed: Vec<(Place, Waiting)>) {
        let mut answers = Vec::with_capacity(placed.len());
        let mut barriers = Vec::new();
        for (place, waiting) in placed {
            match waiting {
                Waiting::Event(event) => {
                    if let Some(stored) = event.stored {
                        self.shared.wait_for(place, stored);
                    }
                    answers.push(event.answer);
                }
                Waiting::Barrier(sender) => barriers.push((place, sender)),
            }
        }
        // Counted first: what can be read must not be more than what is counted.
        self.shared.spooled.fetch_add(answers.len() as u64, Relaxed);
        self.segments.publish(self.number, self.length);
        self.shared.arrived.notify_one();
        for answer in answers {
            // A caller that does not wait has its event in the spool all the same.
            let _ = answer.send(Ok(Emitted::Spooled));
        }
        for (place, sender) in barriers {
            let _ = sender.send(place);
        }
    }

    /// What was written of a group that failed must not be there: its callers were told so. Nothing more goes to this file: a
    /// disk that failed a sync may have forgotten what it was given.
    fn cut_off(&mut self) {
        if let Some(file) = &self.file
            && let Err(error) = file.set_len(self.length).and_then(|()| file.sync_data())
        {
            let (file, length) = (self.segments.path(self.number), self.length);
            tracing::error!(%error, file = %file.display(), length, "events that were not acknowledged may be left in the spool");
        }
        self.next_file();
    }

    fn next_file(&mut self) {
        self.sync_late();
        (self.file, self.length) = (None, 0);
        self.number += 1;
    }

    fn sync_late(&mut self) {
        if self.sync_at.take().is_some()
            && let Some(Err(error)) = self.file.as_ref().map(File::sync_data)
        {
            tracing::error!(%error, folder = %self.folder.display(), "the spool cannot be synced: a power cut may lose events");
        }
    }

    fn refuse(&self, group: impl IntoIterator<Item = Waiting>, reason: &NotEmitted) {
        for waiting in group {
            if let Waiting::Event(event) = waiting {
                if let Some(stored) = event.stored {
                    let _ = stored.send(Err(reason.clone().into()));
                }
                if event.answer.send(Err(reason.clone())).is_err() {
                    // Nobody asked what became of it, so this is the only place where it can be said.
                    self.shared.lost(reason);
                }
            }
        }
    }
}
