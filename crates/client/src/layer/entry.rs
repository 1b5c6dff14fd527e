//! From a request to an entry that the server takes: whatever a client sends, its entry is within the limits.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use annals_core::limits::{
    ACTION_CHARS_MAX, CONTEXT_CHARS_MAX, METHOD_CHARS_MAX, NAME_CHARS_MAX, STATUS_CODE_MAX, STATUS_CODE_MIN, URL_PATH_CHARS_MAX,
};
use http::HeaderValue;
use http::header::USER_AGENT;
use http::request::Parts;

use super::RequestDetails;
use crate::wire::{ApiRequestActor, ApiRequestActorType, CreateApiRequest};

type Ask<T> = Box<dyn Fn(&Parts) -> T + Send + Sync>;

/// How the application wants its requests to be described.
pub(super) struct Rules {
    pub route: Option<Ask<Option<String>>>,
    pub client_ip: Option<Ask<Option<IpAddr>>>,
    pub trusted_proxies: usize,
    pub describe: Option<Ask<RequestDetails>>,
    pub anonymous: ApiRequestActor,
}

impl Default for Rules {
    fn default() -> Self {
        let anonymous = ApiRequestActor { id: "anonymous".to_owned(), name: None, kind: ApiRequestActorType::User };
        Self { route: None, client_ip: None, trusted_proxies: 0, describe: None, anonymous }
    }
}

/// What is known before the request is served.
pub(super) struct Begun {
    entry: CreateApiRequest,
    details: RequestDetails,
}

impl Rules {
    pub fn begin(&self, request: &Parts) -> Begun {
        let inserted = request.extensions.get::<RequestDetails>().cloned().unwrap_or_default();
        let described = asked(self.describe.as_ref(), request).unwrap_or_default();
        let method = letters(request.method.as_str());
        let route = asked(self.route.as_ref(), request).flatten();
        let action = route.map_or_else(|| method.clone(), |route| format!("{method} {route}"));
        let client_ip = self.client_ip(request).map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
        let user_agent = request.headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
        let entry = CreateApiRequest {
            action,
            actor: self.anonymous.clone(),
            client_ip,
            method,
            path: at_most(request.uri.path().to_owned(), URL_PATH_CHARS_MAX),
            status_code: 0,
            user_agent: user_agent.filter(|agent| !agent.is_empty()).map(|agent| at_most(agent, CONTEXT_CHARS_MAX)),
            target: None,
            organization_id: None,
            created_at: Some(crate::now()),
            idempotency_key: None,
        };
        Begun { entry, details: inserted.overlaid(described) }
    }

    fn client_ip(&self, request: &Parts) -> Option<IpAddr> {
        let forwarded = match self.trusted_proxies {
            0 => None,
            proxies => forwarded(request.headers.get_all("x-forwarded-for").iter(), proxies),
        };
        forwarded.or_else(|| asked(self.client_ip.as_ref(), request).flatten())
    }
}

impl Begun {
    /// `None` when it is not to be recorded.
    pub fn end(self, status_code: u16, answered: Option<&RequestDetails>) -> Option<CreateApiRequest> {
        let details = match answered {
            Some(answered) => self.details.overlaid(answered.clone()),
            None => self.details,
        };
        if details.is_unrecorded {
            return None;
        }
        let mut entry = self.entry;
        entry.status_code = status_code.clamp(STATUS_CODE_MIN, STATUS_CODE_MAX);
        entry.action = at_most(details.action.filter(|action| !action.is_empty()).unwrap_or(entry.action), ACTION_CHARS_MAX);
        entry.actor = details.actor.filter(|actor| !actor.id.is_empty()).unwrap_or(entry.actor);
        entry.actor.id = at_most(entry.actor.id, NAME_CHARS_MAX);
        entry.actor.name = entry.actor.name.filter(|name| !name.is_empty()).map(|name| at_most(name, NAME_CHARS_MAX));
        entry.organization_id = details.organization_id.filter(|id| !id.is_empty());
        entry.target = details.target.filter(|target| !target.id.is_empty() && !target.kind.is_empty());
        if let Some(target) = &mut entry.target {
            target.id = at_most(std::mem::take(&mut target.id), NAME_CHARS_MAX);
            target.kind = at_most(std::mem::take(&mut target.kind), NAME_CHARS_MAX);
        }
        Some(entry)
    }
}

