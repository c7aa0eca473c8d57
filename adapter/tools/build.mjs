// Compiles src twice: for `import` and for `require`.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const adapter = fileURLToPath(new URL("..", import.meta.url));
rmSync(`${adapter}dist`, { recursive: true, force: true });
for (const kind of ["esm", "cjs"]) {
  execFileSync(process.execPath, [
    `${adapter}node_modules/typescript/bin/tsc`, "--project", `${adapter}tsconfig.${kind}.json`,
  ], { stdio: "inherit" });
}
writeFileSync(`${adapter}dist/esm/package.json`, '{"type":"module"}\n');
copyFileSync(`${adapter}../LICENSE`, `${adapter}LICENSE`); // The package has one of its own.
