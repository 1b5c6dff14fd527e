//! Clients of a server under torture. They never repeat a request by themselves: whoever sends decides what a lost answer means.

use std::time::Duration;

use annals_client::Client;

use crate::events::{ACTIONS, schema};
use crate::failure::{Doing, Failure};
use crate::server::KEY;

const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const READY_LIMIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

pub fn client(url: &str) -> Result<Client, Failure> {
    client_with_key(url, KEY)
}

pub fn client_with_key(url: &str, key: &str) -> Result<Client, Failure> {
    Client::builder().base_url(url).api_key(key).retries(0).timeout(REQUEST_LIMIT).build().doing("cannot make a client")
}

/// For what no client type sends: broken bodies, single headers, `/metrics`. Put the key in yourself.
pub fn http() -> Result<reqwest::Client, Failure> {
    // The server speaks plain HTTP here; a machine without certificates of authorities will do.
    let builder = reqwest::Client::builder().timeout(REQUEST_LIMIT).no_proxy().tls_certs_only([]);
    builder.build().doing("cannot make a client")
}

/// `GET /ready` says 200 within a bounded time.
pub async fn wait_until_ready(http: &reqwest::Client, url: &str) -> Result<(), Failure> {
    let started = std::time::Instant::now();
    loop {
        let said = match http.get(format!("{url}/ready")).send().await {
            Ok(answer) if answer.status() == 200 => return Ok(()),
            Ok(answer) => format!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
            Err(error) => error.to_string(),
        };
        if started.elapsed() > READY_LIMIT {
            return Err(Failure::new(format!("/ready does not come back: {said}")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The sum of a metric over all of its labels; `None` when it is not there.
pub async fn metric(http: &reqwest::Client, url: &str, name: &str) -> Result<Option<f64>, Failure> {
    let answer = http.get(format!("{url}/metrics")).send().await.doing("cannot ask for /metrics")?;
    let text = answer.text().await.doing("cannot read /metrics")?;
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let is_it = rest.starts_with([' ', '{']);
        is_it.then(|| rest.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
    };
    Ok(text.lines().filter_map(value).reduce(|sum, more| sum + more))
}

/// Schemas for everything that [`crate::events`] makes.
pub async fn create_schemas(client: &Client) -> Result<(), Failure> {
    for action in ACTIONS {
        client.schemas().create(action, &schema()).await.doing(format!("cannot make the schema of {action}"))?;
    }
    Ok(())
}
