//! Refusals and parameters that many operations share, for the OpenAPI document.

use annals_core::ids::{AuditEventId, FeedEventId};
use annals_core::limits::{
    API_REQUESTS_DEFAULT, API_REQUESTS_MAX, FEED_NAME_CHARS_MAX, IDEMPOTENCY_KEY_BYTES_MAX, ORGANIZATION_DOMAINS_MAX,
    ORGANIZATION_NAME_CHARS_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX,
};
use annals_core::wire::{self, EVENT_NAMES};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder};
use utoipa::openapi::{
    ContentBuilder, KnownFormat, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{IntoParams, PartialSchema};

use super::audit_log_events::filter::{ENTRIES_MAX, SEARCH_CHARS_MAX};
use super::batch::Atomic;
use super::query::{Cursor, FilterParameters, ListParameters};
use super::trail_query::TrailQuery;

/// Declares a set of refusals: status, description, and the names of the schemas that its body may have.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($status:literal $description:literal $([$($schema:literal),+])?;)+ })+) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl utoipa::IntoResponses for $name {
                fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                    [$(($status, $description, refusals!(@schemas $($($schema),+)?))),+].map(|(status, description, schemas)| {
                        (status.to_string(), $crate::http::documented::response(description, schemas).into())
                    }).into()
                }
            }
        )+
    };
    (@schemas) => { &["ErrorMessage"] as &[&str] };
    (@schemas $($schema:literal),+) => { &[$($schema),+] as &[&str] };
}

pub(super) use refusals;

refusals! {
    /// What may happen to every request.
    Failures {
        500 "The server failed";
        503 "The server cannot answer now. Send the request again after the time in `Retry-After`";
    }
    /// What may happen to every request that needs a key.
    Refusals {
        401 "The API key is missing or not valid";
        429 "Too many requests. Send it again after the time in `Retry-After`";
        500 "The server failed";
        503 "The server cannot answer now. Send the request again after the time in `Retry-After`";
    }
    /// Only keys of the whole environment may do this.
    EnvironmentOnly {
        403 "The API key belongs to one organization";
    }
    NotFound {
        404 "Not there, or not visible to this API key";
    }
    Conflict {
        409 "Something else is in the way";
    }
    WrongParameters {
        422 "A parameter is wrong" ["ValidationFailed"];
    }
    /// Of lists whose wrong parameters are not named one by one.
    WrongQuery {
        400 "A parameter is wrong, or the cursor belongs to another list";
    }
    BodyRefusals {
        400 "The body is not JSON, or the request cannot be processed";
        413 "The body is larger than 1 MiB";
        415 "The body is not JSON";
        422 "The body has the wrong shape" ["ValidationFailed"];
    }
    NoEventNames {
        400 "No event names were given";
    }
    /// Comes after [`BodyRefusals`], whose 400 it replaces.
    ExportRefusals {
        400 "The body has the wrong shape, the range is backwards, or the organization is unknown" ["ErrorMessage", "BadRequest"];
        429 "Too many requests, or too many exports are waiting. Send it again after the time in `Retry-After`";
    }
    BatchRefusals {
        400 "The body is not an array of items, or cannot be decompressed";
        401 "The API key is missing or not valid";
        429 "Too many requests. Send it again after the time in `Retry-After`";
        413 "The body is larger than 16 MiB, before or after decompression, or there are more than 10,000 items";
        415 "The body is neither JSON nor NDJSON, or its encoding is not known";
        422 "A parameter is wrong; or, with `atomic=true`, an item was refused and nothing was stored"
            ["ValidationFailed", "AuditLogEventBatchAnswer"];
        500 "The server failed";
        503 "Not accepting events now. Send the batch again, with the same idempotency keys, after the time in `Retry-After`";
    }
    TrailRefusals {
        400 "The body is not JSON, or the idempotency key was used with another body";
        401 "The API key is missing or not valid";
        429 "Too many requests. Send it again after the time in `Retry-After`";
        413 "The body is larger than 1 MiB";
        415 "The body is not JSON";
        422 "The body has the wrong shape, or the group leads to no organization" ["ValidationFailed"];
        500 "The server failed";
        503 "Not accepting events now. Send the event again, with the same idempotency key, after the time in `Retry-After`";
    }
    EventRefusals {
        400 "The event does not match its action's schema, the action or version is unknown, or the idempotency key was used with another body"
            ["ErrorMessage", "InvalidAuditEvent"];
        401 "The API key is missing or not valid";
        429 "Too many requests. Send it again after the time in `Retry-After`";
        404 "The organization is unknown";
        413 "The body is larger than 1 MiB";
        415 "The body is not JSON";
        422 "The body has the wrong shape" ["ValidationFailed"];
        500 "The server failed";
        503 "Not accepting events now. Send the event again, with the same idempotency key, after the time in `Retry-After`";
    }
}

pub(super) fn response(description: &str, schemas: &[&str]) -> Response {
    let schema: RefOr<Schema> = match schemas {
        [one] => Ref::from_schema_name(*one).into(),
        many => many.iter().fold(AnyOfBuilder::new(), |any, name| any.item(Ref::from_schema_name(*name))).into(),
    };
    ResponseBuilder::new()
        .description(description)
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

/// The `Idempotency-Key` header.
pub struct IdempotencyHeader;

impl IntoParams for IdempotencyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = text().max_length(Some(IDEMPOTENCY_KEY_BYTES_MAX)).examples(["884793cd-bef4-46cf-8790-e3d4957a09ce"]);
        let description =
            "A unique text: the same request with the same key is executed once within 24 hours. Empty counts as absent.";
        let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header).schema(Some(key));
        vec![parameter.description(Some(description)).build()]
    }
}

