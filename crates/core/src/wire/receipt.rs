//! Publishing records (`POST /v1/events`, `POST /v1/audit_logs`): one or several, all or nothing, and a receipt for each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::InvalidBody;
use super::read::{Fields, FromBody};
use crate::event::FieldErrors;
use crate::json::Json;
use crate::limits::PUBLISH_ITEMS_MAX;

/// One object, or an array of 1 to [`PUBLISH_ITEMS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMany<T: ToSchema> {
    One(T),
    Many(Vec<T>),
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Receipt {
    /// It is durable.
    Stored {
        #[schema(example = "event_01EHZNVPK3SFK441A1RGBFSHRT")]
        id: String,
    },
    /// The same record was stored with the same idempotency key within the last 24 hours.
    Replayed,
}

/// One receipt for each record, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipts {
    pub results: Vec<Receipt>,
}

/// The answer has the form of the request: one receipt for an object, a list of them for an array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Published {
    One(Receipt),
    Many(Receipts),
}

impl<T: ToSchema> OneOrMany<T> {
    /// What was sent, and whether it was an array.
    #[must_use]
    pub fn into_vec(self) -> (Vec<T>, bool) {
        match self {
            Self::One(item) => (vec![item], false),
            Self::Many(items) => (items, true),
        }
    }
}

impl<T: FromBody + ToSchema> FromBody for OneOrMany<T> {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        T::from_body(body).map(Self::One)
    }

    fn complain(errors: FieldErrors) -> InvalidBody {
        T::complain(errors)
    }

    /// Fields of an array's items begin with their index: `2.event`.
    fn read(body: &Json<'_>) -> Result<Self, InvalidBody> {
        let Json::Array(items) = body else { return T::read(body).map(Self::One) };
        let mut errors = FieldErrors::default();
        if items.is_empty() || items.len() > PUBLISH_ITEMS_MAX {
            errors.add("body", format!("body must have 1 to {PUBLISH_ITEMS_MAX} items"));
            return Err(T::complain(errors));
        }
        let read = |(index, item)| T::from_body(&mut Fields::of(item, format!("{index}"), &mut errors)?);
        // All are read before any is missed, so that every wrong field is named.
        let values: Vec<Option<T>> = items.iter().enumerate().map(read).collect();
        match values.into_iter().collect::<Option<Vec<T>>>() {
            Some(values) if errors.is_empty() => Ok(Self::Many(values)),
            _ => Err(T::complain(errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something with one required text.
    #[derive(Debug, PartialEq, Serialize, ToSchema)]
    struct Named {
        name: String,
    }

    impl FromBody for Named {
        fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
            Some(Self { name: body.text("name", 3)? })
        }
    }

    fn read(body: &str) -> Result<OneOrMany<Named>, String> {
        OneOrMany::read(&crate::json::parse(body.as_bytes()).expect("JSON")).map_err(|refused| match refused {
            InvalidBody::Fields(refused) => refused.errors[0].field.clone(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn an_object_or_an_array_is_read() {
        let named = |name: &str| Named { name: name.to_owned() };
        assert_eq!(read(r#"{"name":"a"}"#), Ok(OneOrMany::One(named("a"))));
        assert_eq!(read(r#"[{"name":"a"},{"name":"b"}]"#), Ok(OneOrMany::Many(vec![named("a"), named("b")])));
    }

    #[test]
    fn wrong_fields_are_named_with_their_place() {
        for (body, field) in [
            ("{}", "name"),
            ("[]", "body"),
            ("5", "body"),
            (r#"[{"name":"a"},{"name":""}]"#, "1.name"),
            (r#"[{"name":"a"},5]"#, "1"),
            (&format!("[{}1]", "1,".repeat(PUBLISH_ITEMS_MAX)), "body"),
        ] {
            assert_eq!(read(body), Err(field.to_owned()), "{body:.40}");
        }
    }

    #[test]
    fn receipts_have_the_form_of_the_request() {
        let stored = || Receipt::Stored { id: "event_1".to_owned() };
        let many = Published::Many(Receipts { results: vec![stored(), Receipt::Replayed] });
        for (published, text) in [
            (Published::One(stored()), r#"{"status":"stored","id":"event_1"}"#),
            (Published::One(Receipt::Replayed), r#"{"status":"replayed"}"#),
            (many, r#"{"results":[{"status":"stored","id":"event_1"},{"status":"replayed"}]}"#),
        ] {
            assert_eq!(serde_json::to_string(&published).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<Published>(text).expect("reads"), published);
        }
    }
}
