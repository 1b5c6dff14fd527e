// The whole journey with the unmodified @workos-inc/node. Needs ANNALS_URL and ANNALS_API_KEY; stops at the first difference.

import { parse } from 'csv-parse/sync';
import {
  BadRequestException, ConflictException, GenericServerException, NotFoundException, UnauthorizedException,
  UnprocessableEntityException, WorkOS,
} from '@workos-inc/node';
import { HEADER, cellsOf } from './cells.mjs';
import { Difference, eventually, holds, refused, same } from './check.mjs';
import * as sent from './events.mjs';
import { feed } from './feed.mjs';
import { apiKey, options } from './plain.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const READY_SECONDS = 60;

const connect = (key) => new WorkOS(key, { ...options });
const workos = connect(apiKey);

async function organizations() {
  const created = await workos.organizations.createOrganization({
    name: 'Café "Ω", Ltd.',
    externalId: 'customer-1',
    domainData: [{ domain: 'cafe.example', state: 'verified' }],
    metadata: { tier: 'gold', region: 'eu' },
  });
  holds('organization: id has its prefix', /^org_[0-9A-HJKMNP-TV-Z]{26}$/.test(created.id), created.id);
  same('organization: name, external id and metadata come back',
    [created.object, created.name, created.externalId, created.metadata],
    ['organization', 'Café "Ω", Ltd.', 'customer-1', { tier: 'gold', region: 'eu' }]);
  same('organization: domain comes back verified', created.domains.map((d) => [d.domain, d.state]), [['cafe.example', 'verified']]);
  holds('organization: timestamps have three digits and Z', TIMESTAMP.test(created.createdAt) && TIMESTAMP.test(created.updatedAt), created);
  same('organization: get', await workos.organizations.getOrganization(created.id), created);
  same('organization: find by external id', await workos.organizations.getOrganizationByExternalId('customer-1'), created);
  same('organization: find by domain',
    (await workos.organizations.listOrganizations({ domains: ['other.example', 'cafe.example'] })).data.map((o) => o.id), [created.id]);

  const updated = await workos.organizations.updateOrganization({
    organization: created.id, name: 'Renamed', metadata: { tier: null, plan: 'b' },
  });
  same('organization: update merges metadata, null removes a key, the rest stays',
    [updated.name, updated.metadata, updated.externalId, updated.domains.length], ['Renamed', { region: 'eu', plan: 'b' }, 'customer-1', 1]);

  const again = await refused('organization: a used external id', GenericServerException,
    () => workos.organizations.createOrganization({ name: 'Copy', externalId: 'customer-1' }));
  same('organization: a used external id has its code', [again.status, again.code], [400, 'external_id_already_used']);
  await refused('organization: a used domain', ConflictException,
    () => workos.organizations.createOrganization({ name: 'Copy', domainData: [{ domain: 'cafe.example', state: 'pending' }] }));
  await refused('organization: no name', UnprocessableEntityException, () => workos.organizations.createOrganization({}));
  await refused('organization: unknown id', NotFoundException,
    () => workos.organizations.getOrganization('org_01HEQ7M5X0000000000000001A'));

  const second = await workos.organizations.createOrganization({ name: 'Second' });
  return { organization: updated, second };
}

async function deletion(second) {
  await workos.organizations.deleteOrganization(second.id);
  await refused('organization: deleted is gone', NotFoundException, () => workos.organizations.getOrganization(second.id));
}

async function pagination() {
  const made = [];
  // More than one page of 100, which is what autoPagination always asks for.
  for (let at = 0; at < 105; at += 1) made.push((await workos.organizations.createOrganization({ name: `Page ${at}` })).id);
  const newestFirst = [...made].reverse();

  const first = await workos.organizations.listOrganizations({ limit: 7 });
  same('list: newest first, limit 7', first.data.map((o) => o.id), newestFirst.slice(0, 7));
  same('list: nothing before the first page', first.listMetadata.before, null);
  same('list: after is the last id of the page', first.listMetadata.after, newestFirst[6]);
  const next = await workos.organizations.listOrganizations({ limit: 7, after: first.listMetadata.after });
  same('list: after continues without a gap', next.data.map((o) => o.id), newestFirst.slice(7, 14));
  const back = await workos.organizations.listOrganizations({ limit: 7, before: next.listMetadata.before });
  same('list: before goes back to the adjacent page', back.data.map((o) => o.id), newestFirst.slice(0, 7));
  const oldest = await workos.organizations.listOrganizations({ limit: 100, order: 'asc' });
  const rest = await workos.organizations.listOrganizations({ limit: 100, order: 'asc', after: oldest.listMetadata.after });
  same('list: asc walks from old to new', [...oldest.data, ...rest.data].map((o) => o.id).slice(-105), made);
  same('list: the last page has no after', rest.listMetadata.after, null);
  const all = await (await workos.organizations.listOrganizations()).autoPagination();
  same('list: autoPagination sees every organization once, newest first', all.map((o) => o.id).slice(0, 105), newestFirst);
  same('list: autoPagination ends', new Set(all.map((o) => o.id)).size, all.length);
  await refused('list: limit above 100', UnprocessableEntityException, () => workos.organizations.listOrganizations({ limit: 101 }));
}

