//! One request, ready to be sent as often as needed.

use annals_core::wire::Moment;
use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use url::Url;

use crate::error::Error;

/// What may stand in a path segment as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(crate) const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";

#[derive(Debug)]
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) query: Query,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<(&'static str, Bytes)>,
    pub(super) repeat: Repeat,
}

#[derive(Debug)]
pub(super) enum Target {
    /// Below the base URL, with the API key.
    Path(String),
    /// A link that carries its own permission: it must not see the API key.
    Link(Url),
}

/// When a failed request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is the same as once.
    Always,
    /// Only when it was certainly not carried out: twice would be two.
    IfNotCarriedOut,
}

/// Query parameters, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(pub(super) Vec<(&'static str, String)>);

impl Query {
    pub fn text(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.0.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value.to_owned())));
        self
    }
    pub fn number(self, name: &'static str, value: Option<u32>) -> Self {
        self.text(name, value.map(|value| value.to_string()).as_deref())
    }
    pub fn time(self, name: &'static str, value: Option<Moment>) -> Self {
        self.text(name, value.map(|Moment(time)| time.canonical()).as_deref())
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The repeated form, which every server understands.
    pub fn list<T: AsRef<str>>(mut self, name: &'static str, values: &[T]) -> Self {
        self.0.extend(values.iter().map(|value| (name, value.as_ref().to_owned())));
        self
    }
}

impl Call {
    pub fn get(segments: &[&str]) -> Result<Self, Error> {
        Self::new(Method::GET, segments)
    }
    pub fn delete(segments: &[&str]) -> Result<Self, Error> {
        Self::new(Method::DELETE, segments)
    }
    pub fn put(segments: &[&str], body: &impl Serialize) -> Result<Self, Error> {
        Self::new(Method::PUT, segments)?.json(body)
    }
    /// With `key`, or one that is drawn here: it stays the same over all attempts.
    pub fn post(segments: &[&str], body: &impl Serialize, key: Option<&str>) -> Result<Self, Error> {
        Self::new(Method::POST, segments)?.json(body)?.keyed(key)
    }
    /// A body that is ready to be sent.
    pub fn post_bytes(segments: &[&str], content_type: &'static str, body: Bytes, key: Option<&str>) -> Result<Self, Error> {
        Self { body: Some((content_type, body)), ..Self::new(Method::POST, segments)? }.keyed(key)
    }
    pub fn link(link: Url) -> Self {
        Self { target: Target::Link(link), ..Self::empty(Method::GET) }
    }

    fn new(method: Method, segments: &[&str]) -> Result<Self, Error> {
        let mut path = String::new();
        for segment in segments {
            // These would name another resource: `/organizations/` is the list, `..` its parent.
            if matches!(*segment, "" | "." | "..") {
                return Err(Error::Unsendable(format!("{segment:?} is not an id or a name")));
            }
            path.push('/');
            path.extend(utf8_percent_encode(segment, ENCODED));
        }
        Ok(Self { target: Target::Path(path), ..Self::empty(method) })
    }

    fn empty(method: Method) -> Self {
        let target = Target::Path(String::new());
        Self { method, target, query: Query::default(), headers: Vec::new(), body: None, repeat: Repeat::Always }
    }

    fn json(self, body: &impl Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body).map_err(|error| Error::Unsendable(error.to_string()))?;
        Ok(Self { body: Some((JSON, bytes.into())), ..self })
    }

    fn keyed(self, key: Option<&str>) -> Result<Self, Error> {
        match key {
            Some("") => Err(Error::Unsendable("an idempotency key must not be empty".to_owned())),
            Some(key) => Ok(self.header("idempotency-key", key.to_owned())),
            None => Ok(self.header("idempotency-key", format!("annals-client-{:032x}", rand::random::<u128>()))),
        }
    }

    pub fn query(self, query: Query) -> Self {
        Self { query, ..self }
    }
    pub fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
    pub fn repeat(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }

    /// Method and path, for messages. A link is not shown: whoever reads it may use it.
    pub fn name(&self) -> String {
        match &self.target {
            Target::Path(path) => format!("{} {path}", self.method),
            Target::Link(_) => format!("{} of a download link", self.method),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_cannot_leave_their_place() {
        let path = |id: &str| Call::get(&["organizations", id]).map(|call| call.name());
        assert_eq!(path("org_1").expect("sendable"), "GET /organizations/org_1");
        assert_eq!(path("a/b?c#d%2e é").expect("sendable"), "GET /organizations/a%2Fb%3Fc%23d%252e%20%C3%A9");
        for wrong in ["", ".", ".."] {
            assert!(matches!(path(wrong), Err(Error::Unsendable(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_drawn_once_per_call() {
        let key = |given| Call::post(&["events"], &1, given).map(|call| call.headers[0].1.clone());
        assert_eq!(key(Some("mine")).expect("sendable"), "mine");
        let (one, two) = (key(None).expect("sendable"), key(None).expect("sendable"));
        assert!(one.starts_with("annals-client-") && one != two);
        assert!(key(Some("")).is_err());
    }

    #[test]
    fn empty_parameters_are_left_out() {
        let query = Query::default().text("a", None).text("b", Some("")).number("c", Some(5)).list("d", &["x", "y,z"]);
        let pairs: Vec<_> = query.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["c=5", "d=x", "d=y,z"]);
    }
}
