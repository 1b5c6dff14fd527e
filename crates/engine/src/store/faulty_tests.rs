//! Without faults it is the store underneath; with faults each kind does what it says.

use super::*;
use crate::store::SqliteFile;
use crate::store::conformance::fixtures::{HERE, environment, founded, organization, organization_id};
use crate::store::conformance::{self, Backend};
use crate::store::unkept;

struct FaultyFile(SqliteFile);

#[async_trait]
impl Backend for FaultyFile {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(Faulty::new(self.0.open().await))
    }
}

conformance::suite!(FaultyFile(SqliteFile::new()));

async fn insert(store: &dyn Store, n: u64) -> bool {
    store.insert_organization(environment(HERE), &organization(n), &[], &unkept).await.is_ok()
}

async fn is_there(store: &dyn Store, n: u64) -> bool {
    store.organization(environment(HERE), organization_id(n)).await.expect("read").is_some()
}

#[tokio::test]
async fn a_fault_hits_the_named_call_once() {
    let file = SqliteFile::new();
    for (first, fault) in [(10, Fault::NotStored), (20, Fault::StoredUnanswered)] {
        let store = Faulty::new(founded(&file).await);
        store.arm("insert_organization", 2, fault);
        store.arm("insert_organization", 3, Fault::NotStored);
        assert!(insert(&store, first).await);
        assert!(!store.is_spent());
        assert!(!insert(&store, first + 1).await);
        assert_eq!(is_there(&store, first + 1).await, fault == Fault::StoredUnanswered, "{fault:?}");
        assert!(!insert(&store, first + 2).await && !is_there(&store, first + 2).await);
        assert!(store.is_spent() && insert(&store, first + 3).await && is_there(&store, first).await);
    }
}

#[tokio::test]
#[should_panic = "no call 1 of comit"]
async fn a_misspelt_method_is_noticed() {
    let file = SqliteFile::new();
    Faulty::new(founded(&file).await).arm("comit", 1, FAULTS[0]);
}
