// The whole journey with the unmodified workos-go v4. Needs ANNALS_URL and ANNALS_API_KEY; stops at the first difference.
package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"sort"
	"strings"
	"time"

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
	baseURL    = required("ANNALS_URL")
	apiKey     = required("ANNALS_API_KEY")
	ulid       = "[0-9A-HJKMNP-TV-Z]{26}"
	timestamp  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
)

func required(name string) string {
	value := os.Getenv(name)
	if value == "" {
		difference("%s is not set", name)
	}
	return strings.TrimSuffix(value, "/")
}

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
	fmt.Println("go: every promise holds")
}

func organizationCalls(client *organizations.Client) (organization, second string) {
	created, err := client.CreateOrganization(background, organizations.CreateOrganizationOpts{
		Name:       `Café "Ω", Ltd.`,
		ExternalID: "customer-1",
		DomainData: []organizations.OrganizationDomainData{{Domain: "cafe.example", State: organizations.Verified}},
		Metadata:   map[string]string{"tier": "gold", "region": "eu"},
	})
	must("organization: create", created, err)
	holds("organization: id has its prefix", regexp.MustCompile("^org_"+ulid+"$").MatchString(created.ID), created.ID)
	same("organization: name, external id and metadata come back",
		[]any{created.Name, created.ExternalID, created.Metadata},
		[]any{`Café "Ω", Ltd.`, "customer-1", map[string]string{"tier": "gold", "region": "eu"}})
	same("organization: domain comes back verified",
		[]any{len(created.Domains), created.Domains[0].Domain, created.Domains[0].State},
		[]any{1, "cafe.example", organizations.OrganizationDomainVerified})
	holds("organization: timestamps have three digits and Z",
		timestamp.MatchString(created.CreatedAt) && timestamp.MatchString(created.UpdatedAt), created)
	read, err := client.GetOrganization(background, organizations.GetOrganizationOpts{Organization: created.ID})
	same("organization: get", must("organization: get", read, err), created)
	read, err = client.GetOrganizationByExternalID(background, organizations.GetOrganizationByExternalIDOpts{ExternalID: "customer-1"})
	same("organization: find by external id", must("organization: find by external id", read, err), created)
	found, err := client.ListOrganizations(background, organizations.ListOrganizationsOpts{Domains: []string{"other.example", "cafe.example"}})
	same("organization: find by domain", ids(must("organization: find by domain", found, err)), []string{created.ID})

	// This SDK sends every member of an update, most of them empty: none of that may erase anything.
	renamed, err := client.UpdateOrganization(background, organizations.UpdateOrganizationOpts{Organization: created.ID, Name: "Renamed"})
	must("organization: update", renamed, err)
	same("organization: an update of the name leaves everything else",
		[]any{renamed.Name, renamed.ExternalID, renamed.Metadata, renamed.Domains},
		[]any{"Renamed", created.ExternalID, created.Metadata, created.Domains})
	merged, err := client.UpdateOrganization(background, organizations.UpdateOrganizationOpts{
		Organization: created.ID, Metadata: map[string]string{"plan": "b"},
	})
	must("organization: update", merged, err)
	same("organization: an update of metadata merges and leaves the name",
		[]any{merged.Name, merged.Metadata}, []any{"Renamed", map[string]string{"tier": "gold", "region": "eu", "plan": "b"}})

	_, err = client.CreateOrganization(background, organizations.CreateOrganizationOpts{Name: "Copy", ExternalID: "customer-1"})
	same("organization: a used external id has its code",
		refused("organization: a used external id", 400, err).ErrorCode, "external_id_already_used")
	_, err = client.CreateOrganization(background, organizations.CreateOrganizationOpts{Name: "Copy", Domains: []string{"cafe.example"}})
	refused("organization: a used domain", 409, err)
	_, err = client.CreateOrganization(background, organizations.CreateOrganizationOpts{})
	noName := refused("organization: an empty name", 422, err)
	holds("organization: the refusal names the field", len(noName.FieldErrors) > 0 && noName.FieldErrors[0].Field == "name", noName.RawBody)
	_, err = client.GetOrganization(background, organizations.GetOrganizationOpts{Organization: noOrganization})
	same("organization: unknown id has its code", refused("organization: unknown id", 404, err).ErrorCode, "entity_not_found")

	keyed := organizations.CreateOrganizationOpts{Name: "Second", IdempotencyKey: "second"}
	one, err := client.CreateOrganization(background, keyed)
	must("organization: create with a key", one, err)
	two, err := client.CreateOrganization(background, keyed)
	same("organization: the same key and body again is the same organization", must("organization: repeat", two, err).ID, one.ID)
	return created.ID, one.ID
}

