package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"annals.example/conformance/check"
	"github.com/workos/workos-go/v4/pkg/events"
	"github.com/workos/workos-go/v4/pkg/organizations"
)

// published is one event of the environment's own application: what was sent, and the id that it got.
type published struct {
	name string
	data map[string]any
	id   string
}

// feed is the Events API: what the application publishes, and what the server says of its own changes.
func feed(directory *organizations.Client) {
	client := &events.Client{APIKey: apiKey, Endpoint: baseURL}
	organization := check.Must("feed: organization", create(directory, "Feed"), nil)
	all := publish(organization)
	pages(client, all)
	polling(client, all)
	ranges(client, all)
	ofOrganization(client, organization, create(directory, "Silent"), all)
	refusedLists(client, organization)
	defaultClient(all)
	ownChanges(client, directory)
	ownKeys(client, directory)
}

func create(directory *organizations.Client, name string) string {
	created, err := directory.CreateOrganization(background, organizations.CreateOrganizationOpts{Name: name})
	return check.Must("feed: organization", created, err).ID
}

// This SDK reads the feed only. One by one and in an array; the fourth of them belongs to the organization.
func publish(organization string) []published {
	type receipt struct{ Status, ID string }
	all := make([]published, 25)
	for at := range all {
		all[at] = published{name: []string{events.UserCreated, events.DirectoryUserCreated, events.SessionCreated}[at%3], data: map[string]any{
			"object": "user", "id": fmt.Sprintf("user_%02d", at), "rank": float64(at), "name": hebrew + family, "nested": map[string]any{"a": []any{true, nil, "x"}},
		}}
	}
	one := func(at int) map[string]any {
		body := map[string]any{"event": all[at].name, "data": all[at].data}
		if at == 3 {
			body["organization_id"] = organization
		}
		return body
	}
	for at := 0; at < 5; at++ {
		answer := check.Plain(http.MethodPost, baseURL+"/v1/events", apiKey, one(at), "Idempotency-Key", fmt.Sprintf("feed-%d", at))
		stored := check.JSON[receipt]("feed: publish", answer, http.StatusCreated)
		check.Holds("feed: stored, with its id", stored.Status == "stored" && check.IsID("event_", stored.ID), answer.Text)
		all[at].id = stored.ID
	}
	again := check.Plain(http.MethodPost, baseURL+"/v1/events", apiKey, one(4), "Idempotency-Key", "feed-4")
	check.Same("feed: the same key and body again", check.JSON[receipt]("feed: replay", again, http.StatusOK).Status, "replayed")
	rest := []map[string]any{}
	for at := 5; at < len(all); at++ {
		rest = append(rest, one(at))
	}
	answer := check.Plain(http.MethodPost, baseURL+"/v1/events", apiKey, rest)
	many := check.JSON[struct{ Results []receipt }]("feed: publish an array", answer, http.StatusCreated)
	check.Same("feed: one result per event of the array", len(many.Results), len(rest))
	for at, stored := range many.Results {
		all[at+5].id = stored.ID
	}
	fmt.Printf("ok  feed: %d published\n", len(all))
	return all
}

var publishedNames = []string{events.UserCreated, events.DirectoryUserCreated, events.SessionCreated}

func list(promise string, client *events.Client, options events.ListEventsOpts) events.ListEventsResponse {
	page, err := client.ListEvents(background, options)
	return check.Must(promise, page, err)
}

// compare looks at every member that this SDK reads, in order.
func compareFeed(promise string, page []events.Event, expected []published) {
	check.Same(promise+": ids, in order", eventIDs(page), publishedIDs(expected))
	for at, event := range page {
		check.Same(fmt.Sprintf("%s: name and data of %s", promise, event.ID), []any{event.Event, dataOf(event)}, []any{expected[at].name, expected[at].data})
		check.Holds(promise+": created now", time.Since(event.CreatedAt) < 10*time.Minute && time.Until(event.CreatedAt) < time.Minute, event)
	}
}

func dataOf(event events.Event) (data map[string]any) {
	check.Must("feed: data of "+event.ID, data, json.Unmarshal(event.Data, &data))
	return data
}

func eventIDs(page []events.Event) []string {
	ids := []string{}
	for _, event := range page {
		ids = append(ids, event.ID)
	}
	return ids
}

func publishedIDs(all []published) []string {
	ids := []string{}
	for _, event := range all {
		ids = append(ids, event.id)
	}
	return ids
}

func named(all []published, name string) []published {
	chosen := []published{}
	for _, event := range all {
		if event.name == name {
			chosen = append(chosen, event)
		}
	}
	return chosen
}
