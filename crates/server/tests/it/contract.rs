//! Holds every exchange of the tests against the OpenAPI document: a status that it does not list, an answer of another shape, or an
//! accepted body that it forbids fails the test.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::Value;

use crate::server::Reply;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(annals_server::openapi()).unwrap());

pub fn check(method: &Method, path: &str, sent: Option<&str>, reply: &Reply) {
    let Some((template, operation)) = operation(method, path) else {
        assert!(matches!(reply.status.as_u16(), 404 | 405), "{method} {path} is not documented: {reply:?}");
        return;
    };
    let status = reply.status.as_u16();
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{method} {template} does not document {status}: {reply:?}");
    let kind = reply.header("content-type").map(|kind| kind.split(';').next().unwrap_or_default());
    match (kind, response.get("content")) {
        (None, None) => assert!(reply.text.is_empty(), "{method} {template} {status} has a body: {reply:?}"),
        (Some(kind), Some(content)) => {
            let media = content.get(kind).unwrap_or_else(|| panic!("{method} {template} {status} does not document {kind}"));
            if kind == "application/json" {
                conforms(&format!("{template} {method} {status}"), &media["schema"], &reply.body, "the answer");
            }
        }
        _ => panic!("{method} {template} {status}: a body where none is documented, or none where one is: {reply:?}"),
    }
    let body = operation.pointer("/requestBody/content/application~1json/schema");
    if let (true, Some(schema), Some(sent)) = (reply.status.is_success(), body, sent) {
        let sent: Value = serde_json::from_str(if sent.is_empty() { "{}" } else { sent }).unwrap();
        // The older Go client's shape is understood, but nobody should write it today: it is not documented.
        if sent.get("Organization").is_none() {
            conforms(&format!("{template} {method} body"), schema, &sent, "the accepted body");
        }
    }
}

/// The operation of a path: the template with the most literal segments.
fn operation(method: &Method, path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let literal = |template: &str| {
        let parts: Vec<_> = template.trim_start_matches('/').split('/').collect();
        let fits = |(part, segment): (&&str, &&str)| part == segment || (part.starts_with('{') && !segment.is_empty());
        let same = parts.len() == segments.len() && parts.iter().zip(&segments).all(fits);
        same.then(|| parts.iter().filter(|part| !part.starts_with('{')).count())
    };
    let templates = DOCUMENT["paths"].as_object().unwrap();
    let (template, item) =
        templates.iter().filter(|(template, _)| literal(template).is_some()).max_by_key(|(template, _)| literal(template))?;
    Some((template.as_str(), item.get(method.as_str().to_lowercase())?))
}

fn conforms(name: &str, schema: &Value, value: &Value, what: &str) {
    static VALIDATORS: Mutex<Option<HashMap<String, Validator>>> = Mutex::new(None);
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.get_or_insert_default().entry(name.to_owned()).or_insert_with(|| {
        let mut root = schema.clone();
        root["components"] = DOCUMENT["components"].clone();
        jsonschema::validator_for(&root).unwrap_or_else(|error| panic!("{name}: {error}"))
    });
    let errors: Vec<_> = validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {what} does not conform: {errors:?}: {value}");
}
