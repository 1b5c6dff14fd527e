//! Does to a running Annals what machines, disks and networks do, and checks that nothing was lost. Knows of the server only what
//! every client knows: its command line, its ready line, its signals and its API.

pub mod client;
pub mod events;
pub mod failure;
pub mod keeping;
pub mod load;
pub mod mount;
pub mod parts;
pub mod random;
pub mod report;
pub mod run;
pub mod server;
pub mod writers;
