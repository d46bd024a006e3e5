import { assertEquals, assertThrows } from "@std/assert";
import {
  ClientAuthentication,
  type ClientAuthenticationStep,
  type ClientCredentials,
} from "../../../lib/protocol/client/mod.ts";
import {
  type Authenticator,
  LongTermAuthenticator,
  ShortTermAuthenticator,
  StunResponder,
  timeLimitedPassword,
} from "../../../lib/protocol/mod.ts";
import {
  attribute,
  attributeName,
  longTermKey,
  NONCE,
  type RawAttribute,
  REALM,
  type StunMessage,
  type WritableAttribute,
} from "../../../lib/wire/mod.ts";
import { ALICE, NONCE_SECRET, offer, REALM_NAME } from "../authentication_cases.ts";
import { challenged, decode, errorAnswer, fresh } from "./client_authentication_cases.ts";
import { arrival, raw, request } from "../binding_cases.ts";

const WRONG = { ...ALICE, password: "Secret" };
const COOKIELESS = "f//499k954d6OL34oL9FSTvy64sA";
const keys = {
  md5: longTermKey({ ...ALICE, realm: REALM_NAME }),
  sha256: longTermKey({ ...ALICE, realm: REALM_NAME }, "sha256"),
};
const refusedCredentials: ClientAuthenticationStep = {
  kind: "refused",
  because: "credentials",
  reason: "does not accept the credentials",
};

/** What went to and fro: the names of the attributes of each request, and how it was taken. */
type Conversation = readonly (readonly [
  request: readonly string[],
  step: ClientAuthenticationStep | "dropped",
])[];

const PLAIN: readonly string[] = [];
const OLD = ["USERNAME", "REALM", "NONCE", "MESSAGE-INTEGRITY"];
const NAMED = [
  ...["USERNAME", "REALM", "NONCE", "PASSWORD-ALGORITHMS", "PASSWORD-ALGORITHM"],
  "MESSAGE-INTEGRITY-SHA256",
];
const HASHED = ["USERHASH", ...NAMED.slice(1)];
const BOTH = ["USERNAME", "MESSAGE-INTEGRITY", "MESSAGE-INTEGRITY-SHA256"];

const CONVERSATIONS: readonly {
  readonly when: string;
  readonly credentials: ClientCredentials | undefined;
  readonly authenticator?: Authenticator;
  readonly expected: Conversation;
}[] = [
  {
    when: "nobody asks and there are no credentials",
    credentials: undefined,
    expected: [[PLAIN, { kind: "done", authenticated: false }]],
  },
  {
    when: "nobody asks for the credentials",
    credentials: ALICE,
    expected: [[PLAIN, { kind: "done", authenticated: false }]],
  },
  {
    when: "somebody asks and there are no credentials",
    credentials: undefined,
    authenticator: longTerm({ users: [ALICE] }),
    expected: [[PLAIN, { kind: "done", authenticated: false }]],
  },
  {
    when: "the credentials are known",
    credentials: ALICE,
    authenticator: longTerm({ users: [ALICE] }),
    expected: [[PLAIN, { kind: "retry" }], [HASHED, { kind: "done", authenticated: true }]],
  },
  {
    when: "the password is wrong",
    credentials: WRONG,
    authenticator: longTerm({ users: [ALICE] }),
    expected: [[PLAIN, { kind: "retry" }], [HASHED, refusedCredentials]],
  },
  {
    when: "nobody knows the user",
    credentials: { username: "bob", password: "secret" },
    authenticator: longTerm({ users: [ALICE] }),
    expected: [[PLAIN, { kind: "retry" }], [HASHED, refusedCredentials]],
  },
  {
    when: "the credentials are time-limited",
    credentials: timeLimited("north", 1_767_229_200),
    authenticator: longTerm({ authSecret: "north" }),
    expected: [[PLAIN, { kind: "retry" }], [NAMED, { kind: "done", authenticated: true }]],
  },
  {
    when: "the time-limited credentials have expired",
    credentials: timeLimited("north", 1_767_225_599),
    authenticator: longTerm({ authSecret: "north" }),
    expected: [[PLAIN, { kind: "retry" }], [NAMED, refusedCredentials]],
  },
  {
    when: "the credentials are short-term",
    credentials: { ...ALICE, mechanism: "short-term" },
    authenticator: new ShortTermAuthenticator({ users: [ALICE] }),
    expected: [[BOTH, { kind: "done", authenticated: true }]],
  },
  {
    when: "the short-term password is wrong",
    credentials: { ...WRONG, mechanism: "short-term" },
    authenticator: new ShortTermAuthenticator({ users: [ALICE] }),
    expected: [[BOTH, "dropped"]],
  },
  {
    when: "nobody checks the short-term credentials",
    credentials: { ...ALICE, mechanism: "short-term" },
    expected: [[BOTH, "dropped"]],
  },
  {
    when: "a server of short-term credentials gets long-term ones",
    credentials: ALICE,
    authenticator: new ShortTermAuthenticator({ users: [ALICE] }),
    expected: [[PLAIN, { kind: "done", authenticated: false }]], // 400, and nothing else to say
  },
];

