declare module "@std/assert" {
  export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
}
