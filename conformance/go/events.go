package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/workos/workos-go/v4/pkg/auditlogs"
)

const (
	family    = "\U0001F468\u200D\U0001F469\u200D\U0001F467" // one picture, five code points
	hebrew    = "\u05E9\u05DC\u05D5\u05DD \u202Bright to left\u202C"
	combining = "e\u0301 is not \u00E9" // must not be composed on the way
)

// What the journey records: one event per thing that a transport, a store or a CSV writer could spoil.
var (
	everyField = auditlogs.Event{
		Action:     "document.shared",
		Version:    1,
		OccurredAt: time.Date(2026, 1, 15, 10, 30, 0, 123456789, time.FixedZone("east", 5*3600+1800)),
		Actor:      auditlogs.Actor{ID: "user_01", Type: "user", Name: "Ada Lovelace", Metadata: map[string]any{"role": "owner", "seniority": 7, "contractor": false}},
		Targets: []auditlogs.Target{
			{ID: "doc_1", Type: "document", Name: "Plan", Metadata: map[string]any{"pages": 12, "locked": true, "owner": "Ada"}},
			{ID: "team_1", Type: "team"},
		},
		Context: auditlogs.Context{Location: "203.0.113.7", UserAgent: `Mozilla/5.0 (X11; Linux x86_64), "quoted"`},
		Metadata: map[string]any{
			"zone": "eu", "channel": "link", "urgent": true, "count": 42, "ratio": 0.25, "whole": 3.0, "negative": -3,
			"large": 9007199254740991, "Upper": "first",
		},
	}

	// The SDK adds "name":"", "user_agent":"" and no fraction at all to the time.
	onlyRequired = auditlogs.Event{
		Action:     "user.signed_in",
		OccurredAt: time.Date(2026, 1, 14, 0, 0, 0, 0, time.UTC),
		Actor:      auditlogs.Actor{ID: "user_02", Type: "user"},
		Targets:    []auditlogs.Target{{ID: "user_02", Type: "user"}},
		Context:    auditlogs.Context{Location: "2001:db8::1"},
	}

	unicode = auditlogs.Event{
		Action:     "user.signed_in",
		OccurredAt: time.Date(2026, 1, 16, 23, 59, 59, 999000000, time.UTC),
		Actor:      auditlogs.Actor{ID: "user " + family, Type: "user", Name: hebrew + ", \"" + combining + "\"\nsecond line\nthird; 'end'"},
		Targets:    []auditlogs.Target{{ID: "user_03", Type: "user", Name: family + " \\ / \u007f \t", Metadata: map[string]any{"note": "a,b\r\n\"c\""}}},
		Context:    auditlogs.Context{Location: "Z\u00FCrich", UserAgent: " leading and trailing spaces "},
		Metadata: map[string]any{
			"emoji": "\U0001F600\U0001F3FD", "rtl": hebrew, "combining": combining, "csv": "\"a\",\"b\"\r\n", "html": "<a&b>", "empty": "",
			"backslash": "\\n", "currency": "\u20AC",
		},
	}

	largest = auditlogs.Event{
		Action:     "user.signed_in",
		OccurredAt: time.Date(2026, 1, 17, 12, 0, 0, 500000000, time.UTC),
		Actor:      auditlogs.Actor{ID: "user_04", Type: "user", Name: "Grace Hopper"},
		Targets:    manyTargets(32),
		Context:    auditlogs.Context{Location: "198.51.100.4"},
		Metadata:   manyMembers(50),
	}

	secondVersion = auditlogs.Event{
		Action:     "document.shared",
		Version:    2,
		OccurredAt: time.Date(2026, 1, 10, 8, 0, 0, 1000000, time.UTC),
		Actor:      auditlogs.Actor{ID: "user_05", Type: "service", Name: "Nightly copy"},
		Targets:    []auditlogs.Target{{ID: "doc_1", Type: "document"}, {ID: "folder_9", Type: "folder", Name: "Archive"}},
		Context:    auditlogs.Context{Location: "192.0.2.1", UserAgent: "copy/1.0"},
		Metadata:   map[string]any{"reason": "backup"},
	}

	// Without a version it is checked against the first one, although a second exists that would refuse it.
	unversioned = auditlogs.Event{
		Action:     "document.shared",
		OccurredAt: time.Date(2026, 1, 11, 8, 0, 0, 10000000, time.UTC),
		Actor:      auditlogs.Actor{ID: "user_08", Type: "user"},
		Targets:    []auditlogs.Target{{ID: "doc_2", Type: "document"}},
		Context:    auditlogs.Context{Location: "192.0.2.8"},
	}

	formulas = auditlogs.Event{
		Action:     "user.signed_in",
		OccurredAt: time.Date(2026, 1, 18, 1, 2, 3, 4000000, time.UTC),
		Actor:      auditlogs.Actor{ID: `=HYPERLINK("http://example.com","x")`, Type: "@admin", Name: "+1 202 555 0100", Metadata: map[string]any{"cell": "=1+1"}},
		Targets:    []auditlogs.Target{{ID: "-1", Type: "user", Name: "=2+2"}},
		Context:    auditlogs.Context{Location: "-0.5,51.5", UserAgent: "\tTabbed"},
		Metadata:   map[string]any{"-dash": "@SUM(A1)"},
	}

	repeated = auditlogs.Event{
		Action:     "user.signed_in",
		Version:    1,
		OccurredAt: time.Date(2026, 1, 13, 7, 7, 7, 70000000, time.UTC),
		Actor:      auditlogs.Actor{ID: "user_07", Type: "user", Name: "Once Only"},
		Targets:    []auditlogs.Target{{ID: "user_07", Type: "user"}},
		Context:    auditlogs.Context{Location: "192.0.2.7"},
	}

	// Recorded too, but it happened before the range of the exports.
	longAgo = auditlogs.Event{
		Action:     "user.signed_in",
		OccurredAt: time.Date(2001, 2, 3, 4, 5, 6, 7000000, time.UTC),
		Actor:      auditlogs.Actor{ID: "user_02", Type: "user"},
		Targets:    []auditlogs.Target{{ID: "user_02", Type: "user"}},
		Context:    auditlogs.Context{Location: "2001:db8::1"},
	}

	// In the order of recording, which is deliberately not the order of OccurredAt.
	inRange = []auditlogs.Event{everyField, onlyRequired, unicode, largest, secondVersion, unversioned, formulas, repeated}
)

const rangeStart, rangeEnd = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"

func manyTargets(count int) []auditlogs.Target {
	targets := make([]auditlogs.Target, count)
	for at := range targets {
		targets[at] = auditlogs.Target{ID: fmt.Sprintf("user_%d", at), Type: "user"}
	}
	return targets
}

// manyMembers has the longest keys and values that metadata allows.
func manyMembers(count int) map[string]any {
	members := make(map[string]any, count)
	for at := 0; at < count; at++ {
		key := fmt.Sprintf("key-%02d_", at)
		members[key+strings.Repeat("k", 40-len(key))] = strings.Repeat("\u00E9", 250) + strings.Repeat("x", 250)
	}
	return members
}
