//! Names of the feed's events, as constants. The server takes any other well-formed name too: these are the ones that other clients know.
//!
//! A constant is called what it says, with `_` for each dot. The Go package `events` has names of its own:
//!
//! | `events` (Go) | here |
//! |---|---|
//! | `ConnectionActivated` | [`CONNECTION_ACTIVATED`] |
//! | `ConnectionDeactivated` | [`CONNECTION_DEACTIVATED`] |
//! | `ConnectionDeleted` | [`CONNECTION_DELETED`] |
//! | `DirectoryActivated` | [`DSYNC_ACTIVATED`] |
//! | `DirectoryDeleted` | [`DSYNC_DELETED`] |
//! | `DirectoryUserCreated` | [`DSYNC_USER_CREATED`] |
//! | `DirectoryUserUpdated` | [`DSYNC_USER_UPDATED`] |
//! | `DirectoryUserDeleted` | [`DSYNC_USER_DELETED`] |
//! | `DirectoryGroupCreated` | [`DSYNC_GROUP_CREATED`] |
//! | `DirectoryGroupUpdated` | [`DSYNC_GROUP_UPDATED`] |
//! | `DirectoryGroupDeleted` | [`DSYNC_GROUP_DELETED`] |
//! | `DirectoryGroupUserAdded` | [`DSYNC_GROUP_USER_ADDED`] |
//! | `DirectoryGroupUserRemoved` | [`DSYNC_GROUP_USER_REMOVED`] |
//! | `DirectroyGroupUserRemoved` | [`DSYNC_GROUP_USER_REMOVED`] |
//! | `OrganizationCreated` | [`ORGANIZATION_CREATED`] |
//! | `OrganizationUpdated` | [`ORGANIZATION_UPDATED`] |
//! | `OrganizationDeleted` | [`ORGANIZATION_DELETED`] |
//! | `AuthenticationEmailVerificationSucceeded` | [`AUTHENTICATION_EMAIL_VERIFICATION_SUCCEEDED`] |
//! | `AuthenticationMagicAuthFailed` | [`AUTHENTICATION_MAGIC_AUTH_FAILED`] |
//! | `AuthenticationMagicAuthSucceeded` | [`AUTHENTICATION_MAGIC_AUTH_SUCCEEDED`] |
//! | `AuthenticationMfaSucceeded` | [`AUTHENTICATION_MFA_SUCCEEDED`] |
//! | `AuthenticationOauthFailed` | [`AUTHENTICATION_OAUTH_FAILED`] |
//! | `AuthenticationOauthSucceeded` | [`AUTHENTICATION_OAUTH_SUCCEEDED`] |
//! | `AuthenticationPasswordFailed` | [`AUTHENTICATION_PASSWORD_FAILED`] |
//! | `AuthenticationPasswordSucceeded` | [`AUTHENTICATION_PASSWORD_SUCCEEDED`] |
//! | `AuthenticationSsoFailed` | [`AUTHENTICATION_SSO_FAILED`] |
//! | `AuthenticationSsoSucceeded` | [`AUTHENTICATION_SSO_SUCCEEDED`] |
//! | `UserCreated` | [`USER_CREATED`] |
//! | `UserUpdated` | [`USER_UPDATED`] |
//! | `UserDeleted` | [`USER_DELETED`] |
//! | `OrganizationMembershipAdded` | [`ORGANIZATION_MEMBERSHIP_ADDED`] |
//! | `OrganizationMembershipCreated` | [`ORGANIZATION_MEMBERSHIP_CREATED`] |
//! | `OrganizationMembershipDeleted` | [`ORGANIZATION_MEMBERSHIP_DELETED`] |
//! | `OrganizationMembershipUpdated` | [`ORGANIZATION_MEMBERSHIP_UPDATED`] |
//! | `OrganizationMembershipRemoved` | [`ORGANIZATION_MEMBERSHIP_REMOVED`] |
//! | `SessionCreated` | [`SESSION_CREATED`] |
//! | `EmailVerificationCreated` | [`EMAIL_VERIFICATION_CREATED`] |
//! | `InvitationCreated` | [`INVITATION_CREATED`] |
//! | `MagicAuthCreated` | [`MAGIC_AUTH_CREATED`] |
//! | `PasswordResetCreated` | [`PASSWORD_RESET_CREATED`] |
//! | `PasswordResetSucceeded` | [`PASSWORD_RESET_SUCCEEDED`] |
//! | `OrganizationDomainCreated` | [`ORGANIZATION_DOMAIN_CREATED`] |
//! | `OrganizationDomainUpdated` | [`ORGANIZATION_DOMAIN_UPDATED`] |
//! | `OrganizationDomainDeleted` | [`ORGANIZATION_DOMAIN_DELETED`] |
//! | `OrganizationDomainVerified` | [`ORGANIZATION_DOMAIN_VERIFIED`] |
//! | `OrganizationDomainVerificationFailed` | [`ORGANIZATION_DOMAIN_VERIFICATION_FAILED`] |

