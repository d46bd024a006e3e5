// systemd takes READY=1 from the main process of a unit alone (`NotifyAccess=main`), which it tells by
// the credentials that the kernel attaches. What it would see is read here as it reads it.

import { assertEquals } from "@std/assert";
import { ROOT } from "../support/pinhole_server.ts";
import { Child, deno } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";

testWithTool({
  name: "the kernel names the process that calls notifyService() as the sender of its datagram",
  tools: [{ command: "python3", package: "python3" }],
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const name = `${folder}/notify`;
    try {
      await using manager = new Child("python3", ["-u", "-c", MANAGER, name]);
      await manager.line(/^bound$/);
      await using service = deno(
        [
          ...["run", "--no-prompt", "--no-lock", `--config=${ROOT}deno.json`],
          ...["--allow-net", "--allow-env=NOTIFY_SOCKET", `--allow-write=${name}`],
          `data:application/javascript,${encodeURIComponent(SERVICE)}`,
        ],
        { env: { NOTIFY_SOCKET: name } },
      );
      const { code, stdout } = await service.result(20_000);
      assertEquals([code, stdout], [0, '{"sent":true}\n']);
      const [, pid, state] = await manager.line(/^from (\d+): (.*)$/);
      assertEquals([Number(pid), state], [service.pid, "READY=1"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

const SERVICE = `
  import { notifyService } from ${JSON.stringify(`file://${ROOT}lib/ops/mod.ts`)};
  console.log(JSON.stringify(await notifyService("READY=1")));`;

const MANAGER = `
import socket, struct, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
manager.bind(sys.argv[1])
print("bound")
state, ancillary, _, _ = manager.recvmsg(4096, 256)
[(_, _, credentials)] = ancillary
pid, _, _ = struct.unpack("iII", credentials)
print(f"from {pid}: {state.decode()}")
`;
