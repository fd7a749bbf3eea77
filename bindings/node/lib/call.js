'use strict';
// Calls: made on threads of their own, so many at a time as leave some of Node's for files and names.

const native = require('./native');
const { RemofileError } = require('./errors');

const THREADS = Math.max(1, (Number(process.env.UV_THREADPOOL_SIZE) || 4) - 1);
const waiting = [];
let running = 0;

/** Resolves when a call may begin. */
function turn() {
  if (running < THREADS) {
    running += 1;
    return Promise.resolve();
  }
  return new Promise((resolve) => waiting.push(resolve));
}

function done() {
  const next = waiting.shift();
  if (next) next();
  else running -= 1;
}

/** Makes a call on another thread: resolves when it has succeeded. */
async function call(name, ...parameters) {
  native.check(name, parameters);
  await turn();
  try {
    const error = native.struct('error');
    const code = await new Promise((resolve, reject) => {
      native.calls[name].async(...parameters, error, (failed, result) => {
        // What the other thread works with is kept until here.
        void parameters;
        if (failed) reject(failed);
        else resolve(result);
      });
    });
    if (code !== 0) throw new RemofileError(error);
  } finally {
    done();
  }
}

/** Makes a call that asks nobody, at once: false if it fails. */
function callHere(name, ...parameters) {
  return native.calls[name](...parameters, native.struct('error')) === 0;
}

/** Makes such a call, which throws if it fails. */
function callNow(name, ...parameters) {
  const error = native.struct('error');
  if (native.calls[name](...parameters, error) !== 0) throw new RemofileError(error);
}

/** Cancels something when a signal says so, as long as the work lasts. */
async function abortable(signal, cancel, work) {
  if (!signal) return work();
  signal.throwIfAborted();
  let timer;
  // A call that has not begun yet cannot be cancelled: then it is tried again.
  const abort = () => {
    if (!cancel()) timer = setTimeout(abort, 5);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

module.exports = { call, callHere, callNow, abortable };
