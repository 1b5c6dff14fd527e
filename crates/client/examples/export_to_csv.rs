//! Exports all events of an organization to standard output.
//!
//! ```text
//! ANNALS_API_KEY=sk_… cargo run -p annals-client --example export_to_csv org_… > events.csv
//! ```

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use annals_client::wire::CreateExport;
use annals_client::{Client, now};
use futures::TryStreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let organization = std::env::args().nth(1).ok_or("the organization's id is the argument")?;
    let exports = Client::from_env()?.exports();

    let export = exports.create(&CreateExport::new(organization, UNIX_EPOCH, now())).await?;
    let ready = exports.wait_until_ready(&export.id, Duration::from_secs(300)).await?;
    let mut file = Box::pin(exports.download(&ready).await?);
    let mut output = std::io::stdout().lock();
    while let Some(piece) = file.try_next().await? {
        output.write_all(&piece)?;
    }
    Ok(())
}
