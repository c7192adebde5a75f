import { describe, expect, it } from "vitest";
import { createWake } from "../../../../lib/runner/wake.ts";

const never = new AbortController().signal;

describe("createWake", () => {
  it("ends the wait that is on", async () => {
    const wake = createWake();
    const waiting = wake.wait(60_000, never);
    wake.now();
    await waiting;
  });

  it("ends the next wait at once when nobody waited, and only that one", async () => {
    const wake = createWake();
    wake.now();
    wake.now();
    await wake.wait(60_000, never);
    const order: string[] = [];
    const second = wake.wait(1, never).then(() => order.push("time"));
    await second;
    expect(order).toEqual(["time"]);
  });

  it("ends with the signal, without an error", async () => {
    const controller = new AbortController();
    const waiting = createWake().wait(60_000, controller.signal);
    controller.abort();
    await waiting;
    await createWake().wait(60_000, controller.signal);
  });
});
