/**
 * The JSON Schema of the configuration file, for editors and for whoever writes such files by
 * program. `deno task schema` writes it to `lib/cli/config.schema.json`.
 *
 * @module
 */
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import { type Setting, SETTINGS, SETTINGS_SCHEMA } from "./settings_table.ts";

/**
 * Makes the JSON Schema (draft 2020-12) of the configuration file from the table of settings.
 *
 * Whatever the server accepts, the schema accepts. It cannot say everything, so the server refuses
 * a little more: an IPv6 address block that is misspelt, a block with host bits, and settings that
 * do not go together, which is for the server to say because flags may complete the file.
 */
export function settingsJsonSchema(): JsonSchema {
  const generated = toJsonSchema(SETTINGS_SCHEMA, {
    target: "draft-2020-12",
    // Functions, which say nothing to others; FORMS says it in their place
    ignoreActions: ["check"],
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === "regex" && "requirement" in valibotAction
        ? { ...jsonSchema, pattern: unflagged(valibotAction.requirement as RegExp) }
        : undefined,
  });
  const properties = Object.entries<Setting>(SETTINGS).map(([name, row]) => {
    const schema = generated.properties?.[name];
    if (typeof schema !== "object") throw new TypeError(`Cannot describe ${name}: no schema`);
    return [name, describe(row, schema)];
  });
  return {
    $schema: generated.$schema!,
    title: "Configuration of the Pinhole STUN server",
    description: "The file that --config names. Every key is a flag of the server too; a flag " +
      "that is given wins. --check-config tells everything that is wrong with a file.",
    type: "object",
    properties: { $schema: { type: "string" }, ...Object.fromEntries(properties) },
    additionalProperties: false,
  };
}

function describe(row: Setting, schema: JsonSchema): JsonSchema {
  const { default: standard, ...rest } = schema;
  return {
    description: row.help,
    ...standard === undefined ? {} : { default: standard },
    ...schema.type === "array" ? listForms(row, rest) : { ...rest, ...FORMS[row.value] },
  };
}

/** A list, or what readServeSettings takes for one. */
function listForms(row: Setting, schema: JsonSchema): JsonSchema {
  const item = { ...schema.items as JsonSchema, ...FORMS[row.value] };
  if (row.reads !== "comma-list") return { anyOf: [{ ...schema, items: item }, item] };
  const name = `\\s*(?:${item.enum!.join("|")})\\s*`;
  // None of them twice
  const text = { type: "string", pattern: `^(?!.*\\b(\\w+)\\b.*\\b\\1\\b)${name}(?:,${name})*$` };
  return { anyOf: [{ ...schema, items: item, uniqueItems: true }, text as JsonSchema] };
}

/** JSON Schema has no flags; its patterns are as with `u`, and `s` can be written out. */
function unflagged({ source, flags }: RegExp): string {
  if (/[^su]/.test(flags) || /\\\.|\[[^\]]*\./.test(source)) {
    throw new TypeError(`Cannot describe /${source}/${flags}: wanted no flags but s and u`);
  }
  return flags.includes("s") ? source.replaceAll(".", "[\\s\\S]") : source;
}

const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/** What the table checks by functions, by what stands for the value in the help. */
const FORMS: Readonly<Record<string, JsonSchema>> = {
  ADDR: { anyOf: [{ format: "ipv4" }, { format: "ipv6" }] },
  CIDR: {
    anyOf: [
      { pattern: `^${OCTET}(?:\\.${OCTET}){3}(?:/(?:3[0-2]|[12]?[0-9]))?$` },
      // Which colons there may be is too long for a pattern that people read
      { pattern: "^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$" },
    ],
  },
};

if (import.meta.main) {
  const text = JSON.stringify(settingsJsonSchema(), null, 2);
  Deno.writeTextFileSync(new URL("config.schema.json", import.meta.url), `${text}\n`);
}
