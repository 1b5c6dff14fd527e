//! What is done with actions and schemas.

use std::sync::Arc;

use annals_core::ids::{ActionId, EnvironmentId, SchemaId};
use annals_core::limits::SCHEMA_VERSION_MAX;

use super::{CompiledSchema, SchemaError};
use crate::entities::{Action, NewSchema, Schema};
use crate::page::{ListQuery, Order, Page};
use crate::store::{Keep, StoreError};
use crate::tenants::{EnvironmentScope, Tenants};

impl Tenants {
    /// Appends the next version, creating the action when it is new.
    ///
    /// # Errors
    /// A metadata schema does not compile, there are too many versions, or the store fails. Nothing is stored.
    pub async fn create_schema(
        &self,
        scope: &EnvironmentScope,
        action: &str,
        new: NewSchema,
        keep: Keep<'_, Schema>,
    ) -> Result<Schema, SchemaError> {
        // What is stored must compile whenever events come. Compiling may take milliseconds, so it does not hold up other requests.
        let compiling = tokio::task::spawn_blocking(move || CompiledSchema::compile(&new).map(|_| new));
        let new = compiling.await.map_err(|panicked| StoreError::Unavailable(Box::new(panicked)))??;
        self.require_version_left(scope.environment_id(), action).await?;
        let ids = (self.inner().mint.id(ActionId::from_parts)?, self.inner().mint.id(SchemaId::from_parts)?);
        let (environment, now) = (scope.environment_id(), self.inner().clock.now());
        Ok(self.inner().store.insert_schema(environment, action, ids, &new, now, keep).await?)
    }

    /// Concurrent calls may pass together and store a few versions more, which does no harm.
    async fn require_version_left(&self, environment: EnvironmentId, action: &str) -> Result<(), SchemaError> {
        let newest = ListQuery { limit: 1, before: None, after: None, order: Order::Desc };
        let page = self.inner().store.schemas(environment, action, &newest).await?;
        match page.and_then(|page| page.items.into_iter().next()) {
            Some(schema) if schema.version >= SCHEMA_VERSION_MAX => Err(SchemaError::TooManyVersions),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// The store fails.
    pub async fn actions(
        &self,
        scope: &EnvironmentScope,
        query: &ListQuery<ActionId>,
    ) -> Result<Page<Action, ActionId>, StoreError> {
        self.inner().store.actions(scope.environment_id(), query).await
    }

    /// # Errors
    /// There is no such action, or the store fails.
    pub async fn schemas(
        &self,
        scope: &EnvironmentScope,
        action: &str,
        query: &ListQuery<SchemaId>,
    ) -> Result<Page<Schema, SchemaId>, SchemaError> {
        self.inner().store.schemas(scope.environment_id(), action, query).await?.ok_or(SchemaError::NotFound)
    }

    /// What events of an action and version must satisfy. `None`: not configured.
    ///
    /// # Errors
    /// The store fails, or what it holds does not compile.
    pub(crate) async fn rules(
        &self,
        environment: EnvironmentId,
        action: &str,
        version: u32,
    ) -> Result<Option<Arc<CompiledSchema>>, StoreError> {
        let read = async {
            let Some(schema) = self.inner().store.schema(environment, action, version).await? else { return Ok(None) };
            let compiled = CompiledSchema::compile(&schema.body);
            let compiled = compiled
                .map_err(|error| StoreError::Damaged { what: format!("the schema of {action}, version {version}, ({error})") });
            Ok(Some(Arc::new(compiled?)))
        };
        self.inner().rules.find(environment, action, version, read).await
    }
}
