// Plain requests, for what a client has no method for.

export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

export const address = new URL(required('ANNALS_URL'));
export const apiKey = required('ANNALS_API_KEY');

/** The options that every version of the SDK takes. */
export const options = { apiHostname: address.hostname, port: Number(address.port), https: address.protocol === 'https:' };

/** The status and the JSON of the answer; the whole answer as text when it is no JSON. */
export async function plain(method, path, { body, headers, key = apiKey } = {}) {
  const answer = await fetch(new URL(path, address), {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  try {
    return { status: answer.status, json: JSON.parse(text) };
  } catch {
    return { status: answer.status, json: text };
  }
}
