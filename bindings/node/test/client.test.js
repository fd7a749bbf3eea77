'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');
const { Client, RemofileError, Server, generateKeys, generateToken } = require('remofile');
const native = require('remofile/lib/native');

let place, root, local, server, client;

before(async () => {
  place = fs.mkdtempSync(path.join(os.tmpdir(), 'remofile-'));
  [root, local] = ['root', 'local'].map((name) => path.join(place, name));
  [root, local].forEach((directory) => fs.mkdirSync(directory));
  server = await Server.start({ root });
  client = await Client.connect({ hostname: '127.0.0.1', port: server.port, token: server.token });
});

after(async () => {
  await client.close();
  await server.stop();
  assert.equal(native.openHandles(), 0);
  fs.rmSync(place, { recursive: true });
});

const fails = (code) => (error) => error instanceof RemofileError && error.code === code;

test('structs have the size that the headers give them', () => {
  const listed = fs.readFileSync(path.join(__dirname, '../../c/tests/abi.txt'), 'utf8');
  for (const [name, size] of Object.entries(native.sizes())) assert.ok(listed.includes(`${name} ${size}\n`), name);
});

test('what is no text or no bytes is refused before the library sees it', async () => {
  for (const wrong of [5, {}, ['/a'], '/a\0b', '/\ud800']) {
    await assert.rejects(client.list(wrong), TypeError);
    await assert.rejects(client.remove(wrong), TypeError);
    await assert.rejects(client.move('/a', wrong), TypeError);
    await assert.rejects(Client.connect({ hostname: wrong, token: server.token }), TypeError);
  }
  await assert.rejects(client.upload(['a\0b'], '/'), TypeError);
  await assert.rejects(client.upload(['a'], '/', { exclude: ['a\0b'] }), TypeError);
  for (const wrong of [5, undefined, { byteLength: 8 }]) await assert.rejects(client.writeFile('/a', wrong), /content must be/);
  const file = await client.open('/written', 'w');
  await assert.rejects(file.write(5), /content must be/);
  await file.write('text');
  await file.close();
  assert.equal(await client.readFile('/written', 'utf8'), 'text');
});

test('a place that is no whole number changes nothing', async () => {
  await client.writeFile('/places', 'content');
  const file = await client.open('/places', 'r+');
  for (const wrong of [NaN, -1, 1.5, '3', 2n ** 64n, Infinity]) {
    await assert.rejects(file.write('X', { position: wrong }), TypeError);
    await assert.rejects(file.read(1, { position: wrong }), TypeError);
    await assert.rejects(file.truncate(wrong), TypeError);
    await assert.rejects(file.seek(wrong), TypeError);
    await assert.rejects(client.setAttributes('/places', { mode: wrong }), TypeError);
    assert.throws(() => client.createReadStream('/places', { start: wrong }), TypeError);
  }
  await assert.rejects(file.seek(), TypeError);
  assert.equal((await file.read(3, { position: null })).toString(), 'con');
  assert.equal((await file.read(3, { position: 4n })).toString(), 'ent');
  await file.close();
  assert.equal(await client.readFile('/places', 'utf8'), 'content');
});

test('an option or a source that is none is refused, and nothing is done', async () => {
  await client.writeFile('/options', 'content');
  const wrong = { flag: 'a' };
  for (const call of [
    () => client.setAttributes('/options', { mdoe: 0o600 }), () => client.stat('/options', wrong), () => client.lstat('/options', wrong),
    () => client.status(wrong), () => client.holders(wrong), () => client.diskSpace('/', wrong), () => client.readFile('/options', wrong),
    () => client.open('/options', 'w', wrong), () => client.open('/options', 'toString'), () => client.upload(['a'], '/', { toString: true }),
    () => Server.start({ root: '.', toString: true }), () => Client.connect({ token: server.token, port: server.port, protocol: '1' }),
    () => client.upload(undefined, '/'), () => client.download([5], '.'), () => client.syncUpload('.', '/', { backup: 5 }),
    () => client.syncUpload('.', '/', { maxDelete: 5 }), () => client.syncDownload('/', '.', { delete: true, maxDelete: 0 }),
    () => client.download(['/options'], '.', { maxSize: 0n }), () => client.syncUpload('.', '/', { exclude: [5] }), () => client.setAttributes('/options', { modified: 5 }),
  ]) {
    await assert.rejects(call, TypeError, String(call));
  }
  await assert.rejects(client.setAttributes('/options', { modified: 10n ** 30n }), RangeError);
  assert.throws(() => client.createWriteStream('/options', wrong), TypeError);
  assert.throws(() => client.createReadStream('/options', { strat: 3 }), TypeError);
  const file = await client.open('/options', 'r+');
  await assert.rejects(file.write('X', { offset: 3 }), TypeError);
  await assert.rejects(file.read(1, { offset: 3 }), TypeError);
  await file.close();
  assert.equal(await client.readFile('/options', 'utf8'), 'content');
});

