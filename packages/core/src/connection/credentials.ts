import { checkOptions, optionTable } from "../options.js";

/** Who the program is: a user with its password, or a ready token (a JWT for instance) or where to get one. */
export type Credentials =
  | { readonly username: string; readonly password: string; readonly token?: undefined }
  | {
      /**
       * A function is asked for a token when the first call needs one and when the server refuses the last one; once for
       * all calls that wait, and not again before its promise has settled. How long it may take is its own business.
       */
      readonly token: string | (() => Promise<string>);
      readonly username?: undefined;
      readonly password?: undefined;
    };

const table = optionTable("credentials", {
  username: () => undefined,
  password: () => undefined,
  token: () => undefined,
});

/** Checks credentials. @throws `TypeError` that names what is wrong, never what is secret. */
export function checkCredentials(value: unknown): void {
  checkOptions(table, value);
  const { username, password, token } = value as Readonly<Record<string, unknown>>;
  if (token !== undefined) {
    if (username !== undefined || password !== undefined) {
      throw new TypeError("credentials: username/password and token are mutually exclusive");
    }
    if (typeof token !== "function") checkToken(token);
    return;
  }
  for (const [name, part] of [
    ["username", username],
    ["password", password],
  ] as const) {
    if (typeof part !== "string" || part === "") {
      throw new TypeError(`credentials.${name}: expected a string that is not empty`);
    }
  }
}

/** A token travels in a header: visible ASCII, and not without end. */
export function checkToken(token: unknown): asserts token is string {
  if (
    typeof token !== "string" ||
    !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(token) ||
    token.length > 64 * 1024
  ) {
    throw new TypeError("credentials.token: expected visible ASCII text");
  }
}
