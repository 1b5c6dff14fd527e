//! The API-request log (wire contract §8): one entry for each request that somebody made to an API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::read::{Fields, FromBody};
use super::time::{Moment, Timestamp};
use crate::json::Json;
use crate::limits::{
    ACTION_CHARS_MAX, CLIENT_IP_CHARS_MAX, CONTEXT_CHARS_MAX, IDEMPOTENCY_KEY_BYTES_MAX, METHOD_CHARS_MAX, NAME_CHARS_MAX,
    STATUS_CODE_MAX, STATUS_CODE_MIN, URL_PATH_CHARS_MAX,
};

/// One request that somebody made, as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiRequest {
    #[schema(example = "api_request_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub id: String,
    /// What the request does, whatever its path.
    #[schema(example = "organization.create")]
    pub action: String,
    pub actor: ApiRequestActor,
    #[schema(example = "203.0.113.7")]
    pub client_ip: String,
    #[schema(inline)]
    pub created_at: Timestamp,
    /// In upper case.
    #[schema(example = "POST")]
    pub method: String,
    /// Without a query.
    #[schema(example = "/organizations")]
    pub path: String,
    #[schema(example = 201)]
    pub status_code: u16,
    /// Empty when the request had none: the official clients expect a text.
    pub user_agent: String,
    /// What was made, changed or read.
    #[schema(required)]
    pub target: Option<ApiRequestTarget>,
    /// The organization that the request is about; `null` when it is about none.
    #[serde(default)]
    #[schema(required, example = "org_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub organization_id: Option<String>,
}

/// Who made the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiRequestActor {
    #[schema(min_length = 1, max_length = 1024, example = "api_key_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub id: String,
    #[serde(default)]
    #[schema(max_length = 1024, example = "Production API key")]
    pub name: Option<String>,
    #[serde(rename = "type")]
    #[schema(inline)]
    pub kind: ApiRequestActorType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiRequestActorType {
    User,
    ApiKey,
}

/// What a request was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiRequestTarget {
    #[schema(min_length = 1, max_length = 1024, example = "org_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 1024, example = "organization")]
    pub kind: String,
}

/// One page of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiRequests {
    pub items: Vec<ApiRequest>,
    pub pagination: Pagination,
}

/// Where the neighbouring pages are: `null`, never an empty text, when there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pagination {
    #[schema(required)]
    pub next_cursor: Option<String>,
    #[schema(required)]
    pub previous_cursor: Option<String>,
    /// Entries that match the filters, on all pages.
    pub total_count: u64,
}

/// A request that somebody made to an application, to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreateApiRequest {
    #[schema(min_length = 1, max_length = 256, example = "project.create")]
    pub action: String,
    pub actor: ApiRequestActor,
    /// An address in any form.
    #[schema(min_length = 1, max_length = 64, example = "203.0.113.7")]
    pub client_ip: String,
    /// Kept in upper case.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z]+$", example = "POST")]
    pub method: String,
    /// As it was sent: leave the query out when it may hold secrets.
    #[schema(min_length = 1, max_length = 4096, example = "/projects")]
    pub path: String,
    #[schema(minimum = 100, maximum = 599, example = 201)]
    pub status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096)]
    pub user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<ApiRequestTarget>,
    /// Must exist. Keys of that organization see the entry then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024)]
    pub organization_id: Option<String>,
    /// Absent: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub created_at: Option<Moment>,
    /// The same entry with the same key is kept once within 24 hours. Wins over the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 512)]
    pub idempotency_key: Option<String>,
}

impl FromBody for CreateApiRequest {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        let action = body.text("action", ACTION_CHARS_MAX);
        let actor = actor(body);
        let client_ip = body.text("client_ip", CLIENT_IP_CHARS_MAX);
        let method = method(body);
        let path = body.text("path", URL_PATH_CHARS_MAX);
        let status_code = status_code(body);
        // Servers that copy the header send an empty text when there was none.
        let sent = body.get("user_agent").is_some_and(|value| value.as_str() != Some(""));
        let user_agent = if sent { body.optional_text("user_agent", CONTEXT_CHARS_MAX) } else { None };
        let target = target(body);
        let organization_id = body.optional_text("organization_id", NAME_CHARS_MAX);
        let created_at = body.optional_time("created_at").map(Moment);
        let idempotency_key = body.optional_text("idempotency_key", IDEMPOTENCY_KEY_BYTES_MAX);
        Some(Self {
            action: action?,
            actor: actor?,
            client_ip: client_ip?,
            method: method?,
            path: path?,
            status_code: status_code?,
            user_agent,
            target,
            organization_id,
            created_at,
            idempotency_key,
        })
    }
}

fn actor(body: &mut Fields<'_, '_>) -> Option<ApiRequestActor> {
    let Some(value) = body.get("actor") else {
        body.missing("actor");
        return None;
    };
    let mut actor = body.inside("actor", value)?;
    let id = actor.text("id", NAME_CHARS_MAX);
    let kind = match actor.get("type").map(Json::as_str) {
        None => {
            actor.missing("type");
            None
        }
        Some(Some("user")) => Some(ApiRequestActorType::User),
        Some(Some("api_key")) => Some(ApiRequestActorType::ApiKey),
        Some(_) => {
            actor.wrong("type", "must be one of user, api_key");
            None
        }
    };
    let named = actor.get("name").is_some_and(|value| value.as_str() != Some(""));
    let name = if named { actor.optional_text("name", NAME_CHARS_MAX) } else { None };
    Some(ApiRequestActor { id: id?, name, kind: kind? })
}

