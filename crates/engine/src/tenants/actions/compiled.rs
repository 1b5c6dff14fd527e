//! A schema version made ready to check events (wire contract §1, "Schema semantics").

use annals_core::event::{EventRules, MetadataText, NormalEvent, Violation};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::{SchemaError, bounds};
use crate::entities::{NewSchema, TargetSchema};

/// Compiled size of one regular expression. The engine behind it takes time linear in the text, whatever the expression.
const PATTERN_BYTES_MAX: usize = 128 * 1024;
/// More violations than this help nobody.
const VIOLATIONS_MAX: usize = 20;

/// Declared target types must occur; metadata is checked where a schema was declared for it, as `{}` when the event has none.
#[derive(Debug)]
pub struct CompiledSchema {
    actor: Option<Validator>,
    targets: Vec<CompiledTarget>,
    metadata: Option<Validator>,
    weight: u32,
}

#[derive(Debug)]
struct CompiledTarget {
    kind: String,
    metadata: Option<Validator>,
}

impl CompiledSchema {
    /// # Errors
    /// `Invalid`, naming the first metadata schema that does not compile.
    pub(super) fn compile(schema: &NewSchema) -> Result<Self, SchemaError> {
        let bytes = serde_json::to_vec(schema).map_or(usize::MAX, |text| text.len());
        if bytes > bounds::BYTES_MAX {
            return Err(SchemaError::Invalid {
                field: "schema".to_owned(),
                reason: format!("must not be larger than {} bytes", bounds::BYTES_MAX),
            });
        }
        let compile_target = |(i, target): (usize, &TargetSchema)| {
            let metadata = compile(target.metadata.as_ref(), || format!("targets.{i}.metadata"))?;
            Ok(CompiledTarget { kind: target.kind.clone(), metadata })
        };
        Ok(Self {
            actor: compile(schema.actor_metadata.as_ref(), || "actor.metadata".to_owned())?,
            targets: schema.targets.iter().enumerate().map(compile_target).collect::<Result<_, SchemaError>>()?,
            metadata: compile(schema.metadata.as_ref(), || "metadata".to_owned())?,
            weight: u32::try_from(bytes).unwrap_or(u32::MAX),
        })
    }

    /// Grows with the memory it takes.
    pub(super) fn weight(&self) -> u32 {
        self.weight
    }
}

impl EventRules for CompiledSchema {
    fn violations(&self, event: &NormalEvent) -> Vec<Violation> {
        let mut found = Vec::new();
        for target in &self.targets {
            if !event.targets.iter().any(|given| given.kind == target.kind) {
                let message = format!("must contain a target of type {:?}", target.kind);
                found.push(Violation { instance_path: "/targets".to_owned(), message });
            }
        }
        check(self.actor.as_ref(), event.actor.metadata.as_ref(), || "/actor/metadata".to_owned(), &mut found);
        for (i, given) in event.targets.iter().enumerate() {
            for target in self.targets.iter().filter(|target| target.kind == given.kind) {
                check(target.metadata.as_ref(), given.metadata.as_ref(), || format!("/targets/{i}/metadata"), &mut found);
            }
        }
        check(self.metadata.as_ref(), event.metadata.as_ref(), || "/metadata".to_owned(), &mut found);
        found.truncate(VIOLATIONS_MAX);
        found
    }
}

fn compile(schema: Option<&Value>, field: impl Fn() -> String) -> Result<Option<Validator>, SchemaError> {
    let Some(schema) = schema else { return Ok(None) };
    let invalid = |reason: String| SchemaError::Invalid { field: field(), reason };
    bounds::check(schema).map_err(invalid)?;
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    let validator = jsonschema::options().offline().with_pattern_options(patterns).build(schema);
    validator.map(Some).map_err(|error| invalid(format!("must be a JSON Schema: {error}")))
}

fn check(validator: Option<&Validator>, metadata: Option<&MetadataText>, path: impl Fn() -> String, found: &mut Vec<Violation>) {
    let Some(validator) = validator else { return };
    let given = metadata.map_or_else(|| Value::Object(serde_json::Map::new()), MetadataText::to_value);
    if validator.is_valid(&given) {
        return;
    }
    found.extend(
        validator
            .iter_errors(&given)
            .take(VIOLATIONS_MAX)
            .map(|error| Violation { instance_path: format!("{}{}", path(), error.instance_path()), message: error.to_string() }),
    );
}

#[cfg(test)]
#[path = "compiled_tests.rs"]
mod tests;
