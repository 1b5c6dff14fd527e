// The CSV cells that an event must come back as, computed from what was given to the SDK.

export const HEADER = [
  'id', 'action', 'version', 'occurred_at', 'actor_id', 'actor_type', 'actor_name', 'actor_metadata', 'targets',
  'context_location', 'context_user_agent', 'metadata', 'created_at',
];

/** RFC 8785 of the normal form: sorted keys, no spaces; absent means null, undefined, or an empty object. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value).sort().filter((key) => !absent(value[key]));
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}

function absent(value) {
  return value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** A spreadsheet would run a cell that starts like a formula, so the export quotes it. */
function guarded(text) {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

/** Everything but `id` and `created_at`, which only the server knows. */
export function cellsOf(event) {
  const json = (map) => (absent(map) ? '' : canonical(map));
  // An empty name is how some clients write "no name".
  const targets = event.targets.map(({ name, ...rest }) => (name ? { ...rest, name } : rest));
  return {
    action: event.action,
    version: event.version === undefined ? '' : String(event.version),
    occurred_at: event.occurredAt.toISOString(),
    actor_id: guarded(event.actor.id),
    actor_type: guarded(event.actor.type),
    actor_name: guarded(event.actor.name ?? ''),
    actor_metadata: json(event.actor.metadata),
    targets: canonical(targets),
    context_location: guarded(event.context.location),
    context_user_agent: guarded(event.context.userAgent ?? ''),
    metadata: json(event.metadata),
  };
}
