/** Makes text from a test harmless in Markdown: no markup, link, mention, image, HTML or table cell can come from it. */
export function escapeMarkdown(text: string): string {
  const line = text.replace(/[\r\n\t]+/g, " ").replace(/\p{Cc}/gu, "\uFFFD");
  return line
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/[\\`*_{}[\]()#!|~$]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/@/g, "&#64;")
    .replace(/:\/\//g, "&#58;//")
    .replace(/^(\s*)([-+](?=\s)|=+$|-+$|\d+[.)](?=\s|$))/, "$1&#8203;$2");
}

/** Text inside `<code>` or `<pre>` of HTML, also where Markdown surrounds it. */
export function escapeHtml(text: string): string {
  return text
    .replace(/(?![\t\n])\p{Cc}/gu, "\uFFFD")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;")
    .replace(/'/g, "&#39;");
}

/** A fixed-width block that holds any text, also one with fences or HTML of its own. */
export function codeBlock(text: string): string {
  // Blank lines would end an HTML block in Markdown, and what follows would be markup again.
  return `<pre>${escapeHtml(text).replace(/@/g, "&#64;").replace(/\n/g, "&#10;")}</pre>`;
}

/** Cuts text to `limitBytes` of UTF-8 at the end of a line, closes what was open there, and says so with `pointer`. */
export function truncateMarkdown(text: string, limitBytes: number, pointer: string): string {
  if (Buffer.byteLength(text) <= limitBytes) return text;
  const note = `\n\n> This summary was cut. ${pointer}\n`;
  const room = limitBytes - Buffer.byteLength(note) - "\n\n</details>".length;
  const cut = Buffer.from(text).subarray(0, room).toString("utf8");
  const kept = cut.slice(0, Math.max(0, cut.lastIndexOf("\n")));
  const isOpen = kept.lastIndexOf("<details>") > kept.lastIndexOf("</details>");
  return `${kept}${isOpen ? "\n\n</details>" : ""}${note}`;
}
