// Types of the parts of Deno's standard library that this project uses. The npm package that
// republishes it carries none; where JSR is within reach, `jsr:@std/…` brings its own and this file
// goes. Test code and program code alike see these declarations through deno.json's
// `compilerOptions.types`.

declare module "@std/assert" {
  /** A class whose instances are `T`, abstract or not. */
  // deno-lint-ignore no-explicit-any
  export type AnyConstructor<T> = abstract new (...args: any[]) => T;

  /** What every assertion of this module throws. */
  export class AssertionError extends Error {
    constructor(message: string, options?: ErrorOptions);
  }

  /** Asserts that `expr` is truthy. */
  export function assert(expr: unknown, msg?: string): asserts expr;
  /** Asserts that `expr` is falsy. */
  export function assertFalse(expr: unknown, msg?: string): asserts expr is Falsy;
  /** Asserts deep equality. */
  export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
  /** Asserts deep inequality. */
  export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;
  /** Asserts identity (`Object.is`). */
  export function assertStrictEquals<T>(
    actual: unknown,
    expected: T,
    msg?: string,
  ): asserts actual is T;
  /** Asserts that two values are not identical (`Object.is`). */
  export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;
  /** Asserts that `actual` is neither null nor undefined. */
  export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;
  /** Asserts `actual instanceof expectedType`. */
  export function assertInstanceOf<T>(
    actual: unknown,
    expectedType: AnyConstructor<T>,
    msg?: string,
  ): asserts actual is T;
  /** Asserts that `actual` is not an instance of `unexpectedType`. */
  export function assertNotInstanceOf<A, T>(
    actual: A,
    unexpectedType: AnyConstructor<T>,
    msg?: string,
  ): asserts actual is Exclude<A, T>;
  /** Asserts that two numbers differ by `tolerance` at most. */
  export function assertAlmostEquals(
    actual: number,
    expected: number,
    tolerance?: number,
    msg?: string,
  ): void;
  /** Asserts `actual > expected`. */
  export function assertGreater<T>(actual: T, expected: T, msg?: string): void;
  /** Asserts `actual >= expected`. */
  export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;
  /** Asserts `actual < expected`. */
  export function assertLess<T>(actual: T, expected: T, msg?: string): void;
  /** Asserts `actual <= expected`. */
  export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;
  /** Asserts that `expected` is a part of `actual`. */
  export function assertStringIncludes(actual: string, expected: string, msg?: string): void;
  /** Asserts that `expected` matches `actual`. */
  export function assertMatch(actual: string, expected: RegExp, msg?: string): void;
  /** Asserts that `expected` does not match `actual`. */
  export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;
  /** Asserts that every element of `expected` is deeply equal to one of `actual`. */
  export function assertArrayIncludes<T>(
    actual: ArrayLike<T>,
    expected: ArrayLike<T>,
    msg?: string,
  ): void;
  /** Asserts that `actual` has at least the properties of `expected`, deeply. */
  export function assertObjectMatch(
    // deno-lint-ignore no-explicit-any
    actual: Record<PropertyKey, any>,
    expected: Record<PropertyKey, unknown>,
    msg?: string,
  ): void;
  /** Asserts that `error` is an Error, of this class and with this text in its message. */
  export function assertIsError<E extends Error = Error>(
    error: unknown,
    ErrorClass?: AnyConstructor<E>,
    msgMatches?: string | RegExp,
    msg?: string,
  ): asserts error is E;
  /** Asserts that `fn` throws; returns what it threw. */
  export function assertThrows(fn: () => unknown, msg?: string): unknown;
  /** Asserts that `fn` throws an error of this class and message; returns the error. */
  export function assertThrows<E extends Error = Error>(
    fn: () => unknown,
    ErrorClass: AnyConstructor<E>,
    msgIncludes?: string,
    msg?: string,
  ): E;
  /** Asserts that the promise of `fn` rejects; returns the reason. */
  export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
  /** Asserts that the promise of `fn` rejects with this class and message; returns the error. */
  export function assertRejects<E extends Error = Error>(
    fn: () => PromiseLike<unknown>,
    ErrorClass: AnyConstructor<E>,
    msgIncludes?: string,
    msg?: string,
  ): Promise<E>;
  /** Deep equality, as {@linkcode assertEquals} uses it. */
  export function equal(a: unknown, b: unknown): boolean;
  /** Fails. */
  export function fail(msg?: string): never;
  /** Fails: this place must not be reached. */
  export function unreachable(msg?: string): never;

