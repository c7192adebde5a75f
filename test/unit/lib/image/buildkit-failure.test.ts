import { describe, expect, it } from "vitest";
import { buildkitFailure, connectionLost } from "../../../../lib/image/buildkit-failure.ts";

const env = { BUILDKIT_HOST: "tcp://builder:1234", BUILDKIT_TLS_DIR: "/tls" };
const asked = (words: string) => `error: failed to list workers: Unavailable: ${words}\n`;
const handshake = (words: string) =>
  asked(`connection error: desc = "transport: authentication handshake failed: ${words}"`);
const preface = (words: string) => asked(`connection error: desc = "error reading server preface: ${words}"`);

// What buildctl 0.26.3 says.
describe("what buildctl says of its daemon", () => {
  it.each([
    [
      "buildkit-certificates",
      "error: directory did not contain one of the needed files: cert.pem or tls.crt",
      "The certificates in /tls (BUILDKIT_TLS_DIR) cannot be used: directory did not contain one of the needed files: cert.pem or tls.crt.",
    ],
    [
      "buildkit-certificates",
      "error: could not read certificate/key: tls: private key does not match public key",
      "The certificates in /tls (BUILDKIT_TLS_DIR) cannot be used: could not read certificate/key: tls: private key does not match public key.",
    ],
    [
      "buildkit-untrusted",
      handshake('tls: failed to verify certificate: x509: certificate signed by unknown authority (\\"here\\")'),
      'The certificate of buildkitd at tcp://builder:1234 is not accepted: x509: certificate signed by unknown authority ("here").',
    ],
    [
      "buildkit-plain-text",
      handshake("tls: first record does not look like a TLS handshake"),
      "buildkitd at tcp://builder:1234 speaks no TLS: first record does not look like a TLS handshake.",
    ],
    [
      "buildkit-unauthorized",
      preface("remote error: tls: expired certificate"),
      "buildkitd at tcp://builder:1234 does not accept the client's certificate of /tls: tls: expired certificate.",
    ],
    [
      "buildkit-unauthorized",
      asked("write tcp 127.0.0.1:35184->127.0.0.1:35843: write: broken pipe"),
      "buildkitd at tcp://builder:1234 hangs up on the certificate of /tls.",
    ],
    [
      "buildkit-unreachable",
      asked('connection error: desc = "transport: Error while dialing: dial tcp: lookup builder: no such host"'),
      "No buildkitd answers at tcp://builder:1234: dial tcp: lookup builder: no such host.",
    ],
    ["buildkit-unreachable", "", "No buildkitd answers at tcp://builder:1234: it says nothing."],
  ])("is %s", (code, said, message) => {
    expect(buildkitFailure(env, said)).toMatchObject({ code, message, hint: expect.stringMatching(/\.$/) as string });
  });

  it("is a lack of TLS where a client without certificates is hung up on", () => {
    expect(buildkitFailure({ BUILDKIT_HOST: "tcp://builder:1234" }, preface("EOF"))).toMatchObject({
      code: "buildkit-tls-needed",
      message: "buildkitd at tcp://builder:1234 hangs up on a client without TLS.",
    });
  });

  it.each([
    "error reading from server: EOF",
    "error reading from server: read tcp 127.0.0.1:1: connection reset by peer",
  ])("is a lost connection in the middle of a build: %s", (words) => {
    const said = `#5 [2/3] RUN make\nerror: failed to receive status: rpc error: code = Unavailable desc = ${words}\n`;
    expect(connectionLost(env, said)).toMatchObject({
      code: "buildkit-lost",
      message: `The connection to buildkitd at tcp://builder:1234 broke during the build: ${words}.`,
      retryable: true,
    });
  });

  it.each([
    'process "/bin/sh -c curl http://away" did not complete successfully: exit code: 7',
    "localhost:1/a: failed to do request: dial tcp 127.0.0.1:1: connect: connection refused",
    "localhost:1/a: unexpected status from HEAD request: 503 Service Unavailable",
  ])("is no lost connection when a step fails: %s", (words) => {
    expect(connectionLost(env, `#5 ERROR: ${words}\nerror: failed to solve: ${words}\n`)).toBeUndefined();
  });
});
