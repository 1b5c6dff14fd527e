//! The Events API: what the application publishes, and what the server says of its own changes.

use std::collections::HashMap;
use std::time::Duration;

use futures::TryStreamExt;
use serde_json::{Value, json};
use workos::api_keys::{CreateApiKeyExpireParams, CreateOrganizationApiKeyParams};
use workos::events::ListEventsParams;
use workos::organizations::{CreateOrganizationParams, UpdateOrganizationParams};
use workos::{Client, CreateOrganizationApiKey, EventList, EventSchema, ExpireApiKey, PaginationOrder};

use crate::check::{Checked, Difference, eventually, holds, refused, same};
use crate::organizations::{is_id, named, unchanged};

const NAMES: [&str; 2] = ["moon.landed", "moon.left"];
const NO_EVENTS: &str = "One or more event names (e.g. dsync.user.created) must be provided using the events parameter.";
const TOLD_LIMIT: Duration = Duration::from_secs(10);

/// What was published: the id that it got, its name and its data.
struct Published {
    id: String,
    event: &'static str,
    data: Value,
}

pub async fn checked(client: &Client, stranger: &Client, url: &str) -> Checked {
    let organization = organization(client, "Feed").await?.id;
    let sent = publish(url, &organization).await?;
    reading(client, &sent, &organization).await?;
    refusals(client, stranger).await?;
    own_changes(client).await?;
    own_keys(client).await
}

async fn organization(client: &Client, name: &str) -> Checked<workos::Organization> {
    Ok(client.organizations().create_organization(CreateOrganizationParams::new(named(name))).await?)
}

/// This SDK reads the feed only.
async fn publish(url: &str, organization: &str) -> Checked<Vec<Published>> {
    let mut events: Vec<Value> = (0..25)
        .map(|at| json!({ "event": NAMES[at % 2], "data": { "rank": at, "nested": { "a": [true, null, "Ω \"quoted\"\r\n"] } } }))
        .collect();
    events[3]["organization_id"] = json!(organization);
    let key = std::env::var("ANNALS_API_KEY").unwrap_or_default();
    let request = reqwest::Client::new().post(format!("{url}/v1/events")).bearer_auth(key).json(&events);
    let plain = |error: reqwest::Error| Difference(format!("feed: publish: {error}"));
    let answer = request.send().await.map_err(plain)?;
    same("feed: publish", answer.status().as_u16(), 201)?;
    let receipts: Value = serde_json::from_slice(&answer.bytes().await.map_err(plain)?).unwrap_or_default();
    let sent = events.iter().enumerate().map(|(at, event)| Published {
        id: receipts["results"][at]["id"].as_str().unwrap_or_default().to_owned(),
        event: NAMES[at % 2],
        data: event["data"].clone(),
    });
    Ok(sent.collect())
}

/// What this SDK asks for without being told to: ten, and `order=desc`, which must change nothing.
fn asked() -> ListEventsParams {
    ListEventsParams::new(NAMES.map(str::to_owned).to_vec())
}

async fn reading(client: &Client, sent: &[Published], organization: &str) -> Checked {
    let list = async |params| client.events().list_events(params).await;
    let known: Vec<&str> = sent.iter().map(|event| event.id.as_str()).collect();
    let first = list(asked()).await?;
    let seen: Vec<_> = first.data.iter().map(|event| (event.event.as_str(), json!(event.data))).collect();
    let expected: Vec<_> = sent[..10].iter().map(|event| (event.event, event.data.clone())).collect();
    same("feed: ten when no limit is given, oldest first, as they were sent", seen, expected)?;
    same("feed: their ids", ids(&first), &known[..10])?;
    holds(
        "feed: each is an event with an id",
        first.data.iter().all(|event| event.object == "event" && is_id("event_", &event.id)),
        &first,
    )?;
    same("feed: after is the last id", first.list_metadata.after.as_deref(), Some(known[9]))?;
    for order in [None, Some(PaginationOrder::Asc), Some(PaginationOrder::Normal)] {
        let page = list(ListEventsParams { order: order.clone(), ..asked() }).await?;
        same(&format!("feed: the order {order:?} changes nothing"), ids(&page), &known[..10])?;
    }
    let last = list(ListEventsParams { after: Some(known[19].to_owned()), ..asked() }).await?;
    same("feed: the last page", (ids(&last), last.list_metadata.after.as_deref()), (known[20..].to_vec(), None))?;
    let head = list(ListEventsParams { after: Some(known[24].to_owned()), ..asked() }).await?;
    same("feed: at the head there is nothing, and no cursor", (head.data.len(), head.list_metadata.after.as_deref()), (0, None))?;
    for limit in [7, 25] {
        let api = client.events();
        let paged = api.list_events_auto_paging(ListEventsParams { limit: Some(limit), ..asked() });
        let paged: Vec<EventSchema> = paged.try_collect().await?;
        let paged: Vec<_> = paged.iter().map(|event| event.id.as_str()).collect();
        same(&format!("feed: auto paging by {limit} sees every event once, in order, and ends"), paged, &known[..])?;
    }
    let both = ListEventsParams { after: Some(known[2].to_owned()), before: Some(known[6].to_owned()), ..asked() };
    same("feed: before and after together", ids(&list(both).await?), &known[3..6])?;
    let one = ListEventsParams { limit: Some(2), ..ListEventsParams::new(vec!["moon.left".to_owned()]) };
    same("feed: one name", ids(&list(one).await?), [known[1], known[3]])?;
    let mine = ListEventsParams { organization_id: Some(organization.to_owned()), ..asked() };
    same("feed: of an organization", ids(&list(mine).await?), [known[3]])?;
    let range = |start: &str, end: &str| ListEventsParams {
        range_start: Some(start.to_owned()),
        range_end: Some(end.to_owned()),
        limit: Some(100),
        ..asked()
    };
    same("feed: a range that holds everything", ids(&list(range("2026-01-01", "2099-01-01")).await?), &known[..])?;
    let nothing: [&str; 0] = [];
    same("feed: a range before everything", ids(&list(range("2001-01-01", "2002-01-01T00:00:00+02:00")).await?), nothing)
}

