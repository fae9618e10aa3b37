/**
 * For packages that extend the family: what is held by virtue of a session's keys is made with this. Programs do without.
 *
 * @packageDocumentation
 */

export { HeldKey } from "./holding.js";
export { checkSession } from "./session.js";
export { type Creation, type CreationOptions, SessionKey } from "./session-key.js";
export { createTurns, inTurn } from "./turns.js";
