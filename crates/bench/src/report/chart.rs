//! Bars of ratios, light and plain: black on white, so that they can be read on light and on dark pages.

use std::path::Path;

use plotters::prelude::*;

use crate::Fallible;
use crate::figure::Finding;
use crate::results::Outcome;

pub struct Drawn {
    pub title: &'static str,
    pub file: &'static str,
}

/// One bar: a name, its length, and what stands behind it.
struct Bar {
    name: String,
    value: f64,
    is_ours: bool,
}

const WIDTH: u32 = 880;
const ROW: u32 = 26;
const LABELS: i32 = 420;
const OURS: RGBColor = RGBColor(0x1f, 0x6f, 0xb5);
const THEIRS: RGBColor = RGBColor(0xb4, 0xb9, 0xbf);

/// Draws what there are results for.
pub fn draw(outcomes: &[Outcome], folder: &Path) -> Fallible<Vec<Drawn>> {
    let charts = [
        ("single", "One durable event a request, 64 connections (requests/s)", "single.svg", "64 connections, rate"),
        ("batches", "Batches of 1,000 events with flushing (events/s)", "batches.svg", "without a pause"),
        ("disk", "Room on disk (bytes/event)", "disk.svg", "data files"),
        ("export", "Export to CSV (events/s)", "export.svg", "rate"),
    ];
    let mut drawn = Vec::new();
    for (workload, title, file, finding) in charts {
        let outcome = outcomes.iter().find(|outcome| outcome.workload == workload);
        if let Some(finding) = outcome.and_then(|outcome| outcome.findings.iter().find(|found| found.name.contains(finding))) {
            bars(&folder.join(file), title, &of_finding(finding))?;
            drawn.push(Drawn { title, file });
        }
    }
    let pages = outcomes.iter().find(|outcome| outcome.workload == "pages");
    let pages: Vec<_> = pages.into_iter().flat_map(|outcome| &outcome.findings).filter(|found| is_page(found)).collect();
    if !pages.is_empty() {
        let (title, file) = ("First page of an organization, p50 (ms)", "pages.svg");
        let bar = |found: &&Finding| Bar {
            name: found.name.trim_end_matches(", p50").to_owned(),
            value: found.ours.median,
            is_ours: !found.name.starts_with("PostgreSQL"),
        };
        bars(&folder.join(file), title, &pages.iter().map(bar).collect::<Vec<_>>())?;
        drawn.push(Drawn { title, file });
    }
    Ok(drawn)
}

fn is_page(finding: &Finding) -> bool {
    finding.name.ends_with("idle, p50") && !finding.name.starts_with("growth")
}

fn of_finding(finding: &Finding) -> Vec<Bar> {
    let ours = Bar { name: "Annals".to_owned(), value: finding.ours.median, is_ours: true };
    let others = finding.beside.iter().filter(|(_, figure)| figure.unit == finding.ours.unit);
    let others = others.map(|(name, figure)| Bar { name: name.clone(), value: figure.median, is_ours: false });
    std::iter::once(ours).chain(others).collect()
}

fn bars(path: &Path, title: &str, bars: &[Bar]) -> Fallible<()> {
    let height = ROW * (bars.len() as u32 + 2);
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let text = |size: u32| ("sans-serif", size).into_font().color(&BLACK);
    area.draw(&Text::new(title.to_owned(), (12, 12), text(20)))?;
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(WIDTH as i32 - LABELS - 110);
    for (row, bar) in bars.iter().enumerate() {
        let top = (ROW as usize * (row + 1)) as i32 + 16;
        let length = (bar.value / most * room).max(1.0) as i32;
        let color = if bar.is_ours { OURS } else { THEIRS };
        area.draw(&Rectangle::new([(LABELS, top), (LABELS + length, top + 16)], color.filled()))?;
        area.draw(&Text::new(bar.name.clone(), (12, top + 1), text(15)))?;
        area.draw(&Text::new(crate::results::shown(bar.value, ""), (LABELS + length + 6, top + 1), text(15)))?;
    }
    area.present()?;
    Ok(())
}
