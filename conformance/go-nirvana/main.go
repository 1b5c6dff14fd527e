// The API-request log with the unmodified nirvana-go. Needs ANNALS_URL and ANNALS_API_KEY; stops at the first difference.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"annals.example/conformance/check"
	"github.com/nirvana-labs/nirvana-go"
	"github.com/nirvana-labs/nirvana-go/audit_logs"
	"github.com/nirvana-labs/nirvana-go/option"
)

var (
	background = context.Background()
	baseURL    = check.Required("ANNALS_URL")
	apiKey     = check.Required("ANNALS_API_KEY")
)

type (
	query = audit_logs.AuditLogListParams
	read  = audit_logs.AuditLog
)

func connect(key string) nirvana.Client {
	return nirvana.NewClient(option.WithBaseURL(baseURL), option.WithAPIKey(key))
}

func main() {
	first, firstKey := organization("First")
	second, _ := organization("Second")
	all := publish(entries(first, second))
	client := connect(apiKey)
	pages(client, all)
	filters(client, all)
	sorts(client, all)
	single(client, all)
	refusals(client)
	ofOrganization(connect(firstKey), all, first)
	settings(all)
	fmt.Println("go-nirvana: every promise holds")
}

// The log has no organization parameter: a key of an organization stands for it.
func organization(name string) (id, key string) {
	made := check.Plain(http.MethodPost, baseURL+"/organizations", apiKey, map[string]any{"name": name})
	id = check.JSON[struct{ ID string }]("organization", made, http.StatusCreated).ID
	made = check.Plain(http.MethodPost, baseURL+"/organizations/"+id+"/api_keys", apiKey, map[string]any{"name": "Console"})
	return id, check.JSON[struct{ Value string }]("organization: key", made, http.StatusCreated).Value
}

// publish gives the entries back with their ids: the first alone, the others in one array.
func publish(all []entry) []entry {
	type receipt struct{ Status, ID string }
	one := check.Plain(http.MethodPost, baseURL+"/v1/audit_logs", apiKey, all[0], "Idempotency-Key", "first entry")
	all[0].id = check.JSON[receipt]("publish one", one, http.StatusCreated).ID
	again := check.Plain(http.MethodPost, baseURL+"/v1/audit_logs", apiKey, all[0], "Idempotency-Key", "first entry")
	check.Same("publish: the same key and body again", check.JSON[receipt]("publish again", again, http.StatusOK).Status, "replayed")
	many := check.Plain(http.MethodPost, baseURL+"/v1/audit_logs", apiKey, all[1:])
	results := check.JSON[struct{ Results []receipt }]("publish an array", many, http.StatusCreated).Results
	check.Same("publish: one result per entry", len(results), count-1)
	for at, stored := range results {
		all[at+1].id = stored.ID
	}
	for _, e := range all {
		if !check.IsID("api_request_", e.id) {
			check.Difference("publish: no id in %v", e)
		}
	}
	fmt.Printf("ok  publish: %d entries\n", count)
	return all
}

// refused says that err is the SDK's error for an answer with this status and a JSON object with a message, and gives the object's text.
func refused(promise string, status int, err error) string {
	var answer *nirvana.Error
	if !errors.As(err, &answer) || answer.StatusCode != status {
		check.Difference("%s\n  expected: API error %d\n  actual:   %T %v", promise, status, err, err)
	}
	if !strings.Contains(answer.RawJSON(), `"message":"`) || answer.Response.Header.Get("X-Request-Id") == "" {
		check.Difference("%s: no message or no request id in %s", promise, answer.RawJSON())
	}
	fmt.Printf("ok  %s: API error %d\n", promise, status)
	return answer.RawJSON()
}

// newestFirst is the order without a sort: by time, and within one time by id.
func newestFirst(all []entry) []entry {
	return sorted(all, func(a, b entry) int { return strings.Compare(b.CreatedAt, a.CreatedAt) }, true)
}

func sorted(all []entry, order func(a, b entry) int, idsFall bool) []entry {
	copied := append([]entry{}, all...)
	sort.SliceStable(copied, func(a, b int) bool {
		if by := order(copied[a], copied[b]); by != 0 {
			return by < 0
		}
		return (copied[a].id > copied[b].id) == idsFall
	})
	return copied
}

func ids(items []read) []string {
	all := []string{}
	for _, item := range items {
		all = append(all, item.ID)
	}
	return all
}

func entryIDs(entries []entry) []string {
	all := []string{}
	for _, e := range entries {
		all = append(all, e.id)
	}
	return all
}

// compare looks at every member of the client's type.
func compare(promise string, items []read, expected []entry) {
	check.Same(promise+": ids, in order", ids(items), entryIDs(expected))
	for at, item := range items {
		e := expected[at]
		when, err := time.Parse(time.RFC3339, e.CreatedAt)
		check.Must("time", when, err)
		actual := entry{item.Action, actor{item.Actor.ID, item.Actor.Name, string(item.Actor.Type)}, item.ClientIP, item.Method, item.Path, item.StatusCode, item.UserAgent, nil,
			e.OrganizationID, e.CreatedAt, item.ID}
		named := target{item.Target.ID, item.Target.Type}
		e.Target = nil
		if actual != e || !item.CreatedAt.Equal(when) {
			check.Difference("%s: entry %d cell by cell\n  expected: %#v\n  actual:   %#v %s", promise, at, e, actual, item.CreatedAt)
		}
		if there := expected[at].Target; there != nil && *there != named || there == nil && (named != target{} || item.JSON.Target.Valid()) {
			check.Difference("%s: target of entry %d\n  expected: %#v\n  actual:   %#v", promise, at, there, item.JSON.Target)
		}
		if !item.JSON.Action.Valid() || !item.JSON.ClientIP.Valid() || !item.JSON.UserAgent.Valid() || !item.JSON.CreatedAt.Valid() || !item.Actor.JSON.ID.Valid() || !item.Actor.JSON.Type.Valid() {
			check.Difference("%s: a required member is missing in %s", promise, item.RawJSON())
		}
	}
	fmt.Println("ok ", promise+": every entry cell by cell")
}
