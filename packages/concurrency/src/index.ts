export type { Session, SessionServices } from "./session.js";
