//! The newest 50 events of an organization, of large and small ones, with little history and much.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::recorder::Recorder;
use super::single::{Rounds, full_rate};
use crate::Fallible;
use crate::figure::{Comparison, Figure, Finding};
use crate::load::events::{self, Lines, Plan};
use crate::load::http::{Connection, get};
use crate::load::{Measured, Paced, closed};
use crate::postgres::Cluster;
use crate::postgres::table::{Row, create, index, load, settle};
use crate::process::Server;
use crate::results::{Outcome, counted};
use crate::world::{Data, Named, World};

/// The table is loaded with no more than this: it takes 1.1 KB an event.
const TABLE_EVENTS_MAX: u64 = 10_000_000;
const PAGE: &str = "SELECT id, organization_id, action, occurred_at::text, received_at::text, actor::text, targets::text, context::text, metadata::text
  FROM audit_events WHERE organization_id = $1 ORDER BY received_at DESC LIMIT 50";

/// How far an organization's p50 was at each size, to compare the largest with the smallest.
type Medians = Vec<(&'static str, bool, u64, f64)>;

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let handler = Server::handler(&world.annals)?;
    outcome.note("One connection, one request at a time. The handler beside it answers as many constant bytes as the page has. While recording, events of the same organizations come at half of the rate that 64 connections reach.");
    let mut medians = Medians::new();
    for events in world.sizes.sets {
        let data = world.filled(world.history(events))?;
        one_size(world, outcome, &data, &handler, &mut medians).await?;
    }
    growth(world, outcome, &medians);
    table(world, outcome).await
}

fn organizations(data: &Data) -> [(&'static str, &Named); 4] {
    let organizations = &data.filled.organizations;
    [
        ("large", &organizations.large),
        ("middle", &organizations.middle),
        ("small", &organizations.small),
        ("absent", &organizations.absent),
    ]
}

async fn one_size(world: &World, outcome: &mut Outcome, data: &Data, handler: &Server, medians: &mut Medians) -> Fallible<()> {
    let server = world.start(data)?;
    server.ready().await?;
    let bodies = Recorder::on_filled(world, &server).await?;
    for recording in [false, true] {
        let load = if recording {
            let full = full_rate(&server, &bodies, world.sizes.round).await?.per_second();
            let bodies = bodies.clone();
            Some(Paced::start(server.address, 16, full / 2.0, move |out| bodies.write_one(out))?)
        } else {
            None
        };
        for (size, organization) in organizations(data) {
            let path = format!("/v1/audit_log_events?organization_id={}&limit=50", organization.id);
            let (ours, constant) = in_turns(world, &server, handler, &path).await?;
            let (p50, p99) = (ours.p50(), ours.p99());
            medians.push((size, recording, data.filled.events, p50.median));
            let state = if recording { "while recording" } else { "idle" };
            outcome.find(
                Finding::new(
                    format!(
                        "{} events, {size} organization of {}, {state}, p50",
                        counted(data.filled.events),
                        counted(organization.events)
                    ),
                    p50.clone(),
                )
                .beside("p99", p99.clone())
                .beside("handler that answers a constant, p50", constant.p50())
                .compare(Comparison::new("p50", p50.median, "ms").at_most(3.0, 1.0))
                .compare(Comparison::new("p99", p99.median, "ms").at_most(20.0, 5.0)),
            );
        }
        if let Some(load) = load {
            load.finish()?;
        }
    }
    server.stop()
}

pub async fn in_turns(world: &World, server: &Server, handler: &Server, path: &str) -> Fallible<(Rounds, Rounds)> {
    let mut connection = Connection::open(server.address).await?;
    let answer = connection.send(&get(path, &server.key)).await?;
    let constant = format!("/constant/{}", connection.body(&answer).len());
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    pages(server.address, &get(path, &server.key), world.sizes.page_round / 4).await?;
    for _ in 0..world.sizes.rounds {
        theirs.add(&pages(handler.address, &get(&constant, ""), world.sizes.page_round / 4).await?);
        ours.add(&pages(server.address, &get(path, &server.key), world.sizes.page_round).await?);
    }
    Ok((ours, theirs))
}

async fn pages(address: SocketAddr, request: &[u8], length: Duration) -> Fallible<Measured> {
    closed(address, 1, length, |out| out.extend_from_slice(request)).await
}

/// The largest history beside the smallest.
fn growth(world: &World, outcome: &mut Outcome, medians: &Medians) {
    let [least, _, most] = world.sizes.sets;
    for (size, recording, _, large) in medians.iter().filter(|(_, _, events, _)| *events == most) {
        let same = |other: &&(&str, bool, u64, f64)| other.0 == *size && other.1 == *recording && other.2 == least;
        if let Some((_, _, _, small)) = medians.iter().find(same) {
            let state = if *recording { "while recording" } else { "idle" };
            let judged = Comparison::new(format!("of the time at {}", counted(least)), large / small, "×").at_most(1.3, 1.3);
            let ours = Figure::once("ms", *large);
            outcome.find(
                Finding::new(format!("growth to {} events, {size} organization, {state}, p50", counted(most)), ours)
                    .compare(judged),
            );
        }
    }
}

/// The same from the indexed table.
async fn table(world: &World, outcome: &mut Outcome) -> Fallible<()> {
    let events = world.sizes.sets[1].min(TABLE_EVENTS_MAX);
    let plan = Plan { events, organizations: world.sizes.organizations, seed: 1 };
    println!("  loading {events} events into PostgreSQL");
    let cluster = Cluster::start().await?;
    let client = cluster.connect().await?;
    create(&client, false).await?;
    let rows = Lines::of(&world.annals, plan)?.map(|line| {
        let line = line?;
        // Retries are among the lines: in a table with a unique key they are no rows.
        Ok((Row::of(&line.organization, &line.event)?, crate::load::http::fresh_key(crate::load::next_number())))
    });
    load(&client, rows).await?;
    index(&client).await?;
    settle(&client).await?;
    let page = client.prepare(PAGE).await?;
    let ranks = world.sizes.organizations as usize;
    let external_ids = events::setup(&world.annals, plan)?.external_ids();
    for (size, rank) in [("large", 0), ("middle", ranks / 100), ("small", ranks * 9 / 10)] {
        let mut rounds = Rounds::default();
        for _ in 0..world.sizes.rounds {
            let mut measured = Measured::new()?;
            let started = Instant::now();
            while started.elapsed() < world.sizes.page_round {
                let asked = Instant::now();
                client.query(&page, &[&external_ids[rank]]).await?;
                measured.record(asked.elapsed());
            }
            measured.elapsed = started.elapsed();
            rounds.add(&measured);
        }
        outcome.find(
            Finding::new(format!("PostgreSQL, {} events, {size} organization, idle, p50", counted(events)), rounds.p50())
                .beside("p99", rounds.p99()),
        );
    }
    Ok(())
}
