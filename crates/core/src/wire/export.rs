//! Exports to CSV (wire contract §2).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{BadRequest, InvalidBody};
use super::read::{Fields, FromBody};
use super::time::{Moment, Timestamp};
use crate::event::FieldErrors;
use crate::limits::NAME_CHARS_MAX;

/// Entries of one filter.
const FILTER_ITEMS_MAX: usize = 1000;

super::constant!(ExportTag, "audit_log_export");

/// An export job and, when it is ready, a link to its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Export {
    #[schema(inline)]
    pub object: ExportTag,
    #[schema(example = "audit_log_export_01GBZK5MP7TD1YCFQHFR22180V")]
    pub id: String,
    #[schema(inline)]
    pub state: ExportState,
    /// Only while the state is `ready`. Works for ten minutes and needs no API key; reading the export again gives a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub url: Option<String>,
    #[schema(inline)]
    pub created_at: Timestamp,
    #[schema(inline)]
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportState {
    Pending,
    Ready,
    Error,
    Expired,
}

/// Kinds of filters combine with AND, the entries of one with OR. Both ends of the range are part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreateExport {
    #[schema(min_length = 1, max_length = 1024, example = "org_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub organization_id: String,
    // First and last `occurred_at`.
    #[schema(inline)]
    pub range_start: Moment,
    #[schema(inline)]
    pub range_end: Moment,
    #[schema(schema_with = filter)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// The older spelling of `actor_names`: entries of both count.
    #[schema(schema_with = filter, deprecated)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
    #[schema(schema_with = filter)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actor_names: Vec<String>,
    #[schema(schema_with = filter)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actor_ids: Vec<String>,
    /// Types of targets, not ids.
    #[schema(schema_with = filter)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

fn filter() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    use utoipa::openapi::schema::{ArrayBuilder, SchemaType};
    use utoipa::openapi::{ObjectBuilder, Type};
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(NAME_CHARS_MAX));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(text)
        .max_items(Some(FILTER_ITEMS_MAX))
        .into()
}

impl FromBody for CreateExport {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        let organization_id = body.text("organization_id", NAME_CHARS_MAX);
        let range_start = body.time("range_start");
        let range_end = body.time("range_end");
        let mut list = |name| body.optional_texts(name, FILTER_ITEMS_MAX, NAME_CHARS_MAX).unwrap_or_default();
        let (actions, actors, actor_names) = (list("actions"), list("actors"), list("actor_names"));
        let (actor_ids, targets) = (list("actor_ids"), list("targets"));
        let (range_start, range_end) = (Moment(range_start?), Moment(range_end?));
        Some(Self { organization_id: organization_id?, range_start, range_end, actions, actors, actor_names, actor_ids, targets })
    }

    fn complain(errors: FieldErrors) -> InvalidBody {
        InvalidBody::Messages(BadRequest::new(errors))
    }
}

impl CreateExport {
    /// Everything of this organization in this range, to be narrowed down.
    #[must_use]
    pub fn new(organization_id: impl Into<String>, range_start: impl Into<Moment>, range_end: impl Into<Moment>) -> Self {
        Self {
            organization_id: organization_id.into(),
            range_start: range_start.into(),
            range_end: range_end.into(),
            actions: Vec::new(),
            actors: Vec::new(),
            actor_names: Vec::new(),
            actor_ids: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// The names under both spellings, each once.
    #[must_use]
    pub fn all_actor_names(&self) -> Vec<String> {
        let mut names = self.actor_names.clone();
        names.extend(self.actors.iter().filter(|name| !self.actor_names.contains(name)).cloned());
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<CreateExport, InvalidBody> {
        CreateExport::read(&crate::json::parse(body.as_bytes()).expect("JSON"))
    }

    #[test]
    fn both_spellings_of_actor_names_are_one_filter() {
        let export = read(
            r#"{"organization_id":"org_1","range_start":"2022-07-02","range_end":"2022-09-02T18:09:06.9961234Z",
                "actors":["Jon","Ann"],"actor_names":["Ann"],"targets":null,"actor_ids":[],"actions":["a"]}"#,
        )
        .expect("valid");
        assert_eq!(export.all_actor_names(), ["Ann", "Jon"]);
        assert_eq!((export.actions.len(), export.actor_ids.len(), export.targets.len()), (1, 0, 0));
        assert_eq!(export.range_end.0.canonical(), "2022-09-02T18:09:06.996123Z");
    }

    #[test]
    fn wrong_members_are_sentences_in_a_list() {
        let Err(InvalidBody::Messages(refused)) = read(r#"{"range_start":"soon","range_end":5,"actions":"a","targets":[1]}"#)
        else {
            panic!("must be refused");
        };
        assert_eq!(
            refused.message,
            [
                "organization_id should not be empty",
                "range_start must be a valid ISO 8601 date string",
                "range_end must be a valid ISO 8601 date string",
                "actions must be an array",
                "targets.0 must be a string",
            ]
        );
        assert_eq!(serde_json::to_value(refused.error).expect("a text"), "Bad Request");
    }
}
