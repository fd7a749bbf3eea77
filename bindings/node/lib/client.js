'use strict';

const native = require('./native');
const { RemofileError } = require('./errors');
const { call, callHere, abortable } = require('./call');
const {
  ALGORITHMS, CHOICES, NO_MODE, choice, count, entry, event, holder, known, metadata, milliseconds, refuse, report, space, transferOptions,
} = require('./options');
const { RemoteFile, openFlags } = require('./file');
const streams = require('./streams');

const FLAGS = { update: 1 << 1, parents: 1 << 2, replace: 1 << 3, recursive: 1 };

/** The flags of options that are true; others are refused. */
function flagsOf(options, ...names) {
  let flags = 0;
  for (const [name, value] of Object.entries(options)) {
    if (name === 'signal') continue;
    if (!names.includes(name)) throw new TypeError(`there is no option ${name}`);
    if (value && name in FLAGS) flags |= FLAGS[name];
  }
  return flags;
}

/** A time, a Date or nanoseconds, for the struct of C; null if there is none. */
function timeOf(modified) {
  if (modified === undefined) return null;
  const nanoseconds = modified instanceof Date ? BigInt(modified.getTime()) * 1000000n : modified;
  if (typeof nanoseconds !== 'bigint') throw new TypeError('modified must be a Date, or nanoseconds as a bigint');
  const seconds = nanoseconds / 1000000000n - (nanoseconds % 1000000000n < 0n ? 1n : 0n);
  if (BigInt.asIntN(64, seconds) !== seconds) throw new RangeError('modified is no time that a file can have');
  return native.struct('metadata', { modified_seconds: seconds, modified_nanoseconds: Number(nanoseconds - seconds * 1000000000n) });
}

/** A client of one server. Its calls may be made at the same time: each has a session of its own. */
class Client {
  #idle;
  #all;
  #isClosed = false;

  /** Use Client.connect. */
  constructor(handle) {
    this.#idle = [handle];
    this.#all = new Set([handle]);
  }

  /** Connects to a server and proves the token. */
  static async connect({ hostname = 'localhost', port = 6768, token, publicKey, timeout, stallTimeout, wait, plain, protocol = 2, ...others }) {
    refuse(others);
    const options = native.struct('client_options', {
      hostname, port: count('port', port, 0xffff), token: token ?? null, public_key: publicKey ?? null,
      flags: (choice('protocol', protocol, [1, 2]) === 0 ? 1 << 29 : 0) | (plain ? 1 << 30 : 0),
      timeout_ms: milliseconds('timeout', timeout),
      stall_timeout_ms: milliseconds('stallTimeout', stallTimeout),
      wait_ms: wait === Infinity ? 2n ** 64n - 1n : wait === 0 ? 2n ** 64n - 2n : milliseconds('wait', wait),
    });
    const made = [null];
    await call('connect', options, made);
    return new Client(made[0]);
  }

  /** Makes a call with a session that no other call uses. */
  async #with(signal, work) {
    if (this.#isClosed) throw new Error('the client is closed');
    const handle = this.#idle.pop() ?? (await this.#another());
    try {
      return await abortable(signal, () => callHere('client_cancel', handle), () => work(handle));
    } finally {
      if (this.#isClosed) this.#end(handle);
      else this.#idle.push(handle);
    }
  }

  async #another() {
    const [first] = this.#all;
    const made = [null];
    await call('client_clone', first, made);
    this.#all.add(made[0]);
    return made[0];
  }

