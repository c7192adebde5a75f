import type { Conclusion } from "./conclusion.ts";
import { escapeHtml } from "./markdown.ts";
import { pageStyle } from "./page-style.ts";
import { conclusionWord } from "./summary.ts";

export interface PageOptions {
  readonly title: string;
  /** One line below the title, as text. */
  readonly subtitle: string;
  readonly conclusion: Conclusion;
  /** Sections of HTML. */
  readonly sections: readonly string[];
  /** HTML. */
  readonly footer: string;
}

/** A page that needs no script and no other resource, with its verdict at the top. */
export function renderPage({ title, subtitle, conclusion, sections, footer }: PageOptions): string {
  const word = conclusionWord(conclusion);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}: ${word}</title>
<link rel="icon" href="data:image/svg+xml,${favicon(conclusion)}">
<style>${pageStyle}</style>
</head>
<body>
<main>
<section class="hero"><div><h1>${escapeHtml(title)}</h1><p>${escapeHtml(subtitle)}</p></div>
<span class="verdict ${toneOf(conclusion)}">${word}</span></section>
${sections.filter((section) => section !== "").join("\n")}
<footer>${footer}</footer>
</main>
</body>
</html>
`;
}

function toneOf(conclusion: Conclusion): "success" | "failure" | "skipped" {
  if (conclusion === "success") return "success";
  return conclusion === "cancelled" ? "skipped" : "failure";
}

function favicon(conclusion: Conclusion): string {
  const colour = { success: "14804a", failure: "c5303a", skipped: "9a6700" }[toneOf(conclusion)];
  return `%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23${colour}'/%3E%3C/svg%3E`;
}
