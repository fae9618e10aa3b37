import {
  diagnostics,
  isKeepAliveHalted,
  type KeepAliveHaltReason,
  type LeaseRenewal,
  type LeaseState,
} from "@etcdkit/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FakeMembers, type FakeStream, refusal } from "../test/fake-members.js";
import { createLeases } from "./create-leases.js";

const a = "http://a:1";
const b = "http://b:1";

function leasesOn(members: FakeMembers) {
  return createLeases(members, { clock: members.clock });
}

function reasonOf(keepAlive: { readonly signal: AbortSignal }): KeepAliveHaltReason | undefined {
  const { reason } = keepAlive.signal;
  return isKeepAliveHalted(reason) ? reason.reason : undefined;
}

const mute = (): void => undefined;

describe("renewals", () => {
  it("go out at once, then between a quarter and a third of the time to live, though nobody reads", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    const leases = leasesOn(members);
    const keepAlive = leases.keepAlive(1n);
    const askedAt: number[] = [];
    members.onAsked = (stream, id) => {
      askedAt.push(clock.now());
      stream.answer(id, 60);
    };
    await clock.advance(200_000);
    expect(askedAt[0]).toBe(1_000);
    const gaps = askedAt.slice(1).map((at, i) => at - (askedAt[i] ?? 0));
    expect(gaps.length).toBeGreaterThanOrEqual(9);
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(15_000 - 50);
      expect(gap).toBeLessThanOrEqual(20_000);
    }
    expect(keepAlive.isHeld()).toBe(true);
    expect(members.streams).toHaveLength(1);
    await leases.close();
  });

  it("of any number of leases share one stream and one timer, and do not all go out at once", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    const all = Array.from({ length: 1_000 }, (_, i) => leases.keepAlive(BigInt(i + 1)));
    await clock.settle();
    expect(all.every((keepAlive) => keepAlive.isHeld())).toBe(true);
    const perStretch = new Map<number, number>();
    members.onAsked = (stream, id) => {
      perStretch.set(clock.now(), (perStretch.get(clock.now()) ?? 0) + 1);
      stream.answer(id, 60);
    };
    await clock.advance(20_000);
    expect(clock.timers).toHaveLength(1);
    expect(members.streams).toHaveLength(1);
    expect([...perStretch.values()].reduce((sum, n) => sum + n)).toBeGreaterThanOrEqual(1_000);
    // A hundred stretches of 50 ms each lie between a quarter and a third of a minute.
    expect(Math.max(...perStretch.values())).toBeLessThan(50);
  });

  it("follow the time to live that the server grants, also when it changes", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    members.onAsked = (stream, id) => stream.answer(id, 12);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    expect(keepAlive.remainingMs()).toBe(12_000 * 0.95);
    members.onAsked = (stream, id) => stream.answer(id, 120);
    await clock.advance(4_000);
    expect(keepAlive.remainingMs()).toBeGreaterThan(113_000 - 1_000);
    const asked = members.timesAsked(1n);
    await clock.advance(20_000);
    expect(members.timesAsked(1n)).toBe(asked);
  });

  it("are not asked for any more when nobody holds the lease, and nothing stays behind", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    const [one, same] = [leases.keepAlive(1n), leases.keepAlive(1n)];
    await clock.settle();
    expect(members.timesAsked(1n)).toBe(1);
    await one.close();
    await one.close();
    expect([one.isHeld(), one.remainingMs(), same.isHeld()]).toEqual([false, 0, true]);
    await same.close();
    await clock.settle();
    expect(members.stream().left).toBe(true);
    expect(clock.timers).toEqual([]);
    // And begin anew when somebody does.
    const again = leases.keepAlive(1n);
    await clock.settle();
    expect(again.isHeld()).toBe(true);
    expect(members.streams).toHaveLength(2);
  });

  it("need timers that do not keep the process alive", async () => {
    const members = new FakeMembers();
    await using leases = leasesOn(members);
    leases.keepAlive(1n);
    await members.clock.settle();
    expect(members.clock.timers.map((timer) => timer.keepAlive)).toEqual([false]);
  });

  it("tell whoever listens how many leases there are, on how many streams", async () => {
    const members = new FakeMembers(a, b);
    const told: LeaseState[] = [];
    const unsubscribe = diagnostics.leases.subscribe((state) => told.push(state));
    const last = () => told.at(-1);
    await using leases = leasesOn(members);
    const one = leases.keepAlive(1n);
    leases.keepAlive(2n);
    expect(last()).toMatchObject({ keptAlive: 2, streams: 1 });
    await members.clock.settle();
    members.onAsked = mute;
    await members.clock.advance(35_000);
    expect(last()).toMatchObject({ keptAlive: 2, streams: 2 });
    await one.close();
    expect(last()).toMatchObject({ keptAlive: 1, streams: 2 });
    await leases.close();
    expect(last()).toMatchObject({ keptAlive: 0, streams: 0 });
    expect(new Set(told.map((state) => state.leases)).size).toBe(1);
    unsubscribe();
  });

  it("go over the connection's transport where that is all there is", async () => {
    const members = new FakeMembers();
    const { clock, transport } = members;
    await using leases = createLeases({ transport }, { clock });
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    expect(keepAlive.isHeld()).toBe(true);
    expect(members.stream().url).toBe("balanced");
    // A second stream, should the first fall silent: it may go elsewhere.
    members.onAsked = mute;
    await clock.advance(40_000);
    expect(members.streams.length).toBeGreaterThan(1);
  });
});