  type Falsy = false | 0 | 0n | "" | null | undefined;
}

declare module "@std/bytes" {
  /** Joins byte arrays into a new one. */
  export function concat(buffers: Iterable<Uint8Array>): Uint8Array<ArrayBuffer>;
  /** Copies `src` into `dst` from `offset` on, as much as fits; returns how many bytes. */
  export function copy(src: Uint8Array, dst: Uint8Array, offset?: number): number;
  /** Whether two arrays hold the same bytes. */
  export function equals(a: Uint8Array, b: Uint8Array): boolean;
  /** Whether `source` starts with `prefix`. */
  export function startsWith(source: Uint8Array, prefix: Uint8Array): boolean;
  /** Whether `source` ends with `suffix`. */
  export function endsWith(source: Uint8Array, suffix: Uint8Array): boolean;
  /** Whether `needle` is in `source`, from `start` on. */
  export function includesNeedle(source: Uint8Array, needle: Uint8Array, start?: number): boolean;
  /** The first index of `needle` in `source` from `start` on, or -1. */
  export function indexOfNeedle(source: Uint8Array, needle: Uint8Array, start?: number): number;
  /** The last index of `needle` in `source` up to `start`, or -1. */
  export function lastIndexOfNeedle(source: Uint8Array, needle: Uint8Array, start?: number): number;
  /** `source` repeated `count` times, in a new array. */
  export function repeat(source: Uint8Array, count: number): Uint8Array<ArrayBuffer>;
}

declare module "@std/cli/parse-args" {
  /** Which flags there are, and how their values are read. */
  export interface ParseOptions<
    B extends string = string,
    S extends string = string,
    C extends string = string,
    N extends string = string,
    D extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>,
    Dash extends boolean = boolean,
  > {
    /** Whether what follows `--` goes to `"--"` instead of `_`. */
    readonly "--"?: Dash;
    /** Other names of a flag; each name is set in the result. */
    readonly alias?: Readonly<Record<string, string | readonly string[]>>;
    /** Flags without a value. */
    readonly boolean?: B | readonly B[];
    /** Flags whose value stays text; `"_"` keeps positional arguments text. */
    readonly string?: S | readonly S[];
    /** Flags that may be repeated: their values come as an array, empty if there are none. */
    readonly collect?: C | readonly C[];
    /** Flags that `--no-NAME` sets to false. */
    readonly negatable?: N | readonly N[];
    /** Values of flags that are not given. */
    readonly default?: D;
    /** Whether everything after the first positional argument is positional too. */
    readonly stopEarly?: boolean;
    /**
     * Called with what no option above names; a flag is left out of the result if this returns
     * false. A positional argument comes with `key` undefined.
     */
    readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  }

  /** What {@linkcode parseArgs} found. */
  export type Args<
    B extends string = never,
    S extends string = never,
    C extends string = never,
    N extends string = never,
    D = Record<never, never>,
    Dash extends boolean = false,
  > =
    & { [name: string]: unknown }
    & { [K in Exclude<B, C>]: boolean }
    & { [K in Exclude<S, C | "_" | keyof D>]?: string | (K extends N ? false : never) | undefined }
    & { [K in Exclude<S, C | "_"> & keyof D]: string | D[K] | (K extends N ? false : never) }
    & { [K in C]: (K extends S ? string : K extends B ? boolean : unknown)[] }
    & { [K in Exclude<keyof D, S | B | C>]: unknown }
    & { _: ("_" extends S ? string : string | number)[] }
    & (Dash extends true ? { "--": string[] } : Record<never, never>);

  /** Reads a command line. */
  export function parseArgs<
    const B extends string = never,
    const S extends string = never,
    const C extends string = never,
    const N extends string = never,
    const D extends Readonly<Record<string, unknown>> = Record<never, never>,
    const Dash extends boolean = false,
  >(
    args: readonly string[],
    options?: ParseOptions<B, S, C, N, D, Dash>,
  ): Args<B, S, C, N, D, Dash>;
}

declare module "@std/yaml" {
  /** Reads one YAML document. */
  export function parse(content: string): unknown;
  /** Reads all documents of a text, between which there is `---`. */
  export function parseAll(content: string): unknown[];
}
