//! Export jobs.

use super::Backend;
use super::fixtures::{ELSEWHERE, HERE, environment, export, founded, time};
use crate::entities::ExportState::{Error, Expired, Pending, Ready};
use crate::entities::{Export, ExportState};
use crate::store::{Store, unkept};

async fn insert(store: &dyn Store, n: u64) -> Export {
    let export = export(n);
    store.insert_export(environment(HERE), &export, &unkept).await.expect("stored");
    export
}

pub(crate) async fn an_export_comes_back_whole(backend: &dyn Backend) {
    let store = founded(backend).await;
    for (n, state) in [(1, Pending), (2, Ready), (3, Error), (4, Expired)] {
        let export = Export { state, ..export(n) };
        store.insert_export(environment(HERE), &export, &unkept).await.expect("stored");
        assert_eq!(store.export(export.id).await.expect("read"), Some((environment(HERE), export)));
    }
    assert_eq!(store.export(export(9).id).await.expect("read"), None);
}

pub(crate) async fn a_state_is_left_once(backend: &dyn Backend) {
    let store = founded(backend).await;
    let export = insert(&*store, 1).await;
    let go = async |from, to, at| store.set_export_state(export.id, from, to, time(at)).await.expect("answered");
    assert!(!go(Ready, Expired, 5).await);
    assert!(go(Pending, Ready, 6).await);
    assert!(!go(Pending, Error, 7).await);
    let (_, read) = store.export(export.id).await.expect("read").expect("there");
    assert_eq!(read, Export { state: Ready, updated_at: time(6), ..export.clone() });
    assert!(!store.set_export_state(super::fixtures::export(9).id, Pending, Ready, time(1)).await.expect("answered"));
}

pub(crate) async fn waiting_exports_come_oldest_first(backend: &dyn Backend) {
    let store = founded(backend).await;
    for n in [3, 1, 2, 4] {
        insert(&*store, n).await;
    }
    assert!(store.set_export_state(export(1).id, Pending, Ready, time(10)).await.expect("moved"));
    let waiting = async |state: ExportState, before, limit| {
        let found = store.exports_in_state(state, time(before), limit).await.expect("exports");
        found.into_iter().map(|(_, export)| export.id).collect::<Vec<_>>()
    };
    assert_eq!(waiting(Pending, 9, 9).await, [export(2).id, export(3).id, export(4).id]);
    assert_eq!(waiting(Pending, 9, 2).await, [export(2).id, export(3).id]);
    assert_eq!(waiting(Pending, 3, 9).await, [export(2).id]);
    assert_eq!(waiting(Ready, 10, 9).await, []);
    assert_eq!(waiting(Ready, 11, 9).await, [export(1).id]);
}

pub(crate) async fn pending_ones_are_counted(backend: &dyn Backend) {
    let store = founded(backend).await;
    for n in 1..=3 {
        insert(&*store, n).await;
    }
    store.insert_export(environment(ELSEWHERE), &export(4), &unkept).await.expect("stored");
    assert!(store.set_export_state(export(1).id, Pending, Error, time(5)).await.expect("moved"));
    assert_eq!(store.pending_exports(environment(HERE)).await.expect("a count"), 2);
    assert_eq!(store.pending_exports(environment(ELSEWHERE)).await.expect("a count"), 1);
}
