// The whole journey with the unmodified workos-go v4. Needs ANNALS_URL and ANNALS_API_KEY; stops at the first difference.
package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"time"

	"annals.example/conformance/check"
	"github.com/workos/workos-go/v4/pkg/auditlogs"
	"github.com/workos/workos-go/v4/pkg/organizations"
	"github.com/workos/workos-go/v4/pkg/workos_errors"
)

const (
	readyLimit     = 60 * time.Second
	noOrganization = "org_01HEQ7M5X0000000000000001A"
)

var (
	background = context.Background()
	baseURL    = check.Required("ANNALS_URL")
	apiKey     = check.Required("ANNALS_API_KEY")
)

// The two packages of this SDK are pointed at a server in two ways.
func connect(key string) (*organizations.Client, *auditlogs.Client) {
	return &organizations.Client{APIKey: key, Endpoint: baseURL},
		&auditlogs.Client{APIKey: key, EventsEndpoint: baseURL + "/audit_logs/events", ExportsEndpoint: baseURL + "/audit_logs/exports"}
}

func main() {
	directory, logs := connect(apiKey)
	organization, second := organizationCalls(directory)
	schemas()
	refusedEvents(logs, organization)
	recordedEvents(logs, organization, second)
	exports(logs, organization)
	wrongKey(organization)
	deletion(directory, second)
	pagination(directory)
	feed(directory)
	fmt.Println("go: every promise holds")
}

func organizationCalls(client *organizations.Client) (organization, second string) {
	created, err := client.CreateOrganization(background, organizations.CreateOrganizationOpts{
		Name:       `Café "Ω", Ltd.`,
		ExternalID: "customer-1",
		DomainData: []organizations.OrganizationDomainData{{Domain: "cafe.example", State: organizations.Verified}},
		Metadata:   map[string]string{"tier": "gold", "region": "eu"},
	})
	check.Must("organization: create", created, err)
	check.Holds("organization: id has its prefix", check.IsID("org_", created.ID), created.ID)
	check.Same("organization: name, external id and metadata come back",
		[]any{created.Name, created.ExternalID, created.Metadata},
		[]any{`Café "Ω", Ltd.`, "customer-1", map[string]string{"tier": "gold", "region": "eu"}})
	check.Same("organization: domain comes back verified",
		[]any{len(created.Domains), created.Domains[0].Domain, created.Domains[0].State},
		[]any{1, "cafe.example", organizations.OrganizationDomainVerified})
	check.Holds("organization: timestamps have three digits and Z",
		check.Timestamp.MatchString(created.CreatedAt) && check.Timestamp.MatchString(created.UpdatedAt), created)
	read, err := client.GetOrganization(background, organizations.GetOrganizationOpts{Organization: created.ID})
	check.Same("organization: get", check.Must("organization: get", read, err), created)
	read, err = client.GetOrganizationByExternalID(background, organizations.GetOrganizationByExternalIDOpts{ExternalID: "customer-1"})
	check.Same("organization: find by external id", check.Must("organization: find by external id", read, err), created)
	found, err := client.ListOrganizations(background, organizations.ListOrganizationsOpts{Domains: []string{"other.example", "cafe.example"}})
	check.Same("organization: find by domain", ids(check.Must("organization: find by domain", found, err)), []string{created.ID})

	// This SDK sends every member of an update, most of them empty: none of that may erase anything.
	renamed, err := client.UpdateOrganization(background, organizations.UpdateOrganizationOpts{Organization: created.ID, Name: "Renamed"})
	check.Must("organization: update", renamed, err)
	check.Same("organization: an update of the name leaves everything else",
		[]any{renamed.Name, renamed.ExternalID, renamed.Metadata, renamed.Domains},
		[]any{"Renamed", created.ExternalID, created.Metadata, created.Domains})
	merged, err := client.UpdateOrganization(background, organizations.UpdateOrganizationOpts{
		Organization: created.ID, Metadata: map[string]string{"plan": "b"},
	})
	check.Must("organization: update", merged, err)
	check.Same("organization: an update of metadata merges and leaves the name",
		[]any{merged.Name, merged.Metadata}, []any{"Renamed", map[string]string{"tier": "gold", "region": "eu", "plan": "b"}})

	_, err = client.CreateOrganization(background, organizations.CreateOrganizationOpts{Name: "Copy", ExternalID: "customer-1"})
	check.Same("organization: a used external id has its code",
		refused("organization: a used external id", 400, err).ErrorCode, "external_id_already_used")
	_, err = client.CreateOrganization(background, organizations.CreateOrganizationOpts{Name: "Copy", Domains: []string{"cafe.example"}})
	refused("organization: a used domain", 409, err)
	_, err = client.CreateOrganization(background, organizations.CreateOrganizationOpts{})
	noName := refused("organization: an empty name", 422, err)
	check.Holds("organization: the refusal names the field", len(noName.FieldErrors) > 0 && noName.FieldErrors[0].Field == "name", noName.RawBody)
	_, err = client.GetOrganization(background, organizations.GetOrganizationOpts{Organization: noOrganization})
	check.Same("organization: unknown id has its code", refused("organization: unknown id", 404, err).ErrorCode, "entity_not_found")

	keyed := organizations.CreateOrganizationOpts{Name: "Second", IdempotencyKey: "second"}
	one, err := client.CreateOrganization(background, keyed)
	check.Must("organization: create with a key", one, err)
	two, err := client.CreateOrganization(background, keyed)
	check.Same("organization: the same key and body again is the same organization", check.Must("organization: repeat", two, err).ID, one.ID)
	return created.ID, one.ID
}

