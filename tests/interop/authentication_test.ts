import { assertEquals, assertMatch } from "@std/assert";
import { timeLimitedPassword } from "../../lib/protocol/mod.ts";
import { PinholeServer, ROOT } from "../support/pinhole_server.ts";
import { deno, run } from "../support/process.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import { Turnserver } from "../support/turnserver.ts";

const REALM = "example.org";
const SECRET = "north";
const IN_AN_HOUR = Math.floor(Date.now() / 1000) + 3600;

/** What a client says it is, and whether a server that knows alice and {@linkcode SECRET} agrees. */
interface Client {
  readonly who: string;
  readonly username: string;
  readonly password: string;
  readonly knownBy: readonly ("users" | "secret")[];
}

const CLIENTS: readonly Client[] = [
  { who: "alice", username: "alice", password: "secret", knownBy: ["users"] },
  { who: "alice with a wrong password", username: "alice", password: "Secret", knownBy: [] },
  { who: "somebody unknown", username: "bob", password: "secret", knownBy: [] },
  { who: "a time-limited user", ...timeLimited(SECRET, IN_AN_HOUR), knownBy: ["secret"] },
  { who: "a time-limited user of old", ...timeLimited(SECRET, 1_500_000_000), knownBy: [] },
  {
    who: "a time-limited user with a wrong secret",
    ...timeLimited("south", IN_AN_HOUR),
    knownBy: [],
  },
];

/** The first Python here that has aioice, an ICE library of its own making. */
const PYTHON = ["python3", "/usr/bin/python3"].find((python) => {
  try {
    const args = ["-c", "import aioice.turn"];
    return new Deno.Command(python, { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
});

const USERS = ["alice", "alice with a wrong password", "somebody unknown"];

for (const mode of ["users", "secret"] as const) {
  const clients = CLIENTS.filter(({ who }) => USERS.includes(who) === (mode === "users"));
  const turnserverArgs = [
    ...["--secure-stun", "--realm", REALM],
    ...mode === "users"
      ? ["--lt-cred-mech", "--user=alice:secret"]
      : ["--use-auth-secret", `--static-auth-secret=${SECRET}`],
  ];
  const pinholeArgs = [
    ...["--auth", "long-term", "--realm", REALM],
    ...mode === "users" ? ["--user", "alice:secret"] : ["--auth-secret", SECRET],
  ];

  for (const transport of ["udp", "tcp"] as const) {
    testWithTool({
      name: `turnserver with ${mode} lets pinhole query in over ${transport} as its own rules say`,
      tools: [TOOLS.turnserver],
      fn: async () => {
        await using server = await Turnserver.start({ args: turnserverArgs });
        for (const client of clients) await checkPinhole(server.target.port, { client, transport });
        const { code, stdout } = await pinholeQuery(server.target.port, { transport });
        assertEquals([code, JSON.parse(stdout).error.code], [1, "error-response"]);
      },
    });

    testWithTool({
      name: `our server with ${mode} lets pinhole query in over ${transport} as turnserver does`,
      tools: [],
      fn: async () => {
        await using server = await PinholeServer.start({ args: pinholeArgs });
        const { port } = server.target(transport);
        for (const client of clients) await checkPinhole(port, { client, transport });
      },
    });

    testWithTool({
      name: `our server with ${mode} lets aioice in over ${transport} as turnserver would`,
      tools: [],
      skip: PYTHON === undefined
        ? "needs Python's aioice (Debian package python3-aioice)"
        : undefined,
      fn: async () => {
        await using server = await PinholeServer.start({ args: pinholeArgs });
        const { port } = server.target(transport);
        for (const { who, username, password, knownBy } of clients) {
          const { code, stdout, stderr } = await run(PYTHON!, [
            ...["-c", AIOICE_BINDING, transport, `${port}`, username, password],
          ]);
          assertEquals(code, 0, who + stderr);
          const { local, ...said } = JSON.parse(stdout) as Record<string, unknown>;
          assertEquals(
            said,
            knownBy.includes(mode) ? { reflexive: local, integrity: true } : { error: 401 },
            who,
          );
        }
      },
    });
  }
}

async function checkPinhole(
  port: number,
  { client, transport }: { readonly client: Client; readonly transport: "udp" | "tcp" },
): Promise<void> {
  const { who, username, password, knownBy } = client;
  const user = `${username}:${password}`;
  const { code, stdout, stderr } = await pinholeQuery(port, { transport, user });
  if (knownBy.length === 0) {
    assertEquals([code, JSON.parse(stdout).error], [1, {
      code: "unauthenticated",
      message: `Cannot query 127.0.0.1:${port}: the server does not accept the credentials`,
    }], who + stderr);
    return;
  }
  assertEquals(code, 0, who + stdout + stderr);
  const { local, reflexive, authenticated } = JSON.parse(stdout) as Record<string, unknown>;
  assertEquals({ reflexive, authenticated }, { reflexive: local, authenticated: true }, who);
  assertMatch(`${local}`, /^127\.0\.0\.1:\d+$/);
}

async function pinholeQuery(
  port: number,
  { transport, user }: { readonly transport: "udp" | "tcp"; readonly user?: string },
) {
  await using child = deno([
    ...["run", "--no-prompt", "--allow-net", "--allow-sys=networkInterfaces"],
    ...[`${ROOT}lib/cli/pinhole.ts`, "query", `stun:127.0.0.1:${port}`, "--json"],
    ...transport === "tcp" ? ["--tcp"] : [],
    ...user === undefined ? [] : ["--user", user],
  ]);
  return await child.result(20_000);
}

function timeLimited(secret: string, expiry: number): Pick<Client, "username" | "password"> {
  const username = `${expiry}:alice`;
  return { username, password: timeLimitedPassword(secret, username) };
}

/**
 * Asks a Binding request through aioice's TURN client, which knows the long-term mechanism, and reads
 * the answer's MESSAGE-INTEGRITY once more with its key. Arguments: udp or tcp, port, name, password.
 */
const AIOICE_BINDING = `
import asyncio, json, sys
from aioice import stun, turn

transport, port, username, password = sys.argv[1:]
server = ("127.0.0.1", int(port))
protocols = {"udp": turn.TurnClientUdpProtocol, "tcp": turn.TurnClientTcpProtocol}

class Client(protocols[transport]):
    def __init__(self):
        super().__init__(server, username=username, password=password, lifetime=600,
                         channel_refresh_time=500)
        self.last = b""

    def datagram_received(self, data, addr):
        self.last = bytes(data)
        super().datagram_received(data, addr)

async def main():
    loop = asyncio.get_running_loop()
    if transport == "udp":
        connection, client = await loop.create_datagram_endpoint(Client, remote_addr=server)
    else:
        connection, client = await loop.create_connection(Client, *server)
    local = "%s:%d" % connection.get_extra_info("sockname")[:2]
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    try:
        response, _ = await client.request_with_retry(request)
        again = stun.parse_message(client.last, integrity_key=client.integrity_key)
        print(json.dumps({
            "local": local,
            "reflexive": "%s:%d" % response.attributes["XOR-MAPPED-ADDRESS"],
            "integrity": "MESSAGE-INTEGRITY" in again.attributes,
        }))
    except stun.TransactionFailed as failure:
        print(json.dumps({"error": failure.response.attributes["ERROR-CODE"][0]}))
    connection.close()

asyncio.run(main())
`;
