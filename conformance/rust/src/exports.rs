//! Exports: job, download, and every cell of the file.

use std::collections::HashMap;
use std::time::Duration;

use workos::audit_logs::CreateExportParams;
use workos::{AuditLogExport, AuditLogExportCreation, AuditLogExportState, Client};

use crate::NO_ORGANIZATION;
use crate::cells::{HEADER, cells_of};
use crate::check::{Checked, Difference, eventually, holds, refused, same};
use crate::events::{Journey, RANGE, Sent};
use crate::organizations::is_id;

const READY_LIMIT: Duration = Duration::from_secs(60);

type Row = HashMap<String, String>;

pub async fn checked(client: &Client, organization: &str, sent: &Journey) -> Checked {
    let done = ready(client, whole(organization)).await?;
    compare("export", &download(&done).await?, &sent.in_range())?;
    let again = client.audit_logs().get_export(&done.id).await?;
    holds("export: each GET mints another URL", again.url != done.url, &again.url)?;
    compare("export from the second URL", &download(&again).await?, &sent.in_range())?;

    for (name, filter, expected) in filters(organization, sent) {
        compare(&format!("export by {name}"), &download(&ready(client, filter).await?).await?, &expected)?;
    }

    let start = async |spoiled| client.audit_logs().create_export(CreateExportParams::new(spoiled)).await;
    let upside_down = AuditLogExportCreation { range_end: "2025-01-01T00:00:00Z".to_owned(), ..whole(organization) };
    let upside_down = refused("export: range ends before it starts", 400, start(upside_down).await)?;
    same("export: range has its code", upside_down.code.as_deref(), Some("invalid_audit_log_export_range_date"))?;
    let no_date = AuditLogExportCreation { range_start: "yesterday".to_owned(), ..whole(organization) };
    refused("export: a range that is no date", 400, start(no_date).await)?;
    refused("export: unknown organization", 400, start(whole(NO_ORGANIZATION)).await)?;
    let unknown = client.audit_logs().get_export("audit_log_export_01HEQ7M5X0000000000000001A").await;
    refused("export: unknown id", 404, unknown)?;
    Ok(())
}

/// Each filter with the events that it must leave.
fn filters<'a>(organization: &str, sent: &'a Journey) -> Vec<(&'static str, AuditLogExportCreation, Vec<&'a Sent>)> {
    let list = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect());
    let whole = || whole(organization);
    let shared = vec![&sent.every_field, &sent.second_version, &sent.unversioned];
    vec![
        ("actions", AuditLogExportCreation { actions: list(&["document.shared"]), ..whole() }, shared),
        (
            "actor names, either of two",
            AuditLogExportCreation { actor_names: list(&["Once Only", "Grace Hopper"]), ..whole() },
            vec![&sent.largest, &sent.repeated],
        ),
        (
            "actor ids",
            AuditLogExportCreation { actor_ids: list(&[&sent.unicode.event.actor.id]), ..whole() },
            vec![&sent.unicode],
        ),
        (
            "target types",
            AuditLogExportCreation { targets: list(&["folder", "team"]), ..whole() },
            vec![&sent.every_field, &sent.second_version],
        ),
        (
            "all four together",
            AuditLogExportCreation {
                actions: list(&["document.shared"]),
                actor_names: list(&["Nightly copy", "Ada Lovelace"]),
                actor_ids: list(&["user_05"]),
                targets: list(&["folder"]),
                ..whole()
            },
            vec![&sent.second_version],
        ),
        ("nothing matches", AuditLogExportCreation { actions: list(&["never.declared"]), ..whole() }, vec![]),
        ("an empty filter", AuditLogExportCreation { actions: list(&[]), ..whole() }, sent.in_range().to_vec()),
        (
            "another range",
            AuditLogExportCreation { range_start: "2001-01-01".to_owned(), range_end: "2002-01-01".to_owned(), ..whole() },
            vec![&sent.long_ago],
        ),
    ]
}

fn whole(organization: &str) -> AuditLogExportCreation {
    #[expect(deprecated, reason = "a struct literal must name every member")]
    AuditLogExportCreation {
        organization_id: organization.to_owned(),
        range_start: RANGE.0.to_owned(),
        range_end: RANGE.1.to_owned(),
        actions: None,
        actors: None,
        actor_names: None,
        actor_ids: None,
        targets: None,
    }
}

async fn ready(client: &Client, options: AuditLogExportCreation) -> Checked<AuditLogExport> {
    let started = client.audit_logs().create_export(CreateExportParams::new(options)).await?;
    same(
        "export: starts pending, without a URL",
        (started.object.as_str(), &started.state, &started.url),
        ("audit_log_export", &AuditLogExportState::Pending, &None),
    )?;
    let call = async || client.audit_logs().get_export(&started.id).await;
    let done = eventually("export: ready", READY_LIMIT, call, |export| export.state != AuditLogExportState::Pending).await?;
    same("export: ready", (&done.id, &done.state), (&started.id, &AuditLogExportState::Ready))?;
    Ok(done)
}

async fn download(export: &AuditLogExport) -> Checked<Vec<Row>> {
    let failed = |error: &dyn std::fmt::Display| Difference(format!("download: {error}"));
    let url = export.url.as_deref().ok_or_else(|| Difference("download: a ready export has no URL".to_owned()))?;
    let answer = reqwest::get(url).await.map_err(|e| failed(&e))?; // no Authorization header
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (status, content_type, disposition) = (answer.status().as_u16(), header("content-type"), header("content-disposition"));
    let text = answer.text().await.map_err(|e| failed(&e))?;
    holds("download: 200 without Authorization", status == 200, &text)?;
    same("download: content type", content_type.as_str(), "text/csv; charset=utf-8")?;
    same("download: file name", disposition, format!("attachment; filename=\"{}.csv\"", export.id))?;
    let framed = text.starts_with(&format!("{}\r\n", HEADER.join(","))) && text.ends_with("\r\n");
    holds("download: header line and CRLF at the end", framed, text.get(..300))?;
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().map_err(|e| failed(&e))
}

fn compare(name: &str, rows: &[Row], expected: &[&Sent]) -> Checked {
    same(&format!("{name}: number of rows"), rows.len(), expected.len())?;
    for (at, (row, sent)) in rows.iter().zip(expected).enumerate() {
        let expected = cells_of(&sent.event, sent.occurred_at);
        let cells: Vec<_> = expected.iter().map(|(column, _)| (*column, row.get(*column).cloned().unwrap_or_default())).collect();
        same(&format!("{name}: row {} cell by cell ({})", at + 1, sent.event.action), cells, expected)?;
        let (id, created_at) = (&row["id"], &row["created_at"]);
        let is_time = created_at.len() == "2026-01-01T00:00:00.000Z".len() && created_at.ends_with('Z');
        holds(&format!("{name}: row {} has id and created_at", at + 1), is_id("evt_", id) && is_time, (id, created_at))?;
    }
    let ids: Vec<_> = rows.iter().map(|row| &row["id"]).collect();
    holds(&format!("{name}: ids are unique and rise"), ids.is_sorted_by(|a, b| a < b), ids)
}
