import {
  type BranchOp,
  type Compare,
  compareBytes,
  EtcdError,
  type Event,
  Event_EventType,
  type KeyValue,
  type Op,
  type ResultOf,
  utf8,
  type WireRange,
} from "@etcdkit/core";
import { headerAt } from "./fake-services.js";

/** What keys were at a revision, by name. */
export type Snapshot = ReadonlyMap<string, KeyValue>;

/** As much of etcd's store as leasing needs, with all that ever was in it. */
export class FakeStore {
  /** From revision 0 on. */
  readonly history: Snapshot[] = [new Map()];
  readonly events: Event[] = [];
  readonly #leases = new Set<bigint>();
  readonly #kvs = new Map<string, KeyValue>();

  get revision(): bigint {
    return BigInt(this.history.length - 1);
  }

  grant(id: bigint): void {
    this.#leases.add(id);
  }

  /** Ends a lease, as a revocation or its expiry does. */
  end(id: bigint): void {
    this.#leases.delete(id);
    this.#change(() => {
      for (const { key, lease } of [...this.#kvs.values()]) if (lease === id) this.#delete(key);
    });
  }

  /** Carries out an op, all of it at one revision. */
  apply<O extends Op>(op: O): ResultOf<O> {
    if (op.type === "compact") throw new Error("not needed");
    return this.#change(() => this.#apply(op)) as ResultOf<O>;
  }

  inRange({ key, rangeEnd }: WireRange): readonly KeyValue[] {
    return [...this.#kvs.values()].filter(({ key: own }) =>
      rangeEnd === undefined
        ? compareBytes(own, key) === 0
        : compareBytes(own, key) >= 0 && compareBytes(own, rangeEnd) < 0,
    );
  }

  #change<T>(change: () => T): T {
    const before = this.events.length;
    const result = change();
    if (this.events.length > before) this.history.push(new Map(this.#kvs));
    return result;
  }

  #apply(op: BranchOp): unknown {
    const changes = this.events.at(-1)?.kv?.modRevision === this.revision + 1n;
    const header = headerAt(this.revision + (changes ? 1n : 0n));
    switch (op.type) {
      case "range": {
        const kvs = this.inRange(op);
        const shown =
          op.keysOnly === true ? kvs.map((kv) => ({ ...kv, value: new Uint8Array(), lease: 0n })) : kvs;
        return { header, kvs: shown, more: false, count: kvs.length };
      }
      case "put":
        this.#put(op.key, op.value, op.ignoreLease === true ? undefined : (op.leaseId ?? 0n));
        return { header: headerAt(this.revision + 1n) };
      case "delete": {
        const doomed = this.inRange(op);
        for (const { key } of doomed) this.#delete(key);
        return { header, deleted: doomed.length, prevKvs: [] };
      }
      case "txn": {
        const succeeded = op.compare.every((one) => this.#holds(one));
        const responses = (succeeded ? op.success : op.failure).map((one) => this.#apply(one));
        const changed = this.events.at(-1)?.kv?.modRevision === this.revision + 1n;
        return { header: headerAt(this.revision + (changed ? 1n : 0n)), succeeded, responses };
      }
    }
  }

  #put(key: Uint8Array, value: Uint8Array, lease: bigint | undefined): void {
    if (lease !== undefined && lease !== 0n && !this.#leases.has(lease)) {
      throw new EtcdError("LEASE_NOT_FOUND", "requested lease not found", { outcome: "not-applied" });
    }
    const name = utf8(key);
    const old = this.#kvs.get(name);
    const modRevision = this.revision + 1n;
    const kv: KeyValue = {
      ...{ $typeName: "mvccpb.KeyValue", key, value, modRevision, lease: lease ?? old?.lease ?? 0n },
      ...{ createRevision: old?.createRevision ?? modRevision, version: (old?.version ?? 0n) + 1n },
    };
    this.#kvs.set(name, kv);
    this.events.push({ $typeName: "mvccpb.Event", type: Event_EventType.PUT, kv });
  }

  #delete(key: Uint8Array): void {
    this.#kvs.delete(utf8(key));
    const [createRevision, version, lease, value] = [0n, 0n, 0n, new Uint8Array()];
    const kv: KeyValue = {
      ...{ $typeName: "mvccpb.KeyValue", key, value, createRevision, version, lease },
      modRevision: this.revision + 1n,
    };
    this.events.push({ $typeName: "mvccpb.Event", type: Event_EventType.DELETE, kv });
  }

  #holds(one: Compare): boolean {
    const { target, relation } = one;
    if (target === "value") throw new Error("not needed");
    const { operand } = one;
    const kvs = this.inRange(one);
    const numbers = kvs.length === 0 ? [0n] : kvs.map((kv) => kv[target]);
    return numbers.every((number) => {
      if (relation === "equal") return number === operand;
      if (relation === "less") return number < operand;
      return relation === "greater" ? number > operand : number !== operand;
    });
  }
}
