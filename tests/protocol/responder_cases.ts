import type { StunResponderOptions } from "../../lib/protocol/mod.ts";
import { address, type ArrivalOptions, IPV6_SOURCE } from "./binding_cases.ts";

/** A request, and the one right answer to it. */
export interface GoldenCase {
  /** Completes "the golden answer when …". */
  readonly when: string;
  /** In hex. */
  readonly request: string;
  /** In hex. */
  readonly answer: string;
  /** How the request comes in. */
  readonly on?: ArrivalOptions;
  /** What the responder is made of. */
  readonly as?: StunResponderOptions;
}

/**
 * By hand from RFC 8489 sections 5, 6.3 and 14, RFC 3489 section 11 and, for the XOR'ed addresses,
 * RFC 5769. The CRC-32s come from another program.
 */
export const GOLDEN: readonly GoldenCase[] = [
  {
    when: "a plain request comes over IPv4: 32 bytes",
    request: "00010000" + "2112a442b7e7a701bc34d686fa87dfae",
    answer: "0101000c" + "2112a442b7e7a701bc34d686fa87dfae" + "00200008" + "0001a147e112a643",
  },
  {
    when: "a plain request comes over IPv6: 44 bytes",
    request: "00010000" + "2112a442b7e7a701bc34d686fa87dfae",
    answer: "01010018" + "2112a442b7e7a701bc34d686fa87dfae" + "00200014" +
      "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
    on: { source: IPV6_SOURCE },
  },
  {
    when: "a plain request comes over TCP",
    request: "00010000" + "2112a442b7e7a701bc34d686fa87dfae",
    answer: "0101000c" + "2112a442b7e7a701bc34d686fa87dfae" + "00200008" + "0001a147e112a643",
    on: { transport: "tcp" },
  },
  {
    when: "the request has a FINGERPRINT",
    request: "00010008" + "2112a442b7e7a701bc34d686fa87dfae" + "80280004fdf6ae02",
    answer: "01010014" + "2112a442b7e7a701bc34d686fa87dfae" + "00200008" + "0001a147e112a643" +
      "802800047d281f59",
  },
  {
    when: "SOFTWARE is configured",
    request: "00010000" + "2112a442b7e7a701bc34d686fa87dfae",
    answer: "01010018" + "2112a442b7e7a701bc34d686fa87dfae" + "00200008" + "0001a147e112a643" +
      "80220006" + "627265616431" + "0000",
    as: { software: "bread1" },
  },
  {
    when: "the request is of RFC 3489",
    request: "00010000" + "000102030405060708090a0b0c0d0e0f",
    answer: "0101000c" + "000102030405060708090a0b0c0d0e0f" + "00010008" + "00018055c0000201",
  },
  {
    when: "the request is of RFC 3489 and the socket's address is known",
    request: "00010000" + "000102030405060708090a0b0c0d0e0f",
    answer: "01010018" + "000102030405060708090a0b0c0d0e0f" + "00010008" + "00018055c0000201" +
      "00040008" + "00010d96c6336401",
    on: { address: address("198.51.100.1:3478") },
  },
  {
    when: "the request is of RFC 3489 over IPv6, which that RFC does not know",
    request: "00010000" + "000102030405060708090a0b0c0d0e0f",
    answer: "01010018" + "000102030405060708090a0b0c0d0e0f" + "00010014" +
      "0002805520010db8123456780011223344556677",
    on: { source: IPV6_SOURCE, address: address("[2001:db8::1]:3478") },
  },
  {
    when: "an attribute is not known: 420 without words over UDP",
    request: "00010004" + "2112a442b7e7a701bc34d686fa87dfae" + "70010000",
    answer: "01110010" + "2112a442b7e7a701bc34d686fa87dfae" + "0009000400000414" +
      "000a0002" + "70010000",
  },
  {
    when: "an attribute is not known and FINGERPRINT is there",
    request: "0001000c" + "2112a442b7e7a701bc34d686fa87dfae" + "70010000" + "80280004cf186f72",
    answer: "01110018" + "2112a442b7e7a701bc34d686fa87dfae" + "0009000400000414" +
      "000a0002" + "70010000" + "802800041f171d12",
  },
  {
    when: "an attribute is not known: 420 in words over TCP",
    request: "00010004" + "2112a442b7e7a701bc34d686fa87dfae" + "70010000",
    answer: "01110024" + "2112a442b7e7a701bc34d686fa87dfae" + "0009001500000414" +
      "556e6b6e6f776e20417474726962757465" + "000000" + "000a0002" + "70010000",
    on: { transport: "tcp" },
  },
  {
    when: "an attribute is not known in RFC 3489: the list is filled up to a multiple of 4",
    request: "00010004" + "000102030405060708090a0b0c0d0e0f" + "70010000",
    answer: "01110010" + "000102030405060708090a0b0c0d0e0f" + "0009000400000414" +
      "000a0004" + "70017001",
  },
  {
    when: "an attribute overruns the message: 400 without words over UDP",
    request: "00010004" + "2112a442b7e7a701bc34d686fa87dfae" + "80220001",
    answer: "01110008" + "2112a442b7e7a701bc34d686fa87dfae" + "0009000400000400",
  },
  {
    when: "an attribute overruns the message: 400 in words over TCP",
    request: "00010004" + "2112a442b7e7a701bc34d686fa87dfae" + "80220001",
    answer: "01110014" + "2112a442b7e7a701bc34d686fa87dfae" + "0009000f00000400" +
      "4261642052657175657374" + "00",
    on: { transport: "tcp" },
  },
  {
    when: "an attribute overruns the message in RFC 3489: 400 without words over TCP too",
    request: "00010004" + "000102030405060708090a0b0c0d0e0f" + "80220001",
    answer: "01110008" + "000102030405060708090a0b0c0d0e0f" + "0009000400000400",
    on: { transport: "tcp" },
  },
];
