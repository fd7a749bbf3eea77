'use strict';

const native = require('./native');
const { call, callHere, callNow, abortable } = require('./call');
const { count: wholeNumber, refuse } = require('./options');

const READ = 1 << 22;
const WRITE = 1 << 23;
const APPEND = 1 << 24;
const TRUNCATE = 1 << 25;
const CREATE = 1 << 26;
const CREATE_NEW = 1 << 27;
const FOLLOW = 1 << 28;
const STRICT = 1 << 9;
const MODES = {
  r: READ, 'r+': READ | WRITE, w: WRITE | CREATE | TRUNCATE, 'w+': READ | WRITE | CREATE | TRUNCATE, x: WRITE | CREATE_NEW,
  'x+': READ | WRITE | CREATE_NEW, a: APPEND | CREATE, 'a+': READ | APPEND | CREATE,
};

function openFlags(mode, { strict, follow }) {
  if (!Object.hasOwn(MODES, mode)) throw new TypeError(`the mode must be one of ${Object.keys(MODES).join(', ')}`);
  return MODES[mode] | (strict ? STRICT : 0) | (follow ? FOLLOW : 0);
}

/** A position, if there is one: what is none, as NaN, would be taken for 0 at the other side. */
function checkPosition(position) {
  if (position !== undefined && position !== null) wholeNumber('position', position);
}

/** An open remote file. Its calls are made one after the other. */
class RemoteFile {
  #handle;
  #last = Promise.resolve();

  /** Use Client.open. */
  constructor(handle) {
    this.#handle = handle;
  }

  /** Makes a call when those before it are over. */
  #next(signal, work) {
    const made = this.#last.then(() => abortable(signal, () => callHere('file_cancel', this.#handle), work));
    this.#last = made.catch(() => {});
    return made;
  }

  /** Reads bytes from the position, or from one that is given: fewer only at the end of the file. */
  async read(length, options = {}) {
    const buffer = Buffer.allocUnsafe(length);
    const count = await this.readInto(buffer, options);
    return buffer.subarray(0, count);
  }

  /** Reads into a buffer; gives the number of bytes. */
  async readInto(buffer, { position, signal, ...others } = {}) {
    refuse(others);
    checkPosition(position);
    const count = [0];
    await this.#next(signal, () =>
      position === undefined || position === null
        ? call('read', this.#handle, buffer, buffer.byteLength, count)
        : call('read_at', this.#handle, position, buffer, buffer.byteLength, count),
    );
    return count[0];
  }

  /** Writes a string or bytes at the position, or at one that is given. */
  async write(content, { position, signal, ...others } = {}) {
    refuse(others);
    checkPosition(position);
    const data = native.bytesOf(content);
    const count = [0];
    await this.#next(signal, () =>
      position === undefined || position === null
        ? call('write', this.#handle, data, data.byteLength, count)
        : call('write_at', this.#handle, position, data, data.byteLength, count),
    );
    return count[0];
  }

  /** Moves the position to an offset. */
  async seek(position) {
    wholeNumber('position', position);
    await this.#next(undefined, () => callNow('seek', this.#handle, position, 0, [0]));
  }

  /** The size in bytes, with what was written and not sent yet. */
  async size() {
    const size = [0];
    await this.#next(undefined, () => callNow('size', this.#handle, size));
    return size[0];
  }

  async truncate(size = 0, { signal } = {}) {
    wholeNumber('size', size);
    await this.#next(signal, () => call('truncate', this.#handle, size));
  }

  async flush({ signal } = {}) {
    await this.#next(signal, () => call('flush', this.#handle));
  }

  /** Sends what waits; what was written anew becomes visible. If it fails, the file stays open. */
  async close({ signal } = {}) {
    await this.#next(signal, () => call('close', this.#handle));
  }

  /** Closes it without what was not sent; nothing remains of what was written anew. A call that is being made is ended. */
  async abort() {
    const cancel = () => callHere('file_cancel', this.#handle);
    // A call that has not begun yet cannot be cancelled: it is tried again until those before are over.
    const timer = setInterval(cancel, 5);
    cancel();
    await this.#next(undefined, () => {
      clearInterval(timer);
      return call('abort', this.#handle);
    });
  }
}

module.exports = { RemoteFile, openFlags };
