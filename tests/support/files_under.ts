/** The files in a folder and in its folders, sorted, by their paths from there: `lib/wire/mod.ts`. */
export function filesUnder(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesUnder(`${folder}/${name}`).map((path) => `${name}/${path}`) : [name]
  ).sort();
}
