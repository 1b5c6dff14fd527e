//! Memory of a server that has much history and little to do.

use std::time::Duration;

use crate::Fallible;
use crate::figure::{Comparison, Figure, Finding};
use crate::load::closed;
use crate::load::http::get;
use crate::results::{Outcome, counted};
use crate::world::World;

const MEGABYTE: f64 = 1024.0 * 1024.0;

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let data = world.filled(world.history(world.sizes.sets[2]))?;
    let (mut idle, mut after_pages) = (Vec::new(), Vec::new());
    for _ in 0..world.sizes.rounds.min(3) {
        let server = world.start(&data)?;
        server.ready().await?;
        tokio::time::sleep(world.sizes.idle).await;
        idle.push(server.memory()?.resident as f64 / MEGABYTE);
        let organizations = &data.filled.organizations;
        for organization in [&organizations.large, &organizations.middle, &organizations.small, &organizations.absent] {
            let request = get(&format!("/v1/audit_log_events?organization_id={}&limit=50", organization.id), &server.key);
            closed(server.address, 1, Duration::from_millis(200), |out| out.extend_from_slice(&request)).await?;
        }
        tokio::time::sleep(world.sizes.idle).await;
        after_pages.push(server.memory()?.resident as f64 / MEGABYTE);
        server.stop()?;
    }
    let idle = Figure::of("MB", &idle);
    outcome.note(format!(
        "{} events in the lake; resident memory {} s after the last request.",
        counted(data.filled.events),
        world.sizes.idle.as_secs()
    ));
    let judged = Comparison::new("resident", idle.median, "MB").at_most(300.0, 150.0);
    outcome.find(Finding::new("idle after the start", idle).compare(judged));
    let after_pages = Figure::of("MB", &after_pages);
    let judged = Comparison::new("resident", after_pages.median, "MB").at_most(300.0, 150.0);
    outcome.find(Finding::new("idle after pages of four organizations", after_pages).compare(judged));
    Ok(())
}
