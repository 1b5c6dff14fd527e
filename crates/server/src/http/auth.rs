//! Permission as extractors: a caller in a handler's signature means that its API key was checked.

use annals_core::ids::OrganizationId;
use annals_engine::tenants::{EnvironmentScope, OrganizationScope, RefusedKey, Scope};
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::App;
use super::path::PathId;
use super::problem::Problem;
use super::recording::{Note, Refused, client_address};

/// Any valid key.
pub struct Caller(pub Scope);

/// A key of the whole environment. Keys of one organization get 403.
pub struct EnvironmentCaller {
    pub scope: Scope,
    pub environment: EnvironmentScope,
}

/// A key that may see the organization in the path, which exists. Otherwise 404, so that nobody learns of organizations elsewhere.
pub struct OrganizationCaller(pub OrganizationScope);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let checked = match bearer(parts) {
            Some(key) => app.engine().tenants().check_key(key).await?,
            None => Err(RefusedKey::UNKNOWN),
        };
        let scope = match checked {
            Ok(scope) => scope,
            Err(key) => {
                let trust = app.config().trust_forwarded_for;
                app.limits().refused_key(client_address(&parts.headers, &parts.extensions, trust))?;
                return Err(Problem::unauthorized().of(Refused::new(key, parts, app)));
            }
        };
        // Before the note: requests beyond a limit leave no entries in the log.
        app.limits().admit(&scope, parts)?;
        Note::of(parts).caller(scope);
        Ok(Self(scope))
    }
}

impl FromRequestParts<App> for EnvironmentCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(scope) = Caller::from_request_parts(parts, app).await?;
        Ok(Self { scope, environment: scope.environment()? })
    }
}

impl FromRequestParts<App> for OrganizationCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(scope) = Caller::from_request_parts(parts, app).await?;
        let PathId(id) = PathId::<OrganizationId>::from_request_parts(parts, app).await?;
        let organization = app.engine().tenants().organization_scope(&scope, id).await;
        organization.map(Self).map_err(Problem::organization(&id))
    }
}

/// The key of `Authorization: Bearer <key>`, when there is exactly one such header.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn check(headers: &[&str], key: Option<&str>) {
        let mut request = Request::builder();
        for header in headers {
            request = request.header("authorization", *header);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(bearer(&parts), key, "{headers:?}");
    }

    #[test]
    fn one_bearer_header_holds_the_key() {
        check(&["Bearer sk_1"], Some("sk_1"));
        check(&["bearer  sk_1 "], Some("sk_1"));
        check(&[], None);
        check(&["sk_1"], None);
        check(&["Basic sk_1"], None);
        check(&["Bearer"], None);
        check(&["Bearer a", "Bearer b"], None);
    }
}