test('directories, files and links', async () => {
  await client.makeDirectory('/d/e', { parents: true });
  await assert.rejects(client.makeDirectory('/d'), fails('already-exists'));
  await client.createFile('/d/empty');
  await client.writeFile('/d/e/file', 'content');
  await client.makeLink('/d/link', 'e/file');
  assert.deepEqual((await client.list('/d')).map(({ path, kind }) => [path, kind]), [
    ['/d/e', 'directory'], ['/d/empty', 'file'], ['/d/link', 'link'],
  ]);
  assert.equal((await client.list('/d', { recursive: true })).length, 4);
  assert.equal((await client.stat('/d/link')).size, 7);
  assert.equal((await client.lstat('/d/link')).target, 'e/file');
  const modified = new Date('2001-02-03T04:05:06.789Z');
  await client.setAttributes('/d/e/file', { mode: 0o600, modified });
  const told = await client.stat('/d/e/file');
  assert.deepEqual([told.mode, told.modified], [0o600, modified]);
  await client.move('/d/empty', '/d/moved');
  assert.equal((await client.copy('/d', '/copy', { recursive: true })).files, 3);
  assert.deepEqual(await client.remove('/copy', { recursive: true }), { files: 3, directories: 2 });
  await client.remove('/d', { recursive: true });
});

test('hashes, room and who is in the way', async () => {
  const md5 = (text) => createHash('md5').update(text).digest('hex');
  await client.makeDirectory('/h/a', { parents: true });
  await client.writeFile('/h/a/abc', 'abc');
  await client.writeFile('/h/b', 'b');
  assert.equal(await client.hash('/h/a/abc'), '06b05ab6733a618578af5f94892f3950');
  for (const algorithm of ['sha256', 'sha512', 'sha1', 'md5']) {
    assert.equal(await client.hash('/h/b', { algorithm }), createHash(algorithm).update('b').digest('hex'));
  }
  assert.deepEqual(await client.hashes('/h', { algorithm: 'md5' }), new Map([['/h/a/abc', md5('abc')], ['/h/b', md5('b')]]));
  await assert.rejects(client.hash('/h'), fails('not-a-file'));
  await assert.rejects(client.hashes('/missing'), fails('not-found'));
  await assert.rejects(client.hash('/h/b', { algorithm: 'crc32' }), TypeError);
  await assert.rejects(client.hash('/h/b', { algorithms: 'md5' }), TypeError);
  const { size, used, free } = await client.diskSpace();
  assert.ok(size > 0 && used > 0 && free <= size);
  await assert.rejects(client.diskSpace('/missing'), fails('not-found'));
  assert.deepEqual(await client.holders(), []);
  assert.equal((await client.status()).hidesOthers, false);
  const ended = new AbortController();
  // More than could arrive before anybody looks, on a machine that is busy.
  fs.writeFileSync(path.join(local, 'slow'), Buffer.alloc(1000000));
  const slow = client.upload(path.join(local, 'slow'), '/h', { bytesPerSecond: 1, signal: ended.signal });
  let holders = [];
  while (holders.length === 0) holders = await client.holders();
  assert.deepEqual(holders.map(({ activity }) => activity), ['upload']);
  assert.ok(holders[0].client && holders[0].address.includes('127.0.0.1') && holders[0].held < 60000);
  assert.ok(holders[0].text.includes(': upload'));
  ended.abort();
  await assert.rejects(slow, { name: 'AbortError' });
  await client.remove('/h', { recursive: true });
});

test('errors have a code, a number and a path', async () => {
  const error = await client.stat('/missing').catch((error) => error);
  assert.ok(fails('not-found')(error));
  assert.deepEqual([error.number, error.path, error.isRemote], [1001, '/missing', true]);
  await assert.rejects(client.stat('relative'), fails('invalid-name'));
  await assert.rejects(client.upload('x', '/', { recursiv: true }), TypeError);
  await assert.rejects(client.upload('x', '/', { onConflict: 'ask' }), TypeError);
  const where = { hostname: '127.0.0.1', port: server.port };
  await assert.rejects(Client.connect({ ...where, token: generateToken() }), fails('wrong-token'));
  await assert.rejects(Client.connect(where), fails('null-argument'));
});

test('transfers, their events and what callbacks throw', async () => {
  fs.mkdirSync(path.join(local, 'tree'));
  fs.writeFileSync(path.join(local, 'tree/large'), Buffer.alloc(300000, 'x'));
  fs.writeFileSync(path.join(local, 'tree/note.tmp'), 'x');
  const kinds = new Set();
  let moved = 0;
  const report = await client.upload(path.join(local, 'tree'), '/', {
    recursive: true, exclude: ['*.tmp'], total: true,
    onEvent: ({ kind, bytes }) => {
      kinds.add(kind);
      if (kind === 'moved') moved += bytes;
    },
  });
  assert.deepEqual([report.files, report.bytes, moved], [1, 300000, 300000]);
  assert.ok(['total', 'started', 'finished'].every((kind) => kinds.has(kind)));
  const mine = new Error('mine');
  const options = { recursive: true, resume: false, onConflict: 'replace' };
  const throwing = () => {
    throw mine;
  };
  await assert.rejects(client.upload(path.join(local, 'tree'), '/', { ...options, onEvent: throwing }), mine);
  await assert.rejects(client.upload(path.join(local, 'tree'), '/', { ...options, resolve: throwing }), mine);
  await assert.rejects(client.upload(path.join(local, 'tree'), '/', { ...options, onEvent: () => false }), fails('stopped'));
  await assert.rejects(client.upload(path.join(local, 'nothing'), '/'), fails('not-found'));
  assert.equal((await client.syncDownload('/tree', path.join(local, 'back'))).files, 1);
  fs.rmSync(path.join(local, 'back/large'));
  assert.equal((await client.syncUpload(path.join(local, 'back'), '/tree', { delete: true })).deleted, 1);
  await client.writeFile('/one', 'one');
  assert.equal((await client.download('/one', local)).files, 1);
  assert.equal(fs.readFileSync(path.join(local, 'one'), 'utf8'), 'one');
});

