import { describe, expect, it } from "vitest";
import { percentileMs } from "./histogram.js";
import { Meter } from "./meter.js";

function observed(): { readonly events: string[]; readonly meter: Meter } {
  const events: string[] = [];
  const meter = new Meter(1_000, 100, 500, {
    onBegin: () => events.push("begin"),
    onEnd: () => events.push("end"),
  });
  return { events, meter };
}

describe("Meter", () => {
  it("counts what ends between the warm-up and the end of the measured time", () => {
    const { events, meter } = observed();
    meter.record(1_000, 1_050); // warm-up
    meter.record(1_050, 1_110); // ends it
    expect(events).toEqual(["begin"]);
    expect(meter.operations).toBe(0);
    meter.record(1_090, 1_200);
    meter.record(1_200, 1_605); // less than 500 ms after 1,110
    expect(meter.isOpen).toBe(true);
    meter.record(1_605, 1_615);
    expect(events).toEqual(["begin", "end"]);
    expect(meter).toMatchObject({ isOpen: false, operations: 3, measuredMs: 505 });
    expect(percentileMs(meter.latencies.buckets(), 1)).toBeCloseTo(405, -1);
  });

  it("leaves out what ends after its time", () => {
    const { events, meter } = observed();
    for (const end of [1_100, 1_300, 1_600, 1_700, 9_999]) meter.record(1_000, end);
    expect(meter).toMatchObject({ operations: 2, measuredMs: 500 });
    expect(events).toEqual(["begin", "end"]);
  });

  it("counts nothing after it was abandoned", () => {
    const { events, meter } = observed();
    meter.record(1_000, 1_100);
    meter.abandon();
    meter.record(1_100, 1_200);
    expect(meter).toMatchObject({ isOpen: false, operations: 0 });
    expect(events).toEqual(["begin"]);
  });
});
