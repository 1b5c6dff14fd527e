//! Looks at the disks again and again, and tells the commit log when there is too little room for more records.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::pause;
use crate::commit_log::CommitLog;
use crate::disk::Disk;

/// At full speed some ten megabytes are written meanwhile; the reserve has room for them.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) struct DiskWatch {
    pub log: Arc<CommitLog>,
    /// Of the commit log.
    pub data: Disk,
    pub lake: Option<Disk>,
}

impl DiskWatch {
    pub async fn run(self, stop: CancellationToken) {
        metrics::describe_gauge!("annals_disk_free_bytes", metrics::Unit::Bytes, "Free space of a folder's disk");
        loop {
            let (data, lake) = (self.data.clone(), self.lake.clone());
            let looked = tokio::task::spawn_blocking(move || {
                data.look();
                lake.iter().for_each(Disk::look);
            });
            // On a disk that hangs the look does, too; nothing else waits for it.
            if looked.await.is_err() {
                return;
            }
            self.tell();
            if !pause(LOOK, &stop).await {
                return;
            }
        }
    }

    fn tell(&self) {
        let is_short = self.data.is_short();
        if self.log.set_short_of_disk(is_short) != is_short {
            match self.data.check() {
                Err(problem) => tracing::warn!(%problem, "records are refused until there is room"),
                Ok(()) => tracing::info!("there is room again: records are taken"),
            }
        }
        metrics::gauge!("annals_disk_free_bytes", "folder" => "data").set(self.data.free_bytes() as f64);
        if let Some(lake) = &self.lake {
            metrics::gauge!("annals_disk_free_bytes", "folder" => "lake").set(lake.free_bytes() as f64);
        }
    }
}
