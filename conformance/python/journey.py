"""The whole journey with the unmodified `workos` package. Needs ANNALS_URL and ANNALS_API_KEY; stops at the first difference."""

import csv
import io
import os
import re
import sys
import urllib.request
from dataclasses import replace
from datetime import datetime, timezone

import events as sent
from cells import HEADER, cells_of
from check import Difference, eventually, holds, refused, same
from feed import feed
from workos import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    UnprocessableEntityError,
    WorkOSClient,
)
from workos.audit_logs import (
    AuditLogEventContext,
    AuditLogSchemaActorInput,
    AuditLogSchemaTargetInput,
    RetentionPeriod,
    RetentionPeriodInDays,
)
from workos.organizations.models import OrganizationDomainData

ULID = "[0-9A-HJKMNP-TV-Z]{26}"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
READY_SECONDS = 60
NO_ORGANIZATION = "org_01HEQ7M5X0000000000000001A"

workos = WorkOSClient(api_key=os.environ["ANNALS_API_KEY"], base_url=os.environ["ANNALS_URL"])


def organizations():
    created = workos.organizations.create_organization(
        name='Café "Ω", Ltd.',
        external_id="customer/1",
        domain_data=[OrganizationDomainData(domain="cafe.example", state="verified")],
        metadata={"tier": "gold", "region": "eu"},
    )
    holds("organization: id has its prefix", re.fullmatch(f"org_{ULID}", created.id) is not None, created.id)
    same(
        "organization: name, external id and metadata come back",
        (created.object, created.name, created.external_id, created.metadata),
        ("organization", 'Café "Ω", Ltd.', "customer/1", {"tier": "gold", "region": "eu"}),
    )
    same(
        "organization: domain comes back verified",
        [(domain.domain, domain.state.value, domain.organization_id) for domain in created.domains],
        [("cafe.example", "verified", created.id)],
    )
    same("organization: get", workos.organizations.get_organization(created.id), created)
    # The slash is percent-encoded by this SDK and must stay one segment.
    same("organization: find by external id", workos.organizations.get_organization_by_external_id("customer/1"), created)
    found = workos.organizations.list_organizations(domains=["other.example", "cafe.example"])
    same("organization: find by domain", [organization.id for organization in found.data], [created.id])

    updated = workos.organizations.update_organization(created.id, name="Renamed", metadata={"tier": None, "plan": "b"})
    same(
        "organization: update merges metadata, null removes a key, the rest stays",
        (updated.name, updated.metadata, updated.external_id, len(updated.domains)),
        ("Renamed", {"region": "eu", "plan": "b"}, "customer/1", 1),
    )
    found = workos.organizations.list_organizations(search="enam")
    same("organization: search by name", [organization.id for organization in found.data], [created.id])

    again = refused(
        "organization: a used external id",
        BadRequestError,
        lambda: workos.organizations.create_organization(name="Copy", external_id="customer/1"),
    )
    same("organization: a used external id has its code", again.code, "external_id_already_used")
    refused(
        "organization: a used domain",
        ConflictError,
        lambda: workos.organizations.create_organization(name="Copy", domains=["cafe.example"]),
    )
    refused("organization: no name", UnprocessableEntityError, lambda: workos.organizations.create_organization(name=None))
    unknown = refused("organization: unknown id", NotFoundError, lambda: workos.organizations.get_organization(NO_ORGANIZATION))
    same("organization: unknown id has its code", unknown.code, "entity_not_found")
    return created.id, workos.organizations.create_organization(name="Second").id


def deletion(second):
    workos.organizations.delete_organization(second)
    refused("organization: deleted is gone", NotFoundError, lambda: workos.organizations.get_organization(second))


