package main

import (
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"annals.example/conformance/check"
	"github.com/nirvana-labs/nirvana-go"
	"github.com/nirvana-labs/nirvana-go/audit_logs"
	"github.com/nirvana-labs/nirvana-go/option"
	"github.com/nirvana-labs/nirvana-go/packages/pagination"
)

func list(promise string, client nirvana.Client, q query, options ...option.RequestOption) *pagination.Cursor[read] {
	if !q.Path.Valid() {
		q.Path = nirvana.String(journey)
	}
	page, err := client.AuditLogs.List(background, q, options...)
	return check.Must(promise, page, err)
}

// whole follows the pages to the end, as the client's own iterator does.
func whole(promise string, client nirvana.Client, q query) []read {
	if !q.Path.Valid() {
		q.Path = nirvana.String(journey)
	}
	all := []read{}
	pager := client.AuditLogs.ListAutoPaging(background, q)
	for pager.Next() {
		all = append(all, pager.Current())
	}
	check.Must(promise, all, pager.Err())
	check.Same(promise+": the iterator counts", pager.Index(), len(all))
	return all
}

func pages(client nirvana.Client, all []entry) {
	expected := newestFirst(all)
	first := list("pages: first", client, query{})
	compare("pages: fifty when no limit is given, newest first", first.Items, expected[:50])
	check.Same("pages: the total is that of all pages", first.Pagination.TotalCount, int64(count))
	check.Same("pages: nothing before the first", first.Pagination.PreviousCursor, "")
	second, err := first.GetNextPage()
	compare("pages: the next page", check.Must("pages: next", second, err).Items, expected[50:100])
	third, err := second.GetNextPage()
	compare("pages: the last page", check.Must("pages: next", third, err).Items, expected[100:])
	check.Same("pages: the total stays", []int64{second.Pagination.TotalCount, third.Pagination.TotalCount}, []int64{count, count})
	check.Same("pages: nothing after the last", third.Pagination.NextCursor, "")
	after, err := third.GetNextPage()
	check.Holds("pages: the client stops there", after == nil && err == nil, err)
	back := list("pages: back", client, query{Cursor: nirvana.String(second.Pagination.PreviousCursor)})
	check.Same("pages: the previous cursor leads back", ids(back.Items), entryIDs(expected[:50]))
	compare("pages: the iterator sees every entry once", whole("pages: iterator", client, query{Limit: nirvana.Int(7)}), expected)
	vms := newestFirst(chosen(all, func(e entry) bool { return strings.Contains(e.Path, "vms/1") }))
	compare("pages: one by one", whole("pages: iterator", client, query{Limit: nirvana.Int(1), Path: nirvana.String("vms/1")}), vms)
	full := list("pages: full", client, query{Limit: nirvana.Int(int64(len(vms))), Path: nirvana.String("vms/1")})
	check.Same("pages: a page that is exactly full has no next one", []any{len(full.Items), full.Pagination.NextCursor}, []any{len(vms), ""})
}

func chosen(all []entry, choose func(entry) bool) []entry {
	some := []entry{}
	for _, e := range all {
		if choose(e) {
			some = append(some, e)
		}
	}
	return some
}

