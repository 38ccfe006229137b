// Compares the gas of each action (written by the Gas tests) with gas.json; 2 % either way is tolerated.
//   node gas.mjs            exit code 1 names each action that moved
//   node gas.mjs --accept   writes the present figures
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./compile.mjs";

const TOLERANCE = 0.02;
const file = join(root, "gas.json");
const measured = JSON.parse(readFileSync(join(root, "out/snapshots/gas.json"), "utf8"));

if (process.argv.includes("--accept")) {
  writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`);
} else {
  const accepted = JSON.parse(readFileSync(file, "utf8"));
  for (const action of new Set([...Object.keys(accepted), ...Object.keys(measured)])) {
    const change = measured[action] / accepted[action] - 1;
    if (Math.abs(change) <= TOLERANCE) continue;
    console.error(`${action}: ${measured[action] ?? "not measured"}, was ${accepted[action] ?? "not recorded"}`);
    process.exitCode = 1;
  }
}
