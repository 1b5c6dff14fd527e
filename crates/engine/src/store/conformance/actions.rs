//! Actions and the versions of their schemas.

use annals_core::ids::SchemaId;
use futures::future::join_all;
use serde_json::json;

use super::Backend;
use super::fixtures::{ELSEWHERE, HERE, environment, first, founded, schema_ids, time};
use crate::entities::{NewSchema, Schema, TargetSchema};
use crate::page::{ListQuery, Order};
use crate::store::{Store, unkept};

fn body(n: u64) -> NewSchema {
    let metadata = json!({"type": "object", "properties": {"ü": {"type": "string", "maxLength": n}}});
    NewSchema {
        actor_metadata: n.is_multiple_of(2).then(|| metadata.clone()),
        targets: vec![
            TargetSchema { kind: "team".to_owned(), metadata: None },
            TargetSchema { kind: "Ü".to_owned(), metadata: Some(metadata.clone()) },
        ],
        metadata: Some(metadata),
    }
}

async fn insert(store: &dyn Store, action: &str, n: u64) -> Schema {
    store.insert_schema(environment(HERE), action, schema_ids(n), &body(n), time(n.cast_signed()), &unkept).await.expect("stored")
}

pub(crate) async fn versions_count_up(backend: &dyn Backend) {
    let store = founded(backend).await;
    for (n, action, version) in [(1, "a", 1), (2, "a", 2), (3, "b", 1), (4, "a", 3)] {
        let schema = insert(&*store, action, n).await;
        assert_eq!(schema, Schema { id: schema_ids(n).1, version, body: body(n), created_at: time(n.cast_signed()) });
    }
}

pub(crate) async fn concurrent_calls_get_different_versions(backend: &dyn Backend) {
    let store = founded(backend).await;
    let schemas = join_all((1..=16).map(|n| insert(&*store, "a", n))).await;
    let mut versions: Vec<_> = schemas.iter().map(|schema| schema.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=16).collect::<Vec<u32>>());
    let page = store.actions(environment(HERE), &first(9)).await.expect("a page");
    assert_eq!(page.items.iter().map(|action| action.schema.version).collect::<Vec<_>>(), [16]);
}

pub(crate) async fn ids_rise_with_versions(backend: &dyn Backend) {
    let store = founded(backend).await;
    let mut ids = Vec::new();
    for n in [5, 5, 4, 9, 9] {
        ids.push(insert(&*store, "a", n).await.id);
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    assert_eq!((ids[0], ids[3]), (schema_ids(5).1, schema_ids(9).1));
    let page = store.schemas(environment(HERE), "a", &first(9)).await.expect("a page").expect("there");
    assert_eq!(page.items.iter().map(|schema| schema.version).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
}

pub(crate) async fn a_version_is_found(backend: &dyn Backend) {
    let store = founded(backend).await;
    let (one, two) = (insert(&*store, "user.signed_in", 1).await, insert(&*store, "user.signed_in", 2).await);
    let read = async |action, version| store.schema(environment(HERE), action, version).await.expect("read");
    assert_eq!(read("user.signed_in", 1).await, Some(one));
    assert_eq!(read("user.signed_in", 2).await, Some(two));
    for (action, version) in [("user.signed_in", 0), ("user.signed_in", 3), ("USER.signed_in", 1), ("", 1)] {
        assert_eq!(read(action, version).await, None, "{action} {version}");
    }
}

pub(crate) async fn actions_come_with_their_newest_schema(backend: &dyn Backend) {
    let store = founded(backend).await;
    insert(&*store, "a", 1).await;
    let of_b = insert(&*store, "b", 2).await;
    let of_a = insert(&*store, "a", 3).await;
    let page = store.actions(environment(HERE), &first(1)).await.expect("a page");
    assert_eq!((page.items[0].name.as_str(), page.items[0].id, &page.items[0].schema), ("b", schema_ids(2).0, &of_b));
    assert_eq!((page.before, page.after), (None, Some(schema_ids(2).0)));
    let rest = ListQuery { limit: 1, before: None, after: page.after, order: Order::Desc };
    let page = store.actions(environment(HERE), &rest).await.expect("a page");
    let action = &page.items[0];
    assert_eq!((action.name.as_str(), action.id, &action.schema), ("a", schema_ids(1).0, &of_a));
    assert_eq!((action.created_at, action.updated_at, page.after), (time(1), time(3), None));
}

pub(crate) async fn schemas_are_listed_newest_first(backend: &dyn Backend) {
    let store = founded(backend).await;
    let mut schemas = Vec::new();
    for n in 1..=3 {
        schemas.insert(0, insert(&*store, "a", n).await);
        insert(&*store, "b", n + 10).await;
    }
    let query = |after: Option<SchemaId>| ListQuery { limit: 2, before: None, after, order: Order::Desc };
    let page = store.schemas(environment(HERE), "a", &query(None)).await.expect("a page").expect("there");
    assert_eq!((page.items.as_slice(), page.before, page.after), (&schemas[..2], None, Some(schemas[1].id)));
    let page = store.schemas(environment(HERE), "a", &query(page.after)).await.expect("a page").expect("there");
    assert_eq!((page.items.as_slice(), page.before, page.after), (&schemas[2..], Some(schemas[2].id), None));
    assert!(store.schemas(environment(HERE), "c", &query(None)).await.expect("answered").is_none());
}

pub(crate) async fn environments_do_not_meet(backend: &dyn Backend) {
    let store = founded(backend).await;
    insert(&*store, "a", 1).await;
    let elsewhere = environment(ELSEWHERE);
    assert_eq!(store.schema(elsewhere, "a", 1).await.expect("read"), None);
    assert!(store.schemas(elsewhere, "a", &first(9)).await.expect("answered").is_none());
    assert!(store.actions(elsewhere, &first(9)).await.expect("a page").items.is_empty());
    let schema = store.insert_schema(elsewhere, "a", schema_ids(2), &body(2), time(2), &unkept).await.expect("stored");
    assert_eq!(schema.version, 1);
    assert_eq!(store.schema(environment(HERE), "a", 1).await.expect("read").map(|schema| schema.body), Some(body(1)));
}

pub(crate) async fn schemas_survive_a_crash(backend: &dyn Backend) {
    let store = founded(backend).await;
    let schema = insert(&*store, "a", 1).await;
    drop(store);
    let store = backend.open().await;
    assert_eq!(store.schema(environment(HERE), "a", 1).await.expect("read"), Some(schema));
    assert_eq!(insert(&*store, "a", 2).await.version, 2);
}
