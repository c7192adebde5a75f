// Takes the README's picture of a summary page with headless Chromium: node scripts/screenshot.ts [PAGE.html [PICTURE.png]]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** Chromium without a window, an account or the network, with an empty profile in `profile`. */
export function chromiumArguments(profile: string): readonly string[] {
  const quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", `--user-data-dir=${profile}`, ...quiet];
}

if (import.meta.main) {
  const [page = "demo-output/summary.html", picture = ".github/images/summary.png"] = process.argv.slice(2);
  const profile = mkdtempSync(join(tmpdir(), "gpu-ci-chromium-"));
  const shot = [`--screenshot=${resolve(picture)}`, "--window-size=1000,1130", pathToFileURL(resolve(page)).href];
  const { status, stderr } = spawnSync("chromium", [...chromiumArguments(profile), ...shot], { encoding: "utf8" });
  rmSync(profile, { recursive: true, force: true });
  if (status !== 0) throw new Error(`chromium failed (${status}); it is Debian's package chromium.\n${stderr}`);
}
