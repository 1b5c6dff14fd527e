//! `annals purge`: carries out retention now, or shows what it would take.

use annals_client::Client;
use annals_client::wire::PurgedOrganization;

use super::Failed;
use super::output::{Output, Row};

pub const EXAMPLES: &str = "\
Examples:
  annals purge --dry-run          what would go, organization by organization
  annals purge                    do it now; the server does it every day by itself";

#[derive(Debug, clap::Args)]
pub struct PurgeArgs {
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
}

impl Row for PurgedOrganization {
    const COLUMNS: &'static [&'static str] = &["organization", "events", "from_seq", "through_seq", "received_before"];

    fn cells(&self) -> Vec<String> {
        let numbers = [self.events, self.from_seq, self.through_seq].map(|number| number.to_string());
        let [events, from_seq, through_seq] = numbers;
        vec![self.organization_id.clone(), events, from_seq, through_seq, self.received_before.0.wire()]
    }
}

pub async fn run((client, mut output, args): (Client, Output, PurgeArgs)) -> Result<(), Failed> {
    let purged = client.retention().purge(args.dry_run).await?;
    let mut rows = output.rows();
    for organization in &purged.data {
        rows.push(organization)?;
    }
    rows.flush::<PurgedOrganization>()?;
    let verb = if args.dry_run { "would go" } else { "went" };
    eprintln!("{} events of {} organizations {verb}", purged.events, purged.organizations);
    Ok(())
}
