//! Query parameters of lists (wire contract §0.4 and §0.5). A key without a value counts as absent; unknown keys are passed over, but not
//! where no older client must be understood.

use std::fmt::Display;
use std::str::FromStr;

use annals_core::ids::{ActionId, ApiKeyId, AuditEventId, FeedEventId, OrganizationId, SchemaId};
use annals_core::limits::{ORGANIZATION_DOMAINS_MAX, ORGANIZATION_NAME_CHARS_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use annals_core::wire::{Cursors, List, ShownId};
use annals_engine::tenants::OrganizationFilter;
use annals_engine::{ListQuery, Order, Page};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use url::form_urlencoded;

use super::problem::Problem;

/// All parameters, decoded, in order.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn of(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The last value of a key that has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A list in every encoding: `k=a,b`, `k=a&k=b`, `k[]=a&k[]=b`. Each entry once.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let mut entries = Vec::new();
        for entry in self.0.iter().filter(|(key, _)| is_named(key, name)).flat_map(|(_, value)| value.split(',')) {
            if !entry.is_empty() && !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        entries
    }

    /// A list whose entries may have commas: `k=a&k=b`, `k[]=a&k[]=b`. Each entry once.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let mut texts = Vec::new();
        for (_, text) in self.0.iter().filter(|(key, _)| is_named(key, name)) {
            if !text.is_empty() && !texts.contains(&text.as_str()) {
                texts.push(text);
            }
        }
        texts
    }

    /// The value of a key that may have one value only: of two, nobody knows which was meant.
    pub fn single(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(key, value)| is_named(key, name) && !value.is_empty());
        match (values.next(), values.next()) {
            (first, None) => Ok(first.map(|(_, value)| value.as_str())),
            (_, Some(_)) => Err(Problem::wrong_parameter(name, "must be given once")),
        }
    }

    /// Refuses a key with a value that is none of these, also as a list: passed over, a mistyped one would do something else than was asked.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let is_known = |key: &str| known.iter().any(|name| is_named(key, name));
        match self.0.iter().find(|(key, value)| !value.is_empty() && !is_known(key)) {
            None => Ok(()),
            Some((key, _)) => Err(Problem::wrong_parameter(&ShownId(key).to_string(), "is not a parameter of this route")),
        }
    }

    /// Whether the parameter is there, also as a list and without a value.
    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| is_named(key, name))
    }

    pub fn list_query<Id: FromStr>(&self) -> Result<ListQuery<Id>, Problem> {
        Ok(ListQuery { limit: self.limit()?, before: self.cursor("before")?, after: self.cursor("after")?, order: self.order()? })
    }

    pub fn limit(&self) -> Result<u32, Problem> {
        Ok(self.integer("limit", PAGE_ITEMS_MAX)?.unwrap_or(PAGE_ITEMS_DEFAULT))
    }

    /// 1 to `max`.
    pub fn integer(&self, name: &str, max: u32) -> Result<Option<u32>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |what: String| Err(Problem::wrong_parameter(name, what));
        match text.parse::<i64>() {
            Ok(number) if number > i64::from(max) => wrong(format!("must not be greater than {max}")),
            Ok(number) => match u32::try_from(number) {
                Ok(number) if number > 0 => Ok(Some(number)),
                _ => wrong("must not be less than 1".to_owned()),
            },
            Err(_) => wrong("must be an integer".to_owned()),
        }
    }

    pub fn cursor<Id: FromStr>(&self, name: &str) -> Result<Option<Id>, Problem> {
        let cursor = self.get(name).map(str::parse).transpose();
        cursor.map_err(|_| Problem::wrong_parameter(name, "must be an id from this list"))
    }

    pub fn order(&self) -> Result<Order, Problem> {
        // Older Python clients send the name of their enum's member.
        match self.get("order") {
            None => Ok(Order::default()),
            Some("desc" | "Order.Desc") => Ok(Order::Desc),
            Some("asc" | "Order.Asc") => Ok(Order::Asc),
            Some("normal" | "Order.Normal") => Ok(Order::Normal),
            Some(_) => Err(Problem::wrong_parameter("order", "must be one of normal, desc, asc")),
        }
    }
}

/// `k` or `k[]`.
fn is_named(key: &str, name: &str) -> bool {
    key.strip_prefix(name).is_some_and(|rest| matches!(rest, "" | "[]"))
}

/// `limit`, `before`, `after` and `order` of a list of things with this kind of id.
pub struct ListParameters<Id>(pub ListQuery<Id>);

/// An id that is the cursor of a list.
pub trait Cursor: FromStr + Display {
    const PREFIX: &'static str;
}

impl<Id: Cursor, S: Send + Sync> FromRequestParts<S> for ListParameters<Id> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Parameters::of(parts).list_query().map(Self)
    }
}

