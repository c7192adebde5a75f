import { expect, it } from "vitest";
import { parseRemoteUrl } from "../../../../lib/git/remote-url.ts";

it.each([
  ["https://github.com/o/r.git", "github.com", "o/r", "https://github.com/o/r"],
  ["https://ada:secret@github.com/o/r", "github.com", "o/r", "https://github.com/o/r"],
  ["git@github.com:o/r.git", "github.com", "o/r", "https://github.com/o/r"],
  ["git@other:o/r", "other", "o/r", "https://other/o/r"],
  ["other.example.com:group/sub/r.git", "other.example.com", "group/sub/r", "https://other.example.com/group/sub/r"],
  ["ssh://git@GHE.example.com:2222/o/r.git/", "ghe.example.com", "o/r", "https://ghe.example.com/o/r"],
  ["git://example.com/o/r.git", "example.com", "o/r", "https://example.com/o/r"],
  [
    "http://forge.localhost:13000/forge/r.git",
    "forge.localhost:13000",
    "forge/r",
    "http://forge.localhost:13000/forge/r",
  ],
])("%s", (remote, host, path, url) => expect(parseRemoteUrl(remote)).toEqual({ host, path, url }));

it.each(["/srv/git/r.git", "../r", "file:///srv/git/r.git", "C:\\repos\\r", "", "https://host/"])(
  "%j is no remote of a forge",
  (remote) => expect(parseRemoteUrl(remote)).toBeUndefined(),
);
