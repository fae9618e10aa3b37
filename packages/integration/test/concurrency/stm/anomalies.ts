import { type Isolation, type StmTransaction, stm } from "@etcdkit/concurrency";
import { type Kv, utf8 } from "@etcdkit/core";

/** What can go wrong between transactions that run at the same time. */
export interface Anomaly {
  readonly name: string;
  /** The levels of isolation that let it happen. */
  readonly happensAt: readonly Isolation[];
  /** Arranges for it by writes at the worst moment, and tells whether it happened. */
  provoke(kv: Kv, prefix: string, isolation: Isolation): Promise<boolean>;
}

async function textAt(tx: StmTransaction, key: string): Promise<string | undefined> {
  const value = await tx.get(key);
  return value && utf8(value);
}

/** Resolves for everybody when as many have come as it is for. Later ones pass. */
function meeting(count: number): () => Promise<void> {
  let missing = count;
  let open: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    open = resolve;
  });
  return async () => {
    missing -= 1;
    if (missing <= 0) open();
    await all;
  };
}

/** Both read all, and only then does either write. */
const lostUpdate: Anomaly = {
  name: "an update is lost that another one did not see",
  happensAt: ["read-committed"],
  async provoke(kv, prefix, isolation) {
    await kv.put(prefix, "0");
    const haveRead = meeting(2);
    const increment = () =>
      stm(
        kv,
        async (tx) => {
          const count = Number(await textAt(tx, prefix));
          await haveRead();
          tx.put(prefix, `${count + 1}`);
        },
        { isolation },
      );
    await Promise.all([increment(), increment()]);
    const end = await kv.get(prefix);
    return end === undefined || utf8(end.value) !== "2";
  },
};

/** Two doctors are on call, and each goes home if the other one stays. */
const writeSkew: Anomaly = {
  name: "two that read the same and write different keys break what both relied on (write skew)",
  happensAt: ["read-committed"],
  async provoke(kv, prefix, isolation) {
    const doctors = [`${prefix}ann`, `${prefix}bob`];
    for (const doctor of doctors) await kv.put(doctor, "on call");
    const haveRead = meeting(2);
    const goHome = (doctor: string) =>
      stm(
        kv,
        async (tx) => {
          const others = await Promise.all(
            doctors.filter((one) => one !== doctor).map((one) => textAt(tx, one)),
          );
          await haveRead();
          if (others.includes("on call")) tx.put(doctor, "at home");
        },
        { isolation },
      );
    await Promise.all(doctors.map(goHome));
    const { kvs } = await kv.range({ prefix });
    return kvs.every(({ value }) => utf8(value) === "at home");
  },
};

/** Both keys are written at once, between the reads of the first and the second. */
async function readAcross(kv: Kv, prefix: string, isolation: Isolation) {
  await kv.put(`${prefix}a`, "old");
  await kv.put(`${prefix}b`, "old");
  const seen: (readonly (string | undefined)[])[] = [];
  const { value } = await stm(
    kv,
    async (tx) => {
      const a = await textAt(tx, `${prefix}a`);
      if (seen.length === 0) {
        await stm(kv, (other) => {
          other.put(`${prefix}a`, "new");
          other.put(`${prefix}b`, "new");
        });
      }
      const pair = [a, await textAt(tx, `${prefix}b`)];
      seen.push(pair);
      return pair;
    },
    { isolation },
  );
  return { seen, value };
}

const skewInAttempt: Anomaly = {
  name: "an attempt sees half of what another transaction wrote, even if it is not committed",
  happensAt: ["repeatable-reads", "read-committed"],
  async provoke(kv, prefix, isolation) {
    const { seen } = await readAcross(kv, prefix, isolation);
    return seen.some(([a, b]) => a !== b);
  },
};

const readSkew: Anomaly = {
  name: "a committed transaction saw half of what another one wrote (read skew)",
  happensAt: ["read-committed"],
  async provoke(kv, prefix, isolation) {
    const { value } = await readAcross(kv, prefix, isolation);
    return value[0] !== value[1];
  },
};

const unrepeatable: Anomaly = {
  name: "a key that is read twice is different",
  happensAt: [],
  async provoke(kv, prefix, isolation) {
    await kv.put(prefix, "old");
    let differed = false;
    let run = 0;
    await stm(
      kv,
      async (tx) => {
        const first = await textAt(tx, prefix);
        if (++run === 1) await kv.put(prefix, "new");
        differed ||= (await textAt(tx, prefix)) !== first;
      },
      { isolation },
    );
    return differed;
  },
};

const dirtyRead: Anomaly = {
  name: "a transaction sees what another one has not committed (dirty read)",
  happensAt: [],
  async provoke(kv, prefix, isolation) {
    let sawUncommitted = false;
    await stm(
      kv,
      async (tx) => {
        tx.put(prefix, "uncommitted");
        await textAt(tx, prefix);
        const { value } = await stm(kv, (other) => textAt(other, prefix), { isolation });
        sawUncommitted ||= value !== undefined;
      },
      { isolation },
    );
    return sawUncommitted;
  },
};

const overwrite: Anomaly = {
  name: "a write of another transaction is overwritten that came after the first read",
  happensAt: ["serializable", "repeatable-reads", "read-committed"],
  async provoke(kv, prefix, isolation) {
    await kv.put(`${prefix}read`, "1");
    let run = 0;
    const { attempts } = await stm(
      kv,
      async (tx) => {
        await tx.get(`${prefix}read`);
        if (++run === 1) await kv.put(`${prefix}written`, "theirs");
        tx.put(`${prefix}written`, "mine");
      },
      { isolation },
    );
    return attempts === 1;
  },
};

export const anomalies: readonly Anomaly[] = [
  dirtyRead,
  unrepeatable,
  lostUpdate,
  writeSkew,
  skewInAttempt,
  readSkew,
  overwrite,
];
