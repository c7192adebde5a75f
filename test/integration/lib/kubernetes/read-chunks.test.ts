import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import { expect, it } from "vitest";
import { readChunks } from "../../../../lib/kubernetes/read-chunks.ts";
import { startKubernetesApi } from "../../../support/kubernetes-api.ts";

async function open(url: string): Promise<IncomingMessage> {
  const [response] = await once(http.get(url), "response");
  return response;
}

it("gives up an answer that is silent for too long, as from a process that was stopped", async () => {
  await using api = await startKubernetesApi((_call, reply) => reply.write("hello"));
  const got: string[] = [];
  const read = async () => {
    for await (const chunk of readChunks(await open(api.url), { idleMs: 200 })) got.push(chunk.toString());
  };
  await expect(read()).rejects.toMatchObject({ code: "api-unreachable", cause: new Error("nothing came for 0.2 s") });
  expect(got).toEqual(["hello"]);
});

it("waits as long as silence is to be expected, and does not blame the server for a slow reader", async () => {
  let mayBeIdle = true;
  setTimeout(() => {
    mayBeIdle = false;
  }, 300);
  await using api = await startKubernetesApi((_call, reply) => reply.write("hello"));
  const before = performance.now();
  const chunks = readChunks(await open(api.url), { idleMs: 100, mayBeIdle: () => mayBeIdle });
  await chunks.next();
  await expect(chunks.next()).rejects.toMatchObject({ code: "api-unreachable" });
  expect(performance.now() - before).toBeGreaterThan(290);
});
