//! Following the feed with a cursor.

use std::time::Duration;

use annals_client::{Error, EventQuery, event_names};
use futures::StreamExt;

use crate::script::{Reply, Script, ok, status};

fn page(ids: &[&str], after: Option<&str>) -> Reply {
    let event = |id: &&str| {
        format!(r#"{{"object":"event","id":"{id}","event":"user.created","data":{{}},"created_at":"2026-01-01T00:00:00.000Z"}}"#)
    };
    let events: Vec<_> = ids.iter().map(event).collect();
    let after = after.map_or("null".to_owned(), |after| format!("{after:?}"));
    ok(&format!(r#"{{"object":"list","data":[{}],"list_metadata":{{"before":null,"after":{after}}}}}"#, events.join(",")))
}

#[tokio::test]
async fn each_event_comes_once_and_the_stream_ends_when_waiting_does_not_help() {
    let away = (0..6).map(|_| status(503));
    let replies = [page(&["e1", "e2"], Some("e2")), page(&["e3"], None), page(&[], None)];
    let script = Script::play(replies.into_iter().chain(away).chain([page(&["e4"], None), status(401)])).await;
    let query = EventQuery::of([event_names::USER_CREATED]).after("e0");
    let followed = script.client().events().follow(query, Duration::from_millis(5));
    let found: Vec<_> = followed.collect().await;
    let ids: Vec<_> = found.iter().filter_map(|event| event.as_ref().ok()).map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["e1", "e2", "e3", "e4"]);
    assert!(matches!(found.last(), Some(Err(Error::Unauthorized(_)))), "{found:?}");
    let cursors: Vec<_> = script.requests().iter().map(|request| request.rsplit('=').next().unwrap_or("").to_owned()).collect();
    assert_eq!(cursors, ["e0", "e2", "e3", "e3", "e3", "e3", "e3", "e3", "e3", "e3", "e4"]);
    assert_eq!(script.requests()[0], "GET /events?events=user.created&limit=100&after=e0");
}
