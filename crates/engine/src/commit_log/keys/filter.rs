//! Answers "certainly not here" for one segment of a run without touching the disk. Never answers it for a key that is there.

use std::io::{self, Read, Write};

use xorf::{BinaryFuse16, Descriptor, Filter as _};

/// 16-bit fingerprints: one false "perhaps" in 65,536, about 18.5 bits a key.
pub(super) enum Filter {
    Fuse(BinaryFuse16),
    /// Building a fuse filter can fail in theory. Then every key is "perhaps", which is slow and right.
    Unfiltered,
}

impl Filter {
    pub(super) fn build(sorted_prefixes: &mut Vec<u64>) -> Filter {
        // Two different digests may share a prefix, and the construction does not end well with equal keys.
        sorted_prefixes.dedup();
        BinaryFuse16::try_from(&*sorted_prefixes).map_or(Filter::Unfiltered, Filter::Fuse)
    }

    pub(super) fn may_hold(&self, prefix: u64) -> bool {
        match self {
            Filter::Fuse(fuse) => fuse.contains(&prefix),
            Filter::Unfiltered => true,
        }
    }

    pub(super) fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let Filter::Fuse(fuse) = self else { return out.write_all(&[0; 20]) };
        out.write_all(&(fuse.fingerprints.len() as u32).to_le_bytes())?;
        out.write_all(&fuse.descriptor.seed.to_le_bytes())?;
        out.write_all(&fuse.descriptor.segment_length.to_le_bytes())?;
        out.write_all(&fuse.descriptor.segment_count_length.to_le_bytes())?;
        let bytes: Vec<u8> = fuse.fingerprints.iter().flat_map(|print| print.to_le_bytes()).collect();
        out.write_all(&bytes)
    }

    pub(super) fn read_from(input: &mut impl Read) -> io::Result<Filter> {
        let fingerprints = read_u32(input)? as usize;
        let mut seed = [0; 8];
        input.read_exact(&mut seed)?;
        let (segment_length, segment_count_length) = (read_u32(input)?, read_u32(input)?);
        if fingerprints == 0 {
            return Ok(Filter::Unfiltered);
        }
        // Grows with what is really there: a damaged count must not allocate what it claims.
        let mut bytes = Vec::new();
        input.take(2 * fingerprints as u64).read_to_end(&mut bytes)?;
        if bytes.len() != 2 * fingerprints || !fits(fingerprints, segment_length, segment_count_length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Filter::Fuse(BinaryFuse16 {
            descriptor: Descriptor {
                seed: u64::from_le_bytes(seed),
                segment_length,
                segment_length_mask: segment_length - 1,
                segment_count_length,
            },
            fingerprints: bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect(),
        }))
    }
}

/// Whether a look-up stays inside the fingerprints: it reads one of each of three neighbouring segments, the first of which
/// starts below `segment_count_length`.
fn fits(fingerprints: usize, segment_length: u32, segment_count_length: u32) -> bool {
    segment_length.is_power_of_two()
        && segment_count_length.is_multiple_of(segment_length)
        && u64::from(segment_count_length) + 2 * u64::from(segment_length) <= fingerprints as u64
}

fn read_u32(input: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cheap bijection, so that the numbers are spread and different.
    fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    fn prefixes(count: u64) -> Vec<u64> {
        let mut prefixes: Vec<u64> = (0..count).map(spread).collect();
        prefixes.sort_unstable();
        prefixes
    }

    fn through_bytes(filter: &Filter) -> Filter {
        let mut bytes = Vec::new();
        filter.write_to(&mut bytes).unwrap();
        let mut rest = bytes.as_slice();
        let read = Filter::read_from(&mut rest).unwrap();
        assert!(rest.is_empty());
        read
    }

    #[test]
    fn every_key_is_found_at_every_size_before_and_after_the_disk() {
        for count in (1..70).chain([127, 128, 129, 1_000, 4_096, 20_000]) {
            let mut keys = prefixes(count);
            let built = Filter::build(&mut keys);
            assert!(matches!(built, Filter::Fuse(_)), "{count} keys");
            let read = through_bytes(&built);
            for key in &keys {
                assert!(built.may_hold(*key) && read.may_hold(*key), "{count} keys");
            }
        }
    }

    #[test]
    fn strangers_are_rarely_let_in() {
        let filter = Filter::build(&mut prefixes(20_000));
        let let_in = (1_000_000..1_400_000).filter(|number| filter.may_hold(spread(*number))).count();
        assert!(let_in < 30, "{let_in} of 400,000, about 6 are expected");
    }

    #[test]
    fn equal_prefixes_are_one() {
        let filter = Filter::build(&mut vec![5, 5, 5, 9, 9]);
        assert!(filter.may_hold(5) && filter.may_hold(9));
    }

    #[test]
    fn without_a_filter_everything_is_possible() {
        assert!(through_bytes(&Filter::Unfiltered).may_hold(77));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut bytes = Vec::new();
        Filter::build(&mut prefixes(500)).write_to(&mut bytes).unwrap();
        for (offset, value) in [(0, u32::MAX), (0, 1), (12, 0), (12, 3), (16, u32::MAX)] {
            let mut lie = bytes.clone();
            lie[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
            assert!(Filter::read_from(&mut lie.as_slice()).is_err(), "{value} at {offset}");
        }
    }
}
