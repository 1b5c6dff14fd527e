//! The Rust client and the server, against each other.

mod feeds;
mod reading;
mod recording;
mod tenants;

use annals_client::wire::{Actor, AuditEvent, CreateOrganization, CreateSchema, Organization, Target};
use annals_client::{Client, wire};

use crate::server::{KEY, Server};

/// A server of its own, with one action and one organization.
struct World {
    _folder: tempfile::TempDir,
    server: Server,
    client: Client,
    organization: Organization,
}

const ACTION: &str = "user.signed_in";

fn client(server: &Server, key: &str) -> Client {
    Client::builder().api_key(key).base_url(&server.url).build().expect("a client")
}

fn schema() -> CreateSchema {
    CreateSchema::of_targets(["team"])
}

fn named(name: &str) -> CreateOrganization {
    CreateOrganization { name: name.to_owned(), ..CreateOrganization::default() }
}

fn time(text: &str) -> wire::Moment {
    wire::Moment(text.parse().expect("a time"))
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("temp folder");
        let server = Server::start(&folder.path().join("data"), &[]);
        let client = client(&server, KEY);
        client.schemas().create(ACTION, &schema()).await.expect("a schema");
        let organization = client.organizations().create(&named("Acme")).await.expect("an organization");
        Self { _folder: folder, server, client, organization }
    }

    fn event(&self, actor: &str) -> AuditEvent {
        AuditEvent::new(ACTION, annals_client::now(), Actor::new("user", actor)).target(Target::new("team", "t")).location("::1")
    }
}
