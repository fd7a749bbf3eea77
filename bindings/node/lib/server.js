'use strict';

const native = require('./native');
const { call, callNow } = require('./call');
const { CHOICES, NO_MODE, choice, count, milliseconds } = require('./options');

const FLAGS = { plain: 1, readOnly: 1 << 1, requireEncryption: 1 << 2, exclusive: 1 << 3, posixNames: 1 << 4 };

/** A server in this process. */
class Server {
  #handle;

  /** Use Server.start. */
  constructor(handle, token) {
    this.#handle = handle;
    const port = [0];
    callNow('server_port', handle, port);
    /** The port that it listens on. */
    this.port = port[0];
    /** The token by which clients may use it. */
    this.token = token;
  }

  /** Starts a server of a directory, which listens when this resolves. */
  static async start({ root, token, port = 0, address = '127.0.0.1', privateKey, maxSessions = 0, fileSizeLimit = 0, idleTimeout, fsync = 'end', ...flags }) {
    const chosen = token ?? generateToken();
    let bits = 0;
    for (const [name, value] of Object.entries(flags)) {
      if (!Object.hasOwn(FLAGS, name)) throw new TypeError(`there is no option ${name}`);
      bits |= value ? FLAGS[name] : 0;
    }
    const options = native.struct('server_options', {
      root, token: chosen, address, private_key: privateKey ?? null, port: count('port', port, 0xffff), flags: bits, fsync: choice('fsync', fsync, CHOICES.fsync[1]),
      max_sessions: count('maxSessions', maxSessions, NO_MODE), file_size_limit: count('fileSizeLimit', fileSizeLimit),
      idle_timeout_ms: milliseconds('idleTimeout', idleTimeout),
    });
    const made = [null];
    await call('server_start', options, made);
    return new Server(made[0], chosen);
  }

  /** Stops it; its clients get a reason. */
  async stop() {
    await call('server_stop', this.#handle);
  }
}

function secret(buffer) {
  const text = buffer.toString('utf8', 0, buffer.indexOf(0));
  buffer.fill(0);
  return text;
}

/** A token that nobody guesses. */
function generateToken() {
  const token = Buffer.alloc(64);
  callNow('generate_token', token);
  return secret(token);
}

/** The keys of a server. */
function generateKeys() {
  const [publicKey, privateKey] = [Buffer.alloc(64), Buffer.alloc(64)];
  callNow('generate_keys', publicKey, privateKey);
  return { publicKey: secret(publicKey), privateKey: secret(privateKey) };
}

module.exports = { Server, generateToken, generateKeys };
