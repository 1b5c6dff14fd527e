//! The table that people make by hand, and the ways into it.

use std::fmt::Write;
use std::time::{Duration, Instant};

use futures::SinkExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_postgres::{Client, Statement};

use super::Cluster;
use crate::Fallible;
use crate::load::events::Line;
use crate::load::http::fresh_key;
use crate::load::{Measured, next_number};

pub const TABLE: &str = "CREATE TABLE audit_events (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  organization_id text NOT NULL,
  action text NOT NULL,
  occurred_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor_id text NOT NULL,
  actor jsonb NOT NULL,
  targets jsonb NOT NULL,
  context jsonb NOT NULL,
  metadata jsonb,
  idempotency_key text NOT NULL
)";
pub const INDEXES: [&str; 4] = [
    "CREATE UNIQUE INDEX audit_events_key ON audit_events (idempotency_key)",
    "CREATE INDEX audit_events_time ON audit_events (organization_id, received_at)",
    "CREATE INDEX audit_events_action ON audit_events (organization_id, action)",
    "CREATE INDEX audit_events_actor ON audit_events (organization_id, actor_id)",
];
const INSERT: &str = "INSERT INTO audit_events
  (organization_id, action, occurred_at, actor_id, actor, targets, context, metadata, idempotency_key)
  VALUES ($1, $2, $3::text::timestamptz, $4, $5::text::jsonb, $6::text::jsonb, $7::text::jsonb, $8::text::jsonb, $9)";
const COPY: &str = "COPY audit_events
  (organization_id, action, occurred_at, actor_id, actor, targets, context, metadata, idempotency_key) FROM STDIN (FORMAT csv)";
/// Text that is sent at a time when a whole table is loaded.
const PIECE_BYTES: usize = 1 << 20;

/// An event as a row.
pub struct Row {
    organization: String,
    action: String,
    occurred_at: String,
    actor_id: String,
    actor: String,
    targets: String,
    context: String,
    metadata: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    action: String,
    occurred_at: String,
    actor: Box<RawValue>,
    targets: Box<RawValue>,
    context: Box<RawValue>,
    metadata: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Actor {
    id: String,
}

impl Row {
    pub fn of(organization: &str, event: &RawValue) -> Fallible<Self> {
        let event: Event = serde_json::from_str(event.get())?;
        Ok(Self {
            organization: organization.to_owned(),
            action: event.action,
            occurred_at: event.occurred_at,
            actor_id: serde_json::from_str::<Actor>(event.actor.get())?.id,
            actor: event.actor.get().to_owned(),
            targets: event.targets.get().to_owned(),
            context: event.context.get().to_owned(),
            metadata: event.metadata.map(|metadata| metadata.get().to_owned()),
        })
    }

    fn write_csv(&self, key: &str, out: &mut String) {
        let cells =
            [&self.organization, &self.action, &self.occurred_at, &self.actor_id, &self.actor, &self.targets, &self.context];
        for cell in cells {
            // Writing to a String cannot fail.
            let _ = write!(out, "\"{}\",", cell.replace('"', "\"\""));
        }
        match &self.metadata {
            Some(metadata) => {
                let _ = write!(out, "\"{}\",", metadata.replace('"', "\"\""));
            }
            None => out.push(','),
        }
        let _ = writeln!(out, "\"{key}\"");
    }
}

pub fn rows(lines: impl Iterator<Item = Fallible<Line>>) -> Fallible<Vec<Row>> {
    lines.map(|line| line.and_then(|line| Row::of(&line.organization, &line.event))).collect()
}

/// A table without rows.
pub async fn create(client: &Client, indexed: bool) -> Fallible<()> {
    client.batch_execute(&format!("DROP TABLE IF EXISTS audit_events; {TABLE}")).await?;
    if indexed {
        index(client).await?;
    }
    Ok(())
}

pub async fn index(client: &Client) -> Fallible<()> {
    Ok(client.batch_execute(&INDEXES.join(";")).await?)
}

/// Statistics for the planner, and no work left for later that would disturb a measurement.
pub async fn settle(client: &Client) -> Fallible<()> {
    // Apart: what is sent together is one transaction, and VACUUM runs in none.
    client.batch_execute("VACUUM ANALYZE audit_events").await?;
    Ok(client.batch_execute("CHECKPOINT").await?)
}

/// One INSERT an event, each a transaction of its own, over prepared connections.
pub struct Inserters(Vec<(Client, Statement)>);

impl Inserters {
    pub async fn new(cluster: &Cluster, connections: u32) -> Fallible<Self> {
        let mut all = Vec::new();
        for _ in 0..connections {
            let client = cluster.connect().await?;
            let statement = client.prepare(INSERT).await?;
            all.push((client, statement));
        }
        Ok(Self(all))
    }