/// A closure of the application that panics must not fail the request.
fn asked<T>(ask: Option<&Ask<T>>, request: &Parts) -> Option<T> {
    let answer = catch_unwind(AssertUnwindSafe(|| ask?(request).into()));
    answer.unwrap_or_else(|_| {
        tracing::error!(path = request.uri.path(), "a closure of the request log panicked");
        None
    })
}

/// The address that the outermost of our proxies has seen, counted from the end.
fn forwarded<'a>(headers: impl Iterator<Item = &'a HeaderValue>, proxies: usize) -> Option<IpAddr> {
    let texts: Vec<&str> = headers.map(|value| value.to_str().unwrap_or_default()).collect();
    let addresses: Vec<&str> = texts.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
    address(addresses.get(addresses.len().checked_sub(proxies)?)?)
}

/// Some proxies add the port: `203.0.113.7:1234`, `[2001:db8::7]:1234`.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|address: std::net::SocketAddr| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

/// HTTP allows more in a method than the log does.
fn letters(method: &str) -> String {
    let letters: String = method.chars().filter(char::is_ascii_alphabetic).take(METHOD_CHARS_MAX).collect();
    if letters.is_empty() { "UNKNOWN".to_owned() } else { letters }
}

fn at_most(mut text: String, chars_max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[&str], proxies: usize, expected: Option<&str>) {
        let values: Vec<_> = headers.iter().map(|text| HeaderValue::from_str(text).expect("a value")).collect();
        assert_eq!(forwarded(values.iter(), proxies).map(|ip| ip.to_string()).as_deref(), expected, "{headers:?} {proxies}");
    }

    #[test]
    fn only_what_our_proxies_wrote_is_believed() {
        check(&["6.6.6.6, 203.0.113.7"], 1, Some("203.0.113.7"));
        check(&["6.6.6.6, 203.0.113.7, 10.0.0.1"], 2, Some("203.0.113.7"));
        check(&["6.6.6.6", "203.0.113.7"], 1, Some("203.0.113.7"));
        check(&["203.0.113.7:4711"], 1, Some("203.0.113.7"));
        check(&["[2001:db8::7]:4711"], 1, Some("2001:db8::7"));
        check(&["[2001:db8::7]"], 1, Some("2001:db8::7"));
        check(&["2001:db8::7"], 1, Some("2001:db8::7"));
        check(&["203.0.113.7"], 2, None);
        check(&["203.0.113.7,"], 1, None);
        check(&["unknown"], 1, None);
        check(&[], 1, None);
    }

    #[test]
    fn what_clients_send_is_cut_to_what_the_server_takes() {
        let request = http::Request::builder()
            .method("M-SEARCH")
            .uri(format!("/{}?secret=1", "x".repeat(5000)))
            .header("user-agent", HeaderValue::from_bytes(b"\xff curl").expect("a value"))
            .body(());
        let (parts, ()) = request.expect("a request").into_parts();
        let details = RequestDetails::new().action("").user("").target("", "x").organization("");
        let entry = Rules::default().begin(&parts).end(999, Some(&details)).expect("an entry");
        assert_eq!((entry.method.as_str(), entry.action.as_str(), entry.status_code), ("MSEARCH", "MSEARCH", 599));
        assert_eq!((entry.path.len(), entry.actor.id.as_str(), entry.client_ip.as_str()), (4096, "anonymous", "unknown"));
        assert_eq!((entry.user_agent.as_deref(), entry.target, entry.organization_id), (Some("\u{fffd} curl"), None, None));
    }
}
