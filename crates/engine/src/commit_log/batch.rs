//! Step 1: whatever waits becomes one commit, up to a bound.

use annals_core::limits::{COMMIT_BYTES_FULL, COMMIT_RECORDS_FULL};
use tokio::sync::mpsc;

use super::{Answer, Append, Appended, Appends, NotAppended, Probe, Request, Together, Waiting, Work};

/// Records of one commit with those who wait for them, in the same order, and the work that came behind them.
#[derive(Default)]
pub(super) struct Batch {
    pub appends: Vec<Append>,
    pub waiting: Audience,
    /// Questions that came in between. They are answered behind the commit: each of them would end the group otherwise.
    pub probes: Vec<Probe>,
    /// All of it is one group, of which all or nothing is stored.
    pub all_or_none: bool,
    bytes: usize,
    probed: usize,
}

/// Those who wait for the outcomes of a commit's records, in order.
#[derive(Default)]
pub(super) struct Audience(Vec<Waiting>);

impl Batch {
    /// Takes `first` and everything that waits behind it. Stops at other work, which is returned, and at the bounds. A group that goes
    /// together comes alone: what is told to others must not depend on keys of a group that was not stored after all.
    pub fn gather(first: Request, queue: &mut mpsc::Receiver<Work>) -> (Self, Option<Work>) {
        let mut batch = Self { all_or_none: goes_together(&first), ..Self::default() };
        batch.push(first);
        while !batch.is_full() {
            match queue.try_recv() {
                Ok(Work::Append(request)) if !goes_together(&request) => batch.push(request),
                Ok(Work::Probe(probe)) => {
                    batch.probed += probe.marks.len();
                    batch.probes.push(probe);
                }
                Ok(other) => return (batch, Some(other)),
                Err(_) => break,
            }
        }
        (batch, None)
    }

    fn is_full(&self) -> bool {
        self.all_or_none || self.appends.len().max(self.probed) >= COMMIT_RECORDS_FULL || self.bytes >= COMMIT_BYTES_FULL
    }

    fn push(&mut self, Request { appends, waiting }: Request) {
        let from = self.appends.len();
        match appends {
            Appends::One(append) => self.appends.push(append),
            Appends::Many(many, _) => self.appends.extend(many),
        }
        self.bytes += self.appends[from..].iter().map(Append::bytes).sum::<usize>();
        self.waiting.0.push(waiting);
    }
}

fn goes_together(request: &Request) -> bool {
    matches!(request.appends, Appends::Many(_, Together::AllOrNone))
}

impl Audience {
    /// One outcome for each record, in order.
    pub fn tell(self, outcomes: Vec<Appended>) {
        let mut outcomes = outcomes.into_iter();
        for Waiting { answer, _bytes } in self.0 {
            // A client that went away does not take its records back.
            match answer {
                Answer::One(sender) => drop(outcomes.next().map(|outcome| sender.send(Ok(outcome)))),
                Answer::Many(count, sender) => drop(sender.send(Ok(outcomes.by_ref().take(count).collect()))),
            }
        }
    }

    /// Nothing was stored, or nobody knows.
    pub fn refuse(self, refused: NotAppended) {
        metrics::counter!("annals_appends_refused_total").increment(1);
        for Waiting { answer, _bytes } in self.0 {
            match answer {
                Answer::One(sender) => drop(sender.send(Err(refused))),
                Answer::Many(_, sender) => drop(sender.send(Err(refused))),
            }
        }
    }
}