func deletion(client *organizations.Client, second string) {
	err := client.DeleteOrganization(background, organizations.DeleteOrganizationOpts{Organization: second})
	check.Must("organization: delete, through /Organizations with a capital", second, err)
	_, err = client.GetOrganization(background, organizations.GetOrganizationOpts{Organization: second})
	refused("organization: deleted is gone", 404, err)
}

func ids(page organizations.ListOrganizationsResponse) []string {
	out := []string{}
	for _, organization := range page.Data {
		out = append(out, organization.ID)
	}
	return out
}

func pagination(client *organizations.Client) {
	var newestFirst []string
	for at := 0; at < 30; at++ {
		created, err := client.CreateOrganization(background, organizations.CreateOrganizationOpts{Name: fmt.Sprintf("Page %d", at)})
		newestFirst = append([]string{check.Must("list: create", created, err).ID}, newestFirst...)
	}
	walk := func(order organizations.Order) []string {
		all, after := []string{}, ""
		for {
			page, err := client.ListOrganizations(background, organizations.ListOrganizationsOpts{Limit: 7, Order: order, After: after})
			all = append(all, ids(check.Must("list: page", page, err))...)
			if after = page.ListMetadata.After; after == "" {
				return all
			}
		}
	}
	falling, rising := walk(organizations.Desc), walk(organizations.Asc)
	check.Same("list: following after sees every organization once, newest first", falling[:30], newestFirst)
	for left, right := 0, len(rising)-1; left < right; left, right = left+1, right-1 {
		rising[left], rising[right] = rising[right], rising[left]
	}
	check.Same("list: asc is the same list backwards", rising, falling)
	page, err := client.ListOrganizations(background, organizations.ListOrganizationsOpts{Limit: 7, Before: falling[14]})
	check.Same("list: before gives the adjacent page", ids(check.Must("list: before", page, err)), falling[7:14])
	_, err = client.ListOrganizations(background, organizations.ListOrganizationsOpts{Limit: 101})
	refused("list: limit above 100", 422, err)
}

// This SDK has no call for schemas.
func schemas() {
	create := func(action, body string) string {
		answer := check.Plain(http.MethodPost, baseURL+"/audit_logs/actions/"+action+"/schemas", apiKey, body)
		check.Holds("schema: created for "+action, answer.Status == http.StatusCreated, answer.Text)
		return answer.Text
	}
	one := create("document.shared", `{"actor":{"metadata":{"role":"string"}},"targets":[{"type":"document","metadata":{"pages":"number"}}],
		"metadata":{"channel":"string","count":"number","urgent":"boolean"}}`)
	check.Holds("schema: version 1", strings.Contains(one, `"version":1`), one)
	two := create("document.shared", `{"targets":[{"type":"document"},{"type":"folder"}]}`)
	check.Holds("schema: the same action again is version 2", strings.Contains(two, `"version":2`), two)
	create("user.signed_in", `{"targets":[{"type":"user"}]}`)
}

func recordedEvents(client *auditlogs.Client, organization, second string) {
	record := func(organization string, event auditlogs.Event, key string) error {
		return client.CreateEvent(background, auditlogs.CreateEventOpts{OrganizationID: organization, Event: event, IdempotencyKey: key})
	}
	check.Must("event: long ago", longAgo, record(organization, longAgo, ""))
	for _, event := range inRange[:len(inRange)-1] {
		check.Must("event: record", event, record(organization, event, ""))
	}
	check.Must("event: first time with a key", repeated, record(organization, repeated, "once"))
	check.Must("event: the same key and body again", repeated, record(organization, repeated, "once"))
	fmt.Printf("ok  event: %d recorded, one of them sent twice with one key\n", len(inRange)+1)
	other := repeated
	other.Action = "document.shared"
	err := record(organization, other, "once")
	reused := refused("event: the same key with another body", 400, err)
	check.Holds("event: the SDK calls it a bad request", workos_errors.IsBadRequest(err), err)
	check.Holds("event: the refusal names the key", strings.Contains(reused.Message, "(once)"), reused.Message)
	check.Must("event: another organization", second, record(second, onlyRequired, ""))
}

