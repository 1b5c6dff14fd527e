//! All events of one organization as CSV: our export from the request until the file is ready, beside COPY of PostgreSQL and DuckDB.

use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::json;
use tokio_postgres::Client;

use super::disk::recorded_rows;
use crate::Fallible;
use crate::duckdb::DuckDb;
use crate::figure::{Comparison, Figure, Finding};
use crate::lake;
use crate::load::http::{Connection, get, post};
use crate::postgres::Cluster;
use crate::postgres::table::{create, index, load, settle};
use crate::process::Server;
use crate::results::{Outcome, counted};
use crate::world::{Data, World};

const POLL: Duration = Duration::from_millis(5);
const MEGABYTE: f64 = 1024.0 * 1024.0;
/// The cells of our files, as far as the table has them.
const FROM_TABLE: &str =
    "COPY (SELECT id, action, occurred_at, actor_id, actor->>'type', actor->>'name', actor->>'metadata', targets,
  context->>'location', context->>'user_agent', metadata, received_at FROM audit_events WHERE organization_id = '{organization}'
  ORDER BY received_at) TO STDOUT (FORMAT csv, HEADER)";
const FROM_PARQUET: &str = "COPY (SELECT id, action, version, occurred_at, actor_id, actor_type, actor_name, actor_metadata,
  to_json(list_zip(target_ids, target_types, target_names, target_metadata)) AS targets, location, user_agent, metadata, received_at
  FROM events WHERE organization_id = '{organization}' ORDER BY seq) TO '{file}' (FORMAT csv, HEADER)";

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let data = world.filled(world.one_organization())?;
    let organization = data.filled.organizations.large.id.clone();
    let folder = world.fresh("export")?;
    let server = world.start(&data)?;
    server.ready().await?;
    let cluster = Cluster::start().await?;
    let client = cluster.connect().await?;
    create(&client, false).await?;
    load(&client, recorded_rows(&data.lines)?).await?;
    index(&client).await?;
    settle(&client).await?;
    let mut duck = DuckDb::start(&world.python)?;
    let files = lake::files(&mut duck, &data.folder)?;
    duck.view("events", &files)?;
    let from_table = FROM_TABLE.replace("{organization}", &organization);
    let file = folder.path().join("duckdb.csv").display().to_string();
    let from_parquet = FROM_PARQUET.replace("{organization}", &organization).replace("{file}", &file);

    let (mut ours, mut postgres, mut duckdb, mut growth) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..world.sizes.rounds {
        let before = server.memory()?.resident;
        server.reset_most_memory()?;
        ours.push(export(&server, &data, &organization).await?);
        growth.push((server.memory()?.most.saturating_sub(before)) as f64 / MEGABYTE);
        postgres.push(copy_out(&client, &from_table).await?);
        duckdb.push(duck.run(&from_parquet, 1)?.seconds.first().copied().unwrap_or(f64::NAN));
    }
    let rate = |seconds: Vec<f64>| {
        let rates: Vec<_> = seconds.iter().map(|seconds| data.filled.events as f64 / seconds).collect();
        Figure::of("events/s", &rates)
    };
    let (ours, postgres, duckdb) = (rate(ours), rate(postgres), rate(duckdb));
    outcome.note(format!("{} events of one organization in their order, all cells with targets as JSON. Ours and DuckDB's end as a file, PostgreSQL's stream is read and dropped.", counted(data.filled.events)));
    outcome.find(
        Finding::new("rate, from the request until the file is ready", ours.clone())
            .beside("PostgreSQL COPY TO STDOUT", postgres.clone())
            .beside("DuckDB COPY from the same Parquet", duckdb.clone())
            .compare(Comparison::new("of PostgreSQL", ours.median / postgres.median, "×").at_least(1.0, 3.0))
            .compare(Comparison::new("of DuckDB", ours.median / duckdb.median, "×").at_least(0.5, 0.8)),
    );
    // The first export brings what every later one uses again.
    let growth = Figure::of("MB", &growth);
    let judged = Comparison::new("more memory at most", growth.most, "MB").at_most(64.0, 64.0);
    outcome.find(Finding::new("growth of resident memory during an export", growth).compare(judged));
    Ok(())
}

/// Seconds from the request to the answer that says that the file is ready.
async fn export(server: &Server, data: &Data, organization: &str) -> Fallible<f64> {
    let mut connection = Connection::open(server.address).await?;
    let body = json!({"organization_id": organization, "range_start": "2000-01-01T00:00:00.000Z", "range_end": "2100-01-01T00:00:00.000Z"});
    let started = Instant::now();
    let made = connection.json(&post("/audit_logs/exports", &server.key, &body)).await?;
    let path = format!("/audit_logs/exports/{}", made["id"].as_str().ok_or("an export without an id")?);
    loop {
        let export = connection.json(&get(&path, &server.key)).await?;
        match export["state"].as_str() {
            Some("pending") => tokio::time::sleep(POLL).await,
            Some("ready") => break,
            other => return Err(format!("the export of {} events is {other:?}", counted(data.filled.events)).into()),
        }
    }
    Ok(started.elapsed().as_secs_f64())
}

async fn copy_out(client: &Client, sql: &str) -> Fallible<f64> {
    let started = Instant::now();
    let mut stream = std::pin::pin!(client.copy_out(sql).await?);
    let mut bytes = 0;
    while let Some(piece) = stream.next().await {
        bytes += piece?.len();
    }
    if bytes == 0 {
        return Err("PostgreSQL copied nothing".into());
    }
    Ok(started.elapsed().as_secs_f64())
}
