//! One client that makes, changes and deletes organizations. It says each request until it is answered.

use std::sync::Arc;
use std::time::Duration;

use annals_client::{Client, Error};
use annals_core::wire::{CreateOrganization, Organization, UpdateOrganization};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::watch;

use super::ledger::{Ledger, OrganizationLife};
use super::{Phase, until_not_down};

const REST: Duration = Duration::from_millis(20);
/// Between two requests: organizations change seldom.
const PAUSE: Duration = Duration::from_millis(10);
const UPDATES_MAX: u64 = 2;

pub struct OrganizationWriter {
    number: u32,
    client: Client,
    random: StdRng,
    ledger: Arc<Ledger>,
    phase: watch::Receiver<Phase>,
}

impl OrganizationWriter {
    pub fn new(number: u32, client: Client, random: StdRng, ledger: Arc<Ledger>, phase: watch::Receiver<Phase>) -> Self {
        Self { number, client, random, ledger, phase }
    }

    pub async fn run(mut self) {
        let mut made = 0;
        while until_not_down(&mut self.phase).await != Phase::Settle {
            made += 1;
            match self.life(made).await {
                Ok(life) => self.ledger.organization(life),
                Err(error) => return self.ledger.wrong(format!("a good request about an organization was refused: {error}")),
            }
        }
    }

    async fn life(&mut self, n: u64) -> Result<OrganizationLife, Error> {
        let external_id = format!("torture-{}-{n}", self.number);
        let mut life = OrganizationLife { name: external_id.clone(), external_id, ..OrganizationLife::default() };
        life.id = self.create(&life).await?.id;
        for update in 1..=self.random.random_range(0..=UPDATES_MAX) {
            life.name = format!("{} changed {update}", life.external_id);
            self.update(&mut life).await?;
        }
        if self.random.random_bool(0.4) {
            self.delete(&life.id).await?;
            life.deleted = true;
        }
        Ok(life)
    }

    /// The external id is used once: a repetition that does not get the answer of what an earlier one made is refused.
    async fn create(&mut self, life: &OrganizationLife) -> Result<Organization, Error> {
        let key = format!("create-{}", life.external_id);
        let external_id = Some(life.external_id.clone());
        let new = CreateOrganization { name: life.name.clone(), external_id, ..CreateOrganization::default() };
        loop {
            self.turn().await;
            match self.client.organizations().idempotency_key(&key).create(&new).await {
                Err(error) if error.is_temporary() => tokio::time::sleep(REST).await,
                answered => return answered,
            }
        }
    }

    async fn update(&mut self, life: &mut OrganizationLife) -> Result<(), Error> {
        let change = UpdateOrganization { name: Some(life.name.clone()), ..UpdateOrganization::default() };
        loop {
            self.turn().await;
            life.updates_sent += 1;
            match self.client.organizations().update(&life.id, &change).await {
                Err(error) if error.is_temporary() => tokio::time::sleep(REST).await,
                answered => {
                    life.updates_acknowledged += 1;
                    return answered.map(|_organization| ());
                }
            }
        }
    }

    async fn delete(&mut self, id: &str) -> Result<(), Error> {
        let mut attempts = 0;
        loop {
            self.turn().await;
            attempts += 1;
            match self.client.organizations().delete(id).await {
                Err(error) if error.is_temporary() => tokio::time::sleep(REST).await,
                // An earlier attempt was carried out.
                Err(Error::NotFound(_)) if attempts > 1 => return Ok(()),
                answered => return answered,
            }
        }
    }

    async fn turn(&mut self) {
        tokio::time::sleep(PAUSE).await;
        until_not_down(&mut self.phase).await;
    }
}