func refusedEvents(client *auditlogs.Client, organization string) {
	refuse := func(name string, status int, base auditlogs.Event, spoil func(*auditlogs.Event)) workos_errors.HTTPError {
		spoil(&base)
		err := client.CreateEvent(background, auditlogs.CreateEventOpts{OrganizationID: organization, Event: base})
		return refused("event: "+name, status, err)
	}
	// A nil slice travels as "targets":null.
	noTargets := refuse("no targets", 422, onlyRequired, func(e *auditlogs.Event) { e.Targets = nil })
	check.Holds("event: the refusal names the member",
		len(noTargets.FieldErrors) > 0 && strings.Contains(noTargets.FieldErrors[0].Field, "targets"), noTargets.RawBody)
	refuse("51 metadata keys", 422, onlyRequired, func(e *auditlogs.Event) { e.Metadata = manyMembers(51) })
	refuse("a metadata key of 41 characters", 422, onlyRequired, func(e *auditlogs.Event) {
		e.Metadata = map[string]any{strings.Repeat("k", 41): "v"}
	})
	refuse("a metadata value of 501 characters", 422, onlyRequired, func(e *auditlogs.Event) {
		e.Metadata = map[string]any{"key": strings.Repeat("v", 501)}
	})
	refuse("nested metadata", 422, onlyRequired, func(e *auditlogs.Event) { e.Metadata = map[string]any{"key": []int{1}} })

	wrong := refuse("metadata against the schema", 400, everyField, func(e *auditlogs.Event) { e.Metadata = map[string]any{"channel": 7} })
	check.Holds("event: the schema refusal has its code and names the place",
		wrong.ErrorCode == "invalid_audit_log_event" && strings.Contains(wrong.RawBody, `"instancePath":"/metadata/channel"`), wrong.RawBody)
	missing := refuse("a declared target type is missing", 400, everyField, func(e *auditlogs.Event) { e.Targets = e.Targets[1:] })
	check.Holds("event: a missing target names the targets", strings.Contains(missing.RawBody, `"instancePath":"/targets`), missing.RawBody)
	check.Same("event: unknown action has the documented text",
		refuse("unknown action", 400, onlyRequired, func(e *auditlogs.Event) { e.Action = "never.declared" }).Message,
		"Invalid Audit Log event: event 'never.declared', version '1' has not been configured in this environment")
	check.Same("event: unknown version has the documented text",
		refuse("unknown version", 400, onlyRequired, func(e *auditlogs.Event) { e.Version = 9 }).Message,
		"Invalid Audit Log event: event 'user.signed_in', version '9' has not been configured in this environment")
	err := client.CreateEvent(background, auditlogs.CreateEventOpts{OrganizationID: noOrganization, Event: onlyRequired})
	check.Same("event: unknown organization has its code", refused("event: unknown organization", 404, err).ErrorCode, "entity_not_found")
}

func ready(client *auditlogs.Client, options auditlogs.CreateExportOpts) auditlogs.AuditLogExport {
	started, err := client.CreateExport(background, options)
	check.Must("export: create", started, err)
	check.Same("export: starts pending, without a URL",
		[]any{started.Object, started.State, started.URL}, []any{auditlogs.AuditLogExportObjectName, auditlogs.AuditLogExportState("pending"), ""})
	done := check.Eventually("export: ready", readyLimit, func() auditlogs.AuditLogExport { return get(client, started.ID) },
		func(export auditlogs.AuditLogExport) bool { return export.State != "pending" })
	check.Same("export: ready", []any{done.ID, done.State}, []any{started.ID, auditlogs.AuditLogExportState("ready")})
	return done
}

func get(client *auditlogs.Client, id string) auditlogs.AuditLogExport {
	export, err := client.GetExport(background, auditlogs.GetExportOpts{ExportID: id})
	return check.Must("export: get", export, err)
}

