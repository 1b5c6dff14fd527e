package main

import "github.com/workos/workos-go/v4/pkg/events"

// Every name that this SDK knows, the deprecated and the misspelt ones too.
var namesOfThisClient = []string{
	events.ConnectionActivated, events.ConnectionDeactivated, events.ConnectionDeleted,
	events.DirectoryActivated, events.DirectoryDeleted,
	events.DirectoryUserCreated, events.DirectoryUserUpdated, events.DirectoryUserDeleted,
	events.DirectoryGroupCreated, events.DirectoryGroupUpdated, events.DirectoryGroupDeleted,
	events.DirectoryGroupUserAdded, events.DirectoryGroupUserRemoved, events.DirectroyGroupUserRemoved,
	events.OrganizationCreated, events.OrganizationUpdated, events.OrganizationDeleted,
	events.AuthenticationEmailVerificationSucceeded, events.AuthenticationMagicAuthFailed, events.AuthenticationMagicAuthSucceeded,
	events.AuthenticationMfaSucceeded, events.AuthenticationOauthFailed, events.AuthenticationOauthSucceeded,
	events.AuthenticationPasswordFailed, events.AuthenticationPasswordSucceeded,
	events.AuthenticationSsoFailed, events.AuthenticationSsoSucceeded,
	events.UserCreated, events.UserUpdated, events.UserDeleted,
	events.OrganizationMembershipAdded, events.OrganizationMembershipCreated, events.OrganizationMembershipDeleted,
	events.OrganizationMembershipUpdated, events.OrganizationMembershipRemoved,
	events.SessionCreated, events.EmailVerificationCreated,
	events.InvitationAccepted, events.InvitationCreated, events.InvitationRevoked,
	events.MagicAuthCreated, events.PasswordResetCreated, events.PasswordResetSucceeded,
	events.OrganizationDomainCreated, events.OrganizationDomainUpdated, events.OrganizationDomainDeleted,
	events.OrganizationDomainVerified, events.OrganizationDomainVerificationFailed,
}
