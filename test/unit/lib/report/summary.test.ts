import { describe, expect, it } from "vitest";
import { annotationsOf } from "../../../../lib/report/annotations.ts";
import { renderPipelineHtml } from "../../../../lib/report/html.ts";
import { parseJunit } from "../../../../lib/report/junit.ts";
import { renderPipelineMarkdown } from "../../../../lib/report/pipeline.ts";
import { createReport, formatReport, parseReport, type ReportOptions } from "../../../../lib/report/report.ts";
import { renderSummary } from "../../../../lib/report/summary.ts";

const evil = "&lt;img src=x onerror=alert(1)&gt; | [a](http://b) `c` @team #1 \\ **d** ::error::";

function report(xml: string, changes: Partial<ReportOptions> = {}) {
  return createReport({
    termination: {
      exitCode: 0,
      reason: "passed",
      detail: "The command ended with exit code 0.",
      node: "gpu-box",
      gpus: [{ product: "NVIDIA H100", uuid: "GPU-1", driver: "570.1", memory: "81559 MiB" }],
      queueMs: 100,
      pullMs: 200,
      runMs: 3000,
    },
    suites: parseJunit(xml),
    resultsWanted: true,
    gpusRequired: 0,
    engine: "kubernetes",
    image: "localhost:32000/a@sha256:00",
    jobName: "job",
    podName: undefined,
    startedAt: new Date("2026-01-02T03:04:05Z"),
    logComplete: true,
    ...changes,
  });
}

describe("The summary", () => {
  it("has the table first, then failed, skipped and slow cases by name", () => {
    const xml = `<testsuite name="s"><testcase name="ok" time="2"/><testcase name="bad" file="/src/t.c" line="4"><failure message="m">t\n\nu</failure></testcase>
      <testcase name="gpu"><skipped message="none"/></testcase></testsuite>`;
    expect(renderSummary(report(xml))).toBe(`## GPU test failed

Exit code 0, but 1 failed case: bad.

| | |
|---|---|
| **Result** | failed (\`cases-failed\`) |
| **Cases** | 1 passed, 1 failed, 1 skipped |
| **Time** | 3.3 s: queue 100 ms, pull 200 ms, run 3.0 s |
| **GPU** | NVIDIA H100, 81559 MiB, driver 570.1<br><code>GPU-1</code> |
| **Image** | <code>localhost:32000/a&#64;sha256:00</code> |
| **Ran as** | <code>job</code> on kubernetes, node <code>gpu-box</code> |
| **Log** | complete |

### Failed (1)

<details><summary>s › bad (/src/t.c:4): m</summary>

<pre>t&#10;&#10;u</pre>

</details>

### Skipped (1)

- s › gpu (GPU): none

<details><summary>Slowest cases</summary>

| Case | Time |
|---|---:|
| s › ok | 2.0 s |

</details>
`);
  });

  it("lets no markup, mention or link come from a test", () => {
    const xml = `<testsuite name="s"><testcase name="${evil}" time="1"><failure message="${evil}">${evil}</failure></testcase></testsuite>`;
    // Inside of <pre> nothing but HTML has a meaning.
    const text = renderSummary(report(xml)).replace(/<pre>[^<]*<\/pre>/g, "");
    expect(text).not.toMatch(/<img|\[a\]|http:\/\/|@team|\*\*d|#1\b|`c`/);
    const html = renderPipelineHtml({
      title: "<b>",
      conclusion: "failure",
      stages: [],
      report: report(xml),
      outputs: { "<i>": "<u>" },
    });
    expect(html).not.toMatch(/<img|<b>&|<i>&|<u>/);
  });

  it("stays within GitHub's limit and says where the rest is", () => {
    const failed = `<testcase name="${"n".repeat(900)}"><failure message="m">${"é&lt;".repeat(8000)}</failure></testcase>`;
    const text = renderSummary(report(`<testsuite name="s">${failed.repeat(60)}</testsuite>`));
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_000_000);
    expect(text.endsWith("> This summary was cut. All cases are in report.json among the collected files.\n")).toBe(
      true,
    );
    expect(text.split("<details>").length).toBe(text.split("</details>").length);
  });
});

