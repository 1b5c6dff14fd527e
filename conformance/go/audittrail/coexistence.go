package main

import (
	"context"
	"net/http"
	"strings"

	"annals.example/conformance/check"
	"github.com/workos/workos-go/v4/pkg/events"
)

// asOlder lets the events package of the later version say that it is an older one; nothing else on the wire differs.
type asOlder struct {
	userAgent string
	camelCase bool
}

func (a asOlder) RoundTrip(request *http.Request) (*http.Response, error) {
	older := request.Clone(request.Context())
	older.Header.Set("User-Agent", a.userAgent)
	if a.camelCase {
		older.URL.RawQuery = strings.NewReplacer("range_start=", "rangeStart=", "range_end=", "rangeEnd=").Replace(older.URL.RawQuery)
	}
	return http.DefaultTransport.RoundTrip(older)
}

// coexistence: versions 2.1.2 to 2.4.2 have both APIs on one path, so the request itself must say which one is meant.
func coexistence() {
	sent := check.Plain(http.MethodPost, baseURL+"/v1/events", apiKey, map[string]any{"event": "user.created", "data": map[string]any{"object": "user", "id": "user_1"}})
	id := check.JSON[struct{ ID string }]("both: publish", sent, http.StatusCreated).ID
	for _, transport := range []asOlder{{"workos-go/v2.4.2", false}, {"workos-go/2.1.3", false}, {"workos-go/v2.1.2", true}} {
		feed := &events.Client{APIKey: apiKey, Endpoint: baseURL, HTTPClient: &http.Client{Transport: transport}}
		read := func(promise string, options events.ListEventsOpts) []string {
			page, err := feed.ListEvents(context.Background(), options)
			all := []string{}
			for _, event := range check.Must("both: "+promise, page, err).Data {
				all = append(all, event.ID)
			}
			return all
		}
		named := []string{"user.created"}
		about := " (" + transport.userAgent + ")"
		check.Same("both: a list with names is the feed"+about, read("names", events.ListEventsOpts{Events: named}), []string{id})
		check.Same("both: with a range too"+about, read("range", events.ListEventsOpts{Events: named, RangeStart: "2020-01-01T00:00:00Z", RangeEnd: "2099-01-01T00:00:00Z"}), []string{id})
		check.Same("both: beyond the head too"+about, read("after", events.ListEventsOpts{Events: named, After: id}), []string{})
		_, err := feed.ListEvents(context.Background(), events.ListEventsOpts{RangeStart: "2020-01-01T00:00:00Z"})
		check.Same("both: a range alone is the feed, which wants names"+about, refused("both: range alone", http.StatusBadRequest, err).ErrorCode, "invalid_events_request")
		_, err = feed.ListEvents(context.Background(), events.ListEventsOpts{After: id})
		refused("both: a cursor of the feed alone is the feed"+about, http.StatusBadRequest, err)

		trail := client{key: apiKey, endpoint: baseURL + "/events", userAgent: transport.userAgent}
		answer, err := trail.list(filter{})
		check.Same("both: a list with nothing but a limit is the trail"+about, len(check.Must("both: trail", answer, err).Data), 10)
		answer, err = trail.list(filter{Action: []string{"user.signed_in"}})
		check.Same("both: a list with an action is the trail"+about, len(check.Must("both: trail", answer, err).Data), 2)
		answer, err = trail.list(filter{Before: answer.Data[0].ID})
		check.Same("both: a cursor of the trail is the trail"+about, len(check.Must("both: trail", answer, err).Data) > 0, true)
	}
	byUserAgent()
	byRequest(id)
}

