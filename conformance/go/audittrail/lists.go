package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"annals.example/conformance/check"
)

func list(promise string, f filter) page {
	answer, err := newest.list(f)
	return check.Must("trail: "+promise, answer, err)
}

// compare looks at every member that any version of this SDK reads. `expected` is newest first, as the answer is.
func compare(promise string, actual []stored, expected []event) {
	check.Same("trail: "+promise+": how many", len(actual), len(expected))
	for place, e := range expected {
		got := actual[place]
		check.Holds("trail: "+promise+": ids have their prefixes", check.IsID("evt_", got.ID) && check.IsID("evt_action_", got.Action.ID) &&
			strings.HasPrefix(got.Action.ProjectID, "project_") && strings.HasPrefix(got.Action.EnvironmentID, "environment_"), got)
		metadata := e.Metadata
		if metadata == nil {
			metadata = map[string]any{}
		}
		check.Same(fmt.Sprintf("trail: %s: event %d cell by cell (%s)", promise, place, e.Action),
			stored{got.ID, got.Group, got.Location, got.Latitude, got.Longitude, got.Type, got.ActorName, got.ActorID, got.TargetName, got.TargetID, got.OccurredAt, got.Action, got.Metadata},
			stored{got.ID, e.Group, e.Location, "", "", strings.ToLower(e.ActionType), e.ActorName, e.ActorID, e.TargetName, e.TargetID,
				e.OccurredAt.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z"),
				action{got.Action.ID, e.Action, got.Action.ProjectID, got.Action.EnvironmentID}, metadata})
	}
}

func newestFirst(all []event) []event {
	turned := make([]event, len(all))
	for place, e := range all {
		turned[len(all)-1-place] = e
	}
	return turned
}

func of(choose func(event) bool) []event {
	chosen := []event{}
	for _, e := range trail {
		if choose(e) {
			chosen = append(chosen, e)
		}
	}
	return newestFirst(chosen)
}

func cells() {
	everything := list("everything", filter{Limit: 100})
	now := everything.Data[0]
	when, err := time.Parse("2006-01-02T15:04:05.000Z", now.OccurredAt)
	check.Must("trail: the time that was not given", when, err)
	check.Holds("trail: the time that was not given is now", now.Action.Name == "now" && time.Since(when) < 10*time.Minute && time.Until(when) < time.Minute, now)
	compare("everything, newest first", everything.Data[1:], newestFirst(trail))
	first, again := everything.Data[len(everything.Data)-1], everything.Data[len(everything.Data)-5]
	check.Same("trail: one action has one id", []string{first.Action.Name, first.Action.ID}, []string{again.Action.Name, again.Action.ID})
	check.Same("trail: the whole list has no cursors", []string{everything.ListMetadata.Before, everything.ListMetadata.After}, []string{"", ""})
	// Other versions and languages read other names for the same things.
	raw := check.Plain(http.MethodGet, newest.endpoint+"?limit=1", apiKey, nil, "User-Agent", newestUserAgent)
	answer := check.JSON[struct {
		Object       string
		Data         []map[string]any
		ListMetadata map[string]any `json:"list_metadata"`
		Older        map[string]any `json:"listMetadata"`
	}]("trail: plain", raw, http.StatusOK)
	event := answer.Data[0]
	action, _ := event["action"].(map[string]any)
	check.Same("trail: what other clients read", []any{answer.Object, event["object"], event["type"], event["event_type"], event["latitude"], event["longitude"], action["object"], action["client_id"] == action["project_id"]},
		[]any{"list", "event", "c", "c", nil, nil, "event_action", true})
	check.Same("trail: both spellings of the cursors", answer.ListMetadata, answer.Older)
	check.Same("trail: both cursors are there", answer.Older, map[string]any{"before": event["id"], "after": nil})
}

