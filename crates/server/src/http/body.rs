//! Request bodies: at most [`BODY_BYTES_MAX`] (batches have a larger limit), complete within a time, JSON. Nothing is parsed before all of it is here.

use std::time::Duration;

use annals_core::json;
use annals_core::limits::BODY_BYTES_MAX;
use annals_core::wire::FromBody;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::App;
use super::problem::Problem;

/// A longer body is read to its end up to here and thrown away: a client that is still sending would see a broken connection instead of
/// the answer.
const DISCARDED_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// How much of a body is kept, and how much more is read.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub bytes_max: usize,
    pub discarded_bytes_max: usize,
}

const LIMIT: Limit = Limit { bytes_max: BODY_BYTES_MAX, discarded_bytes_max: DISCARDED_BYTES_MAX };

/// The bytes of a JSON body. An empty body stays empty.
pub struct RawBody(pub Bytes);

/// A JSON body as a typed value. An empty body is an empty object.
pub struct JsonBody<T>(pub T);

impl FromRequest<App> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::unsupported_media_type("application/json"));
        }
        read(request, app.config().body_timeout, LIMIT).await.map(Self)
    }
}

impl<T: FromBody> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let RawBody(bytes) = RawBody::from_request(request, app).await?;
        parse(&bytes).map(Self)
    }
}

pub fn parse<T: FromBody>(bytes: &[u8]) -> Result<T, Problem> {
    let body = if bytes.is_empty() { b"{}" } else { bytes };
    Ok(T::read(&json::parse(body)?)?)
}

/// Bodies without a content type are read as JSON: clients leave it out.
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or("?").split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/').unwrap_or((essence, ""));
    let json = subtype.eq_ignore_ascii_case("json") || subtype.to_ascii_lowercase().ends_with("+json");
    essence.is_empty() || (kind.eq_ignore_ascii_case("application") && json)
}

pub async fn read(request: Request, timeout: Duration, limit: Limit) -> Result<Bytes, Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let asks_first = request.headers().contains_key(header::EXPECT);
    let refused_unread =
        announced.is_some_and(|bytes| bytes > limit.discarded_bytes_max || (bytes > limit.bytes_max && asks_first));
    if refused_unread {
        return Err(Problem::too_large());
    }
    tokio::time::timeout(timeout, collect(request.into_body(), limit)).await.unwrap_or_else(|_| Err(Problem::slow_body()))
}

async fn collect(body: Body, limit: Limit) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut discarded: usize = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::incomplete_body())?;
        if discarded > 0 || first.len() + all.len() + chunk.len() > limit.bytes_max {
            discarded += chunk.len();
            if discarded > limit.discarded_bytes_max {
                break;
            }
        } else if first.is_empty() {
            // Most bodies are one chunk, which needs no copy.
            first = chunk;
        } else {
            all.extend_from_slice(&chunk);
        }
    }
    match () {
        () if discarded > 0 => Err(Problem::too_large()),
        () if all.is_empty() => Ok(first),
        () => Ok([first, all.freeze()].concat().into()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn json_and_nothing_are_json() {
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            is_json(&headers)
        };
        for value in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON;charset=UTF-8",
            "application/vnd.api+json",
            "",
        ] {
            assert!(check(value), "{value}");
        }
        for value in
            ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json", "json", "multipart/form-data"]
        {
            assert!(!check(value), "{value}");
        }
        assert!(is_json(&HeaderMap::new()));
    }

    async fn collected(chunks: &[&[u8]]) -> Result<usize, u16> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk))).collect();
        let body = collect(Body::from_stream(futures::stream::iter(chunks)), LIMIT).await;
        body.map(|bytes| bytes.len()).map_err(|problem| problem.into_response().status().as_u16())
    }

    #[tokio::test]
    async fn bodies_have_a_limit() {
        let half = vec![b'x'; BODY_BYTES_MAX / 2];
        assert_eq!(collected(&[]).await, Ok(0));
        assert_eq!(collected(&[b"ab", b"c", b"de"]).await, Ok(5));
        assert_eq!(collected(&[&half, &half]).await, Ok(BODY_BYTES_MAX));
        assert_eq!(collected(&[&half, &half, b"x"]).await, Err(413));
        assert_eq!(collected(&[&half, &half, &half, b"x"]).await, Err(413));
    }
}