func filters(client nirvana.Client, all []entry) {
	by := func(promise string, q query, choose func(entry) bool) {
		q.Limit = nirvana.Int(25)
		expected := newestFirst(chosen(all, choose))
		check.Same("filter: "+promise+": the total", list("filter", client, q).Pagination.TotalCount, int64(len(expected)))
		compare("filter: "+promise, whole("filter: "+promise, client, q), expected)
	}
	by("action", query{Action: nirvana.String("vm.delete")}, func(e entry) bool { return e.Action == "vm.delete" })
	by("an action is compared whole", query{Action: nirvana.String("vm")}, func(entry) bool { return false })
	by("actor id", query{ActorID: nirvana.String("user_3")}, func(e entry) bool { return e.Actor.ID == "user_3" })
	by("actor type user", query{ActorType: audit_logs.AuditLogListParamsActorTypeUser}, func(e entry) bool { return e.Actor.Type == "user" })
	by("actor type api_key", query{ActorType: audit_logs.AuditLogListParamsActorTypeAPIKey}, func(e entry) bool { return e.Actor.Type == "api_key" })
	by("client ip", query{ClientIP: nirvana.String("2001:db8::1")}, func(e entry) bool { return e.ClientIP == "2001:db8::1" })
	for _, method := range []string{"DELETE", "delete"} {
		by("method "+method, query{Method: nirvana.String(method)}, func(e entry) bool { return e.Method == "DELETE" })
	}
	for _, part := range []string{"compute/volumes/1", "OLUMES/1"} {
		by("a part of the path in any case: "+part, query{Path: nirvana.String(part)}, func(e entry) bool { return strings.Contains(strings.ToLower(e.Path), "volumes/1") })
	}
	by("a wildcard in the path is a letter", query{Path: nirvana.String("vms%")}, func(entry) bool { return false })
	by("status from", query{StatusCodeMin: nirvana.Int(404)}, func(e entry) bool { return e.StatusCode >= 404 })
	by("status to", query{StatusCodeMax: nirvana.Int(201)}, func(e entry) bool { return e.StatusCode <= 201 })
	by("status from and to", query{StatusCodeMin: nirvana.Int(204), StatusCodeMax: nirvana.Int(404)}, func(e entry) bool { return e.StatusCode >= 204 && e.StatusCode <= 404 })
	by("target id", query{TargetID: nirvana.String("resource_4")}, func(e entry) bool { return e.Target != nil && e.Target.ID == "resource_4" })
	by("target type", query{TargetType: nirvana.String("volume")}, func(e entry) bool { return e.Target != nil && e.Target.Type == "volume" })
	from, to := beginning.Add(5*time.Second), beginning.Add(20*time.Second)
	within := func(e entry) bool {
		when, _ := time.Parse(time.RFC3339, e.CreatedAt)
		return !when.Before(from) && !when.After(to)
	}
	by("both ends of the time belong to it", query{CreatedAtMin: nirvana.Time(from), CreatedAtMax: nirvana.Time(to)}, within)
	east := time.FixedZone("east", 5*3600+1800)
	by("a time with another offset", query{CreatedAtMin: nirvana.Time(from.In(east)), CreatedAtMax: nirvana.Time(to.In(east))}, within)
	by("everything together", query{Action: nirvana.String("vm.create"), ActorID: nirvana.String("user_0"), ActorType: "user", ClientIP: nirvana.String("203.0.113.7"), Method: nirvana.String("post"),
		Path: nirvana.String("JOURNEY"), StatusCodeMin: nirvana.Int(201), StatusCodeMax: nirvana.Int(201), TargetID: nirvana.String("resource_0"), TargetType: nirvana.String("vm"),
		CreatedAtMin: nirvana.Time(beginning), CreatedAtMax: nirvana.Time(beginning)}, func(e entry) bool { return e.id == all[0].id })
}

func sorts(client nirvana.Client, all []entry) {
	times := func(a, b entry) int { return strings.Compare(a.CreatedAt, b.CreatedAt) }
	status := func(a, b entry) int { return int(a.StatusCode - b.StatusCode) }
	turned := func(order func(a, b entry) int) func(a, b entry) int {
		return func(a, b entry) int { return order(b, a) }
	}
	then := func(first, second func(a, b entry) int) func(a, b entry) int {
		return func(a, b entry) int {
			if by := first(a, b); by != 0 {
				return by
			}
			return second(a, b)
		}
	}
	for text, order := range map[string]func(a, b entry) int{
		"created_at:desc": turned(times), "created_at:asc": times, "status_code:asc": status, "status_code:desc": turned(status),
		"status_code:desc,created_at:asc": then(turned(status), times), "status_code:asc,created_at:desc": then(status, turned(times)),
		"created_at:asc,status_code:desc": then(times, turned(status)),
	} {
		actual := whole("sort: "+text, client, query{Sort: nirvana.String(text), Limit: nirvana.Int(11)})
		// Entries that the sort holds equal stand in the order of their ids, in either direction.
		place := map[string]entry{}
		for _, e := range all {
			place[e.id] = e
		}
		seen := map[string]bool{}
		for at, item := range actual {
			seen[item.ID] = true
			if at > 0 && order(place[actual[at-1].ID], place[item.ID]) > 0 {
				check.Difference("sort: %s: %v stands before %v", text, place[actual[at-1].ID], place[item.ID])
			}
		}
		check.Same("sort: "+text+": every entry once, in order", len(seen), count)
		check.Same("sort: "+text+": the same in every run", ids(whole("sort: again", client, query{Sort: nirvana.String(text), Limit: nirvana.Int(100)})), ids(actual))
	}
}

