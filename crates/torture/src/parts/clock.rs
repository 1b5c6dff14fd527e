//! The clock of the server's machine is set back a day and forward a year, while the server runs and between two starts. Ids, seqs and
//! received times go on in their order, known keys stay known, the feed and the tail skip nothing, what waits is flushed, links
//! work for ten minutes and no longer.
//!
//! What a year forward means: everything that lasts for a time has passed it. Idempotency keys older than 24 hours are forgotten, so
//! the clients here repeat nothing from before it; links stop working; retention would delete a year of records, so it is ten years
//! here. Set right again, received times stand still at the newest one until the clock has caught up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::client::{client, http, metric};
use crate::failure::{Doing, Failure};
use crate::load::exports;
use crate::load::trial::Trial;
use crate::report::Report;
use crate::run::Run;
use crate::server::{Plan, Server};

const WRITERS: u32 = 8;
/// How long the clients write under each time.
const STAY: Duration = Duration::from_millis(700);
/// For a repeated request to be answered.
const ANSWER: Duration = Duration::from_millis(300);
/// For waiting records to be flushed by their age, which is one second.
const FLUSH_LIMIT: Duration = Duration::from_secs(15);

/// What the clock shows, compared with the right time. In the order in which it is set: a step back, a leap forward, and right again.
const TIMES: [(&str, &str); 6] = [
    ("right", "+0"),
    ("a day back", "-86400"),
    ("right", "+0"),
    ("a year forward", "+31536000"),
    ("a year forward less a day", "+31449600"),
    ("right", "+0"),
];

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    let clock = Clock { file: run.path("clock") };
    let plan = Plan::new(run, "data")?
        .flag("--flush-events", 100_000)
        .flag("--flush-seconds", 1)
        .flag("--feed-retention-days", 3650)
        .flag("--export-days", 3650)
        .flag("--retention-days", 3650);
    let plan = clock.plan(plan)?;
    clock.set("+0")?;
    let mut server = plan.start().await?;
    let mut trial = Trial::prepare(run, &server, WRITERS, report).await?;
    let mut link = Link::make(&server, &trial.load.organizations[0]).await?;
    for round in 0..run.rounds {
        for (step, (name, time)) in (round..).zip(TIMES) {
            // While it runs and between two starts, in turns; the other way round in the next round.
            let restarted = step % 2 == 1;
            // What was acknowledged under another time may be forgotten then.
            trial.load.repeat(false);
            trial.load.up();
            sleep(ANSWER).await;
            server = if restarted {
                trial.load.down();
                server.stop().await?;
                clock.set(time)?;
                plan.start().await?
            } else {
                clock.set(time)?;
                server
            };
            trial.load.repeat(true);
            report.count("times", 1);
            trial.go_on(&server, report).await?;
            sleep(STAY).await;
            trial.begin_export().await?;
            trial.go_on(&server, report).await?;
            trial.load.down();
            check_flushed(&server, name, report).await?;
            link.check(&server, time, report).await?;
        }
    }
    trial.finish(&plan, server, report).await
}

/// Nobody writes: what waits is soon older than a second, whatever the clock says.
async fn check_flushed(server: &Server, time: &str, report: &mut Report) -> Result<(), Failure> {
    let (http, started) = (http()?, Instant::now());
    loop {
        let waiting = metric(&http, &server.url, "annals_tail_records").await?;
        if waiting == Some(0.0) || started.elapsed() > FLUSH_LIMIT {
            report.check(waiting == Some(0.0), || format!("{waiting:?} records are not flushed when the clock is {time}"));
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// To an export's file, good for ten minutes.
struct Link {
    export: String,
    url: String,
    made_at: &'static str,
}

impl Link {
    async fn make(server: &Server, organization: &str) -> Result<Self, Failure> {
        let exports = client(&server.url)?.exports();
        let new = exports::of_all_times(organization);
        let export = exports.create(&new).await.doing("cannot begin an export")?.id;
        let url = Self::fresh(server, &export).await?;
        Ok(Self { export, url, made_at: TIMES[0].1 })
    }

    async fn fresh(server: &Server, export: &str) -> Result<String, Failure> {
        let ready = client(&server.url)?.exports().wait_until_ready(export, FLUSH_LIMIT).await.doing("an export is not ready")?;
        ready.url.ok_or_else(|| Failure::new("a ready export has no link"))
    }

    /// It works only while the clock shows nearly the time at which it was made; a new one works.
    async fn check(&mut self, server: &Server, time: &'static str, report: &mut Report) -> Result<(), Failure> {
        let http = http()?;
        let works =
            |url: String| async { http.get(url).send().await.doing("no answer to a link").map(|answer| answer.status() == 200) };
        let old = works(self.url.clone()).await?;
        report.check(old == (time == self.made_at), || format!("a link made at {} answers {old} at {time}", self.made_at));
        self.url = Self::fresh(server, &self.export).await?;
        self.made_at = time;
        let new = works(self.url.clone()).await?;
        report.check(new, || format!("a new link does not work at {time}"));
        Ok(())
    }
}

/// The clock of the processes that are started with it. Only the time of day: no timer runs faster or slower.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn plan(&self, plan: Plan) -> Result<Plan, Failure> {
        let preloaded = library()?;
        Ok(plan
            .variable("LD_PRELOAD", preloaded.to_string_lossy())
            .variable("FAKETIME_TIMESTAMP_FILE", self.file.to_string_lossy())
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("DONT_FAKE_MONOTONIC", "1")
            .variable("NO_FAKE_STAT", "1"))
    }

    /// In one step: the server may read it at any moment.
    fn set(&self, time: &str) -> Result<(), Failure> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{time}\n")).doing("cannot write the time")?;
        std::fs::rename(&new, &self.file).doing("cannot set the time")
    }
}

/// Debian keeps it in a folder for each kind of machine.
fn library() -> Result<PathBuf, Failure> {
    let folders = std::fs::read_dir("/usr/lib").doing("cannot read /usr/lib")?;
    let inside = |folder: &Path| folder.join("faketime/libfaketimeMT.so.1");
    let found = folders.filter_map(Result::ok).map(|folder| inside(&folder.path())).find(|library| library.is_file());
    found.ok_or_else(|| Failure::new("libfaketime is missing: install Debian's package faketime"))
}
