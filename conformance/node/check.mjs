// One line per promise that was seen to hold; the first difference ends the run.

import { isDeepStrictEqual, inspect } from 'node:util';

const show = (value) => inspect(value, { depth: 6, breakLength: 140, maxStringLength: 600 });

export class Difference extends Error {}

/** `actual` is exactly `expected`. */
export function same(promise, actual, expected) {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Difference(`${promise}\n  expected: ${show(expected)}\n  actual:   ${show(actual)}`);
  }
  console.log(`ok  ${promise}`);
}

/** `condition` holds; `seen` is printed when it does not. */
export function holds(promise, condition, seen) {
  if (!condition) throw new Difference(`${promise}\n  seen: ${show(seen)}`);
  console.log(`ok  ${promise}`);
}

/** `call` is refused with exactly this class of the SDK; gives back the exception. */
export async function refused(promise, exception, call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    if (error?.constructor === exception) {
      console.log(`ok  ${promise}: ${exception.name ?? error.name}`);
      return error;
    }
    throw new Difference(`${promise}\n  expected: ${exception.name}\n  actual:   ${error?.name}: ${error?.stack}`);
  }
  throw new Difference(`${promise}\n  expected: ${exception.name}\n  actual:   accepted, ${show(answer)}`);
}

/** Calls until `accept` likes the answer; an answer that never comes is a difference. */
export async function eventually(promise, seconds, call, accept) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await call();
    if (accept(answer)) return answer;
    if (Date.now() > end) throw new Difference(`${promise} within ${seconds} s\n  seen: ${show(answer)}`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}