def pagination():
    made = [workos.organizations.create_organization(name=f"Page {at}").id for at in range(30)]
    newest_first = made[::-1]
    ids = lambda page: [organization.id for organization in page.data]  # noqa: E731

    first = workos.organizations.list_organizations(limit=7)
    same("list: newest first, limit 7", ids(first), newest_first[:7])
    same("list: cursors of the first page", (first.before, first.after), (None, newest_first[6]))
    second = workos.organizations.list_organizations(limit=7, after=first.after)
    same("list: after continues without a gap", ids(second), newest_first[7:14])
    back = workos.organizations.list_organizations(limit=7, before=second.before)
    same("list: before goes back to the adjacent page", ids(back), newest_first[:7])
    both = workos.organizations.list_organizations(limit=100, after=newest_first[4], before=newest_first[9])
    same("list: before and after together", ids(both), newest_first[5:9])
    normal = workos.organizations.list_organizations(limit=7, order="normal")
    same("list: normal is newest first with swapped cursors", (ids(normal), normal.before, normal.after), (newest_first[:7], newest_first[6], None))
    older = workos.organizations.list_organizations(limit=7, order="normal", before=normal.before)
    same("list: normal, before means older", ids(older), newest_first[7:14])

    everyone = [o.id for o in workos.organizations.list_organizations(limit=7).auto_paging_iter()]
    same("list: auto paging sees every organization once, newest first", everyone[:30], newest_first)
    same("list: auto paging ends", len(everyone), len(set(everyone)))
    rising = [o.id for o in workos.organizations.list_organizations(limit=7, order="asc").auto_paging_iter()]
    same("list: asc is the same list backwards", rising, everyone[::-1])
    refused("list: limit above 100", UnprocessableEntityError, lambda: workos.organizations.list_organizations(limit=101))


def schemas():
    json_schema = {"type": "object", "properties": {"channel": {"type": "string"}, "count": {"type": "number"}, "urgent": {"type": "boolean"}}}
    one = workos.audit_logs.create_schema(
        "document.shared",
        # The short form and a JSON schema mean the same.
        actor=AuditLogSchemaActorInput(metadata={"role": "string"}),
        targets=[AuditLogSchemaTargetInput(type="document", metadata={"type": "object", "properties": {"pages": {"type": "number"}}})],
        metadata=json_schema,
    )
    same("schema: version 1", (one.object, one.version, [target.type for target in one.targets]), ("audit_log_schema", 1, ["document"]))
    same("schema: the JSON schema comes back as it was sent", one.metadata, json_schema)
    same("schema: the short form comes back as a JSON schema", one.actor.metadata, {"type": "object", "properties": {"role": {"type": "string"}}})
    two = workos.audit_logs.create_schema(
        "document.shared", targets=[AuditLogSchemaTargetInput(type="document"), AuditLogSchemaTargetInput(type="folder")]
    )
    same("schema: the same action again is version 2", (two.version, two.metadata, two.actor), (2, None, None))
    other = workos.audit_logs.create_schema("user.signed_in", targets=[AuditLogSchemaTargetInput(type="user")])
    same("schema: another action starts at 1", other.version, 1)
    listed = workos.audit_logs.list_action_schemas("document.shared")
    same("schema: list is newest first and exact", listed.data, [two, one])
    paged = [schema.version for schema in workos.audit_logs.list_action_schemas("document.shared", limit=1).auto_paging_iter()]
    same("schema: auto paging", paged, [2, 1])
    actions = list(workos.audit_logs.list_actions(limit=1).auto_paging_iter())
    same(
        "action: list has both, newest first, with their latest schema",
        [(action.object, action.name, action.schema) for action in actions],
        [("audit_log_action", "user.signed_in", other), ("audit_log_action", "document.shared", two)],
    )
    refused("schema: no targets", UnprocessableEntityError, lambda: workos.audit_logs.create_schema("document.shared", targets=[]))
    refused("schema: unknown action", NotFoundError, lambda: workos.audit_logs.list_action_schemas("never.declared"))


def record(organization, event, key=None):
    return workos.audit_logs.create_event(organization_id=organization, event=event, idempotency_key=key)


