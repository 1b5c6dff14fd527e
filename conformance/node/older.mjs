// The older Audit Trail with the unmodified SDK of that time, and the versions that have it beside the Events API on one path.

import workos1 from 'workos-1';
import exceptions1 from 'workos-1/lib/common/exceptions/index.js';
import { Difference, holds, refused, same } from './check.mjs';
import { coexistence } from './coexistence.mjs';
import { apiKey, options, plain } from './plain.mjs';

const { GenericServerException, NotFoundException, UnauthorizedException, UnprocessableEntityException } = exceptions1;
const connect = (key) => new workos1.WorkOS(key, { ...options });
const workos = connect(apiKey);
const trail = workos.auditTrail;

const FOO = 'foo-corp.com';
const COMMAS = 'Smith, Jones & Sons';
const event = (members) => ({
  group: FOO, action: 'user.signed_in', action_type: 'C', actor_name: 'Ada Lovelace', actor_id: 'user_01', target_name: 'Door', target_id: 'door_1',
  location: '1.1.1.1', occurred_at: new Date('2020-01-01T00:00:00.000Z'), ...members,
});

/** In the order of publishing, which is deliberately not the order of `occurred_at`. */
const sent = [
  event({}),
  event({ action: 'user.searched_directories', action_type: 'R', actor_name: 'Grace Hopper', actor_id: 'user_02', occurred_at: new Date('2020-03-01T00:00:00.123Z'),
    metadata: { text: 'Ω "quoted"\r\n', flag: true, count: 42, ratio: 0.25, date: new Date('2020-01-01T00:00:00.000Z'), 'with.dot': 'kept' } }),
  event({ action: 'document.updated', action_type: 'u', group: 'bar-corp.com', actor_name: COMMAS, actor_id: 'user_03', target_name: 'Ω plan', target_id: 'doc_1',
    occurred_at: new Date('2020-02-01T00:00:00.500Z'), metadata: { note: 'needle' } }),
  event({ action: 'document.deleted', action_type: 'D', group: COMMAS, target_name: '', target_id: '', location: '2001:db8::1', occurred_at: new Date('2020-04-01T00:00:00.000Z') }),
  ...Array.from({ length: 10 }, (_, at) => event({ action: 'other', action_type: 'R', group: 'others.example', actor_name: `Other ${at}`, actor_id: 'user_10' })),
];

/** What must come back of an event, but for the ids. */
const shown = ({ action, action_type: type, occurred_at: at, metadata = {}, ...rest }) => ({
  ...rest, object: 'event', type: type.toLowerCase(), event_type: type.toLowerCase(), latitude: null, longitude: null, action,
  metadata: JSON.parse(JSON.stringify(metadata)), occurred_at: at.toISOString(),
});

function seen(event) {
  const { id, action, ...rest } = event;
  holds('trail: ids have their prefixes', /^evt_[0-9A-Z]{26}$/.test(id) && /^evt_action_[0-9A-Z]{26}$/.test(action.id) && action.object === 'event_action', event);
  return { ...rest, action: action.name };
}

async function publishing() {
  for (const one of sent.slice(0, -1)) same('trail: createEvent answers nothing', await trail.createEvent(one), undefined);
  const last = sent.at(-1);
  await trail.createEvent(last, { idempotencyKey: 'trail once' });
  await trail.createEvent(last, { idempotencyKey: 'trail once' });
  const reused = await refused('trail: the same key with another body', GenericServerException,
    () => trail.createEvent({ ...last, action: 'another' }, { idempotencyKey: 'trail once' }));
  same('trail: the refusal has the documented text', [reused.status, reused.message], [400,
    'Another idempotency key (trail once) with different request parameters was found. Please use a different idempotency key.']);
  await trail.createEvent({ ...last, group: 'Last', action: 'last' }, { idempotencyKey: '' });
  sent.push({ ...last, group: 'Last', action: 'last' });
}

