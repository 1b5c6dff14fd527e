package main

import (
	"net/http"
	"net/url"

	"annals.example/conformance/check"
)

// groups: what an application calls a group is an organization of the other APIs, and its keys see what is its own.
func groups() {
	type organization struct{ ID, Name string }
	read := func(promise, path string) organization {
		return check.JSON[organization](promise, check.Plain(http.MethodGet, baseURL+path, apiKey, nil), http.StatusOK)
	}
	found := check.Plain(http.MethodGet, baseURL+"/organizations?domains="+foo, apiKey, nil)
	byDomain := check.JSON[struct{ Data []organization }]("groups: by domain", found, http.StatusOK).Data
	check.Same("groups: a group that is a domain made no second organization", []any{len(byDomain), byDomain[0].Name}, []any{1, "Foo"})
	check.Same("groups: an unknown group became an organization with its name", read("groups: made", "/organizations/external_id/"+bar).Name, bar)
	check.Same("groups: with any characters", read("groups: made", "/organizations/external_id/"+url.PathEscape(commas)).Name, commas)

	made := check.Plain(http.MethodPost, baseURL+"/organizations/"+byDomain[0].ID+"/api_keys", apiKey, map[string]any{"name": "Foo's own"})
	own := client{key: check.JSON[struct{ Value string }]("groups: key", made, http.StatusCreated).Value, endpoint: newest.endpoint, userAgent: newestUserAgent}
	mine, err := own.list(filter{Limit: 100})
	compare("a key of the organization sees its events", check.Must("groups: list", mine, err).Data, of(func(e event) bool { return e.Group == foo }))
	theirs, err := own.list(filter{Group: []string{bar}})
	check.Same("trail: and no others", len(check.Must("groups: list", theirs, err).Data), 0)
	other := refused("trail: nor can it write for others", http.StatusUnprocessableEntity, own.publish(trail[2]))
	check.Same("trail: the refusal names the group", []any{len(other.FieldErrors), other.FieldErrors[0].Field}, []any{1, "group"})
	unknown := trail[2]
	unknown.Group = "unheard-of.example"
	refused("trail: nor make organizations", http.StatusUnprocessableEntity, own.publish(unknown))
	check.Same("trail: nothing of this was stored", len(list("bar", filter{Group: []string{bar, unknown.Group}}).Data), len(of(func(e event) bool { return e.Group == bar })))

	// The id of the organization, its domain in other letters: the same organization, and the group comes back as it was sent.
	for _, group := range []string{byDomain[0].ID, "FOO-corp.com"} {
		e := trail[0]
		e.Group = group
		check.Must("trail: publish", group, own.publish(e))
		compare("another word for the same group", list("group", filter{Group: []string{group}}).Data, []event{e})
	}
	mine, err = own.list(filter{Limit: 100})
	check.Same("trail: it is the same organization", len(check.Must("groups: list", mine, err).Data), len(of(func(e event) bool { return e.Group == foo }))+2)
}