describe("The report", () => {
  it("survives the way through report.json, and nothing else is taken for one", () => {
    const made = report('<testsuite name="s"><testcase name="x"/></testsuite>');
    expect(parseReport(formatReport(made))).toEqual(made);
    for (const text of ["", "{}", "[1]", '{"schema":2}', formatReport(made).slice(0, 99)])
      expect(parseReport(text)).toBeUndefined();
  });

  it("holds no secret that a test printed", () => {
    const xml =
      '<testsuite name="s3cret"><testcase name="s3cret" classname="s3cret"><failure message="s3cret">s3cret</failure></testcase></testsuite>';
    const masked = report(xml, { mask: (text) => text.replaceAll("s3cret", "***") });
    expect(formatReport(masked)).not.toContain("s3cret");
  });
});

describe("Annotations", () => {
  it("name the verdict, the first failed cases with their place in the repository, and how many more there are", () => {
    const cases = Array.from(
      { length: 11 },
      (_, index) => `<testcase name="c${index}" file="/src/t.c" line="${index + 1}"><failure message="m"/></testcase>`,
    );
    const notes = annotationsOf(report(`<testsuite name="s">${cases.join("")}</testsuite>`));
    expect(notes.length).toBe(10);
    expect(notes[0]).toEqual({
      level: "error",
      title: "GPU test: cases-failed",
      message: "Exit code 0, but 11 failed cases: c0, c1, c2 and 8 more.",
    });
    expect(notes[1]).toEqual({ level: "error", title: "s › c0", message: "m", file: "t.c", line: 1 });
    expect(notes[9]?.message).toBe("3 more failed cases are in the job summary.");
  });

  it("name no file outside of the repository", () => {
    const [, note] = annotationsOf(
      report(
        '<testsuite name="s"><testcase name="c" file="/usr/include/x.h" line="1"><failure/></testcase></testsuite>',
      ),
    );
    expect(note).toEqual({ level: "error", title: "s › c", message: "The case failed without a message." });
  });

  it("are none after success", () => {
    expect(annotationsOf(report('<testsuite name="s"><testcase name="c"/></testsuite>'))).toEqual([]);
  });
});

describe("The pipeline's summary and page", () => {
  const stages = [
    { name: "next-version", outcome: "success", durationMs: 1000, detail: "0.1.0 | x" },
    { name: "build-base-image", outcome: "unchanged", durationMs: 3000, detail: "" },
    { name: "github-release", outcome: "skipped", durationMs: 0, detail: "" },
  ] as const;

  it("lists stages, then outputs", () => {
    expect(
      renderPipelineMarkdown({ title: "demo", conclusion: "success", stages, outputs: { version: "0.1.0", none: "" } }),
    ).toBe(`# demo: passed

| Stage | Outcome | Time | |
|---|---|---:|---|
| ✅ next-version | success | 1.0 s | 0.1.0 &#124; x |
| ☑️ build-base-image | unchanged | 3.0 s |  |
| ⏭️ github-release | skipped | 0 ms |  |
| **all** | | **4.0 s** | |

| Output | Value |
|---|---|
| version | <code>0.1.0</code> |
`);
  });

  it("draws stages one after the other and asks for nothing from elsewhere", () => {
    const html = renderPipelineHtml({ title: "demo", conclusion: "success", stages, outputs: {} });
    expect([...html.matchAll(/style="(--from[^"]*)"/g)].map((match) => match[1])).toEqual([
      "--from:min(0.00%, 100% - 4px);--width:25.00%",
      "--from:min(25.00%, 100% - 4px);--width:75.00%",
    ]);
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  });
});
