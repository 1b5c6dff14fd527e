//! Room for requests that are being answered, shared out so that there is always some left for whoever comes next.
//!
//! An owner of keys may hold as much as is still free, and no more. One that wants everything gets a half, two get a third each, and so
//! on: however many push, the share of one more is free, so nobody has to wait until the noisy ones are done. A request costs three additions.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Owners are told apart by their hash: what they hold needs no lock, no list, and no upkeep. Each has a place in two rows and holds what the
/// emptier one says, so two owners are taken for one only when both places are the same: one time in 16 million.
const PLACES: usize = 4096;

pub struct InFlight {
    units_max: u32,
    used: AtomicU32,
    of_owner: [Box<[AtomicU32]>; 2],
    hasher: RandomState,
}

/// Room that a request takes. Gives itself back when it is dropped.
pub struct Seat {
    room: Arc<InFlight>,
    places: [usize; 2],
    units: u32,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSeat {
    /// The owner holds most of what is held.
    OwnShare,
    /// All owners together.
    Full,
}

impl InFlight {
    pub fn new(units_max: u32) -> Arc<Self> {
        let row = || (0..PLACES).map(|_| AtomicU32::new(0)).collect();
        let of_owner = [row(), row()];
        Arc::new(Self { units_max, used: AtomicU32::new(0), of_owner, hasher: RandomState::new() })
    }

    pub fn seat(self: &Arc<Self>, owner: impl Hash, units: u32) -> Result<Seat, NoSeat> {
        let hash = self.hasher.hash_one(owner);
        let places = [hash & 0xFFFF_FFFF, hash >> 32].map(|half| usize::try_from(half).unwrap_or(0) % PLACES);
        // Taken first and given back when it is too much: a moment too strict at the limit, and never too generous.
        let used = self.used.fetch_add(units, Ordering::Relaxed).saturating_add(units);
        let in_row = |row: usize| self.of_owner[row][places[row]].fetch_add(units, Ordering::Relaxed).saturating_add(units);
        let own = in_row(0).min(in_row(1));
        let seat = Seat { room: Arc::clone(self), places, units };
        match self.units_max.checked_sub(used) {
            Some(free) if own <= free.max(1) => Ok(seat),
            _ if own > used / 2 => Err(NoSeat::OwnShare),
            _ => Err(NoSeat::Full),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        for (row, place) in self.room.of_owner.iter().zip(self.places) {
            row[place].fetch_sub(self.units, Ordering::Relaxed);
        }
        self.room.used.fetch_sub(self.units, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many seats as an owner gets.
    fn fill(room: &Arc<InFlight>, owner: u64) -> Vec<Seat> {
        std::iter::from_fn(|| room.seat(owner, 1).ok()).take(10_000).collect()
    }

    #[test]
    fn whoever_comes_next_finds_room() {
        let room = InFlight::new(1000);
        let taken: Vec<_> = (0..5).map(|owner| fill(&room, owner)).collect();
        let shares: Vec<_> = taken.iter().map(Vec::len).collect();
        assert_eq!(shares, [500, 250, 125, 62, 31]);
        assert_eq!(room.seat(0_u64, 1).err(), Some(NoSeat::OwnShare));
        assert_eq!(room.seat(4_u64, 1).err(), Some(NoSeat::Full));
        drop(taken);
        assert_eq!(fill(&room, 9).len(), 500);
    }

    #[test]
    fn shares_of_those_who_push_at_once_are_equal() {
        let room = InFlight::new(900);
        let mut held = [Vec::new(), Vec::new()];
        for _ in 0..900 {
            for (owner, seats) in held.iter_mut().enumerate() {
                seats.extend(room.seat(owner, 1));
            }
        }
        assert_eq!(held.map(|seats| seats.len()), [300, 300]);
    }

    #[test]
    fn large_requests_take_more_room() {
        let room = InFlight::new(100);
        let large = room.seat(1, 40).ok();
        assert!(large.is_some() && room.seat(1, 11).is_err() && room.seat(1, 10).is_ok() && room.seat(2, 30).is_ok());
        assert!(room.seat(2, u32::MAX).is_err());
        drop(large);
        assert_eq!((room.used.load(Ordering::Relaxed), fill(&room, 2).len()), (0, 50));
    }

    #[test]
    fn the_smallest_room_holds_one_request() {
        let room = InFlight::new(1);
        let seat = room.seat(1, 1);
        assert!(seat.is_ok() && room.seat(2, 1).is_err());
    }
}
