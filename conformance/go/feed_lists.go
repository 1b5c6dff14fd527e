package main

import (
	"net/http"
	"strings"
	"time"

	"annals.example/conformance/check"
	"github.com/workos/workos-go/v4/pkg/events"
)

const noEvents = "One or more event names (e.g. dsync.user.created) must be provided using the events parameter."

func pages(client *events.Client, all []published) {
	first := list("feed: first page", client, events.ListEventsOpts{Events: publishedNames})
	compareFeed("feed: ten when no limit is given, oldest first", first.Data, all[:10])
	check.Same("feed: cursors of the first page", []string{first.ListMetadata.Before, first.ListMetadata.After}, []string{"", all[9].id})
	second := list("feed: second page", client, events.ListEventsOpts{Events: publishedNames, After: first.ListMetadata.After})
	compareFeed("feed: after continues without a gap", second.Data, all[10:20])
	check.Same("feed: cursors of a page in the middle", []string{second.ListMetadata.Before, second.ListMetadata.After}, []string{all[10].id, all[19].id})
	last := list("feed: last page", client, events.ListEventsOpts{Events: publishedNames, After: second.ListMetadata.After})
	compareFeed("feed: the last page", last.Data, all[20:])
	check.Same("feed: no after at the end", last.ListMetadata.After, "")
	whole := list("feed: limit", client, events.ListEventsOpts{Events: publishedNames, Limit: 100})
	compareFeed("feed: all of them in one page", whole.Data, all)
	check.Same("feed: limit 1", eventIDs(list("feed: limit 1", client, events.ListEventsOpts{Events: publishedNames, Limit: 1}).Data), []string{all[0].id})
	one := list("feed: one name", client, events.ListEventsOpts{Events: []string{events.SessionCreated}, Limit: 100})
	compareFeed("feed: one name", one.Data, named(all, events.SessionCreated))
	known := list("feed: every name this SDK knows", client, events.ListEventsOpts{Events: namesOfThisClient, Limit: 100})
	// The server's own events about the organizations of this journey come in between.
	mine := []events.Event{}
	for _, event := range known.Data {
		if strings.Contains(strings.Join(publishedIDs(all), " "), event.ID) {
			mine = append(mine, event)
		}
	}
	compareFeed("feed: every name this SDK knows is a filter", mine, all)
	check.Same("feed: a name that nobody uses matches nothing",
		eventIDs(list("feed: unknown name", client, events.ListEventsOpts{Events: []string{"moon.landed"}}).Data), []string{})
	comma := list("feed: commas", client, events.ListEventsOpts{Events: []string{strings.Join(publishedNames, ",")}, Limit: 100})
	compareFeed("feed: one value with commas is a list too", comma.Data, all)
}

// polling is what a consumer does for years: it keeps the last id that it saw.
func polling(client *events.Client, all []published) {
	seen, after := []string{}, ""
	for {
		page := list("feed: poll", client, events.ListEventsOpts{Events: publishedNames, Limit: 7, After: after})
		if len(page.Data) == 0 {
			check.Same("feed: at the head there is no cursor", page.ListMetadata.After, "")
			break
		}
		seen = append(seen, eventIDs(page.Data)...)
		after = seen[len(seen)-1]
	}
	check.Same("feed: polling sees every event once, in order", seen, publishedIDs(all))
	late := check.Plain(http.MethodPost, baseURL+"/v1/events", apiKey, map[string]any{"event": events.UserDeleted, "data": map[string]any{"object": "user", "id": "user_late"}})
	stored := check.JSON[struct{ ID string }]("feed: publish", late, http.StatusCreated)
	next := list("feed: beyond the head", client, events.ListEventsOpts{Events: append([]string{events.UserDeleted}, publishedNames...), After: after})
	check.Same("feed: what comes later is the next page", eventIDs(next.Data), []string{stored.ID})
	check.Same("feed: a filter that it does not match leaves the head", eventIDs(list("feed: poll", client, events.ListEventsOpts{Events: publishedNames, After: after}).Data), []string{})
}

