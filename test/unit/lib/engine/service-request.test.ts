import { describe, expect, it } from "vitest";
import { parseServices } from "../../../../lib/engine/service-request.ts";

const parse = (text: string) => parseServices("services", text);

describe("parseServices", () => {
  it("reads what a team writes, and is ready by the first port where nothing else is said", () => {
    const services = `
db:
  image: localhost:32000/team/postgres:17
  env: {POSTGRES_PASSWORD: "\${random}", POSTGRES_PORT: 5432}
  ports: ["5432:5432", 5433]
  user: 999:998
  memory: 1Gi
queue:
  image: localhost:32000/team/queue:1
  command: [/queue, --verbose]
  args: serve
  health: {command: queue ping}
plain: {image: localhost:32000/team/plain:1}
`;
    const [db, queue, plain] = parse(services);
    expect(db).toEqual({
      name: "db",
      image: "localhost:32000/team/postgres:17",
      command: [],
      args: [],
      env: { POSTGRES_PASSWORD: "$" + "{random}", POSTGRES_PORT: "5432" },
      ports: [5432, 5433],
      health: { port: 5432 },
      user: { uid: 999, gid: 998 },
      cpu: undefined,
      memory: "1Gi",
    });
    expect([queue?.command, queue?.args]).toEqual([["/queue", "--verbose"], ["serve"]]);
    expect(queue?.health).toEqual({ command: ["/bin/sh", "-c", "queue ping"] });
    expect(plain?.health).toBeUndefined();
  });

  it.each([
    ["db: {}", "Input services.db.image is empty; allowed: a value, it is required."],
    ["db: {image: UPPER CASE}", 'Input services.db.image is "UPPER CASE"; allowed: the reference of an image.'],
    ["db: {image: a, ports: [70000]}", 'Input services.db.ports.0 is "70000"; allowed: a port from 1 to 65535'],
    ["db: {image: a, ports: ['80:8080']}", 'Input services.db.ports.0 is "80:8080"; allowed: a port'],
    ["db: {image: a, ports: 80}", 'Input services.db.ports is "80"; allowed: a list of ports.'],
    ["db: {image: a, port: 80}", 'Input services.db.port is "port"; allowed: the keys image, command, args, env'],
    ["db: {image: a, health: {url: x}}", "Input services.db.health is"],
    ["db: {image: a, env: {1A: x}}", 'is "1A"; allowed: names of environment variables.'],
    ["db: {image: a, env: {A: [x]}}", "Input services.db.env.A is"],
    ["Data Base: {image: a}", 'is "Data Base"; allowed: names of at most 40 characters'],
    ["test: {image: a}", 'is "test"; allowed: names other than test and collector.'],
    ["- db", "Input services is"],
    ["{", 'Input services is "{"; allowed: YAML, a map of names to services'],
    ["a: {image: a, ports: [80]}\nb: {image: a, ports: [80]}", 'Input services is "80"; allowed: each port once'],
  ])("refuses %j", (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
