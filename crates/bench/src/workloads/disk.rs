//! Bytes an event takes, after everything is flushed and merged.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Fallible;
use crate::duckdb::DuckDb;
use crate::figure::{Comparison, Figure, Finding};
use crate::lake;
use crate::load::http::fresh_key;
use crate::load::next_number;
use crate::postgres::Cluster;
use crate::postgres::table::{Row, bytes, create, index, load, settle};
use crate::results::{Outcome, counted};
use crate::world::{Fill, World};

/// What group commit gathers at 64 connections: times and ids compress less than in large batches.
const COMMIT: u32 = 20;

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let events = world.sizes.single_set;
    let fill = Fill { name: "disk", batch: COMMIT, days: 1, last_day_ended: true, lines: true, ..world.history(events) };
    let data = world.filled(fill)?;
    let files = lake::files(&mut DuckDb::start(&world.python)?, &data.folder)?;
    let mut in_lake = 0;
    for file in &files {
        in_lake += std::fs::metadata(file)?.len();
    }
    let in_all = lake::bytes(&data.folder)?;
    let each = |bytes: u64| Figure::once("bytes/event", bytes as f64 / events as f64);

    let packed = zstd_of_sorted_lines(&data.lines)?;
    let (table, unique) = {
        let cluster = Cluster::start().await?;
        let client = cluster.connect().await?;
        create(&client, false).await?;
        load(&client, recorded_rows(&data.lines)?).await?;
        index(&client).await?;
        settle(&client).await?;
        bytes(&client).await?
    };
    let (table, unique) = (table as u64, unique as u64);
    outcome.note(format!("{} events in commits of {COMMIT}, 24 hours that have ended, {} data files; the table is loaded first and indexed afterwards, which packs its indexes best. The unique key is {:.0} bytes of the table's; we hold keys for a day, 24 bytes each, which is not counted.", counted(events), files.len(), unique as f64 / events as f64));
    outcome.find(
        Finding::new("data files of the lake", each(in_lake))
            .beside("PostgreSQL: the table with its indexes", each(table))
            .beside("zstd -3 of the same NDJSON, sorted by organization and time", each(packed))
            .compare(Comparison::new("smaller than the table", table as f64 / in_lake as f64, "×").at_least(12.0, 20.0))
            .compare(Comparison::new("of zstd -3", in_lake as f64 / packed as f64, "×").at_most(0.8, 0.5)),
    );
    outcome.find(Finding::new("the whole data folder, with removed files that still wait", each(in_all)));
    Ok(())
}

#[derive(Deserialize)]
struct Recorded {
    organization_id: String,
    event: Box<RawValue>,
}

/// Rows of recorded lines, each with a fresh key.
pub fn recorded_rows(lines: &Path) -> Fallible<impl Iterator<Item = Fallible<(Row, String)>>> {
    let lines = BufReader::with_capacity(1 << 20, File::open(lines)?).lines();
    Ok(lines.map(|line| {
        let recorded: Recorded = serde_json::from_str(&line?)?;
        Ok((Row::of(&recorded.organization_id, &recorded.event)?, fresh_key(next_number())))
    }))
}

/// Lines are in the order of their time, so a stable sort by organization is all that is missing.
fn zstd_of_sorted_lines(path: &Path) -> Fallible<u64> {
    let text = std::fs::read(path)?;
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let organization = |line: &&[u8]| line.split(|byte| *byte == b',').next().unwrap_or_default().to_vec();
    lines.sort_by_cached_key(organization);
    let mut encoder = zstd::Encoder::new(Counted(0), 3)?;
    for line in lines {
        std::io::Write::write_all(&mut encoder, line)?;
        std::io::Write::write_all(&mut encoder, b"\n")?;
    }
    Ok(encoder.finish()?.0)
}

/// Keeps nothing but the number of bytes.
struct Counted(u64);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
