/** The lines that Linux's own table of IPv4 sockets has on a local port of 127.0.0.1. */
export async function loopbackSocketsOn(port: number): Promise<string[]> {
  const { stdout } = await new Deno.Command("cat", { args: ["/proc/net/tcp"] }).output();
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.includes(`: 0100007F:${hex} `));
}

/** Seconds until the system will send the next keep-alive probe from a local port; 0 for never. */
export async function keepAliveIn(port: number): Promise<number> {
  // tr:when, where tr 2 is the keep-alive timer and when is in hundredths of a second
  const [line] = await loopbackSocketsOn(port);
  const [, ticks = "0"] = line?.match(/ 02:([0-9A-F]{8}) /) ?? [];
  return parseInt(ticks, 16) / 100;
}
