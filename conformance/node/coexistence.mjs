// Versions 2.19 to 3.9 speak to the older Audit Trail and to the Events API on one path: the request itself must say which one is meant.

import workos2 from 'workos-2';
import badRequest2 from 'workos-2/lib/common/exceptions/bad-request.exception.js';
import generic2 from 'workos-2/lib/common/exceptions/generic-server.exception.js';
import workos37 from 'workos-3.7';
import badRequest37 from 'workos-3.7/lib/common/exceptions/bad-request.exception.js';
import generic37 from 'workos-3.7/lib/common/exceptions/generic-server.exception.js';
import workos39 from 'workos-3.9';
import badRequest39 from 'workos-3.9/lib/common/exceptions/bad-request.exception.js';
import generic39 from 'workos-3.9/lib/common/exceptions/generic-server.exception.js';
import { eventually, refused, same } from './check.mjs';
import { apiKey, options, plain } from './plain.mjs';

const NAME = 'dsync.group.created';
const group = (at) => ({
  object: 'directory_group', id: `directory_group_${at}`, idp_id: `idp_${at}`, directory_id: 'directory_1', organization_id: null, name: `Group ${at}`,
  created_at: '2020-01-01T00:00:00.000Z', updated_at: '2020-01-01T00:00:00.000Z', raw_attributes: { a: 1 },
});

/** `ends` is how a version spells a range in its options. The names of 3.7.1 travel so too. */
const VERSIONS = [
  { name: '2.20.0', WorkOS: workos2.WorkOS, errors: { ...badRequest2, ...generic2 }, ends: ['range_start', 'range_end'], camelCase: false },
  { name: '3.7.1', WorkOS: workos37.WorkOS, errors: { ...badRequest37, ...generic37 }, ends: ['rangeStart', 'rangeEnd'], camelCase: true },
  { name: '3.9.3', WorkOS: workos39.WorkOS, errors: { ...badRequest39, ...generic39 }, ends: ['rangeStart', 'rangeEnd'], camelCase: true },
];

export async function coexistence(trailEvents) {
  const { json } = await plain('POST', '/v1/events', { body: Array.from({ length: 12 }, (_, at) => ({ event: NAME, data: group(at) })) });
  const sent = json.results.map(({ id }, at) => [id, `Group ${at}`]);
  let known = trailEvents;
  for (const version of VERSIONS) {
    const workos = new version.WorkOS(apiKey, { ...options });
    await feed(version, workos, sent);
    known = await trail(version, workos, known);
    await auditLogs(version, workos);
  }
}

async function feed({ name, errors, ends: [start, end], camelCase }, workos, sent) {
  const list = async (query) => {
    const answer = await workos.events.listEvents({ events: [NAME], ...query });
    return [answer.data.map((event) => [event.id, event.data.name]), camelCase ? answer.listMetadata : answer.list_metadata];
  };
  const ids = sent.map(([id]) => id);
  same(`${name}: a list with names is the feed, oldest first`, await list(), [sent.slice(0, 10), { before: null, after: ids[9] }]);
  same(`${name}: the next page`, await list({ after: ids[9] }), [sent.slice(10), { before: ids[10], after: null }]);
  same(`${name}: beyond the head`, (await list({ after: ids[11] }))[0], []);
  same(`${name}: two names`, (await list({ events: [NAME, 'dsync.group.deleted'], limit: 2 }))[0], sent.slice(0, 2));
  same(`${name}: a range, as this version spells it`, (await list({ [start]: '2020-01-01', [end]: '2099-01-01', limit: 100 }))[0], sent);
  same(`${name}: a range before everything`, (await list({ [start]: '2019-01-01', [end]: '2020-01-01' }))[0], []);
  const bad = await refused(`${name}: a range without names is the feed, which wants names`, errors.GenericServerException,
    () => workos.events.listEvents({ [start]: '2020-01-01' }));
  same(`${name}: its status`, bad.status, 400);
}

async function trail({ name }, workos, known) {
  const event = {
    group: 'foo-corp.com', action: `sdk.${name}`, action_type: 'R', actor_name: 'Ada', actor_id: 'user_01', target_name: '', target_id: '', location: '::1',
    occurred_at: new Date('2020-01-01T00:00:00.000Z'), metadata: {},
  };
  await workos.auditTrail.createEvent(event, { idempotencyKey: `sdk ${name}` });
  await workos.auditTrail.createEvent(event, { idempotencyKey: `sdk ${name}` });
  const plainList = await workos.auditTrail.listEvents();
  same(`${name}: a list with nothing at all is the trail`, [plainList.data.length, plainList.data[0].action.name], [10, `sdk.${name}`]);
  same(`${name}: the cursors that this version reads`, plainList.list_metadata, { before: plainList.data[9].id, after: null });
  const limited = await workos.auditTrail.listEvents({ limit: 100 });
  same(`${name}: a list with a limit is the trail`, limited.data.length, known + 1);
  same(`${name}: a cursor of the trail is the trail`, (await workos.auditTrail.listEvents({ before: plainList.data[0].id, limit: 1 })).data[0].id, plainList.data[1].id);
  same(`${name}: a filter of the trail is the trail`, (await workos.auditTrail.listEvents({ action: [`sdk.${name}`] })).data.length, 1);
  return known + 1;
}

/** The audit logs of these versions: no key of its own, metadata without a schema, and the older spelling of the actors' names. */
async function auditLogs({ name, errors, camelCase }, workos) {
  const action = `sdk.used_${name}`;
  const { status } = await plain('POST', `/audit_logs/actions/${action}/schemas`, { body: { targets: [{ type: 'sdk' }] } });
  same(`${name}: schema`, status, 201);
  const { json: organization } = await plain('POST', '/organizations', { body: { name } });
  const when = new Date('2026-01-15T10:30:00.123Z');
  const parts = { action, actor: { id: 'user_01', type: 'user', name: 'Ada' }, targets: [{ id: 'sdk_1', type: 'sdk' }], metadata: { key: 'value' } };
  const context = camelCase ? { location: '::1', userAgent: 'node' } : { location: '::1', user_agent: 'node' };
  const event = { ...parts, context, ...(camelCase ? { occurredAt: when } : { occurred_at: when.toISOString() }) };
  await workos.auditLogs.createEvent(organization.id, event, { idempotencyKey: name });
  await workos.auditLogs.createEvent(organization.id, event, { idempotencyKey: name });
  const range = [new Date('2026-01-01T00:00:00Z'), new Date('2026-02-01T00:00:00Z')];
  const started = await workos.auditLogs.createExport(camelCase
    ? { organizationId: organization.id, rangeStart: range[0], rangeEnd: range[1], actors: ['Ada'] }
    : { organization_id: organization.id, range_start: range[0], range_end: range[1], actors: ['Ada'] });
  const done = await eventually(`${name}: export`, 60, () => workos.auditLogs.getExport(started.id), (one) => one.state !== 'pending');
  const rows = (await (await fetch(done.url)).text()).trim().split('\r\n');
  same(`${name}: the event was recorded once`, [done.state, rows.length, rows[1].includes(`,${action},,2026-01-15T10:30:00.123Z,user_01,user,Ada,`)], ['ready', 2, true]);
  const spoiled = { ...event, targets: [] };
  const error = await refused(`${name}: the schema's refusal`, errors.BadRequestException, () => workos.auditLogs.createEvent(organization.id, spoiled));
  same(`${name}: its code`, [error.status, error.code], [400, 'invalid_audit_log_event']);
}