func download(export auditlogs.AuditLogExport) []map[string]string {
	answer, err := http.Get(export.URL) // no Authorization header
	check.Must("download", answer, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	check.Must("download: body", body, err)
	check.Holds("download: 200 without Authorization", answer.StatusCode == http.StatusOK, string(body))
	check.Same("download: content type", answer.Header.Get("Content-Type"), "text/csv; charset=utf-8")
	check.Same("download: file name", answer.Header.Get("Content-Disposition"), `attachment; filename="`+export.ID+`.csv"`)
	check.Holds("download: header line and CRLF at the end",
		bytes.HasPrefix(body, []byte(strings.Join(header, ",")+"\r\n")) && bytes.HasSuffix(body, []byte("\r\n")), string(body[:min(len(body), 300)]))
	records, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	check.Must("download: CSV", records, err)
	rows := []map[string]string{}
	for _, record := range records[1:] {
		row := map[string]string{}
		for at, column := range header {
			row[column] = record[at]
		}
		rows = append(rows, row)
	}
	return rows
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func compare(name string, rows []map[string]string, events []auditlogs.Event) {
	check.Same(name+": number of rows", len(rows), len(events))
	seen := []string{}
	for at, event := range events {
		id, createdAt := rows[at]["id"], rows[at]["created_at"]
		delete(rows[at], "id")
		delete(rows[at], "created_at")
		check.Same(fmt.Sprintf("%s: row %d cell by cell (%s)", name, at+1, event.Action), rows[at], cellsOf(event))
		recorded, err := time.Parse(time.RFC3339, createdAt)
		check.Must("export: created_at", recorded, err)
		check.Holds(fmt.Sprintf("%s: row %d has id and created_at", name, at+1),
			check.IsID("evt_", id) && check.Timestamp.MatchString(createdAt) && time.Since(recorded) < 10*time.Minute,
			id+" "+createdAt)
		seen = append(seen, id)
	}
	check.Holds(name+": ids rise", sort.StringsAreSorted(seen), seen)
}

func exports(client *auditlogs.Client, organization string) {
	whole := auditlogs.CreateExportOpts{OrganizationID: organization, RangeStart: rangeStart, RangeEnd: rangeEnd}
	done := ready(client, whole)
	compare("export", download(done), inRange)
	again := get(client, done.ID)
	check.Holds("export: each GET mints another URL", again.URL != done.URL, again.URL)
	compare("export from the second URL", download(again), inRange)

	by := func(name string, expected []auditlogs.Event, narrow func(*auditlogs.CreateExportOpts)) {
		options := whole
		narrow(&options)
		compare("export by "+name, download(ready(client, options)), expected)
	}
	type Export = *auditlogs.CreateExportOpts
	type Events = []auditlogs.Event
	by("actions", Events{everyField, secondVersion, unversioned}, func(e Export) { e.Actions = []string{"document.shared"} })
	by("actor names, either of two", Events{largest, repeated}, func(e Export) { e.ActorNames = []string{"Once Only", "Grace Hopper"} })
	by("actors, the older spelling", Events{repeated}, func(e Export) { e.Actors = []string{"Once Only"} })
	by("actor ids", Events{unicode}, func(e Export) { e.ActorIds = []string{unicode.Actor.ID} })
	by("target types", Events{everyField, secondVersion}, func(e Export) { e.Targets = []string{"folder", "team"} })
	by("all four together", Events{secondVersion}, func(e Export) {
		e.Actions, e.ActorNames = []string{"document.shared"}, []string{"Nightly copy", "Ada Lovelace"}
		e.ActorIds, e.Targets = []string{"user_05"}, []string{"folder"}
	})
	by("nothing matches", Events{}, func(e Export) { e.Actions = []string{"never.declared"} })
	by("another range", Events{longAgo}, func(e Export) { e.RangeStart, e.RangeEnd = "2001-01-01", "2001-02-03T04:05:06.007123456Z" })

	refuse := func(name string, status int, spoil func(Export)) workos_errors.HTTPError {
		options := whole
		spoil(&options)
		_, err := client.CreateExport(background, options)
		return refused("export: "+name, status, err)
	}
	check.Same("export: range has its code",
		refuse("range ends before it starts", 400, func(e Export) { e.RangeEnd = "2025-01-01T00:00:00Z" }).ErrorCode, "invalid_audit_log_export_range_date")
	refuse("a range that is no date", 400, func(e Export) { e.RangeStart = "yesterday" })
	refuse("unknown organization", 400, func(e Export) { e.OrganizationID = noOrganization })
	_, err := client.GetExport(background, auditlogs.GetExportOpts{ExportID: "audit_log_export_01HEQ7M5X0000000000000001A"})
	refused("export: unknown id", 404, err)
}

func wrongKey(organization string) {
	directory, logs := connect("sk_wrong")
	_, err := directory.ListOrganizations(background, organizations.ListOrganizationsOpts{})
	check.Same("wrong key: the documented text", refused("wrong key: list", 401, err).Message, "Unauthorized")
	err = logs.CreateEvent(background, auditlogs.CreateEventOpts{OrganizationID: organization, Event: onlyRequired})
	refused("wrong key: event", 401, err)
}