describe("a lease is held", () => {
  it("from the first answer on, counted from when the request was sent, less a margin of a twentieth", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    members.onAsked = mute;
    const keepAlive = leases.keepAlive(1n);
    await clock.advance(700);
    expect([keepAlive.isHeld(), keepAlive.remainingMs()]).toEqual([false, 0]);
    members.stream().answer(1n, 10);
    await clock.settle();
    expect(keepAlive.isHeld()).toBe(true);
    expect(keepAlive.remainingMs()).toBe(9_500 - 700);
  });

  it("until the margin before the server may expire it, and then its signal aborts", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    members.onAsked = (stream, id) => stream.answer(id, 10);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    members.onAsked = mute;
    await clock.advance(9_499);
    expect([keepAlive.isHeld(), keepAlive.signal.aborted]).toEqual([true, false]);
    await clock.advance(1);
    expect([keepAlive.isHeld(), reasonOf(keepAlive)]).toEqual([false, "deadline"]);
    expect(members.stream().left).toBe(true);
  });

  // What the wall clock says matters to nobody (F65).
  it("whatever is done to the time of day", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    for (const jump of [3_600_000, -7_200_000, 5_000, -5_000]) {
      vi.setSystemTime(Date.now() + jump);
      await clock.advance(100);
      expect(keepAlive.isHeld()).toBe(true);
      expect(keepAlive.signal.aborted).toBe(false);
    }
    expect(keepAlive.remainingMs()).toBe(57_000 - 400);
    expect(members.timesAsked(1n)).toBe(1);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  // lease_test.go:TestLeaseKeepAliveInitTimeout
  it("never, if no answer comes in ten seconds; the loss says what was wrong last", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    const down = refusal("UNAVAILABLE");
    members.onAsked = (stream) => stream.end(down);
    const keepAlive = leases.keepAlive(1n);
    await clock.advance(9_990);
    expect([keepAlive.isHeld(), keepAlive.signal.aborted]).toEqual([false, false]);
    await clock.advance(10);
    expect(keepAlive.signal.reason).toMatchObject({
      code: "KEEPALIVE_HALTED",
      reason: "deadline",
      cause: down,
    });
  });
});

describe("after a stall of the process", () => {
  it("isHeld() is false at the first instruction, and the signal aborts within one turn of the event loop", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    members.onAsked = (stream, id) => stream.answer(id, 10);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    const { signal } = keepAlive;
    clock.stall(9_500);
    expect([keepAlive.isHeld(), keepAlive.remainingMs()]).toEqual([false, 0]);
    expect(signal.aborted).toBe(false);
    // Timers may be a turn late after a stall; who looks does not have to wait for them.
    await new Promise(setImmediate);
    expect(reasonOf(keepAlive)).toBe("deadline");
  });

  it("the signal aborts within the turn in which timers run, though nobody looks", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    await using leases = leasesOn(members);
    members.onAsked = (stream, id) => stream.answer(id, 10);
    const { signal } = leases.keepAlive(1n);
    await clock.settle();
    clock.stall(9_500);
    clock.fireDue();
    expect(signal.aborted).toBe(false);
    await new Promise(setImmediate);
    expect(signal.aborted).toBe(true);
  });

  it("what had arrived is read before the lease is judged", async () => {
    const members = new FakeMembers("http://a:1", "http://b:1");
    const { clock } = members;
    await using leases = leasesOn(members);
    members.onAsked = (stream, id) => stream.answer(id, 10);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    members.onAsked = mute;
    await clock.advance(3_400);
    expect(members.timesAsked(1n)).toBe(2);
    // The answer is there, and the loop stands still before it gets to it.
    clock.stall(7_000);
    expect(keepAlive.isHeld()).toBe(false);
    clock.fireDue();
    members.stream().answer(1n, 10);
    await new Promise(setImmediate);
    expect(keepAlive.signal.aborted).toBe(false);
    expect(keepAlive.isHeld()).toBe(true);
    // Nor is the link taken for dead.
    await clock.settle();
    expect(members.streams).toHaveLength(1);
  });
});

