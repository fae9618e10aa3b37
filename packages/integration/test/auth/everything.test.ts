import { describeNewestEtcd } from "../support/newest.js";
import { itExpiresUnnoticed } from "./everything.js";

// P5: the expiry of tokens is invisible on calls, watches and lease streams alike. F46, F51
describeNewestEtcd("tokens that live three seconds", (etcd) => itExpiresUnnoticed(etcd, 60_000));
