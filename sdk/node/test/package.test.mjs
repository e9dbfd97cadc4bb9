// The package as npm would publish it, installed into an empty project.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as source from 'hey-pingr';

const here = fileURLToPath(new URL('..', import.meta.url));
const npm = (cwd, ...args) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

test('the lock file names versions and hashes, and no place to fetch them from', () => {
  const lock = readFileSync(join(here, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved"|\.tgz/);
  assert.match(lock, /"integrity": "sha512-/);
});

test('npm pack makes a package that an empty project imports and requires', (t) => {
  const project = mkdtempSync(join(tmpdir(), 'hey-pingr-'));
  t.after(() => rmSync(project, { recursive: true, force: true }));
  // The build is done; building again would pull dist from under other tests.
  npm(here, 'pack', '--ignore-scripts', '--pack-destination', project);
  const [tarball] = readdirSync(project);
  assert.equal(tarball, 'hey-pingr-0.3.0.tgz');
  writeFileSync(join(project, 'package.json'), '{"private":true}');
  npm(project, 'install', '--offline', '--no-audit', '--no-fund', `./${tarball}`);
  assert.deepEqual(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.')), ['hey-pingr'], 'no dependencies');
  assert.deepEqual(readdirSync(join(project, 'node_modules', 'hey-pingr')).sort(), ['LICENSE', 'README.md', 'dist', 'package.json']);

  const use = `console.log(Object.keys(pingr).filter((k) => k !== 'default' && k !== 'module.exports').sort().join(),
    pingr.extractChallengeCode('login x4', 'login'), pingr.createChallengeCode().length,
    typeof new pingr.Pingr('pk_test_x').messages.send, ['express', 'fastify', 'hono'].map((name) => typeof adapters[name].pingrWebhook).join())`;
  writeFileSync(join(project, 'a.mjs'), `import * as pingr from 'hey-pingr';
    const adapters = { express: await import('hey-pingr/express'), fastify: await import('hey-pingr/fastify'), hono: await import('hey-pingr/hono') };\n${use}`);
  writeFileSync(join(project, 'a.cjs'), `const pingr = require('hey-pingr');
    const adapters = { express: require('hey-pingr/express'), fastify: require('hey-pingr/fastify'), hono: require('hey-pingr/hono') };\n${use}`);
  const want = `${Object.keys(source).sort().join()} X4 6 function function,function,function\n`;
  for (const file of ['a.mjs', 'a.cjs']) {
    assert.equal(execFileSync(process.execPath, [file], { cwd: project, encoding: 'utf8' }), want, file);
  }
  for (const file of ['b.mts', 'b.cts']) {
    writeFileSync(join(project, file), "import { Pingr, verifyWebhook } from 'hey-pingr';\nimport { pingrWebhook } from 'hey-pingr/hono';\n"
      + "export const id: string = verifyWebhook('', '', '').id;\nexport const sent: Promise<{ message_id: string }> = new Pingr('pk_test_x').messages.send({ to: '', message: '' });\n"
      + 'void pingrWebhook;\n');
    const tsc = join(here, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [tsc, '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', '', file],
      { cwd: project, stdio: 'pipe' });
  }
});
