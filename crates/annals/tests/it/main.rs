//! The binary as its users meet it: started, fed over HTTP, stopped, killed, started again.

mod at_size;
mod bench_fill;
mod client;
mod commands;
mod emitter;
mod feed;
mod kept_answers;
mod layer;
mod lines;
mod own_requests;
mod serve;
mod server;
