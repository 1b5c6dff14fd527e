package main

import "time"

const foo, bar, commas = "foo-corp.com", "bar-corp.com", "Smith, Jones & Sons"

// What the journey publishes, in this order, which is deliberately not the order of OccurredAt.
var trail = []event{
	{Action: "user.signed_in", ActionType: "C", Group: foo, ActorName: "Ada Lovelace", ActorID: "user_01", TargetName: "Door", TargetID: "door_1",
		Location: "1.1.1.1", OccurredAt: at("2020-01-01T00:00:00Z")},
	{Action: "user.searched_directories", ActionType: "R", Group: foo, ActorName: "Grace Hopper", ActorID: "user_02", TargetName: "Directory", TargetID: "dir_1",
		Location: "2001:db8::1", OccurredAt: at("2020-03-01T01:30:00.123456789+05:30"),
		Metadata: map[string]any{"a": "text", "b": true, "c": 42.0, "d": 0.25, "date": "2020-01-01T00:00:00.000Z", "with.dot and space": "kept"}},
	{Action: "document.updated", ActionType: "u", Group: bar, ActorName: commas, ActorID: "user_03", TargetName: "Ω, \"plan\"\r\n", TargetID: "doc_1",
		Location: "", OccurredAt: at("2020-02-01T00:00:00.5Z"), Metadata: map[string]any{"note": "needle in the metadata"}},
	{Action: "document.deleted", ActionType: "D", Group: foo, ActorName: "Ada Lovelace", ActorID: "user_01", TargetName: "", TargetID: "",
		Location: "1.1.1.1", OccurredAt: at("2020-04-01T00:00:00Z")},
	{Action: "user.signed_in", ActionType: "C", Group: commas, ActorName: "", ActorID: "", TargetName: "Door", TargetID: "door_2",
		Location: "a device", OccurredAt: at("2019-12-31T23:59:59.999Z")},
}

// More of the same, so that the cursors have something to walk over.
const others = 20

func at(text string) time.Time {
	when, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return when
}
