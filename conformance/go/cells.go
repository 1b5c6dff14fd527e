package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"annals.example/conformance/check"
	"github.com/workos/workos-go/v4/pkg/auditlogs"
)

var header = []string{
	"id", "action", "version", "occurred_at", "actor_id", "actor_type", "actor_name", "actor_metadata", "targets",
	"context_location", "context_user_agent", "metadata", "created_at",
}

// cellsOf gives the CSV cells that an event must come back as, computed from what was given to the SDK:
// everything but id and created_at, which only the server knows.
func cellsOf(event auditlogs.Event) map[string]string {
	version := ""
	if event.Version != 0 { // this SDK leaves out a zero
		version = strconv.Itoa(event.Version)
	}
	targets := make([]any, len(event.Targets))
	for at, target := range event.Targets {
		members := map[string]any{"id": target.ID, "type": target.Type}
		if target.Name != "" { // this SDK writes "no name" as ""
			members["name"] = target.Name
		}
		if len(target.Metadata) > 0 {
			members["metadata"] = target.Metadata
		}
		targets[at] = members
	}
	return map[string]string{
		"action":             event.Action,
		"version":            version,
		"occurred_at":        event.OccurredAt.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z"),
		"actor_id":           guarded(event.Actor.ID),
		"actor_type":         guarded(event.Actor.Type),
		"actor_name":         guarded(event.Actor.Name),
		"actor_metadata":     object(event.Actor.Metadata),
		"targets":            canonical(targets),
		"context_location":   guarded(event.Context.Location),
		"context_user_agent": guarded(event.Context.UserAgent),
		"metadata":           object(event.Metadata),
	}
}

// canonical is RFC 8785 for what this journey sends: encoding/json sorts keys and writes no spaces. It escapes U+2028, so no value has one.
func canonical(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		check.Difference("cannot encode %#v: %v", value, err)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

func object(members map[string]any) string {
	if len(members) == 0 {
		return ""
	}
	return canonical(members)
}

// A spreadsheet would run a cell that starts like a formula, so the export quotes it.
func guarded(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
