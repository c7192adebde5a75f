import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signAwsRequest } from "../../../../lib/oci/aws-signature.ts";
import type { CloudCall, CloudHost } from "../../../support/cloud.ts";
import { type CloudStage, fieldsOf, json, openCloudStage } from "../../../support/cloud-push.ts";

let stage: CloudStage;
beforeAll(async () => {
  stage = await openCloudStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

describe("AWS's registry", () => {
  const registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
  const keys = { accessKeyId: "AKIATEST", secretAccessKey: "secret/key", sessionToken: "session" };
  const environment = {
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_SESSION_TOKEN: keys.sessionToken,
  };

  /** As https://docs.aws.amazon.com/AmazonECR/latest/APIReference/ describes it: a push does not make a repository. */
  function aws(known: Set<string>): Readonly<Record<string, CloudHost>> {
    return {
      "api.ecr.eu-central-1.amazonaws.com": async (call) => {
        const body = await call.body();
        if (!isSigned(call, body))
          return json(
            { __type: "InvalidSignatureException", message: "The request signature we calculated does not match." },
            400,
          );
        const action = call.headers["x-amz-target"];
        if (action === "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
          return json({
            authorizationData: [{ authorizationToken: btoa("AWS:pass:word"), proxyEndpoint: `https://${registry}` }],
          });
        const { repositoryName, registryId } = JSON.parse(body) as { repositoryName: string; registryId: string };
        if (action !== "AmazonEC2ContainerRegistry_V20150921.CreateRepository" || registryId !== "123456789012")
          return json({}, 400);
        if (known.has(repositoryName)) return json({ __type: "RepositoryAlreadyExistsException" }, 400);
        known.add(repositoryName);
        return json({ repository: { repositoryName } });
      },
      [registry]: ({ headers, url, method }) => {
        if (headers.authorization !== `Basic ${btoa("AWS:pass:word")}`)
          return {
            status: 401,
            headers: { "www-authenticate": `Basic realm="https://${registry}/",service="ecr.amazonaws.com"` },
          };
        const [, repository = ""] = /^\/v2\/(.+?)\/(?:blobs|manifests)\//.exec(url.pathname) ?? [];
        if (known.has(repository) || (method === "GET" && repository === "")) return "forward";
        return json(
          { errors: [{ code: "NAME_UNKNOWN", message: `The repository with name '${repository}' does not exist` }] },
          404,
        );
      },
    };
  }

  function isSigned({ url, headers }: CloudCall, body: string): boolean {
    const date = String(headers["x-amz-date"]).replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, "$1-$2-$3T$4:$5:$6Z");
    const signed = { "content-type": String(headers["content-type"]), "x-amz-target": String(headers["x-amz-target"]) };
    const request = { method: "POST", url, headers: signed, body, region: "eu-central-1", service: "ecr" };
    return signAwsRequest(request, keys, new Date(date)).authorization === headers.authorization;
  }

  it("is logged in to by a signed request, and a repository that is absent is created, once", async () => {
    const known = new Set<string>();
    await using cloud = await stage.start(aws(known));
    await stage.push(cloud, { registry, env: environment, repository: "acme/created" });
    expect([...known]).toEqual(["acme/created"]);
    await stage.push(cloud, { registry, env: environment, repository: "acme/created" });
    const actions = cloud.calls.flatMap(({ headers }) =>
      String(headers["x-amz-target"] ?? "")
        .split(".")
        .slice(1),
    );
    expect(actions).toEqual(["GetAuthorizationToken", "CreateRepository", "GetAuthorizationToken"]);
  });

  it("is logged in to by a role that the workflow's identity token assumes", async () => {
    const sts: CloudHost = async (call) => {
      const fields = await fieldsOf(call);
      if (fields.WebIdentityToken !== "identity-token" || fields.RoleArn !== "arn:aws:iam::123456789012:role/ci")
        return { status: 403 };
      return {
        body: `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><SessionToken>${keys.sessionToken}</SessionToken><SecretAccessKey>${keys.secretAccessKey}</SecretAccessKey><AccessKeyId>${keys.accessKeyId}</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
      };
    };
    await using cloud = await stage.start({ ...aws(new Set(["acme/role"])), "sts.eu-central-1.amazonaws.com": sts });
    await writeFile(join(stage.folder, "aws-token"), "identity-token");
    const env = {
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/ci",
      AWS_WEB_IDENTITY_TOKEN_FILE: join(stage.folder, "aws-token"),
    };
    await stage.push(cloud, { registry, env, repository: "acme/role" });
  });

  it("that has no such repository and gets no keys is named", async () => {
    await using cloud = await stage.start(aws(new Set()));
    const failing = stage.push(cloud, { registry, username: "AWS", password: "pass:word" });
    await expect(failing).rejects.toMatchObject({
      code: "repository-absent",
      hint: expect.stringContaining("In ECR we do"),
    });
  });

  it("that does not accept the signature says so", async () => {
    await using cloud = await stage.start(aws(new Set()));
    const env = { ...environment, AWS_SECRET_ACCESS_KEY: "wrong" };
    await expect(stage.push(cloud, { registry, env })).rejects.toMatchObject({
      code: "cloud-login-failed",
      message: expect.stringContaining("HTTP 400, InvalidSignatureException: The request signature"),
    });
  });
});
