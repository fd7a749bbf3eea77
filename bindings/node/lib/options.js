'use strict';
// Options, as JavaScript has them, and what the library makes of them. What is not known is refused.

const native = require('./native');

const FLAGS = {
  recursive: 1, dryRun: 1 << 4, total: 1 << 5, preserveMode: 1 << 7, sparse: 1 << 8, strict: 1 << 9, archive: 1 << 10, owner: 1 << 11,
  xattrs: 1 << 12, hardLinks: 1 << 13, encodeNames: 1 << 14, delete: 1 << 15, checksum: 1 << 16, sizeOnly: 1 << 17, update: 1 << 18,
  existing: 1 << 19, ignoreExisting: 1 << 20, wholeFile: 1 << 21,
};
const NO_RESUME = 1 << 6;
const NUMBERS = {
  transfers: 'transfers', compress: 'compress', bytesPerSecond: 'bytes_per_second', minSize: 'min_size', maxSize: 'max_size',
  maxDelete: 'max_delete', modifyWindow: 'modify_window_ms',
};
const TEXTS = { linkDest: 'link_dest', backup: 'backup' };
const CHOICES = {
  onConflict: ['on_conflict', ['abort', 'replace', 'skip', 'newer', 'rename']],
  links: ['links', ['skip', 'follow', 'copy', 'keep']],
  fsync: ['fsync', ['end', 'each', 'none']],
};
const ALGORITHMS = ['xxh3', 'blake3', 'sha256', 'sha512', 'sha1', 'md5'];
const KINDS = ['file', 'directory', 'link', 'special'];
const EVENTS = [
  '', 'waiting', 'retrying', 'planned', 'total', 'present', 'started', 'moved', 'finished', 'skipped', 'failed',
];
const NO_MODE = 0xffffffff;
const UNKNOWN = 2n ** 64n - 1n;

function choice(name, value, choices) {
  const index = choices.indexOf(value);
  if (index < 0) throw new TypeError(`${name} must be one of ${choices.join(', ')}`);
  return index;
}

function count(name, value, most = UNKNOWN) {
  if (!(typeof value === 'bigint' || Number.isSafeInteger(value)) || value < 0 || value > most) {
    throw new TypeError(`${name} must be a whole number, 0 to ${most}`);
  }
  return value;
}

/** A limit, which is none in C if it is 0: here that would let everything through where nothing was meant to be. */
function limit(name, value) {
  if (count(name, value) == 0) throw new TypeError(`${name} must be 1 or more: leave it out for no limit`);
  return value;
}

/** Refuses options that are none: a misspelt one would be passed over in silence. */
function refuse(others) {
  for (const name of Object.keys(others)) throw new TypeError(`there is no option ${name}`);
}

/** Lines of rules, which may be one. */
function lines(name, value) {
  const given = [].concat(value);
  if (given.some((each) => typeof each !== 'string')) throw new TypeError(`${name} must be a string or strings`);
  return given.join('\n');
}

/** Options of a transfer or a sync as the struct of C; the callbacks and the signal are left to the call. */
function transferOptions(options) {
  const made = native.struct('transfer_options');
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || ['signal', 'onEvent', 'resolve'].includes(name)) continue;
    if (Object.hasOwn(FLAGS, name)) made.flags |= value ? FLAGS[name] : 0;
    else if (name === 'resume') made.flags |= value ? 0 : NO_RESUME;
    else if (name === 'retries') made.retries = value === 0 ? NO_MODE : count(name, value, NO_MODE);
    else if (name === 'exclude') made.exclude = lines(name, value);
    else if (['maxDelete', 'maxSize'].includes(name)) made[NUMBERS[name]] = limit(name, value);
    else if (Object.hasOwn(NUMBERS, name)) made[NUMBERS[name]] = count(name, value, ['transfers', 'compress'].includes(name) ? NO_MODE : UNKNOWN);
    else if (Object.hasOwn(TEXTS, name)) made[TEXTS[name]] = value;
    else if (Object.hasOwn(CHOICES, name)) made[CHOICES[name][0]] = choice(name, value, CHOICES[name][1]);
    else refuse({ [name]: value });
  }
  if (made.max_delete && !(made.flags & FLAGS.delete)) throw new TypeError('maxDelete needs delete');
  return made;
}

/** Milliseconds for the struct of C; 0 for no limit. */
function milliseconds(name, value = 0) {
  return count(name, value);
}

function known(number) {
  return BigInt(number) === UNKNOWN ? undefined : number;
}

/** What is known of a file or directory. */
function metadata(raw) {
  const nanoseconds = BigInt(raw.modified_seconds) * 1000000000n + BigInt(raw.modified_nanoseconds);
  return {
    kind: KINDS[raw.kind],
    size: raw.size,
    modified: new Date(Number(nanoseconds / 1000000n)),
    modifiedNs: nanoseconds,
    mode: raw.mode === NO_MODE ? undefined : raw.mode,
  };
}

function entry(raw) {
  const failed = raw.code ? { error: { number: raw.code, message: raw.message } } : {};
  return { path: raw.path, ...metadata(raw.metadata), target: raw.target ?? undefined, ...failed };
}

function holder(raw) {
  const { client, activity, text } = raw;
  return { client, address: raw.address ?? undefined, activity, path: raw.path ?? undefined, text, held: raw.held_ms };
}

function space(raw) {
  const { size, used, free } = raw;
  return { size, used, free, files: known(raw.files), freeFiles: known(raw.free_files) };
}

function event(raw) {
  return {
    kind: EVENTS[raw.kind] ?? 'unknown',
    path: raw.path ?? undefined,
    text: raw.text ?? undefined,
    bytes: known(raw.bytes),
    count: raw.count,
    number: raw.code || undefined,
  };
}

function report(raw) {
  const { files, directories, bytes, present, deleted, skipped, failures, retries } = raw;
  return {
    files, directories, bytes, present, deleted, skipped, failures, retries,
    resumedBytes: raw.resumed_bytes, sentBytes: raw.sent_bytes, receivedBytes: raw.received_bytes,
  };
}

module.exports = {
  ALGORITHMS, CHOICES, NO_MODE, choice, count, entry, event, holder, known, metadata, milliseconds, refuse, report, space, transferOptions,
};
