//! How far the mirror has come. Saved when a page of the source is durable here, and now and then while nothing happens.

use std::path::Path;
use std::time::Duration;

use annals_client::wire::Moment;
use serde::{Deserialize, Serialize};

use super::super::Failed;
use super::super::state_file::{load, save};

const VERSION: u32 = 1;
/// Idempotency keys make a repetition harmless for 24 hours; the rest is for clocks that differ.
const KEYS_LAST: Duration = Duration::from_secs(20 * 60 * 60);
const FRESH: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    version: u32,
    from: String,
    to: String,
    /// The last event of the source that is here.
    pub after: Option<String>,
    /// The last event that was published here: what is in doubt comes behind it.
    pub here: Option<String>,
    saved_at: Moment,
}

impl State {
    /// `None`: nothing was mirrored yet, or the file was lost.
    ///
    /// # Errors
    /// It belongs to other servers.
    pub fn load(path: &Path, from: &str, to: &str) -> Result<Option<Self>, Failed> {
        let Some(state) = load::<Self>(path)? else { return Ok(None) };
        if (state.version, state.from.as_str(), state.to.as_str()) != (VERSION, from, to) {
            return Err(Failed::usage(format!(
                "{} is of a mirror from {} to {}: name another file with --state",
                path.display(),
                state.from,
                state.to
            )));
        }
        Ok(Some(state))
    }

    pub fn new(from: &str, to: &str) -> Self {
        let (from, to) = (from.to_owned(), to.to_owned());
        Self { version: VERSION, from, to, after: None, here: None, saved_at: annals_client::now() }
    }

    pub fn save(&mut self, path: &Path) -> Result<(), Failed> {
        self.saved_at = annals_client::now();
        save(path, self)
    }

    /// What was sent since it was saved, by whatever process, may be here under keys that have expired.
    pub fn has_outlived_keys(&self) -> bool {
        self.is_older_than(KEYS_LAST)
    }

    /// It can be saved again as it is, when nothing is in doubt.
    pub fn is_stale(&self) -> bool {
        self.is_older_than(FRESH)
    }

    /// A clock that went back tells nothing.
    fn is_older_than(&self, age: Duration) -> bool {
        let now = annals_client::now().0;
        now < self.saved_at.0 || now.saturating_sub(age) > self.saved_at.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_old_after_a_while_or_from_the_future() {
        let aged = |hours: i64| {
            let at = annals_client::now().0.get() - hours * 3_600_000_000;
            State { saved_at: Moment(annals_core::time::Micros::saturating(at)), ..State::new("a", "b") }
        };
        for (hours, outlived, stale) in
            [(0, false, false), (2, false, true), (19, false, true), (21, true, true), (-1, true, true)]
        {
            assert_eq!((aged(hours).has_outlived_keys(), aged(hours).is_stale()), (outlived, stale), "{hours}");
        }
    }
}