// byUserAgent: with nothing but a limit, the version decides, and nothing else.
func byUserAgent() {
	for userAgent, isTrail := range map[string]bool{
		"workos-js/0.1.0": true, "workos-node/0.4.0": true, "workos-node/1.4.0": true, "workos-node/2.20.0": true, "workos-node/3.9.3": true,
		"workos-node/4.0.0": false, "workos-node/10.9.0": false, "workos-node/30.0.0": false,
		"workos-go/0.8.0": true, "workos-go/v1.12.0": true, "workos-go/v2.4.2": true, "workos-go/v3.0.0": false, "workos-go/v4.46.1": false, "workos-go/v20.0.0": false,
		"WorkOS Python/0.4.1": true, "WorkOS Python/1.9.0": true, "WorkOS Python/3.11.7 Python SDK/1.26.0": true,
		"WorkOS Python/3.11.7 Python SDK/5.46.0": false, "WorkOS Python/1.9.0 Python SDK/10.2.0": false, "workos-python/6.0.0 python/3.11.7": false,
		"WorkOS; ruby/3.2.0; x86_64-linux; v2.17.0": true, "WorkOS; jruby/9.4; java; v0.10.0": true, "WorkOS; truffleruby/23.0.0; x86_64-linux; v1.6.1": true,
		"WorkOS; ruby/3.2.0; x86_64-linux; v3.0.0": false, "WorkOS; ruby/3.2.0; x86_64-linux; v10.2.1": false,
		"workos-rust/3.5.0": false, "curl/8.5.0": false, "Mozilla/5.0": false,
	} {
		for _, url := range []string{baseURL + "/events?limit=10", baseURL + "/events?", baseURL + "/events", baseURL + "/events?order=desc", baseURL + "/events?after&before="} {
			status := check.Plain(http.MethodGet, url, apiKey, nil, "User-Agent", userAgent).Status
			expected := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[isTrail]
			if status != expected {
				check.Difference("both: %s of %s\n  expected: %d\n  actual:   %d", url, userAgent, expected, status)
			}
		}
	}
	check.Same("both: without anything else the version decides", true, true)
	for _, userAgent := range []string{"curl/8.5.0", "workos-go/v4.46.1"} {
		certain := client{key: apiKey, endpoint: baseURL + "/legacy/events", userAgent: userAgent}
		answer, err := certain.list(filter{})
		check.Same("both: below /legacy it is the trail, whoever asks", len(check.Must("both: legacy", answer, err).Data), 10)
	}
}

// byRequest: what the request says wins over the version, in both directions.
func byRequest(id string) {
	trailID := list("newest", filter{Limit: 1}).Data[0].ID
	for query, isTrail := range map[string]bool{
		"group=" + foo: true, "group%5B%5D=" + foo: true, "group[]=" + foo: true, "action[]=other": true, "action_type=C": true, "actor_name=x": true, "actor_id[]=x": true,
		"target_name=x": true, "target_id=x": true, "occurred_at=2020-01-01": true, "occurred_at_gt=2020-01-01": true, "occurred_at_gte=2020-01-01": true,
		"occurred_at_lt=2020-01-01": true, "occurred_at_lte=2020-01-01": true, "search=x": true, "before=" + trailID: true, "after=" + trailID: true,
		"events=user.created": false, "events[]=user.created": false, "events=user.created&group=x": false, "events=user.created&after=" + id: false,
	} {
		for _, userAgent := range []string{"curl/8.5.0", newestUserAgent, "workos-node/10.9.0"} {
			answer := check.Plain(http.MethodGet, baseURL+"/events?"+query, apiKey, nil, "User-Agent", userAgent)
			read := check.JSON[struct{ Data []map[string]any }]("both: "+query, answer, http.StatusOK)
			for _, event := range read.Data {
				if _, hasAction := event["action"]; hasAction != isTrail {
					check.Difference("both: %s of %s is the trail: %v, but came\n  %v", query, userAgent, isTrail, event)
				}
			}
		}
	}
	check.Same("both: what a request asks for decides before the version", true, true)
	for _, query := range []string{"events=", "events[]=", "range_start=2020-01-01", "rangeEnd=2020-01-01", "organization_id=org_1&group=" + foo, "after=" + id} {
		answer := check.Plain(http.MethodGet, baseURL+"/events?"+query, apiKey, nil, "User-Agent", newestUserAgent)
		refusal := check.JSON[struct{ Code string }]("both: "+query, answer, http.StatusBadRequest)
		check.Same("both: "+query+" is the feed, which wants names", refusal.Code, "invalid_events_request")
	}
}
