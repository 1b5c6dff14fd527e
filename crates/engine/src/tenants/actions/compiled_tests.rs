//! Which schemas compile, and what they find in an event.

use std::time::{Duration, Instant};

use annals_core::event::NewEvent;
use serde_json::json;

use super::*;
use crate::tenants::TargetSchema;

fn event(parts: &Value) -> NormalEvent {
    let mut event = json!({
        "action": "a", "occurred_at": "2022-08-29T19:47:52Z", "context": {"location": "1.2.3.4"},
        "actor": {"type": "user", "id": "u"}, "targets": [{"type": "team", "id": "t"}],
    });
    for (name, value) in parts.as_object().expect("parts") {
        event[name] = value.clone();
    }
    let body = json!({"organization_id": "org_01EHWNCE74X7JSDV0X3SZ3KJNY", "event": event}).to_string();
    NewEvent::parse(body.as_bytes()).expect("an event").event().clone()
}

fn schema(actor: Option<Value>, targets: &[(&str, Option<Value>)], metadata: Option<Value>) -> NewSchema {
    let targets =
        targets.iter().map(|(kind, metadata)| TargetSchema { kind: (*kind).to_owned(), metadata: metadata.clone() }).collect();
    NewSchema { actor_metadata: actor, targets, metadata }
}

fn check_finds(schema: &NewSchema, parts: Value, paths: &[&str]) {
    let compiled = CompiledSchema::compile(schema).expect("compiles");
    let found = compiled.violations(&event(&parts));
    assert_eq!(found.iter().map(|violation| violation.instance_path.as_str()).collect::<Vec<_>>(), paths, "{parts}: {found:?}");
}

fn role(kind: &str) -> Value {
    json!({"type": "object", "properties": {"role": {"type": kind}}})
}

fn required() -> Value {
    json!({"type": "object", "required": ["role"]})
}

#[test]
fn each_declared_target_type_must_occur() {
    let both = schema(None, &[("team", None), ("user", None)], None);
    check_finds(&both, json!({}), &["/targets"]);
    check_finds(
        &both,
        json!({"targets": [{"type": "user", "id": "1"}, {"type": "team", "id": "2"}, {"type": "other", "id": "3"}]}),
        &[],
    );
    check_finds(&both, json!({"targets": []}), &["/targets", "/targets"]);
    check_finds(&schema(None, &[], None), json!({"targets": []}), &[]);
}

#[test]
fn metadata_is_checked_where_a_schema_was_declared() {
    let everywhere = schema(Some(role("string")), &[("team", Some(role("number")))], Some(role("boolean")));
    let parts = |actor: Value, target: Value, metadata: Value| {
        json!({
            "actor": {"type": "user", "id": "u", "metadata": {"role": actor}},
            "targets": [{"type": "other", "id": "o", "metadata": {"role": target.clone()}}, {"type": "team", "id": "t", "metadata": {"role": target}}],
            "metadata": {"role": metadata},
        })
    };
    check_finds(&everywhere, parts(json!("x"), json!(1.5), json!(true)), &[]);
    check_finds(
        &everywhere,
        parts(json!(1), json!("x"), json!("x")),
        &["/actor/metadata/role", "/targets/1/metadata/role", "/metadata/role"],
    );
    check_finds(&schema(None, &[("team", None)], None), parts(json!(1), json!("x"), json!("x")), &[]);
}

#[test]
fn absent_metadata_counts_as_empty() {
    check_finds(&schema(Some(role("string")), &[("team", Some(role("string")))], Some(role("string"))), json!({}), &[]);
    let strict = schema(Some(required()), &[("team", Some(required()))], Some(required()));
    check_finds(&strict, json!({}), &["/actor/metadata", "/targets/0/metadata", "/metadata"]);
}

#[test]
fn paths_are_json_pointers_and_violations_are_bounded() {
    let names = json!({"type": "object", "additionalProperties": {"type": "number"}});
    let many: serde_json::Map<_, _> = (0..50).map(|n| (format!("k{n:02}"), json!("x"))).collect();
    let compiled = CompiledSchema::compile(&schema(None, &[], Some(names))).expect("compiles");
    let found = compiled.violations(&event(&json!({"metadata": many})));
    assert_eq!((found.len(), found[0].instance_path.as_str()), (VIOLATIONS_MAX, "/metadata/k00"));
}