func single(client nirvana.Client, all []entry) {
	for _, e := range []entry{all[0], all[3], all[6], all[count-1]} {
		item, err := client.AuditLogs.Get(background, e.id)
		compare("get", []read{*check.Must("get: "+e.id, item, err)}, []entry{e})
		listed := list("get: listed", client, query{Path: nirvana.String(e.Path), Sort: nirvana.String("created_at:asc")})
		check.Same("get: the same bytes as in the list", item.RawJSON(), listed.Items[0].RawJSON())
	}
	_, err := client.AuditLogs.Get(background, "")
	check.Holds("get: the client itself refuses an empty id", err != nil, err)
}

func refusals(client nirvana.Client) {
	refuse := func(promise string, q query) {
		_, err := client.AuditLogs.List(background, q)
		refused("refused: "+promise, http.StatusBadRequest, err)
	}
	page := list("refused: a page", client, query{Limit: nirvana.Int(2), Method: nirvana.String("POST")})
	cursor := nirvana.String(page.Pagination.NextCursor)
	q := query{Limit: nirvana.Int(2), Method: nirvana.String("POST"), Path: nirvana.String(journey), Cursor: cursor}
	q.Method = nirvana.String("DELETE")
	refuse("a cursor with another filter", q)
	q.Method, q.ActorID = nirvana.String("POST"), nirvana.String("user_1")
	refuse("a cursor with one more filter", q)
	refuse("a cursor without its filters", query{Cursor: cursor})
	refuse("a cursor with another sort", query{Limit: nirvana.Int(2), Method: nirvana.String("POST"), Path: nirvana.String(journey), Cursor: cursor, Sort: nirvana.String("created_at:asc")})
	refuse("a cursor that is none", query{Cursor: nirvana.String("nonsense")})
	for _, sort := range []string{"path:asc", "created_at", "created_at:up", "created_at:asc,,", ":", "created_at:asc,created_at:desc"} {
		refuse("sort "+sort, query{Sort: nirvana.String(sort)})
	}
	for _, limit := range []int64{0, -1, 101} {
		refuse(fmt.Sprintf("limit %d", limit), query{Limit: nirvana.Int(limit)})
	}
	refuse("an actor type that is none", query{ActorType: "robot"})
	_, err := client.AuditLogs.List(background, query{}, option.WithQuery("created_at_min", "yesterday"))
	refused("refused: a time that is none", http.StatusBadRequest, err)
	_, err = client.AuditLogs.List(background, query{}, option.WithQuery("status_code_min", "many"))
	refused("refused: a status that is none", http.StatusBadRequest, err)
	for _, id := range []string{"api_request_01HEQ7M5X0000000000000001A", "nonsense", "api_request_", "%2e%2e"} {
		_, err := client.AuditLogs.Get(background, id)
		refused("refused: the id "+id, http.StatusNotFound, err)
	}
	stranger := connect("sk_wrong")
	_, err = stranger.AuditLogs.List(background, query{})
	check.Same("refused: a wrong key has the documented body", refused("refused: wrong key", http.StatusUnauthorized, err), `{"message":"Unauthorized"}`)
	_, err = stranger.AuditLogs.Get(background, "api_request_01HEQ7M5X0000000000000001A")
	refused("refused: wrong key, get", http.StatusUnauthorized, err)
}