func deletion(client *organizations.Client, second string) {
	err := client.DeleteOrganization(background, organizations.DeleteOrganizationOpts{Organization: second})
	must("organization: delete, through /Organizations with a capital", second, err)
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
		newestFirst = append([]string{must("list: create", created, err).ID}, newestFirst...)
	}
	walk := func(order organizations.Order) []string {
		all, after := []string{}, ""
		for {
			page, err := client.ListOrganizations(background, organizations.ListOrganizationsOpts{Limit: 7, Order: order, After: after})
			all = append(all, ids(must("list: page", page, err))...)
			if after = page.ListMetadata.After; after == "" {
				return all
			}
		}
	}
	falling, rising := walk(organizations.Desc), walk(organizations.Asc)
	same("list: following after sees every organization once, newest first", falling[:30], newestFirst)
	for left, right := 0, len(rising)-1; left < right; left, right = left+1, right-1 {
		rising[left], rising[right] = rising[right], rising[left]
	}
	same("list: asc is the same list backwards", rising, falling)
	page, err := client.ListOrganizations(background, organizations.ListOrganizationsOpts{Limit: 7, Before: falling[14]})
	same("list: before gives the adjacent page", ids(must("list: before", page, err)), falling[7:14])
	_, err = client.ListOrganizations(background, organizations.ListOrganizationsOpts{Limit: 101})
	refused("list: limit above 100", 422, err)
}

