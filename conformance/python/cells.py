"""The CSV cells that an event must come back as, computed from what was given to the SDK."""

import json
from datetime import timezone
from typing import Any, Dict, Optional

from workos.audit_logs import AuditLogEvent

HEADER = [
    "id", "action", "version", "occurred_at", "actor_id", "actor_type", "actor_name", "actor_metadata", "targets",
    "context_location", "context_user_agent", "metadata", "created_at",
]  # fmt: skip


def canonical(value: Any) -> str:
    """RFC 8785: sorted keys, no spaces, and a whole number has no fraction. Every key here is ASCII."""
    return json.dumps(_whole(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _guarded(text: Optional[str]) -> str:
    """A spreadsheet would run a cell that starts like a formula, so the export quotes it."""
    return f"'{text}" if text and text[0] in "=+-@\t\r" else text or ""


def _object(map: Optional[Dict[str, Any]]) -> str:
    return canonical(map) if map else ""


def _time(event: AuditLogEvent) -> str:
    # A time without an offset is UTC on the wire, whatever this machine's zone is.
    when = event.occurred_at if event.occurred_at.tzinfo else event.occurred_at.replace(tzinfo=timezone.utc)
    return when.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cells_of(event: AuditLogEvent) -> Dict[str, str]:
    """Everything but `id` and `created_at`, which only the server knows."""
    # An empty name is how some clients write "no name".
    targets = [{key: member for key, member in target.to_dict().items() if member not in ("", {})} for target in event.targets]
    return {
        "action": event.action,
        "version": "" if event.version is None else str(event.version),
        "occurred_at": _time(event),
        "actor_id": _guarded(event.actor.id),
        "actor_type": _guarded(event.actor.type),
        "actor_name": _guarded(event.actor.name),
        "actor_metadata": _object(event.actor.metadata),
        "targets": canonical(targets),
        "context_location": _guarded(event.context.location),
        "context_user_agent": _guarded(event.context.user_agent),
        "metadata": _object(event.metadata),
    }