impl<Id: Cursor> IntoParams for ListParameters<Id> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        list_parameters(Id::PREFIX, Some("desc")).into()
    }
}

/// `prefix` of the ids that are cursors, as a regular expression.
fn list_parameters(prefix: &str, default_order: Option<&str>) -> [Parameter; 4] {
    let cursor = || text().pattern(Some(format!("^{prefix}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$")));
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(f64::from(PAGE_ITEMS_MAX)))
        .default(Some(PAGE_ITEMS_DEFAULT.into()));
    let order = text().enum_values(Some(["normal", "desc", "asc"])).default(default_order.map(Into::into));
    [
        query("limit", limit, "Items of a page"),
        query("before", cursor(), "Only items before this one"),
        query("after", cursor(), "Only items after this one"),
        query(
            "order",
            order,
            "By creation: newest first (`desc`), oldest first (`asc`), or newest first with exchanged cursors (`normal`)",
        ),
    ]
}

/// The query of `GET /events`, which two APIs share.
pub struct EventsParameters;

impl IntoParams for EventsParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let name = text().max_length(Some(FEED_NAME_CHARS_MAX)).examples(EVENT_NAMES);
        let time = || text().examples(["2026-01-15T12:00:00.000Z"]);
        let mut parameters = vec![
            query(
                "events",
                ArrayBuilder::new().items(name).min_items(Some(1)),
                "Names of events: repeated, or separated by commas. `*` is every name; a name that nobody published matches nothing",
            ),
            query("range_start", time(), "Only events from this time on (ISO 8601)"),
            query("range_end", time(), "Only events up to this time (ISO 8601)"),
            query("organization_id", text(), "Only events about this organization"),
        ];
        parameters.extend(list_parameters(&format!("({}|{})", FeedEventId::PREFIX, AuditEventId::PREFIX), None));
        parameters.extend(trail_parameters());
        parameters
    }
}

impl IntoParams for Atomic {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let flag = ObjectBuilder::new().schema_type(Type::Boolean).default(Some(false.into()));
        vec![query("atomic", flag, "If one item is refused, nothing is stored")]
    }
}

impl IntoParams for TrailQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = trail_parameters();
        parameters.extend(list_parameters(AuditEventId::PREFIX, Some("normal")));
        parameters
    }
}

/// The filters of the older Audit Trail API.
fn trail_parameters() -> Vec<Parameter> {
    let texts = || ArrayBuilder::new().items(text()).max_items(Some(ENTRIES_MAX));
    let mut parameters = Vec::new();
    for (name, description) in [
        ("group", "Events of any of these groups"),
        ("action", "Events of any of these actions"),
        ("action_type", "Events of any of these types: `C`, `R`, `U` or `D`, in either case"),
        ("actor_name", "Events by any actor of these names"),
        ("actor_id", "Events by any of these actors"),
        ("target_name", "Events on any target of these names"),
        ("target_id", "Events on any of these targets"),
    ] {
        parameters.push(query(name, texts(), description));
    }
    for (name, description) in [
        ("occurred_at", "Events that happened then, to the millisecond"),
        ("occurred_at_gt", "Events that happened later"),
        ("occurred_at_gte", "Events that happened then or later"),
        ("occurred_at_lt", "Events that happened earlier"),
        ("occurred_at_lte", "Events that happened then or earlier"),
    ] {
        parameters.push(query(name, wire::Moment::schema(), description));
    }
    let search = text().max_length(Some(SEARCH_CHARS_MAX));
    parameters.push(query("search", search, "Part of any text of the event, in upper or lower case"));
    parameters
}

impl IntoParams for FilterParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let domains = ArrayBuilder::new().items(text()).max_items(Some(ORGANIZATION_DOMAINS_MAX));
        let search = text().max_length(Some(ORGANIZATION_NAME_CHARS_MAX));
        vec![
            query("domains", domains, "Organizations with any of these domains: repeated, or separated by commas"),
            query("search", search, "Part of the name"),
        ]
    }
}

/// Parameters of `GET /v1/audit_logs`.
pub struct ApiRequestParameters;

impl IntoParams for ApiRequestParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let integer = |minimum: u32, maximum: u32| {
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(f64::from(minimum))).maximum(Some(f64::from(maximum)))
        };
        let status = || integer(0, u16::MAX.into());
        let time = || text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let limit = integer(1, API_REQUESTS_MAX).default(Some(API_REQUESTS_DEFAULT.into()));
        let sort = text().default(Some("created_at:desc".into())).examples(["status_code:desc,created_at:asc"]);
        vec![
            query("action", text(), "Exactly this action"),
            query("actor_id", text(), "Id of the user or API key"),
            query("actor_type", text().enum_values(Some(["user", "api_key"])), "Kind of actor"),
            query("client_ip", text(), "Exactly this address"),
            query("created_at_min", time(), "At this time or later"),
            query("created_at_max", time(), "At this time or earlier"),
            query("method", text(), "HTTP method, in any case"),
            query("path", text(), "Part of the path, in any case"),
            query("status_code_min", status(), "This status or a higher one"),
            query("status_code_max", status(), "This status or a lower one"),
            query("target_id", text(), "Id of the thing that the request was about"),
            query("target_type", text(), "Type of the thing that the request was about"),
            query("organization_id", text(), "Requests about this organization"),
            query("sort", sort, "`created_at` and `status_code`, each with `:asc` or `:desc`, separated by commas"),
            query("limit", limit, "Items of a page"),
            query("cursor", text(), "`next_cursor` or `previous_cursor` of a page with the same filters and sort"),
        ]
    }
}

pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn query(name: &str, schema: impl Into<RefOr<Schema>>, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .schema(Some(schema))
        .description(Some(description))
        .build()
}