test('open files', async () => {
  const file = await client.open('/file', 'w+');
  assert.equal(await file.write('0123456789'), 10);
  await assert.rejects(client.stat('/file'), fails('not-found'));
  await file.close();
  const both = await client.open('/file', 'r+');
  await both.write('ab', { position: 2 });
  assert.equal((await both.read(5)).toString(), '01ab4');
  // Calls of one file are made one after the other.
  const parts = await Promise.all([0, 2, 4].map((position) => both.read(2, { position })));
  assert.deepEqual(parts.map(String), ['01', 'ab', '45']);
  await both.truncate(3);
  assert.equal(await both.size(), 3);
  await both.close();
  await assert.rejects(both.read(1), fails('closed-handle'));
  assert.equal(await client.readFile('/file', { encoding: 'utf8' }), '01a');
});

test('streams', async () => {
  const lines = Array.from({ length: 100000 }, (_, number) => `line ${number}\n`);
  await pipeline(Readable.from(lines), client.createWriteStream('/lines'));
  let text = '';
  for await (const chunk of client.createReadStream('/lines', { encoding: 'utf8' })) text += chunk;
  assert.equal(text, lines.join(''));
  const part = await client.createReadStream('/lines', { start: 5, end: 8 }).toArray();
  assert.equal(Buffer.concat(part).toString(), '0\nli');
  // What is destroyed leaves nothing behind.
  const broken = Readable.from((function* () {
    yield 'x';
    throw new Error('broken');
  })());
  await assert.rejects(pipeline(broken, client.createWriteStream('/broken')), /broken/);
  await assert.rejects(client.stat('/broken'), fails('not-found'));
  await assert.rejects(client.createReadStream('/missing').toArray(), fails('not-found'));
});

test('many calls at once', async () => {
  await Promise.all(Array.from({ length: 50 }, (_, number) => client.writeFile(`/n${number}`, String(number))));
  const contents = await Promise.all(Array.from({ length: 50 }, (_, number) => client.readFile(`/n${number}`)));
  assert.deepEqual(contents.map(Number), Array.from({ length: 50 }, (_, number) => number));
});

test('a signal ends a call that waits', async () => {
  await client.createFile('/followed');
  const file = await client.open('/followed', 'r', { follow: true });
  const controller = new AbortController();
  const read = file.read(1, { signal: controller.signal });
  setImmediate(() => controller.abort());
  await assert.rejects(read, { name: 'AbortError' });
  await file.abort();
  await assert.rejects(client.stat('/', { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('a server with keys, of which only who has the public one is a client', async () => {
  const { publicKey, privateKey } = generateKeys();
  const directory = path.join(place, 'keys');
  fs.mkdirSync(directory);
  const other = await Server.start({ root: directory, privateKey, readOnly: true });
  const where = { hostname: '127.0.0.1', port: other.port, token: other.token };
  await assert.rejects(Client.connect(where), fails('key-required'));
  const reader = await Client.connect({ ...where, publicKey });
  await assert.rejects(reader.createFile('/x'), fails('read-only'));
  await reader.close();
  await other.stop();
});

test('numbers that no struct can hold are refused', async () => {
  const { port, token } = server;
  await assert.rejects(Client.connect({ hostname: '127.0.0.1', port: port + 65536, token }), TypeError);
  await assert.rejects(Server.start({ root, port: 65536 }), TypeError);
  await assert.rejects(client.upload([local], '/', { recursive: true, retries: 2 ** 32 }), TypeError);
  await assert.rejects(client.upload([local], '/', { recursive: true, minSize: -1n }), TypeError);
});

test('the reason of a signal is what a transfer fails with, whatever it is', async () => {
  const upload = client.upload([local], '/', { recursive: true, signal: AbortSignal.abort('why') });
  assert.equal(await upload.catch((reason) => reason), 'why');
});

test('a file that is followed gives what there is, from where it was asked for, and can be left', async () => {
  fs.writeFileSync(path.join(root, 'log'), 'one two');
  const stream = client.createReadStream('/log', { follow: true, start: 4, encoding: 'utf8' });
  for await (const text of stream) {
    assert.equal(text, 'two');
    break;
  }
  const file = await client.open('/log', 'r', { follow: true });
  await file.read(7);
  const waits = file.read(1).catch((error) => error);
  await file.abort();
  assert.ok((await waits) instanceof Error);
});
