package main

import (
	"fmt"
	"time"
)

// entry is what the application writes into the log: it has no method for that in this client.
type entry struct {
	Action         string  `json:"action"`
	Actor          actor   `json:"actor"`
	ClientIP       string  `json:"client_ip"`
	Method         string  `json:"method"`
	Path           string  `json:"path"`
	StatusCode     int64   `json:"status_code"`
	UserAgent      string  `json:"user_agent,omitempty"`
	Target         *target `json:"target,omitempty"`
	OrganizationID string  `json:"organization_id,omitempty"`
	CreatedAt      string  `json:"created_at"`

	id string
}

type actor struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Type string `json:"type"`
}

type target struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// Every path of the journey has this in it: the server writes its own requests into the same log.
const journey = "/v1/Journey/"

const count = 120

var (
	actions   = []string{"vm.create", "vm.delete", "volume.resize", "api_key.list"}
	methods   = []string{"POST", "DELETE", "PATCH", "GET"}
	codes     = []int64{201, 204, 404, 500, 200}
	addresses = []string{"203.0.113.7", "2001:db8::1", "198.51.100.4"}
	beginning = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// entries are in the order of their time; three neighbours share one, so that only the id tells them apart.
func entries(first, second string) []entry {
	all := make([]entry, count)
	for at := range all {
		e := entry{
			Action: actions[at%4], Method: methods[at%4], StatusCode: codes[at%5], ClientIP: addresses[at%3],
			Path:      fmt.Sprintf("%scompute/%s/%d", journey, []string{"vms", "Volumes"}[at%2], at),
			Actor:     actor{ID: fmt.Sprintf("user_%d", at%7), Name: "Ωmega \"" + fmt.Sprint(at%7) + "\"", Type: "user"},
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64), \"quoted\"",
			CreatedAt: beginning.Add(time.Duration(at/3) * time.Second).Format("2006-01-02T15:04:05.000Z"),
		}
		if at%7 == 6 {
			e.Actor = actor{ID: "api_key_1", Type: "api_key"}
			e.UserAgent = ""
		}
		if at%4 != 3 {
			e.Target = &target{ID: fmt.Sprintf("resource_%d", at%5), Type: []string{"vm", "volume"}[at%2]}
		}
		switch at % 3 {
		case 0:
			e.OrganizationID = first
		case 1:
			e.OrganizationID = second
		}
		all[at] = e
	}
	return all
}
