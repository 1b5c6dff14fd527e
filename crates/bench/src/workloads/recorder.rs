//! Events to record, for us and for PostgreSQL.

use crate::Fallible;
use crate::load::events::{self, Bodies, Lines, Plan};
use crate::postgres::table::{Row, rows};
use crate::process::Server;
use crate::world::World;

/// Organizations of a server that begins empty: enough for a spread, few enough to be made in a second.
const ORGANIZATIONS: u32 = 1000;

pub struct Recorder {
    pub bodies: Bodies,
    pub rows: Vec<Row>,
}

impl Recorder {
    /// For a server that has no organizations yet.
    pub async fn on_new(world: &World, server: &Server) -> Fallible<Self> {
        let plan = Plan { events: world.sizes.bodies, organizations: ORGANIZATIONS.min(world.sizes.organizations), seed: 2 };
        let setup = events::setup(&world.annals, plan)?;
        let ids = events::introduce(server.address, &server.key, &setup).await?;
        let bodies = Bodies::new(Lines::of(&world.annals, plan)?, &ids, &server.key)?;
        Ok(Self { bodies, rows: rows(Lines::of(&world.annals, plan)?)? })
    }

    /// For a server whose organizations `fill` made.
    pub async fn on_filled(world: &World, server: &Server) -> Fallible<Bodies> {
        let plan = Plan { events: world.sizes.bodies, organizations: world.sizes.organizations, seed: 1 };
        let ids = events::organizations(server.address, &server.key).await?;
        Bodies::new(Lines::of(&world.annals, plan)?, &ids, &server.key)
    }
}