fn target(body: &mut Fields<'_, '_>) -> Option<ApiRequestTarget> {
    let value = body.get("target")?;
    let mut target = body.inside("target", value)?;
    let (id, kind) = (target.text("id", NAME_CHARS_MAX), target.text("type", NAME_CHARS_MAX));
    Some(ApiRequestTarget { id: id?, kind: kind? })
}

fn method(body: &mut Fields<'_, '_>) -> Option<String> {
    let method = body.text("method", METHOD_CHARS_MAX)?;
    if !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        body.wrong("method", "must be the name of an HTTP method");
        return None;
    }
    Some(method.to_ascii_uppercase())
}

fn status_code(body: &mut Fields<'_, '_>) -> Option<u16> {
    let range = f64::from(STATUS_CODE_MIN)..=f64::from(STATUS_CODE_MAX);
    match body.get("status_code") {
        None => body.missing("status_code"),
        Some(Json::Number(code)) if code.fract() == 0.0 && range.contains(code) => return Some(*code as u16),
        Some(_) => {
            body.wrong("status_code", &format!("must be an integer from {STATUS_CODE_MIN} to {STATUS_CODE_MAX}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::InvalidBody;

    fn body() -> Value {
        json!({
            "action": "project.create", "actor": {"id": "u1", "type": "user", "name": "Ann"}, "client_ip": "203.0.113.7",
            "method": "post", "path": "/projects", "status_code": 201, "user_agent": "curl/8", "target": {"id": "p1", "type": "project"},
            "organization_id": "org_1", "created_at": "2026-01-01T00:00:00Z", "idempotency_key": "k"
        })
    }

    fn read(body: &Value) -> Result<CreateApiRequest, Vec<String>> {
        let read = CreateApiRequest::read(&crate::json::parse(body.to_string().as_bytes()).expect("JSON"));
        read.map_err(|refused| match refused {
            InvalidBody::Fields(refused) => refused.errors.into_iter().map(|error| error.field).collect(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn every_member_is_read() {
        let all = read(&body()).expect("valid");
        assert_eq!((all.method.as_str(), all.status_code, all.actor.kind), ("POST", 201, ApiRequestActorType::User));
        assert_eq!(all.target.map(|target| target.kind).as_deref(), Some("project"));
        assert_eq!(all.created_at.map(|at| at.0.canonical()).as_deref(), Some("2026-01-01T00:00:00.000000Z"));
    }

    #[test]
    fn optional_members_may_be_null_absent_or_empty_where_servers_copy_them() {
        for (name, value) in [
            ("user_agent", json!("")),
            ("user_agent", Value::Null),
            ("target", Value::Null),
            ("organization_id", Value::Null),
            ("created_at", Value::Null),
            ("idempotency_key", Value::Null),
        ] {
            let mut body = body();
            body[name] = value;
            let read = serde_json::to_value(read(&body).expect("valid")).expect("JSON");
            assert_eq!(read.get(name), None, "{name}");
        }
        let mut unnamed = body();
        unnamed["actor"]["name"] = json!("");
        assert_eq!(read(&unnamed).expect("valid").actor.name, None);
    }

    #[test]
    fn wrong_members_are_named() {
        for (pointer, value, field) in [
            ("/action", Value::Null, "action"),
            ("/action", json!("a".repeat(257)), "action"),
            ("/actor", Value::Null, "actor"),
            ("/actor", json!("u1"), "actor"),
            ("/actor/id", Value::Null, "actor.id"),
            ("/actor/type", Value::Null, "actor.type"),
            ("/actor/type", json!("robot"), "actor.type"),
            ("/actor/type", json!(5), "actor.type"),
            ("/actor/name", json!(5), "actor.name"),
            ("/client_ip", json!("1".repeat(65)), "client_ip"),
            ("/client_ip", json!(""), "client_ip"),
            ("/method", json!("GET /"), "method"),
            ("/method", json!(""), "method"),
            ("/method", json!("G".repeat(33)), "method"),
            ("/path", json!("/".repeat(4097)), "path"),
            ("/path", Value::Null, "path"),
            ("/status_code", json!(99), "status_code"),
            ("/status_code", json!(600), "status_code"),
            ("/status_code", json!(200.5), "status_code"),
            ("/status_code", json!("200"), "status_code"),
            ("/status_code", Value::Null, "status_code"),
            ("/user_agent", json!(5), "user_agent"),
            ("/target", json!([]), "target"),
            ("/target/id", Value::Null, "target.id"),
            ("/target/type", json!(""), "target.type"),
            ("/organization_id", json!(5), "organization_id"),
            ("/created_at", json!("soon"), "created_at"),
            ("/idempotency_key", json!("k".repeat(513)), "idempotency_key"),
        ] {
            let mut body = body();
            *body.pointer_mut(pointer).expect("a member") = value;
            assert_eq!(read(&body), Err(vec![field.to_owned()]), "{body}");
        }
    }
}
