/**
 * The STUN server as a program: `deno run --allow-net server.ts [flags]`; `--help` lists the flags.
 * To run a server within a program, import `StunServer` from the package itself.
 *
 * @module
 */
import { serve } from "./lib/cli/serve.ts";

if (import.meta.main) Deno.exit(await serve(Deno.args));
