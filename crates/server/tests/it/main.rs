//! The server through real HTTP, on a real engine in a temporary folder. The files mirror `src/http`; `server` is the harness.

#![allow(clippy::unwrap_used)]

mod actions;
mod api_keys;
mod api_requests;
mod audit_log_events;
mod bad_input;
mod batch;
mod contract;
mod docs;
mod events;
mod every_route;
mod exports;
mod feed;
mod health;
mod idempotency;
mod limits;
mod organizations;
mod own_events;
mod own_requests;
mod query;
mod retention;
mod serve;
mod server;
mod tail;
mod trail;