describe("a renewal without an answer", () => {
  it("is repeated on a stream to another member after a sixth of the time to live, and so on", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    await using leases = leasesOn(members);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    members.onAsked = mute;
    const first = members.stream();
    while (first.asked.length < 2) await clock.advance(50);
    await clock.advance(9_900);
    expect(members.streams).toHaveLength(1);
    await clock.advance(100);
    const second = members.stream(1);
    expect(second.url).not.toBe(first.url);
    expect([second.asked, first.left]).toEqual([[1n], false]);
    await clock.advance(10_000);
    const third = members.stream(2);
    expect([third.url, third.asked, first.left, second.left]).toEqual([first.url, [1n], true, false]);
    third.answer(1n, 60);
    await clock.settle();
    expect(keepAlive.isHeld()).toBe(true);
    // The second still owes an answer; what it says counts from when it was asked.
    expect(keepAlive.remainingMs()).toBe(57_000);
    second.answer(1n, 60);
    await clock.settle();
    expect(keepAlive.remainingMs()).toBe(57_000);
    expect(second.left).toBe(true);
  });

  it("counts when its answer comes late after all, from when it was sent", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    await using leases = leasesOn(members);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    members.onAsked = mute;
    while (members.stream(0).asked.length < 2) await clock.advance(50);
    await clock.advance(15_000);
    expect(members.streams).toHaveLength(2);
    members.stream(0).answer(1n, 60);
    await clock.settle();
    expect(keepAlive.remainingMs()).toBe(57_000 - 15_000);
    expect(members.stream(0).left).toBe(true);
  });

  // e2e/v3_lease_no_proxy_test.go:TestLeaseRevoke_IgnoreOldLeader
  it("is not lost for what a member says late that was turned away from: the other one is asked again", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    await using leases = leasesOn(members);
    const [alive, gone] = [leases.keepAlive(1n), leases.keepAlive(2n)];
    await clock.settle();
    members.onAsked = mute;
    const first = members.stream(0);
    while (first.asked.length < 4) await clock.advance(50);
    members.onAsked = (stream, id) => (stream === first ? undefined : stream.answer(id, 60));
    await clock.advance(15_000);
    expect([members.streams.length, first.left]).toEqual([2, false]);
    members.onAsked = (stream, id) => stream.answer(id, id === 1n ? 60 : 0);
    first.answer(1n, 0);
    first.answer(2n, 0);
    await clock.settle();
    expect([alive, gone].map(reasonOf)).toEqual([undefined, "expired"]);
    expect(alive.remainingMs()).toBe(57_000);
    expect(first.left).toBe(true);
  });

  it("is left to a member that answers others, but not for ever", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    await using leases = leasesOn(members);
    for (const id of [1n, 2n]) leases.keepAlive(id);
    await clock.settle();
    // It answers the one and never the other, so that there is something to hear every second.
    members.onAsked = mute;
    const first = members.stream();
    while (first.asked.length < 4) await clock.advance(50);
    first.answer(2n, 6);
    for (let second = 0; second < 19; second++) {
      members.onAsked = (stream, id) => (id === 2n ? stream.answer(2n, 6) : undefined);
      await clock.advance(1_000);
      if (second < 14) expect(members.streams).toHaveLength(1);
    }
    await clock.advance(6_000);
    expect(members.streams).toHaveLength(2);
    expect(members.stream().asked).toContain(1n);
  });

  it("is sent at once to another member when its stream breaks, then in ever longer steps", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    await using leases = leasesOn(members);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    const openedAt: number[] = [];
    members.onAsked = (stream) => {
      openedAt.push(clock.now());
      stream.end(refusal("UNAVAILABLE"));
    };
    members.stream().end(refusal("UNAVAILABLE"));
    members.stream().asked.length = 0;
    await clock.settle();
    // Nothing was under way: the stream is there again, and not asked for anything.
    expect(members.streams).toHaveLength(2);
    expect(members.stream(1).url).not.toBe(members.stream(0).url);
    expect(members.stream(1).asked).toEqual([]);
    await clock.advance(20_000);
    const gaps = openedAt.slice(1).map((at, i) => at - (openedAt[i] ?? 0));
    expect(gaps[0]).toBeLessThanOrEqual(50);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(500);
    expect(Math.min(...gaps.slice(6))).toBeGreaterThanOrEqual(200);
    expect(keepAlive.isHeld()).toBe(true);
    members.onAsked = (stream, id) => stream.answer(id, 60);
    await clock.advance(500);
    expect(keepAlive.remainingMs()).toBeGreaterThan(56_000);
  });

  it("does not turn away from a stream that still waits for a member to be reached", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    await using leases = leasesOn(members);
    let open: () => void = () => undefined;
    let waits = 0;
    members.onReady = () => {
      waits += 1;
      return new Promise((resolve) => {
        open = resolve;
      });
    };
    const keepAlive = leases.keepAlive(1n);
    await clock.advance(8_000);
    expect([members.streams.length, waits]).toEqual([0, 1]);
    open();
    await clock.settle();
    expect(keepAlive.isHeld()).toBe(true);
    expect(keepAlive.remainingMs()).toBe(57_000);
  });
});

