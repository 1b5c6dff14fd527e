//! Recording one by one and in batches, and exports of what was recorded.

use std::time::Duration;

use annals_client::wire::{AuditEvent, BatchItem, BatchResult, CreateExport, ExportState};
use annals_client::{Error, ExportFailed, wire};
use futures::TryStreamExt;

use super::{World, time};

#[tokio::test]
async fn events_are_recorded_once_and_refused_by_name() {
    let world = World::new().await;
    let events = world.client.audit_events();
    let event = world.event("u1").of(&world.organization.id);
    for _ in 0..2 {
        events.clone().idempotency_key("k").create(&event).await.expect("recorded");
    }
    events.create(&event).await.expect("recorded");
    let other = world.event("u2").of(&world.organization.id);
    let reused = events.clone().idempotency_key("k").create(&other).await.expect_err("the key was used");
    assert!(matches!(reused, Error::Refused(_)), "{reused}");

    let broken = AuditEvent { targets: Vec::new(), ..world.event("u1") }.of(&world.organization.id);
    let Err(Error::Refused(refusal)) = events.create(&broken).await else { panic!("must be refused") };
    assert_eq!(refusal.code.as_deref(), Some("invalid_audit_log_event"));
    assert_eq!(refusal.broken_rules[0].instance_path, "/targets");
    let nowhere = events.create(&world.event("u1").of("org_1")).await.expect_err("no such organization");
    assert!(matches!(nowhere, Error::NotFound(_)), "{nowhere}");

    assert_eq!(exported(&world).await.lines().count(), 3, "a header and two events");
}

#[tokio::test]
async fn a_batch_says_what_became_of_each_item() {
    let world = World::new().await;
    let (events, id) = (world.client.audit_events(), world.organization.id.as_str());
    let good = BatchItem::from(world.event("u1").of(id)).idempotency_key("k");
    let unknown = BatchItem::from(world.event("u2").of("org_1"));
    let wrong = BatchItem::from(AuditEvent { targets: Vec::new(), ..world.event("u3") }.of(id));
    let imported = AuditEvent { action: "elsewhere.done".to_owned(), ..world.event("u4") }.of(id);
    let imported = BatchItem::from(imported).imported("workos", Some("evt_1".to_owned()));
    let items = [good.clone(), unknown, wrong, imported];

    let answer = events.batch_all_or_none(&items).await.expect("an answer");
    assert_eq!((answer.stored, answer.refused), (0, 2), "{answer:?}");
    assert_eq!((&answer.results[0], &answer.results[3]), (&BatchResult::NotStored, &BatchResult::NotStored));
    let answer = events.batch(&items).await.expect("an answer");
    assert_eq!((answer.stored, answer.replayed, answer.refused), (2, 0, 2), "{answer:?}");
    let status = |result: &BatchResult| match result {
        BatchResult::Refused(refused) => refused.http_status,
        _ => 0,
    };
    assert_eq!(answer.results.iter().map(status).collect::<Vec<_>>(), [0, 404, 400, 0]);

    // The same lines again are known by their keys; a torn one is refused by itself.
    let line = serde_json::to_string(&good).expect("JSON");
    let answer = events.batch_lines(format!("{line}\n\n{{\"organization_id\n").into()).await.expect("an answer");
    assert_eq!((answer.replayed, answer.refused), (1, 1), "{answer:?}");
    assert!(matches!(events.batch_lines("{}".into()).await, Ok(answer) if answer.refused == 1));
    // The key of the whole request counts for each item that has none.
    let keyless = [BatchItem::from(world.event("u5").of(id))];
    for (stored, replayed) in [(1, 0), (0, 1)] {
        let answer = events.clone().idempotency_key("whole").batch(&keyless).await.expect("an answer");
        assert_eq!((answer.stored, answer.replayed), (stored, replayed));
    }
    assert_eq!(exported(&world).await.lines().count(), 4, "a header and three events");
}

/// The file of everything.
async fn exported(world: &World) -> String {
    let exports = world.client.exports();
    let new = CreateExport::new(&world.organization.id, time("1970-01-01"), time("2100-01-01"));
    let export = exports.create(&new).await.expect("an export");
    let ready = exports.wait_until_ready(&export.id, Duration::from_secs(30)).await.expect("a file");
    assert_eq!(ready.state, ExportState::Ready);
    let pieces: Vec<_> = exports.download(&ready).await.expect("a file").try_collect().await.expect("complete");
    String::from_utf8(pieces.concat()).expect("text")
}

#[tokio::test]
async fn exports_that_cannot_be() {
    let world = World::new().await;
    let missing = world.client.exports().wait_until_ready("audit_log_export_1", Duration::from_secs(5)).await;
    assert!(matches!(missing, Err(ExportFailed::Request(Error::NotFound(_)))), "{missing:?}");
    let altered = wire::Export {
        object: Default::default(),
        id: "audit_log_export_01EHWNCE74X7JSDV0X3SZ3KJNY".to_owned(),
        state: ExportState::Ready,
        url: Some(format!(
            "{}/audit_logs/exports/audit_log_export_01EHWNCE74X7JSDV0X3SZ3KJNY/download?expires=1&nonce=a&signature=b",
            world.server.url
        )),
        created_at: wire::Timestamp(time("2026-01-01").0),
        updated_at: wire::Timestamp(time("2026-01-01").0),
    };
    let refused = world.client.exports().download(&altered).await.err().expect("refused");
    assert!(matches!(refused, Error::Unauthorized(_)), "{refused}");
}
