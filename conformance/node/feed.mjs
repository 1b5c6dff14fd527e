// The Events API: what the application publishes, and what the server says of its own changes.

import { GenericServerException, UnauthorizedException, UnprocessableEntityException } from '@workos-inc/node';
import { eventually, holds, refused, same } from './check.mjs';
import { plain } from './plain.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const NO_EVENTS = 'One or more event names (e.g. dsync.user.created) must be provided using the events parameter.';
/** Names that this SDK passes on as they are, so that data comes back as it was sent. */
const NAMES = ['moon.landed', 'moon.left'];

const ids = (page) => page.data.map((event) => event.id);

async function publish(organizationId) {
  const sent = Array.from({ length: 12 }, (_, at) => ({
    event: NAMES[at % 2],
    data: { object: 'landing', id: `landing_${at}`, rank: at, nested: { a: [true, null, 'Ω "quoted"\r\n'] } },
    ...(at === 3 ? { organization_id: organizationId } : {}),
    ...(at === 4 ? { context: { client_id: 'client_1', actor: { id: 'user_1', source: 'api', name: null } } } : {}),
  }));
  const { status, json } = await plain('POST', '/v1/events', { body: sent });
  same('feed: publish', [status, json.results?.length], [201, sent.length]);
  return sent.map((event, at) => ({ ...event, id: json.results[at].id }));
}

/** What this SDK makes of a published event. */
const shown = ({ id, event, data, context }) => ({ id, event, data, context });

async function reading(workos, sent, organizationId) {
  const list = (options) => workos.events.listEvents({ events: NAMES, ...options });
  const first = await list();
  same('feed: ten when no limit is given, oldest first, member by member',
    first.data.map(({ createdAt, ...rest }) => rest), sent.slice(0, 10).map(shown));
  holds('feed: times have three digits and Z', first.data.every((event) => TIMESTAMP.test(event.createdAt)), first.data[0]);
  same('feed: cursors of the first page', [first.object, first.listMetadata], ['list', { before: null, after: sent[9].id }]);
  const last = await list({ after: first.listMetadata.after });
  same('feed: after continues without a gap', ids(last), sent.slice(10).map((event) => event.id));
  same('feed: the last page has no after', last.listMetadata, { before: sent[10].id, after: null });
  const head = await list({ after: sent.at(-1).id });
  same('feed: at the head there is nothing, and no cursor', [head.data, head.listMetadata.after], [[], null]);
  for (const order of ['asc', 'desc', 'normal']) {
    same(`feed: order=${order} changes nothing, or consumers would go backwards`, await list({ order }), first);
  }
  same('feed: one name', ids(await list({ events: ['moon.left'] })), sent.filter((e) => e.event === 'moon.left').map((e) => e.id));
  same('feed: limit', ids(await list({ limit: 3 })), sent.slice(0, 3).map((event) => event.id));
  same('feed: of an organization', ids(await list({ organizationId })), [sent[3].id]);
  const moment = first.data[0].createdAt;
  same('feed: a range holds both its ends', ids(await list({ rangeStart: moment, rangeEnd: moment, limit: 100 })),
    (await list({ limit: 100 })).data.filter((event) => event.createdAt === moment).map((event) => event.id));
  same('feed: a range before everything', ids(await list({ rangeStart: '2001-01-01', rangeEnd: '2002-01-01T00:00:00+02:00' })), []);
}

async function encodings(sent) {
  const all = sent.map((event) => event.id);
  for (const query of [
    'events=moon.landed%2Cmoon.left', 'events=moon.landed,moon.left', 'events=moon.landed&events=moon.left', 'events[]=moon.landed&events[]=moon.left',
    'events%5B%5D=moon.landed&events%5B%5D=moon.left', 'events=moon.landed&events=moon.landed,moon.left,',
  ]) {
    const { json } = await plain('GET', `/events?limit=100&${query}`);
    same(`feed: ${query}`, [json.object, json.data?.map((event) => event.id)], ['list', all]);
    same('feed: both spellings of the cursors', json.listMetadata, json.list_metadata);
  }
  const { json } = await plain('GET', `/events?events=${NAMES}&after=${all[2]}&before=${all[6]}&limit=100`);
  same('feed: before and after together are one condition', json.data?.map((event) => event.id), all.slice(3, 6));
  const bare = await plain('GET', `/events?events=${NAMES}&limit=100&after&before=&range_start&order=`);
  same('feed: keys without a value are absent', bare.json.data?.map((event) => event.id), all);
}

