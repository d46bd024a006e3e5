/** Lets one measurement of many through: a histogram costs more than an answer. */
export function sampled(
  observe: ((seconds: number) => void) | undefined,
): ((seconds: number) => void) | undefined {
  if (observe === undefined) return undefined;
  let count = 0;
  return (seconds) => {
    if (count++ % SAMPLE_EVERY === 0) observe(seconds);
  };
}

const SAMPLE_EVERY = 64;
