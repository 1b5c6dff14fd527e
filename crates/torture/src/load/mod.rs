//! Clients that write all the time, remember what they were told, and say it again when they were told nothing: what a server that is
//! killed, starved or set back has to live with. The [`ledger`] is the model, [`audit_walk`] and [`others`] hold the server against it, and a [`trial`]
//! is all of it together.

pub mod audit_walk;
pub mod exports;
pub mod ledger;
pub mod organizations;
pub mod others;
pub mod request;
pub mod trial;
pub mod watchers;
pub mod writer;

use std::sync::Arc;
use std::time::Duration;

use annals_client::{Client, RetryPolicy};
use annals_core::wire::CreateOrganization;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{client, create_schemas};
use crate::failure::{Doing, Failure};
use crate::run::Run;
use crate::server::KEY;
use ledger::Ledger;
use organizations::OrganizationWriter;
use writer::Writer;

const SETTLE_LIMIT: Duration = Duration::from_secs(60);
const ORGANIZATIONS: usize = 6;
const ORGANIZATION_WRITERS: u32 = 4;

/// What the clients should do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is no server, or there soon will not be: wait.
    Down,
    Up,
    /// Say again what was not answered, until it is; then end.
    Settle,
}

pub struct Load {
    pub ledger: Arc<Ledger>,
    pub organizations: Vec<String>,
    phase: watch::Sender<Phase>,
    writers: JoinSet<()>,
}

impl Load {
    /// Makes schemas and organizations on the running server at `url`, and clients that wait for [`Load::up`].
    pub async fn prepare(run: &Run, url: &str, writers: u32) -> Result<Self, Failure> {
        let client = client(url)?;
        create_schemas(&client).await?;
        let mut organizations = Vec::new();
        for n in 0..ORGANIZATIONS {
            let new = CreateOrganization { name: format!("Organization {n}"), ..CreateOrganization::default() };
            organizations.push(client.organizations().create(&new).await.doing("cannot make an organization")?.id);
        }
        let ledger = Arc::new(Ledger::default());
        let (phase, _) = watch::channel(Phase::Down);
        let mut load = Self { ledger: Arc::clone(&ledger), organizations, phase, writers: JoinSet::new() };
        for number in 0..writers {
            let random = run.random(&format!("writer {number}"));
            let phase = load.phase.subscribe();
            let writer = Writer::new(number, client.clone(), random, Arc::clone(&ledger), load.organizations.clone(), phase);
            load.writers.spawn(writer.run());
        }
        for number in 0..ORGANIZATION_WRITERS {
            let random = run.random(&format!("writer of organizations {number}"));
            let writer = OrganizationWriter::new(number, client.clone(), random, Arc::clone(&ledger), load.phase.subscribe());
            load.writers.spawn(writer.run());
        }
        Ok(load)
    }

    pub fn up(&self) {
        self.phase.send_replace(Phase::Up);
    }

    pub fn down(&self) {
        self.phase.send_replace(Phase::Down);
    }

    /// Whether clients say again what was acknowledged. Once they did not, they have forgotten what was acknowledged before.
    pub fn repeat(&self, repeat: bool) {
        self.ledger.set_forgetful(!repeat);
    }

    /// Ends all clients when each knows what became of everything that it did not give up.
    pub async fn settle(&mut self) -> Result<(), Failure> {
        self.phase.send_replace(Phase::Settle);
        let all = async {
            while let Some(ended) = self.writers.join_next().await {
                ended.doing("a client ended by a panic")?;
            }
            Ok(())
        };
        let settled = timeout(SETTLE_LIMIT, all).await;
        settled.map_err(|_| Failure::new("after the last start, the clients are not told what became of their requests"))?
    }
}

/// Reads on through every restart.
pub fn patient_client(url: &str) -> Result<Client, Failure> {
    let soon = RetryPolicy {
        retries: 0,
        first_wait: Duration::from_millis(20),
        longest_wait: Duration::from_millis(200),
        ..RetryPolicy::default()
    };
    Client::builder().base_url(url).api_key(KEY).retry_policy(soon).build().doing("cannot make a client")
}

/// Waits while there is no server. `Settle` and `Up` come back.
async fn until_not_down(phase: &mut watch::Receiver<Phase>) -> Phase {
    match phase.wait_for(|phase| *phase != Phase::Down).await {
        Ok(phase) => *phase,
        // Nobody will start a server again.
        Err(_) => Phase::Settle,
    }
}
