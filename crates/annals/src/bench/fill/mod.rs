//! `annals bench fill`: a data folder with the history of many days, made in minutes. The engine is the real one; only its clock
//! runs faster, so what stands in the folder is what a server would have left there.
//!
//! ```text
//! generate ──▶ JSON, parse ──▶ append, commit ──▶ flush ──▶ merge
//! one thread   two at a time   two at a time      beside    at the end
//! ```

mod batches;
mod clock;
mod tenants;

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::fs::File;
use std::io::{Write, stderr, stdout};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_engine::append::{AppendError, Together};
use annals_engine::tenants::Scope;
use annals_engine::{Clock, Engine, FlushSettings, Settings, SystemClock};
use serde_json::json;
use tokio::task::JoinHandle;

use super::generate::{Generator, ORGANIZATIONS_MAX, Plan};
use batches::{Batch, Batches};
use clock::{SimulatedClock, Span};

/// Events that wait before they are flushed: as many as one flush takes.
const FLUSH_EVENTS: u64 = 150_000;
/// Commits on their way at the same time: while one is stored, the next is checked.
const APPENDING: usize = 2;
/// Keys live a day. They are younger than that by this much, so that all of them are still known while something is measured.
const KEYS_MARGIN: Duration = Duration::from_secs(2 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, clap::Args)]
pub struct FillArgs {
    /// Folder for the data, which must not hold any yet
    #[arg(long, value_name = "FOLDER")]
    pub data: PathBuf,
    #[arg(long, default_value_t = 1_000_000)]
    pub events: u64,
    /// Organizations, of which the busiest has about an eighth of the events; one more has none
    #[arg(long, default_value = "10000", value_parser = at_most_organizations)]
    pub organizations: NonZeroU32,
    /// Days over which the events were received, the last of which ends now
    #[arg(long, default_value = "30")]
    pub days: NonZeroU32,
    /// Events of one commit
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub batch: u16,
    /// The events of the last day carry idempotency keys, all of which are still known two hours from now: with `--days 1` one for each event
    #[arg(long)]
    pub keys: bool,
    /// The last day has ended too, so that its files are merged and packed
    #[arg(long)]
    pub last_day_ended: bool,
    /// Also write what is recorded, one JSON object a line, without the keys
    #[arg(long, value_name = "FILE")]
    pub lines: Option<PathBuf>,
    /// The same seed gives the same events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

fn at_most_organizations(text: &str) -> Result<NonZeroU32, String> {
    let number = text.parse::<NonZeroU32>().map_err(|error| error.to_string())?;
    if number.get() > ORGANIZATIONS_MAX { Err(format!("at most {ORGANIZATIONS_MAX}")) } else { Ok(number) }
}

/// Prints a JSON object: the key to use, and organizations to look at.
pub fn run(args: &FillArgs) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let summary = runtime.block_on(fill(args))?;
    // A merge of keys may still run on another thread; the next start removes what it leaves unfinished.
    runtime.shutdown_background();
    writeln!(stdout(), "{summary:#}")?;
    Ok(())
}