def recorded_events(organization, second):
    same("event: answer", record(organization, sent.LONG_AGO).success, True)
    for event in sent.IN_RANGE:
        if event is not sent.REPEATED:
            record(organization, event)
    same("event: first time with a key", record(organization, sent.REPEATED, key="once").success, True)
    same("event: the same key and body again", record(organization, sent.REPEATED, key="once").success, True)
    other_body = replace(sent.REPEATED, action="document.shared")
    reused = refused("event: the same key with another body", BadRequestError, lambda: record(organization, other_body, key="once"))
    holds("event: the refusal names the key", "(once)" in str(reused), str(reused))
    record(second, sent.ONLY_REQUIRED)


def refused_events(organization):
    def refuse(name, failure, event):
        return refused(f"event: {name}", failure, lambda: record(organization, event))

    base = sent.ONLY_REQUIRED
    error = refuse("no location", UnprocessableEntityError, replace(base, context=AuditLogEventContext(location=None)))
    holds("event: the refusal names the member", any("location" in fault["field"] for fault in error.errors), error.errors)
    refuse("no actor id", UnprocessableEntityError, replace(base, actor=replace(base.actor, id=None)))
    refuse("action is a number", UnprocessableEntityError, replace(base, action=7))
    refuse("51 metadata keys", UnprocessableEntityError, replace(base, metadata={f"k{at}": "v" for at in range(51)}))
    refuse("a metadata key of 41 characters", UnprocessableEntityError, replace(base, metadata={"k" * 41: "v"}))
    refuse("a metadata value of 501 characters", UnprocessableEntityError, replace(base, metadata={"key": "v" * 501}))
    refuse("nested metadata", UnprocessableEntityError, replace(base, metadata={"key": ["a"]}))
    refuse("null metadata value", UnprocessableEntityError, replace(base, metadata={"key": None}))

    wrong = refuse("metadata against the schema", BadRequestError, replace(sent.EVERY_FIELD, metadata={"channel": 7}))
    same(
        "event: the schema refusal has its code and names the place",
        (wrong.code, [fault["instancePath"] for fault in wrong.errors]),
        ("invalid_audit_log_event", ["/metadata/channel"]),
    )
    missing = refuse("a declared target type is missing", BadRequestError, replace(sent.EVERY_FIELD, targets=sent.EVERY_FIELD.targets[1:]))
    holds("event: a missing target names the targets", missing.errors[0]["instancePath"].startswith("/targets"), missing.errors)
    unknown = refuse("unknown action", BadRequestError, replace(base, action="never.declared"))
    same(
        "event: unknown action has the documented text",
        unknown.message,
        "Invalid Audit Log event: event 'never.declared', version '1' has not been configured in this environment",
    )
    version = refuse("unknown version", BadRequestError, replace(base, version=9))
    same(
        "event: unknown version has the documented text",
        version.message,
        "Invalid Audit Log event: event 'user.signed_in', version '9' has not been configured in this environment",
    )
    nobody = refused("event: unknown organization", NotFoundError, lambda: record(NO_ORGANIZATION, base))
    same("event: unknown organization has its code", nobody.code, "entity_not_found")


def ready(organization, **options):
    started = workos.audit_logs.create_export(organization_id=organization, **{**sent.RANGE, **options})
    same("export: starts pending, without a URL", (started.object, started.state.value, started.url), ("audit_log_export", "pending", None))
    done = eventually("export: ready", READY_SECONDS, lambda: workos.audit_logs.get_export(started.id), lambda e: e.state.value != "pending")
    same("export: ready", (done.id, done.state.value), (started.id, "ready"))
    return done


