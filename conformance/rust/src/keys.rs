//! Organization API keys, and what a stranger sees.

use std::time::Duration;

use workos::api_keys::{CreateOrganizationApiKeyParams, CreateValidationParams, ListOrganizationApiKeysParams};
use workos::organizations::ListOrganizationsParams;
use workos::{Client, CreateOrganizationApiKey, SecretString, ValidateApiKey};

use crate::check::{Checked, eventually, holds, refused, same};
use crate::events::Journey;
use crate::records::record;

pub async fn checked(client: &Client, organization: &str) -> Checked {
    let api = client.api_keys();
    let key = CreateOrganizationApiKey {
        name: "Nightly".to_owned(),
        permissions: Some(vec!["audit-logs:write".to_owned()]),
        expires_at: Some("2099-01-01T00:00:00.000Z".to_owned()),
    };
    let created = api.create_organization_api_key(organization, CreateOrganizationApiKeyParams::new(key)).await?;
    same(
        "api key: name, owner, permissions and end come back",
        (
            created.name.as_str(),
            created.owner.type_.as_str(),
            created.owner.id.as_str(),
            &created.permissions[..],
            created.expires_at.as_deref(),
        ),
        ("Nightly", "organization", organization, &["audit-logs:write".to_owned()][..], Some("2099-01-01T00:00:00.000Z")),
    )?;
    let value = created.value.expose();
    let shown = &created.obfuscated_value;
    let hidden = value.starts_with("sk_") && shown.ends_with(&value[value.len() - 4..]) && !shown.contains(value);
    holds("api key: the value is shown once, its end stays visible", hidden, shown)?;
    let list = async || api.list_organization_api_keys(organization, ListOrganizationApiKeysParams::default()).await;
    let listed: Vec<_> = list().await?.data.into_iter().map(|key| (key.id, key.name)).collect();
    same("api key: list", listed, vec![(created.id.clone(), "Nightly".to_owned())])?;

    let validate = async |value: &str| {
        let body = ValidateApiKey { value: SecretString::new(value) };
        api.create_validation(CreateValidationParams::new(body)).await.map(|answer| answer.api_key.map(|key| key.id))
    };
    same("api key: a good value validates", validate(value).await?, Some(created.id.clone()))?;
    same("api key: a bad value validates to null", validate("sk_nonsense").await?, None::<String>)?;
    api.delete_api_key(&created.id).await?;
    let gone =
        eventually("api key: deleted validates to null", Duration::from_secs(5), async || validate(value).await, Option::is_none)
            .await?;
    same("api key: deleted validates to null", gone, None::<String>)?;
    same("api key: deleted leaves the list", list().await?.data.len(), 0)?;
    refused("api key: unknown id", 404, api.delete_api_key(&created.id).await)?;
    Ok(())
}

pub async fn wrong_key(stranger: &Client, organization: &str, sent: &Journey) -> Checked {
    let list = stranger.organizations().list_organizations(ListOrganizationsParams::default()).await;
    let list = refused("wrong key: list", 401, list)?;
    same("wrong key: the documented text", list.message.as_str(), "Unauthorized")?;
    refused("wrong key: event", 401, record(stranger, organization, &sent.only_required.event, None).await)?;
    Ok(())
}
