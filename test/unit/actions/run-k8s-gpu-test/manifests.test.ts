import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readManifests, renderManifests } from "../../../../actions/run-k8s-gpu-test/manifests.ts";

const options = {
  image: `localhost:32000/acme/app@sha256:${"a".repeat(64)}`,
  namespace: "team",
  env: { USER: "kim", Flavour: "full" },
  secretEnv: { DB_PASSWORD: "s3cret-value" },
  values: {
    duat: { version: "1.2.3", gitBranch: "feature/x", gitTag: undefined },
    run: { Run: "7-1", RunURL: undefined, Actor: "kim", Repository: undefined, Commit: "c0ffee" },
  },
  now: new Date(0),
};
const render = (source: string) => renderManifests([{ path: "ci/stack.yaml", source }], options);
const refusal = (source: string) => {
  try {
    render(source);
  } catch (error) {
    return error instanceof Error ? `${error.name} ${error.message}` : error;
  }
  return undefined;
};
const configMap = (data: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: ${data}\n`;

describe("renderManifests", () => {
  it("renders stencil's names, the run's own, and the caller's variables", () => {
    const source = configMap(
      '{v: "{{.duat.version}}", b: "{{ .duat.gitBranch | replace "/" "-" }}", i: "{{.Image}}", r: "{{.Registry}}", n: {{.Namespace}}, run: {{.Run}}, u: \'{{expandenv "$USER"}} {{.Env.USER}} {{.USER}} {{.Flavour}}\'}',
    );
    expect(render(source)).toEqual([
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "m" },
        data: {
          v: "1.2.3",
          b: "feature-x",
          i: options.image,
          r: "localhost:32000",
          n: "team",
          run: "7-1",
          u: "kim kim kim full",
        },
      },
    ]);
  });

  it("reads many documents, Lists, and one that begins before ---, and leaves out the namespace that is there", () => {
    const source = `${configMap("{}")}---\n# nothing\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- {apiVersion: v1, kind: Service, metadata: {name: b}}\n`;
    expect(render(source).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "ConfigMap m",
      "Service a",
      "Service b",
    ]);
  });

  it("names file, line and what is allowed for an unknown variable or function", () => {
    expect(refusal("a: 1\nb: {{ .Regsitry }}")).toBe(
      'InputError Input manifests is "ci/stack.yaml:2: .Regsitry"; allowed: .Run, .Actor, .Commit, .Image, .Registry, .Namespace, .USER, .Flavour, .DB_PASSWORD, .duat, .Env, or default for what may be absent.\n' +
        "Variables of env and secret-env are known by their names; the environment of this step is not.",
    );
    expect(refusal("{{ if false }}{{ getHostByName `x` }}{{ end }}")).toContain(
      '"ci/stack.yaml:1: getHostByName"; allowed: the functions default, empty, ternary, replace, b64enc, env, expandenv, now, uuidv4,',
    );
    expect(refusal("{{ .duat.awsecr }}")).toContain('"ci/stack.yaml:1: .awsecr"');
    expect(refusal('{{ env "PATH" }}')).toContain('"ci/stack.yaml:1: PATH"');
  });

  it.each([
    ["kind: A\nmetadata: {name: x}", "rendered line 1", "objects with apiVersion and kind"],
    ["just text", "rendered line 1", "a map with apiVersion"],
    [`${configMap("{}")}---\n${configMap("{a: 1, a: 2}")}`, "rendered line 9", "Map keys must be unique"],
    ["apiVersion: v1\nkind: Pod\nmetadata: {name: Ünï}", 'Pod \\"Ünï\\"', "metadata.name"],
    ['apiVersion: v1\nkind: Pod\nmetadata: {name: "ci-{{`{{x}}`}}"}', "ci-{{x}}", "metadata.name"],
    ["apiVersion: v1\nkind: Pod\nmetadata:\n  name:\n", "rendered line 1", "a value for name"],
    ["apiVersion: v1\nkind: Namespace\nmetadata: {name: other}", "Namespace other", "objects in namespace team"],
    ["apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: other}", "Pod x in other", "objects in namespace team"],
    [`${configMap("{}")}---\n${configMap("{}")}`, "ConfigMap m", "each object once"],
    [configMap("{p: '{{.DB_PASSWORD}}'}"), "ConfigMap m", "DB_PASSWORD stands in it"],
    [configMap("{p: '{{.DB_PASSWORD | b64enc}}'}"), "ConfigMap m", "DB_PASSWORD stands in it"],
  ])("refuses %j", (source, place, allowed) => {
    expect(refusal(source)).toContain("InputError Input manifests is ");
    expect(refusal(source)).toContain(place);
    expect(refusal(source)).toContain(allowed);
  });

  it("takes a secret value in a Secret", () => {
    const [secret] = render("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: '{{.DB_PASSWORD}}'}");
    expect(secret).toMatchObject({ stringData: { p: "s3cret-value" } });
  });
});

describe("readManifests", () => {
  it("reads the files of each pattern in order, each once, and refuses a pattern without one", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gpu-ci-manifests-"));
    try {
      for (const name of ["b.yaml", "a.yaml"]) await writeFile(join(folder, name), name);
      expect(await readManifests(["b.yaml", "*.yaml"], folder)).toEqual([
        { path: "b.yaml", source: "b.yaml" },
        { path: "a.yaml", source: "a.yaml" },
      ]);
      await expect(readManifests(["c*.yaml"], folder)).rejects.toThrow(
        `Input manifests is "c*.yaml"; allowed: files in ${folder}`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