/// `domains` and `search` of the list of organizations.
pub struct FilterParameters(pub OrganizationFilter);

impl<S: Send + Sync> FromRequestParts<S> for FilterParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parameters = Parameters::of(parts);
        let domains: Vec<String> = parameters.list("domains").into_iter().map(str::to_ascii_lowercase).collect();
        if domains.len() > ORGANIZATION_DOMAINS_MAX {
            return Err(Problem::wrong_parameter("domains", format_args!("must have at most {ORGANIZATION_DOMAINS_MAX} items")));
        }
        let search = parameters.get("search").map(str::to_owned);
        if search.as_ref().is_some_and(|text| text.chars().count() > ORGANIZATION_NAME_CHARS_MAX) {
            return Err(Problem::wrong_parameter(
                "search",
                format_args!("must be at most {ORGANIZATION_NAME_CHARS_MAX} characters"),
            ));
        }
        Ok(Self(OrganizationFilter { domains, search }))
    }
}

/// A page in the words of the wire.
pub fn list<T, W, Id: Display>(page: Page<T, Id>, to_wire: impl FnMut(T) -> W) -> List<W> {
    let cursors = Cursors { before: page.before.map(|id| id.to_string()), after: page.after.map(|id| id.to_string()) };
    List::new(page.items.into_iter().map(to_wire).collect(), cursors)
}

macro_rules! cursors {
    ($($id:ident),*) => {
        $(impl Cursor for $id {
            const PREFIX: &'static str = $id::PREFIX;
        })*
    };
}
cursors!(ActionId, ApiKeyId, AuditEventId, FeedEventId, OrganizationId, SchemaId);

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::Request;
    use axum::response::IntoResponse;

    use super::*;

    fn parameters(query: &str) -> Parameters {
        let (parts, ()) = Request::builder().uri(format!("/events{query}")).body(()).unwrap().into_parts();
        Parameters::of(&parts)
    }

    #[test]
    fn every_encoding_of_a_list_is_the_same_list() {
        for query in [
            "?d=a%2Cb",
            "?d=a,b",
            "?d=a&d=b",
            "?d[]=a&d[]=b",
            "?d%5B%5D=a&d%5B%5D=b",
            "?d=a&d[]=b",
            "?d=a,,b&d=b",
            "?d=&d=a&dd=c&d=b",
        ] {
            assert_eq!(parameters(query).list("d"), ["a", "b"], "{query}");
        }
        for query in ["", "?", "?d", "?d=", "?d[]", "?d=,", "?d[0]=a"] {
            assert!(parameters(query).list("d").is_empty(), "{query}");
        }
    }

    #[test]
    fn a_key_without_a_value_is_absent() {
        for query in ["", "?", "?after", "?after=&before&limit&order=", "?unknown=1"] {
            let list: ListQuery<OrganizationId> = parameters(query).list_query().unwrap();
            assert_eq!((list.limit, list.order), (10, Order::Desc), "{query}");
            assert!(list.before.is_none() && list.after.is_none(), "{query}");
        }
    }

    #[test]
    fn every_parameter_is_read() {
        let id = "org_01EHWNCE74X7JSDV0X3SZ3KJNY";
        let list: ListQuery<OrganizationId> =
            parameters(&format!("?limit=100&after={id}&before={id}&order=Order.Asc")).list_query().unwrap();
        assert_eq!((list.limit, list.order), (100, Order::Asc));
        assert_eq!((list.after, list.before), (id.parse().ok(), id.parse().ok()));
    }

    #[tokio::test]
    async fn wrong_parameters_are_named() {
        for (query, field, code) in [
            ("?limit=0", "limit", "limit must not be less than 1"),
            ("?limit=-5", "limit", "limit must not be less than 1"),
            ("?limit=101", "limit", "limit must not be greater than 100"),
            ("?limit=ten", "limit", "limit must be an integer"),
            ("?limit=1.5", "limit", "limit must be an integer"),
            ("?limit=99999999999999999999", "limit", "limit must be an integer"),
            ("?order=up", "order", "order must be one of normal, desc, asc"),
            ("?after=nonsense", "after", "after must be an id from this list"),
            ("?before=ala_01EHWNCE74X7JSDV0X3SZ3KJNY", "before", "before must be an id from this list"),
            ("?after=%FF%00", "after", "after must be an id from this list"),
        ] {
            let Err(problem) = parameters(query).list_query::<OrganizationId>() else { panic!("{query} must be refused") };
            let response = problem.into_response();
            assert_eq!(response.status(), 422, "{query}");
            let body = to_bytes(response.into_body(), 1024).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                body,
                serde_json::json!({"message": "Validation failed.", "errors": [{"field": field, "code": code}]}),
                "{query}"
            );
        }
    }
}
