//! A CRC-32 of each block of a file's row groups, and the sink that takes them while the file is written.

use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;
use crc32fast::Hasher;

/// Reading a few rows means reading a page of each column, each with the rest of its blocks: small, so that this rest is too. Costs
/// one byte in four thousand.
const BLOCK_BYTES: usize = 16 * 1024;

/// The checksums of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksums {
    block_bytes: u64,
    /// Where the last block ends.
    end: u64,
    sums: Box<[u32]>,
}

/// A block does not have the checksum that it was written with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bytes {} to {} are not those that were written", .0.start, .0.end)]
pub struct Changed(pub Range<u64>);

impl Checksums {
    /// The size of a block, then the sums, all as little-endian numbers of 32 bits.
    pub fn encode(sums: &[u32]) -> Vec<u8> {
        let block_bytes = u32::try_from(BLOCK_BYTES).unwrap_or_default();
        std::iter::once(&block_bytes).chain(sums).flat_map(|number| number.to_le_bytes()).collect()
    }

    /// `None` when these are not the checksums of row groups that end there.
    pub fn decode(bytes: &[u8], end: u64) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<4>() else { return None };
        let (block_bytes, sums) = numbers.split_first()?;
        let block_bytes = u64::from(u32::from_le_bytes(*block_bytes));
        let sums: Box<[u32]> = sums.iter().map(|sum| u32::from_le_bytes(*sum)).collect();
        (block_bytes > 0 && end.div_ceil(block_bytes) == sums.len() as u64).then_some(Self { block_bytes, end, sums })
    }

    /// The whole blocks around a range of bytes.
    pub fn around(&self, range: &Range<u64>) -> Range<u64> {
        let start = range.start - range.start % self.block_bytes;
        start..range.end.next_multiple_of(self.block_bytes).min(self.end)
    }

    /// Whether these are the bytes that were written at `start`, where a block begins.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self, start: u64, bytes: &Bytes) -> Result<(), Changed> {
        let block_bytes = usize::try_from(self.block_bytes).unwrap_or(usize::MAX);
        let first = usize::try_from(start / self.block_bytes).unwrap_or(usize::MAX);
        let sums = self.sums.get(first..).unwrap_or_default();
        for (number, block) in bytes.chunks(block_bytes).enumerate() {
            if sums.get(number) != Some(&crc32fast::hash(block)) {
                let at = start + number as u64 * self.block_bytes;
                return Err(Changed(at..at + block.len() as u64));
            }
        }
        Ok(())
    }

    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.sums)
    }
}

/// Passes on what is written, and takes the checksums.
#[derive(Debug)]
pub struct Summed<W> {
    sink: W,
    sums: Vec<u32>,
    block: Hasher,
    /// Bytes that the block still takes.
    room: usize,
    block_bytes: usize,
}

impl<W> Summed<W> {
    pub fn new(sink: W) -> Self {
        Self { sink, sums: Vec::new(), block: Hasher::new(), room: BLOCK_BYTES, block_bytes: BLOCK_BYTES }
    }

    /// The checksums so far. Whatever follows is one block, and begins here.
    pub fn end_blocks(&mut self) -> Vec<u32> {
        if self.room < self.block_bytes {
            self.end_block();
        }
        (self.block_bytes, self.room) = (usize::MAX, usize::MAX);
        std::mem::take(&mut self.sums)
    }

    /// Of all that was written after [`Summed::end_blocks`].
    pub fn rest(&self) -> u32 {
        self.block.clone().finalize()
    }

    fn end_block(&mut self) {
        self.sums.push(std::mem::take(&mut self.block).finalize());
        self.room = self.block_bytes;
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        let mut rest = &bytes[..written];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.room));
            self.block.update(now);
            self.room -= now.len();
            rest = later;
            if self.room == 0 {
                self.end_block();
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
