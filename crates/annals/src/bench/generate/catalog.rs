//! What people do in a business application: 60 actions, the busiest first, and the kinds of things that they do it to.

use super::time::TimeForm;

/// One row is one schema: an event of the action has exactly these targets.
pub struct Action {
    pub name: &'static str,
    pub targets: &'static [TargetKind],
    pub service: Service,
}

/// The part of the application that sends the event. It decides which client library is used.
#[derive(Clone, Copy)]
pub enum Service {
    Web,
    Identity,
    Data,
    Billing,
    Directory,
}

impl Service {
    pub fn time_form(self) -> TimeForm {
        match self {
            Service::Web => TimeForm::Milliseconds,
            Service::Identity => TimeForm::Nanoseconds,
            Service::Data => TimeForm::MillisecondsWithoutZone,
            Service::Billing => TimeForm::Ticks,
            Service::Directory => TimeForm::NanosecondsWithOffset,
        }
    }

    /// Some libraries mark the keys that they make.
    pub fn key_prefix(self) -> &'static str {
        match self {
            Service::Web => "workos-node-",
            Service::Identity | Service::Directory => "workos-go-",
            Service::Data | Service::Billing => "",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    User,
    /// The actor, as a user: who signs in does it for no one else.
    Oneself,
    Document,
    Folder,
    File,
    Record,
    Session,
    Comment,
    Dashboard,
    Report,
    Task,
    Project,
    Team,
    Role,
    Invitation,
    ApiKey,
    Integration,
    Webhook,
    Invoice,
    Subscription,
    Connection,
    Domain,
}

/// Which things of a kind an organization has.
pub enum Stock {
    /// The people that also act.
    Members,
    /// So many for every member, met again and again.
    PerMember(u32),
    /// A new one in every event.
    Fresh,
}

pub enum IdShape {
    Ulid(&'static str),
    Uuid,
}

impl TargetKind {
    pub fn wire_name(self) -> &'static str {
        match self {
            TargetKind::User | TargetKind::Oneself => "user",
            TargetKind::Document => "document",
            TargetKind::Folder => "folder",
            TargetKind::File => "file",
            TargetKind::Record => "record",
            TargetKind::Session => "session",
            TargetKind::Comment => "comment",
            TargetKind::Dashboard => "dashboard",
            TargetKind::Report => "report",
            TargetKind::Task => "task",
            TargetKind::Project => "project",
            TargetKind::Team => "team",
            TargetKind::Role => "role",
            TargetKind::Invitation => "invitation",
            TargetKind::ApiKey => "api_key",
            TargetKind::Integration => "integration",
            TargetKind::Webhook => "webhook",
            TargetKind::Invoice => "invoice",
            TargetKind::Subscription => "subscription",
            TargetKind::Connection => "connection",
            TargetKind::Domain => "domain",
        }
    }

    pub fn stock(self) -> Stock {
        match self {
            TargetKind::User | TargetKind::Oneself => Stock::Members,
            TargetKind::Document | TargetKind::Record | TargetKind::Task => Stock::PerMember(40),
            TargetKind::File => Stock::PerMember(20),
            TargetKind::Folder | TargetKind::Dashboard | TargetKind::Report => Stock::PerMember(4),
            TargetKind::Session | TargetKind::Comment | TargetKind::Invitation | TargetKind::Invoice => Stock::Fresh,
            _ => Stock::PerMember(1),
        }
    }

    pub fn id_shape(self) -> IdShape {
        match self {
            TargetKind::User | TargetKind::Oneself => IdShape::Ulid("user_"),
            TargetKind::Session => IdShape::Ulid("session_"),
            TargetKind::Invitation => IdShape::Ulid("invitation_"),
            TargetKind::Connection => IdShape::Ulid("conn_"),
            TargetKind::ApiKey => IdShape::Ulid("api_key_"),
            TargetKind::Document => IdShape::Ulid("doc_"),
            TargetKind::Project => IdShape::Ulid("proj_"),
            TargetKind::Team => IdShape::Ulid("team_"),
            _ => IdShape::Uuid,
        }
    }
}

use Service::{Billing, Data, Directory, Identity, Web};
use TargetKind::*;

const fn action(name: &'static str, service: Service, targets: &'static [TargetKind]) -> Action {
    Action { name, targets, service }
}

/// By frequency. The actions with two targets together make one event in five.
pub const ACTIONS: [Action; 60] = [
    action("document.viewed", Web, &[Document]),
    action("user.signed_in", Identity, &[Oneself]),
    action("document.updated", Web, &[Document, Folder]),
    action("file.downloaded", Web, &[File, Folder]),
    action("record.viewed", Data, &[Record]),
    action("user.signed_out", Identity, &[Oneself]),
    action("session.refreshed", Identity, &[Session]),
    action("record.updated", Data, &[Record]),
    action("comment.created", Web, &[Comment, Document]),
    action("file.uploaded", Web, &[File]),
    action("dashboard.viewed", Web, &[Dashboard]),
    action("document.created", Web, &[Document]),
    action("report.exported", Data, &[Report]),
    action("user.sign_in_failed", Identity, &[Oneself]),
    action("task.updated", Web, &[Task, Project]),
    action("task.completed", Web, &[Task]),
    action("document.shared", Web, &[Document, User]),
    action("record.created", Data, &[Record]),
    action("query.executed", Data, &[Dashboard]),
    action("integration.synced", Data, &[Integration]),
    action("webhook.delivered", Web, &[Webhook]),
    action("record.deleted", Data, &[Record]),
    action("webhook.failed", Web, &[Webhook]),
    action("document.deleted", Web, &[Document]),
    action("file.deleted", Web, &[File]),
    action("user.password_reset_requested", Identity, &[Oneself]),
    action("user.mfa_challenged", Identity, &[Oneself, Session]),
    action("user.invited", Identity, &[Invitation]),
    action("invitation.accepted", Identity, &[Invitation, Oneself]),
    action("user.role_changed", Identity, &[User, Role]),
    action("team.member_added", Directory, &[Team, User]),
    action("team.member_removed", Directory, &[Team, User]),
    action("project.created", Web, &[Project]),
    action("project.updated", Web, &[Project]),
    action("project.archived", Web, &[Project]),
    action("user.password_changed", Identity, &[Oneself]),
    action("user.mfa_enabled", Identity, &[Oneself]),
    action("user.created", Directory, &[User]),
    action("user.updated", Directory, &[User]),
    action("user.suspended", Directory, &[User]),
    action("user.deleted", Directory, &[User]),
    action("api_key.created", Identity, &[ApiKey]),
    action("api_key.revoked", Identity, &[ApiKey]),
    action("permission.granted", Identity, &[Role, User]),
    action("permission.revoked", Identity, &[Role, User]),
    action("integration.connected", Web, &[Integration]),
    action("integration.disconnected", Web, &[Integration]),
    action("webhook.created", Web, &[Webhook]),
    action("webhook.deleted", Web, &[Webhook]),
    action("invoice.created", Billing, &[Invoice, Subscription]),
    action("invoice.paid", Billing, &[Invoice]),
    action("subscription.updated", Billing, &[Subscription]),
    action("payment_method.updated", Billing, &[Subscription]),
    action("connection.created", Directory, &[Connection]),
    action("connection.updated", Directory, &[Connection]),
    action("domain.verified", Directory, &[Domain]),
    action("directory.user_provisioned", Directory, &[User, Connection]),
    action("team.created", Directory, &[Team]),
    action("role.updated", Identity, &[Role]),
    action("audit_log.exported", Web, &[Report]),
];