// ofOrganization: a key of an organization sees what belongs to it, and cannot ask for more.
func ofOrganization(client nirvana.Client, all []entry, organization string) {
	mine := newestFirst(chosen(all, func(e entry) bool { return e.OrganizationID == organization }))
	compare("organization: its own entries", whole("organization", client, query{Limit: nirvana.Int(9)}), mine)
	check.Same("organization: the total is its own", list("organization", client, query{}).Pagination.TotalCount, int64(len(mine)))
	item, err := client.AuditLogs.Get(background, mine[0].id)
	compare("organization: get", []read{*check.Must("organization: get", item, err)}, mine[:1])
	for _, e := range []entry{all[1], all[2]} {
		_, err := client.AuditLogs.Get(background, e.id)
		refused("organization: an entry of somebody else", http.StatusNotFound, err)
	}
	environment := connect(apiKey)
	everyones := list("organization: the environment's page", environment, query{Limit: nirvana.Int(2)}).Pagination.NextCursor
	_, err = client.AuditLogs.List(background, query{Limit: nirvana.Int(2), Path: nirvana.String(journey), Cursor: nirvana.String(everyones)})
	refused("organization: a cursor of the environment", http.StatusBadRequest, err)
	// The environment's key may ask for one organization.
	filtered, err := environment.AuditLogs.List(background, query{Path: nirvana.String(journey), Limit: nirvana.Int(100)}, option.WithQuery("organization_id", organization))
	compare("organization: the environment's key asks for it", check.Must("organization: filter", filtered, err).Items, mine)
	written := check.Plain(http.MethodPost, baseURL+"/v1/audit_logs", keyOf(organization), all[0])
	check.Same("organization: its key writes nothing", written.Status, http.StatusForbidden)
}

func keyOf(organization string) string {
	made := check.Plain(http.MethodPost, baseURL+"/organizations/"+organization+"/api_keys", apiKey, map[string]any{"name": "Another"})
	return check.JSON[struct{ Value string }]("organization: key", made, http.StatusCreated).Value
}

// settings: what the two clients of this API differ in, and the other ways to point one at a server.
func settings(all []entry) {
	expected := newestFirst(all)
	client := connect(apiKey)
	// The TypeScript client sends a null as a key without a value.
	empty := list("settings: empty values", client, query{}, option.WithQuery("cursor", ""), option.WithQuery("limit", ""), option.WithQuery("actor_id", ""), option.WithQuery("status_code_min", ""), option.WithQuery("sort", ""))
	check.Same("settings: a parameter without a value is absent", ids(empty.Items), entryIDs(expected[:50]))
	for name, value := range map[string]string{"NIRVANA_LABS_BASE_URL": baseURL, "NIRVANA_LABS_API_KEY": apiKey} {
		check.Must("settings: environment", name, os.Setenv(name, value))
	}
	check.Same("settings: address and key from the environment", ids(list("settings", nirvana.NewClient(), query{Limit: nirvana.Int(3)}).Items), entryIDs(expected[:3]))
	var raw *http.Response
	list("settings: raw", client, query{Limit: nirvana.Int(1)}, option.WithResponseInto(&raw))
	check.Same("settings: the answer says that it is JSON", raw.Header.Get("Content-Type"), "application/json; charset=utf-8")
	var body map[string]any
	err := client.Get(background, "v1/audit_logs", query{Limit: nirvana.Int(1), Path: nirvana.String(expected[0].Path)}, &body)
	check.Must("settings: any path", body, err)
	pagination, _ := body["pagination"].(map[string]any)
	keys := []string{}
	for key := range pagination {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	check.Same("settings: the pagination has all its members", keys, []string{"next_cursor", "previous_cursor", "total_count"})
	check.Same("settings: cursors that lead nowhere are null", []any{pagination["next_cursor"], pagination["previous_cursor"]}, []any{nil, nil})
}
