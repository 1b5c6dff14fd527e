//! The client's layer and its emitter against the real server: what is refused must not hold up the rest, and only the real
//! server knows how it refuses.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use annals_client::emitter::{Emitter, Mode, Spool, Trouble};
use annals_client::layer::{RequestDetails, RequestLog};
use annals_client::wire::{Actor, AuditEvent, CreateOrganization, CreateSchema, Target};
use annals_client::{ApiRequestQuery, Client, now};
use axum::extract::{ConnectInfo, MatchedPath};
use axum::routing::get;
use axum::{Extension, Router};

use crate::server::{KEY, Server};

const PATIENCE: Duration = Duration::from_secs(60);

async fn set_up(data: &Path) -> (Server, Client, String) {
    let server = Server::start(data, &[]);
    let client = Client::builder().api_key(KEY).base_url(&server.url).build().expect("a client");
    let new = CreateOrganization { name: "Acme".to_owned(), ..CreateOrganization::default() };
    let organization = client.organizations().create(&new).await.expect("an organization").id.to_string();
    (server, client, organization)
}

#[tokio::test]
async fn requests_of_an_application_are_in_the_log() {
    let folder = tempfile::tempdir().expect("temp folder");
    let (server, client, organization) = set_up(folder.path()).await;
    // One batch, so that good and bad entries go together.
    let log = RequestLog::builder(client.clone())
        .linger(Duration::from_secs(1))
        .route(|request| Some(request.extensions.get::<MatchedPath>()?.as_str().to_owned()))
        .client_ip(|request| Some(request.extensions.get::<ConnectInfo<SocketAddr>>()?.ip()))
        .build()
        .expect("a log");
    let known = RequestDetails::new().user("ann").organization(organization.clone()).target("project", "p_7");
    let unknown = RequestDetails::new().organization("org_01EHZNVPK3SFK441A1RGBFSHRT");
    let app = Router::new()
        .route("/projects/{id}", get(async move || Extension(known)))
        .route("/elsewhere", get(async move || Extension(unknown)))
        .layer(log.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    for path in ["/projects/0", "/projects/7?token=secret", "/elsewhere", "/projects/8", "/nowhere"] {
        reqwest::get(format!("{url}{path}")).await.expect("an answer");
    }
    assert!(tokio::time::timeout(PATIENCE, log.flush()).await.expect("in time"));
    assert_eq!((log.stats().sent, log.stats().refused), (4, 1));

    let query = ApiRequestQuery { action: Some("GET /projects/{id}".to_owned()), ..ApiRequestQuery::default() };
    let mut entries = client.api_requests().list(&query).await.expect("a page").page.items;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["/projects/0", "/projects/7", "/projects/8"]);
    let entry = &entries[1];
    assert_eq!((entry.actor.id.as_str(), entry.client_ip.as_str(), entry.status_code), ("ann", "127.0.0.1", 200));
    assert_eq!(
        (entry.organization_id.as_deref(), entry.target.as_ref().map(|t| t.id.as_str())),
        (Some(&*organization), Some("p_7"))
    );
    assert_eq!(server.stop().code(), Some(0));
}

#[tokio::test]
async fn events_that_the_server_refuses_are_set_aside() {
    let folder = tempfile::tempdir().expect("temp folder");
    let (server, client, organization) = set_up(&folder.path().join("data")).await;
    client.schemas().create("note.added", &CreateSchema::of_targets(["team"])).await.expect("a schema");
    let (sender, troubles) = std::sync::mpsc::channel();
    let emitter = Emitter::builder(client)
        .mode(Mode::Spool(Spool::at(folder.path().join("spool"))))
        .linger(Duration::from_secs(1))
        .on_trouble(move |trouble| drop(sender.send(trouble.clone())))
        .build()
        .expect("an emitter");
    let event = |action: &str, kind: &str| AuditEvent::new(action, now(), Actor::new("user", "u")).target(Target::new(kind, "t"));
    let good = || event("note.added", "team").of(&organization);
    let bad = [
        event("note.added", "house").of(&organization),
        event("note.unknown", "team").of(&organization),
        event("note.added", "team").of("org_01EHZNVPK3SFK441A1RGBFSHRT"),
        event("note.added", "team").location("x".repeat(100_000)).of(&organization),
    ];
    for bad in bad {
        emitter.emit(good()).await.expect("taken");
        emitter.emit(bad).await.expect("taken");
    }
    emitter.emit_and_wait(good()).await.expect("stored");
    let stats = emitter.shutdown(PATIENCE).await;
    assert_eq!((stats.sent, stats.refused, stats.failed_requests), (5, 4, 0));
    let statuses: Vec<_> = troubles
        .try_iter()
        .map(|trouble| match trouble {
            Trouble::Refused(refused) => refused.http_status,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(statuses[..3], [400, 400, 404]);
    assert_eq!(statuses.len(), 4);
    let kept = std::fs::read_to_string(folder.path().join("spool/refused.ndjson")).expect("kept");
    assert_eq!(kept.lines().count(), 4);
    assert_eq!(server.stop().code(), Some(0));
}