for (const { when, credentials, authenticator, expected } of CONVERSATIONS) {
  Deno.test(`ClientAuthentication converses as RFC 8489 section 9 says when ${when}`, () => {
    const client = new ClientAuthentication(credentials);
    const server = new StunResponder({ authenticator });
    const conversation: Conversation[number][] = [];
    for (let turn = 0; turn < 5; turn++) {
      const bytes = request(client.attributes, client.seals);
      const response = decode(server.handle(arrival(bytes))!.bytes);
      const step = client.accepts(response) ? client.conclude(response) : "dropped";
      conversation.push([namesOf(decode(bytes)), step]);
      if (step === "dropped" || step.kind !== "retry") break;
    }
    assertEquals(conversation, expected);
  });
}

Deno.test("ClientAuthentication speaks as RFC 5389 does when there is no PASSWORD-ALGORITHMS", () => {
  const { client, step } = challenged([attribute(REALM, REALM_NAME), attribute(NONCE, COOKIELESS)]);
  assertEquals(step, { kind: "retry" });
  const retry = decode(request(client.attributes, client.seals));
  assertEquals(namesOf(retry), OLD);
  // The message of RFC 8489 section 9.2.5, its bytes made by hand
  assertEquals(retry.attributes.slice(0, 3).map(({ value }) => value), [
    new TextEncoder().encode("alice"),
    new TextEncoder().encode(REALM_NAME),
    new TextEncoder().encode(COOKIELESS),
  ]);
  assertEquals(client.seals, { integrity: keys.md5 });
});

Deno.test("ClientAuthentication hashes the name for a server of RFC 8489 without PASSWORD-ALGORITHMS", () => {
  const { client } = challenged([attribute(REALM, REALM_NAME), attribute(NONCE, "obMatJos2AAAC1")]);
  const names = namesOf(decode(request(client.attributes, client.seals)));
  assertEquals(names, ["USERHASH", "REALM", "NONCE", "MESSAGE-INTEGRITY"]);
});

Deno.test("ClientAuthentication chooses the first algorithm that it knows and echoes the list", () => {
  const cases: readonly [list: string, choice: string][] = [
    ["0002000000010000", "00020000"],
    ["0001000000020000", "00010000"],
    ["7fff00000001000000020000", "00010000"],
    ["0002000400000000" + "00010000", "00010000"], // SHA-256 with parameters is another algorithm
  ];
  for (const [list, choice] of cases) {
    const { client, step } = challenged([...fresh(), raw(0x8002, list)]);
    assertEquals(step, { kind: "retry" });
    const retry = decode(request(client.attributes, client.seals));
    assertEquals(namesOf(retry), HASHED);
    assertEquals(retry.attributes.slice(3, 5).map(({ value }) => value.toHex()), [list, choice]);
  }
});

const UNUSABLE: readonly (readonly [
  when: string,
  attributes: readonly (RawAttribute | WritableAttribute)[],
  reason: string,
])[] = [
  [
    "PASSWORD-ALGORITHMS was taken out",
    fresh(),
    "announces PASSWORD-ALGORITHMS and does not send them: somebody took them",
  ],
  [
    "no algorithm is known",
    [...fresh(), offer(0x7fff)],
    "offers no password algorithm that is known here",
  ],
  [
    "PASSWORD-ALGORITHMS is cut off",
    [...fresh(), raw(0x8002, "0002")],
    "offers no password algorithm that is known here",
  ],
  [
    "there is no NONCE",
    [attribute(REALM, REALM_NAME)],
    "asks for credentials without REALM and NONCE",
  ],
  [
    "there is no REALM",
    [attribute(NONCE, COOKIELESS)],
    "asks for credentials without REALM and NONCE",
  ],
  [
    "the realm is empty",
    [attribute(REALM, ""), attribute(NONCE, COOKIELESS)],
    "names a realm that cannot be used",
  ],
  [
    "the realm is not UTF-8",
    [raw(REALM.type, "ff"), attribute(NONCE, COOKIELESS)],
    "names a realm that cannot be used",
  ],
];

