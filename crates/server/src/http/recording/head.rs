//! Who sent a request, from where, to which path: what its entry says before anybody knows the answer.

use std::net::{IpAddr, SocketAddr};

use annals_core::limits::{CONTEXT_CHARS_MAX, METHOD_CHARS_MAX, URL_PATH_CHARS_MAX};
use axum::http::{Extensions, HeaderMap, Method, Uri, header};

/// Shorter texts are somebody's names for things.
const KEY_CHARS_MIN: usize = 16;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Parts of a request's head, each cut to what an entry may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    /// Without the query, which may hold secrets, and without keys that somebody took for ids.
    pub path: String,
    pub client_ip: String,
    pub user_agent: Option<String>,
}

impl Head {
    /// `trust_forwarded_for`: a proxy stands in front, and says for whom it speaks.
    pub fn of(method: &Method, uri: &Uri, headers: &HeaderMap, extensions: &Extensions, trust_forwarded_for: bool) -> Self {
        let client = client_address(headers, extensions, trust_forwarded_for).map(|address| address.to_string());
        let user_agent = headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Self {
            method: cut(method.as_str(), METHOD_CHARS_MAX),
            path: cut(&without_keys(uri.path()), URL_PATH_CHARS_MAX),
            client_ip: client.unwrap_or_else(|| "unknown".to_owned()),
            user_agent: user_agent.filter(|text| !text.is_empty()).map(|text| cut(&text, CONTEXT_CHARS_MAX)),
        }
    }
}

/// Where a request comes from.
pub fn client_address(headers: &HeaderMap, extensions: &Extensions, trust_forwarded_for: bool) -> Option<IpAddr> {
    let forwarded = if trust_forwarded_for { forwarded_for(headers) } else { None };
    let peer = || extensions.get().map(|Peer(address)| address.ip());
    forwarded.or_else(peer).map(|address| address.to_canonical())
}

/// The last address: the one that the nearest proxy saw. Those before it are claims of whoever came to that proxy.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(X_FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
    let text = last.rsplit(',').next()?.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(bare).or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// A text with everything between slashes that looks like an API key made unusable: `DELETE /api_keys/sk_…` is a mistake that people make.
pub fn without_keys(text: &str) -> String {
    let hidden = |part: &str| if part.starts_with("sk_") && part.len() >= KEY_CHARS_MIN { "sk_..." } else { part }.to_owned();
    text.split('/').map(hidden).collect::<Vec<_>>().join("/")
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn head(forwarded: &[&str], trust: bool) -> Head {
        let mut request = Request::builder().uri("/a?secret=1").header("user-agent", "x".repeat(5000));
        for value in forwarded {
            request = request.header(X_FORWARDED_FOR, *value);
        }
        let mut request = request.body(()).unwrap();
        request.extensions_mut().insert(Peer("[::ffff:192.0.2.1]:5000".parse().unwrap()));
        Head::of(request.method(), request.uri(), request.headers(), request.extensions(), trust)
    }

    #[test]
    fn the_client_is_whom_the_nearest_proxy_saw_when_it_is_trusted() {
        for (forwarded, trust, client) in [
            (&[][..], true, "192.0.2.1"),
            (&["203.0.113.7"], false, "192.0.2.1"),
            (&["203.0.113.7"], true, "203.0.113.7"),
            (&["10.0.0.1, 203.0.113.7"], true, "203.0.113.7"),
            (&["10.0.0.1", "203.0.113.7"], true, "203.0.113.7"),
            (&["203.0.113.7:5000"], true, "203.0.113.7"),
            (&["2001:db8::1"], true, "2001:db8::1"),
            (&["[2001:db8::1]"], true, "2001:db8::1"),
            (&["[2001:db8::1]:5000"], true, "2001:db8::1"),
            (&["nonsense"], true, "192.0.2.1"),
            (&["203.0.113.7, "], true, "192.0.2.1"),
        ] {
            assert_eq!(head(forwarded, trust).client_ip, client, "{forwarded:?}");
        }
    }

    #[test]
    fn keys_in_a_path_are_hidden() {
        for (path, shown) in [
            ("/api_keys/sk_abcdefghijklmnopqrstuvwxyz012345", "/api_keys/sk_..."),
            ("/api_keys/sk_abcdefghijklmnopqrstuvwxyz012345/expire", "/api_keys/sk_.../expire"),
            ("/organizations/external_id/sk_kosice", "/organizations/external_id/sk_kosice"),
            ("//", "//"),
            ("", ""),
        ] {
            assert_eq!(without_keys(path), shown);
        }
    }

    #[test]
    fn a_head_is_bounded_and_has_no_query() {
        let head = head(&[], false);
        assert_eq!((head.method.as_str(), head.path.as_str()), ("GET", "/a"));
        assert_eq!(head.user_agent.map(|agent| agent.len()), Some(CONTEXT_CHARS_MAX));
    }
}