// This SDK has no call for schemas.
func schemas() {
	create := func(action, body string) string {
		request, err := http.NewRequest(http.MethodPost, baseURL+"/audit_logs/actions/"+action+"/schemas", strings.NewReader(body))
		must("schema: request", request, err)
		request.Header.Set("Authorization", "Bearer "+apiKey)
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		must("schema: answer", answer, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		must("schema: body", text, err)
		holds("schema: created for "+action, answer.StatusCode == http.StatusCreated, string(text))
		return string(text)
	}
	one := create("document.shared", `{"actor":{"metadata":{"role":"string"}},"targets":[{"type":"document","metadata":{"pages":"number"}}],
		"metadata":{"channel":"string","count":"number","urgent":"boolean"}}`)
	holds("schema: version 1", strings.Contains(one, `"version":1`), one)
	two := create("document.shared", `{"targets":[{"type":"document"},{"type":"folder"}]}`)
	holds("schema: the same action again is version 2", strings.Contains(two, `"version":2`), two)
	create("user.signed_in", `{"targets":[{"type":"user"}]}`)
}

func recordedEvents(client *auditlogs.Client, organization, second string) {
	record := func(organization string, event auditlogs.Event, key string) error {
		return client.CreateEvent(background, auditlogs.CreateEventOpts{OrganizationID: organization, Event: event, IdempotencyKey: key})
	}
	must("event: long ago", longAgo, record(organization, longAgo, ""))
	for _, event := range inRange[:len(inRange)-1] {
		must("event: record", event, record(organization, event, ""))
	}
	must("event: first time with a key", repeated, record(organization, repeated, "once"))
	must("event: the same key and body again", repeated, record(organization, repeated, "once"))
	fmt.Printf("ok  event: %d recorded, one of them sent twice with one key\n", len(inRange)+1)
	other := repeated
	other.Action = "document.shared"
	err := record(organization, other, "once")
	reused := refused("event: the same key with another body", 400, err)
	holds("event: the SDK calls it a bad request", workos_errors.IsBadRequest(err), err)
	holds("event: the refusal names the key", strings.Contains(reused.Message, "(once)"), reused.Message)
	must("event: another organization", second, record(second, onlyRequired, ""))
}

func refusedEvents(client *auditlogs.Client, organization string) {
	refuse := func(name string, status int, base auditlogs.Event, spoil func(*auditlogs.Event)) workos_errors.HTTPError {
		spoil(&base)
		err := client.CreateEvent(background, auditlogs.CreateEventOpts{OrganizationID: organization, Event: base})
		return refused("event: "+name, status, err)
	}
	// A nil slice travels as "targets":null.
	noTargets := refuse("no targets", 422, onlyRequired, func(e *auditlogs.Event) { e.Targets = nil })
	holds("event: the refusal names the member",
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
	holds("event: the schema refusal has its code and names the place",
		wrong.ErrorCode == "invalid_audit_log_event" && strings.Contains(wrong.RawBody, `"instancePath":"/metadata/channel"`), wrong.RawBody)
	missing := refuse("a declared target type is missing", 400, everyField, func(e *auditlogs.Event) { e.Targets = e.Targets[1:] })
	holds("event: a missing target names the targets", strings.Contains(missing.RawBody, `"instancePath":"/targets`), missing.RawBody)
	same("event: unknown action has the documented text",
		refuse("unknown action", 400, onlyRequired, func(e *auditlogs.Event) { e.Action = "never.declared" }).Message,
		"Invalid Audit Log event: event 'never.declared', version '1' has not been configured in this environment")
	same("event: unknown version has the documented text",
		refuse("unknown version", 400, onlyRequired, func(e *auditlogs.Event) { e.Version = 9 }).Message,
		"Invalid Audit Log event: event 'user.signed_in', version '9' has not been configured in this environment")
	err := client.CreateEvent(background, auditlogs.CreateEventOpts{OrganizationID: noOrganization, Event: onlyRequired})
	same("event: unknown organization has its code", refused("event: unknown organization", 404, err).ErrorCode, "entity_not_found")
}

func ready(client *auditlogs.Client, options auditlogs.CreateExportOpts) auditlogs.AuditLogExport {
	started, err := client.CreateExport(background, options)
	must("export: create", started, err)
	same("export: starts pending, without a URL",
		[]any{started.Object, started.State, started.URL}, []any{auditlogs.AuditLogExportObjectName, auditlogs.AuditLogExportState("pending"), ""})
	done := eventually("export: ready", readyLimit, func() auditlogs.AuditLogExport { return get(client, started.ID) },
		func(export auditlogs.AuditLogExport) bool { return export.State != "pending" })
	same("export: ready", []any{done.ID, done.State}, []any{started.ID, auditlogs.AuditLogExportState("ready")})
	return done
}

func get(client *auditlogs.Client, id string) auditlogs.AuditLogExport {
	export, err := client.GetExport(background, auditlogs.GetExportOpts{ExportID: id})
	return must("export: get", export, err)
}

func download(export auditlogs.AuditLogExport) []map[string]string {
	answer, err := http.Get(export.URL) // no Authorization header
	must("download", answer, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must("download: body", body, err)
	holds("download: 200 without Authorization", answer.StatusCode == http.StatusOK, string(body))
	same("download: content type", answer.Header.Get("Content-Type"), "text/csv; charset=utf-8")
	same("download: file name", answer.Header.Get("Content-Disposition"), `attachment; filename="`+export.ID+`.csv"`)
	holds("download: header line and CRLF at the end",
		bytes.HasPrefix(body, []byte(strings.Join(header, ",")+"\r\n")) && bytes.HasSuffix(body, []byte("\r\n")), string(body[:min(len(body), 300)]))
	records, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	must("download: CSV", records, err)
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
	same(name+": number of rows", len(rows), len(events))
	seen := []string{}
	for at, event := range events {
		id, createdAt := rows[at]["id"], rows[at]["created_at"]
		delete(rows[at], "id")
		delete(rows[at], "created_at")
		same(fmt.Sprintf("%s: row %d cell by cell (%s)", name, at+1, event.Action), rows[at], cellsOf(event))
		recorded, err := time.Parse(time.RFC3339, createdAt)
		must("export: created_at", recorded, err)
		holds(fmt.Sprintf("%s: row %d has id and created_at", name, at+1),
			regexp.MustCompile("^evt_"+ulid+"$").MatchString(id) && timestamp.MatchString(createdAt) && time.Since(recorded) < 10*time.Minute,
			id+" "+createdAt)
		seen = append(seen, id)
	}
	holds(name+": ids rise", sort.StringsAreSorted(seen), seen)
}

func exports(client *auditlogs.Client, organization string) {
	whole := auditlogs.CreateExportOpts{OrganizationID: organization, RangeStart: rangeStart, RangeEnd: rangeEnd}
	done := ready(client, whole)
	compare("export", download(done), inRange)
	again := get(client, done.ID)
	holds("export: each GET mints another URL", again.URL != done.URL, again.URL)
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
	same("export: range has its code",
		refuse("range ends before it starts", 400, func(e Export) { e.RangeEnd = "2025-01-01T00:00:00Z" }).ErrorCode, "invalid_audit_log_export_range_date")
	refuse("a range that is no date", 400, func(e Export) { e.RangeStart = "yesterday" })
	refuse("unknown organization", 400, func(e Export) { e.OrganizationID = noOrganization })
	_, err := client.GetExport(background, auditlogs.GetExportOpts{ExportID: "audit_log_export_01HEQ7M5X0000000000000001A"})
	refused("export: unknown id", 404, err)
}

func wrongKey(organization string) {
	directory, logs := connect("sk_wrong")
	_, err := directory.ListOrganizations(background, organizations.ListOrganizationsOpts{})
	same("wrong key: the documented text", refused("wrong key: list", 401, err).Message, "Unauthorized")
	err = logs.CreateEvent(background, auditlogs.CreateEventOpts{OrganizationID: organization, Event: onlyRequired})
	refused("wrong key: event", 401, err)
}
