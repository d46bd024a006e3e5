// docs/board-protocol.md is what the schema says: the page is written from it, and every message that
// it shows is read by the code that reads messages.

import { assert, assertEquals } from "@std/assert";
import { Ajv2020 } from "ajv";
import { boardProtocolPage, clientJsonSchema } from "../../docs/board_protocol.ts";
import { CLIENT_MESSAGES, SERVER_MESSAGES } from "../../docs/board_protocol_notes.ts";
import { readClientMessage, readServerMessage } from "../../lib/protocol/board/mod.ts";
import { ROOT } from "../support/pinhole_server.ts";

Deno.test("boardProtocolPage() is what docs/board-protocol.md holds (deno task docs:board)", async () => {
  const fmt = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--config", `${ROOT}deno.json`, "--ext", "md", "-"],
    ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
  }).spawn();
  const writer = fmt.stdin.getWriter();
  await writer.write(new TextEncoder().encode(boardProtocolPage()));
  await writer.close();
  const { stdout } = await fmt.output();
  assertEquals(
    await Deno.readTextFile(`${ROOT}docs/board-protocol.md`),
    new TextDecoder().decode(stdout),
  );
});

Deno.test("boardProtocolPage() shows messages that the board reads as they are", () => {
  for (const [type, { example }] of Object.entries(CLIENT_MESSAGES)) {
    const message = { type, ...example };
    assertEquals(readClientMessage(JSON.stringify(message)), { ok: true, value: message } as never);
  }
});

Deno.test("boardProtocolPage() shows messages that a client reads as they are", () => {
  for (const [type, { example }] of Object.entries(SERVER_MESSAGES)) {
    const message = { type, ...example };
    assertEquals(readServerMessage(JSON.stringify(message)), { ok: true, value: message } as never);
  }
});

Deno.test("clientJsonSchema() accepts each message that the page shows, and none with more keys", () => {
  const ajv = new Ajv2020({ strictTypes: false });
  const validate = ajv.compile({ ...clientJsonSchema() } as Record<string, unknown>);
  for (const [type, { example }] of Object.entries(CLIENT_MESSAGES)) {
    assert(validate({ type, ...example }), `${type}: ${ajv.errorsText(validate.errors)}`);
    assert(!validate({ type, ...example, further: 1 }), type);
  }
  assert(!validate({ type: "welcome" }));
});
