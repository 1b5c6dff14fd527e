//! A request's seat: found by the extractor that knows the caller, kept by what runs the request to its end.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::in_flight::Seat;

/// What a request leaves behind may still wait for its commit after its client hung up.
const AFTER_HANGING_UP: Duration = Duration::from_secs(1);

/// Goes along with a request.
#[derive(Clone, Default)]
pub struct Held(Arc<OnceLock<Seat>>);

/// Keeps the seat as long as the request runs.
pub struct Keeper {
    held: Held,
    finished: bool,
}

impl Held {
    pub fn keep(&self, seat: Seat) {
        // A second extractor of the same request: the first seat stands for it.
        drop(self.0.set(seat));
    }
    pub fn is_kept(&self) -> bool {
        self.0.get().is_some()
    }
}

impl Keeper {
    pub fn of(held: Held) -> Self {
        Self { held, finished: false }
    }
    pub fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if !self.finished
            && self.held.is_kept()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Whoever sends and hangs up, again and again, fills his own share only.
            let held = std::mem::take(&mut self.held);
            runtime.spawn(async move {
                tokio::time::sleep(AFTER_HANGING_UP).await;
                drop(held);
            });
        }
    }
}
