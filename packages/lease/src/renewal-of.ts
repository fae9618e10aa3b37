import type { LeaseRenewal } from "@etcdkit/core";
import type { LeaseKeepAliveResponse } from "@etcdkit/core/protocol";
import { headerOf } from "@etcdkit/core/spi";

/** The answer to a renewal as users see it. A time to live of 0 or less says that the lease is gone. */
export function renewalOf(answer: LeaseKeepAliveResponse): LeaseRenewal {
  return { header: headerOf(answer), id: answer.ID, ttlSeconds: Number(answer.TTL) };
}
