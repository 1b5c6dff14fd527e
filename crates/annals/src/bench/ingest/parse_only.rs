//! The ceiling: the same HTTP stack, which reads and parses a body and stores nothing, or answers a constant.

use std::error::Error;
use std::io::Write;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::value::RawValue;

const CONSTANT_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, clap::Args)]
pub struct ParseOnlyArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
}

pub fn run(args: &ParseOnlyArgs) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(args.listen).await?;
        let mut out = std::io::stdout();
        writeln!(out, "listening on http://{}", listener.local_addr()?)?;
        out.flush()?;
        let app = axum::Router::new().route("/audit_logs/events", axum::routing::post(parse));
        let app = app.route("/constant/{bytes}", axum::routing::get(constant));
        Ok(axum::serve(listener, app).await?)
    })
}

/// As many bytes as the page that it is compared with, made before the first request.
async fn constant(Path(bytes): Path<usize>) -> impl IntoResponse {
    static BODY: LazyLock<Bytes> = LazyLock::new(|| vec![b' '; CONSTANT_BYTES_MAX].into());
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], BODY.slice(..bytes.min(CONSTANT_BYTES_MAX)))
}

/// The least that a reader of this body can do: find where the event begins and ends.
#[derive(serde::Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    organization_id: &'a str,
    #[serde(borrow)]
    event: &'a RawValue,
}

async fn parse(body: Bytes) -> impl IntoResponse {
    match serde_json::from_slice::<Body>(&body) {
        Ok(body) if !body.organization_id.is_empty() && body.event.get().starts_with('{') => {
            (StatusCode::OK, [(CONTENT_TYPE, "application/json")], "{\"success\":true}")
        }
        _ => (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], "{}"),
    }
}