  #end(handle) {
    this.#all.delete(handle);
    callHere('client_close', handle);
  }

  /** Ends the sessions: those of calls that are being made when they are over. */
  async close() {
    this.#isClosed = true;
    for (const handle of this.#idle.splice(0)) this.#end(handle);
  }

  async [Symbol.asyncDispose ?? Symbol('asyncDispose')]() {
    await this.close();
  }

  async status({ signal, ...others } = {}) {
    refuse(others);
    const raw = native.struct('server_status');
    await this.#with(signal, (handle) => call('status', handle, raw));
    return {
      agent: raw.agent, cipher: raw.cipher, address: raw.address, token: raw.token || undefined, holders: raw.holders,
      waiting: raw.waiting, uptime: raw.uptime_ms, roundTrip: Number(raw.round_trip_ns) / 1e6, used: known(raw.used), quota: known(raw.quota),
      hidesOthers: raw.hides_others !== 0,
    };
  }

  async stat(path, { signal, ...others } = {}) {
    refuse(others);
    const raw = native.struct('metadata');
    await this.#with(signal, (handle) => call('stat', handle, path, raw));
    return metadata(raw);
  }

  async lstat(path, { signal, ...others } = {}) {
    refuse(others);
    const raw = native.struct('metadata');
    const target = Buffer.alloc(4097);
    await this.#with(signal, (handle) => call('lstat', handle, path, raw, target));
    return { ...metadata(raw), target: target.toString('utf8', 0, target.indexOf(0)) || undefined };
  }

  /** The elements of a directory; what cannot be listed has an error. */
  async list(path = '/', options = {}) {
    const flags = flagsOf(options, 'recursive');
    const entries = await this.#collect('on_entry', 'entry', options.signal, (handle, ...each) => call('list', handle, path, flags, ...each));
    return entries.map(entry);
  }

  /** What a call tells a callback, one after the other. */
  async #collect(callback, type, signal, body) {
    const told = [];
    const each = native.register(callback, (_, pointer) => {
      told.push(native.decode(pointer, type));
      return 0;
    });
    try {
      await this.#with(signal, (handle) => body(handle, each, null));
    } finally {
      native.unregister(each);
    }
    return told;
  }

  /** The clients that others may have to wait for. */
  async holders({ signal, ...others } = {}) {
    refuse(others);
    const holders = await this.#collect('on_holder', 'holder', signal, (handle, ...each) => call('holders', handle, ...each));
    return holders.map(holder);
  }

  /** The room of the disk that a path is on; of its quota, if the token has one. */
  async diskSpace(path = '/', { signal, ...others } = {}) {
    refuse(others);
    const raw = native.struct('space');
    await this.#with(signal, (handle) => call('disk_space', handle, path, raw));
    return space(raw);
  }

  /** The hash of a file in hexadecimal digits, made by the server. */
  async hash(path, options = {}) {
    flagsOf(options, 'algorithm');
    const algorithm = choice('algorithm', options.algorithm ?? 'xxh3', ALGORITHMS);
    const hash = Buffer.alloc(129);
    await this.#with(options.signal, (handle) => call('hash', handle, path, algorithm, hash));
    return hash.toString('latin1', 0, hash.indexOf(0));
  }

  /** The hashes of all files below a path, by their paths. */
  async hashes(path = '/', options = {}) {
    flagsOf(options, 'algorithm');
    const algorithm = choice('algorithm', options.algorithm ?? 'xxh3', ALGORITHMS);
    const body = (handle, ...each) => call('hashes', handle, path, algorithm, ...each);
    const hashed = await this.#collect('on_hash', 'hashed', options.signal, body);
    return new Map(hashed.map((file) => [file.path, file.hash]));
  }

  async createFile(path, options = {}) {
    const flags = flagsOf(options, 'update');
    await this.#with(options.signal, (handle) => call('create_file', handle, path, flags));
  }

  async makeDirectory(path, options = {}) {
    const flags = flagsOf(options, 'update', 'parents');
    await this.#with(options.signal, (handle) => call('make_directory', handle, path, flags));
  }

  async makeLink(path, target, options = {}) {
    const flags = flagsOf(options, 'replace');
    await this.#with(options.signal, (handle) => call('make_link', handle, path, target, flags));
  }

  async setAttributes(path, { mode = NO_MODE, modified, signal, ...others } = {}) {
    refuse(others);
    if (mode !== NO_MODE) count('mode', mode, 0o7777);
    await this.#with(signal, (handle) => call('set_attributes', handle, path, mode, timeOf(modified)));
  }

  async remove(path, options = {}) {
    const flags = flagsOf(options, 'recursive');
    const [files, directories] = [[0], [0]];
    await this.#with(options.signal, (handle) => call('remove', handle, path, flags, files, directories));
    return { files: files[0], directories: directories[0] };
  }

  async move(source, destination, options = {}) {
    const flags = flagsOf(options, 'replace');
    await this.#with(options.signal, (handle) => call('move', handle, source, destination, flags));
  }

  async copy(source, destination, options = {}) {
    const flags = flagsOf(options, 'recursive', 'parents', 'onConflict');
    const rule = choice('onConflict', options.onConflict ?? 'abort', CHOICES.onConflict[1]);
    const raw = native.struct('report');
    await this.#with(options.signal, (handle) => call('copy', handle, source, destination, flags, rule, raw));
    return report(raw);
  }

  /** Makes a file of a string or of bytes. */
  async writeFile(path, content, options = {}) {
    const flags = flagsOf(options, 'replace');
    const data = native.bytesOf(content);
    await this.#with(options.signal, (handle) => call('write_file', handle, path, data, data.byteLength, flags));
  }

  /** The content of a file: bytes, or a string with an encoding. */
  async readFile(path, options = {}) {
    const { encoding, signal, ...others } = typeof options === 'string' ? { encoding: options } : options;
    refuse(others);
    const file = await this.open(path, 'r', { signal });
    try {
      const content = await file.read((await file.size()) || 1, { signal });
      return encoding ? content.toString(encoding) : content;
    } finally {
      await file.close();
    }
  }

  /** Opens a file: `r`, `r+`, `w`, `w+`, `x`, `x+`, `a` or `a+`. */
  async open(path, mode = 'r', { strict = false, follow = false, signal, ...others } = {}) {
    refuse(others);
    const flags = openFlags(mode, { strict, follow });
    const made = [null];
    await this.#with(signal, (handle) => call('open', handle, path, flags, made));
    return new RemoteFile(made[0], mode);
  }

  createReadStream(path, options = {}) {
    return new streams.RemoteReadStream(this, path, options);
  }

  createWriteStream(path, options = {}) {
    return new streams.RemoteWriteStream(this, path, options);
  }

  /** Uploads files and directories of this machine into a remote directory. */
  upload(sources, destination, options = {}) {
    const texts = [].concat(sources);
    return this.#transfer(options, (handle, ...rest) => call('upload', handle, texts, texts.length, destination, ...rest));
  }

  /** Downloads remote files and directories into a directory of this machine. */
  download(sources, destination, options = {}) {
    const texts = [].concat(sources);
    return this.#transfer(options, (handle, ...rest) => call('download', handle, texts, texts.length, destination, ...rest));
  }

  /** Makes a remote directory like one of this machine. */
  syncUpload(source, destination, options = {}) {
    return this.#transfer(options, (handle, ...rest) => call('sync_upload', handle, source, destination, ...rest));
  }

  /** Makes a directory of this machine like a remote one. */
  syncDownload(source, destination, options = {}) {
    return this.#transfer(options, (handle, ...rest) => call('sync_download', handle, source, destination, ...rest));
  }

  async #transfer(options, body) {
    const chosen = transferOptions(options);
    const raw = native.struct('report');
    const told = new Told(options);
    try {
      await this.#with(options.signal, (handle) => body(handle, chosen, told.monitor, raw));
    } catch (error) {
      if (told.thrown !== undefined) throw told.thrown;
      if (error instanceof RemofileError) error.report = report(raw);
      throw error;
    } finally {
      told.end();
    }
    return report(raw);
  }
}

/** The callbacks of a transfer, and what one of them has thrown. */
class Told {
  thrown;
  monitor = native.struct('monitor');
  #registered = [];

  constructor({ onEvent, resolve }) {
    if (onEvent) {
      this.monitor.on_event = this.#register('on_event', 1, (raw) => (onEvent(event(native.decode(raw, 'event'))) === false ? 1 : 0));
    }
    if (resolve) {
      this.monitor.on_conflict = this.#register('on_conflict', NO_MODE, (raw) => {
        const { path, existing, replacement } = native.decode(raw, 'conflict');
        return choice('the answer', resolve({ path, existing: metadata(existing), replacement: metadata(replacement) }), CHOICES.onConflict[1]);
      });
    }
  }

  #register(name, failed, body) {
    const callback = native.register(name, (_, raw) => {
      try {
        return body(raw);
      } catch (error) {
        this.thrown ??= error;
        return failed;
      }
    });
    this.#registered.push(callback);
    return callback;
  }

  end() {
    this.#registered.forEach(native.unregister);
  }
}

module.exports = { Client };
