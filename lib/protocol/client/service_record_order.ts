/** Where a domain offers a service, as an SRV record says it (RFC 2782). */
export interface ServiceRecord {
  /** The lower, the sooner it is to be tried; 0 to 65535. */
  readonly priority: number;
  /** Its share of the clients among records of the same priority; 0 to 65535. */
  readonly weight: number;
  /** The port of the service; 0 to 65535. */
  readonly port: number;
  /** The name of a host, without a dot at its end; empty if the domain says that it has no such service. */
  readonly target: string;
}

/**
 * The order in which a client tries the records of a service (RFC 2782): by priority, and within a
 * priority by lot, the chances being as the weights are. One of weight 0 is all but last.
 *
 * @param draw Gives a number of 0 to below 1, evenly; called once for every record.
 */
export function orderServiceRecords(
  records: readonly ServiceRecord[],
  draw: () => number,
): ServiceRecord[] {
  const priorities = new Set(records.map(({ priority }) => priority).sort((a, b) => a - b));
  return [...priorities].flatMap((priority) =>
    drawLots(records.filter((record) => record.priority === priority), draw)
  );
}

/** RFC 2782, "Weight": a record of weight 0 wins only when the lot is 0, so it has to come first. */
function drawLots(records: readonly ServiceRecord[], draw: () => number): ServiceRecord[] {
  const left = records.toSorted((a, b) => Math.sign(a.weight) - Math.sign(b.weight));
  const order: ServiceRecord[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    const lot = Math.floor(draw() * (total + 1));
    let sum = 0;
    const winner = left.findIndex(({ weight }) => (sum += weight) >= lot);
    order.push(...left.splice(winner, 1));
  }
  return order;
}
