//! Does to a running Annals what machines, disks and networks do, and checks that nothing was lost.

fn main() {}