/// Every name, where events are asked for.
pub const EVERY_NAME: &str = "*";

/// Declares the constants, and the list by which a test compares them with the server's.
macro_rules! names {
    ($($name:ident = $text:literal),+ $(,)?) => {
        $(#[doc = concat!("`", $text, "`")] pub const $name: &str = $text;)+

        #[cfg(test)]
        const NAMES: &[&str] = &[$($text),+];
    };
}

names! {
    ACTION_AUTHENTICATION_DENIED = "action.authentication.denied",
    ACTION_USER_REGISTRATION_DENIED = "action.user_registration.denied",
    AGENT_REGISTRATION_CLAIM_ATTEMPT_CREATED = "agent.registration.claim.attempt.created",
    AGENT_REGISTRATION_CLAIM_COMPLETED = "agent.registration.claim.completed",
    AGENT_REGISTRATION_CREATED = "agent.registration.created",
    AGENT_REGISTRATION_CREDENTIAL_ISSUED = "agent.registration.credential.issued",
    AGENT_REGISTRATION_DELETED = "agent.registration.deleted",
    AGENT_REGISTRATION_EXPIRED = "agent.registration.expired",
    AGENT_REGISTRATION_ORGANIZATION_SWITCHED = "agent.registration.organization.switched",
    AGENT_REGISTRATION_REFRESHED = "agent.registration.refreshed",
    AGENT_REGISTRATION_REVOKED = "agent.registration.revoked",
    API_KEY_CREATED = "api_key.created",
    API_KEY_REVOKED = "api_key.revoked",
    API_KEY_UPDATED = "api_key.updated",
    AUTHENTICATION_EMAIL_VERIFICATION_FAILED = "authentication.email_verification_failed",
    AUTHENTICATION_EMAIL_VERIFICATION_SUCCEEDED = "authentication.email_verification_succeeded",
    AUTHENTICATION_MAGIC_AUTH_FAILED = "authentication.magic_auth_failed",
    AUTHENTICATION_MAGIC_AUTH_SUCCEEDED = "authentication.magic_auth_succeeded",
    AUTHENTICATION_MFA_FAILED = "authentication.mfa_failed",
    AUTHENTICATION_MFA_SUCCEEDED = "authentication.mfa_succeeded",
    AUTHENTICATION_OAUTH_FAILED = "authentication.oauth_failed",
    AUTHENTICATION_OAUTH_SUCCEEDED = "authentication.oauth_succeeded",
    AUTHENTICATION_PASSKEY_FAILED = "authentication.passkey_failed",
    AUTHENTICATION_PASSKEY_SUCCEEDED = "authentication.passkey_succeeded",
    AUTHENTICATION_PASSWORD_FAILED = "authentication.password_failed",
    AUTHENTICATION_PASSWORD_SUCCEEDED = "authentication.password_succeeded",
    AUTHENTICATION_RADAR_RISK_DETECTED = "authentication.radar_risk_detected",
    AUTHENTICATION_REAUTHENTICATION_SUCCEEDED = "authentication.reauthentication_succeeded",
    AUTHENTICATION_SSO_FAILED = "authentication.sso_failed",
    AUTHENTICATION_SSO_STARTED = "authentication.sso_started",
    AUTHENTICATION_SSO_SUCCEEDED = "authentication.sso_succeeded",
    AUTHENTICATION_SSO_TIMED_OUT = "authentication.sso_timed_out",
    CONNECTION_ACTIVATED = "connection.activated",
    CONNECTION_DEACTIVATED = "connection.deactivated",
    CONNECTION_DELETED = "connection.deleted",
    CONNECTION_SAML_CERTIFICATE_RENEWAL_REQUIRED = "connection.saml_certificate_renewal_required",
    CONNECTION_SAML_CERTIFICATE_RENEWED = "connection.saml_certificate_renewed",
    DSYNC_ACTIVATED = "dsync.activated",
    DSYNC_DELETED = "dsync.deleted",
    DSYNC_GROUP_CREATED = "dsync.group.created",
    DSYNC_GROUP_DELETED = "dsync.group.deleted",
    DSYNC_GROUP_UPDATED = "dsync.group.updated",
    DSYNC_GROUP_USER_ADDED = "dsync.group.user_added",
    DSYNC_GROUP_USER_REMOVED = "dsync.group.user_removed",
    DSYNC_TOKEN_CREATED = "dsync.token.created",
    DSYNC_TOKEN_REVOKED = "dsync.token.revoked",
    DSYNC_USER_CREATED = "dsync.user.created",
    DSYNC_USER_DELETED = "dsync.user.deleted",
    DSYNC_USER_UPDATED = "dsync.user.updated",
    EMAIL_VERIFICATION_CREATED = "email_verification.created",
    FLAG_CREATED = "flag.created",
    FLAG_DELETED = "flag.deleted",
    FLAG_RULE_UPDATED = "flag.rule_updated",
    FLAG_UPDATED = "flag.updated",
    GROUP_CREATED = "group.created",
    GROUP_DELETED = "group.deleted",
    GROUP_MEMBER_ADDED = "group.member_added",
    GROUP_MEMBER_REMOVED = "group.member_removed",
    GROUP_UPDATED = "group.updated",
    INVITATION_ACCEPTED = "invitation.accepted",
    INVITATION_CREATED = "invitation.created",
    INVITATION_RESENT = "invitation.resent",
    INVITATION_REVOKED = "invitation.revoked",
    MAGIC_AUTH_CREATED = "magic_auth.created",
    ORGANIZATION_CREATED = "organization.created",
    ORGANIZATION_DELETED = "organization.deleted",
    ORGANIZATION_UPDATED = "organization.updated",
    ORGANIZATION_DOMAIN_CREATED = "organization_domain.created",
    ORGANIZATION_DOMAIN_DELETED = "organization_domain.deleted",
    ORGANIZATION_DOMAIN_UPDATED = "organization_domain.updated",
    ORGANIZATION_DOMAIN_VERIFICATION_FAILED = "organization_domain.verification_failed",
    ORGANIZATION_DOMAIN_VERIFIED = "organization_domain.verified",
    ORGANIZATION_MEMBERSHIP_CREATED = "organization_membership.created",
    ORGANIZATION_MEMBERSHIP_DELETED = "organization_membership.deleted",
    ORGANIZATION_MEMBERSHIP_UPDATED = "organization_membership.updated",
    ORGANIZATION_ROLE_CREATED = "organization_role.created",
    ORGANIZATION_ROLE_DELETED = "organization_role.deleted",
    ORGANIZATION_ROLE_UPDATED = "organization_role.updated",
    PASSWORD_RESET_CREATED = "password_reset.created",
    PASSWORD_RESET_SUCCEEDED = "password_reset.succeeded",
    PERMISSION_CREATED = "permission.created",
    PERMISSION_DELETED = "permission.deleted",
    PERMISSION_UPDATED = "permission.updated",
    PIPES_CONNECTED_ACCOUNT_CONNECTED = "pipes.connected_account.connected",
    PIPES_CONNECTED_ACCOUNT_CONNECTION_FAILED = "pipes.connected_account.connection_failed",
    PIPES_CONNECTED_ACCOUNT_DISCONNECTED = "pipes.connected_account.disconnected",
    PIPES_CONNECTED_ACCOUNT_REAUTHORIZATION_NEEDED = "pipes.connected_account.reauthorization_needed",
    RADAR_CHALLENGE_CREATED = "radar.challenge_created",
    ROLE_CREATED = "role.created",
    ROLE_DELETED = "role.deleted",
    ROLE_UPDATED = "role.updated",
    SESSION_CREATED = "session.created",
    SESSION_REVOKED = "session.revoked",
    USER_CREATED = "user.created",
    USER_DELETED = "user.deleted",
    USER_UPDATED = "user.updated",
    VAULT_BYOK_KEY_DELETED = "vault.byok_key.deleted",
    VAULT_BYOK_KEY_VERIFICATION_COMPLETED = "vault.byok_key.verification_completed",
    VAULT_DATA_CREATED = "vault.data.created",
    VAULT_DATA_DELETED = "vault.data.deleted",
    VAULT_DATA_READ = "vault.data.read",
    VAULT_DATA_UPDATED = "vault.data.updated",
    VAULT_DEK_DECRYPTED = "vault.dek.decrypted",
    VAULT_DEK_READ = "vault.dek.read",
    VAULT_KEK_CREATED = "vault.kek.created",
    VAULT_KEK_DELETED = "vault.kek.deleted",
    VAULT_METADATA_READ = "vault.metadata.read",
    VAULT_NAMES_LISTED = "vault.names.listed",
    WAITLIST_USER_APPROVED = "waitlist_user.approved",
    WAITLIST_USER_CREATED = "waitlist_user.created",
    WAITLIST_USER_DENIED = "waitlist_user.denied",
}

#[deprecated(note = "the name is ORGANIZATION_MEMBERSHIP_CREATED now")]
pub const ORGANIZATION_MEMBERSHIP_ADDED: &str = "organization_membership.added";

#[deprecated(note = "the name is ORGANIZATION_MEMBERSHIP_DELETED now")]
pub const ORGANIZATION_MEMBERSHIP_REMOVED: &str = "organization_membership.removed";

#[deprecated(note = "no server sends it any more")]
pub const USER_IMPERSONATED: &str = "user.impersonated";

#[cfg(test)]
mod tests {
    use annals_core::wire::{DEPRECATED_EVENT_NAMES, EVENT_NAMES};

    use super::*;

    #[test]
    fn the_constants_are_the_names_of_the_contract() {
        assert_eq!(NAMES, EVENT_NAMES);
        #[allow(deprecated)]
        let deprecated = [ORGANIZATION_MEMBERSHIP_ADDED, ORGANIZATION_MEMBERSHIP_REMOVED, USER_IMPERSONATED];
        assert_eq!(deprecated, DEPRECATED_EVENT_NAMES.map(|(name, _)| name));
    }
}