async function refusals() {
  const refuse = (promise, members) => refused(`trail: ${promise}`, UnprocessableEntityException, () => trail.createEvent(event(members)));
  const missing = await refuse('no actor id', { actor_id: undefined });
  // This SDK makes its text of the codes, so they must be sentences.
  same('trail: the text of the refusal is for people', missing.message, 'The following requirement must be met:\n\tactor_id must be a string\n');
  for (const name of ['group', 'action', 'action_type', 'actor_name', 'target_name', 'target_id', 'location', 'occurred_at']) {
    holds(`trail: the refusal names ${name}`, (await refuse(`no ${name}`, { [name]: undefined })).message.includes(`\t${name} `), name);
  }
  await refuse('an action type that is none', { action_type: 'X' });
  await refuse('a time that is none', { occurred_at: 'yesterday' });
  await refuse('metadata that is a text', { metadata: 'text' });
  await refuse('nested metadata', { metadata: { a: { b: 1 } } });
  await refuse('51 metadata keys', { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, 'v'])) });
  await refuse('a metadata key of 41 characters', { metadata: { ['k'.repeat(41)]: 'v' } });
  await refuse('a metadata value of 501 characters', { metadata: { k: 'v'.repeat(501) } });
  const stranger = connect('sk_wrong');
  await refused('trail: wrong key', UnauthorizedException, () => stranger.auditTrail.createEvent(sent[0]));
  await refused('trail: wrong key, list', UnauthorizedException, () => stranger.auditTrail.listEvents());
  const nothing = await trail.listEvents();
  same('trail: nothing of all this was stored', [nothing.object, nothing.data, nothing.listMetadata], ['list', [], { before: null, after: null }]);
}

async function listing() {
  const newestFirst = [...sent].reverse();
  const whole = await trail.listEvents({ limit: 100 });
  same('trail: everything, newest first', whole.data.map(seen).map(sortedText), newestFirst.map(shown).map(sortedText));
  same('trail: a whole list has no cursors', whole.listMetadata, { before: null, after: null });
  const ids = whole.data.map((one) => one.id);
  const page = async (query) => {
    const answer = await trail.listEvents(query);
    return [answer.data.map((one) => one.id), answer.listMetadata];
  };
  same('trail: nothing asked for, ten and the way to older ones', await page(), [ids.slice(0, 10), { before: ids[9], after: null }]);
  same('trail: the older ones', await page({ before: ids[9] }), [ids.slice(10), { before: null, after: ids[10] }]);
  same('trail: back to the newer ones', await page({ after: ids[10] }), [ids.slice(0, 10), { before: ids[9], after: null }]);
  same('trail: a page in the middle', await page({ before: ids[2], limit: 3 }), [ids.slice(3, 6), { before: ids[5], after: ids[3] }]);
  same('trail: desc', await page({ order: 'desc', limit: 4 }), [ids.slice(0, 4), { before: null, after: ids[3] }]);
  same('trail: asc', await page({ order: 'asc', limit: 4 }), [[...ids].reverse().slice(0, 4), { before: null, after: ids.at(-4) }]);
  same('trail: asc, the next page', await page({ order: 'asc', limit: 4, after: ids.at(-4) }),
    [[...ids].reverse().slice(4, 8), { before: ids.at(-5), after: ids.at(-8) }]);
  await refused('trail: limit above 100', UnprocessableEntityException, () => trail.listEvents({ limit: 101 }));
}

const sortedText = (value) => JSON.stringify(value, Object.keys(value).concat(Object.keys(value.metadata)).sort());