async function refusals(workos, connect) {
  const missing = await refused('feed: no names', GenericServerException, () => workos.events.listEvents());
  same('feed: no names has its code and its sentence', [missing.status, missing.code, missing.message], [400, 'invalid_events_request', NO_EVENTS]);
  await refused('feed: limit above 100', UnprocessableEntityException, () => workos.events.listEvents({ events: NAMES, limit: 101 }));
  await refused('feed: a range that is no date', UnprocessableEntityException, () => workos.events.listEvents({ events: NAMES, rangeStart: 'yesterday' }));
  await refused('feed: wrong key', UnauthorizedException, () => connect('sk_wrong').events.listEvents({ events: NAMES }));
}

/** What the server itself says, as this SDK's typed deserialisers read it. */
async function ownChanges(workos) {
  const created = await workos.organizations.createOrganization({
    name: 'Observed', externalId: 'observed', metadata: { tier: 'gold' }, domainData: [{ domain: 'observed.example', state: 'verified' }],
  });
  const renamed = await workos.organizations.updateOrganization({ organization: created.id, name: 'Renamed' });
  const key = await workos.apiKeys.createOrganizationApiKey({ organizationId: created.id, name: 'Nightly', permissions: ['audit-logs:write'] });
  await workos.apiKeys.deleteApiKey(key.id);
  await workos.organizations.deleteOrganization(created.id);
  const heard = async (count, ...events) => {
    const list = () => workos.events.listEvents({ events, organizationId: created.id });
    const page = await eventually(`own: ${events[0]}`, 10, list, ({ data }) => data.length >= count);
    same(`own: ${events}, how many`, page.data.length, count);
    return page.data;
  };
  // Events have no deprecated members, so this SDK shows those as undefined.
  const payload = (organization) => ({ ...organization, allowProfilesOutsideOrganization: undefined });
  const told = (await heard(3, 'organization.created', 'organization.updated', 'organization.deleted'))
    .map(({ event, data }) => [event, { ...data, allowProfilesOutsideOrganization: undefined }]);
  same('own: an organization is created, updated, deleted', told.map(([event]) => event), ['organization.created', 'organization.updated', 'organization.deleted']);
  same('own: organization.created is the organization', told[0][1], payload(created));
  same('own: organization.updated is the organization after it', told[1][1], payload(renamed));
  same('own: organization.deleted is the organization before it', told[2][1], payload(renamed));
  const [domain] = await heard(1, 'organization_domain.created');
  same('own: organization_domain.created is the domain', domain.data, created.domains[0]);
  const [gone] = await heard(1, 'organization_domain.deleted');
  same('own: organization_domain.deleted is the domain', gone.data, created.domains[0]);
  const keys = await heard(2, 'api_key.created', 'api_key.revoked');
  const { value, expiresAt, ...known } = key;
  for (const [at, name] of ['api_key.created', 'api_key.revoked'].entries()) {
    const { expiresAt: _, ...data } = keys[at].data;
    same(`own: ${name} is the key`, [keys[at].event, data], [name, known]);
    holds(`own: ${name} does not show the key`, !JSON.stringify(keys[at]).includes(value), keys[at]);
  }
}

export async function feed(workos, connect) {
  const { id } = await workos.organizations.createOrganization({ name: 'Feed' });
  const sent = await publish(id);
  await reading(workos, sent, id);
  await encodings(sent);
  await refusals(workos, connect);
  await ownChanges(workos);
}