async function schemas() {
  const first = {
    action: 'document.shared',
    actor: { metadata: { role: 'string' } },
    targets: [{ type: 'document', metadata: { pages: 'number', locked: 'boolean' } }],
    metadata: { channel: 'string', count: 'number', urgent: 'boolean' },
  };
  const one = await workos.auditLogs.createSchema(first);
  same('schema: version 1 comes back as it was sent', [one.object, one.version, one.actor, one.targets, one.metadata],
    ['audit_log_schema', 1, first.actor, first.targets, first.metadata]);
  const two = await workos.auditLogs.createSchema({ action: 'document.shared', targets: [{ type: 'document' }, { type: 'folder' }] });
  same('schema: the same action again is version 2', [two.version, two.targets.map((t) => t.type)], [2, ['document', 'folder']]);
  same('schema: another action starts at 1',
    (await workos.auditLogs.createSchema({ action: 'user.signed_in', targets: [{ type: 'user' }] })).version, 1);
  const listed = await workos.auditLogs.listSchemas('document.shared');
  same('schema: list is newest first', listed.data.map((s) => s.version), [2, 1]);
  same('schema: list repeats version 1 exactly', listed.data[1], one);
  // This SDK has no method for the list of actions; its public `get` sends the request all the same.
  const { data: actions } = await workos.get('/audit_logs/actions');
  same('action: list has both, with their latest schema',
    actions.data.map((a) => [a.object, a.name, a.schema.version]).sort(),
    [['audit_log_action', 'document.shared', 2], ['audit_log_action', 'user.signed_in', 1]]);
  await refused('schema: no targets', UnprocessableEntityException,
    () => workos.auditLogs.createSchema({ action: 'document.shared', targets: [] }));
}

async function record(organization, second) {
  const record = (event, options) => workos.auditLogs.createEvent(organization, event, options);
  await record(sent.longAgo);
  for (const event of sent.inRange.filter((e) => e !== sent.repeated)) await record(event);
  await record(sent.repeated, { idempotencyKey: 'once' });
  await record(sent.repeated, { idempotencyKey: 'once' });
  console.log(`ok  event: ${sent.inRange.length + 1} recorded, one of them sent twice with one key`);
  const reused = await refused('event: the same key with another body', GenericServerException,
    () => record({ ...sent.repeated, action: 'document.shared' }, { idempotencyKey: 'once' }));
  same('event: the same key with another body is a 400', reused.status, 400);
  holds('event: the refusal names the key', reused.message.includes('(once)'), reused.message);
  await workos.auditLogs.createEvent(second, sent.onlyRequired);
}