    pub async fn run(&self, rows: &[Row], length: Duration) -> Fallible<Measured> {
        let measured = std::cell::RefCell::new(Measured::new()?);
        let started = Instant::now();
        let lane = |(client, statement)| {
            let (client, statement): (&Client, &Statement) = (client, statement);
            let measured = &measured;
            async move {
                while started.elapsed() < length {
                    let number = next_number();
                    let row = &rows[number as usize % rows.len()];
                    let key = fresh_key(number);
                    let sent = Instant::now();
                    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 9] = [
                        &row.organization,
                        &row.action,
                        &row.occurred_at,
                        &row.actor_id,
                        &row.actor,
                        &row.targets,
                        &row.context,
                        &row.metadata,
                        &key,
                    ];
                    client.execute(statement, &values).await?;
                    measured.borrow_mut().record(sent.elapsed());
                }
                Fallible::Ok(())
            }
        };
        futures::future::try_join_all(self.0.iter().map(|(client, statement)| lane((client, statement)))).await?;
        let mut measured = measured.into_inner();
        measured.elapsed = started.elapsed();
        Ok(measured)
    }
}

/// Batches by COPY, each a transaction of its own. Rows a second.
pub async fn copy_batches(clients: &[Client], rows: &[Row], batch: usize, length: Duration) -> Fallible<f64> {
    let started = Instant::now();
    let lanes = clients.iter().map(|client| async move {
        let mut copied = 0_u64;
        while started.elapsed() < length {
            let mut text = String::with_capacity(batch * 800);
            for _ in 0..batch {
                let number = next_number();
                rows[number as usize % rows.len()].write_csv(&fresh_key(number), &mut text);
            }
            copied += copy(client, [Ok(text)].into_iter()).await?;
        }
        Fallible::Ok(copied)
    });
    let copied: u64 = futures::future::try_join_all(lanes).await?.into_iter().sum();
    Ok(copied as f64 / started.elapsed().as_secs_f64())
}

/// All lines by one COPY. The number of rows.
pub async fn load(client: &Client, lines: impl Iterator<Item = Fallible<(Row, String)>>) -> Fallible<u64> {
    let mut lines = lines.peekable();
    let pieces = std::iter::from_fn(|| {
        lines.peek()?;
        let mut text = String::with_capacity(PIECE_BYTES + 4096);
        while text.len() < PIECE_BYTES {
            match lines.next() {
                Some(Ok((row, key))) => row.write_csv(&key, &mut text),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        Some(Ok(text))
    });
    copy(client, pieces).await
}

async fn copy(client: &Client, pieces: impl Iterator<Item = Fallible<String>>) -> Fallible<u64> {
    let sink = client.copy_in::<_, std::io::Cursor<Vec<u8>>>(COPY).await?;
    let mut sink = std::pin::pin!(sink);
    for piece in pieces {
        sink.send(std::io::Cursor::new(piece?.into_bytes())).await?;
    }
    Ok(sink.as_mut().finish().await?)
}

/// Bytes of the table with its indexes, and of the unique one among them.
pub async fn bytes(client: &Client) -> Fallible<(i64, i64)> {
    let row = client
        .query_one("SELECT pg_total_relation_size('audit_events'), pg_total_relation_size('audit_events_key')", &[])
        .await?;
    Ok((row.get(0), row.get(1)))
}
