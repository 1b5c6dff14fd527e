"""What `workos` 5 is strict about: its models refuse a whole page for one event that they do not know. Stops at the first difference."""

import asyncio
import csv
import io
import sys
import urllib.request

from check import Difference, eventually, holds, refused, same
from plain import ADDRESS, KEY, plain
from workos import AsyncWorkOSClient, WorkOSClient
from workos.exceptions import AuthenticationException, BadRequestException, ConflictException, NotFoundException

SETTINGS = {"client_id": "client_1", "base_url": f"{ADDRESS}/"}
NO_ORGANIZATION = "org_01HEQ7M5X0000000000000001A"
ORGANIZATION = ["organization.created", "organization.updated", "organization.deleted"]
DOMAIN = ["organization_domain.created", "organization_domain.updated", "organization_domain.deleted", "organization_domain.verified"]
KEYS = ["api_key.created", "api_key.revoked"]
NO_EVENTS = "One or more event names (e.g. dsync.user.created) must be provided using the events parameter."

workos = WorkOSClient(api_key=KEY, **SETTINGS)


def organizations():
    made = [workos.organizations.create_organization(name=f"Page {at}", idempotency_key=f"page {at}").id for at in range(25)]
    again = workos.organizations.create_organization(name="Page 24", idempotency_key="page 24")
    same("organization: the same key again is the same organization", again.id, made[-1])
    # Iterating asks for ten at a time whatever the caller said, and for ever when the cursor never ends.
    walked = [organization.id for organization in workos.organizations.list_organizations(limit=7)]
    same("organization: iteration sees every one once, newest first", walked, made[::-1])
    created = workos.organizations.create_organization(
        name="Observed", domain_data=[{"domain": "observed.example", "state": "verified"}], external_id="observed/1", metadata={"tier": "gold"}
    )
    same("organization: get", workos.organizations.get_organization(created.id), created)
    found = workos.organizations.list_organizations(domains=["observed.example", "other.example"])
    same("organization: find by domain", (found.data, found.list_metadata.model_dump()), ([created], {"before": None, "after": None}))
    used = refused("organization: a used external id", BadRequestException, lambda: workos.organizations.create_organization(name="Copy", external_id="observed/1"))
    same("organization: its code", used.code, "external_id_already_used")
    domain = [{"domain": "observed.example", "state": "verified"}]
    refused("organization: a used domain", ConflictException, lambda: workos.organizations.create_organization(name="Copy", domain_data=domain))
    renamed = workos.organizations.update_organization(organization_id=created.id, name="Renamed")
    same("organization: an update of the name leaves everything else", (renamed.external_id, renamed.domains, renamed.metadata), (created.external_id, created.domains, created.metadata))
    return created, renamed


def schemas():
    one = workos.audit_logs.create_schema(
        action="document.shared",
        actor={"metadata": {}},  # travels as "metadata": null
        targets=[{"type": "document", "metadata": {"pages": "number"}}, {"type": "folder"}],
        metadata={"channel": "string", "urgent": "boolean"},
    )
    same("schema: what was said without words is not there", (one.version, one.targets[1].metadata), (1, None))
    same("schema: the metadata is a JSON schema", one.metadata.model_dump(), {"type": "object", "properties": {"channel": {"type": "string"}, "urgent": {"type": "boolean"}}})
    two = workos.audit_logs.create_schema(action="document.shared", targets=[{"type": "document"}])
    # A schema that another client wrote with an empty object must not break this one.
    status, _ = plain("POST", "/audit_logs/actions/document.shared/schemas", {"targets": [{"type": "document", "metadata": {}}], "actor": {"metadata": {}}, "metadata": {}})
    same("schema: empty objects", status, 201)
    listed = list(workos.audit_logs.list_schemas(action="document.shared", limit=1))
    same("schema: list, newest first", [schema.version for schema in listed], [3, 2, 1])
    same("schema: the list has what was answered", listed[1:], [two, one])
    same("action: list", [(action.name, action.schema.version) for action in workos.audit_logs.list_actions()], [("document.shared", 3)])


def audit_logs(organization):
    event = {
        "action": "document.shared",
        "version": 2,
        "occurred_at": "2026-01-15T10:30:00.123Z",
        "actor": {"id": "user_01", "type": "user", "name": "Ada", "metadata": {"role": "owner"}},
        "targets": [{"id": "doc_1", "type": "document"}],
        "context": {"location": "::1"},
    }
    create = lambda event: workos.audit_logs.create_event(organization_id=organization, event=event, idempotency_key="once")  # noqa: E731
    create(event)
    create(event)
    refused("event: the same key with another body", BadRequestException, lambda: create({**event, "version": 1}))
    unknown = refused(
        "event: unknown organization", NotFoundException, lambda: workos.audit_logs.create_event(organization_id=NO_ORGANIZATION, event=event)
    )
    same("event: its code", unknown.code, "entity_not_found")
    started = workos.audit_logs.create_export(
        organization_id=organization, range_start="2026-01-01", range_end="2026-02-01T00:00:00Z", actor_names=["Ada"], actor_ids=["user_01"], actions=[event["action"]], targets=["document"]
    )
    same("export: pending", (started.state, started.url), ("pending", None))
    done = eventually("export: ready", 60, lambda: workos.audit_logs.get_export(started.id), lambda export: export.state != "pending")
    with urllib.request.urlopen(done.url) as answer:
        rows = list(csv.DictReader(io.StringIO(answer.read().decode("utf-8"), newline="")))
    same(
        "export: the event was recorded once",
        [(row["action"], row["version"], row["occurred_at"], row["actor_name"], row["actor_metadata"], row["targets"]) for row in rows],
        [("document.shared", "2", "2026-01-15T10:30:00.123Z", "Ada", '{"role":"owner"}', '[{"id":"doc_1","type":"document"}]')],
    )
    same("retention: never set", workos.audit_logs.get_retention(organization).retention_period_in_days, None)
    same("retention: set", workos.audit_logs.set_retention(organization_id=organization, retention_period_in_days=365).retention_period_in_days, 365)
    configuration = workos.audit_logs.get_configuration(organization)
    same("configuration: without a stream", (configuration.state, configuration.retention_period_in_days, configuration.log_stream), ("active", 365, None))


