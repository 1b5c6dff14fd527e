//! The parameters of audit events, for the OpenAPI document.

use std::collections::BTreeMap;

use annals_core::counting::{CountedTime, GroupBy, Interval};
use annals_core::limits::{ACTION_CHARS_MAX, CONTEXT_CHARS_MAX, EVENTS_PAGE_DEFAULT, EVENTS_PAGE_MAX, NAME_CHARS_MAX};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Response, ResponseBuilder, SchemaFormat, Type};
use utoipa::{IntoParams, IntoResponses};

use super::cursor::PageParameters;
use super::filter::{ENTRIES_MAX, EventFilter, METADATA_CHARS_MAX, SEARCH_CHARS_MAX};
use super::stats::{CountParameters, TOP_DEFAULT, TOP_MAX};
use super::tail::LastEventId;
use crate::http::documented::{query, refusals, text};

refusals! {
    InvalidCursor {
        400 "The cursor is not one of a list with these filters and this order";
    }
    UnknownEvent {
        400 "There is no event of the last id that this API key can see";
    }
}

/// What HTTP itself refuses: full lists of the longest texts are longer than a URL may be.
pub struct LongUrl;

impl IntoResponses for LongUrl {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let response = ResponseBuilder::new().description("The URL is longer than 64 KiB: ask with fewer entries");
        BTreeMap::from([("414".to_owned(), response.build().into())])
    }
}

impl IntoParams for EventFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let list = |chars_max| ArrayBuilder::new().items(text().max_length(Some(chars_max))).max_items(Some(ENTRIES_MAX));
        let names = || list(NAME_CHARS_MAX);
        let time = || text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let metadata = text().pattern(Some("=")).max_length(Some(METADATA_CHARS_MAX)).examples(["team=platform"]);
        let metadata = ArrayBuilder::new().items(metadata).max_items(Some(ENTRIES_MAX));
        let search = text().max_length(Some(SEARCH_CHARS_MAX));
        vec![
            query("organization_id", text(), "Only events of this organization"),
            query("actions", list(ACTION_CHARS_MAX), "Actions: `user.signed_in`, or `user.*` for all that begin so"),
            query("actor_ids", names(), "Ids of actors"),
            query("actor_names", names(), "Names of actors"),
            query("actor_types", names(), "Types of actors"),
            query("target_ids", names(), "Ids of targets: events with any of them"),
            query("target_types", names(), "Types of targets: events with any of them"),
            query("locations", list(CONTEXT_CHARS_MAX), "Locations, exactly"),
            query("occurred_at_min", time(), "Events that happened at this time or later"),
            query("occurred_at_max", time(), "Events that happened at this time or earlier"),
            query("received_at_min", time(), "Events that were recorded at this time or later"),
            query("received_at_max", time(), "Events that were recorded at this time or earlier"),
            query(
                "metadata",
                metadata,
                "`key=value`, repeated for more: any of the values of one key, and every key. Never split at commas",
            ),
            query("search", search, "Part of any text in the event, in upper or lower case"),
        ]
    }
}

impl IntoParams for PageParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let order = text().enum_values(Some(["desc", "asc"])).default(Some("desc".into()));
        vec![
            query("order", order, "By the time of recording: newest first (`desc`) or oldest first (`asc`)"),
            query("limit", integer(EVENTS_PAGE_MAX, EVENTS_PAGE_DEFAULT), "Events of a page"),
            query("after", text(), "The next page: `after` of a page with the same filters and order"),
            query("before", text(), "The page before: `before` of a page with the same filters and order"),
        ]
    }
}

impl IntoParams for CountParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let one_of = |texts: &[&'static str]| text().enum_values(Some(texts.iter().copied()));
        vec![
            query(
                "interval",
                one_of(Interval::TEXTS).default(Some("day".into())),
                "Length of a bucket, in UTC; weeks begin on Monday",
            ),
            query("group_by", one_of(GroupBy::TEXTS), "What to count by, beside time"),
            query("time", one_of(CountedTime::TEXTS).default(Some("occurred_at".into())), "Which time of an event counts"),
            query("top", integer(TOP_MAX, TOP_DEFAULT), "Groups that are listed: the largest of the whole range"),
        ]
    }
}

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "Id of the last event that was seen; the header counts if both are sent";
        let header = ParameterBuilder::new().name("Last-Event-ID").parameter_in(ParameterIn::Header).schema(Some(text()));
        vec![header.description(Some(description)).build(), query("last_event_id", text(), description)]
    }
}

fn integer(maximum: u32, default: u32) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(f64::from(maximum)))
        .default(Some(default.into()))
}
