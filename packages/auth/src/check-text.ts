const loneSurrogate = /\p{Surrogate}/u;

/**
 * Refuses what cannot be a name or a password. Half a surrogate pair has no UTF-8: replaced, as encoders do, two different
 * passwords would become one. The text itself stays out of the error.
 */
export function checkText(value: unknown, name: string): asserts value is string {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
  if (loneSurrogate.test(value)) {
    throw new TypeError(`${name} has a lone surrogate, which UTF-8 cannot encode`);
  }
}
