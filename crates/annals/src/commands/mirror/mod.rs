//! `annals mirror`: another server's feed, copied into the feed here event by event. The cursor moves on when a page is durable here, so
//! nothing is lost; an idempotency key for each event, and a look at what is here when keys have expired, let nothing double.

mod pauses;
mod publish;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use annals_client::wire::{EVENT_NAMES, Event};
use annals_client::{Client, Error, EventQuery, PAGE_ITEMS_MAX, Page};
use tokio::sync::watch;

use super::state_file::beside;
use super::{Failed, With, printable};
use crate::signals::Signals;
use pauses::Pauses;
use publish::{Counts, PublishError, Published, Publisher};
use state::State;

pub const EXAMPLES: &str = "\
Examples:
  annals mirror --from https://api.workos.com                   the key of the source is in $ANNALS_MIRROR_API_KEY
  annals mirror --from https://api.workos.com --from-api-key-file key.txt --events user.created,user.updated --once

Runs until it is stopped, and goes on where it was stopped. Mirrored events say where they come from in context.mirrored_from. What
cannot be published here is kept in STATE.refused.ndjson.";

/// Answers in a row that are no answers: it is another kind of server.
const UNEXPECTED_MAX: u32 = 8;
/// How long a page that is being published may take after a signal.
const FINISHING_MAX: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub struct MirrorArgs {
    /// The server whose feed is copied
    #[arg(long, value_name = "URL")]
    from: String,
    /// A file that holds the source's API key [default: the key in $ANNALS_MIRROR_API_KEY]
    #[arg(long, value_name = "FILE")]
    from_api_key_file: Option<PathBuf>,
    /// Names of events; another Annals takes `*` [default: all that clients know]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    events: Vec<String>,
    /// Where it is kept how far the mirror has come
    #[arg(long, value_name = "FILE", default_value = "annals-mirror.state")]
    state: PathBuf,
    /// Stop when everything that is there now has been copied
    #[arg(long)]
    once: bool,
    /// Seconds between two looks for new events
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pause: u64,
}

/// Ends well on the first signal: the page at hand is finished.
pub async fn run(with: With<MirrorArgs>, mut signals: Signals) -> Result<(), Failed> {
    let retries = with.connection.retries();
    let (client, mut output, args) = with.open()?;
    let (stop, stopped) = watch::channel(false);
    let mut mirror = Mirror::open(client, args, retries, stopped)?;
    let outcome = {
        let mut running = std::pin::pin!(mirror.run());
        tokio::select! {
            outcome = &mut running => outcome,
            () = signals.next() => {
                // Nobody is left to hear it when it has just ended.
                let _ = stop.send(true);
                let patience = tokio::time::timeout(FINISHING_MAX, &mut running);
                tokio::select! {
                    outcome = patience => outcome.unwrap_or_else(|_| Err(Failed::interrupted())),
                    () = signals.next() => Err(Failed::interrupted()),
                }
            }
        }
    };
    let Counts { mirrored, repeated, refused } = mirror.counts;
    output.told(&format!("{mirrored} mirrored, {repeated} were here already, {refused} refused"), &mirror.counts)?;
    outcome?;
    if refused > 0 { Err(Failed::refused(format!("{refused} events were refused"))) } else { Ok(()) }
}

struct Mirror {
    source: Client,
    publisher: Publisher,
    names: Vec<String>,
    state_path: PathBuf,
    state: Option<State>,
    from: String,
    to: String,
    once: bool,
    pause: Duration,
    /// Failures in a row that `--once` bears.
    retries: u32,
    stopped: watch::Receiver<bool>,
    counts: Counts,
}

/// Asked to stop, while nothing was at hand.
struct Stopped;

impl Mirror {
    fn open(client: Client, args: MirrorArgs, retries: u32, stopped: watch::Receiver<bool>) -> Result<Self, Failed> {
        let source = source(&args)?;
        let (from, to) = (source.base_url().to_owned(), client.base_url().to_owned());
        let state = State::load(&args.state, &from, &to)?;
        let names =
            if args.events.is_empty() { EVENT_NAMES.iter().map(|name| (*name).to_owned()).collect() } else { args.events };
        Ok(Self {
            source,
            publisher: Publisher::new(client, beside(&args.state, ".refused.ndjson")),
            names,
            state_path: args.state,
            state,
            from,
            to,
            once: args.once,
            pause: Duration::from_secs(args.pause),
            retries,
            stopped,
            counts: Counts::default(),
        })
    }