fn ids(page: &EventList) -> Vec<&str> {
    page.data.iter().map(|event| event.id.as_str()).collect()
}

async fn refusals(client: &Client, stranger: &Client) -> Checked {
    // No name at all travels as `events=`, which is absent.
    let missing = client.events().list_events(ListEventsParams::new(Vec::new())).await;
    let missing = refused("feed: no names", 400, missing)?;
    same(
        "feed: no names has its code and its sentence",
        (missing.code.as_deref(), missing.message.as_str()),
        (Some("invalid_events_request"), NO_EVENTS),
    )?;
    let wide = client.events().list_events(ListEventsParams { limit: Some(101), ..asked() }).await;
    refused("feed: limit above 100", 422, wide)?;
    let no_date = client.events().list_events(ListEventsParams { range_start: Some("yesterday".to_owned()), ..asked() }).await;
    refused("feed: a range that is no date", 422, no_date)?;
    refused("feed: wrong key", 401, stranger.events().list_events(asked()).await)?;
    Ok(())
}

/// Events of these names about one organization, oldest first; they may come a moment after the change.
async fn told(client: &Client, organization: &str, names: &[&str], count: usize) -> Checked<Vec<EventSchema>> {
    let params = ListEventsParams {
        organization_id: Some(organization.to_owned()),
        ..ListEventsParams::new(names.iter().map(|name| (*name).to_owned()).collect())
    };
    let call = async || client.events().list_events(params.clone()).await;
    let page = eventually(&format!("own: {}", names[0]), TOLD_LIMIT, call, |page| page.data.len() >= count).await?;
    same(&format!("own: {}, how many", names.join(", ")), page.data.len(), count)?;
    Ok(page.data)
}

async fn own_changes(client: &Client) -> Checked {
    let created = organization(client, "Observed").await?;
    let renamed = UpdateOrganizationParams::new(unchanged("Renamed"));
    let renamed = client.organizations().update_organization(&created.id, renamed).await?;
    client.organizations().delete_organization(&created.id).await?;
    let names = ["organization.created", "organization.updated", "organization.deleted"];
    let told = told(client, &created.id, &names, 3).await?;
    same("own: in this order", told.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(), names)?;
    for (event, organization) in told.iter().zip([&created, &renamed, &renamed]) {
        let told: Result<workos::Organization, _> = serde_json::from_value(json!(event.data));
        let told = told.map_err(|error| Difference(format!("own: {} is no organization: {error}", event.event)))?;
        let fields = |of: &workos::Organization| (of.id.clone(), of.name.clone(), of.created_at.clone(), of.updated_at.clone());
        same(&format!("own: {} is the organization", event.event), fields(&told), fields(organization))?;
        holds("own: what has no value is there all the same", event.data.get("external_id") == Some(&Value::Null), &event.data)?;
    }
    let context = told[1].context.clone().unwrap_or_default();
    same("own: an update says what was before", context.get("previous_attributes"), Some(&json!({ "name": "Observed" })))
}

async fn own_keys(client: &Client) -> Checked {
    let organization = organization(client, "With keys").await?.id;
    let body = CreateOrganizationApiKey { name: "Nightly".to_owned(), permissions: None, expires_at: None };
    let key = client.api_keys().create_organization_api_key(&organization, CreateOrganizationApiKeyParams::new(body)).await?;
    let body = ExpireApiKey { expires_at: Some("2099-01-01T00:00:00.000Z".to_owned()) };
    let expired = client.api_keys().create_api_key_expire(&key.id, CreateApiKeyExpireParams::new(body)).await?;
    client.api_keys().delete_api_key(&key.id).await?;
    let names = ["api_key.created", "api_key.updated", "api_key.revoked"];
    let told = told(client, &organization, &names, 3).await?;
    same("own: in this order", told.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(), names)?;
    for (event, end) in told.iter().zip([None, expired.expires_at.as_deref(), expired.expires_at.as_deref()]) {
        let member = |name: &str| event.data.get(name).cloned().unwrap_or_else(|| json!("absent"));
        same(
            &format!("own: {} is the key", event.event),
            ["object", "id", "name", "obfuscated_value", "expires_at", "last_used_at", "created_at"].map(member),
            [
                json!("api_key"),
                json!(key.id),
                json!("Nightly"),
                json!(key.obfuscated_value),
                json!(end),
                Value::Null,
                json!(key.created_at),
            ],
        )?;
        holds("own: the key is not shown", !json!(event.data).to_string().contains(key.value.expose()), &event.id)?;
    }
    let before: HashMap<&str, Value> = HashMap::from([("expires_at", Value::Null)]);
    same("own: an update says what was before", told[1].data.get("previous_attributes"), Some(&json!(before)))
}