def own_changes(created, renamed):
    key = workos.organizations.create_api_key(created.id, name="Nightly", permissions=["audit-logs:write"])
    same("api key: list", [known.id for known in workos.organizations.list_api_keys(created.id)], [key.id])
    same("api key: validate", workos.api_keys.validate_api_key(value=key.value).id, key.id)
    same("api key: a bad value", workos.api_keys.validate_api_key(value="sk_nonsense"), None)
    workos.api_keys.delete_api_key(key.id)
    last = workos.organizations.get_organization(created.id)  # revised by its retention since
    workos.organizations.delete_organization(created.id)

    def heard(count, names):
        call = lambda: list(workos.events.list_events(events=names, organization_id=created.id))  # noqa: E731
        return eventually(f"own: {names[0]}", 10, call, lambda told: len(told) >= count)

    payload = lambda organization: organization.model_dump(exclude={"allow_profiles_outside_organization", "metadata", "stripe_customer_id"})  # noqa: E731
    told = heard(3, ORGANIZATION)
    same("own: created, updated, deleted", [event.event for event in told], ORGANIZATION)
    same("own: each is the organization", [event.data.model_dump() for event in told], [payload(created), payload(renamed), payload(last)])
    domains = heard(3, DOMAIN)
    same("own: a verified domain comes and goes", [event.event for event in domains], [DOMAIN[0], DOMAIN[3], DOMAIN[2]])
    same("own: the domain is read as a domain", [event.data for event in domains], [created.domains[0]] * 3)
    keys = heard(2, KEYS)
    same("own: a key comes and goes", [event.event for event in keys], KEYS)
    known = key.model_dump(exclude={"value"})
    same("own: the key is read as a key", [event.data.model_dump() for event in keys], [known, known])


def feed():
    sent = [
        {
            "event": "user.created",
            "data": {
                "object": "user", "id": f"user_{at}", "email": "a@example.com", "first_name": None, "last_name": "Ω", "email_verified": True,
                "profile_picture_url": None, "last_sign_in_at": None, "metadata": {}, "external_id": None, "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
            },
        }
        for at in range(25)
    ]  # fmt: skip
    status, answer = plain("POST", "/v1/events", [*sent, {"event": "moon.landed", "data": {"rank": 1}}])
    same("feed: publish", status, 201)
    ids = [receipt["id"] for receipt in answer["results"]][:25]
    first = workos.events.list_events(events=["user.created"])
    same("feed: ten when no limit is given, oldest first", [event.id for event in first.data], ids[:10])
    same("feed: the cursor", first.list_metadata.after, ids[9])
    same("feed: the data, read by its model", [event.data.id for event in first.data], [f"user_{at}" for at in range(10)])
    same("feed: iteration sees every event once, in order", [event.id for event in workos.events.list_events(events=["user.created"], limit=3)], ids)
    head = workos.events.list_events(events=["user.created"], after=ids[-1])
    same("feed: at the head", (list(head.data), head.list_metadata.after), ([], None))
    same("feed: iterating at the head ends", [event.id for event in head], [])
    within = workos.events.list_events(events=["user.created", "user.deleted"], range_start="2026-01-01", range_end="2099-01-01T00:00:00Z", limit=100)
    same("feed: a range", [event.id for event in within.data], ids)
    same("feed: of no organization", [event.id for event in workos.events.list_events(events=["user.created"], organization_id=workos.organizations.create_organization(name="Silent").id)], [])

    async def asynchronously():
        page = await AsyncWorkOSClient(api_key=KEY, **SETTINGS).events.list_events(events=["user.created"], limit=9)
        return [event.id async for event in page]

    same("feed: the asynchronous client too", asyncio.run(asynchronously()), ids)
    missing = refused("feed: no names", BadRequestException, lambda: workos.events.list_events(events=[]))
    same("feed: its code and its sentence", (missing.code, missing.message), ("invalid_events_request", NO_EVENTS))
    refused("feed: limit above 100", BadRequestException, lambda: workos.events.list_events(events=["user.created"], limit=101))
    stranger = WorkOSClient(api_key="sk_wrong", **SETTINGS)
    error = refused("feed: wrong key", AuthenticationException, lambda: stranger.events.list_events(events=["user.created"]))
    holds("feed: the refusal carries a request id", bool(error.request_id), error.request_id)


if __name__ == "__main__":
    try:
        observed = organizations()
        schemas()
        audit_logs(observed[0].id)
        feed()
        own_changes(*observed)
        print("python-5: every promise holds")
    except Difference as difference:
        sys.exit(f"DIFFERENCE  {difference}")
