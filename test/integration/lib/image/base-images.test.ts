import { expect, it } from "vitest";
import { resolveBases } from "../../../../lib/image/base-images.ts";
import { freePort } from "../../../support/registry.ts";
import { createTestHost } from "../../../support/test-host.ts";

it("names a base image whose registry does not answer, in a sentence, and goes on", async () => {
  await using host = createTestHost();
  const reference = `127.0.0.1:${await freePort()}/acme/base:1`;
  expect(await resolveBases([reference], host)).toEqual([{ reference, digest: undefined }]);
  expect(host.lines).toContainEqual(
    expect.stringMatching(
      /^warning: The digest of base image \S+ is not known: Registry .* cannot be reached .*[^.]\. Its name counts instead\.$/,
    ),
  );
});
