//! What is true without a computer: ids, limits, times, an event's states, its normal form and canonical text, and the
//! words on the wire. No I/O, no clock, no randomness: whatever comes from outside is an argument.

pub mod counting;
pub mod event;
pub mod ids;
pub mod json;
pub mod limits;
pub mod record;
pub mod secret;
pub mod time;
pub mod wire;