#[test]
fn useful_schemas_compile() {
    for metadata in [
        json!({}),
        json!({"type": "object", "properties": {}}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://example.com/x", "type": "object"}),
        json!({"$defs": {"name": {"type": "string", "maxLength": 5}}, "properties": {"a": {"$ref": "#/$defs/name"}, "b": {"$ref": "#/$defs/name"}}}),
        json!({"properties": {"$id": {"type": "string"}, "$ref": {"type": "string"}, "id": {"pattern": "^[a-z]{1,64}$"}}}),
        json!({"patternProperties": {"^x-\\w+$": {"enum": ["a", 1, true]}}, "additionalProperties": false}),
        json!({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "if": {"required": ["a"]}, "then": {"maxProperties": 3}}),
    ] {
        let compiled = CompiledSchema::compile(&schema(None, &[], Some(metadata.clone())));
        assert!(compiled.is_ok(), "{metadata}: {compiled:?}");
    }
}

#[test]
fn other_schemas_are_refused_with_their_field() {
    let refused = |schema: NewSchema| match CompiledSchema::compile(&schema) {
        Err(SchemaError::Invalid { field, .. }) => field,
        other => panic!("{schema:?}: {other:?}"),
    };
    let wrong = json!({"type": "strin"});
    assert_eq!(refused(schema(Some(wrong.clone()), &[], None)), "actor.metadata");
    assert_eq!(refused(schema(None, &[("a", None), ("b", Some(wrong.clone()))], None)), "targets.1.metadata");
    assert_eq!(refused(schema(None, &[], Some(json!({"const": "x".repeat(70_000)})))), "schema");
    for metadata in [
        wrong,
        json!(true),
        json!("string"),
        json!([]),
        json!({"$ref": "https://example.com/schema.json"}),
        json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
        json!({"properties": {"a": {"$ref": "#/$defs/missing"}}}),
        json!({"$ref": "#"}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
        json!({"properties": {"a": {"$id": "https://example.com/", "$ref": "#/x"}}}),
        json!({"$schema": "https://example.com/my-meta-schema"}),
        json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
        json!({"$dynamicRef": "#a"}),
        json!({"properties": {"a": {"pattern": "(a"}}}),
        json!({"properties": {"a": {"pattern": "(?=lookahead)"}}}),
        json!({"properties": {"a": {"pattern": "\\p{L}{1000}"}}}),
        json!({"properties": {"a": {"pattern": "((a{1000}){1000}){1000}"}}}),
        json!({"patternProperties": (0..60).map(|n| (format!("^{n}"), json!({}))).collect::<serde_json::Map<_, _>>()}),
        serde_json::from_str(&format!("{}{{}}{}", r#"{"allOf":["#.repeat(10), "]}".repeat(10))).expect("nested"),
        bomb(),
    ] {
        assert_eq!(refused(schema(None, &[], Some(metadata))), "metadata");
    }
}

/// Each definition refers twice to the next: 2^n schemas when all references are followed.
fn bomb() -> Value {
    let twice = |n: u32| json!({"allOf": [{"$ref": format!("#/$defs/{n}")}, {"$ref": format!("#/$defs/{n}")}]});
    let mut definitions: serde_json::Map<_, _> = (0..30).map(|n| (n.to_string(), twice(n + 1))).collect();
    definitions.insert("30".to_owned(), json!({}));
    json!({"$defs": definitions, "$ref": "#/$defs/0"})
}

/// The worst that the bounds let through must neither compile nor run for long.
#[test]
fn the_worst_allowed_schemas_are_quick() {
    let deep = (0..6).fold(json!({}), |inner, _| json!({"allOf": [inner], "unevaluatedProperties": {"type": "string"}}));
    let any = (0..6).fold(json!({"type": "number"}), |inner, _| json!({"anyOf": [inner.clone(), inner]}));
    let patterns: serde_json::Map<_, _> =
        (1..46).map(|n| (format!("^(a|b|ab|[a-z]{{1,{n}}})*c\\w{{0,20}}$"), json!({"type": "string"}))).collect();
    let wide: serde_json::Map<_, _> = (0..2_000).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    let metadata: serde_json::Map<_, _> = (0..50).map(|n| (format!("{}{n}", "ab".repeat(18)), json!("a".repeat(500)))).collect();
    let event = event(&json!({"metadata": metadata}));
    for (name, metadata) in [
        ("deep", deep),
        ("any", any),
        ("patterns", json!({"patternProperties": patterns})),
        ("wide", json!({"properties": wide})),
        ("backtracking", json!({"additionalProperties": {"pattern": "^(a+)+$|(a|aa)+b"}})),
    ] {
        let started = Instant::now();
        let compiled =
            CompiledSchema::compile(&schema(None, &[], Some(metadata))).unwrap_or_else(|error| panic!("{name}: {error}"));
        let compiling = started.elapsed();
        for _ in 0..10 {
            compiled.violations(&event);
        }
        let checking = started.elapsed() - compiling;
        println!("{name}: compiled in {compiling:?}, ten checks in {checking:?}");
        assert!(compiling < Duration::from_secs(5) && checking < Duration::from_secs(5), "{name}");
    }
}
