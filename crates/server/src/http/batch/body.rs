//! The body of a batch, from bytes on the wire to items. Not more than a few are held at a time.

use annals_core::event::BatchItem;
use annals_core::limits::GROUP_BODY_BYTES_MAX;
use annals_core::wire::RefusedItem;
use annals_engine::tenants::{Scope, Turn};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::decode::{Encoding, decode};
use super::items;
use crate::http::App;
use crate::http::body::{self, Limit};
use crate::http::problem::Problem;

/// A longer body is read to its end up to here, so that the client sees its answer.
const LIMIT: Limit = Limit { bytes_max: GROUP_BODY_BYTES_MAX, discarded_bytes_max: 2 * GROUP_BODY_BYTES_MAX };

pub struct BatchBody {
    pub items: Vec<Result<BatchItem, RefusedItem>>,
    /// Held until the batch is stored.
    pub turns: (Turn, OwnedSemaphorePermit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// One JSON array.
    Array,
    /// One JSON value a line.
    Lines,
}

impl BatchBody {
    /// # Errors
    /// The body is not one of a batch, or it does not come in time, or others take too long.
    pub async fn of(request: Request, app: &App, scope: &Scope) -> Result<Self, Problem> {
        let format = Format::of(request.headers())?;
        let encoding = Encoding::of(request.headers())?;
        let turn = app.batch_body_turn(scope).await?;
        let sent = body::read(request, app.config().body_timeout, LIMIT).await?;
        // Not before the whole body is here: a few that send slowly would keep everybody else waiting.
        let permit = app.batch_permit().await?;
        // Decompressing and parsing 16 MiB takes long enough to hold up other requests.
        let reading = tokio::task::spawn_blocking(move || read(sent, encoding, format));
        let items = reading.await.map_err(Problem::internal)??;
        Ok(Self { items, turns: (turn, permit) })
    }
}

fn read(sent: Bytes, encoding: Encoding, format: Format) -> Result<Vec<Result<BatchItem, RefusedItem>>, Problem> {
    let text = decode(sent, encoding)?;
    match format {
        Format::Array => items::of_array(&text),
        Format::Lines => items::of_lines(&text),
    }
}

impl Format {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let lines = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok()?.split(';').next())
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/x-ndjson"));
        match () {
            () if lines => Ok(Self::Lines),
            () if body::is_json(headers) => Ok(Self::Array),
            () => Err(Problem::unsupported_media_type("application/json or application/x-ndjson")),
        }
    }
}
