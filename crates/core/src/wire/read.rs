//! Reading a request body member by member. `null` counts as absent; every wrong member is named; unknown members are passed over.

use super::error::{InvalidBody, ValidationFailed};
use crate::event::FieldErrors;
use crate::json::Json;
use crate::time::Micros;

/// A request body as a typed value.
pub trait FromBody: Sized {
    /// `None` only when an error was added.
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self>;

    /// How this endpoint complains about wrong members.
    #[must_use]
    fn complain(errors: FieldErrors) -> InvalidBody {
        InvalidBody::Fields(ValidationFailed::new(errors))
    }

    /// # Errors
    /// The body is not an object, or members are wrong.
    fn read(body: &Json<'_>) -> Result<Self, InvalidBody> {
        let mut errors = FieldErrors::default();
        let value = Fields::of(body, String::new(), &mut errors).and_then(|mut fields| Self::from_body(&mut fields));
        match value {
            Some(value) if errors.is_empty() => Ok(value),
            _ => Err(Self::complain(errors)),
        }
    }
}

/// The members of one JSON object.
pub struct Fields<'j, 'e> {
    object: &'j Json<'j>,
    /// With a dot at its end, unless it is empty.
    prefix: String,
    errors: &'e mut FieldErrors,
}

impl<'j, 'e> Fields<'j, 'e> {
    /// `None`, and an error, when it is not an object.
    pub fn of(json: &'j Json<'j>, path: String, errors: &'e mut FieldErrors) -> Option<Self> {
        if !matches!(json, Json::Object(_)) {
            let path = if path.is_empty() { "body" } else { &path };
            errors.add(path, format!("{path} must be an object"));
            return None;
        }
        let prefix = if path.is_empty() { path } else { path + "." };
        Some(Self { object: json, prefix, errors })
    }

    /// A member that is there and not null.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'j Json<'j>> {
        self.object.member(name)
    }
    /// Whether the member is there, null or not.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        matches!(self.object, Json::Object(members) if members.iter().any(|(n, _)| n == name))
    }
    /// The first of these spellings that is there and not null; otherwise the first of all.
    #[must_use]
    pub fn spelling<'n>(&self, names: &[&'n str]) -> &'n str {
        names.iter().find(|name| self.get(name).is_some()).or(names.first()).copied().unwrap_or_default()
    }
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
    /// Complains about a member: the sentence begins with its path.
    pub fn wrong(&mut self, name: &str, what: &str) {
        let path = self.path(name);
        let sentence = format!("{path} {what}");
        self.errors.add(path, sentence);
    }
    pub fn missing(&mut self, name: &str) {
        self.errors.add(self.path(name), "required");
    }

    /// A text of 1 to `chars_max` characters that must be there.
    pub fn text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        if self.get(name).is_none() {
            self.missing(name);
            return None;
        }
        self.optional_text(name, chars_max)
    }

    /// A text of 1 to `chars_max` characters.
    pub fn optional_text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let value = self.get(name)?;
        self.text_value(name, value, chars_max)
    }

    fn text_value(&mut self, name: &str, value: &Json<'_>, chars_max: usize) -> Option<String> {
        match value.as_str() {
            None => self.wrong(name, "must be a string"),
            Some("") => self.wrong(name, "must not be empty"),
            Some(text) if text.chars().count() > chars_max => {
                self.wrong(name, &format!("must be at most {chars_max} characters"))
            }
            Some(text) => return Some(text.to_owned()),
        }
        None
    }

    pub fn optional_flag(&mut self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Json::Bool(value) => Some(*value),
            _ => {
                self.wrong(name, "must be a boolean");
                None
            }
        }
    }

    pub fn optional_time(&mut self, name: &str) -> Option<Micros> {
        let time = self.get(name)?.as_str().and_then(|text| text.parse().ok());
        if time.is_none() {
            self.wrong(name, "must be a valid ISO 8601 date string");
        }
        time
    }

    pub fn time(&mut self, name: &str) -> Option<Micros> {
        if self.get(name).is_none() {
            self.missing(name);
        }
        self.optional_time(name)
    }

    /// The elements of an array, with the name of each.
    pub fn optional_items(&mut self, name: &str, items_max: usize) -> Option<Vec<(String, &'j Json<'j>)>> {
        match self.get(name)? {
            Json::Array(items) if items.len() > items_max => self.wrong(name, &format!("must have at most {items_max} items")),
            Json::Array(items) => return Some(items.iter().enumerate().map(|(i, item)| (format!("{name}.{i}"), item)).collect()),
            _ => self.wrong(name, "must be an array"),
        }
        None
    }

    pub fn optional_texts(&mut self, name: &str, items_max: usize, chars_max: usize) -> Option<Vec<String>> {
        let items = self.optional_items(name, items_max)?;
        Some(items.into_iter().filter_map(|(name, item)| self.text_value(&name, item, chars_max)).collect())
    }

    /// The members of the object `value`, which is called `name` here.
    pub fn inside<'s, 'v>(&'s mut self, name: &str, value: &'v Json<'v>) -> Option<Fields<'v, 's>> {
        Fields::of(value, self.path(name), self.errors)
    }
}
