//! The client against servers that misbehave. How it works with a real one is tested beside the binary.

mod answers;
mod follow;
mod retries;
mod script;
mod tail;