for (const [when, attributes, reason] of UNUSABLE) {
  Deno.test(`ClientAuthentication does not ask again when ${when}`, () => {
    const { client, step } = challenged(attributes);
    assertEquals(step, { kind: "refused", because: "challenge", reason });
    assertEquals([client.attributes, client.seals], [[], {}]);
  });
}

Deno.test("ClientAuthentication asks again with the new nonce when the old one is stale, once", () => {
  const { client } = challenged([...fresh(), offer()]);
  const stale = errorAnswer(438, [
    attribute(REALM, REALM_NAME),
    attribute(NONCE, "obMatJos2AAAD-new"),
    offer(),
  ]);
  assertEquals(client.accepts(stale), true);
  assertEquals(client.conclude(stale), { kind: "retry" });
  const retry = decode(request(client.attributes, client.seals));
  assertEquals(namesOf(retry), HASHED);
  assertEquals(new TextDecoder().decode(retry.attributes[2]!.value), "obMatJos2AAAD-new");
  assertEquals(client.conclude(stale), {
    kind: "refused",
    because: "challenge",
    reason: "finds its own nonces stale",
  });
});

Deno.test("ClientAuthentication keeps its realm when 438 names none", () => {
  const { client } = challenged([attribute(REALM, REALM_NAME), attribute(NONCE, COOKIELESS)]);
  assertEquals(client.conclude(errorAnswer(438, [attribute(NONCE, "new")])), { kind: "retry" });
  const retry = decode(request(client.attributes, client.seals));
  assertEquals(namesOf(retry), OLD);
  assertEquals(retry.attributes.slice(1, 3).map(({ value }) => new TextDecoder().decode(value)), [
    REALM_NAME,
    "new",
  ]);
});

Deno.test("ClientAuthentication takes the credentials for wrong when they are after a stale nonce", () => {
  const { client } = challenged([...fresh(), offer()]);
  client.conclude(errorAnswer(438, [...fresh(), offer()]));
  assertEquals(client.conclude(errorAnswer(401, [...fresh(), offer()])), refusedCredentials);
});

Deno.test("ClientAuthentication tries two realms and no third", () => {
  const { client } = challenged([attribute(REALM, "one"), attribute(NONCE, COOKIELESS)]);
  const next = (realm: string) =>
    client.conclude(errorAnswer(401, [attribute(REALM, realm), attribute(NONCE, COOKIELESS)]));
  assertEquals(next("two"), { kind: "retry" });
  assertEquals(next("three"), {
    kind: "refused",
    because: "challenge",
    reason: "names one realm after the other",
  });
});

Deno.test("ClientAuthentication does not hold on to the bytes of a challenge", () => {
  const client = new ClientAuthentication(ALICE);
  const response = errorAnswer(401, [...fresh(), offer()]);
  client.conclude(response);
  const before = request(client.attributes, client.seals);
  response.bytes.fill(0);
  assertEquals(request(client.attributes, client.seals), before);
});

Deno.test("ClientAuthentication refuses credentials that cannot be sent", () => {
  const cases: readonly [ClientCredentials, string][] = [
    [
      { username: "", password: "x" },
      "Cannot use the credentials: a user name: it is empty, wanted a character at least",
    ],
    [
      { username: "alice", password: "\n" },
      'Cannot use the credentials: the password of "alice": U+000A is not a character of PRECIS ' +
      "FreeformClass",
    ],
    [
      { username: "a".repeat(513), password: "x" },
      "Cannot write USERNAME: text has 513 bytes, the most is 512",
    ],
  ];
  for (const [credentials, message] of cases) {
    const error = assertThrows(() => new ClientAuthentication(credentials), RangeError);
    assertEquals((error as RangeError).message, message);
  }
});

function longTerm(
  options: Partial<ConstructorParameters<typeof LongTermAuthenticator>[0]>,
): LongTermAuthenticator {
  return new LongTermAuthenticator({ realm: REALM_NAME, nonceSecret: NONCE_SECRET, ...options });
}

function timeLimited(secret: string, expiry: number): ClientCredentials {
  const username = `${expiry}:alice`;
  return { username, password: timeLimitedPassword(secret, username) };
}

function namesOf(message: StunMessage): string[] {
  return message.attributes.map(({ type }) => attributeName(type));
}
