/** What a message is for (RFC 8489 section 5): the two class bits of its type. */
export type MessageClass = "request" | "indication" | "success" | "error";

/** The Binding method (RFC 8489 section 18.2), the one that every STUN server answers. */
export const BINDING = 0x001;

/** The Shared Secret method of RFC 3489, withdrawn since: known so that it can be named. */
export const SHARED_SECRET = 0x002;

/**
 * Packs class and method into the 14-bit message type.
 *
 * @throws {RangeError} If `method` is not an integer of 0 to 0xFFF.
 */
export function packMessageType(messageClass: MessageClass, method: number): number {
  if (!Number.isInteger(method) || method < 0 || method > 0xfff) {
    throw new RangeError(`Cannot pack a message type: the method is ${method}, wanted 0 to 0xFFF`);
  }
  //  0 0 M11 M10 M9 M8 M7 C1 M6 M5 M4 C0 M3 M2 M1 M0   (RFC 8489 section 5, figure 3)
  const c = CLASSES.indexOf(messageClass);
  return (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2) |
    ((c & 1) << 4) | ((c & 2) << 7);
}

/** The class bits of a message type. */
export function messageClassOf(type: number): MessageClass {
  return CLASSES[((type >> 4) & 1) | ((type >> 7) & 2)]!;
}

/** The method bits of a message type. */
export function messageMethodOf(type: number): number {
  return (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2);
}

const CLASSES: readonly MessageClass[] = ["request", "indication", "success", "error"];
