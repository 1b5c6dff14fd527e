//! The conformance suite, and what only this backend has: files, versions, damage.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::store::conformance::{self, Backend};
use crate::store::{ConnectError, Store, StoreError, connect, unkept};

/// A database in a folder of its own, which goes with it.
pub(crate) struct SqliteFile {
    folder: tempfile::TempDir,
}

impl SqliteFile {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("annals.db")
    }

    async fn try_open(&self) -> Result<Arc<dyn Store>, ConnectError> {
        connect(&format!("sqlite:{}", self.path().display())).await
    }

    /// Runs SQL behind the store's back.
    async fn tamper(&self, sql: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        let mut connection = options.connect().await.expect("connected");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("run");
        connection.close().await.expect("closed");
    }
}

#[async_trait]
impl Backend for SqliteFile {
    async fn open(&self) -> Arc<dyn Store> {
        self.try_open().await.expect("opened")
    }
}

conformance::suite!(SqliteFile::new());

#[tokio::test]
async fn a_newer_database_is_refused_untouched() {
    let file = SqliteFile::new();
    file.open().await.close().await;
    file.tamper("PRAGMA user_version = 99").await;
    let refused = file.try_open().await.err().expect("refused");
    assert_eq!(
        refused.to_string(),
        "the database has version 99, made by a newer annals: run that one, this one knows versions up to 2"
    );
}

#[tokio::test]
async fn files_of_other_programs_are_refused_untouched() {
    let database = SqliteFile::new();
    database.tamper("CREATE TABLE theirs (x)").await;
    let text = SqliteFile::new();
    std::fs::write(text.path(), "dear diary, ".repeat(1000)).expect("written");
    for file in [database, text] {
        let before = std::fs::read(file.path()).expect("read");
        let refused = file.try_open().await.err().expect("refused");
        assert!(matches!(refused, ConnectError::Foreign { .. }), "{refused}");
        assert!(std::fs::read(file.path()).expect("read") == before);
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_made_is_named() {
    let file = SqliteFile::new();
    let path = file.path().join("below/annals.db");
    let refused = connect(&format!("sqlite:{}", path.display())).await.err().expect("refused");
    assert!(matches!(&refused, ConnectError::File { .. }) && refused.to_string().contains("below/annals.db"), "{refused}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let file = SqliteFile::new();
    let store = conformance::fixtures::founded(&file).await;
    let mut seen = 0;
    for entry in std::fs::read_dir(file.folder.path()).expect("a folder") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.metadata().expect("metadata").permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        seen += 1;
    }
    assert_eq!(seen, 3, "the database, its log and the log's index");
    store.close().await;
}

#[tokio::test]
async fn what_cannot_be_ours_is_damage() {
    use conformance::fixtures::{HERE, environment, first, founded, organization, organization_id};
    let file = SqliteFile::new();
    let store = founded(&file).await;
    store.insert_organization(environment(HERE), &organization(1), &[], &unkept).await.expect("stored");
    file.tamper("UPDATE organizations SET metadata = '[1]'").await;
    let refused = store.organization(environment(HERE), organization_id(1)).await;
    assert!(matches!(&refused, Err(StoreError::Damaged { what }) if what.contains("metadata")), "{refused:?}");
    let listed = store.organizations(environment(HERE), &first(9), &crate::entities::OrganizationFilter::default()).await;
    assert!(matches!(listed, Err(StoreError::Damaged { .. })));
}

/// A client hangs up: its call is dropped wherever it happens to wait. The next call must find a clean connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_leaves_nothing_behind() {
    use conformance::fixtures::{HERE, environment, founded, organization, organization_id};
    let file = SqliteFile::new();
    let store = founded(&file).await;
    for n in 0..200 {
        let call = organization(n);
        tokio::select! {
            biased;
            _ = store.insert_organization(environment(HERE), &call, &[], &unkept) => {}
            () = tokio::time::sleep(std::time::Duration::from_micros(n * 10)) => {}
        }
    }
    store.insert_organization(environment(HERE), &organization(1000), &[], &unkept).await.expect("stored");
    for n in (0..200).chain([1000]) {
        let read = store.organization(environment(HERE), organization_id(n)).await.expect("read");
        assert!(read.is_none_or(|whole| whole == organization(n)), "half an organization: {n}");
    }
}

/// The disk is full in the middle of a transaction: SQLite rolls back by itself, and the connection must go on afterwards.
#[tokio::test]
async fn a_full_disk_is_unavailable_and_passes() {
    use conformance::fixtures::{HERE, environment, founded, organization, organization_id};
    let file = SqliteFile::new();
    let store = super::SqliteStore::open(&file.path()).await.expect("opened");
    founded(&file).await.close().await;
    store.run_for_test("PRAGMA max_page_count = 1").await;
    let big = crate::entities::Organization { name: "x".repeat(1 << 20), ..organization(1) };
    for _ in 0..3 {
        let refused = store.insert_organization(environment(HERE), &big, &[], &unkept).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    store.run_for_test("PRAGMA max_page_count = 1000000").await;
    store.insert_organization(environment(HERE), &big, &[], &unkept).await.expect("stored");
    assert_eq!(store.organization(environment(HERE), organization_id(1)).await.expect("read"), Some(big));
}

/// Changes are refused, not lost, while nobody takes their events away.
#[tokio::test]
async fn a_full_outbox_refuses_changes() {
    use conformance::fixtures::{HERE, environment, founded, organization, organization_id, told};
    let file = SqliteFile::new();
    let store = founded(&file).await;
    store.insert_organization(environment(HERE), &organization(1), &[told(1)], &unkept).await.expect("stored");
    file.tamper("INSERT INTO outbox SELECT 100000, environment, organization, name, data, context FROM outbox").await;
    let refused = store.insert_organization(environment(HERE), &organization(2), &[told(2)], &unkept).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.organization(environment(HERE), organization_id(2)).await.expect("read"), None);
    store.clear_outbox(1).await.expect("cleared");
    store.insert_organization(environment(HERE), &organization(2), &[told(2)], &unkept).await.expect("stored");
}

impl super::SqliteStore {
    async fn run_for_test(&self, sql: &'static str) {
        self.writer.execute(sqlx::query(sql)).await.expect("run");
    }
}
