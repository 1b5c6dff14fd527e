//! Where reading happens: on threads of its own, and in turns.
//!
//! Evaluating a filter over thousands of records keeps a thread busy for as long as it takes. On the threads that answer requests, a few
//! searches would hold up everything else, ingestion first. Here they only hold up each other, and whoever reads a lot mostly itself.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

use super::ReadError;
use crate::tenants::{Owner, Shares, Turns};

/// Lists and counts that run at the same time. Others wait: each holds a few decoded pages of Parquet.
const SHARES: Shares = Shares { all: 32, of_environment: 16, of_organization: 8 };

/// Cheap to clone; all clones are one room. When the last one goes, what still reads is cancelled.
#[derive(Clone)]
pub(crate) struct ReadingRoom {
    threads: Arc<Threads>,
    turns: Arc<Turns>,
}

/// `None` only while it is dropped.
struct Threads(Option<Runtime>);

impl ReadingRoom {
    /// # Errors
    /// The system gives no threads.
    pub fn open() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("annals-read").enable_all().build()?;
        Ok(Self { threads: Arc::new(Threads(Some(runtime))), turns: Arc::new(Turns::new(SHARES)) })
    }

    /// Runs it when it is the owner's turn. Dropping the future cancels it.
    ///
    /// # Errors
    /// Its own, or the engine closes.
    pub async fn read<T, E>(&self, owner: Owner, reading: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<ReadError> + Send + 'static,
    {
        let turn = self.turns.turn(owner).await;
        self.run(async move {
            let _turn = turn;
            reading.await
        })
        .await
    }

    /// Runs it at once, for what is small or waits its turn elsewhere.
    ///
    /// # Errors
    /// Its own, or the engine closes.
    pub async fn run<T, E>(&self, reading: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<ReadError> + Send + 'static,
    {
        let Some(handle) = self.threads.handle() else { return reading.await };
        match AbortOnDropHandle::new(handle.spawn(reading)).await {
            Ok(outcome) => outcome,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(ended) => Err(ReadError::from(ended).into()),
        }
    }
}

impl Threads {
    fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

impl Drop for Threads {
    /// Runtimes that wait for their threads must not be dropped where other tasks run.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::tenants::fixtures::environment_scope;

    fn owner(n: u8) -> Owner {
        environment_scope(n).owner()
    }

    type Outcome<T> = Result<T, ReadError>;

    #[tokio::test]
    async fn the_threads_of_requests_stay_free() {
        let room = ReadingRoom::open().unwrap();
        // The test has one thread: if reading took it, nothing could send.
        let (sender, receiver) = std::sync::mpsc::channel();
        let reading = room.read(owner(1), async move { Outcome::Ok(receiver.recv_timeout(Duration::from_secs(60)).unwrap()) });
        let (read, ()) = tokio::join!(reading, async { sender.send(7).unwrap() });
        assert_eq!(read.unwrap(), 7);
    }

    #[tokio::test]
    async fn one_owner_leaves_turns_for_others() {
        let (room, begun) = (ReadingRoom::open().unwrap(), Arc::new(AtomicUsize::new(0)));
        let mut reads = tokio::task::JoinSet::new();
        for _ in 0..3 * SHARES.all {
            let (room, begun) = (room.clone(), Arc::clone(&begun));
            let forever = async move {
                begun.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<Outcome<()>>().await
            };
            reads.spawn(async move { room.read(owner(1), forever).await });
        }
        while begun.load(Ordering::SeqCst) < SHARES.of_environment {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(room.read(owner(2), async { Outcome::Ok(5) }).await.unwrap(), 5);
        assert_eq!(begun.load(Ordering::SeqCst), SHARES.of_environment);
        // Turns come back when callers go away.
        reads.shutdown().await;
        assert_eq!(room.read(owner(1), async { Outcome::Ok(6) }).await.unwrap(), 6);
    }

    #[tokio::test]
    async fn a_room_may_be_left_while_others_read() {
        let room = ReadingRoom::open().unwrap();
        let reading = tokio::spawn({
            let room = room.clone();
            async move { room.run(std::future::pending::<Outcome<()>>()).await }
        });
        tokio::task::yield_now().await;
        drop(room);
        reading.abort();
        assert!(reading.await.unwrap_err().is_cancelled());
    }
}
