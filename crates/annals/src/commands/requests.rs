//! `annals requests`: the log of API requests.

use annals_client::ApiRequestQuery;
use annals_client::wire::{ApiRequest, Moment};
use clap::Subcommand;
use futures::StreamExt;

use super::output::Row;
use super::text::moment;
use super::{Failed, With};

#[derive(Debug, Subcommand)]
pub enum RequestsCommand {
    /// API requests, newest first
    List(Box<With<ListArgs>>),
    /// One API request in full
    Get(With<GetArgs>),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Such as `organization.create`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Id of the user or API key
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// HTTP method
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// Part of the path
    #[arg(long, value_name = "TEXT")]
    path: Option<String>,
    /// Address of the client
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// This status or a higher one
    #[arg(long, value_name = "STATUS")]
    status_from: Option<u16>,
    /// This status or a lower one
    #[arg(long, value_name = "STATUS")]
    status_to: Option<u16>,
    /// Id of the thing that it was about
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// About this organization
    #[arg(long, value_name = "ORG_ID")]
    org: Option<String>,
    /// At this time or later
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Moment>,
    /// At this time or earlier
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Moment>,
    /// Requests at most
    #[arg(long, value_name = "REQUESTS", default_value_t = 50)]
    limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub struct GetArgs {
    #[arg(value_name = "REQUEST_ID")]
    id: String,
}

impl Row for ApiRequest {
    const COLUMNS: &'static [&'static str] = &["id", "created_at", "status", "method", "path", "action", "actor", "client_ip"];

    fn cells(&self) -> Vec<String> {
        let actor = self.actor.name.as_ref().unwrap_or(&self.actor.id);
        let when = self.created_at.0.wire();
        let texts = [&self.method, &self.path, &self.action, actor, &self.client_ip].map(Clone::clone);
        [vec![self.id.clone(), when, self.status_code.to_string()], texts.into()].concat()
    }
}

impl ListArgs {
    fn query(&self) -> ApiRequestQuery {
        ApiRequestQuery {
            action: self.action.clone(),
            actor_id: self.actor.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            client_ip: self.ip.clone(),
            status_code_min: self.status_from,
            status_code_max: self.status_to,
            target_id: self.target.clone(),
            organization_id: self.org.clone(),
            created_at_min: self.from,
            created_at_max: self.to,
            ..ApiRequestQuery::default()
        }
    }
}

pub async fn run(command: RequestsCommand) -> Result<(), Failed> {
    match command {
        RequestsCommand::List(with) => {
            let (client, mut output, args) = with.open()?;
            let most = if args.all { usize::MAX } else { args.limit };
            let mut requests = std::pin::pin!(client.api_requests().list_all(args.query()).take(most));
            let mut rows = output.rows();
            while let Some(request) = requests.next().await {
                rows.push(&request?)?;
            }
            rows.flush::<ApiRequest>()
        }
        RequestsCommand::Get(with) => {
            let (client, mut output, args) = with.open()?;
            output.thing(&client.api_requests().get(&args.id).await?)
        }
    }
}
