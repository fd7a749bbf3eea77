'use strict';
// Each block of code in docs/node.md runs.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { Client, Server } = require('remofile');

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
const guide = fs.readFileSync(path.join(__dirname, '../../../docs/node.md'), 'utf8');
const blocks = [...guide.matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block);
assert.ok(blocks.length > 4);

for (const [number, block] of blocks.entries()) {
  test(`block ${number} of the guide`, async () => {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'remofile-'));
    const [root, local] = ['root', 'local'].map((name) => path.join(place, name));
    [root, local, path.join(local, 'photos')].forEach((directory) => fs.mkdirSync(directory));
    fs.writeFileSync(path.join(local, 'photos/one.jpg'), 'picture');
    const before = process.cwd();
    process.chdir(local);
    const server = await Server.start({ root });
    const client = await Client.connect({ hostname: '127.0.0.1', port: server.port, token: server.token });
    const console = { log: (...words) => assert.ok(words.length > 0) };
    try {
      await new AsyncFunction('require', 'client', 'console', `{\n${block}\n}`)(require, client, console);
    } finally {
      await client.close();
      await server.stop();
      process.chdir(before);
      fs.rmSync(place, { recursive: true });
    }
  });
}
