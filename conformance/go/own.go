package main

import (
	"net/http"

	"annals.example/conformance/check"
	"github.com/workos/workos-go/v4/pkg/events"
	"github.com/workos/workos-go/v4/pkg/organizations"
)

// What the server itself says in the feed when organizations and keys change.

// heard gives the events of these names about one organization, oldest first; they may come a moment after the answer that caused them.
func heard(client *events.Client, promise, organization string, count int, names ...string) []events.Event {
	page := check.Eventually(promise, readyLimit, func() []events.Event {
		return list(promise, client, events.ListEventsOpts{Events: names, OrganizationId: organization, Limit: 100}).Data
	}, func(page []events.Event) bool { return len(page) >= count })
	check.Same(promise+": how many", len(page), count)
	return page
}

func ownChanges(client *events.Client, directory *organizations.Client) {
	created, err := directory.CreateOrganization(background, organizations.CreateOrganizationOpts{
		Name: "Observed", ExternalID: "observed-1", Metadata: map[string]string{"tier": "gold"},
		DomainData: []organizations.OrganizationDomainData{{Domain: "observed.example", State: organizations.Verified}},
	})
	check.Must("own: create", created, err)
	renamed, err := directory.UpdateOrganization(background, organizations.UpdateOrganizationOpts{
		Organization: created.ID, Name: "Renamed", DomainData: []organizations.OrganizationDomainData{{Domain: "other.example", State: organizations.Pending}},
	})
	check.Must("own: update", renamed, err)
	check.Must("own: delete", created.ID, directory.DeleteOrganization(background, organizations.DeleteOrganizationOpts{Organization: created.ID}))

	told := heard(client, "own: organization", created.ID, 3, events.OrganizationCreated, events.OrganizationUpdated, events.OrganizationDeleted)
	names, bodies := []string{}, []map[string]any{}
	for _, event := range told {
		names, bodies = append(names, event.Event), append(bodies, dataOf(event))
		check.Holds("own: the id of an event has its prefix", check.IsID("event_", event.ID), event.ID)
	}
	check.Same("own: created, updated, deleted, in this order", names, []string{events.OrganizationCreated, events.OrganizationUpdated, events.OrganizationDeleted})
	compareOrganization("own: organization.created", bodies[0], created)
	compareOrganization("own: organization.updated", bodies[1], renamed)
	compareOrganization("own: organization.deleted", bodies[2], renamed)

	domains := heard(client, "own: domain created", created.ID, 2, events.OrganizationDomainCreated)
	check.Same("own: each domain was announced", []any{dataOf(domains[0])["domain"], dataOf(domains[1])["domain"]}, []any{"observed.example", "other.example"})
	first := dataOf(domains[0])
	check.Same("own: the domain is the one of the organization",
		[]any{first["object"], first["id"], first["organization_id"], first["state"]}, []any{"organization_domain", created.Domains[0].ID, created.ID, "verified"})
	gone := heard(client, "own: domain deleted", created.ID, 2, events.OrganizationDomainDeleted)
	check.Same("own: a replaced domain was taken back, the other one with its organization",
		[]any{dataOf(gone[0])["domain"], dataOf(gone[1])["domain"]}, []any{"observed.example", "other.example"})
}

// compareOrganization compares every member that the documentation requires of the payload.
func compareOrganization(promise string, data map[string]any, expected organizations.Organization) {
	metadata := map[string]any{}
	for key, value := range expected.Metadata {
		metadata[key] = value
	}
	domains, isList := data["domains"].([]any)
	check.Holds(promise+": domains is a list", isList, data)
	check.Same(promise+": cell by cell",
		[]any{data["object"], data["id"], data["name"], data["external_id"], data["metadata"], len(domains)},
		[]any{"organization", expected.ID, expected.Name, expected.ExternalID, metadata, len(expected.Domains)})
	for at, domain := range expected.Domains {
		members, _ := domains[at].(map[string]any)
		check.Same(promise+": domain", []any{members["object"], members["id"], members["domain"], members["organization_id"]},
			[]any{"organization_domain", domain.ID, domain.Domain, expected.ID})
	}
	for _, member := range []string{"created_at", "updated_at"} {
		text, _ := data[member].(string)
		check.Holds(promise+": "+member+" has three digits and Z", check.Timestamp.MatchString(text), data)
	}
}

// This SDK has no call for keys.
func ownKeys(client *events.Client, directory *organizations.Client) {
	organization := create(directory, "With keys")
	made := check.Plain(http.MethodPost, baseURL+"/organizations/"+organization+"/api_keys", apiKey, map[string]any{"name": "Nightly", "permissions": []string{"audit-logs:write"}})
	key := check.JSON[map[string]any]("own: create a key", made, http.StatusCreated)
	id, _ := key["id"].(string)
	expired := check.Plain(http.MethodPost, baseURL+"/api_keys/"+id+"/expire", apiKey, map[string]any{"expires_at": "2099-01-01T00:00:00.000Z"})
	check.Same("own: expire a key", expired.Status, http.StatusOK)
	deleted := check.Plain(http.MethodDelete, baseURL+"/api_keys/"+id, apiKey, nil)
	check.Same("own: delete a key", deleted.Status, http.StatusNoContent)

	told := heard(client, "own: key", organization, 3, "api_key.created", "api_key.updated", "api_key.revoked")
	check.Same("own: created, updated, revoked, in this order",
		[]string{told[0].Event, told[1].Event, told[2].Event}, []string{"api_key.created", "api_key.updated", "api_key.revoked"})
	for _, event := range told {
		data := dataOf(event)
		_, shown := data["value"]
		check.Holds("own: "+event.Event+" never shows the key", !shown, data)
		for _, member := range []string{"last_used_at", "expires_at", "created_at", "updated_at"} {
			_, present := data[member]
			check.Holds("own: "+event.Event+" has "+member+", be it null", present, data)
		}
		check.Same("own: "+event.Event+" cell by cell",
			[]any{data["object"], data["id"], data["name"], data["owner"], data["obfuscated_value"], data["permissions"]},
			[]any{"api_key", id, "Nightly", map[string]any{"type": "organization", "id": organization}, key["obfuscated_value"], []any{"audit-logs:write"}})
	}
	check.Same("own: api_key.updated says what was before", dataOf(told[1])["previous_attributes"], map[string]any{"expires_at": nil})
	check.Same("own: api_key.updated says what is now", dataOf(told[1])["expires_at"], "2099-01-01T00:00:00.000Z")
}