    async fn run(&mut self) -> Result<(), Failed> {
        // Without a state it may be a first start, or the file was lost: what is here tells.
        let mut sure = self.state.is_some();
        loop {
            let Some(page) = self.next_page().await? else { return Ok(()) };
            let after = self.state.as_ref().and_then(|state| state.after.clone());
            // A source that shows its last event again and again has no more.
            let is_new = page.items.last().is_some_and(|last| Some(&last.id) != after.as_ref());
            if is_new {
                self.publish(&page.items, &mut sure).await?;
            }
            let is_head = !is_new || page.after.is_none();
            if is_head && self.once {
                return Ok(());
            }
            if is_head {
                self.refresh()?;
                if self.wait(self.pause).await.is_err() {
                    return Ok(());
                }
            } else if *self.stopped.borrow() {
                return Ok(());
            }
        }
    }

    /// `None`: it was asked to stop.
    async fn next_page(&mut self) -> Result<Option<Page<Event>>, Failed> {
        let mut query = EventQuery::of(self.names.iter().cloned());
        query.paging.limit = Some(PAGE_ITEMS_MAX);
        query.paging.after = self.state.as_ref().and_then(|state| state.after.clone());
        let mut pauses = Pauses::default();
        loop {
            let events = self.source.events();
            let mut stopped = self.stopped.clone();
            let answer = tokio::select! {
                answer = events.list(&query) => answer,
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(None),
            };
            let error = match answer {
                Ok(page) => return Ok(Some(page)),
                Err(error) => error,
            };
            if !self.bears(&error, pauses.failures) {
                return Err(Failed::of("the source", error));
            }
            let pause = pauses.next(&error, rand::random());
            warn("the source", &error, pause);
            if self.wait(pause).await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Until the page is durable, and the cursor behind it.
    async fn publish(&mut self, page: &[Event], sure: &mut bool) -> Result<(), Failed> {
        let mut pauses = Pauses::default();
        loop {
            let error = match self.try_publish(page, sure).await {
                Ok(Published { counts, last }) => {
                    self.counts.mirrored += counts.mirrored;
                    self.counts.repeated += counts.repeated;
                    self.counts.refused += counts.refused;
                    let state = self.state.get_or_insert_with(|| State::new(&self.from, &self.to));
                    state.here = last.or(state.here.take());
                    state.after = page.last().map(|event| event.id.clone());
                    return state.save(&self.state_path);
                }
                Err(PublishError::Here(failed)) => return Err(failed),
                Err(PublishError::Server(error)) => error,
            };
            if !self.bears(&error, pauses.failures) {
                return Err(error.into());
            }
            let pause = pauses.next(&error, rand::random());
            warn("the server", &error, pause);
            if self.wait(pause).await.is_err() {
                return Err(Failed::interrupted());
            }
        }
    }

    async fn try_publish(&mut self, page: &[Event], sure: &mut bool) -> Result<Published, PublishError> {
        if !*sure || self.state.as_ref().is_some_and(State::has_outlived_keys) {
            self.publisher.read_back(self.state.as_ref()).await?;
            *sure = true;
        }
        self.publisher.publish(page).await
    }

    /// A state that is young spares the look at what is here.
    fn refresh(&mut self) -> Result<(), Failed> {
        match &mut self.state {
            Some(state) if state.is_stale() => state.save(&self.state_path),
            _ => Ok(()),
        }
    }

    /// Whether waiting may cure it, and there is time for that.
    fn bears(&self, error: &Error, failures: u32) -> bool {
        match error {
            _ if self.once && failures >= self.retries => false,
            Error::Unexpected { .. } => failures < UNEXPECTED_MAX,
            error => error.is_temporary(),
        }
    }

    async fn wait(&mut self, pause: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            _ = self.stopped.wait_for(|stopped| *stopped) => Err(Stopped),
        }
    }
}

/// It has no retries of its own: the mirror waits as long as it takes.
fn source(args: &MirrorArgs) -> Result<Client, Failed> {
    let key = match &args.from_api_key_file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failed::usage(format!("the file of the source's API key, {}: {error}", path.display())))?,
        None => std::env::var("ANNALS_MIRROR_API_KEY").map_err(|_| {
            Failed::usage("there is no API key of the source: set ANNALS_MIRROR_API_KEY, or name a file with --from-api-key-file")
        })?,
    };
    let client = Client::builder().application(concat!("annals-mirror/", env!("CARGO_PKG_VERSION"))).retries(0);
    client.base_url(&args.from).api_key(key.trim()).build().map_err(|error| Failed::usage(format!("the source: {error}")))
}

fn warn(whom: &str, error: &Error, pause: Duration) {
    eprintln!("annals: {}; again in {:.1} s", printable(&format!("{whom}: {error}")), pause.as_secs_f64());
}
