//! Audit events like those of a real product: a pure function of a seed, so that two machines, or two systems, measure the same
//! thing. Never reads a clock and never asks the operating system for randomness.
//!
//! ```text
//! organizations   Zipf 1.05; 5 to 5,000 members by rank, Zipf 1.2 inside; one member in 16 is a program
//! actions         60, Zipf 1.3; one target, two in one event of five; 28 browsers and 12 clients; 1 to 3 addresses a member
//! size            request body log-normal: p50 540, mean 610 to 640, p99 1.8 KB, 0.01 % at 32 KB; 0 to 6 metadata keys
//! time            Poisson arrivals over a daily curve; 1 % late by up to 24 hours, 0.1 % by up to 30 days
//! keys            0.5 % retried within a minute, 0.05 % within a day, 0.01 % used again with another body
//! ```
//!
//! **Entropy.** Bytes per event mean nothing without it: what is random cannot be compressed. Random bits of an event, on
//! average, for a million events of the default plan:
//!
//! ```text
//! who and what      organization 9, member 5, action 4, known target 10, which address and device and optional member 5
//! when              8 for the millisecond of arrival (one less for every doubling of the rate), 7 for the delay before it,
//!                   and 20 in three events of ten, whose library writes nanoseconds
//! first meetings    109: id, name and birth of members and things not seen before; falls with the number of events
//!                   7: their addresses
//! new each time     6: sessions, comments, invitations, invoices; 13: request and trace ids
//! metadata          207: text, 8 bits a word; 10: how much of it; 5: short values
//! sum               about 410 bits = 51 bytes, of which text is half. An idempotency key is 122 bits = 15 bytes more
//! ```
//!
//! The lines of these events without their keys, sorted by organization and time, take 125 bytes each with `zstd -3` and 88
//! with `zstd -19` (the first 100 MB), of 627 bytes of request. Compare bytes per event only between systems that were given the same lines.

mod address;
mod args;
mod arrivals;
mod catalog;
mod compose;
mod draw;
mod event;
mod generator;
mod ids;
mod metadata;
mod plan;
mod population;
#[cfg(test)]
mod tests;
mod time;
mod words;
mod zipf;

pub use args::{GenerateArgs, run};
pub use event::Event;
pub use generator::{Delivery, GeneratedEvent, Generator};
pub use plan::{ORGANIZATIONS_MAX, Plan};
