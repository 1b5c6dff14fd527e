"""The Events API: what the application publishes, and what the server says of its own changes, as strict models read it."""

import asyncio
from datetime import datetime, timedelta, timezone

from check import eventually, holds, refused, same
from plain import ADDRESS, KEY, plain
from workos import AsyncWorkOSClient, AuthenticationError, BadRequestError, UnprocessableEntityError, WorkOSClient
from workos.events.models.event_schema import EventSchema, EventSchemaUnknown
from workos.organizations.models import OrganizationDomainData

NAMES = ["moon.landed", "moon.left"]
NO_EVENTS = "One or more event names (e.g. dsync.user.created) must be provided using the events parameter."
# The largest and the smallest event that this SDK checks member by member, and one whose context it checks too.
KNOWN = [
    {
        "event": "organization_domain.verification_failed",
        "data": {
            "reason": "domain_verification_period_expired",
            "organization_domain": {
                "object": "organization_domain", "id": "org_domain_1", "organization_id": "org_1", "domain": "failed.example", "state": "failed",
                "verification_strategy": "dns", "verification_token": "token", "verification_prefix": "prefix",
                "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
            },
        },
    },
    {
        "event": "user.created",
        "data": {
            "object": "user", "id": "user_1", "first_name": "Ω", "last_name": None, "name": None, "profile_picture_url": None, "email": "a@example.com",
            "email_verified": True, "external_id": None, "metadata": {"tier": "gold"}, "last_sign_in_at": None, "locale": None,
            "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
        },
        "context": {
            "google_analytics_client_id": "ga",
            "google_analytics_sessions": [{"containerId": "G-1", "sessionId": "1", "sessionNumber": "2"}],
            "ajs_anonymous_id": "ajs", "client_id": "client_1", "actor": {"id": "user_1", "source": "admin_portal", "name": None}, "previous_attributes": {"email": "b@example.com"},
        },
    },
]  # fmt: skip


def _ids(page):
    return [event.raw_data["id"] if isinstance(event, EventSchemaUnknown) else event.id for event in page.data]


def _published(organization):
    sent = [
        {"event": NAMES[at % 2], "data": {"id": f"landing_{at}", "rank": at, "nested": {"a": [True, None, 'Ω "quoted"\r\n']}}}
        for at in range(25)
    ]
    sent[3]["organization_id"] = organization
    status, answer = plain("POST", "/v1/events", sent)
    same("feed: publish", (status, len(answer["results"])), (201, len(sent)))
    return [{**event, "id": receipt["id"]} for event, receipt in zip(sent, answer["results"])]


def _read(workos, sent, organization):
    def events(**options):
        return workos.events.list_events(**{"events": NAMES, **options})

    everything = [event["id"] for event in sent]
    # This SDK asks for order=desc without being told to: the feed goes forward all the same.
    first = events()
    same(
        "feed: ten when no limit is given, oldest first, as they were sent",
        [{key: event.raw_data[key] for key in ("object", "id", "event", "data")} for event in first.data],
        [{"object": "event", "id": event["id"], "event": event["event"], "data": event["data"]} for event in sent[:10]],
    )
    same("feed: cursors of the first page", (first.before, first.after), (None, everything[9]))
    for order in ("asc", "normal", None):
        page = events(order=order)
        same(f"feed: order={order} changes nothing", (_ids(page), page.before, page.after), (_ids(first), first.before, first.after))
    second = events(after=first.after)
    same("feed: after continues without a gap", (_ids(second), second.before, second.after), (everything[10:20], everything[10], everything[19]))
    last = events(after=second.after)
    same("feed: the last page", (_ids(last), last.after, last.has_more()), (everything[20:], None, False))
    head = events(after=everything[-1])
    same("feed: at the head there is nothing, and no cursor", (head.data, head.after), ([], None))
    paged = [event.raw_data["id"] for event in events(limit=7).auto_paging_iter()]
    same("feed: auto paging sees every event once, in order", paged, everything)
    same("feed: before and after together", _ids(events(after=everything[2], before=everything[6])), everything[3:6])
    same("feed: before alone gives what is older", _ids(events(before=everything[4], limit=100)), everything[:4])
    same("feed: one name", _ids(events(events=["moon.left"], limit=100)), everything[1::2])
    known = sorted(EventSchema._DISPATCH)
    same(f"feed: all {len(known)} names that this SDK knows are a filter", _ids(events(events=[*known, *NAMES], after=everything[0], limit=1)), everything[1:2])
    same("feed: of an organization", _ids(events(organization_id=organization)), [everything[3]])
    same("feed: a range before everything", _ids(events(range_start="2001-01-01", range_end="2002-01-01T00:00:00")), [])
    same("feed: a range that holds everything", _ids(events(range_start="2026-01-01", range_end="2099-01-01", limit=100)), everything)

    async def asynchronously():
        client = AsyncWorkOSClient(api_key=KEY, base_url=ADDRESS)
        page = await client.events.list_events(events=NAMES, limit=9)
        return [event.raw_data["id"] async for event in page.auto_paging_iter()]

    same("feed: the asynchronous client too", asyncio.run(asynchronously()), everything)


