//! What must be there before the first event: the first key's scope, the organizations and the schemas.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use annals_core::ids::OrganizationId;
use annals_engine::Engine;
use annals_engine::answers::unkept;
use annals_engine::tenants::{NewOrganization, NewSchema, Scope, TargetSchema};

use crate::bench::generate::Generator;

/// Organizations by their external ids.
pub type Organizations = HashMap<String, OrganizationId>;

/// The external id and the name of the organization without events.
pub const ABSENT: &str = "absent";

pub async fn create(engine: &Engine, scope: &Scope, generator: &Generator) -> Result<Organizations, Box<dyn Error>> {
    let scope = scope.environment()?;
    for schema in generator.schemas() {
        let target = |target: &serde_json::Value| TargetSchema { kind: text(&target["type"]), metadata: None };
        let targets = schema["targets"].as_array().into_iter().flatten().map(target).collect();
        let new = NewSchema { targets, ..NewSchema::default() };
        engine.tenants().create_schema(&scope, &text(&schema["action"]), new, &unkept).await?;
    }
    let mut ids = Organizations::new();
    let named = generator.organizations().iter().map(|made| (made.name.as_str(), made.external_id.as_str()));
    for (name, external_id) in named.chain([(ABSENT, ABSENT)]) {
        let new = NewOrganization {
            name: name.to_owned(),
            domains: Vec::new(),
            metadata: BTreeMap::new(),
            external_id: Some(external_id.to_owned()),
            allow_profiles_outside_organization: false,
        };
        let created = engine.tenants().create_organization(&scope, new, &unkept).await?;
        ids.insert(external_id.to_owned(), created.id);
    }
    Ok(ids)
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
