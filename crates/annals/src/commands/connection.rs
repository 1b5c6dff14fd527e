//! Which server, and with which key. A key is never printed; it comes from the environment or a file, because arguments show in process
//! lists.

use std::path::PathBuf;
use std::time::Duration;

use annals_client::{BuildError, Client};

use super::Failed;

#[derive(Debug, clap::Args)]
pub struct ConnectionArgs {
    /// The server [default: $ANNALS_BASE_URL, $WORKOS_BASE_URL, or http://127.0.0.1:4100]
    #[arg(long, env = "ANNALS_URL", value_name = "URL", help_heading = "Server")]
    url: Option<String>,
    /// A file that holds the API key [default: the key in $ANNALS_API_KEY or $WORKOS_API_KEY]
    #[arg(long, env = "ANNALS_API_KEY_FILE", value_name = "FILE", help_heading = "Server")]
    api_key_file: Option<PathBuf>,
    /// How often a request that failed is sent again
    #[arg(long, value_name = "TIMES", default_value_t = 3, help_heading = "Server")]
    retries: u32,
    /// Seconds that one attempt may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Server")]
    timeout: u64,
}

impl ConnectionArgs {
    pub fn retries(&self) -> u32 {
        self.retries
    }

    pub fn client(&self) -> Result<Client, Failed> {
        let mut builder = annals_client::ClientBuilder::from_env()
            .application(concat!("annals-cli/", env!("CARGO_PKG_VERSION")))
            .retries(self.retries)
            .timeout(Duration::from_secs(self.timeout));
        if let Some(url) = &self.url {
            builder = builder.base_url(url);
        }
        if let Some(path) = &self.api_key_file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failed::usage(format!("the file of the API key, {}: {error}", path.display())))?;
            builder = builder.api_key(text.trim());
        }
        builder.build().map_err(|error| match error {
            BuildError::NoApiKey => {
                Failed::usage("there is no API key: set ANNALS_API_KEY, or name a file that holds it with --api-key-file")
            }
            other => Failed::usage(other.to_string()),
        })
    }
}