def download(done):
    with urllib.request.urlopen(done.url) as answer:  # no Authorization header
        text = answer.read().decode("utf-8")
        same("download: content type", answer.headers["content-type"], "text/csv; charset=utf-8")
        same("download: file name", answer.headers["content-disposition"], f'attachment; filename="{done.id}.csv"')
    holds("download: header line and CRLF at the end", text.startswith(",".join(HEADER) + "\r\n") and text.endswith("\r\n"), text[:300])
    # newline="" keeps the line ends inside cells as they are.
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def compare(name, rows, expected):
    same(f"{name}: number of rows", len(rows), len(expected))
    for at, (row, event) in enumerate(zip(rows, expected), start=1):
        known = {column: cell for column, cell in row.items() if column not in ("id", "created_at")}
        same(f"{name}: row {at} cell by cell ({event.action})", known, cells_of(event))
        holds(f"{name}: row {at} has id and created_at", _server_cells(row), row)
    ids = [row["id"] for row in rows]
    same(f"{name}: ids are unique and rise", ids, sorted(set(ids)))


def _server_cells(row):
    if not re.fullmatch(f"evt_{ULID}", row["id"]) or not TIMESTAMP.fullmatch(row["created_at"]):
        return False
    age = datetime.now(timezone.utc) - datetime.fromisoformat(row["created_at"].replace("Z", "+00:00"))
    return abs(age.total_seconds()) < 600


def exports(organization):
    done = ready(organization)
    compare("export", download(done), sent.IN_RANGE)
    again = workos.audit_logs.get_export(done.id)
    holds("export: each GET mints another URL", again.url != done.url, again.url)
    compare("export from the second URL", download(again), sent.IN_RANGE)

    shared, folder_copy = sent.EVERY_FIELD, sent.SECOND_VERSION
    filters = [
        ("actions", {"actions": ["document.shared"]}, [shared, folder_copy, sent.UNVERSIONED]),
        ("actor names, either of two", {"actor_names": ["Once Only", "Grace Hopper"]}, [sent.LARGEST, sent.REPEATED]),
        ("actors, the older spelling", {"actors": ["Once Only"]}, [sent.REPEATED]),
        ("actor ids", {"actor_ids": [sent.UNICODE.actor.id]}, [sent.UNICODE]),
        ("target types", {"targets": ["folder", "team"]}, [shared, folder_copy]),
        (
            "all four together",
            {"actions": ["document.shared"], "actor_names": ["Nightly copy", "Ada Lovelace"], "actor_ids": ["user_05"], "targets": ["folder"]},
            [folder_copy],
        ),
        ("nothing matches", {"actions": ["never.declared"]}, []),
        # An empty list filters nothing.
        ("an empty filter", {"actions": [], "targets": []}, sent.IN_RANGE),
    ]
    for name, options, expected in filters:
        compare(f"export by {name}", download(ready(organization, **options)), expected)
    older = {"range_start": "2001-01-01", "range_end": "2002-01-01T00:00:00+02:00"}
    compare("export of another range", download(ready(organization, **older)), [sent.LONG_AGO])

    def start(**options):
        return workos.audit_logs.create_export(**{"organization_id": organization, **sent.RANGE, **options})

    upside_down = refused("export: range ends before it starts", BadRequestError, lambda: start(range_end="2025-01-01T00:00:00Z"))
    same("export: range has its code", upside_down.code, "invalid_audit_log_export_range_date")
    refused("export: a range that is no date", BadRequestError, lambda: start(range_start="yesterday"))
    refused("export: unknown organization", BadRequestError, lambda: start(organization_id=NO_ORGANIZATION))
    refused("export: unknown id", NotFoundError, lambda: workos.audit_logs.get_export("audit_log_export_01HEQ7M5X0000000000000001A"))


