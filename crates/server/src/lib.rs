//! HTTP in front of the engine: outside words in, one call, outside words out. Knows no SQL and no Arrow, and has no rules of its own:
//! what an event or an organization may be is decided in `core` and `engine`.
//!
//! Read `http/mod.rs` first: the table of contents of all routes.

mod addresses;
mod config;
mod http;
mod patience;
mod serve;

pub use config::{Config, EventsOrder, EventsSide, Rate};
pub use http::{App, openapi, router};
pub use serve::run;