async fn fill(args: &FillArgs) -> Result<serde_json::Value, Box<dyn Error>> {
    let started = Instant::now();
    let ends = SystemClock.now();
    let length = DAY * args.days.get() - if args.keys { KEYS_MARGIN } else { Duration::ZERO };
    let span = Span { begins: ends.saturating_sub(length), ends };
    let plan = Plan {
        seed: args.seed,
        events: args.events,
        organizations: args.organizations,
        start: u64::try_from(span.begins.get())? * 1000,
        days: args.days,
    };
    let clock = Arc::new(SimulatedClock::at(span.begins));
    let settings = Settings { flush: FlushSettings { records: usize::MAX, age: 2 * length }, ..Settings::on(&args.data) };
    let opened = Engine::open(settings, clock.clone()).await?;
    let engine = opened.engine;
    let key = opened.first_key.ok_or("the folder holds data already")?;
    let scope = engine.tenants().authenticate(key.expose()).await?.ok_or("the first key is not known")?;
    let generator = Generator::new(&plan);
    let organizations: Vec<_> = generator.organizations().to_vec();
    let ids = Arc::new(tenants::create(&engine, &scope, &generator).await?);
    report(&format!("{} organizations after {:.1?}", ids.len(), started.elapsed()));

    let lines = args.lines.as_ref().map(File::create).transpose()?;
    let filling = Filling {
        engine: engine.clone(),
        scope,
        clock: Arc::clone(&clock),
        appending: VecDeque::new(),
        flushing: None,
        unflushed: 0,
        lines,
    };
    let keys_from = args.keys.then(|| span.ends.saturating_sub(DAY));
    let of_organization = filling.all(Batches::new(generator, &plan, span, Arc::clone(&ids), args, keys_from)).await?;
    clock.set(span.ends);
    engine.flush_all().await?;
    let appended = started.elapsed();
    report(&format!("appended and flushed after {appended:.1?}"));
    let merging = Instant::now();
    if args.last_day_ended {
        clock.set(span.ends.saturating_add(DAY + DAY));
    }
    engine.merge_all().await?;
    report(&format!("merged in {:.1?}", merging.elapsed()));
    engine.close().await;

    let count = |rank: u32| of_organization.get(&rank).copied().unwrap_or(0);
    let named = |rank: u32| {
        let organization = &organizations[rank as usize];
        let id = ids.get(&organization.external_id).map(ToString::to_string);
        json!({"id": id, "name": organization.name, "external_id": organization.external_id, "events": count(rank)})
    };
    let ranks = args.organizations.get();
    // The least busy of those that have any events at all, but not one of the very last.
    let small = (0..=ranks * 9 / 10).rev().find(|rank| count(*rank) > 0).unwrap_or(0).min(ranks - 1);
    Ok(json!({
        "api_key": key.expose(),
        "events": args.events,
        "seconds": started.elapsed().as_secs_f64(),
        "events_per_second": args.events as f64 / appended.as_secs_f64(),
        "organizations": {
            "large": named(0),
            "middle": named(ranks / 100),
            "small": named(small),
            "absent": {"id": ids.get(tenants::ABSENT).map(ToString::to_string), "name": tenants::ABSENT, "events": 0},
        },
    }))
}

/// The one who appends.
struct Filling {
    engine: Engine,
    scope: Scope,
    clock: Arc<SimulatedClock>,
    /// Oldest first.
    appending: VecDeque<JoinHandle<Result<(), AppendError>>>,
    flushing: Option<JoinHandle<Result<(), annals_engine::FlushError>>>,
    unflushed: u64,
    lines: Option<File>,
}

impl Filling {
    /// Events of each organization, by its rank.
    async fn all(mut self, mut batches: Batches) -> Result<HashMap<u32, u64>, Box<dyn Error>> {
        let mut counts = HashMap::new();
        let (mut done, mut told) = (0_u64, Instant::now());
        while let Some(batch) = batches.next().await? {
            done += batch.items.len() as u64;
            for rank in &batch.ranks {
                *counts.entry(*rank).or_default() += 1;
            }
            if let Some(file) = &mut self.lines {
                file.write_all(&batch.lines)?;
            }
            self.append(batch).await?;
            if told.elapsed() >= Duration::from_secs(10) {
                told = Instant::now();
                report(&format!("{done} events"));
            }
        }
        for appending in self.appending {
            appending.await??;
        }
        if let Some(flushing) = self.flushing {
            flushing.await??;
        }
        Ok(counts)
    }

    async fn append(&mut self, batch: Batch) -> Result<(), Box<dyn Error>> {
        self.unflushed += batch.items.len() as u64;
        if self.appending.len() >= APPENDING
            && let Some(oldest) = self.appending.pop_front()
        {
            oldest.await??;
        }
        self.clock.set(batch.received_at);
        let (engine, scope) = (self.engine.clone(), self.scope);
        self.appending.push_back(tokio::spawn(async move {
            let outcomes = engine.append_batch(&scope, batch.items, Together::AllOrNone).await?;
            outcomes.into_iter().try_for_each(|outcome| outcome.map(|_| ()))
        }));
        if self.unflushed >= FLUSH_EVENTS {
            self.unflushed = 0;
            // Not more than two flushes' worth waits: the tail stays small.
            if let Some(flushing) = self.flushing.take() {
                flushing.await??;
            }
            let engine = self.engine.clone();
            self.flushing = Some(tokio::spawn(async move { engine.flush_all().await }));
        }
        Ok(())
    }
}

fn report(text: &str) {
    // Nobody may be looking.
    let _ = writeln!(stderr(), "{text}");
}
