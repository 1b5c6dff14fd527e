//! `docs/benchmarks.md`: the last results of every workload, with charts.

mod chart;

use std::fmt::Write;
use std::path::PathBuf;

use crate::Fallible;
use crate::figure::{Bound, Comparison, Figure};
use crate::postgres;
use crate::postgres::table::{INDEXES, TABLE};
use crate::results::{Outcome, shown};
use crate::workloads::ALL;
use crate::world::World;

/// A quick run shows only itself: its report stays beside its results.
pub fn write(world: &World) -> Fallible<()> {
    let docs = if world.quick { world.folder().join("docs") } else { world.source.join("docs") };
    let charts = docs.join("benchmarks");
    std::fs::create_dir_all(&charts)?;
    let mut outcomes = Vec::new();
    for workload in ALL {
        outcomes.extend(Outcome::load(&world.results, workload.name)?);
    }
    let drawn = chart::draw(&outcomes, &charts)?;
    let path: PathBuf = docs.join("benchmarks.md");
    std::fs::write(&path, markdown(world, &outcomes, &drawn))?;
    println!("\nthe report is {}", path.strip_prefix(&world.source).unwrap_or(&path).display());
    Ok(())
}

fn markdown(world: &World, outcomes: &[Outcome], drawn: &[chart::Drawn]) -> String {
    let mut text = String::from(HEAD);
    for chart in drawn {
        let _ = writeln!(text, "![{}](benchmarks/{})\n", chart.title, chart.file);
    }
    text.push_str("## What has to be reached\n\n");
    text.push_str("| workload | | measured | must | aim | reached |\n|---|---|---:|---:|---:|---|\n");
    for (outcome, name, comparison) in judged(outcomes) {
        let Comparison { what, value, unit, must, aim } = comparison;
        let reached = comparison.verdict().word();
        let measured = shown(*value, unit);
        let _ = writeln!(text, "| {outcome}: {name} | {what} | {measured} | {} | {} | {reached} |", bound(*must), bound(*aim));
    }
    text.push_str("\n## All figures\n");
    for outcome in outcomes {
        section(outcome, &mut text);
    }
    conditions(world, outcomes, &mut text);
    text
}

const HEAD: &str = "# Benchmarks

Every workload ran for Annals and for its peers in the same run, in turns, on one machine that also made the load. So only the ratios
mean something; absolute figures are for reading. A figure is the median of its rounds, with the least and the most of them.

```
cargo xtask bench            # everything, about an hour; writes this file
cargo xtask bench single     # one workload, the others stay as they are
cargo xtask bench --quick    # small data and short rounds: shows that everything runs
```

";

fn judged(outcomes: &[Outcome]) -> impl Iterator<Item = (&str, &str, &Comparison)> {
    outcomes.iter().flat_map(|outcome| {
        outcome.findings.iter().flat_map(|finding| {
            let judged = finding.comparisons.iter().filter(|comparison| comparison.must.is_some());
            judged.map(|comparison| (outcome.title.as_str(), finding.name.as_str(), comparison))
        })
    })
}

fn bound(bound: Option<Bound>) -> String {
    match bound {
        Some(Bound::AtLeast(value)) => format!("≥ {value}"),
        Some(Bound::AtMost(value)) => format!("≤ {value}"),
        None => String::new(),
    }
}

fn section(outcome: &Outcome, text: &mut String) {
    let Outcome { title, date, commit, rounds, seconds, .. } = outcome;
    let _ = writeln!(text, "\n### {title}\n\n{date}, commit {commit}, {rounds} rounds, {seconds:.0} s.");
    for note in &outcome.notes {
        let _ = writeln!(text, "{note}");
    }
    if let Some(failure) = &outcome.failure {
        let _ = writeln!(text, "\n**It did not run to its end:** {failure}");
    }
    text.push_str("\n| | median | least to most | ratio |\n|---|---:|---:|---|\n");
    for finding in &outcome.findings {
        let ratios: Vec<_> =
            finding.comparisons.iter().map(|ratio| format!("{} {}", shown(ratio.value, &ratio.unit), ratio.what)).collect();
        row(&format!("**{}**", finding.name), &finding.ours, &ratios.join("; "), text);
        for (name, figure) in &finding.beside {
            row(name, figure, "", text);
        }
    }
}

fn row(name: &str, figure: &Figure, ratios: &str, text: &mut String) {
    let range =
        if figure.rounds > 1 { format!("{} – {}", shown(figure.least, ""), shown(figure.most, "")) } else { String::new() };
    let _ = writeln!(text, "| {name} | {} | {range} | {ratios} |", shown(figure.median, &figure.unit));
}

fn conditions(world: &World, outcomes: &[Outcome], text: &mut String) {
    let machine = outcomes.last().map_or(&world.machine, |outcome| &outcome.machine);
    let _ = write!(
        text,
        "\n## Conditions\n\n{} cores of {}, {:.0} GiB of memory, {}, file system {}. Load, servers and peers share them.\n\n",
        machine.cores, machine.processor, machine.memory_gib, machine.kernel, machine.file_system
    );
    text.push_str(
        "Annals runs with its defaults. Its data sets are made by `annals bench fill`, which runs the real engine under a faster clock; \
         the events are those of `annals bench generate`.\n\nPostgreSQL runs with its defaults, except:\n\n```\n",
    );
    for (name, value) in postgres::settings() {
        let _ = writeln!(text, "{name} = {value}");
    }
    let _ = writeln!(text, "```\n\nIts table:\n\n```sql\n{TABLE};\n{};\n```", INDEXES.join(";\n"));
}