async function refusedEvents(organization) {
  const record = (event) => workos.auditLogs.createEvent(organization, event);
  const base = sent.onlyRequired;
  const signs = await refused('event: no location', UnprocessableEntityException, () => record({ ...base, context: {} }));
  holds('event: the refusal has text and a status', signs.status === 422 && signs.message.length > 0, signs);
  await refused('event: no targets', UnprocessableEntityException, () => record({ ...base, targets: undefined }));
  await refused('event: no actor id', UnprocessableEntityException, () => record({ ...base, actor: { type: 'user' } }));
  const map = (entries) => Object.fromEntries(entries);
  await refused('event: 51 metadata keys', UnprocessableEntityException,
    () => record({ ...base, metadata: map(Array.from({ length: 51 }, (_, at) => [`k${at}`, 'v'])) }));
  await refused('event: a metadata key of 41 characters', UnprocessableEntityException,
    () => record({ ...base, metadata: map([['k'.repeat(41), 'v']]) }));
  await refused('event: a metadata value of 501 characters', UnprocessableEntityException,
    () => record({ ...base, metadata: { key: 'v'.repeat(501) } }));
  await refused('event: nested metadata', UnprocessableEntityException, () => record({ ...base, metadata: { key: { a: 1 } } }));
  await refused('event: NaN, which this SDK sends as null', UnprocessableEntityException, () => record({ ...base, metadata: { key: NaN } }));

  const wrong = await refused('event: metadata against the schema', BadRequestException,
    () => record({ ...sent.everyField, metadata: { channel: 7 } }));
  same('event: the schema refusal has its code and names the place',
    [wrong.code, wrong.errors.map((e) => e.instancePath)], ['invalid_audit_log_event', ['/metadata/channel']]);
  const missing = await refused('event: a declared target type is missing', BadRequestException,
    () => record({ ...sent.everyField, targets: [{ id: 'team_1', type: 'team' }] }));
  holds('event: a missing target names the targets', missing.errors.every((e) => e.instancePath.startsWith('/targets')), missing.errors);
  const unknown = await refused('event: unknown action', GenericServerException, () => record({ ...base, action: 'never.declared' }));
  same('event: unknown action has the documented text', [unknown.status, unknown.message],
    [400, "Invalid Audit Log event: event 'never.declared', version '1' has not been configured in this environment"]);
  const version = await refused('event: unknown version', GenericServerException, () => record({ ...base, version: 9 }));
  same('event: unknown version has the documented text', version.message,
    "Invalid Audit Log event: event 'user.signed_in', version '9' has not been configured in this environment");
  const nobody = await refused('event: unknown organization', NotFoundException,
    () => workos.auditLogs.createEvent('org_01HEQ7M5X0000000000000001A', base));
  same('event: unknown organization has its code', nobody.code, 'entity_not_found');
}

async function ready(options) {
  const started = await workos.auditLogs.createExport({ ...sent.range, ...options });
  same('export: starts pending, without a URL', [started.object, started.state, started.url ?? null], ['audit_log_export', 'pending', null]);
  const done = await eventually('export: ready', READY_SECONDS, () => workos.auditLogs.getExport(started.id), (e) => e.state !== 'pending');
  same('export: ready', [done.id, done.state], [started.id, 'ready']);
  return done;
}

async function download(done) {
  const answer = await fetch(done.url);
  const text = await answer.text();
  holds('download: 200 without Authorization', answer.status === 200, { status: answer.status, text });
  same('download: content type', answer.headers.get('content-type'), 'text/csv; charset=utf-8');
  same('download: file name', answer.headers.get('content-disposition'), `attachment; filename="${done.id}.csv"`);
  holds('download: header line and CRLF at the end', text.startsWith(`${HEADER.join(',')}\r\n`) && text.endsWith('\r\n'), text.slice(0, 300));
  return parse(text, { columns: true, record_delimiter: '\r\n' });
}

function compare(name, rows, events) {
  same(`${name}: number of rows`, rows.length, events.length);
  events.forEach((event, at) => {
    const { id, created_at: createdAt, ...cells } = rows[at];
    same(`${name}: row ${at + 1} cell by cell (${event.action})`, cells, cellsOf(event));
    holds(`${name}: row ${at + 1} has id and created_at`,
      /^evt_[0-9A-HJKMNP-TV-Z]{26}$/.test(id) && TIMESTAMP.test(createdAt) && Math.abs(Date.parse(createdAt) - Date.now()) < 600_000,
      { id, createdAt });
  });
  same(`${name}: ids are unique and rise`, rows.map((r) => r.id), [...new Set(rows.map((r) => r.id))].sort());
}

