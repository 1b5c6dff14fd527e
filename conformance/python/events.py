"""What the journey records: one event per thing that a transport, a store or a CSV writer could spoil."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from workos.audit_logs import AuditLogEvent, AuditLogEventActor, AuditLogEventContext, AuditLogEventTarget

_FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # one picture, five code points
_HEBREW = "\u05e9\u05dc\u05d5\u05dd \u202bright to left\u202c"
_COMBINING = "e\u0301 is not \u00e9"  # must not be composed on the way

EVERY_FIELD = AuditLogEvent(
    action="document.shared",
    version=1,
    occurred_at=datetime(2026, 1, 15, 10, 30, 0, 123_000, tzinfo=timezone.utc),
    actor=AuditLogEventActor(
        id="user_01", type="user", name="Ada Lovelace", metadata={"role": "owner", "seniority": 7, "contractor": False}
    ),
    targets=[
        AuditLogEventTarget(id="doc_1", type="document", name="Plan", metadata={"pages": 12, "locked": True, "owner": "Ada"}),
        AuditLogEventTarget(id="team_1", type="team"),
    ],
    context=AuditLogEventContext(location="203.0.113.7", user_agent='Mozilla/5.0 (X11; Linux x86_64), "quoted"'),
    metadata={
        "zone": "eu", "channel": "link", "urgent": True, "count": 42, "ratio": 0.25, "whole": 3.0, "negative": -3,
        "large": 9007199254740991, "Upper": "first",
    },
)  # fmt: skip

ONLY_REQUIRED = AuditLogEvent(
    action="user.signed_in",
    # Without an offset: this SDK sends it as it is, and the wire means UTC.
    occurred_at=datetime(2026, 1, 14, 0, 0, 0),
    actor=AuditLogEventActor(id="user_02", type="user"),
    targets=[AuditLogEventTarget(id="user_02", type="user")],
    context=AuditLogEventContext(location="2001:db8::1"),
)

UNICODE = AuditLogEvent(
    action="user.signed_in",
    # With an offset that moves it to another day in UTC.
    occurred_at=datetime(2026, 1, 16, 20, 59, 59, 999_000, tzinfo=timezone(timedelta(hours=-5))),
    actor=AuditLogEventActor(
        id=f"user {_FAMILY}", type="user", name=f'{_HEBREW}, "{_COMBINING}"\r\nsecond line\nthird; \'end\''
    ),
    targets=[
        AuditLogEventTarget(id="user_03", type="user", name=f"{_FAMILY} \\ / \u2028 \u007f \t", metadata={"note": 'a,b\r\n"c"'})
    ],
    context=AuditLogEventContext(location="Z\u00fcrich", user_agent=" leading and trailing spaces "),
    metadata={
        "emoji": "\U0001f600\U0001f3fd", "rtl": _HEBREW, "combining": _COMBINING, "csv": '"a","b"\r\n', "empty": "",
        "backslash": "\\n", "currency": "\u20ac",
    },
)  # fmt: skip

LARGEST = AuditLogEvent(
    action="user.signed_in",
    occurred_at=datetime(2026, 1, 17, 12, 0, 0, 500_000, tzinfo=timezone.utc),
    actor=AuditLogEventActor(id="user_04", type="user", name="Grace Hopper"),
    targets=[AuditLogEventTarget(id=f"user_{at}", type="user") for at in range(32)],
    context=AuditLogEventContext(location="198.51.100.4"),
    metadata={f"key-{at:02}_".ljust(40, "k"): "\u00e9" * 250 + "x" * 250 for at in range(50)},
)

SECOND_VERSION = AuditLogEvent(
    action="document.shared",
    version=2,
    occurred_at=datetime(2026, 1, 10, 8, 0, 0, 1_000, tzinfo=timezone.utc),
    actor=AuditLogEventActor(id="user_05", type="service", name="Nightly copy"),
    targets=[
        AuditLogEventTarget(id="doc_1", type="document"),
        AuditLogEventTarget(id="folder_9", type="folder", name="Archive"),
    ],
    context=AuditLogEventContext(location="192.0.2.1", user_agent="copy/1.0"),
    metadata={"reason": "backup"},
)

# Without a version it is checked against the first one, although a second exists that would refuse it.
UNVERSIONED = AuditLogEvent(
    action="document.shared",
    occurred_at=datetime(2026, 1, 11, 8, 0, 0, 10_000, tzinfo=timezone.utc),
    actor=AuditLogEventActor(id="user_08", type="user"),
    targets=[AuditLogEventTarget(id="doc_2", type="document")],
    context=AuditLogEventContext(location="192.0.2.8"),
)

FORMULAS = AuditLogEvent(
    action="user.signed_in",
    occurred_at=datetime(2026, 1, 18, 1, 2, 3, 4_000, tzinfo=timezone.utc),
    actor=AuditLogEventActor(
        id='=HYPERLINK("http://example.com","x")', type="@admin", name="+1 202 555 0100", metadata={"cell": "=1+1"}
    ),
    targets=[AuditLogEventTarget(id="-1", type="user", name="=2+2")],
    context=AuditLogEventContext(location="-0.5,51.5", user_agent="\rReturned"),
    metadata={"-dash": "@SUM(A1)"},
)

EMPTY_PARTS = AuditLogEvent(
    action="user.signed_in",
    occurred_at=datetime(2026, 1, 19, tzinfo=timezone.utc),
    actor=AuditLogEventActor(id="user_06", type="user", name="", metadata={}),
    targets=[AuditLogEventTarget(id="user_06", type="user", name="", metadata={})],
    context=AuditLogEventContext(location="192.0.2.6", user_agent=""),
    metadata={},
)

REPEATED = AuditLogEvent(
    action="user.signed_in",
    version=1,
    occurred_at=datetime(2026, 1, 13, 7, 7, 7, 70_000, tzinfo=timezone.utc),
    actor=AuditLogEventActor(id="user_07", type="user", name="Once Only"),
    targets=[AuditLogEventTarget(id="user_07", type="user")],
    context=AuditLogEventContext(location="192.0.2.7"),
)

# In the order of recording, which is deliberately not the order of `occurred_at`.
IN_RANGE = [EVERY_FIELD, ONLY_REQUIRED, UNICODE, LARGEST, SECOND_VERSION, UNVERSIONED, FORMULAS, EMPTY_PARTS, REPEATED]

# Recorded too, but it happened before the range of the exports.
LONG_AGO = replace(ONLY_REQUIRED, occurred_at=datetime(2001, 2, 3, 4, 5, 6, 7_000, tzinfo=timezone.utc))

RANGE = {"range_start": "2026-01-01T00:00:00.000Z", "range_end": "2026-02-01T00:00:00.000Z"}
