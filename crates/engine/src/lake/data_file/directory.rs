//! Whose rows lie where in a data file. Files are sorted by owner, so each owner has one range of rows.

use std::fmt;
use std::ops::Range;

use crate::lake::row::Owner;

const ENTRY_BYTES: usize = 20;

/// The owners of one file, sorted, each with rows.
#[derive(Clone, PartialEq, Eq)]
pub struct Directory {
    owners: Box<[u128]>,
    /// Where the rows of the owner of the same place end.
    ends: Box<[u32]>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory of {} owners and {} rows", self.owners.len(), self.rows())
    }
}

impl Directory {
    pub fn rows(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default().into()
    }

    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.owners) + size_of_val(&*self.ends)
    }

    /// The rows of an owner; `None` when it has none here.
    pub fn rows_of(&self, owner: impl Owner) -> Option<Range<u32>> {
        let place = self.owners.binary_search(&owner.key()).ok()?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(start..self.ends[place])
    }

    /// Every owner with its rows, in order.
    pub fn iter<O: Owner>(&self) -> impl Iterator<Item = (O, Range<u32>)> {
        self.entries().map(|(owner, rows)| (O::of_key(*owner), rows))
    }

    fn entries(&self) -> impl Iterator<Item = (&u128, Range<u32>)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        self.owners.iter().zip(starts.zip(&self.ends).map(|(start, end)| start..*end))
    }

    /// Each owner and the number of its rows.
    pub fn encode(&self) -> Vec<u8> {
        let entry = |(owner, rows): (&u128, Range<u32>)| {
            let mut entry = [0; ENTRY_BYTES];
            entry[..16].copy_from_slice(&owner.to_be_bytes());
            entry[16..].copy_from_slice(&(rows.end - rows.start).to_le_bytes());
            entry
        };
        self.entries().flat_map(entry).collect()
    }

    /// `None` when these are not the owners of so many rows.
    pub fn decode(bytes: &[u8], rows: u64) -> Option<Self> {
        let (entries, []) = bytes.as_chunks::<ENTRY_BYTES>() else { return None };
        let mut building = DirectoryBuilder::with_capacity(entries.len());
        for entry in entries {
            let (owner, rows) = (entry.first_chunk::<16>()?, entry.last_chunk::<4>()?);
            building.push_key(u128::from_be_bytes(*owner), u32::from_le_bytes(*rows))?;
        }
        let directory = building.build();
        // An owner twice, or one without rows, would have been written otherwise.
        let each_has_rows = directory.entries().all(|(_, rows)| !rows.is_empty());
        (directory.rows() == rows && directory.owners.len() == entries.len() && each_has_rows).then_some(directory)
    }
}

/// A directory while the rows are still coming.
#[derive(Debug)]
pub struct DirectoryBuilder {
    owners: Vec<u128>,
    ends: Vec<u32>,
}

impl DirectoryBuilder {
    pub fn with_capacity(owners: usize) -> Self {
        Self { owners: Vec::with_capacity(owners), ends: Vec::with_capacity(owners) }
    }

    /// More rows. `None` when the owner comes before the last one, or when a file cannot have so many rows.
    pub fn push(&mut self, owner: impl Owner, rows: u32) -> Option<()> {
        self.push_key(owner.key(), rows)
    }

    fn push_key(&mut self, key: u128, rows: u32) -> Option<()> {
        let end = self.ends.last().copied().unwrap_or_default().checked_add(rows)?;
        match self.owners.last() {
            Some(last) if *last > key => return None,
            Some(last) if *last == key => *self.ends.last_mut()? = end,
            _ => {
                self.owners.push(key);
                self.ends.push(end);
            }
        }
        Some(())
    }

    pub fn build(self) -> Directory {
        Directory { owners: self.owners.into(), ends: self.ends.into() }
    }
}
