//! What is sent beside the body, and answers that are none.

use std::time::Duration;

use annals_client::wire::{BatchItem, BatchResult, Export, Published};
use annals_client::{AuditEventFilter, AuditEventQuery, Error, ExportFailed, OrganizationQuery, StatsQuery, wire};
use futures::TryStreamExt;

use crate::script::{KEY, Reply, Script, answer, ok, status};

async fn check_unexpected(reply: Reply, what: &str) {
    let script = Script::play([reply]).await;
    let error = script.client().organizations().get("org_1").await.expect_err(what);
    assert!(matches!(error, Error::Unexpected { .. }) && error.to_string().contains(what), "{what}: {error}");
    assert_eq!(script.requests().len(), 1, "{what}");
}

#[tokio::test]
async fn answers_of_somebody_else_are_named() {
    check_unexpected(
        Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/html\r\n\r\n<html>".to_owned()),
        "text/html",
    )
    .await;
    check_unexpected(ok("{}"), "missing field").await;
    check_unexpected(ok(""), "0 bytes").await;
    check_unexpected(answer(302, "Location: http://127.0.0.1:1/\r\n", ""), "redirection").await;
    check_unexpected(Reply::Endless, "too long").await;
}

#[tokio::test]
async fn the_key_goes_to_the_server_and_not_to_links() {
    let csv = Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/csv\r\n\r\nid\r\n1".to_owned());
    let script = Script::play([status(404), csv]).await;
    let client = script.builder().base_url(format!("{}/prefix/", script.url)).application("test/1").build().expect("a client");
    client.exports().get("a/b").await.expect_err("not found");
    let export: Export = serde_json::from_str(&format!(
        r#"{{"object":"audit_log_export","id":"e","state":"ready","url":"{}/file?signature=s","created_at":"2026-01-01","updated_at":"2026-01-01"}}"#,
        script.url
    ))
    .expect("an export");
    let pieces: Vec<_> = client.exports().download(&export).await.expect("a file").try_collect().await.expect("complete");
    assert_eq!(pieces.concat(), b"id\r\n1");
    assert_eq!(script.requests(), ["GET /prefix/audit_logs/exports/a%2Fb", "GET /file?signature=s"]);
    assert_eq!(script.headers("authorization"), [Some(format!("Bearer {KEY}")), None]);
    let agent = format!("test/1 annals-client/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(script.headers("user-agent"), [Some(agent.clone()), Some(agent)]);
}

#[tokio::test]
async fn a_file_that_ends_early_is_not_taken_for_a_whole_one() {
    let half = Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\nContent-Type: text/csv\r\n\r\nid\r\n1".to_owned());
    let script = Script::play([half, status(403)]).await;
    let client = script.client();
    let export = |url: String| Export {
        object: Default::default(),
        id: "e".to_owned(),
        state: wire::ExportState::Ready,
        url: Some(url),
        created_at: "2026-01-01".parse().map(wire::Timestamp).expect("a time"),
        updated_at: "2026-01-01".parse().map(wire::Timestamp).expect("a time"),
    };
    let file = client.exports().download(&export(format!("{}/file?signature=secret", script.url))).await.expect("a file");
    let error = file.try_collect::<Vec<_>>().await.expect_err("half a file");
    let shown = format!("{error} {error:?}");
    assert!(matches!(error, Error::Transport { .. }) && !shown.contains("secret"), "{shown}");
    let refused = client.exports().download(&export(format!("{}/file", script.url))).await.err().expect("refused");
    assert!(matches!(refused, Error::Unauthorized(_)), "{refused}");
    for link in ["file:///etc/passwd", "nonsense"] {
        let unsendable = client.exports().download(&export(link.to_owned())).await.err().expect("no link");
        assert!(matches!(unsendable, Error::Unsendable(_)), "{unsendable}");
    }
}

#[tokio::test]
async fn every_filter_is_a_parameter() {
    let script = Script::play([status(400), status(400)]).await;
    let time = |text: &str| text.parse().map(wire::Moment).ok();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let filter = AuditEventFilter {
        organization_id: Some("o".to_owned()),
        actions: texts(&["user.*", "a b"]),
        actor_ids: texts(&["1"]),
        actor_names: texts(&["é"]),
        actor_types: texts(&["2"]),
        target_ids: texts(&["3"]),
        target_types: texts(&["4"]),
        locations: texts(&["::1"]),
        occurred_at_min: time("2026-01-01"),
        occurred_at_max: time("2026-01-02"),
        received_at_min: time("2026-01-03"),
        received_at_max: time("2026-01-04"),
        metadata: vec![("k".to_owned(), "a=b,c&".to_owned())],
        search: Some("x".to_owned()),
    };
    let client = script.client();
    client.audit_events().list(&AuditEventQuery { filter: filter.clone(), ..Default::default() }).await.expect_err("400");
    let stats = StatsQuery { filter, group_by: Some(annals_client::GroupBy::Actor), top: Some(5), ..Default::default() };
    client.audit_events().stats(&stats).await.expect_err("400");
    let filters = "organization_id=o&actions=user.*&actions=a+b&actor_ids=1&actor_names=%C3%A9&actor_types=2&target_ids=3&target_types=4\
                   &locations=%3A%3A1&occurred_at_min=2026-01-01T00%3A00%3A00.000000Z&occurred_at_max=2026-01-02T00%3A00%3A00.000000Z\
                   &received_at_min=2026-01-03T00%3A00%3A00.000000Z&received_at_max=2026-01-04T00%3A00%3A00.000000Z\
                   &metadata=k%3Da%3Db%2Cc%26&search=x";
    assert_eq!(
        script.requests(),
        [
            format!("GET /v1/audit_log_events?{filters}"),
            format!("GET /v1/audit_log_events/stats?{filters}&interval=day&group_by=actor&time=occurred_at&top=5"),
        ]
    );
}

#[tokio::test]
async fn a_list_goes_on_to_its_end() {
    let organization = |id: &str| {
        format!(
            r#"{{"object":"organization","id":"{id}","name":"n","allow_profiles_outside_organization":false,"domains":[],"metadata":{{}},"external_id":null,"created_at":"2026-01-01","updated_at":"2026-01-01"}}"#
        )
    };
    let page = |id: &str, after: &str| {
        ok(&format!(r#"{{"object":"list","data":[{}],"list_metadata":{{"before":null,"after":{after}}}}}"#, organization(id)))
    };
    let script = Script::play([page("a", r#""x""#), status(503), page("b", "null")]).await;
    let all: Vec<_> =
        script.client().organizations().list_all(OrganizationQuery::default()).try_collect().await.expect("all of them");
    assert_eq!(all.iter().map(|organization| organization.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let again = "GET /organizations?limit=100&after=x";
    assert_eq!(script.requests(), ["GET /organizations?limit=100", again, again]);
}

#[tokio::test]
async fn a_batch_has_one_result_for_each_item() {
    let event = wire::AuditEvent::new("a", annals_client::now(), wire::Actor::new("user", "u")).of("org_1");
    let items = [BatchItem::from(event.clone()), BatchItem::from(event).idempotency_key("k")];
    let refused = r#"{"status":"refused","message":"m","errors":[{"field":"f","code":"c"}],"http_status":422}"#;
    let mixed = format!(r#"{{"stored":0,"replayed":1,"refused":1,"results":[{{"status":"replayed"}},{refused}]}}"#);
    let none = format!(r#"{{"stored":0,"replayed":0,"refused":1,"results":[{{"status":"not_stored"}},{refused}]}}"#);
    let short = r#"{"stored":0,"replayed":1,"refused":0,"results":[{"status":"replayed"}]}"#;
    let script = Script::play([ok(&mixed), answer(422, "", &none), ok(short), status(422)]).await;
    let events = script.client().audit_events();
    let answer = events.batch(&items).await.expect("an answer");
    assert_eq!((answer.replayed, answer.refused), (1, 1));
    assert!(matches!(&answer.results[1], BatchResult::Refused(refused) if refused.http_status == 422));
    let answer = events.batch_all_or_none(&items).await.expect("an answer");
    assert_eq!((answer.stored, &answer.results[0]), (0, &BatchResult::NotStored));
    let error = events.batch(&items).await.expect_err("one result too few");
    assert!(error.to_string().contains("1 results for 2 items"), "{error}");
    let error = events.batch_all_or_none(&items).await.expect_err("refused as a whole");
    assert!(matches!(error, Error::Refused(_)), "{error}");
    let path = "POST /v1/audit_log_events/batch";
    assert_eq!(script.requests(), [path, &format!("{path}?atomic=true"), path, &format!("{path}?atomic=true")]);
    assert!(script.received()[0].body.contains(r#""idempotency_key":"k""#));
}

#[tokio::test]
async fn publishing_many_gives_as_many_receipts() {
    let published = serde_json::from_str::<Published>(r#"{"results":[{"status":"replayed"}]}"#);
    assert!(published.is_ok());
    let script = Script::play([ok(r#"{"results":[{"status":"replayed"}]}"#), ok(r#"{"status":"replayed"}"#)]).await;
    let requests = script.client().api_requests();
    for _ in 0..2 {
        let error = requests.publish_all(&[]).await.expect_err("not as many as items");
        assert!(matches!(error, Error::Unexpected { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_export_is_waited_for_as_long_as_it_may_come() {
    let export = |state: &str| {
        ok(&format!(
            r#"{{"object":"audit_log_export","id":"e","state":"{state}","created_at":"2026-01-01","updated_at":"2026-01-01"}}"#
        ))
    };
    let wait = async |states: &[&str], patience: u64| {
        let script = Script::play(states.iter().map(|state| export(state))).await;
        let waited = script.client().exports().wait_until_ready("e", Duration::from_millis(patience)).await;
        (waited, script.requests().len())
    };
    assert!(matches!(wait(&["pending", "pending", "ready"], 5_000).await, (Ok(_), 3)));
    assert!(matches!(wait(&["pending", "error"], 5_000).await, (Err(ExportFailed::Failed(_)), 2)));
    assert!(matches!(wait(&["expired"], 5_000).await, (Err(ExportFailed::Expired(_)), 1)));
    assert!(matches!(wait(&["pending", "pending"], 150).await, (Err(ExportFailed::StillPending(_)), 2)));
}
