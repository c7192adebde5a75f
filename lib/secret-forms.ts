/** Shorter values would hide half of every log: they are not masked, and the caller should be told. */
const shortestSecret = 4;
const shortestPart = 6;

/** Whether a value is long enough to be masked. */
export function isMaskable(secret: string): boolean {
  return secret.trim().length >= shortestSecret;
}

/**
 * Every form in which a secret may show up in a log: as it is, each line of it, in base64 at any offset and as `base64` wraps it, and
 * escaped for URLs, JSON and XML.
 */
export function secretForms(secret: string): ReadonlySet<string> {
  if (!isMaskable(secret)) return new Set();
  const whole = secret.replace(/\r\n?/g, "\n");
  const lines = whole.split("\n").map((line) => line.trim());
  const plain = [whole, whole.trim(), ...(lines.length > 1 ? lines.filter((line) => line.length >= shortestPart) : [])];
  const forms = plain.flatMap((text) => [text, ...escapedForms(text)]);
  return new Set([...forms, ...base64Forms(secret), ...base64Forms(whole.trim())].filter(isMaskable));
}

function escapedForms(text: string): string[] {
  // A lone surrogate has no URL form, and would throw.
  const url = encodeURIComponent(text.toWellFormed());
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const xml = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const lowerUrl = url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  const form = url.replaceAll("%20", "+");
  const quotedXml = xml.replace(/"/g, "&quot;");
  return [
    url,
    lowerUrl,
    form,
    json,
    json.replaceAll("/", "\\/"),
    ascii,
    xml,
    quotedXml,
    quotedXml.replace(/'/g, "&#39;"),
  ];
}

function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const whole = bytes.toString("base64");
  const wrapped = whole.match(/.{1,76}/g) ?? [];
  // Inside longer base64 a secret starts at one of three offsets; characters shared with its neighbours are left out.
  const embedded = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const from = Math.ceil((offset * 8) / 6);
    return text.slice(from, Math.floor(((offset + bytes.length) * 8) / 6));
  });
  const standard = [whole, ...wrapped, ...embedded].filter((text) => text.length >= shortestPart);
  return [...standard, ...standard.map((text) => text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""))];
}
