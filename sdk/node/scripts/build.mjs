// Compiles src twice, into dist/esm and dist/cjs, each with its types. Files are
// replaced one by one when all are made, so that dist is whole at any time for
// programs that run meanwhile, and when another build runs too.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

const made = mkdtempSync(join(here, '.build-'));
try {
  for (const [format, type, module] of [['esm', 'module', 'esnext'], ['cjs', 'commonjs', 'commonjs']]) {
    const out = join(made, format);
    mkdirSync(out);
    execFileSync(process.execPath, [tsc, '-p', here, '--module', module, '--outDir', out], { stdio: 'inherit' });
    writeFileSync(join(out, 'package.json'), `${JSON.stringify({ type })}\n`);
    replace(out, join(here, 'dist', format));
  }
} finally {
  rmSync(made, { recursive: true, force: true });
}

/** Moves what is in one folder into another, and removes what else is there. */
function replace(from, to) {
  mkdirSync(to, { recursive: true });
  const files = readdirSync(from);
  for (const file of files) renameSync(join(from, file), join(to, file));
  for (const file of readdirSync(to)) {
    if (!files.includes(file)) rmSync(join(to, file), { recursive: true, force: true });
  }
}
