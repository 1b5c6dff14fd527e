//! The OpenAPI document, made from the handlers, and a page that shows it. The page loads nothing from other servers and has no inline script.

use axum::Extension;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use utoipa::OpenApi;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ObjectBuilder, RefOr, Type};

use super::answer::JSON;
use super::path::PathText;
use super::problem::Problem;

/// What every operation shares.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Annals",
        description = "The audit log that a company owns: record who did what to which resource, and export it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(
        annals_core::wire::ErrorMessage,
        annals_core::wire::FieldProblem,
        annals_core::wire::ValidationFailed,
        annals_core::wire::InvalidAuditEvent,
        annals_core::wire::BrokenRule,
        annals_core::wire::BadRequest
    )),
    security(("bearer" = [])),
    tags(
        (name = "audit-logs", description = "Events, their schemas, exports and retention"),
        (name = "events", description = "The environment's feed of what happened"),
        (name = "audit-trail", description = "The older Audit Trail API, as clients of its time speak it"),
        (name = "organizations", description = "The customers of your application"),
        (name = "api-keys", description = "Keys of single organizations"),
        (name = "api-requests", description = "The log of requests that somebody made to an API"),
        (name = "server", description = "The server itself; needs no API key")
    )
)]
struct Shared;

pub fn shared() -> utoipa::openapi::OpenApi {
    let mut document = Shared::openapi();
    let scheme =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key: `Authorization: Bearer sk_…`")).build();
    document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    document
}

/// Adds what the envelope does to every answer.
pub fn finish(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let request_id = HeaderBuilder::new().schema(Some(text)).description(Some("Names this request in the server's log")).build();
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(60));
    let retry_after = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait before the next try")).build();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for (status, response) in operations.into_iter().flatten().flat_map(|operation| &mut operation.responses.responses) {
            let RefOr::T(response) = response else { continue };
            // Refused by the HTTP library, before the envelope.
            if status == "414" {
                continue;
            }
            response.headers.insert("X-Request-Id".to_owned(), request_id.clone().into());
            if status == "429" || status == "503" {
                response.headers.insert("Retry-After".to_owned(), retry_after.clone().into());
            }
        }
    }
    document
}

/// The document as it is sent.
#[derive(Clone)]
pub struct Document(pub Bytes);

/// The OpenAPI document of this server
#[utoipa::path(
    get, path = "/openapi.json", tag = "server", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
pub async fn openapi(Extension(Document(document)): Extension<Document>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], document)
}

/// The documentation page
#[utoipa::path(
    get, path = "/docs", tag = "server", security(()),
    responses((status = 200, description = "A page that shows the OpenAPI document", body = String, content_type = "text/html"))
)]
pub async fn page() -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}

/// A file of the documentation page
#[utoipa::path(
    get, path = "/docs/{file}", tag = "server", security(()),
    params(("file" = String, Path, description = "Name of the file")),
    responses(
        (status = 200, description = "The file", content((String = "text/css"), (String = "text/javascript"), (String = "image/png"))),
        (status = 404, description = "No such file", body = annals_core::wire::ErrorMessage)
    )
)]
pub async fn file(PathText(name): PathText) -> Result<Response, Problem> {
    let (kind, bytes) = match name.as_str() {
        "start.js" => ("text/javascript; charset=utf-8", START.into()),
        "swagger-ui.css" => ("text/css; charset=utf-8", vendored(&name)?),
        "swagger-ui-bundle.js" => ("text/javascript; charset=utf-8", vendored(&name)?),
        "favicon-32x32.png" => ("image/png", vendored(&name)?),
        _ => return Err(Problem::no_route()),
    };
    let cached = HeaderValue::from_static("public, max-age=3600");
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CACHE_CONTROL, cached)], bytes).into_response())
}

fn vendored(name: &str) -> Result<Bytes, Problem> {
    let file = utoipa_swagger_ui::serve(name, std::sync::Arc::new(utoipa_swagger_ui::Config::from("/openapi.json")));
    let file =
        file.map_err(Problem::internal)?.ok_or_else(|| Problem::internal("a file of the documentation page is missing"))?;
    Ok(match file.bytes {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => bytes.into(),
    })
}

/// The page's own styles are set by its script, element by element.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Annals API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#;

const START: &str = r##"SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true });
"##;
