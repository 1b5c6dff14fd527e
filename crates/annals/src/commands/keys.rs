//! `annals keys`.

use annals_client::Paging;
use annals_client::wire::{ApiKey, CreateApiKey, Moment};
use clap::Subcommand;
use futures::StreamExt;

use super::output::Row;
use super::text::moment;
use super::{Failed, With};

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// The API keys of an organization
    List(With<ListArgs>),
    /// Make an API key for an organization; its value is shown this once
    Create(With<CreateArgs>),
    /// Let a key expire, now or at a time
    Expire(With<ExpireArgs>),
    /// Delete a key: it counts no longer
    Delete(With<OneArgs>),
    /// Whose key this is; the value is read from standard input
    Validate(With<ValidateArgs>),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[arg(value_name = "ORG_ID")]
    organization: String,
}

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    #[arg(value_name = "ORG_ID")]
    organization: String,
    /// What it is for
    #[arg(value_name = "NAME")]
    name: String,
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires_at: Option<Moment>,
    /// Permission that the application knows; can be repeated
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct OneArgs {
    #[arg(value_name = "KEY_ID")]
    id: String,
}

#[derive(Debug, clap::Args)]
pub struct ExpireArgs {
    #[arg(value_name = "KEY_ID")]
    id: String,
    /// [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Moment>,
}

#[derive(Debug, clap::Args)]
pub struct ValidateArgs {}

impl Row for ApiKey {
    const COLUMNS: &'static [&'static str] = &["id", "name", "value", "last_used_at", "expires_at", "created_at"];

    fn cells(&self) -> Vec<String> {
        let time = |at: Option<annals_client::wire::Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.0.wire());
        let (last_used, expires) = (time(self.last_used_at), time(self.expires_at));
        vec![self.id.clone(), self.name.clone(), self.obfuscated_value.clone(), last_used, expires, self.created_at.0.wire()]
    }
}

pub async fn run(command: KeysCommand) -> Result<(), Failed> {
    match command {
        KeysCommand::List(with) => {
            let (client, mut output, args) = with.open()?;
            let mut all = std::pin::pin!(client.api_keys().list_all(&args.organization, Paging::default()));
            let mut rows = output.rows();
            while let Some(key) = all.next().await {
                rows.push(&key?)?;
            }
            rows.flush::<ApiKey>()
        }
        KeysCommand::Create(with) => {
            let (client, mut output, args) = with.open()?;
            let permissions = (!args.permissions.is_empty()).then_some(args.permissions);
            let new = CreateApiKey { name: args.name, permissions, expires_at: args.expires_at };
            let made = client.api_keys().create(&args.organization, &new).await?;
            output.told(&made.value, &made)
        }
        KeysCommand::Expire(with) => {
            let (client, mut output, args) = with.open()?;
            let key = client.api_keys().expire(&args.id, args.at).await?;
            output.told(&format!("{} is expired", key.id), &key)
        }
        KeysCommand::Delete(with) => {
            let (client, mut output, args) = with.open()?;
            client.api_keys().delete(&args.id).await?;
            output.told(&format!("{} is deleted", args.id), &serde_json::json!({"id": args.id, "deleted": true}))
        }
        KeysCommand::Validate(with) => {
            let (client, mut output, ValidateArgs {}) = with.open()?;
            let mut value = String::new();
            std::io::stdin().read_line(&mut value)?;
            match client.api_keys().validate(value.trim()).await? {
                Some(key) => output.thing(&key),
                None => Err(Failed::not_found("this is no key of an organization here, or not any more")),
            }
        }
    }
}