async function exports(organizationId) {
  const done = await ready({ organizationId });
  compare('export', await download(done), sent.inRange);
  const again = await workos.auditLogs.getExport(done.id);
  holds('export: each GET mints another URL', again.url !== done.url, again.url);
  await download(again);
  const forged = done.url.replace(/=(.)([^=&]*)$/, (_, first, rest) => `=${first === '1' ? '2' : '1'}${rest}`);
  holds('download: a changed URL is refused', [400, 401, 403, 404].includes((await fetch(forged)).status), forged);

  const filters = [
    ['actions', { actions: ['document.shared'] }, [sent.everyField, sent.secondVersion, sent.unversioned]],
    ['actor names, either of two', { actorNames: ['Once Only', 'Grace Hopper'] }, [sent.largest, sent.repeated]],
    ['actor ids', { actorIds: [sent.unicode.actor.id] }, [sent.unicode]],
    ['target types', { targets: ['folder', 'team'] }, [sent.everyField, sent.secondVersion]],
    ['all four together', {
      actions: ['document.shared', 'user.signed_in'], actorNames: ['Nightly copy', 'Ada Lovelace'], actorIds: ['user_05'], targets: ['folder'],
    }, [sent.secondVersion]],
    ['nothing matches', { actions: ['never.declared'] }, []],
  ];
  for (const [name, filter, expected] of filters) {
    compare(`export by ${name}`, await download(await ready({ organizationId, ...filter })), expected);
  }
  const older = { rangeStart: new Date('2001-01-01T00:00:00Z'), rangeEnd: new Date('2002-01-01T00:00:00Z') };
  compare('export of another range', await download(await ready({ organizationId, ...older })), [sent.longAgo]);

  const upsideDown = await refused('export: range ends before it starts', GenericServerException,
    () => workos.auditLogs.createExport({ organizationId, rangeStart: sent.range.rangeEnd, rangeEnd: sent.range.rangeStart }));
  same('export: range has its code', [upsideDown.status, upsideDown.code], [400, 'invalid_audit_log_export_range_date']);
  const nobody = await refused('export: unknown organization', GenericServerException,
    () => workos.auditLogs.createExport({ organizationId: 'org_01HEQ7M5X0000000000000001A', ...sent.range }));
  same('export: unknown organization is a 400', nobody.status, 400);
  await refused('export: unknown id', NotFoundException, () => workos.auditLogs.getExport('audit_log_export_01HEQ7M5X0000000000000001A'));
}

async function retention(id) {
  const get = () => workos.auditLogs.getOrganizationAuditLogsRetention({ id });
  const put = (retentionPeriod) => workos.auditLogs.updateOrganizationAuditLogsRetention({ id, retentionPeriod });
  same('retention: never set is null', await get(), { retentionPeriodInDays: null });
  same('retention: one month is 30 days', await put('1_MONTH'), { retentionPeriodInDays: 30 });
  same('retention: one year is 365 days', await put('1_YEAR'), { retentionPeriodInDays: 365 });
  same('retention: get', await get(), { retentionPeriodInDays: 365 });
  await refused('retention: unknown period', UnprocessableEntityException, () => put('1_WEEK'));
}

async function apiKeys(organizationId) {
  const created = await workos.apiKeys.createOrganizationApiKey({ organizationId, name: 'Nightly', permissions: ['audit-logs:write'] });
  same('api key: name, owner and permissions come back', [created.object, created.name, created.owner, created.permissions],
    ['api_key', 'Nightly', { type: 'organization', id: organizationId }, ['audit-logs:write']]);
  holds('api key: the value is shown once, its end stays visible',
    created.value.startsWith('sk_') && created.obfuscatedValue.endsWith(created.value.slice(-4)) && !created.obfuscatedValue.includes(created.value),
    created.obfuscatedValue);
  const { data: listed } = await workos.apiKeys.listOrganizationApiKeys({ organizationId });
  same('api key: list', listed.map((k) => [k.id, k.name, 'value' in k]), [[created.id, 'Nightly', false]]);
  const validate = (value) => workos.apiKeys.createValidation({ value });
  same('api key: a good value validates', (await validate(created.value)).apiKey.id, created.id);
  same('api key: a bad value validates to null', (await validate('sk_nonsense')).apiKey, null);
  await workos.apiKeys.deleteApiKey(created.id);
  const gone = await eventually('api key: deleted validates to null', 5, () => validate(created.value), (answer) => answer.apiKey === null);
  same('api key: deleted validates to null', gone.apiKey, null);
  same('api key: deleted leaves the list', (await workos.apiKeys.listOrganizationApiKeys({ organizationId })).data, []);
  await refused('api key: unknown id', NotFoundException, () => workos.apiKeys.deleteApiKey(created.id));
}

async function wrongKey(organizationId) {
  const stranger = connect('sk_wrong');
  await refused('wrong key: list', UnauthorizedException, () => stranger.organizations.listOrganizations());
  const signs = await refused('wrong key: event', UnauthorizedException, () => stranger.auditLogs.createEvent(organizationId, sent.onlyRequired));
  holds('wrong key: the refusal carries a request id', signs.requestID !== '', signs.requestID);
}

async function journey() {
  const { organization, second } = await organizations();
  await schemas();
  await refusedEvents(organization.id);
  await record(organization.id, second.id);
  await exports(organization.id);
  await retention(organization.id);
  await apiKeys(organization.id);
  await wrongKey(organization.id);
  await deletion(second);
  await pagination();
  await feed(workos, connect);
}

try {
  await journey();
  console.log('node: every promise holds');
} catch (error) {
  console.error(error instanceof Difference ? `DIFFERENCE  ${error.message}` : error);
  process.exit(1);
}
