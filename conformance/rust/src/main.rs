//! The whole journey with the unmodified `workos` crate. Needs ANNALS_URL and ANNALS_API_KEY; stops at the first difference.

mod cells;
mod check;
mod events;
mod exports;
mod feed;
mod keys;
mod organizations;
mod records;
mod schemas;

use std::process::ExitCode;

use check::{Checked, Difference};
use events::Journey;
use workos::Client;

/// Well formed, and nobody's.
const NO_ORGANIZATION: &str = "org_01HEQ7M5X0000000000000001A";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match journey().await {
        Ok(()) => {
            println!("rust: every promise holds");
            ExitCode::SUCCESS
        }
        Err(difference) => {
            eprintln!("DIFFERENCE  {difference:?}");
            ExitCode::FAILURE
        }
    }
}

async fn journey() -> Checked {
    let url = required("ANNALS_URL")?;
    let client = connect(&url, &required("ANNALS_API_KEY")?)?;
    let sent = Journey::new();
    let (organization, second) = organizations::checked(&client).await?;
    schemas::checked(&client).await?;
    records::refused_events(&client, &organization, &sent).await?;
    records::recorded_events(&client, &organization, &second, &sent).await?;
    exports::checked(&client, &organization, &sent).await?;
    organizations::retention(&client, &organization).await?;
    keys::checked(&client, &organization).await?;
    keys::wrong_key(&connect(&url, "sk_wrong")?, &organization, &sent).await?;
    organizations::deletion(&client, &second).await?;
    organizations::pagination(&client).await?;
    feed::checked(&client, &connect(&url, "sk_wrong")?, &url).await
}

fn required(name: &str) -> Checked<String> {
    std::env::var(name).map_err(|_| Difference(format!("{name} is not set")))
}

fn connect(url: &str, key: &str) -> Checked<Client> {
    Ok(Client::builder().api_key(key).base_url(url.trim_end_matches('/')).try_build()?)
}