func filters() {
	by := func(promise string, f filter, expected []event) {
		if f.Limit == 0 {
			f.Limit = 100
		}
		compare("by "+promise, list(promise, f).Data, expected)
	}
	by("group", filter{Group: []string{foo}}, of(func(e event) bool { return e.Group == foo }))
	by("either of two groups", filter{Group: []string{foo, bar}}, of(func(e event) bool { return e.Group == foo || e.Group == bar }))
	by("a group with a comma in its name", filter{Group: []string{commas}}, of(func(e event) bool { return e.Group == commas }))
	by("a group that nobody has", filter{Group: []string{"nobody.example"}}, []event{})
	by("action", filter{Action: []string{"user.signed_in", "document.updated"}}, of(func(e event) bool { return e.Action == "user.signed_in" || e.Action == "document.updated" }))
	by("action type, upper case", filter{ActionType: []string{"C", "D"}, Group: []string{foo, bar, commas}}, of(func(e event) bool { return e.ActionType == "C" || e.ActionType == "D" }))
	by("action type, lower case", filter{ActionType: []string{"u"}}, trail[2:3])
	by("actor name", filter{ActorName: []string{"Ada Lovelace"}}, of(func(e event) bool { return e.ActorName == "Ada Lovelace" }))
	by("an actor name with a comma", filter{ActorName: []string{commas}}, trail[2:3])
	by("actor id", filter{ActorID: []string{"user_02", "user_03"}}, []event{trail[2], trail[1]})
	by("target name", filter{TargetName: []string{"Door"}}, []event{trail[4], trail[0]})
	by("target id", filter{TargetID: []string{"doc_1", "dir_1"}}, []event{trail[2], trail[1]})
	by("every list together", filter{Group: []string{foo}, Action: []string{"user.searched_directories", "user.signed_in"}, ActionType: []string{"R"}, ActorName: []string{"Grace Hopper"},
		ActorID: []string{"user_02"}, TargetName: []string{"Directory"}, TargetID: []string{"dir_1"}}, trail[1:2])
	by("the very moment", filter{OccurredAt: "2020-01-01T00:00:00.000Z"}, trail[0:1])
	by("the very moment, with an offset", filter{OccurredAt: "2020-02-01T01:00:00.500+01:00"}, trail[2:3])
	old := []string{foo, bar, commas}
	by("after, exclusive", filter{OccurredAtGt: "2020-04-01T00:00:00Z", Group: old}, []event{trail[5]})
	by("after, inclusive", filter{OccurredAtGte: "2020-04-01T00:00:00Z", Group: old}, []event{trail[5], trail[3]})
	by("before, exclusive", filter{OccurredAtLt: "2020-01-01T00:00:00Z"}, trail[4:5])
	by("before, inclusive", filter{OccurredAtLte: "2020-01-01T00:00:00Z"}, []event{trail[4], trail[0]})
	// Times are kept finer than they are shown: what an answer showed finds its event again, and a walk beyond it does not meet it twice.
	shown := "2020-02-29T20:00:00.123Z"
	by("a moment as an answer showed it", filter{OccurredAt: shown}, trail[1:2])
	by("after a moment as an answer showed it", filter{OccurredAtGt: shown, Group: old}, []event{trail[5], trail[3]})
	by("from a moment as an answer showed it", filter{OccurredAtGte: shown, Group: old}, []event{trail[5], trail[3], trail[1]})
	by("before a moment as an answer showed it", filter{OccurredAtLt: shown, Group: old}, []event{trail[4], trail[2], trail[0]})
	by("to a moment as an answer showed it", filter{OccurredAtLte: shown, Group: old}, []event{trail[4], trail[2], trail[1], trail[0]})
	by("both ends", filter{OccurredAtGte: "2020-01-01T00:00:00Z", OccurredAtLt: "2020-02-15T00:00:00Z"}, []event{trail[2], trail[0]})
	by("a word", filter{Search: "lovelace"}, of(func(e event) bool { return e.ActorName == "Ada Lovelace" }))
	by("a word in the metadata", filter{Search: "NEEDLE"}, trail[2:3])
	by("nothing", filter{Search: "no such word anywhere"}, []event{})
	by("everything together", filter{Group: []string{foo}, Search: "ada", OccurredAtGt: "2020-01-01T00:00:00Z"}, trail[3:4])

	refuse := func(promise string, f filter) {
		_, err := newest.list(f)
		refused("trail: "+promise, http.StatusUnprocessableEntity, err)
	}
	refuse("limit above 100", filter{Limit: 101})
	refuse("a time that is none", filter{OccurredAt: "yesterday"})
	refuse("an order that is none", filter{Order: "sideways"})
}

