//! Bodies of refusals (wire contract §10). Every one is an object with a `message`; none has an `error` member but [`BadRequest`],
//! because clients take that member for a login failure.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::{FieldErrors, Violation};

/// What went wrong, for people, with a code for programs where the contract names one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorMessage {
    #[schema(example = "Organization not found: 'org_01EHQMYV6MBK39QC5PZXHY59C3'.")]
    pub message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "entity_not_found")]
    pub code: Option<Cow<'static, str>>,
    /// What was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub entity_id: Option<String>,
    /// The wrong fields, where they can be named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// The body has the wrong shape: each wrong field by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidationFailed {
    #[schema(example = "Validation failed.")]
    pub message: Cow<'static, str>,
    pub errors: Vec<FieldProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Path of the field, with dots.
    #[schema(example = "event.action")]
    pub field: String,
    /// `required`, or a sentence.
    #[schema(example = "required")]
    pub code: String,
}

/// The event does not match its action's schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvalidAuditEvent {
    #[schema(example = "Invalid Audit Log event.")]
    pub message: Cow<'static, str>,
    #[schema(example = "invalid_audit_log_event")]
    pub code: Cow<'static, str>,
    pub errors: Vec<BrokenRule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrokenRule {
    /// JSON pointer into the event.
    #[serde(rename = "instancePath")]
    #[schema(example = "/targets/0/type")]
    pub instance_path: String,
    pub message: String,
}

super::constant!(BadRequestTag, "Bad Request");

/// The variant of a 400 whose `message` is a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BadRequest {
    pub message: Vec<String>,
    #[schema(inline)]
    pub error: BadRequestTag,
}

/// How an endpoint complains about a body of the wrong shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidBody {
    /// 422.
    Fields(ValidationFailed),
    /// 400 with a code.
    Coded(ErrorMessage),
    /// 400 with a list of messages.
    Messages(BadRequest),
}

impl ErrorMessage {
    #[must_use]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), code: None, entity_id: None, errors: Vec::new() }
    }
    #[must_use]
    pub fn coded(message: impl Into<Cow<'static, str>>, code: &'static str) -> Self {
        Self { code: Some(code.into()), ..Self::new(message) }
    }
}

impl ValidationFailed {
    #[must_use]
    pub fn new(errors: FieldErrors) -> Self {
        Self { message: "Validation failed.".into(), errors: problems(errors) }
    }
}

impl InvalidAuditEvent {
    #[must_use]
    pub fn new(violations: Vec<Violation>) -> Self {
        let errors = violations.into_iter().map(|v| BrokenRule { instance_path: v.instance_path, message: v.message });
        Self { message: "Invalid Audit Log event.".into(), code: "invalid_audit_log_event".into(), errors: errors.collect() }
    }
}

impl BadRequest {
    /// One sentence per wrong field.
    #[must_use]
    pub fn new(errors: FieldErrors) -> Self {
        let sentence = |problem: FieldProblem| match problem.code.as_str() {
            "required" => format!("{} should not be empty", problem.field),
            _ => problem.code,
        };
        Self { message: problems(errors).into_iter().map(sentence).collect(), error: BadRequestTag::Is }
    }
}

pub(super) fn problems(errors: FieldErrors) -> Vec<FieldProblem> {
    errors.into_vec().into_iter().map(|e| FieldProblem { field: e.field, code: e.code }).collect()
}
