// Builds the pages: node build.mjs [folder]. Hashed names, compressed ahead, one index.html.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = import.meta.dirname;
const folder = path.resolve(process.argv[2] ?? path.join(here, "../src/runlog/ui"));
const assets = path.join(folder, "assets");

await rm(folder, { recursive: true, force: true });
await mkdir(assets, { recursive: true });
const common = {
  absWorkingDir: here,
  bundle: true,
  target: ["chrome123", "firefox121", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
};
const result = await build({
  ...common,
  entryPoints: { main: "src/main.tsx", style: "src/style.css" },
  splitting: true,
  format: "esm",
  outdir: assets,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  metafile: true,
  // Chromium then compiles all of a file beside the main thread, not each function when it is called:
  // a sixth of the CPU of a run's page.
  banner: { js: "//# allFunctionsCalledOnLoad" },
});

const outputs = Object.entries(result.metafile.outputs);
const named = (entry) => path.basename(outputs.find(([, output]) => output.entryPoint === entry)[0]);
// Every part that is loaded on demand imports shared.ts, so that whatever it shares with the start
// lies in one file with it. What is left of main.tsx only imports that file: the document does.
const style = named("src/style.css");
const entry = outputs.find(([, output]) => output.entryPoint === "src/main.tsx");
const shared = entry[1].imports.filter((each) => each.kind === "import-statement");
if (shared.length !== 1) throw new Error(`the start needs ${shared.length} files, not one`);
const script = path.basename(shared[0].path);
await rm(path.join(assets, path.basename(entry[0])));
const document = (await readFile(path.join(here, "index.html"), "utf8"))
  .replace("src/style.css", `assets/${style}`)
  .replace("src/main.tsx", `assets/${script}`);
await writeFile(path.join(folder, "index.html"), document);

// Runs saved as one file: a script that needs no other, without the frame of the pages and the files.
const without = {
  name: "without",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /\/(shared\.ts|(artifacts|classification|models\/page)\.tsx)$/ }, ({ path: name }) => ({
      path: name,
      namespace: "without",
    }));
    onLoad({ filter: /./, namespace: "without" }, () => ({
      contents: "export const Artifacts = null, Pictures = null, Classification = null, RunModels = null",
    }));
  },
};
await build({
  ...common,
  entryPoints: { "offline-page": "src/offline-page.tsx" },
  format: "iife",
  plugins: [without],
  outdir: folder,
});
const offlineScript = await readFile(path.join(folder, "offline-page.js"), "utf8");
if (/<\/?script|\r/i.test(offlineScript)) throw new Error("offline-page.js cannot stand within a document");
await writeFile(path.join(folder, "offline-page.css"), await readFile(path.join(assets, style)));
console.log(`${String(gzipSync(offlineScript, { level: 9 }).length).padStart(7)} offline-page.js`);

// The licences of the packages whose code the pages contain.
const inputs = Object.keys(result.metafile.inputs);
const packages = new Set(inputs.map((each) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(each)?.[1]).filter(Boolean));
const notices = await Promise.all([...packages].sort().map(noticeOf));
await writeFile(path.join(folder, "third-party-notices.txt"), notices.join(`\n${"-".repeat(100)}\n`));

async function noticeOf(name) {
  const home = path.join(here, "node_modules", name);
  const { version, license } = JSON.parse(await readFile(path.join(home, "package.json"), "utf8"));
  const file = (await readdir(home)).find((each) => /^licen[cs]e(\.|$)/i.test(each));
  if (!file) throw new Error(`${name} has no file with its licence`);
  return `${name} ${version} (${license})\n\n${await readFile(path.join(home, file), "utf8")}`;
}

let total = 0;
for (const [name] of outputs.filter((each) => each !== entry)) {
  const file = path.join(assets, path.basename(name));
  const body = await readFile(file);
  const compressed = gzipSync(body, { level: 9 });
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  await writeFile(`${file}.gz`, compressed);
  await writeFile(`${file}.br`, brotliCompressSync(body, { params: quality }));
  total += compressed.length;
  console.log(`${String(compressed.length).padStart(7)} ${path.basename(name)}`);
}
console.log(`${String(total).padStart(7)} bytes in all, by gzip`);
