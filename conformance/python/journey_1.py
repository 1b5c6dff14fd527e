"""The older Audit Trail with `workos` 1.26, which has the Events API on the same path. Stops at the first difference."""

import sys
from datetime import datetime

import workos
from check import Difference, holds, refused, same
from plain import ADDRESS, KEY, plain

workos.api_key = KEY
workos.base_api_url = f"{ADDRESS}/"

from workos import client  # noqa: E402  the address must be set before the first use
from workos.exceptions import AuthenticationException, BadRequestException  # noqa: E402
from workos.utils.pagination_order import Order  # noqa: E402

FOO, COMMAS = "foo-corp.com", "Smith, Jones & Sons"


def _event(**members):
    return {
        "group": FOO, "action": "user.signed_in", "action_type": "C", "actor_name": "Ada", "actor_id": "user_01", "target_name": "Door", "target_id": "door_1",
        "location": "1.1.1.1", "occurred_at": datetime(2020, 1, 1).isoformat(), **members,
    }  # fmt: skip


# In the order of publishing, which is deliberately not the order of `occurred_at`.
SENT = [
    _event(),
    # Without an offset, and with one.
    _event(action="user.searched", action_type="R", actor_name=COMMAS, occurred_at="2020-03-01T00:00:00.123456", metadata={"a": "Ω", "b": True, "c": 1.5}),
    _event(action="document.updated", action_type="U", group=COMMAS, occurred_at="2020-02-01T00:00:00-05:00", target_id="doc_1", metadata={}),
    *(_event(action="other", action_type="R", group="others.example", actor_id=f"user_{at}") for at in range(12)),
]


def refusals():
    missing = refused("trail: no action type", BadRequestException, lambda: client.audit_trail.create_event(_event(action_type=None)))
    same("trail: the refusal names the member", [fault["field"] for fault in missing.errors], ["action_type"])
    holds("trail: the refusal carries a request id", bool(missing.request_id), missing.request_id)
    refused("trail: a time that is none", BadRequestException, lambda: client.audit_trail.create_event(_event(occurred_at="yesterday")))
    workos.api_key = "sk_wrong"
    refused("trail: wrong key", AuthenticationException, lambda: client.audit_trail.create_event(SENT[0]))
    refused("trail: wrong key, list", AuthenticationException, lambda: client.audit_trail.get_events())
    workos.api_key = KEY
    same("trail: nothing of all this was stored", client.audit_trail.get_events(), ([], None, None))


def published():
    for event in SENT[:-1]:
        same("trail: published", client.audit_trail.create_event(event), True)
    last = SENT[-1]
    same("trail: with a key", client.audit_trail.create_event(last, idempotency_key="trail once"), True)
    same("trail: with the same key again", client.audit_trail.create_event(last, idempotency_key="trail once"), True)
    reused = refused("trail: the same key with another body", BadRequestException, lambda: client.audit_trail.create_event(SENT[0], idempotency_key="trail once"))
    holds("trail: the refusal names the key", "(trail once)" in reused.message, reused.message)


def _shown(event):
    times = {SENT[1]["occurred_at"]: "2020-03-01T00:00:00.123Z", SENT[2]["occurred_at"]: "2020-02-01T05:00:00.000Z"}
    known = {"type": event["action_type"].lower(), "latitude": None, "longitude": None, "metadata": event.get("metadata", {})}
    rest = {name: event[name] for name in ("group", "location", "actor_name", "actor_id", "target_name", "target_id")}
    return {**rest, **known, "occurred_at": times.get(event["occurred_at"], "2020-01-01T00:00:00.000Z"), "action": event["action"]}


def _seen(event):
    members = event.to_dict()
    holds("trail: ids have their prefixes", members.pop("id").startswith("evt_") and members["action"]["id"].startswith("evt_action_"), event.to_dict())
    return {**members, "action": members["action"]["name"]}


