//! The rows of several sorted files as one sorted stream of columns, without making records of them.
//!
//! Files come in the order of their commits, and within an owner rank and id rise with every commit. So an owner's rows are those of
//! the first file, then those of the second: only owners are compared, once for each run of rows, and runs are copied whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MutableArrayData, RecordBatch, StringArray, make_array};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::error::ArrowError;

use super::columns::ID;
use super::row::Row;

/// Rows of what comes out, at most.
const ROWS_OUT: usize = 8192;
/// The same for large rows: about what they take in memory.
const BYTES_OUT: usize = 8 * 1024 * 1024;
/// Batches that are held beyond two of each source, at most. Rows that are left out fill none of what comes out.
pub const BATCHES_SPARE: usize = 8;

/// The sources of a merge, which hands in their batches one after the other.
pub struct Merge<R: Row> {
    sources: Vec<Source>,
    /// Which owner's rows come next in which sources. An entry leaves when its source needs another batch.
    next: BTreeSet<(R::Owner, usize)>,
    /// Owners whose rows are left out.
    leaving: BTreeSet<R::Owner>,
    picked: Picked,
    /// Rows that were left out.
    pub left_out: u64,
    /// The most that its batches took in memory at the same time.
    pub held_bytes_max: usize,
}

/// What a merge wants to go on.
pub enum Step {
    /// The next batch of this source, or that there is none.
    Needs(usize),
    /// Rows that come next.
    Rows(RecordBatch),
    End,
}

#[derive(Debug, thiserror::Error)]
pub enum MergeRowsError {
    #[error("a row whose owner is no id")]
    Owner,
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

struct Source {
    state: State,
    /// Place in the batch.
    at: usize,
}

enum State {
    Hungry,
    /// The batch's number among those that are picked from.
    Has(usize),
    Ended,
}

/// Runs of rows on their way out.
struct Picked {
    schema: SchemaRef,
    batches: Vec<Batch>,
    runs: Vec<Run>,
    rows: usize,
    bytes: usize,
}

#[derive(Clone)]
struct Batch {
    rows: RecordBatch,
    /// Roughly, of one row.
    row_bytes: usize,
}

struct Run {
    batch: usize,
    start: usize,
    end: usize,
}

impl<R: Row> Merge<R> {
    /// Of so many files, in the order of their commits, without the rows of some owners.
    pub fn new(sources: usize, leaving: BTreeSet<R::Owner>) -> Self {
        let sources = (0..sources).map(|_| Source { state: State::Hungry, at: 0 }).collect();
        let picked = Picked { schema: R::schema(), batches: Vec::new(), runs: Vec::new(), rows: 0, bytes: 0 };
        Self { sources, next: BTreeSet::new(), leaving, picked, left_out: 0, held_bytes_max: 0 }
    }

    /// What was wanted of this source; `None` at its end.
    ///
    /// # Errors
    /// These are not rows of ours.
    pub fn feed(&mut self, source: usize, batch: Option<RecordBatch>) -> Result<(), MergeRowsError> {
        let state = match batch {
            None => State::Ended,
            Some(batch) if batch.num_rows() == 0 => State::Hungry,
            Some(batch) => {
                self.next.insert((owner::<R>(&batch, 0)?, source));
                let row_bytes = batch.get_array_memory_size() / batch.num_rows();
                self.picked.batches.push(Batch { rows: batch, row_bytes });
                self.held_bytes_max = self.held_bytes_max.max(self.picked.held_bytes());
                State::Has(self.picked.batches.len() - 1)
            }
        };
        self.sources[source] = Source { state, at: 0 };
        Ok(())
    }

    /// # Errors
    /// These are not rows of ours.
    pub fn step(&mut self) -> Result<Step, MergeRowsError> {
        if let Some(hungry) = self.sources.iter().position(|source| matches!(source.state, State::Hungry)) {
            return Ok(Step::Needs(hungry));
        }
        while self.picked.rows < ROWS_OUT && self.picked.bytes < BYTES_OUT {
            if self.picked.batches.len() > 2 * self.sources.len() + BATCHES_SPARE {
                if self.picked.rows > 0 {
                    break;
                }
                self.let_go();
            }
            let Some((owner_of_run, number)) = self.next.pop_first() else {
                return Ok(if self.picked.rows == 0 { Step::End } else { Step::Rows(self.picked_rows()?) });
            };
            let source = &mut self.sources[number];
            let State::Has(place) = source.state else { continue };
            let Batch { rows: batch, row_bytes } = &self.picked.batches[place];
            let (start, end) = (source.at, run_end(owners::<R>(batch)?, source.at));
            source.at = end;
            if self.leaving.contains(&owner_of_run) {
                self.left_out += (end - start) as u64;
            } else {
                self.picked.bytes += row_bytes * (end - start);
                self.picked.rows += end - start;
                self.picked.runs.push(Run { batch: place, start, end });
            }
            if end < batch.num_rows() {
                self.next.insert((owner::<R>(batch, end)?, number));
            } else {
                source.state = State::Hungry;
                return Ok(Step::Needs(number));
            }
        }
        Ok(Step::Rows(self.picked_rows()?))
    }

