//! Organizations with their domains.

use annals_core::ids::{EnvironmentId, OrganizationId};
use annals_core::record::NewFeedEvent;
use annals_core::time::Micros;
use sqlx::SqliteConnection;

use super::api_keys::keys_of;
use super::error::{store_error, taken};
use super::lists::{in_environment, scan_query, scan_sql};
use super::organization_rows::{organization, retention_period, state_word, strategy_word};
use super::row::{StoredId, json};
use super::{SqliteStore, answers, outbox};
use crate::entities::{Organization, OrganizationFilter};
use crate::page::{ListQuery, Page};
use crate::store::listing::{self, Scan};
use crate::store::{Keep, Leaving, StoreError, Tell, Unique};

const INSERT: &str = "
    INSERT INTO organizations (environment, id, name, search_name, metadata, external_id, stripe_customer_id,
                               allow_profiles_outside_organization, retention_days, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// The revision that was read is part of the condition: of two changes that read the same row, one changes nothing.
const UPDATE: &str = "
    UPDATE organizations
    SET name = ?3, search_name = ?4, metadata = ?5, external_id = ?6, stripe_customer_id = ?7,
        allow_profiles_outside_organization = ?8, retention_days = ?9, created_at = ?10, updated_at = ?11
    WHERE environment = ?1 AND id = ?2 AND updated_at = ?12";

const WHOLE: &str = "SELECT * FROM organizations_whole WHERE environment = ?1 AND id = ?2";

const INSERT_DOMAIN: &str = "
    INSERT INTO organization_domains (environment, domain, id, organization, place, state, strategy, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

impl SqliteStore {
    pub(super) async fn insert_one_organization(
        &self,
        environment: EnvironmentId,
        new: &Organization,
        events: &[NewFeedEvent],
        keep: Keep<'_, Organization>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        bind_members(INSERT, environment, new)?.execute(transaction.connection()).await.map_err(organization_taken)?;
        insert_domains(transaction.connection(), environment, new).await?;
        outbox::put(transaction.connection(), environment, events).await?;
        answers::keep(transaction.connection(), keep(new)).await?;
        transaction.commit().await
    }

    pub(super) async fn organization_by_id(
        &self,
        environment: EnvironmentId,
        id: OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        let statement = in_environment(WHOLE, environment).bind(id.to_stored());
        let row = statement.fetch_optional(&self.readers).await.map_err(store_error)?;
        row.as_ref().map(organization).transpose()
    }

    pub(super) async fn organization_named(
        &self,
        environment: EnvironmentId,
        external_id: &str,
    ) -> Result<Option<Organization>, StoreError> {
        let sql = "SELECT * FROM organizations_whole WHERE environment = ?1 AND external_id = ?2";
        let row = in_environment(sql, environment).bind(external_id).fetch_optional(&self.readers).await.map_err(store_error)?;
        row.as_ref().map(organization).transpose()
    }

    pub(super) async fn organization_page(
        &self,
        environment: EnvironmentId,
        query: &ListQuery<OrganizationId>,
        filter: &OrganizationFilter,
    ) -> Result<Page<Organization, OrganizationId>, StoreError> {
        let domains = (!filter.domains.is_empty()).then(|| json(&filter.domains)).transpose()?;
        let search = filter.search.as_ref().map(|text| text.to_lowercase());
        let scan = |scan: Scan<OrganizationId>| {
            let sql = scan_sql!(
                scan.direction,
                "SELECT * FROM organizations_whole AS o WHERE environment = ?4 AND id > ?1 AND id < ?2
                   AND (?5 IS NULL OR instr(search_name, ?5) > 0)
                   AND (?6 IS NULL OR id IN (SELECT organization FROM organization_domains AS d
                                             WHERE d.environment = ?4 AND d.domain IN (SELECT value FROM json_each(?6))))"
            );
            let statement = scan_query(sql, scan).bind(environment.to_stored()).bind(search.clone()).bind(domains.clone());
            async move {
                let rows = statement.fetch_all(&self.readers).await.map_err(store_error)?;
                rows.iter().map(organization).collect()
            }
        };
        listing::page(query, |found: &Organization| found.id, scan).await
    }

    pub(super) async fn all_retention_periods(&self) -> Result<Vec<(OrganizationId, u32)>, StoreError> {
        let sql = "SELECT id, retention_days FROM organizations WHERE retention_days IS NOT NULL";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await.map_err(store_error)?;
        rows.iter().map(retention_period).collect()
    }

    pub(super) async fn replace_organization(
        &self,
        environment: EnvironmentId,
        new: &Organization,
        read_at: Micros,
        events: &[NewFeedEvent],
    ) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        let statement = bind_members(UPDATE, environment, new)?.bind(read_at.get());
        let done = statement.execute(transaction.connection()).await.map_err(organization_taken)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Taken(Unique::Revision));
        }
        sqlx::query("DELETE FROM organization_domains WHERE organization = ?1")
            .bind(new.id.to_stored())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        insert_domains(transaction.connection(), environment, new).await?;
        outbox::put(transaction.connection(), environment, events).await?;
        transaction.commit().await
    }

    /// Domains and API keys go with it, by their foreign keys.
    pub(super) async fn delete_one_organization(
        &self,
        environment: EnvironmentId,
        id: OrganizationId,
        tell: Tell<'_, Leaving>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let statement = in_environment(WHOLE, environment).bind(id.to_stored());
        let Some(row) = statement.fetch_optional(transaction.connection()).await.map_err(store_error)? else {
            return Ok(false);
        };
        let leaving =
            Leaving { organization: organization(&row)?, api_keys: keys_of(transaction.connection(), environment, id).await? };
        let events = tell(&leaving)?;
        in_environment("DELETE FROM organizations WHERE environment = ?1 AND id = ?2", environment)
            .bind(id.to_stored())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        outbox::put(transaction.connection(), environment, &events).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn bind_members(
    sql: &'static str,
    environment: EnvironmentId,
    new: &Organization,
) -> Result<sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>, StoreError> {
    Ok(in_environment(sql, environment)
        .bind(new.id.to_stored())
        .bind(new.name.clone())
        .bind(new.name.to_lowercase())
        .bind(json(&new.metadata)?)
        .bind(new.external_id.clone())
        .bind(new.stripe_customer_id.clone())
        .bind(new.allow_profiles_outside_organization)
        .bind(new.retention_days)
        .bind(new.created_at.get())
        .bind(new.updated_at.get()))
}

async fn insert_domains(
    connection: &mut SqliteConnection,
    environment: EnvironmentId,
    new: &Organization,
) -> Result<(), StoreError> {
    for (place, domain) in (0i64..).zip(&new.domains) {
        // One by one: the error does not say which value is taken.
        in_environment(INSERT_DOMAIN, environment)
            .bind(domain.domain.as_str())
            .bind(domain.id.to_stored())
            .bind(new.id.to_stored())
            .bind(place)
            .bind(state_word(domain.state))
            .bind(domain.strategy.map(strategy_word))
            .bind(domain.created_at.get())
            .bind(domain.updated_at.get())
            .execute(&mut *connection)
            .await
            .map_err(|error| taken(error, |_| Some(Unique::Domain(domain.domain.clone()))))?;
    }
    Ok(())
}

fn organization_taken(error: sqlx::Error) -> StoreError {
    taken(error, |columns| match columns {
        "organizations.environment, organizations.external_id" => Some(Unique::ExternalId),
        "organizations.environment, organizations.stripe_customer_id" => Some(Unique::StripeCustomerId),
        _ => None,
    })
}