describe("the member for a stream", () => {
  it("is one that is reached, rather than one that is not", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    members.linkStates.set(a, "failed");
    for (let i = 0; i < 4; i++) {
      await using leases = leasesOn(members);
      leases.keepAlive(1n);
      await clock.settle();
    }
    expect(members.streams.map(({ url }) => url)).toEqual([b, b, b, b]);
  });

  it("is another one as soon as it has left the endpoints", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    await using leases = leasesOn(members);
    const keepAlive = leases.keepAlive(1n);
    await clock.settle();
    const { url } = members.stream();
    members.urls = members.urls.filter((other) => other !== url);
    await clock.advance(20_000);
    expect([members.streams.length, members.stream(0).left]).toEqual([2, true]);
    expect(members.stream(1).url).not.toBe(url);
    expect(keepAlive.remainingMs()).toBeGreaterThan(50_000);
  });
});

describe("a keep-alive halts", () => {
  async function kept(members: FakeMembers, ids: readonly bigint[]) {
    const leases = leasesOn(members);
    const all = ids.map((id) => leases.keepAlive(id));
    await members.clock.settle();
    return { leases, all };
  }

  it("when the server knows the lease no longer, and the others go on", async () => {
    const members = new FakeMembers();
    const { all, leases } = await kept(members, [1n, 2n]);
    members.onAsked = (stream, id) => stream.answer(id, id === 1n ? 0 : 60);
    await members.clock.advance(20_000);
    expect(all.map(reasonOf)).toEqual(["expired", undefined]);
    await leases.close();
    expect(all.map(reasonOf)).toEqual(["expired", "closed"]);
  });

  it("when the lease may not be renewed; the others go on as if nothing had happened", async () => {
    const members = new FakeMembers(a, b);
    const denied = refusal("PERMISSION_DENIED");
    const { all, leases } = await kept(members, [1n, 2n, 3n]);
    // Members end the stream for it.
    members.onAsked = (stream: FakeStream, id) => (id === 2n ? stream.end(denied) : stream.answer(id, 60));
    await members.clock.advance(21_000);
    expect(all.map(reasonOf)).toEqual([undefined, "permission-denied", undefined]);
    expect(all[1]?.signal.reason).toMatchObject({ cause: denied });
    expect(all.map((keepAlive) => keepAlive.remainingMs() > 50_000)).toEqual([true, false, true]);
    // Once among the others, once apart, and once more apart because it might have been the token.
    expect(members.timesAsked(2n)).toBe(1 + 3);
    await leases.close();
  });

  it("and not when it was the token that was refused", async () => {
    const members = new FakeMembers();
    const { all, leases } = await kept(members, [1n, 2n]);
    let refusals = 0;
    members.onAsked = (stream, id) => {
      if (id !== 2n || refusals > 0) return stream.answer(id, 60);
      refusals += 1;
      stream.end(refusal("PERMISSION_DENIED"));
    };
    await members.clock.advance(21_000);
    expect(all.map((keepAlive) => keepAlive.remainingMs() > 50_000)).toEqual([true, true]);
    await leases.close();
  });

  // lease_test.go:TestLeaseWithRequireLeader
  it("when the leader is lost, if it asked for that, and keeps other holders of the lease", async () => {
    const members = new FakeMembers(a, b);
    const { clock } = members;
    await using leases = leasesOn(members);
    const strict = leases.keepAlive(1n, { requireLeader: true });
    const patient = leases.keepAlive(1n);
    const alone = leases.keepAlive(2n, { requireLeader: true });
    await clock.settle();
    const lost = refusal("NO_LEADER");
    members.stream().end(lost);
    await clock.settle();
    expect([strict, patient, alone].map(reasonOf)).toEqual(["no-leader", undefined, "no-leader"]);
    expect(strict.signal.reason).toMatchObject({ cause: lost });
    const asked = members.timesAsked(2n);
    await clock.advance(60_000);
    expect(patient.isHeld()).toBe(true);
    expect(members.timesAsked(2n)).toBe(asked);
  });

  it("when the connection closes", async () => {
    const members = new FakeMembers();
    const { all, leases } = await kept(members, [1n]);
    members.closing.abort();
    expect(all.map(reasonOf)).toEqual(["closed"]);
    expect(reasonOf(leases.keepAlive(1n))).toBe("closed");
    expect(members.clock.timers).toEqual([]);
  });

  it("when its signal aborts, and leaves nothing on the signal", async () => {
    const members = new FakeMembers();
    await using leases = leasesOn(members);
    const { signal } = new AbortController();
    const [added, removed] = [vi.spyOn(signal, "addEventListener"), vi.spyOn(signal, "removeEventListener")];
    const keepAlives = Array.from({ length: 3 }, () => leases.keepAlive(1n, { signal }));
    for (const keepAlive of keepAlives) await keepAlive.close();
    expect(removed.mock.calls.length).toBe(added.mock.calls.length);
    expect(reasonOf(leases.keepAlive(1n, { signal: AbortSignal.abort() }))).toBe("closed");
  });
});

