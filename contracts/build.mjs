// Compiles the contracts and writes what the Python package uses of them.
//   node build.mjs            writes the artifacts
//   node build.mjs --verify   rebuilds and compares byte for byte; exit code 1 names each contract that differs
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile, root, solc } from "./compile.mjs";

const shipped = join(root, "../python/medianode/wallet/artifacts");
const forTests = join(root, "../tests/support/contracts");
const outputs = [
  ["@openzeppelin/contracts/access/manager/AccessManager.sol", "AccessManager", shipped],
  ["src/EpochReports.sol", "EpochReports", shipped],
  ["src/MediaToken.sol", "MediaToken", shipped],
  ["src/NodeRegistry.sol", "NodeRegistry", shipped],
  ["src/Staking.sol", "Staking", shipped],
  ["test/OwnerContract.sol", "OwnerContract", forTests],
];
const settings = {
  evmVersion: "cancun",
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  optimizer: { enabled: true, runs: 1000 },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode", "metadata", "storageLayout"] } },
  viaIR: true,
};

// A note on every use of transient storage; OpenZeppelin's guard clears it at the end of each call, as it asks for.
const TRANSIENT_STORAGE = "2394";

function build() {
  const sources = {};
  for (const [path] of outputs) {
    const file = path.startsWith("@") ? join(root, "node_modules", path) : join(root, path);
    sources[path] = { content: readFileSync(file, "utf8") };
  }
  const input = JSON.stringify({ language: "Solidity", settings, sources });
  const compiled = JSON.parse(compile(input));
  const problems = (compiled.errors ?? []).filter(({ errorCode }) => errorCode !== TRANSIENT_STORAGE);
  for (const { formattedMessage } of problems) console.error(formattedMessage);
  if (problems.length) process.exit(1);
  return outputs.map(([path, name, folder]) => {
    const artifact = describe(path, name, compiled.contracts[path][name]);
    return { name, file: join(folder, `${name}.json`), text: JSON.stringify(sorted(artifact), null, 1) + "\n" };
  });
}

function describe(path, name, { abi, evm, metadata, storageLayout }) {
  const { compiler, settings: used, sources } = JSON.parse(metadata);
  return {
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    compiler: { evmVersion: settings.evmVersion, optimizerRuns: settings.optimizer.runs, version: solc.version(), viaIR: true },
    contractName: name,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
    immutableReferences: Object.values(evm.deployedBytecode.immutableReferences ?? {}).flat(),
    inputHash: sha256({ compiler, used, sources }),
    sourceName: path,
    sources: Object.fromEntries(Object.entries(sources).map(([file, { keccak256 }]) => [file, keccak256])),
    storageLayout: storageLayout.storage.map(({ label, offset, slot, type }) => ({ label, offset, slot, type })),
  };
}

function sha256(value) {
  return `0x${createHash("sha256").update(JSON.stringify(sorted(value))).digest("hex")}`;
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

function write(built) {
  for (const folder of [shipped, forTests]) {
    mkdirSync(folder, { recursive: true });
    for (const old of readdirSync(folder).filter((file) => file.endsWith(".json"))) rmSync(join(folder, old));
  }
  for (const { name, file, text } of built) {
    writeFileSync(file, text);
    console.log(`${name}: ${(JSON.parse(text).deployedBytecode.length - 2) / 2} bytes`);
  }
}

function verify(built) {
  for (const { name, file, text } of built) {
    const same = existsSync(file) && readFileSync(file, "utf8") === text;
    console.log(`${name}: ${same ? "identical" : "DIFFERS from its sources; run ./task contracts"}`);
    if (!same) process.exitCode = 1;
  }
}

const built = build();
if (process.argv.includes("--verify")) verify(built);
else write(built);
