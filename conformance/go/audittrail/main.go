// The older Audit Trail API, spoken as workos-go v2 speaks it. Needs ANNALS_URL and ANNALS_API_KEY; stops at the first difference.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"annals.example/conformance/check"
	"github.com/workos/workos-go/v4/pkg/workos_errors"
)

var (
	baseURL = check.Required("ANNALS_URL")
	apiKey  = check.Required("ANNALS_API_KEY")
	newest  = client{key: apiKey, endpoint: baseURL + "/events", userAgent: newestUserAgent}
)

func main() {
	refusals()
	published()
	cells()
	filters()
	walk()
	orders()
	coexistence()
	groups()
	fmt.Println("go-audittrail: every promise holds")
}

// refused says that err is the SDK's error for an answer with this status, and gives it back.
func refused(promise string, status int, err error) workos_errors.HTTPError {
	var answer workos_errors.HTTPError
	if !errors.As(err, &answer) || answer.Code != status || answer.RequestID == "" {
		check.Difference("%s\n  expected: HTTPError %d with a request id\n  actual:   %T %v", promise, status, err, err)
	}
	fmt.Printf("ok  %s: HTTPError %d\n", promise, status)
	return answer
}

func refusals() {
	refuse := func(promise string, spoil func(*event)) workos_errors.HTTPError {
		e := trail[0]
		spoil(&e)
		return refused("trail: "+promise, http.StatusUnprocessableEntity, newest.publish(e))
	}
	kind := refuse("an action type that is none", func(e *event) { e.ActionType = "X" })
	check.Holds("trail: the refusal names the member and gives a sentence",
		len(kind.FieldErrors) == 1 && kind.FieldErrors[0].Field == "action_type" && strings.Contains(kind.FieldErrors[0].Code, " "), kind.RawBody)
	refuse("no action type", func(e *event) { e.ActionType = "" })
	refuse("no action", func(e *event) { e.Action = "" })
	refuse("no group", func(e *event) { e.Group = "" })
	members := map[string]any{}
	for at := 0; at < 51; at++ {
		members[fmt.Sprintf("key %d", at)] = "v"
	}
	refuse("51 metadata keys", func(e *event) { e.Metadata = members })
	refuse("a metadata key of 41 characters", func(e *event) { e.Metadata = map[string]any{strings.Repeat("k", 41): "v"} })
	refuse("a metadata value of 501 characters", func(e *event) { e.Metadata = map[string]any{"k": strings.Repeat("v", 501)} })
	refuse("nested metadata", func(e *event) { e.Metadata = map[string]any{"k": map[string]any{"a": 1}} })
	missing := check.Plain(http.MethodPost, newest.endpoint, apiKey, map[string]any{"group": foo}, "User-Agent", newestUserAgent)
	fields := check.JSON[struct {
		Message string
		Errors  []struct{ Field, Code string }
	}]("trail: a body with one member", missing, http.StatusUnprocessableEntity)
	names := map[string]bool{}
	for _, wrong := range fields.Errors {
		names[wrong.Field] = wrong.Code != ""
	}
	for _, name := range []string{"action", "action_type", "actor_name", "actor_id", "target_name", "target_id", "location", "occurred_at"} {
		check.Holds("trail: the refusal names "+name, names[name], missing.Text)
	}
	stranger := client{key: "sk_wrong", endpoint: newest.endpoint, userAgent: newestUserAgent}
	check.Same("trail: a wrong key has the documented text", refused("trail: wrong key", http.StatusUnauthorized, stranger.publish(trail[0])).Message, "Unauthorized")
	_, err := stranger.list(filter{})
	refused("trail: wrong key, list", http.StatusUnauthorized, err)
	empty, err := newest.list(filter{})
	check.Must("trail: list", empty, err)
	check.Same("trail: nothing of all this was stored", []any{len(empty.Data), empty.ListMetadata.Before, empty.ListMetadata.After}, []any{0, "", ""})
}

func published() {
	// A group that is a domain of an organization belongs to it; the others become organizations.
	made := check.Plain(http.MethodPost, baseURL+"/organizations", apiKey, map[string]any{"name": "Foo", "domain_data": []any{map[string]any{"domain": foo, "state": "verified"}}})
	check.Same("trail: an organization with the domain", made.Status, http.StatusCreated)
	for at, e := range trail {
		if at == 1 {
			e.key = "trail once"
		}
		check.Must("trail: publish", e.Action, newest.publish(e))
	}
	again := trail[1]
	again.key = "trail once"
	check.Must("trail: the same key and body again", again.Action, newest.publish(again))
	again.Action = "another"
	reused := refused("trail: the same key with another body", http.StatusBadRequest, newest.publish(again))
	check.Same("trail: the refusal has the documented text", reused.Message,
		"Another idempotency key (trail once) with different request parameters was found. Please use a different idempotency key.")
	answer := check.Plain(http.MethodPost, newest.endpoint, apiKey, map[string]any{
		"group": bar, "action": "member.removed", "action_type": "D", "actor_name": "", "actor_id": "user_09", "target_name": "Team", "target_id": "team_1",
		"location": "1.1.1.9", "occurred_at": "2020-05-01T00:00:00.000", "metadata": map[string]any{}})
	check.Same("trail: the answer that python's client reads", []any{answer.Status, strings.TrimSpace(answer.Text)}, []any{http.StatusCreated, `{"success":true}`})
	trail = append(trail, event{Action: "member.removed", ActionType: "D", Group: bar, ActorID: "user_09", TargetName: "Team", TargetID: "team_1", Location: "1.1.1.9", OccurredAt: at("2020-05-01T00:00:00Z")})
	for count := 0; count < others; count++ {
		e := event{Action: "other", ActionType: "R", Group: "others.example", ActorName: fmt.Sprintf("Other %d", count), ActorID: "user_10", TargetID: "other", Location: "::1", OccurredAt: at("2021-01-01T00:00:00Z")}
		trail = append(trail, e)
		check.Must("trail: publish", e.Action, newest.publish(e))
	}
	now := event{Action: "now", ActionType: "C", Group: "now.example", ActorID: "user_11", TargetID: "now", Location: "::1"}
	check.Must("trail: a time that was not given is now", now.Action, newest.publish(now))
	fmt.Printf("ok  trail: %d published, one of them twice with one key\n", len(trail)+1)
}