func ranges(client *events.Client, all []published) {
	whole := list("feed: all", client, events.ListEventsOpts{Events: publishedNames, Limit: 100}).Data
	at := func(index int) string { return whole[index].CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z") }
	between := func(from, to int) []string {
		chosen := []string{}
		for _, event := range whole {
			if !event.CreatedAt.Before(whole[from].CreatedAt) && !event.CreatedAt.After(whole[to].CreatedAt) {
				chosen = append(chosen, event.ID)
			}
		}
		return chosen
	}
	by := func(promise string, options events.ListEventsOpts, expected []string) {
		options.Events, options.Limit = publishedNames, 100
		check.Same("feed: "+promise, eventIDs(list(promise, client, options).Data), expected)
	}
	last := len(all) - 1
	by("range start alone", events.ListEventsOpts{RangeStart: at(3)}, between(3, last))
	by("range end alone", events.ListEventsOpts{RangeEnd: at(2)}, between(0, 2))
	by("both ends", events.ListEventsOpts{RangeStart: at(1), RangeEnd: at(3)}, between(1, 3))
	by("both ends and a cursor, which are one condition", events.ListEventsOpts{RangeStart: at(1), RangeEnd: at(4), After: all[2].id}, publishedIDs(all[3:5]))
	by("a range before everything", events.ListEventsOpts{RangeStart: "2001-01-01", RangeEnd: "2002-01-01T00:00:00+02:00"}, []string{})
	by("a range with another offset", events.ListEventsOpts{RangeStart: whole[2].CreatedAt.In(time.FixedZone("", -5*3600)).Format(time.RFC3339Nano)}, between(2, last))
	// Versions 2.1.2 of this client and others of its time write the names so.
	older := check.Plain(http.MethodGet, baseURL+"/events?limit=100&events="+strings.Join(publishedNames, "&events=")+"&rangeStart="+at(1)+"&rangeEnd="+at(3), apiKey, nil)
	page := check.JSON[events.ListEventsResponse]("feed: the older spelling of a range", older, http.StatusOK)
	check.Same("feed: the older spelling of a range", eventIDs(page.Data), between(1, 3))
}

func ofOrganization(client *events.Client, organization, silent string, all []published) {
	mine := list("feed: of an organization", client, events.ListEventsOpts{Events: publishedNames, OrganizationId: organization})
	compareFeed("feed: of an organization", mine.Data, all[3:4])
	nobody := list("feed: of another organization", client, events.ListEventsOpts{Events: publishedNames, OrganizationId: silent})
	check.Same("feed: of an organization without events", eventIDs(nobody.Data), []string{})
}

func refusedLists(client *events.Client, organization string) {
	refuse := func(promise string, status int, options events.ListEventsOpts) (string, string) {
		_, err := client.ListEvents(background, options)
		answer := refused("feed: "+promise, status, err)
		return answer.ErrorCode, answer.Message
	}
	code, message := refuse("no names", http.StatusBadRequest, events.ListEventsOpts{})
	check.Same("feed: no names has its code and its sentence", []string{code, message}, []string{"invalid_events_request", noEvents})
	refuse("empty names", http.StatusBadRequest, events.ListEventsOpts{Events: []string{""}})
	refuse("limit above 100", http.StatusUnprocessableEntity, events.ListEventsOpts{Events: publishedNames, Limit: 101})
	refuse("a negative limit", http.StatusUnprocessableEntity, events.ListEventsOpts{Events: publishedNames, Limit: -1})
	refuse("a range that is no date", http.StatusUnprocessableEntity, events.ListEventsOpts{Events: publishedNames, RangeStart: "yesterday"})
	_, err := client.ListEvents(background, events.ListEventsOpts{Events: publishedNames, After: "event_nonsense"})
	check.Holds("feed: a cursor that is none is refused, not ignored", err != nil, err)
	_, err = (&events.Client{APIKey: "sk_wrong", Endpoint: baseURL}).ListEvents(background, events.ListEventsOpts{Events: publishedNames})
	check.Same("feed: a wrong key has the documented text", refused("feed: wrong key", http.StatusUnauthorized, err).Message, "Unauthorized")
	made := check.Plain(http.MethodPost, baseURL+"/organizations/"+organization+"/api_keys", apiKey, map[string]any{"name": "Of one organization"})
	key := check.JSON[struct{ Value string }]("feed: key of an organization", made, http.StatusCreated).Value
	_, err = (&events.Client{APIKey: key, Endpoint: baseURL}).ListEvents(background, events.ListEventsOpts{Events: publishedNames})
	refused("feed: an organization's key does not read the environment's feed", http.StatusForbidden, err)
}

// The package's own functions use one client for the whole program.
func defaultClient(all []published) {
	events.SetAPIKey(apiKey)
	events.DefaultClient.Endpoint = baseURL
	page, err := events.ListEvents(background, events.ListEventsOpts{Events: publishedNames, Limit: 3})
	check.Same("feed: the package's own client", eventIDs(check.Must("feed: the package's own client", page, err).Data), publishedIDs(all[:3]))
}
