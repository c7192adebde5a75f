import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { observerRights, proxyRight, type Right, roleRights } from "../../../../lib/kubernetes/needed-rights.ts";
import { root } from "../../../support/house.ts";

interface ChartRole {
  readonly kind: string;
  readonly rules?: readonly { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] }[];
}

/** Every single right that the first role of a kind in a template of runner-deploy grants. */
function grantedBy(template: string, kind: string): readonly string[] {
  const text = readFileSync(join(root, "runner-deploy/templates", template), "utf8");
  const plain = text.replaceAll(/^\s*\{\{.*\}\}\s*$/gm, "").replaceAll(/\{\{.*?\}\}/g, "x");
  const documents = parseAllDocuments(plain).map((document) => document.toJS() as ChartRole | null);
  const role = documents.find((document) => document?.kind === kind);
  return (role?.rules ?? []).flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
  );
}

const single = (rights: readonly Right[]) =>
  rights.flatMap(({ group, resource, verbs }) => verbs.map((verb) => `${verb} ${group}/${resource}`));

describe("the rights that doctor asks for", () => {
  it("are those that the chart's roles grant", () => {
    expect(new Set(single([...roleRights, proxyRight]))).toEqual(new Set(grantedBy("runner-rights.yml", "Role")));
    expect(new Set(single(observerRights))).toEqual(new Set(grantedBy("observer.yml", "ClusterRole")));
  });
});
