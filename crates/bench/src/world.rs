//! Where things are, and the data sets that workloads share.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::Fallible;
use crate::machine::Machine;
use crate::process::{Server, output};
use crate::settings::{Args, Sizes};
use crate::workloads::Workload;

/// Keys that `fill` leaves are known for two hours more.
const KEYS_GOOD_FOR: Duration = Duration::from_secs(60 * 60);
/// The first key of servers that begin empty. They live as long as a measurement, on loopback.
const KEY: &str = "sk_bench_0123456789abcdefghij";

pub struct World {
    pub sizes: Sizes,
    pub machine: Machine,
    pub date: String,
    pub commit: String,
    pub annals: PathBuf,
    pub python: PathBuf,
    pub source: PathBuf,
    pub results: PathBuf,
    pub quick: bool,
    folder: PathBuf,
    keep: bool,
}

/// What `annals bench fill` said.
#[derive(Debug, Clone, Deserialize)]
pub struct Filled {
    pub api_key: String,
    pub events: u64,
    pub events_per_second: f64,
    pub organizations: Organizations,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Organizations {
    pub large: Named,
    pub middle: Named,
    pub small: Named,
    pub absent: Named,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Named {
    pub id: String,
    pub events: u64,
}

/// A data folder with a history.
#[derive(Debug, Clone)]
pub struct Data {
    pub folder: PathBuf,
    pub filled: Filled,
    /// What was recorded, if that was asked for.
    pub lines: PathBuf,
}

/// What a data set is made from.
#[derive(Debug, Clone, Copy)]
pub struct Fill {
    pub name: &'static str,
    pub events: u64,
    pub organizations: u32,
    pub days: u32,
    pub batch: u32,
    pub keys: bool,
    pub last_day_ended: bool,
    pub lines: bool,
}

impl World {
    pub fn new(args: Args) -> Fallible<Self> {
        let sizes = Sizes::of(&args);
        let folder = args.folder.join(if args.quick { "quick" } else { "full" });
        std::fs::create_dir_all(&folder)?;
        let source = args.source.to_string_lossy().into_owned();
        let commit = output("git", &["-C", &source, "rev-parse", "--short", "HEAD"]).unwrap_or_default();
        Ok(Self {
            machine: Machine::describe(&folder),
            date: output("date", &["--utc", "+%Y-%m-%d"])?,
            commit,
            annals: args.annals,
            python: args.python,
            source: args.source,
            results: folder.join("results"),
            quick: args.quick,
            folder,
            keep: args.keep,
            sizes,
        })
    }

    /// # Errors
    /// There is less room on the disk than the workloads take at their worst moment.
    pub fn check_room(&self, wanted: &[Workload]) -> Fallible<()> {
        let needed = wanted.iter().map(|workload| (workload.room)(&self.sizes)).max().unwrap_or(0);
        let shared: u64 = self.sizes.sets.iter().sum::<u64>() * 150 + self.sizes.keys * 200;
        let needed = needed + if wanted.iter().any(|workload| workload.shares_data) { shared } else { 0 };
        let folder = self.folder.to_string_lossy();
        let df = output("df", &["--output=avail", "--block-size=1", &folder])?;
        let free: u64 = df.lines().last().unwrap_or_default().trim().parse()?;
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        println!("disk: at most {:.1} GB are taken at the same time, {:.1} GB are free", gigabytes(needed), gigabytes(free));
        if free < needed { Err("there is not enough room on the disk: take fewer --events".into()) } else { Ok(()) }
    }

    /// A folder that does not exist yet and is removed afterwards.
    pub fn fresh(&self, name: &str) -> Fallible<tempfile::TempDir> {
        Ok(tempfile::Builder::new().prefix(name).tempdir_in(&self.folder)?)
    }

    /// A server that has no data yet.
    pub fn empty_server(&self, folder: &Path, more: &[&str]) -> Fallible<Server> {
        Server::start(&self.annals, &folder.join("data"), KEY, more)
    }

    /// A data set, made now or by an earlier workload.
    pub fn filled(&self, fill: Fill) -> Fallible<Data> {
        let Fill { name, events, .. } = fill;
        let at = self.folder.join("data").join(format!("{name}-{events}"));
        let (folder, summary, lines) = (at.join("data"), at.join("summary.json"), at.join("lines.ndjson"));
        let read = || Fallible::Ok(serde_json::from_slice(&std::fs::read(&summary)?)?);
        let is_fresh = || {
            let age = SystemTime::now().duration_since(std::fs::metadata(&summary)?.modified()?)?;
            Fallible::Ok(!fill.keys || age < KEYS_GOOD_FOR)
        };
        if is_fresh().unwrap_or(false)
            && let Ok(filled) = read()
        {
            return Ok(Data { folder, filled, lines });
        }
        let _ = std::fs::remove_dir_all(&at); // absent, or half a data set
        std::fs::create_dir_all(&at)?;
        println!("  filling {name} with {events} events");
        let [count, organizations] = [events.to_string(), fill.organizations.to_string()];
        let [days, batch] = [fill.days.to_string(), fill.batch.to_string()];
        let mut command = Command::new(&self.annals);
        command.args([
            "bench",
            "fill",
            "--events",
            &count,
            "--organizations",
            &organizations,
            "--days",
            &days,
            "--batch",
            &batch,
        ]);
        command.arg("--data").arg(&folder).stdin(Stdio::null());
        if fill.keys {
            command.arg("--keys");
        }
        if fill.last_day_ended {
            command.arg("--last-day-ended");
        }
        if fill.lines {
            command.arg("--lines").arg(&lines);
        }
        let made = command.output()?;
        if !made.status.success() {
            return Err(format!("annals bench fill: {}", String::from_utf8_lossy(&made.stderr).trim()).into());
        }
        std::fs::write(&summary, made.stdout)?;
        let filled: Filled = read()?;
        println!("  {:.0} events/s", filled.events_per_second);
        Ok(Data { folder, filled, lines })
    }

    /// The data sets that pages are read from, smallest first.
    pub fn history(&self, events: u64) -> Fill {
        Fill {
            name: "history",
            events,
            organizations: self.sizes.organizations,
            days: 30,
            batch: 1000,
            keys: false,
            last_day_ended: false,
            lines: false,
        }
    }

    /// A key for each event, all of them alive.
    pub fn with_keys(&self) -> Fill {
        Fill { name: "keys", days: 1, keys: true, ..self.history(self.sizes.keys) }
    }

    /// One organization has all events.
    pub fn one_organization(&self) -> Fill {
        Fill { name: "one", organizations: 1, lines: true, ..self.history(self.sizes.single_set) }
    }

    pub fn start(&self, data: &Data) -> Fallible<Server> {
        Server::start(&self.annals, &data.folder, &data.filled.api_key, &[])
    }

    /// Unless the next run shall find them.
    pub fn forget_data(&self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(self.folder.join("data")); // what cannot be removed is below the target directory
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