    /// Copies the runs, and lets go of batches that are used up.
    fn picked_rows(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = self.picked.copy()?;
        self.let_go();
        Ok(rows)
    }

    /// Of batches that are used up. No run may be waiting.
    fn let_go(&mut self) {
        let batches = std::mem::take(&mut self.picked.batches);
        for source in &mut self.sources {
            if let State::Has(place) = &mut source.state {
                self.picked.batches.push(batches[*place].clone());
                *place = self.picked.batches.len() - 1;
            }
        }
    }
}

impl Picked {
    fn held_bytes(&self) -> usize {
        self.batches.iter().map(|batch| batch.row_bytes * batch.rows.num_rows()).sum()
    }

    fn copy(&mut self) -> Result<RecordBatch, ArrowError> {
        let runs = std::mem::take(&mut self.runs);
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if let [Run { batch, start, end }] = runs[..] {
            return Ok(self.batches[batch].rows.slice(start, end - start));
        }
        let column = |column: usize| -> Result<ArrayRef, ArrowError> {
            let sources: Vec<_> = self.batches.iter().map(|batch| batch.rows.column(column).to_data()).collect();
            let mut copied = MutableArrayData::new(sources.iter().collect(), false, rows);
            for Run { batch, start, end } in &runs {
                copied.try_extend(*batch, *start, *end)?;
            }
            Ok(make_array(copied.freeze()))
        };
        let columns = (0..self.schema.fields().len()).map(column).collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

fn owners<R: Row>(batch: &RecordBatch) -> Result<&StringArray, MergeRowsError> {
    batch.column_by_name(R::OWNER).and_then(|column| column.as_string_opt()).ok_or(MergeRowsError::Owner)
}

fn owner<R: Row>(batch: &RecordBatch, row: usize) -> Result<R::Owner, MergeRowsError> {
    owners::<R>(batch)?.value(row).parse().map_err(|_| MergeRowsError::Owner)
}

/// Where the rows of the owner end whose rows begin here. Looks ahead in growing steps: most runs are short, some are a whole batch.
fn run_end(owners: &StringArray, start: usize) -> usize {
    let owner = owners.value(start);
    let same = |row: usize| owners.value(row) == owner;
    let (mut inside, mut step) = (start, 1);
    while inside + step < owners.len() && same(inside + step) {
        inside += step;
        step *= 2;
    }
    let (mut least, mut most) = (inside + 1, (inside + step).min(owners.len()));
    while least < most {
        let middle = usize::midpoint(least, most);
        if same(middle) { least = middle + 1 } else { most = middle }
    }
    least
}

/// Watches that rows come out in the order of a data file, each once.
pub struct Order {
    owner: String,
    rank: i64,
    id: String,
    pub rows: u64,
}

impl Order {
    pub fn new() -> Self {
        Self { owner: String::new(), rank: i64::MIN, id: String::new(), rows: 0 }
    }

    /// Whether these rows come after all before, and in order. Owners and ids are ordered as their texts are.
    pub fn follows<R: Row>(&mut self, batch: &RecordBatch) -> bool {
        let text = |name| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let ranks = R::RANK.map(|name| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>()));
        let (Some(owners), Some(ids)) = (text(R::OWNER), text(ID)) else { return false };
        if ranks == Some(None) || owners.null_count() + ids.null_count() > 0 || batch.num_rows() == 0 {
            return false;
        }
        let place = |row: usize| (owners.value(row), ranks.flatten().map_or(0, |ranks| ranks.value(row)), ids.value(row));
        if self.rows > 0 && (self.owner.as_str(), self.rank, self.id.as_str()) >= place(0) {
            return false;
        }
        if (1..batch.num_rows()).any(|row| place(row - 1) >= place(row)) {
            return false;
        }
        let (owner, rank, id) = place(batch.num_rows() - 1);
        (self.owner, self.rank, self.id) = (owner.to_owned(), rank, id.to_owned());
        self.rows += batch.num_rows() as u64;
        true
    }
}
