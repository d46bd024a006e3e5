/** Reads a flag that is a number of seconds, up to a day: undefined if it was not given, text if it is wrong. */
export function readSeconds(
  name: string,
  value: string | true | readonly string[] | undefined,
): number | string | undefined {
  if (value === undefined) return undefined;
  const seconds = Number(value);
  return seconds > 0 && seconds <= 86_400
    ? seconds
    : `Cannot read --${name}: got ${value}, wanted seconds up to 86400`;
}
