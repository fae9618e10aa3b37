import { describeEtcds, installed } from "../support/each-etcd.js";
import { itExpiresUnnoticed } from "./everything.js";

/** All but the newest, which has a minute of its own; that one where there is no other. */
const older = installed.length > 1 ? installed.slice(1) : installed;

// P5, on servers that behave alike, for less time. F46, F51
describeEtcds("tokens that live three seconds", older, (etcd) => itExpiresUnnoticed(etcd, 20_000));
