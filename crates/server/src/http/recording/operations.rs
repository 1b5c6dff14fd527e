//! What each operation of the API is called in the API-request log, and when a request to it gets an entry. One row for every operation
//! that needs a key; a test holds the table against the OpenAPI document.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::Method;

/// One operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    method: &'static str,
    route: &'static str,
    /// Readers of the log filter by it: never changes.
    pub action: &'static str,
    pub kind: Kind,
    pub target: Target,
}

/// When a request gets an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Always: it changes something, or takes data out.
    Always,
    /// When the answer holds a link to a file: whoever has it can take data out.
    Link,
    /// When `record_reads` is set: it changes nothing.
    Read,
    /// Never: the records that it brings are their own trace, and they come thousands a second.
    Ingestion,
}

/// Where the id of the thing that a request is about stands, and what kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    None,
    /// The parameter of the path.
    Path(&'static str),
    /// Member `id` of the answer.
    Answer(&'static str),
}

const ORGANIZATION: &str = "organization";
const EXPORT: &str = "audit_log_export";
const ACTION: &str = "audit_log_action";
const API_KEY: &str = "api_key";

const fn always(method: &'static str, route: &'static str, action: &'static str, target: Target) -> Operation {
    Operation { method, route, action, kind: Kind::Always, target }
}
const fn read(method: &'static str, route: &'static str, action: &'static str, target: Target) -> Operation {
    Operation { method, route, action, kind: Kind::Read, target }
}
const fn link(route: &'static str, action: &'static str, target: Target) -> Operation {
    Operation { method: "GET", route, action, kind: Kind::Link, target }
}
const fn ingestion(route: &'static str, action: &'static str) -> Operation {
    Operation { method: "POST", route, action, kind: Kind::Ingestion, target: Target::None }
}

const OPERATIONS: &[Operation] = &[
    ingestion("/audit_logs/events", "audit_log_event.create"),
    ingestion("/v1/audit_log_events/batch", "audit_log_event.create_batch"),
    ingestion("/events", "audit_trail_event.create"),
    ingestion("/legacy/events", "audit_trail_event.create"),
    ingestion("/v1/events", "event.create"),
    ingestion("/v1/audit_logs", "api_request.create"),
    always("POST", "/audit_logs/exports", "audit_log_export.create", Target::Answer(EXPORT)),
    link("/audit_logs/exports/{id}", "audit_log_export.link", Target::Path(EXPORT)),
    // Needs no key, but a link.
    always("GET", "/audit_logs/exports/{id}/download", "audit_log_export.download", Target::Path(EXPORT)),
    always("POST", "/audit_logs/actions/{action}/schemas", "audit_log_schema.create", Target::Path(ACTION)),
    always("POST", "/organizations", "organization.create", Target::Answer(ORGANIZATION)),
    always("PUT", "/organizations/{id}", "organization.update", Target::Path(ORGANIZATION)),
    always("DELETE", "/organizations/{id}", "organization.delete", Target::Path(ORGANIZATION)),
    always("DELETE", "/Organizations/{id}", "organization.delete", Target::Path(ORGANIZATION)),
    always("PUT", "/organizations/{id}/audit_logs_retention", "audit_logs_retention.update", Target::Path(ORGANIZATION)),
    always("POST", "/v1/audit_log_events/purge", "audit_log_event.purge", Target::None),
    always("POST", "/organizations/{id}/api_keys", "api_key.create", Target::Answer(API_KEY)),
    always("POST", "/api_keys/{id}/expire", "api_key.expire", Target::Path(API_KEY)),
    always("DELETE", "/api_keys/{id}", "api_key.delete", Target::Path(API_KEY)),
    // A POST that changes nothing; applications send one for each request of their own.
    read("POST", "/api_keys/validations", "api_key.validate", Target::None),
    read("GET", "/audit_logs/actions", "audit_log_action.list", Target::None),
    read("GET", "/audit_logs/actions/{action}/schemas", "audit_log_schema.list", Target::Path(ACTION)),
    read("GET", "/organizations", "organization.list", Target::None),
    read("GET", "/organizations/{id}", "organization.get", Target::Path(ORGANIZATION)),
    read("GET", "/organizations/external_id/{external_id}", "organization.get", Target::Answer(ORGANIZATION)),
    read("GET", "/organizations/{id}/audit_logs_retention", "audit_logs_retention.get", Target::Path(ORGANIZATION)),
    read("GET", "/organizations/{id}/audit_log_configuration", "audit_log_configuration.get", Target::Path(ORGANIZATION)),
    read("GET", "/organizations/{id}/api_keys", "api_key.list", Target::Path(ORGANIZATION)),
    read("GET", "/events", "event.list", Target::None),
    read("GET", "/legacy/events", "audit_trail_event.list", Target::None),
    read("GET", "/v1/audit_log_events", "audit_log_event.list", Target::None),
    read("GET", "/v1/audit_log_events/{id}", "audit_log_event.get", Target::Path("audit_log_event")),
    read("GET", "/v1/audit_log_events/tail", "audit_log_event.tail", Target::None),
    read("GET", "/v1/audit_log_events/stats", "audit_log_event.stats", Target::None),
    read("GET", "/v1/audit_logs", "api_request.list", Target::None),
    read("GET", "/v1/audit_logs/{id}", "api_request.get", Target::Path("api_request")),
];

impl Operation {
    /// `route` is the router's template.
    pub fn of(method: &Method, route: &str) -> Option<&'static Self> {
        static BY_ROUTE: LazyLock<HashMap<&str, Vec<&Operation>>> = LazyLock::new(|| {
            let mut by_route: HashMap<_, Vec<_>> = HashMap::new();
            OPERATIONS.iter().for_each(|operation| by_route.entry(operation.route).or_default().push(operation));
            by_route
        });
        BY_ROUTE.get(route)?.iter().find(|operation| operation.method == method.as_str()).copied()
    }

    /// Whether the path names an organization.
    pub fn names_organization(&self) -> bool {
        self.route.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("/organizations/"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Method and route of every documented operation that needs a key.
    fn documented() -> Vec<(Method, String)> {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        let mut operations = Vec::new();
        for (route, item) in document["paths"].as_object().unwrap() {
            let closed = |operation: &Value| operation.get("security").is_none_or(|s| s != &json!([{}]) && s != &json!([]));
            let methods = item.as_object().unwrap().iter().filter(|(_, operation)| closed(operation));
            operations.extend(methods.map(|(method, _)| (method.to_uppercase().parse().unwrap(), route.clone())));
        }
        operations
    }

    #[test]
    fn every_documented_operation_has_a_name() {
        let unnamed: Vec<_> = documented().into_iter().filter(|(method, route)| Operation::of(method, route).is_none()).collect();
        assert!(unnamed.is_empty(), "operations without a row in the table: {unnamed:?}");
    }

    #[test]
    fn what_changes_something_is_recorded() {
        for operation in OPERATIONS.iter().filter(|operation| operation.method != "GET") {
            let exempt = operation.kind == Kind::Ingestion || operation.action == "api_key.validate";
            assert_eq!(operation.kind == Kind::Always, !exempt, "{operation:?}");
        }
    }

    #[test]
    fn names_are_a_thing_and_a_verb() {
        for operation in OPERATIONS {
            let (thing, verb) = operation.action.split_once('.').unwrap();
            let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(word(thing) && word(verb), "{operation:?}");
            let same = OPERATIONS.iter().filter(|other| (other.method, other.route) == (operation.method, operation.route));
            assert_eq!(same.count(), 1, "{operation:?}");
        }
    }
}
