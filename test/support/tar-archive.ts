import { Header } from "tar";

/** A tar archive of one file. */
export function archiveOf(path: string, content: string): Buffer {
  const header = new Header({ path: `./${path}`, size: content.length, type: "File", mode: 0o644 });
  header.encode();
  const padding = Buffer.alloc(1024 + ((512 - (content.length % 512)) % 512));
  return Buffer.concat([header.block ?? Buffer.of(), Buffer.from(content), padding]);
}
