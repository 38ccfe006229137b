// solc from npm: standard JSON in, standard JSON out; imports are read from this folder and node_modules.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

export const solc = createRequire(import.meta.url)("solc");
export const root = fileURLToPath(new URL(".", import.meta.url));

export function compile(input) {
  return solc.compile(input, { import: load });
}

function load(path) {
  const candidates = isAbsolute(path) ? [path] : [join(root, path), join(root, "node_modules", path)];
  for (const candidate of candidates) {
    try {
      return { contents: readFileSync(candidate, "utf8") };
    } catch {
      // the next one
    }
  }
  return { error: `not found: ${path}` };
}