func ids(data []stored) []string {
	all := []string{}
	for _, e := range data {
		all = append(all, e.ID)
	}
	return all
}

// walk goes through the list as the consumers of this API did: newest first, `before` leads to older ones.
func walk() {
	everything := ids(list("everything", filter{Limit: 100}).Data)
	count := len(everything)
	first := list("first page", filter{})
	check.Same("trail: ten when no limit is given", ids(first.Data), everything[:10])
	check.Same("trail: cursors of the first page", []string{first.ListMetadata.Before, first.ListMetadata.After}, []string{everything[9], ""})
	second := list("second page", filter{Before: first.ListMetadata.Before})
	check.Same("trail: before leads to older ones", ids(second.Data), everything[10:20])
	check.Same("trail: cursors of a page in the middle", []string{second.ListMetadata.Before, second.ListMetadata.After}, []string{everything[19], everything[10]})
	last := list("last page", filter{Before: second.ListMetadata.Before})
	check.Same("trail: the last page", ids(last.Data), everything[20:])
	check.Same("trail: cursors of the last page", []string{last.ListMetadata.Before, last.ListMetadata.After}, []string{"", everything[20]})
	back := list("back", filter{After: second.ListMetadata.After})
	check.Same("trail: after leads back to newer ones", ids(back.Data), everything[:10])
	check.Same("trail: from there, before leads on", back.ListMetadata.Before, everything[9])
	adjacent := list("adjacent", filter{After: everything[15], Limit: 5})
	check.Same("trail: the page is the one beside the cursor", ids(adjacent.Data), everything[10:15])
	seen, before := []string{}, ""
	for {
		next := list("walk", filter{Limit: 7, Before: before, Group: []string{foo, bar, commas, "others.example", "now.example"}})
		seen = append(seen, ids(next.Data)...)
		if before = next.ListMetadata.Before; before == "" {
			break
		}
	}
	check.Same(fmt.Sprintf("trail: a walk sees all %d once", count), seen, everything)
}

func orders() {
	falling := ids(list("falling", filter{Limit: 100, Order: "desc"}).Data)
	check.Same("trail: desc is newest first", falling, ids(list("everything", filter{Limit: 100}).Data))
	rising := list("rising", filter{Limit: 100, Order: "asc"})
	for place, id := range ids(rising.Data) {
		if id != falling[len(falling)-1-place] {
			check.Difference("trail: asc is the same backwards\n  expected: %v\n  actual:   %v", falling, ids(rising.Data))
		}
	}
	for _, order := range []string{"asc", "desc"} {
		whole := ids(list(order, filter{Limit: 100, Order: order}).Data)
		seen, after := []string{}, ""
		for {
			next := list(order, filter{Limit: 7, Order: order, After: after})
			seen = append(seen, ids(next.Data)...)
			if after = next.ListMetadata.After; after == "" {
				break
			}
		}
		check.Same("trail: "+order+": following after sees every event once", seen, whole)
		third := list(order, filter{Limit: 3, Order: order, Before: whole[9]})
		check.Same("trail: "+order+": before is the page beside the cursor", ids(third.Data), whole[6:9])
		// The python client of that time sends the name of its constant.
		spelled := check.Plain(http.MethodGet, newest.endpoint+"?limit=100&order=Order."+strings.ToUpper(order[:1])+order[1:], apiKey, nil, "User-Agent", "WorkOS Python/1.9.0")
		check.Same("trail: "+order+" as python spells it", ids(check.JSON[page]("trail: "+order, spelled, http.StatusOK).Data), whole)
	}
}
