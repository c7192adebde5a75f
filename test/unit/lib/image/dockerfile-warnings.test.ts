import { describe, expect, it } from "vitest";
import { dockerfileWarnings } from "../../../../lib/image/dockerfile-warnings.ts";

const lines = (content: string) => dockerfileWarnings(content).map(({ line, message }) => `${line}: ${message}`);

describe("what is doubtful about a Dockerfile", () => {
  it("is said by line, in the order of lines", () => {
    expect(
      lines(
        [
          "FROM debian:12 as builder",
          "MAINTAINER me",
          "ENV API_TOKEN=abc PATH=/bin",
          "WORKDIR src",
          "CMD ['a']",
          "from builder as other",
        ].join("\n"),
      ),
    ).toEqual([
      "1: FROM and AS should be written alike: FROM ... as",
      "2: MAINTAINER has been deprecated",
      "3: ENV API_TOKEN looks like a secret, and everybody who has the image can read it: use RUN --mount=type=secret",
      "4: WORKDIR paths should be absolute",
      "5: Instruction written as a JSON array but is using single quotes instead of double quotes",
      "6: Instructions should be written in uppercase letters",
    ]);
  });

  it("is nothing in a Dockerfile that uses today's syntax", () => {
    expect(
      lines(`# syntax=docker/dockerfile:1
ARG BASE=debian:12
FROM \${BASE} AS build
ARG TOKENIZER=fast
RUN --mount=type=secret,id=key --network=none <<EOF
echo hello
EOF
COPY --parents --exclude=*.o --chmod=755 src /src
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.org/a /a
FROM build
LABEL registry.repo="team/base" registry.version="1.0.0"
`),
    ).toEqual([]);
  });
});
