import { expect, it } from "vitest";
import { CommandError } from "../../../../lib/exec.ts";
import { snapFailure } from "../../../../lib/microk8s/snap-failure.ts";

it.each([
  ['error: snap "microk8s" has "auto-refresh" change in progress', "snap-busy", true],
  ["error: snapd is about to reboot the system", "snap-busy", true],
  ["error: too early for operation, device not yet seeded or device model not acknowledged", "snap-not-seeded", true],
  [
    'error: cannot communicate with server: Get "http://localhost/v2/snaps": dial unix /run/snapd.socket: connect: no such file or directory',
    "snapd-away",
    true,
  ],
  ["error: unable to contact snap store", "snap-store-unreachable", true],
  [
    'error: cannot install "microk8s": Post "https://api.snapcraft.io/v2/snaps/refresh": dial tcp: lookup api.snapcraft.io: Temporary failure in name resolution',
    "snap-store-unreachable",
    true,
  ],
  [
    'error: cannot install "microk8s": got unexpected HTTP status code 503 via POST to "https://api.snapcraft.io/v2/snaps/refresh"',
    "snap-store-unreachable",
    true,
  ],
  ['error: requested a non-existing branch on 1.32/stable for snap "microk8s": x', "channel-missing", false],
  ['error: snap "microk8s" is not available on 9.99/stable but is available to install', "channel-missing", false],
  ['error: This revision of snap "microk8s" was published using classic confinement', "snap-failed", false],
])("%s is %s", (said, code, retryable) => {
  const failure = snapFailure("snap install microk8s", new CommandError("snap", ["install"], 1, said));
  expect(failure).toMatchObject({ code, retryable });
  expect(failure.message.endsWith(said)).toBe(true);
});
