"""The Delta tables as others read them: the same rows as the API gives, after flushes, merges and a purge.

The server has a history of 45 days, made before it was started. Needs ANNALS_URL, ANNALS_API_KEY and ANNALS_LAKE, the folder of the
lake; stops at the first difference.
"""

import json
import os
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import duckdb
from deltalake import DeltaTable

LAKE = Path(os.environ["ANNALS_LAKE"])
WAIT_SECONDS = 60


class Difference(Exception):
    """What others read is not what the API gives."""


def same(promise, actual, expected):
    if actual != expected:
        raise Difference(f"{promise}\n  expected: {str(expected)[:2000]}\n  actual:   {str(actual)[:2000]}")
    print(f"ok  {promise}")


def holds(promise, condition, seen):
    if not condition:
        raise Difference(f"{promise}\n  seen: {str(seen)[:2000]}")
    print(f"ok  {promise}")


def call(method, path, body=None):
    request = urllib.request.Request(
        os.environ["ANNALS_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {os.environ['ANNALS_API_KEY']}", "Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def pages(path):
    """Every entry of a list."""
    after = ""
    while True:
        page = call("GET", f"{path}{after}")
        yield from page["data"]
        cursor = page["list_metadata"]["after"]
        if cursor is None:
            return
        after = f"&after={cursor}"


def api_events():
    """By id, what the API says of every event, in words that a table has too."""
    events = {}
    for event in pages("/v1/audit_log_events?limit=1000"):
        events[event["id"]] = (
            event["organization_id"],
            event["seq"],
            event["action"],
            event["actor"]["id"],
            tuple(target["id"] for target in event["targets"]),
            json.dumps(event.get("metadata") or {}, sort_keys=True),
        )
    return events


def row(id, organization_id, seq, action, actor_id, target_ids, metadata):
    text = json.dumps(json.loads(metadata) if metadata else {}, sort_keys=True)
    return id, (organization_id, seq, action, actor_id, tuple(target_ids), text)


COLUMNS = ["id", "organization_id", "seq", "action", "actor_id", "target_ids", "metadata"]


def delta_events():
    table = DeltaTable(str(LAKE / "audit_events")).to_pyarrow_table(columns=COLUMNS)
    return dict(row(*(entry[name] for name in COLUMNS)) for entry in table.to_pylist())


def duck_events():
    """DuckDB's own reader of Parquet, over the files that Delta's log names."""
    files = DeltaTable(str(LAKE / "audit_events")).file_uris()
    rows = duckdb.sql(f"SELECT {', '.join(COLUMNS)} FROM read_parquet({files!r})").fetchall()
    same("duckdb: each row is there once", len({entry[0] for entry in rows}), len(rows))
    return dict(row(*entry) for entry in rows)


def compare(when):
    """Records reach the lake a second after the last request; the feed and the requests do not count here."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        expected = api_events()
        delta = delta_events()
        if delta == expected or time.monotonic() > end:
            break
        time.sleep(0.5)
    same(f"{when}: deltalake reads {len(expected)} events as the API gives them", delta, expected)
    same(f"{when}: DuckDB does too", duck_events(), expected)
    for organization in {event[0] for event in expected.values()}:
        seqs = sorted(event[1] for event in expected.values() if event[0] == organization)
        if seqs != list(range(seqs[0], seqs[0] + len(seqs))):
            raise Difference(f"{when}: the places of {organization} have a hole: {seqs}")
    print(f"ok  {when}: no organization has a hole")
    return expected


def operations():
    return [entry["operation"] for entry in DeltaTable(str(LAKE / "audit_events")).history()]


def record(organization, count):
    event = {
        "action": "lake.tested",
        "occurred_at": "2026-01-02T03:04:05.678Z",
        "actor": {"id": 'user "Ω"', "type": "user"},
        "targets": [{"id": "team,1", "type": "team"}],
        "context": {"location": "203.0.113.7"},
    }
    call("POST", "/audit_logs/actions/lake.tested/schemas", {"targets": [{"type": "team"}]})
    for _ in range(count):
        call("POST", "/audit_logs/events", {"organization_id": organization, "event": event})


def merges():
    """Closed days have one file each; the open one has few."""
    files = DeltaTable(str(LAKE / "audit_events")).file_uris()
    days = [uri.split("date=")[1].split("/")[0] for uri in files]
    return len(files), max((days.count(day) for day in days), default=0)


def run():
    before = compare("a history of 45 days")
    # The busiest: it has events on every day.
    short = Counter(event[0] for event in before.values()).most_common(1)[0][0]
    call("PUT", f"/organizations/{short}/audit_logs_retention", {"retention_period_in_days": 30})
    preview = call("POST", "/v1/audit_log_events/purge", {"dry_run": True})
    same("a dry run names the one organization that keeps less", [one["organization_id"] for one in preview["data"]], [short])
    same("a dry run changes nothing", compare("after a dry run"), before)

    purged = call("POST", "/v1/audit_log_events/purge", {"dry_run": False})
    same("the purge takes what was said", purged["data"], preview["data"])
    one = purged["data"][0]
    holds("the purge begins with the first event", one["from_seq"] == 0 and one["events"] == one["through_seq"] + 1, one)
    after = compare("after a purge")
    gone = {id for id, event in before.items() if event[0] == short and event[1] <= one["through_seq"]}
    same("the purge took these events and no others", before.keys() - after.keys(), gone)
    same("they are as many as it says", len(gone), one["events"])
    new = [event for id, event in after.items() if id not in before]
    same("the log of the organization says so", [(event[0], event[2]) for event in new], [(short, "annals.retention.purged")])
    same("a second purge finds nothing", call("POST", "/v1/audit_log_events/purge", {"dry_run": False})["events"], 0)

    # A flush takes what is there, so the open day gets many small files, and many small files are merged.
    recorded, end = 0, time.monotonic() + WAIT_SECONDS
    while "OPTIMIZE" not in operations() and time.monotonic() < end:
        record(short, 30)
        recorded += 30
    holds("small files were merged", "OPTIMIZE" in operations(), operations())
    final = compare("after merges")
    same("and nothing went or came", len(final), len(after) + recorded)
    files, most = merges()
    holds("no day has many files", most < 40, (files, most))


if __name__ == "__main__":
    try:
        run()
    except Difference as difference:
        sys.exit(f"\ndifference: {difference}")