def listed():
    newest_first = SENT[::-1]
    events, before, after = client.audit_trail.get_events(limit=100)
    same("trail: everything, newest first, member by member", [_seen(event) for event in events], [_shown(event) for event in newest_first])
    same("trail: a whole list has no cursors", (before, after), (None, None))
    ids = [event.id for event in events]

    def page(**options):
        events, before, after = client.audit_trail.get_events(**options)
        return [event.id for event in events], before, after

    same("trail: ten when nothing is asked for", page(), (ids[:10], ids[9], None))
    same("trail: before leads to older ones", page(before=ids[9]), (ids[10:], None, ids[10]))
    same("trail: after leads back", page(after=ids[10]), (ids[:10], ids[9], None))
    # This SDK sends the name of the constant, not its value.
    same("trail: order as a constant, desc", page(order=Order.Desc, limit=3), (ids[:3], None, ids[2]))
    same("trail: order as a constant, asc", page(order=Order.Asc, limit=3), (ids[::-1][:3], None, ids[-3]))
    same("trail: order as a word", page(order="asc", limit=3, after=ids[-3]), (ids[::-1][3:6], ids[-4], ids[-6]))
    refused("trail: limit above 100", BadRequestException, lambda: page(limit=101))

    def by(promise, choose, **options):
        found = [event.action.name + event.actor_id for event in client.audit_trail.get_events(limit=100, **options)[0]]
        same(f"trail: by {promise}", found, [event["action"] + event["actor_id"] for event in newest_first if choose(event)])

    by("group", lambda e: e["group"] == FOO, group=FOO)
    by("either of two groups", lambda e: e["group"] in (FOO, COMMAS), group=[FOO, COMMAS])
    by("a group with a comma", lambda e: e["group"] == COMMAS, group=[COMMAS])
    by("action", lambda e: e["action"] in ("user.searched", "user.signed_in"), action=["user.searched", "user.signed_in"])
    by("action type", lambda e: e["action_type"] == "C", action_type="C")
    by("actor name", lambda e: e["actor_name"] == COMMAS, actor_name=[COMMAS])
    by("actor id", lambda e: e["actor_id"] == "user_7", actor_id=["user_7"])
    by("target name", lambda e: e["target_name"] == "Door", target_name=["Door"])
    by("target id", lambda e: e["target_id"] == "doc_1", target_id=["doc_1"])
    by("the very moment", lambda e: e is SENT[2], occurred_at="2020-02-01T05:00:00Z")
    by("after", lambda e: e is SENT[1], occurred_at_gt="2020-02-01T05:00:00Z")
    by("from", lambda e: e in SENT[1:3], occurred_at_gte="2020-02-01T05:00:00Z")
    by("before", lambda e: e not in SENT[1:3], occurred_at_lt="2020-02-01T05:00:00Z")
    by("to", lambda e: e is not SENT[1], occurred_at_lte="2020-02-01T05:00:00Z")
    by("a word of any member", lambda e: COMMAS in (e["actor_name"], e["group"]), search="jones")


def both():
    """The same path, told apart by what is asked for."""
    status, answer = plain("POST", "/v1/events", [{"event": "dsync.user.created", "data": {"id": f"user_{at}"}} for at in range(12)])
    same("both: publish", status, 201)
    ids = [receipt["id"] for receipt in answer["results"]]

    def page(**options):
        answer = client.events.list_events(**options)
        return [event["id"] for event in answer["data"]], answer["list_metadata"]

    names = ["dsync.user.created"]
    same("both: a list with names is the feed", page(events=names), (ids[:10], {"before": None, "after": ids[9]}))
    same("both: and so is its next page", page(events=names, after=ids[9]), (ids[10:], {"before": ids[10], "after": None}))
    same("both: two names", page(events=["user.created", *names], limit=1)[0], ids[:1])
    same("both: a range", page(events=names, range_start="2020-01-01", range_end="2099-01-01", limit=100)[0], ids)
    nameless = refused("both: a range alone is the feed, which wants names", BadRequestException, lambda: client.events.list_events(range_start="2020-01-01"))
    same("both: its code", nameless.code, "invalid_events_request")
    # Without names this SDK asks for both in the very same words: it is the trail then.
    same("both: nothing but a limit is the trail", page()[0][0][:4], "evt_")
    # 1.24 and 1.25 spell a range so.
    status, answer = plain("GET", "/events?events=dsync.user.created&limit=100&rangeStart=2020-01-01&rangeEnd=2099-01-01", headers={"User-Agent": "WorkOS Python/3.11.7 Python SDK/1.25.0"})
    same("both: the older spelling of a range", (status, [event["id"] for event in answer["data"]]), (200, ids))


if __name__ == "__main__":
    try:
        status, _ = plain("POST", "/organizations", {"name": "Foo", "domain_data": [{"domain": FOO, "state": "verified"}]})
        same("trail: an organization with the domain", status, 201)
        refusals()
        published()
        listed()
        both()
        print("python-1: every promise holds")
    except Difference as difference:
        sys.exit(f"DIFFERENCE  {difference}")
