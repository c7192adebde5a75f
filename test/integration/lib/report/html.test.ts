import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import { renderPipelineHtml } from "../../../../lib/report/html.ts";
import { parseJunit } from "../../../../lib/report/junit.ts";
import { createReport } from "../../../../lib/report/report.ts";
import { chromiumArguments } from "../../../../scripts/screenshot.ts";

const hostile = `<img src=x onerror="document.title='taken'"> ${"very-long-name-".repeat(20)}`;
const escaped = hostile.replaceAll("<", "&lt;").replaceAll('"', "&quot;");
const load = [0, 97, 40].map((usedPercent) => ({ usedPercent, memoryMib: usedPercent * 100 }));
const report = createReport({
  termination: {
    exitCode: 1,
    reason: "test-failed",
    detail: "The command ended with exit code 1.",
    node: "box",
    gpus: [{ product: "NVIDIA H100", uuid: `GPU-${"0".repeat(32)}`, driver: "570.1", memory: "80 GiB", load }],
    queueMs: 10,
    pullMs: 20,
    runMs: 30,
  },
  suites: parseJunit(
    `<testsuite name="s"><testcase name="fine"/><testcase name="${escaped}"><failure message="${escaped}"/></testcase></testsuite>`,
  ),
  resultsWanted: true,
  gpusRequired: 1,
  engine: "kubernetes",
  image: `localhost:32000/app@sha256:${"a".repeat(64)}`,
  jobName: "gpu-ci-1",
  podName: "gpu-ci-1-x",
  startedAt: new Date(0),
  logComplete: true,
});
const page = renderPipelineHtml({
  title: "page under test",
  conclusion: "failure",
  stages: [
    { name: "build-base-image", outcome: "success", durationMs: 90_000, detail: hostile },
    { name: "run-k8s-gpu-test", outcome: "failure", durationMs: 4000, detail: "1 failed" },
  ],
  report,
  outputs: { image: report.image },
});
const policy = /<meta http-equiv="Content-Security-Policy"[^>]*>/;
/** Looks at the page as it is laid out; the page itself has no script, and forbids any. */
const probe = `<script>addEventListener("load", () => { document.body.dataset.seen = JSON.stringify({
  overflow: document.documentElement.scrollWidth > innerWidth, images: document.images.length, title: document.title }) })</script>`;

describe("the summary page in Chromium", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gpu-ci-page-"));
    expect(page).toMatch(policy);
    await writeFile(join(folder, "page.html"), page.replace(policy, "") + probe);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ["a desk", "1200,900"],
    ["a phone", "500,900"],
  ])("fits %s, shows what it is given, and runs nothing of it", async (_name, size) => {
    const url = pathToFileURL(join(folder, "page.html")).href;
    const options = [...chromiumArguments(join(folder, "profile")), `--window-size=${size}`, "--dump-dom", url];
    const { stdout } = await exec("chromium", options);
    const seen = /data-seen="([^"]*)"/.exec(stdout)?.[1]?.replaceAll("&quot;", '"') ?? "{}";
    expect(JSON.parse(seen)).toEqual({ overflow: false, images: 0, title: expect.stringContaining("page under test") });
    for (const text of ["NVIDIA H100", "run-k8s-gpu-test", "&lt;img src=x", "very-long-name-"])
      expect(stdout).toContain(text);
  });
});
