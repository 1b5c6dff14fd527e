//! Settings of a client, checked once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use annals_core::secret::ApiKeySecret;
use http::HeaderValue;
use url::Url;

use crate::client::Client;
use crate::transport::{RetryPolicy, Transport};

const DEFAULT_BASE_URL: &str = "http://127.0.0.1:4100";

/// Settings of a [`Client`]. Only the API key has no default.
///
/// ```
/// use std::time::Duration;
/// let client = annals_client::Client::builder()
///     .api_key("sk_example_0123456789")
///     .base_url("https://annals.example.com")
///     .timeout(Duration::from_secs(10))
///     .retries(5)
///     .build()?;
/// # Ok::<(), annals_client::BuildError>(())
/// ```
#[derive(Clone)]
pub struct ClientBuilder {
    api_key: Option<String>,
    base_url: String,
    user_agent: String,
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
}

/// Settings that do not make a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("no API key: set it, or ANNALS_API_KEY for a client from the environment")]
    NoApiKey,
    /// The key is not shown.
    #[error("the API key must be 8 to 256 printable ASCII characters without spaces")]
    InvalidApiKey,
    #[error("the base URL {url:?} {reason}")]
    InvalidBaseUrl { url: String, reason: &'static str },
    #[error("the user agent {0:?} must be printable ASCII")]
    InvalidUserAgent(String),
    #[error("HTTP cannot be set up")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: DEFAULT_BASE_URL.to_owned(),
            user_agent: concat!("annals-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
        }
    }
}

impl ClientBuilder {
    /// What the environment names: `ANNALS_API_KEY`, else `WORKOS_API_KEY`; `ANNALS_BASE_URL`, else `WORKOS_BASE_URL`. An empty
    /// variable counts as absent.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&str; 2]| names.into_iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let base_url = first(["ANNALS_BASE_URL", "WORKOS_BASE_URL"]).unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
        Self { api_key: first(["ANNALS_API_KEY", "WORKOS_API_KEY"]), base_url, ..Self::default() }
    }

    /// The key of an environment or of one organization.
    #[must_use]
    pub fn api_key(self, key: impl Into<String>) -> Self {
        Self { api_key: Some(key.into()), ..self }
    }
    /// Where the server is, `http://127.0.0.1:4100` unless set. A path is put before every route.
    #[must_use]
    pub fn base_url(self, url: impl Into<String>) -> Self {
        Self { base_url: url.into(), ..self }
    }
    /// Put before `annals-client/<version>`, such as `billing/1.4`.
    #[must_use]
    pub fn application(self, name: &str) -> Self {
        Self { user_agent: format!("{name} annals-client/{}", env!("CARGO_PKG_VERSION")), ..self }
    }
    /// For one attempt, from the connection to the last byte; of a stream, to its beginning. 30 seconds unless set.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
    /// 5 seconds unless set.
    #[must_use]
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }
    /// Attempts after the first, 3 unless set.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retry.retries = retries;
        self
    }
    #[must_use]
    pub fn retry_policy(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// # Errors
    /// A setting is missing or wrong. Nothing is sent here.
    pub fn build(self) -> Result<Client, BuildError> {
        let secret = ApiKeySecret::from_text(&self.api_key.ok_or(BuildError::NoApiKey)?).ok_or(BuildError::InvalidApiKey)?;
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {}", secret.expose())).map_err(|_| BuildError::InvalidApiKey)?;
        authorization.set_sensitive(true);
        let base = base_url(&self.base_url)?;
        let user_agent = HeaderValue::from_str(&self.user_agent).map_err(|_| BuildError::InvalidUserAgent(self.user_agent))?;
        let settings = || {
            reqwest::Client::builder()
                .user_agent(user_agent.clone())
                .connect_timeout(self.connect_timeout)
                // The key goes to the base URL and nowhere else.
                .redirect(reqwest::redirect::Policy::none())
        };
        // A machine that has no certificates of authorities, such as a small container, can still speak to a server without TLS.
        let without_tls = |error| if base.scheme() == "http" { settings().tls_certs_only([]).build() } else { Err(error) };
        let http = settings().build().or_else(without_tls).map_err(|error| BuildError::Http(error.into()))?;
        let transport = Transport { http, base, authorization, timeout: self.timeout, retry: self.retry };
        Ok(Client::new(Arc::new(transport)))
    }
}

fn base_url(text: &str) -> Result<Url, BuildError> {
    let wrong = |reason| BuildError::InvalidBaseUrl { url: text.to_owned(), reason };
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    match () {
        () if !matches!(url.scheme(), "http" | "https") => Err(wrong("must begin with http:// or https://")),
        () if !url.username().is_empty() || url.password().is_some() => {
            // Not repeated: it holds a password.
            Err(BuildError::InvalidBaseUrl { url: "(hidden)".to_owned(), reason: "must not have a user name or password" })
        }
        () if url.query().is_some() || url.fragment().is_some() => Err(wrong("must not have a query or a fragment")),
        () => Ok(url),
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url)
            .field("user_agent", &self.user_agent)
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk_test_secret_part";

    #[test]
    fn annals_variables_come_before_those_of_workos() {
        let built = |variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            let builder = ClientBuilder::from_variables(find);
            (builder.api_key, builder.base_url)
        };
        assert_eq!(built(&[]), (None, DEFAULT_BASE_URL.to_owned()));
        let workos = [("WORKOS_API_KEY", "w"), ("WORKOS_BASE_URL", "http://w")];
        assert_eq!(built(&workos), (Some("w".to_owned()), "http://w".to_owned()));
        let both = [workos[0], workos[1], ("ANNALS_API_KEY", "a"), ("ANNALS_BASE_URL", "http://a")];
        assert_eq!(built(&both), (Some("a".to_owned()), "http://a".to_owned()));
        let empty = [workos[0], workos[1], ("ANNALS_API_KEY", ""), ("ANNALS_BASE_URL", "")];
        assert_eq!(built(&empty).0.as_deref(), Some("w"));
    }

    #[test]
    fn the_key_is_never_printed() {
        let builder = ClientBuilder::default().api_key(KEY);
        assert!(!format!("{builder:?}").contains("secret"));
        let client = builder.build().expect("a client");
        assert!(!format!("{client:?}").contains("secret"), "{client:?}");
        let Err(error) = ClientBuilder::default().api_key(format!("{KEY} with spaces")).build() else { panic!("refused") };
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn wrong_settings_are_named() {
        for (url, reason) in [
            ("localhost:4100", "http"),
            ("annals", "not a URL"),
            ("ftp://x", "http"),
            ("http://user:secret@x", "user name"),
            ("http://x?a=b", "query"),
        ] {
            let Err(error) = ClientBuilder::default().api_key(KEY).base_url(url).build() else { panic!("{url}") };
            assert!(error.to_string().contains(reason) && !error.to_string().contains("secret"), "{url}: {error}");
        }
        assert!(matches!(ClientBuilder::default().build(), Err(BuildError::NoApiKey)));
        assert!(matches!(
            ClientBuilder::default().api_key(KEY).application("a\nb").build(),
            Err(BuildError::InvalidUserAgent(_))
        ));
    }
}
