//! Measures Annals beside its peers.

fn main() {}
