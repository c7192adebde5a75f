import { describe, expect, it } from "vitest";
import { renderTemplate } from "../../../lib/template.ts";

const options = {
  values: {
    Image: "localhost:32000/a@sha256:1",
    duat: { version: "1.2.3", gitBranch: "feature/x" },
    list: ["a", "b"],
    map: { k: "v" },
  },
  env: { USER: "kim", EMPTY: "", PASSWORD: 'a,b="c"\n' },
  now: new Date("2026-01-02T03:04:05Z"),
};
const render = (source: string) => renderTemplate(source, options);

describe("renderTemplate", () => {
  it.each([
    ["image: {{.Image}}\n", "image: localhost:32000/a@sha256:1\n"],
    ['{{ .duat.version }}-{{ .duat.gitBranch | replace "/" "-" }}', "1.2.3-feature-x"],
    [
      '{{ default "x" .Registry }} {{ .Registry | default "y" }} {{ default "x" .Image }}',
      "x y localhost:32000/a@sha256:1",
    ],
    ['{{ $branch := .duat.gitBranch | replace "/" "-" }}{{ $branch }}', "feature-x"],
    ['{{ env "USER" }} {{ expandenv "ci-${USER}-$USER" }} {{ default "d" (env "NOBODY") }}', "kim ci-kim-kim d"],
    ['{{ b64enc (env "PASSWORD") }}', Buffer.from(options.env.PASSWORD).toString("base64")],
    ['{{ ternary "0" "2" (empty .Registry) }} {{ empty .Image }}', "0 false"],
    ["{{ now }}", "2026-01-02T03:04:05.000Z"],
    ["a  {{- /* none */ -}}  b {{- 1 }}\n {{ 2 -}} \n c", "ab1\n 2c"],
    ['{{ if eq .duat.version "1.2.3" }}yes{{ else }}no{{ end }}', "yes"],
    ["{{ if false }}a{{ else if .list }}b{{ else }}c{{ end }}", "b"],
    ["{{ range $i, $e := .list }}{{ $i }}{{ $e }}{{ . }} {{ end }}{{ range .map }}{{ . }}{{ end }}", "0aa 1bb v"],
    ["{{ with .duat }}{{ .version }} {{ $.Image | len }}{{ end }}", "1.2.3 26"],
    ["{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"],
    ['{{ printf "%s-%d %q" .duat.version 7 `a"b` }} {{ index .map "k" }}', '1.2.3-7 "a\\"b" v'],
    ['{{ "}} {{ .Image }}" }}', "}} {{ .Image }}"],
  ])("renders %j", (source, expected) => expect(render(source)).toBe(expected));

  it("gives another uuid each time", () => {
    expect(render("{{ uuidv4 }}")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(render("{{ uuidv4 }}")).not.toBe(render("{{ uuidv4 }}"));
  });

  it.each([
    ["a\n{{ .Registry }}", 2, ".Registry", ".Image, .duat, .list, .map, or default for what may be absent"],
    ["{{ .duat.awsecr }}", 1, ".awsecr", ".version, .gitBranch, or default for what may be absent"],
    ["{{ if .Registry }}{{ end }}", 1, ".Registry", expect.stringContaining(".Image")],
    ["{{ b64enc .Registry }}", 1, ".Registry", expect.stringContaining(".Image")],
    ['{{ env "HOME" }}', 1, "HOME", expect.stringContaining("USER, EMPTY, PASSWORD")],
    ['{{ expandenv "$HOME" }}', 1, "HOME", expect.stringContaining("USER, EMPTY, PASSWORD")],
    [
      '\n\n{{ if false }}{{ genPrivateKey "rsa" }}{{ end }}',
      3,
      "genPrivateKey",
      expect.stringContaining("the functions default, empty, ternary, replace, b64enc"),
    ],
    ['{{ getHostByName "x" }}', 1, "getHostByName", expect.stringContaining("the functions")],
    ['{{ define "x" }}{{ end }}', 1, "define", expect.stringContaining("the functions")],
    ["{{ $x }}", 1, "$x", "$"],
    ["{{ $x = 1 }}", 1, "$x", expect.stringContaining(":= for a variable that is new")],
    ["{{ .duat }}", 1, expect.stringContaining("version"), "a text, a number, true or false"],
    ["{{ nil }}", 1, "null", "a text, a number, true or false"],
    ["x\n{{ if true }}\n", 2, "if", "an {{ end }} for it"],
    ["{{ end }}", 1, "end", "if, with or range before it"],
    ["{{ if true }}{{ else }}{{ else }}{{ end }}", 1, "else", "an {{ end }} for it"],
    ["{{ .Image", 1, "{{", "}} at the end of an action"],
    ["{{ (.Image }}", 1, "(", "a closing parenthesis in the same action"],
    ["{{ | }}", 1, "|", "a value"],
    ['{{ replace "a" }}', 1, "replace", "3 arguments"],
    ["{{ printf `%x` 1 }}", 1, "printf", "a value for each of %s, %d, %v, %t and %q"],
    ["{{ ? }}", 1, "?", "values, functions, | and parentheses in an action"],
    ["{{ .Image | .Image }}", 1, "a value", "a function before arguments and after |"],
  ])("refuses %j", (source, line, found, allowed) => {
    let error: unknown;
    try {
      render(source);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ name: "TemplateError", line, found, allowed });
  });

  it("shows no inherited property of JavaScript", () => {
    expect(() => render("{{ .constructor }}")).toThrow(/constructor/);
    expect(() => render('{{ index .map "__proto__" }}')).toThrow(/__proto__/);
  });
});
