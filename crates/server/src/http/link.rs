//! Absolute links to this server.

use annals_core::ids::ExportId;
use annals_engine::exports::DownloadTicket;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use super::App;
use super::problem::Problem;

/// Where the client reached us: the configured URL, or else `http` and the host that it named, or else our own address.
pub struct Base(String);

impl FromRequestParts<App> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(url) = &app.config().public_url {
            return Ok(Self(url.as_str().trim_end_matches('/').to_owned()));
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_plain_host(host));
        Ok(Self(host.map_or_else(|| format!("http://{}", app.address()), |host| format!("http://{host}"))))
    }
}

impl Base {
    /// A download link that works without a key until the ticket expires.
    pub fn download(&self, id: ExportId, ticket: &DownloadTicket) -> String {
        let DownloadTicket { expires, nonce, signature } = ticket;
        format!("{}/audit_logs/exports/{id}/download?expires={expires}&nonce={nonce}&signature={signature}", self.0)
    }
}

/// A host and perhaps a port. Whatever else somebody wrote into the header must not get into a link that people click.
fn is_plain_host(text: &str) -> bool {
    const HOST_BYTES_MAX: usize = 253 + ":65535".len();
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let host = authority.host();
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let plain = match name {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
    };
    let port = &text[host.len().min(text.len())..];
    let plain_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok_and(|port| port > 0));
    plain && plain_port && text.len() <= HOST_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_hosts_get_into_links() {
        for host in ["localhost", "localhost:4100", "audit.example.com", "127.0.0.1:80", "[::1]:4100", "[::1]", "my_host"] {
            assert!(is_plain_host(host), "{host}");
        }
        let long = "a".repeat(300);
        for host in [
            "",
            "user@host",
            "a b",
            "host/path",
            "host:port",
            "host:",
            "host:99999",
            "host:0",
            "\"><script>",
            "[::1",
            "[evil]",
            "host?x",
            "h\u{e9}",
            &long,
        ] {
            assert!(!is_plain_host(host), "{host}");
        }
    }
}
