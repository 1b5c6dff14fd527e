//! The parts. A new one is a module and a row.

use futures::future::BoxFuture;

use crate::failure::Failure;
use crate::report::Report;
use crate::run::Run;

mod clock;
mod crash;
mod damage;
mod disk_full;
mod kill;
mod lake_away;
mod overload;
mod upgrade;

pub struct Part {
    pub name: &'static str,
    /// What is done to the server.
    pub does: &'static str,
    pub rounds: u32,
    /// Rounds in the tests. All parts together take less than three minutes there.
    pub rounds_short: u32,
    /// What is wrong goes into the report. `Err`: the part could not be carried out, which is a failure too.
    pub run: for<'r> fn(&'r Run, &'r mut Report) -> BoxFuture<'r, Result<(), Failure>>,
}

pub const PARTS: &[Part] = &[
    Part {
        name: "clock",
        does: "the clock is set back a day and forward a year, while it runs and between starts",
        rounds: 10,
        rounds_short: 1,
        run: |run, report| Box::pin(clock::run(run, report)),
    },
    Part {
        name: "crash",
        does: "the process dies at every step of commit, flush, retirement and merge",
        rounds: 5,
        rounds_short: 1,
        run: |run, report| Box::pin(crash::run(run, report)),
    },
    Part {
        name: "kill",
        does: "kill -9 at a random moment under 64 clients",
        rounds: 100,
        rounds_short: 3,
        run: |run, report| Box::pin(kill::run(run, report)),
    },
    Part {
        name: "damage",
        does: "bytes flip and files are cut short, anywhere in the data folder",
        rounds: 200,
        rounds_short: 6,
        run: |run, report| Box::pin(damage::run(run, report)),
    },
    Part {
        name: "upgrade",
        does: "a folder of the first format is opened, and newer ones are refused",
        rounds: 1,
        rounds_short: 1,
        run: |run, report| Box::pin(upgrade::run(run, report)),
    },
    Part {
        name: "disk-full",
        does: "the disk fills up to the last byte, and has space again",
        rounds: 6,
        rounds_short: 2,
        run: |run, report| Box::pin(disk_full::run(run, report)),
    },
    Part {
        name: "lake-away",
        does: "the lake is read-only, full, or gone",
        rounds: 3,
        rounds_short: 1,
        run: |run, report| Box::pin(lake_away::run(run, report)),
    },
    Part {
        name: "overload",
        does: "twice the load that it can take, from one noisy key beside a quiet one",
        rounds: 10,
        rounds_short: 1,
        run: |run, report| Box::pin(overload::run(run, report)),
    },
];

/// All of them when none is named.
pub fn named(names: &[String]) -> Result<Vec<&'static Part>, Failure> {
    if names.is_empty() {
        return Ok(PARTS.iter().collect());
    }
    let find = |name: &String| {
        let known = || PARTS.iter().map(|part| part.name).collect::<Vec<_>>().join(", ");
        let found = PARTS.iter().find(|part| part.name == name);
        found.ok_or_else(|| Failure::new(format!("no part is called {name}; there are {}", known())))
    };
    names.iter().map(find).collect()
}
