'use strict';

const { Readable, Writable } = require('node:stream');
const { count, refuse } = require('./options');

/** A stream of a remote file's content, or of a part of it: `start` and `end`, both included. */
class RemoteReadStream extends Readable {
  #open;
  #file;
  #left;

  constructor(client, path, { start, end = Infinity, highWaterMark = 256 * 1024, strict, follow, signal, encoding, ...others } = {}) {
    // Before the stream is there, which would begin to open the file.
    refuse(others);
    if (start !== undefined) count('start', start);
    if (end !== Infinity) count('end', end);
    super({ highWaterMark, signal, encoding });
    this.path = path;
    this.bytesRead = 0;
    this.#open = async () => {
      const file = await client.open(path, 'r', { strict, follow, signal });
      if (start) await file.seek(start);
      return file;
    };
    this.#left = end - (start ?? 0) + 1;
  }

  _construct(callback) {
    this.#open().then((file) => {
      this.#file = file;
      callback();
    }, callback);
  }

  _read(size) {
    const wanted = Math.min(size, this.#left);
    if (wanted <= 0) {
      this.push(null);
      return;
    }
    this.#file.read(wanted).then(
      (bytes) => {
        this.bytesRead += bytes.length;
        this.#left -= bytes.length;
        this.push(bytes.length > 0 ? bytes : null);
      },
      (error) => this.destroy(error),
    );
  }

  _destroy(error, callback) {
    const end = this.#file ? this.#file.abort() : Promise.resolve();
    end.then(() => callback(error), () => callback(error));
  }
}

/** A stream into a remote file, which others see when the stream has finished; one that is destroyed leaves nothing behind. */
class RemoteWriteStream extends Writable {
  #open;
  #file;

  constructor(client, path, { flags = 'w', highWaterMark = 256 * 1024, signal, ...others } = {}) {
    refuse(others);
    super({ highWaterMark, signal, decodeStrings: true });
    this.path = path;
    this.bytesWritten = 0;
    this.#open = () => client.open(path, flags, { signal });
  }

  _construct(callback) {
    this.#open().then((file) => {
      this.#file = file;
      callback();
    }, callback);
  }

  _write(chunk, _, callback) {
    this.#file.write(chunk).then((count) => {
      this.bytesWritten += count;
      callback();
    }, callback);
  }

  _writev(chunks, callback) {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer', callback);
  }

  _final(callback) {
    this.#file.close().then(() => {
      this.#file = undefined;
      callback();
    }, callback);
  }

  _destroy(error, callback) {
    const end = this.#file ? this.#file.abort() : Promise.resolve();
    end.then(() => callback(error), () => callback(error));
  }
}

module.exports = { RemoteReadStream, RemoteWriteStream };
