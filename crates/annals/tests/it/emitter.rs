//! A process that emits through a spool and the server, both killed at random moments: what the process was told is safe is in
//! the server exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use annals_client::Client;
use annals_client::emitter::{Emitter, Mode, Spool};
use annals_client::wire::{CreateOrganization, CreateSchema};

use crate::server::{KEY, Server, annals};

#[expect(dead_code, reason = "its main is not called here")]
#[path = "../../../client/examples/emit_forever.rs"]
mod example;

const KILLS: usize = 20;
const ACTION: &str = "note.added";
/// More than one life emits.
const NUMBERS_OF_ONE_LIFE: usize = 1_000_000;
const MARK: &str = "acknowledged ";

/// Variables of the process that is killed.
const SPOOL: &str = "EMIT_FOREVER_SPOOL";
const ORGANIZATION: &str = "EMIT_FOREVER_ORGANIZATION";
const FIRST: &str = "EMIT_FOREVER_FIRST";

/// The process that is killed: this test program once more, so that it is always built from the same source. Does nothing unless the
/// test below starts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emit_until_killed() {
    if std::env::var_os(SPOOL).is_none() {
        return;
    }
    let variable = |name: &str| std::env::var(name).expect("set by the test below");
    let first = variable(FIRST).parse().expect("a number");
    let plan =
        example::Plan { spool: variable(SPOOL).into(), organization: variable(ORGANIZATION), action: ACTION.to_owned(), first };
    example::emit_forever(plan, |number| println!("{MARK}{number}")).await.expect("emits");
}

struct Life {
    child: Child,
    acknowledged: std::thread::JoinHandle<Vec<usize>>,
}

impl Life {
    fn begin(number: usize, spool: &Path, url: &str, organization: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["emitter::emit_until_killed", "--exact", "--nocapture"])
            .env("ANNALS_API_KEY", KEY)
            .env("ANNALS_BASE_URL", url)
            .env(SPOOL, spool)
            .env(ORGANIZATION, organization)
            .env(FIRST, (number * NUMBERS_OF_ONE_LIFE).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // A last line that was cut short by the kill has no number, or one that is too short: the mark of the end tells.
        let read = move || {
            let lines: Vec<String> = lines.map_while(Result::ok).collect();
            lines.iter().filter_map(|line| line.split_once(MARK)?.1.parse().ok()).collect()
        };
        Self { child, acknowledged: std::thread::spawn(read) }
    }

    /// kill -9. What it was told is safe.
    fn end(mut self) -> Vec<usize> {
        assert!(self.child.try_wait().expect("waitable").is_none(), "it must not end by itself");
        self.child.kill().expect("killable");
        self.child.wait().expect("waitable");
        self.acknowledged.join().expect("no panic")
    }
}

/// It stays the same over restarts of the server. Where the machine has more than one loopback address, one that nobody else
/// uses while the server is down.
fn free_address() -> SocketAddr {
    let own = [127, rand::random_range(1..=254), rand::random_range(1..=254), rand::random_range(1..=254)];
    let listener = std::net::TcpListener::bind((IpAddr::from(own), 0)).or_else(|_| std::net::TcpListener::bind("127.0.0.1:0"));
    listener.expect("a port").local_addr().expect("an address")
}

fn serve(data: &Path, address: SocketAddr) -> Server {
    let data = data.to_str().expect("a readable path");
    Server::spawn(&mut annals(&["serve", "--listen", &address.to_string(), "--data", data]))
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(rand::random_range(50..700))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_whoever_is_killed() {
    let folder = tempfile::tempdir().expect("temp folder");
    let (data, spool, address) = (folder.path().join("data"), folder.path().join("spool"), free_address());
    let mut server = Some(serve(&data, address));
    let url = format!("http://{address}");
    let client = Client::builder().api_key(KEY).base_url(&url).build().expect("a client");
    client.schemas().create(ACTION, &CreateSchema::of_targets(["team"])).await.expect("a schema");
    let new = CreateOrganization { name: "Acme".to_owned(), ..CreateOrganization::default() };
    let organization = client.organizations().create(&new).await.expect("an organization").id.to_string();

    let mut acknowledged = Vec::new();
    for number in 0..KILLS {
        let life = Life::begin(number, &spool, &url, &organization);
        pause().await;
        // Every third life sees the server killed, and sometimes does not see it come back.
        if number % 3 == 0
            && let Some(server) = server.take()
        {
            server.kill();
            pause().await;
        }
        if server.is_none() && number % 2 == 0 {
            server = Some(serve(&data, address));
            pause().await;
        }
        acknowledged.extend(life.end());
    }
    if server.is_none() {
        server = Some(serve(&data, address));
    }
    let left = drain(&client, &spool).await;
    let stored = stored(&url, &organization).await;

    let acknowledged: BTreeSet<usize> = acknowledged.into_iter().collect();
    let lost: Vec<_> = acknowledged.iter().filter(|number| !stored.contains_key(number)).collect();
    let doubled: Vec<_> = stored.iter().filter(|(_, times)| **times > 1).collect();
    println!("{} acknowledged, {} stored, {left} were left in the spool", acknowledged.len(), stored.len());
    assert!(acknowledged.len() > 10 * KILLS, "too few to mean something: {}", acknowledged.len());
    assert!(lost.is_empty(), "{} lost: {:?}", lost.len(), &lost[..lost.len().min(20)]);
    assert!(doubled.is_empty(), "{} doubled: {:?}", doubled.len(), &doubled[..doubled.len().min(20)]);
    drop(server);
}

/// Sends what the last life left; how much that was.
async fn drain(client: &Client, spool: &Path) -> u64 {
    let emitter = Emitter::builder(client.clone()).mode(Mode::Spool(Spool::at(spool))).build().expect("an emitter");
    let (left, started) = (emitter.stats().spooled, Instant::now());
    assert!(tokio::time::timeout(Duration::from_secs(60), emitter.flush()).await.expect("in time"), "{:?}", started.elapsed());
    let stats = emitter.shutdown(Duration::from_secs(10)).await;
    assert_eq!((stats.spooled, stats.refused, stats.damaged, stats.perhaps_twice), (0, 0, 0, 0), "{stats:?}");
    left
}

/// How often each number is in the server.
async fn stored(url: &str, organization: &str) -> BTreeMap<usize, usize> {
    let rows = crate::at_size::export(&reqwest::Client::new(), url, organization).await;
    let actor = crate::lines::COLUMNS.iter().position(|column| *column == "actor_id").expect("a column");
    let mut times = BTreeMap::new();
    for row in rows {
        *times.entry(row[actor].parse().expect("a number")).or_default() += 1;
    }
    times
}
