// What the client must have, by the server's own /openapi.json.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));

// Our types by the names that the server gives the same things.
const TYPES = {
  Sent: 'SentJSON', ResolvedNumber: 'Resolved', Session: 'SessionJSON', QRCode: 'QrJSON', TriggerRecord: 'TriggerJSON', Match: 'MatchOutputBody',
  Webhook: 'WebhookOutputBody', RotatedSecret: 'SecretOutputBody', Simulation: 'SimulateOutputBody', Delivery: 'DeliveryJSON',
  DeliveryPage: 'DeliveriesOutputBody', Settings: 'Settings', Usage: 'UsageOutputBody', Stats: 'StatsJSON',
  Statistics: 'StatsOutputBody', Key: 'KeyJSON', Account: 'AccountJSON', Login: 'LoginOutputBody',
  Message: 'EventMessage', From: 'From', Trigger: 'EventTrigger',
};
const PRIMITIVES = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean' };

/** Every route, and what a request of it looks like. */
export function routesOf(document) {
  return Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => {
    const name = `${method.toUpperCase()} ${path}`;
    return { name, pattern: new RegExp(`^${name.replace(/\{\w+\}/g, '[^/]+')}$`) };
  }));
}

/** Fails where a type has other fields, nulls or words than the document. */
export function compileAgainst(document) {
  const lines = [
    `import type { ${Object.keys(TYPES).join(', ')} } from 'hey-pingr';`,
    'type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;',
    'declare function holds<T extends true>(): T;',
  ];
  for (const [type, schema] of Object.entries(TYPES)) {
    const { properties } = document.components.schemas[schema];
    const fields = Object.keys(properties).filter((field) => field !== '$schema');
    lines.push(`holds<Same<keyof ${type}, ${fields.map((f) => `'${f}'`).join(' | ')}>>();`);
    for (const field of fields) lines.push(...checksOf(`Required<${type}>['${field}']`, properties[field]));
  }
  const file = join(here, 'test', 'document.generated.ts');
  try {
    writeFileSync(file, `${lines.join('\n')}\n`);
    execFileSync(process.execPath, [join(here, 'node_modules', 'typescript', 'bin', 'tsc'),
      '--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', '', file], { cwd: here, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(error.stdout || error.message, { cause: error });
  } finally {
    rmSync(file, { force: true });
  }
}

function checksOf(field, { type, enum: words, oneOf = [] }) {
  const kinds = [type ?? [], oneOf.map((one) => one.type ?? 'object')].flat();
  const checks = [`holds<Same<null extends ${field} ? true : false, ${kinds.includes('null')}>>();`];
  const [kind] = kinds.filter((k) => k !== 'null');
  if (words) checks.push(`holds<Same<NonNullable<${field}>, ${words.filter((w) => w !== null).map((w) => `'${w}'`).join(' | ')}>>();`);
  else if (PRIMITIVES[kind]) checks.push(`holds<NonNullable<${field}> extends ${PRIMITIVES[kind]} ? true : false>();`);
  return checks;
}
