//! The Events API: the environment's feed, and publishing into it.

use annals_core::ids::FeedEventId;
use annals_core::record::{EventName, FeedEvent};
use annals_core::time::Micros;
use annals_core::wire::{self, List, OneOrMany, Receipt, Timestamp};
use annals_engine::feed::{FeedQuery, Names, PublishReceipt};
use annals_engine::tenants::EnvironmentScope;
use annals_engine::{Engine, ListQuery, Order, Page};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;

use super::App;
use super::answer::Answer;
use super::auth::EnvironmentCaller;
use super::body::JsonBody;
use super::documented::{BodyRefusals, EnvironmentOnly, IdempotencyHeader, NotFound, Refusals};
use super::idempotency::IdempotencyKey;
use super::problem::Problem;
use super::query::{Parameters, list};
use crate::config::EventsOrder;

/// Names in one filter.
const NAMES_MAX: usize = 1000;
/// Stands for every name.
const EVERY_NAME: &str = "*";
const MILLISECOND_MICROS: i64 = 1000;

/// Query parameters of the feed.
pub struct FeedParameters(pub FeedQuery);

/// One page of the feed, for `GET /events`.
pub async fn page(
    app: &App,
    scope: &EnvironmentScope,
    FeedParameters(query): FeedParameters,
) -> Result<List<wire::Event>, Problem> {
    let Page { items, before, after } = app.engine().feed().events(scope, &query).await?;
    let items = items.iter().map(to_wire).collect::<Result<Vec<_>, _>>().map_err(Problem::internal)?;
    Ok(list(Page { items, before, after }, |event| event))
}

/// Publish events
///
/// One event, or an array of up to 1,000: all of them are published, or none. Answers when they are durable. With an idempotency key an
/// event is published once within 24 hours; the key of the header counts for an object, and as `key/index` for the items of an array that
/// have none of their own.
#[utoipa::path(
    post, path = "/v1/events", operation_id = "publish_events", tag = "events",
    params(IdempotencyHeader),
    request_body = OneOrMany<wire::PublishEvent>,
    responses(
        (status = 200, description = "The event was published before with the same key", body = wire::Receipt),
        (status = 201, description = "Published: one receipt for an object, a list of them for an array", body = wire::Published),
        Refusals, EnvironmentOnly, NotFound, BodyRefusals
    )
)]
pub async fn publish(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    key: IdempotencyKey,
    JsonBody(events): JsonBody<OneOrMany<wire::PublishEvent>>,
) -> Result<Answer, Problem> {
    let (mut events, is_array) = events.into_vec();
    for (index, event) in events.iter_mut().enumerate() {
        event.idempotency_key = event.idempotency_key.take().or_else(|| key.of_item(index, is_array));
    }
    let published = engine.feed().publish(&caller.scope, events).await.map_err(Problem::publish(is_array))?;
    Ok(Answer::published(published.into_iter().map(receipt).collect(), is_array))
}

fn receipt(published: PublishReceipt) -> Receipt {
    match published {
        PublishReceipt::Stored(id) => Receipt::Stored { id: id.to_string() },
        PublishReceipt::Replayed => Receipt::Replayed,
    }
}

fn to_wire(event: &FeedEvent) -> Result<wire::Event, serde_json::Error> {
    Ok(wire::Event {
        object: Default::default(),
        id: event.id.to_string(),
        event: event.event.name.to_string(),
        data: serde_json::from_str(event.event.data.as_str())?,
        created_at: Timestamp(event.received_at),
        context: event.event.context.as_ref().map(|context| serde_json::from_str(context.as_str())).transpose()?,
    })
}

impl FromRequestParts<App> for FeedParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let parameters = Parameters::of(parts);
        let names = names(&parameters.list("events"))?;
        // Long-lived consumers were written against a service that ignores the order, and newer clients send one that nobody asked for.
        let order = match app.config().events_order {
            EventsOrder::Live => Order::Asc,
            EventsOrder::Spec => parameters.order()?,
        };
        let organization = parameters.get("organization_id").map(str::parse).transpose();
        let (first, last) = (time(&parameters, ["range_start", "rangeStart"])?, time(&parameters, ["range_end", "rangeEnd"])?);
        Ok(Self(FeedQuery {
            names,
            organization: organization
                .map_err(|_| Problem::wrong_parameter("organization_id", "must be an organization's id"))?,
            received: (first.map(from_millisecond), last.map(to_millisecond)),
            page: ListQuery::<FeedEventId> {
                limit: parameters.limit()?,
                before: parameters.cursor("before")?,
                after: parameters.cursor("after")?,
                order,
            },
        }))
    }
}

fn names(texts: &[&str]) -> Result<Names, Problem> {
    match texts {
        [] => return Err(Problem::no_event_names()),
        texts if texts.contains(&EVERY_NAME) => return Ok(Names::All),
        texts if texts.len() > NAMES_MAX => {
            return Err(Problem::wrong_parameter("events", format_args!("must have at most {NAMES_MAX} names")));
        }
        _ => {}
    }
    let names: Result<Vec<EventName>, _> = texts.iter().map(|text| text.parse()).collect();
    names.map(Names::Any).map_err(|error| Problem::wrong_parameter("events", error))
}

/// Under either spelling: clients of some years wrote the second.
fn time(parameters: &Parameters, names: [&str; 2]) -> Result<Option<Micros>, Problem> {
    let Some((name, text)) = names.into_iter().find_map(|name| Some((name, parameters.get(name)?))) else { return Ok(None) };
    text.parse().map(Some).map_err(|error| Problem::wrong_parameter(name, error))
}

// Ranges compare what answers show, which are whole milliseconds: the time of an event that was read finds that event again.

fn from_millisecond(first: Micros) -> Micros {
    let millis = first.get().div_euclid(MILLISECOND_MICROS) + i64::from(first.get().rem_euclid(MILLISECOND_MICROS) > 0);
    Micros::saturating(millis * MILLISECOND_MICROS)
}

fn to_millisecond(last: Micros) -> Micros {
    Micros::saturating(last.get().div_euclid(MILLISECOND_MICROS) * MILLISECOND_MICROS + MILLISECOND_MICROS - 1)
}
