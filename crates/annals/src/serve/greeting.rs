//! What a person sees on standard output when the server is ready.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use annals_core::secret::ApiKeySecret;

/// The first key of a database that this start made.
#[derive(Clone, Copy)]
pub enum FirstKey<'k> {
    /// The operator knows it.
    Given,
    /// Shown now and never again.
    Drawn(&'k ApiKeySecret),
}

/// Scripts wait for the line that begins with `listening on`. A key is printed only by the start that made it.
pub fn print(address: SocketAddr, data: &Path, first_key: Option<FirstKey<'_>>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "annals {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "data in {}", data.display())?;
    match first_key {
        Some(FirstKey::Drawn(key)) => {
            writeln!(out, "\nAPI key, shown only now: {}\n", key.expose())?;
            writeln!(out, "{}", first_event(address, &format!("export ANNALS_API_KEY={}", key.expose())))?;
        }
        Some(FirstKey::Given) => writeln!(out, "\n{}", first_event(address, "# with the key in ANNALS_API_KEY:"))?,
        None => {}
    }
    writeln!(out, "API reference: http://{address}/docs   Ctrl-C stops")?;
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

fn first_event(address: SocketAddr, key_line: &str) -> String {
    format!(
        r#"Record the first event: paste this into another terminal.

  {key_line}
  post() {{ curl -sS -w '\n' "http://{address}$1" -H "Authorization: Bearer $ANNALS_API_KEY" -H "Content-Type: application/json" -d "$2"; }}
  ORG=$(post /organizations '{{"name":"Acme"}}' | sed 's/.*"id":"\(org_[^"]*\)".*/\1/')
  post /audit_logs/actions/user.signed_in/schemas '{{"targets":[{{"type":"team"}}]}}'
  post /audit_logs/events '{{"organization_id":"'$ORG'","event":{{"action":"user.signed_in","occurred_at":"2026-01-31T12:00:00Z",
    "actor":{{"type":"user","id":"user_1"}},"targets":[{{"type":"team","id":"team_1"}}],"context":{{"location":"203.0.113.7"}}}}}}'
  post /audit_logs/exports '{{"organization_id":"'$ORG'","range_start":"2026-01-01","range_end":"2100-01-01"}}'
"#
    )
}
