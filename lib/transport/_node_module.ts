/** The modules of Node's that {@linkcode nodeModule} loads. */
export interface NodeModules {
  /** Streams. */
  readonly "node:stream": typeof import("node:stream");
  /** TLS. */
  readonly "node:tls": typeof import("node:tls");
}

/**
 * A module of Node's, loaded at the first call. An import at the top of a file would have everyone
 * who imports anything of ours wait for it (some 40 ms of 55, measured), and `import()` would make
 * a promise of what is not one.
 */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] {
  return globalThis.process.getBuiltinModule(name) as NodeModules[Name];
}
