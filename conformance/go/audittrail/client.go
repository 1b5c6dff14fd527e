package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/go-querystring/query"
	"github.com/workos/workos-go/v4/pkg/common"
	"github.com/workos/workos-go/v4/pkg/workos_errors"
)

// The client of this API is a package of workos-go/v2, a module that could not be fetched. What stands here puts the same bytes on the wire
// and reads the same members back, with the query encoder, the cursors and the errors of the later version, which are the same. It checks
// nothing before it sends, so that the server's own refusals are seen.

const newestUserAgent = "workos-go/v2.4.2"

// client is one application with one version of the SDK.
type client struct {
	key, endpoint, userAgent string
}

// event is what Publish sends: every text always, even when it is empty, and the time with the offset that it was given in.
type event struct {
	Action     string         `json:"action"`
	ActionType string         `json:"action_type"`
	ActorName  string         `json:"actor_name"`
	ActorID    string         `json:"actor_id"`
	Group      string         `json:"group"`
	Location   string         `json:"location"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	OccurredAt time.Time      `json:"occurred_at"`
	TargetName string         `json:"target_name"`
	TargetID   string         `json:"target_id"`

	key string
}

// filter is every option of ListEvents; lists travel with brackets, and a limit always.
type filter struct {
	Group      []string `url:"group,brackets,omitempty"`
	Action     []string `url:"action,brackets,omitempty"`
	ActionType []string `url:"action_type,brackets,omitempty"`
	ActorName  []string `url:"actor_name,brackets,omitempty"`
	ActorID    []string `url:"actor_id,brackets,omitempty"`
	TargetName []string `url:"target_name,brackets,omitempty"`
	TargetID   []string `url:"target_id,brackets,omitempty"`

	OccurredAt    string `url:"occurred_at,omitempty"`
	OccurredAtGt  string `url:"occurred_at_gt,omitempty"`
	OccurredAtGte string `url:"occurred_at_gte,omitempty"`
	OccurredAtLt  string `url:"occurred_at_lt,omitempty"`
	OccurredAtLte string `url:"occurred_at_lte,omitempty"`

	Search string `url:"search,omitempty"`
	Limit  int    `url:"limit"`
	Order  string `url:"order,omitempty"`
	Before string `url:"before,omitempty"`
	After  string `url:"after,omitempty"`
}

// stored is an event as ListEvents reads it: latitude and longitude as texts, the kind from event_type.
type stored struct {
	ID         string         `json:"id"`
	Group      string         `json:"group"`
	Location   string         `json:"location"`
	Latitude   string         `json:"latitude"`
	Longitude  string         `json:"longitude"`
	Type       string         `json:"event_type"`
	ActorName  string         `json:"actor_name"`
	ActorID    string         `json:"actor_id"`
	TargetName string         `json:"target_name"`
	TargetID   string         `json:"target_id"`
	OccurredAt string         `json:"occurred_at"`
	Action     action         `json:"action"`
	Metadata   map[string]any `json:"metadata"`
}

// action has the members of all versions: the project until 0.x, the environment until 1.11.
type action struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	ProjectID     string `json:"project_id"`
	EnvironmentID string `json:"environment_id"`
}

// page has its cursors under the name that this version reads.
type page struct {
	Data         []stored            `json:"data"`
	ListMetadata common.ListMetadata `json:"listMetadata"`
}

func (c client) publish(e event) error {
	if e.OccurredAt.IsZero() {
		e.OccurredAt = time.Now().UTC()
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return c.send(http.MethodPost, c.endpoint, body, e.key, nil)
}

func (c client) list(f filter) (answer page, err error) {
	if f.Limit == 0 {
		f.Limit = 10
	}
	values, err := query.Values(f)
	if err != nil {
		return page{}, err
	}
	err = c.send(http.MethodGet, c.endpoint+"?"+values.Encode(), nil, "", &answer)
	return answer, err
}

func (c client) send(method, url string, body []byte, key string, answer any) error {
	request, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("User-Agent", c.userAgent)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := workos_errors.TryGetHTTPError(response); err != nil || answer == nil {
		return err
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
