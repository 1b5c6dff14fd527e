//! The connection that commits go through: called on the committer's own thread, without handing each statement to another thread and
//! waiting for its answer, which takes as long as the disk does.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Params};

use super::error::direct_error;
use super::open::{BUSY_TIMEOUT, CHECKPOINT_PAGES};
use crate::store::StoreError;

pub(super) struct Direct {
    path: PathBuf,
    /// Absent before the first call, and after a failure: whatever is open then ends with the connection.
    connection: Option<Connection>,
}

impl Direct {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), connection: None }
    }

    /// One statement that is a transaction by itself. How many rows it changed. Blocks until it is durable.
    pub fn execute(&mut self, statement: &str, values: impl Params) -> Result<usize, StoreError> {
        let connection = self.connection.take().map_or_else(|| open(&self.path), Ok);
        let done = connection.and_then(|connection| {
            let changed = connection.prepare_cached(statement)?.execute(values)?;
            self.connection = Some(connection);
            Ok(changed)
        });
        done.map_err(direct_error)
    }

    pub fn close(&mut self) {
        self.connection = None;
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Without a mutex: whoever has the value is alone with it.
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(connection)
}
