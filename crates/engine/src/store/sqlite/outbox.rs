//! Events that wait for the commit log. They are put here by the transactions of the changes that they tell of.

use annals_core::ids::EnvironmentId;
use annals_core::record::{NewFeedEvent, ObjectText};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::error::{store_error, unavailable};
use super::lists::in_environment;
use super::row::{Columns, StoredId, signed};
use crate::store::{OutboxEvent, StoreError};

/// Events that may wait. It only fills while the commit log takes no records; changes are refused then.
const EVENTS_MAX: i64 = 100_000;

/// Places rise by one and are cleared from the front, so the difference of the ends is the number of rows.
const LENGTH: &str = "SELECT coalesce((SELECT max(place) FROM outbox) - (SELECT min(place) FROM outbox) + 1, 0) AS length";

const INSERT: &str = "INSERT INTO outbox (environment, organization, name, data, context) VALUES (?1, ?2, ?3, ?4, ?5)";

/// Part of the transaction that makes the change.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    environment: EnvironmentId,
    events: &[NewFeedEvent],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let row = sqlx::query(LENGTH).fetch_one(&mut *connection).await.map_err(store_error)?;
    if Columns::new("outbox", &row).get::<i64>("length")? >= EVENTS_MAX {
        return Err(unavailable("too many events of earlier changes wait for the commit log"));
    }
    for event in events {
        in_environment(INSERT, environment)
            .bind(event.organization.map(StoredId::to_stored))
            .bind(event.name.as_str())
            .bind(event.data.as_str())
            .bind(event.context.as_ref().map(ObjectText::as_str))
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

impl SqliteStore {
    pub(super) async fn waiting_events(&self, limit: u32) -> Result<Vec<OutboxEvent>, StoreError> {
        let statement = sqlx::query("SELECT * FROM outbox ORDER BY place LIMIT ?1").bind(limit);
        let rows = statement.fetch_all(&self.readers).await.map_err(store_error)?;
        rows.iter().map(waiting_event).collect()
    }

    pub(super) async fn delete_events_through(&self, through: u64) -> Result<(), StoreError> {
        self.writer.execute(sqlx::query("DELETE FROM outbox WHERE place <= ?1").bind(signed(through)?)).await?;
        Ok(())
    }
}

fn waiting_event(row: &SqliteRow) -> Result<OutboxEvent, StoreError> {
    let columns = Columns::new("outbox", row);
    let object = |column, text: &str| ObjectText::from_stored(text).ok_or_else(|| columns.damaged(column));
    let event = NewFeedEvent {
        organization: columns.optional_id("organization")?,
        name: columns.get::<&str>("name")?.parse().map_err(|_| columns.damaged("name"))?,
        data: object("data", columns.get("data")?)?,
        context: columns.get::<Option<&str>>("context")?.map(|text| object("context", text)).transpose()?,
    };
    Ok(OutboxEvent { place: columns.get("place")?, environment: columns.id("environment")?, event })
}
