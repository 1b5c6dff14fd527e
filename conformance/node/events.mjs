// What the journey records: one event per thing that a transport, a store or a CSV writer could spoil.

const family = '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}'; // one picture, five code points
const hebrew = '\u05E9\u05DC\u05D5\u05DD \u202Bright to left\u202C';
const combining = 'e\u0301 is not \u00E9'; // must not be composed on the way

export const everyField = {
  action: 'document.shared',
  version: 1,
  occurredAt: new Date('2026-01-15T10:30:00.123Z'),
  actor: { id: 'user_01', type: 'user', name: 'Ada Lovelace', metadata: { role: 'owner', seniority: 7, contractor: false } },
  targets: [
    { id: 'doc_1', type: 'document', name: 'Plan', metadata: { pages: 12, locked: true, owner: 'Ada' } },
    { id: 'team_1', type: 'team' },
  ],
  context: { location: '203.0.113.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64), "quoted"' },
  metadata: { zone: 'eu', channel: 'link', urgent: true, count: 42, ratio: 0.25, negative: -3, large: 9007199254740991, Upper: 'first' },
};

export const onlyRequired = {
  action: 'user.signed_in',
  occurredAt: new Date('2026-01-14T00:00:00.000Z'),
  actor: { id: 'user_02', type: 'user' },
  targets: [{ id: 'user_02', type: 'user' }],
  context: { location: '2001:db8::1' },
};

export const unicode = {
  action: 'user.signed_in',
  occurredAt: new Date('2026-01-16T23:59:59.999Z'),
  actor: { id: `user ${family}`, type: 'user', name: `${hebrew}, "${combining}"\r\nsecond line\nthird; 'end'` },
  targets: [{ id: 'user_03', type: 'user', name: `${family} \\ / \u2028 \u007f \t`, metadata: { note: 'a,b\r\n"c"' } }],
  context: { location: 'Z\u00FCrich', userAgent: ' leading and trailing spaces ' },
  metadata: { emoji: '\u{1F600}\u{1F3FD}', rtl: hebrew, combining, csv: '"a","b"\r\n', empty: '', backslash: '\\n', currency: '\u20AC' },
};

const largestMap = Object.fromEntries(
  Array.from({ length: 50 }, (_, at) => [`key-${String(at).padStart(2, '0')}_`.padEnd(40, 'k'), '\u00E9'.repeat(250) + 'x'.repeat(250)]),
);

export const largest = {
  action: 'user.signed_in',
  occurredAt: new Date('2026-01-17T12:00:00.500Z'),
  actor: { id: 'user_04', type: 'user', name: 'Grace Hopper' },
  targets: Array.from({ length: 32 }, (_, at) => ({ id: `user_${at}`, type: 'user' })),
  context: { location: '198.51.100.4' },
  metadata: largestMap,
};

export const secondVersion = {
  action: 'document.shared',
  version: 2,
  occurredAt: new Date('2026-01-10T08:00:00.001Z'),
  actor: { id: 'user_05', type: 'service', name: 'Nightly copy' },
  targets: [{ id: 'doc_1', type: 'document' }, { id: 'folder_9', type: 'folder', name: 'Archive' }],
  context: { location: '192.0.2.1', userAgent: 'copy/1.0' },
  metadata: { reason: 'backup' },
};

/** Without a version it is checked against the first one, although a second exists that would refuse it. */
export const unversioned = {
  action: 'document.shared',
  occurredAt: new Date('2026-01-11T08:00:00.010Z'),
  actor: { id: 'user_08', type: 'user' },
  targets: [{ id: 'doc_2', type: 'document' }],
  context: { location: '192.0.2.8' },
};

export const formulas = {
  action: 'user.signed_in',
  occurredAt: new Date('2026-01-18T01:02:03.004Z'),
  actor: { id: '=HYPERLINK("http://example.com","x")', type: '@admin', name: '+1 202 555 0100', metadata: { cell: '=1+1' } },
  targets: [{ id: '-1', type: 'user', name: '=2+2' }],
  context: { location: '-0.5,51.5', userAgent: '\tTabbed' },
  metadata: { '-dash': '@SUM(A1)' },
};

export const emptyParts = {
  action: 'user.signed_in',
  occurredAt: new Date('2026-01-19T00:00:00.000Z'),
  actor: { id: 'user_06', type: 'user', name: '', metadata: {} },
  targets: [{ id: 'user_06', type: 'user', name: '', metadata: {} }],
  context: { location: '192.0.2.6', userAgent: '' },
  metadata: {},
};

export const repeated = {
  action: 'user.signed_in',
  version: 1,
  occurredAt: new Date('2026-01-13T07:07:07.070Z'),
  actor: { id: 'user_07', type: 'user', name: 'Once Only' },
  targets: [{ id: 'user_07', type: 'user' }],
  context: { location: '192.0.2.7' },
};

/** In the order of recording, which is deliberately not the order of `occurredAt`. */
export const inRange = [everyField, onlyRequired, unicode, largest, secondVersion, unversioned, formulas, emptyParts, repeated];

/** Recorded too, but it happened before the range of the exports. */
export const longAgo = { ...onlyRequired, occurredAt: new Date('2001-02-03T04:05:06.007Z') };

export const range = { rangeStart: new Date('2026-01-01T00:00:00Z'), rangeEnd: new Date('2026-02-01T00:00:00Z') };
