//! An organization from its row. The view `organizations_whole` brings the domains along as JSON, so that one statement, and so one
//! moment, shows all of it.

use annals_core::ids::{DomainId, OrganizationId};
use annals_core::time::Micros;
use serde::Deserialize;
use sqlx::sqlite::SqliteRow;

use super::row::Columns;
use crate::entities::{Domain, DomainState, DomainStrategy, Organization};
use crate::store::StoreError;

#[derive(Deserialize)]
struct DomainColumns {
    id: String,
    domain: String,
    state: String,
    strategy: Option<String>,
    created_at: i64,
    updated_at: i64,
}

pub(super) fn organization(row: &SqliteRow) -> Result<Organization, StoreError> {
    let columns = Columns::new("organizations", row);
    let domains: Vec<DomainColumns> = columns.json("domains")?;
    let domains: Option<Vec<Domain>> = domains.into_iter().map(domain).collect();
    Ok(Organization {
        id: columns.id("id")?,
        name: columns.get("name")?,
        domains: domains.ok_or_else(|| columns.damaged("domains"))?,
        metadata: columns.json("metadata")?,
        external_id: columns.get("external_id")?,
        stripe_customer_id: columns.get("stripe_customer_id")?,
        allow_profiles_outside_organization: columns.get("allow_profiles_outside_organization")?,
        retention_days: columns.get("retention_days")?,
        created_at: columns.time("created_at")?,
        updated_at: columns.time("updated_at")?,
    })
}

pub(super) fn retention_period(row: &SqliteRow) -> Result<(OrganizationId, u32), StoreError> {
    let columns = Columns::new("organizations", row);
    Ok((columns.id("id")?, columns.get("retention_days")?))
}

fn domain(columns: DomainColumns) -> Option<Domain> {
    let mut id = [0; 16];
    hex::decode_to_slice(&columns.id, &mut id).ok()?;
    let strategy = match columns.strategy.as_deref() {
        None => None,
        Some("dns") => Some(DomainStrategy::Dns),
        Some("manual") => Some(DomainStrategy::Manual),
        Some(_) => return None,
    };
    let state = match columns.state.as_str() {
        "failed" => DomainState::Failed,
        "legacy_verified" => DomainState::LegacyVerified,
        "pending" => DomainState::Pending,
        "unverified" => DomainState::Unverified,
        "verified" => DomainState::Verified,
        _ => return None,
    };
    let (created_at, updated_at) = (Micros::new(columns.created_at)?, Micros::new(columns.updated_at)?);
    Some(Domain { id: DomainId::from_bytes(id), domain: columns.domain, state, strategy, created_at, updated_at })
}

pub(super) fn state_word(state: DomainState) -> &'static str {
    match state {
        DomainState::Failed => "failed",
        DomainState::LegacyVerified => "legacy_verified",
        DomainState::Pending => "pending",
        DomainState::Unverified => "unverified",
        DomainState::Verified => "verified",
    }
}

pub(super) fn strategy_word(strategy: DomainStrategy) -> &'static str {
    match strategy {
        DomainStrategy::Dns => "dns",
        DomainStrategy::Manual => "manual",
    }
}