async function filters() {
  const by = async (promise, query, choose) => {
    const { data } = await trail.listEvents({ limit: 100, ...query });
    same(`trail: by ${promise}`, data.map((one) => [one.action.name, one.actor_name, one.group]),
      [...sent].reverse().filter(choose).map((one) => [one.action, one.actor_name, one.group]));
  };
  await by('group', { group: [FOO] }, (e) => e.group === FOO);
  await by('either of two groups', { group: [FOO, 'bar-corp.com'] }, (e) => [FOO, 'bar-corp.com'].includes(e.group));
  await by('a group with a comma', { group: [COMMAS] }, (e) => e.group === COMMAS);
  await by('one value that is no list', { group: FOO }, (e) => e.group === FOO);
  await by('action', { action: ['other', 'document.deleted'] }, (e) => ['other', 'document.deleted'].includes(e.action));
  await by('action type', { action_type: ['C', 'U'] }, (e) => 'CUu'.includes(e.action_type));
  await by('action type in lower case', { action_type: ['d'] }, (e) => e.action_type === 'D');
  await by('an actor name with a comma', { actor_name: [COMMAS] }, (e) => e.actor_name === COMMAS);
  await by('actor id', { actor_id: ['user_02', 'user_03'] }, (e) => ['user_02', 'user_03'].includes(e.actor_id));
  await by('target name', { target_name: ['Ω plan'] }, (e) => e.target_name === 'Ω plan');
  await by('target id', { target_id: ['doc_1'] }, (e) => e.target_id === 'doc_1');
  const when = (text) => new Date(text);
  await by('the very moment', { occurred_at: '2020-02-01T00:00:00.500Z' }, (e) => e.action === 'document.updated');
  await by('after', { occurred_at_gt: '2020-02-01T00:00:00.500Z' }, (e) => e.occurred_at > when('2020-02-01T00:00:00.500Z'));
  await by('from', { occurred_at_gte: '2020-02-01T00:00:00.500Z' }, (e) => e.occurred_at >= when('2020-02-01T00:00:00.500Z'));
  await by('before', { occurred_at_lt: '2020-03-01T00:00:00.123Z' }, (e) => e.occurred_at < when('2020-03-01T00:00:00.123Z'));
  await by('to', { occurred_at_lte: '2020-03-01T00:00:00.123Z' }, (e) => e.occurred_at <= when('2020-03-01T00:00:00.123Z'));
  await by('from and to', { occurred_at_gte: '2020-02-01', occurred_at_lt: '2020-04-01' }, (e) => ['document.updated', 'user.searched_directories'].includes(e.action));
  await by('a word', { search: 'hopper' }, (e) => e.actor_name === 'Grace Hopper');
  await by('a word in the metadata', { search: 'NEEDLE' }, (e) => e.action === 'document.updated');
  await by('all together', { group: [FOO], action: ['user.signed_in', 'user.searched_directories'], action_type: ['R'], actor_name: ['Grace Hopper'], search: 'search',
    occurred_at_gte: '2020-03-01' }, (e) => e.actor_name === 'Grace Hopper');
  await by('nobody', { group: ['nobody'] }, () => false);
}

async function organizations() {
  const created = await workos.organizations.createOrganization({ name: 'Old', domains: ['old.example'] });
  same('organizations: a domain of the old form', created.domains.map((d) => [d.domain, d.state]), [['old.example', 'legacy_verified']]);
  same('organizations: get', await workos.organizations.getOrganization(created.id), created);
  const listed = await workos.organizations.listOrganizations({ domains: ['old.example', 'other.example'] });
  same('organizations: list, with the cursors that this version reads', [listed.data, listed.listMetadata], [[created], { before: null, after: null }]);
  const updated = await workos.organizations.updateOrganization({ organization: created.id, name: 'Older', domains: ['older.example'] });
  same('organizations: update', [updated.name, updated.domains.map((d) => d.domain)], ['Older', ['older.example']]);
  await workos.organizations.deleteOrganization(created.id);
  await refused('organizations: deleted is gone', NotFoundException, () => workos.organizations.getOrganization(created.id));
}

try {
  await organizations();
  await refusals();
  const foo = await plain('POST', '/organizations', { body: { name: 'Foo', domain_data: [{ domain: FOO, state: 'verified' }] } });
  same('trail: an organization with the domain', foo.status, 201);
  await publishing();
  await listing();
  await filters();
  await coexistence(sent.length);
  console.log('node-older: every promise holds');
} catch (error) {
  console.error(error instanceof Difference ? `DIFFERENCE  ${error.message}` : error);
  process.exit(1);
}