def _strict(workos):
    status, _ = plain("POST", "/v1/events", KNOWN)
    same("feed: publish known names", status, 201)
    failed, user = workos.events.list_events(events=["organization_domain.verification_failed", "user.created"]).data
    same("feed: known names are read by their own models", (type(failed).__name__, type(user).__name__), ("OrganizationDomainVerificationFailed", "UserCreated"))
    same("feed: the failed domain", failed.data.to_dict(), KNOWN[0]["data"])
    same("feed: no context when none was sent", failed.context, None)
    same("feed: the user", user.data.to_dict()["metadata"], {"tier": "gold"})
    same("feed: the context", user.context.to_dict(), KNOWN[1]["context"])
    age = datetime.now(timezone.utc) - user.created_at
    holds("feed: created now, with a zone", abs(age) < timedelta(minutes=10), user.created_at)


def _refusals(workos):
    def refuse(promise, failure, **options):
        return refused(f"feed: {promise}", failure, lambda: workos.events.list_events(**{"events": NAMES, **options}))

    missing = refuse("no names", BadRequestError, events=[])
    same("feed: no names has its code and its sentence", (missing.code, missing.message), ("invalid_events_request", NO_EVENTS))
    limit = refuse("limit above 100", UnprocessableEntityError, limit=101)
    same("feed: the refusal names the parameter", limit.errors[0]["field"], "limit")
    refuse("limit 0", UnprocessableEntityError, limit=0)
    refuse("a range that is no date", UnprocessableEntityError, range_start="yesterday")
    stranger = WorkOSClient(api_key="sk_wrong", base_url=ADDRESS)
    refused("feed: wrong key", AuthenticationError, lambda: stranger.events.list_events(events=NAMES))


def _own(workos):
    domain = OrganizationDomainData(domain="observed.example", state="verified")
    created = workos.organizations.create_organization(name="Observed", external_id="observed", metadata={"tier": "gold"}, domain_data=[domain])
    renamed = workos.organizations.update_organization(created.id, name="Renamed")
    key = workos.api_keys.create_organization_api_key(created.id, name="Nightly", permissions=["audit-logs:write"])
    expired = workos.api_keys.create_api_key_expire(key.id, expires_at="2099-01-01T00:00:00.000Z")
    workos.api_keys.delete_api_key(key.id)
    workos.organizations.delete_organization(created.id)

    def heard(count, *names):
        call = lambda: workos.events.list_events(events=list(names), organization_id=created.id).data  # noqa: E731
        told = eventually(f"own: {names[0]}", 10, call, lambda page: len(page) >= count)
        same(f"own: {', '.join(names)}, each read by its own model", [type(event).__name__ for event in told], [_model(name) for name in names[:count]])
        return [event.data.to_dict() for event in told]

    def payload(organization):
        members = organization.to_dict()
        members.pop("allow_profiles_outside_organization", None)
        return members

    told = heard(3, "organization.created", "organization.updated", "organization.deleted")
    for data, organization, name in zip(told, (created, renamed, renamed), ("created", "updated", "deleted")):
        same(f"own: organization.{name} is the organization", data, payload(organization))
    same("own: organization_domain.created is the domain", heard(1, "organization_domain.created"), [created.domains[0].to_dict()])
    same("own: organization_domain.deleted is the domain", heard(1, "organization_domain.deleted"), [created.domains[0].to_dict()])
    born, changed, revoked = heard(3, "api_key.created", "api_key.updated", "api_key.revoked")
    known = key.to_dict()
    known.pop("value")
    same("own: api_key.created is the key", born, known)
    same("own: api_key.updated says what was before", changed.pop("previous_attributes"), {"expires_at": None})
    same("own: api_key.updated is the key after it", changed, expired.to_dict())
    same("own: api_key.revoked is the key before it", revoked, expired.to_dict())


def _model(name):
    return "".join(word.capitalize() for word in name.replace(".", "_").split("_"))


def feed(workos):
    organization = workos.organizations.create_organization(name="Feed").id
    _read(workos, _published(organization), organization)
    _strict(workos)
    _refusals(workos)
    _own(workos)
