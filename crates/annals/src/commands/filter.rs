//! Which audit events: the filters of `list`, `tail` and `export`.

use annals_client::AuditEventFilter;
use annals_client::wire::Moment;

use super::text::{moment, pair};

#[derive(Debug, Clone, clap::Args)]
pub struct FilterArgs {
    /// Organization
    #[arg(long, value_name = "ORG_ID", help_heading = "Filters")]
    pub org: Option<String>,
    /// Action; `user.*` are all that begin with `user.`. Filters that can be repeated let through what matches any of their values
    #[arg(long = "action", value_name = "ACTION", help_heading = "Filters")]
    pub actions: Vec<String>,
    /// Id of an actor
    #[arg(long = "actor", value_name = "ID", help_heading = "Filters")]
    pub actor_ids: Vec<String>,
    /// Name of an actor
    #[arg(long = "actor-name", value_name = "NAME", help_heading = "Filters")]
    pub actor_names: Vec<String>,
    /// Type of an actor
    #[arg(long = "actor-type", value_name = "TYPE", help_heading = "Filters")]
    pub actor_types: Vec<String>,
    /// Id of a target
    #[arg(long = "target", value_name = "ID", help_heading = "Filters")]
    pub target_ids: Vec<String>,
    /// Type of a target
    #[arg(long = "target-type", value_name = "TYPE", help_heading = "Filters")]
    pub target_types: Vec<String>,
    /// Location, exactly
    #[arg(long = "location", value_name = "LOCATION", help_heading = "Filters")]
    pub locations: Vec<String>,
    /// Happened at this time or later
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = "Filters")]
    pub from: Option<Moment>,
    /// Happened at this time or earlier
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = "Filters")]
    pub to: Option<Moment>,
    /// Recorded at this time or later
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = "Filters")]
    pub received_from: Option<Moment>,
    /// Recorded at this time or earlier
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = "Filters")]
    pub received_to: Option<Moment>,
    /// Metadata of the event; all that are given must match
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = pair, help_heading = "Filters")]
    pub metadata: Vec<(String, String)>,
    /// Part of any value in the event, in upper or lower case
    #[arg(long, value_name = "TEXT", help_heading = "Filters")]
    pub search: Option<String>,
}

impl FilterArgs {
    pub fn filter(&self) -> AuditEventFilter {
        let Self { org, actions, actor_ids, actor_names, actor_types, target_ids, target_types, locations, .. } = self.clone();
        AuditEventFilter {
            organization_id: org,
            actions,
            actor_ids,
            actor_names,
            actor_types,
            target_ids,
            target_types,
            locations,
            occurred_at_min: self.from,
            occurred_at_max: self.to,
            received_at_min: self.received_from,
            received_at_max: self.received_to,
            metadata: self.metadata.clone(),
            search: self.search.clone(),
        }
    }
}