describe("whoever iterates", () => {
  async function read(members: FakeMembers) {
    const leases = leasesOn(members);
    const keepAlive = leases.keepAlive(1n);
    await members.clock.settle();
    return { leases, keepAlive, reader: keepAlive[Symbol.asyncIterator]() };
  }

  it("gets the newest renewal and then each that follows, once", async () => {
    const members = new FakeMembers();
    const { clock } = members;
    const { keepAlive, reader, leases } = await read(members);
    const header = expect.objectContaining({ memberId: 2n, revision: 3n });
    expect(await reader.next()).toEqual({ done: false, value: { header, id: 1n, ttlSeconds: 60 } });
    const other = keepAlive[Symbol.asyncIterator]();
    await other.next();
    const settled = vi.fn();
    const [next, later] = [reader.next(), reader.next()];
    void later.then(settled);
    await clock.advance(20_000);
    await next;
    expect(settled).not.toHaveBeenCalled();
    await clock.advance(20_000);
    expect(settled).toHaveBeenCalledOnce();
    // The other one slept through the first.
    expect((await other.next()).value).toBe((await later).value);
    await leases.close();
  });

  it("ends by itself when the program ends the keep-alive", async () => {
    for (const end of ["keep-alive", "leases"] as const) {
      const { keepAlive, leases, reader } = await read(new FakeMembers());
      await reader.next();
      const [next, later] = [reader.next(), reader.next()];
      await (end === "leases" ? leases : keepAlive)[Symbol.asyncDispose]();
      expect([await next, await later]).toEqual(Array(2).fill({ done: true, value: undefined }));
      expect((await reader.next()).done).toBe(true);
      await leases.close();
    }
  });

  it("learns of the loss by an exception, once", async () => {
    const members = new FakeMembers();
    const { keepAlive, reader } = await read(members);
    await reader.next();
    members.onAsked = (stream, id) => stream.answer(id, 0);
    const [next, later] = [reader.next(), reader.next()];
    const lost = expect(next).rejects.toMatchObject({ code: "KEEPALIVE_HALTED", reason: "expired" });
    await members.clock.advance(20_000);
    await lost;
    expect([(await later).done, (await reader.next()).done]).toEqual([true, true]);
    await expect(keepAlive[Symbol.asyncIterator]().next()).rejects.toBe(keepAlive.signal.reason);
  });

  it("closes the keep-alive by leaving the loop", async () => {
    const members = new FakeMembers();
    const { keepAlive } = await read(members);
    const seen: LeaseRenewal[] = [];
    for await (const renewal of keepAlive) {
      seen.push(renewal);
      break;
    }
    expect([seen.length, reasonOf(keepAlive)]).toEqual([1, "closed"]);
    await members.clock.settle();
    expect(members.stream().left).toBe(true);
  });
});