def retention(organization):
    def put(retention):
        return workos.audit_logs.update_organization_audit_logs_retention(organization, retention=retention).retention_period_in_days

    def get():
        return workos.audit_logs.get_organization_audit_logs_retention(organization).retention_period_in_days

    same("retention: never set is null", get(), None)
    same("retention: in days", put(RetentionPeriodInDays(30)), 30)
    same("retention: as a period", put(RetentionPeriod("11_MONTHS")), 330)
    same("retention: in years", put(RetentionPeriod("1_YEAR")), 365)
    same("retention: get", get(), 365)
    refused("retention: unknown number of days", UnprocessableEntityError, lambda: put(RetentionPeriodInDays(31)))
    refused("retention: unknown period", UnprocessableEntityError, lambda: put(RetentionPeriod("1_WEEK")))
    refused(
        "retention: unknown organization",
        NotFoundError,
        lambda: workos.audit_logs.get_organization_audit_logs_retention(NO_ORGANIZATION),
    )
    configuration = workos.organizations.get_audit_log_configuration(organization)
    same(
        "configuration: active, with the retention, without a stream",
        (configuration.organization_id, configuration.retention_period_in_days, configuration.state.value, configuration.log_stream),
        (organization, 365, "active", None),
    )
    refused("configuration: unknown organization", NotFoundError, lambda: workos.organizations.get_audit_log_configuration(NO_ORGANIZATION))


def api_keys(organization):
    def validate(value):
        return workos.api_keys.create_validation(value=value).api_key

    created = workos.api_keys.create_organization_api_key(
        organization, name="Nightly", permissions=["audit-logs:write"], expires_at="2099-01-01T00:00:00.000Z"
    )
    same(
        "api key: name, owner, permissions and end come back",
        (created.name, created.owner.type, created.owner.id, created.permissions, created.expires_at),
        ("Nightly", "organization", organization, ["audit-logs:write"], datetime(2099, 1, 1, tzinfo=timezone.utc)),
    )
    holds(
        "api key: the value is shown once, its end stays visible",
        created.value.startswith("sk_") and created.obfuscated_value.endswith(created.value[-4:]) and created.value not in created.obfuscated_value,
        created.obfuscated_value,
    )
    listed = workos.api_keys.list_organization_api_keys(organization)
    same("api key: list", [(key.id, key.name) for key in listed.data], [(created.id, "Nightly")])
    same("api key: a good value validates", validate(created.value).id, created.id)
    same("api key: a bad value validates to null", validate("sk_nonsense"), None)
    expired = workos.api_keys.create_api_key_expire(created.id)
    holds("api key: expire sets the end to now", expired.expires_at <= datetime.now(timezone.utc), expired.expires_at)
    eventually("api key: expired validates to null", 5, lambda: validate(created.value), lambda key: key is None)
    refused("api key: expire twice", ConflictError, lambda: workos.api_keys.create_api_key_expire(created.id))
    workos.api_keys.delete_api_key(created.id)
    same("api key: deleted leaves the list", workos.api_keys.list_organization_api_keys(organization).data, [])
    refused("api key: unknown id", NotFoundError, lambda: workos.api_keys.delete_api_key(created.id))
    refused("api key: no name", UnprocessableEntityError, lambda: workos.api_keys.create_organization_api_key(organization, name=None))


def wrong_key(organization):
    stranger = WorkOSClient(api_key="sk_wrong", base_url=os.environ["ANNALS_URL"])
    refused("wrong key: list", AuthenticationError, lambda: stranger.organizations.list_organizations())
    error = refused(
        "wrong key: event",
        AuthenticationError,
        lambda: stranger.audit_logs.create_event(organization_id=organization, event=sent.ONLY_REQUIRED),
    )
    same("wrong key: the documented body", (error.message, error.raw_body), ("Unauthorized", '{"message":"Unauthorized"}'))
    holds("wrong key: the refusal carries a request id", bool(error.request_id), error.request_id)


def journey():
    organization, second = organizations()
    schemas()
    refused_events(organization)
    recorded_events(organization, second)
    exports(organization)
    retention(organization)
    api_keys(organization)
    wrong_key(organization)
    deletion(second)
    pagination()
    feed(workos)
    print("python: every promise holds")


if __name__ == "__main__":
    try:
        journey()
    except Difference as difference:
        sys.exit(f"DIFFERENCE  {difference}")
