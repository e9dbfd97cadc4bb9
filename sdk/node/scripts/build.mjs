// Compiles src twice, into dist/esm and dist/cjs, each with its types.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

rmSync(join(here, 'dist'), { recursive: true, force: true });
for (const [format, type, module] of [['esm', 'module', 'esnext'], ['cjs', 'commonjs', 'commonjs']]) {
  const out = join(here, 'dist', format);
  mkdirSync(out, { recursive: true });
  execFileSync(process.execPath, [tsc, '-p', here, '--module', module, '--outDir', out], { stdio: 'inherit' });
  writeFileSync(join(out, 'package.json'), `${JSON.stringify({ type })}\n`);
}
