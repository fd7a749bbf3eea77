'use strict';
// The functions and structs of libremofile, as docs/c.md and its headers have them. Everything else is in the other files.

const fs = require('node:fs');
const path = require('node:path');

/** koffi, which npm installs beside this package, but not for a link to it. */
function dependency() {
  try {
    return require('koffi');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    const advice = "install this package with 'npm install --install-links', or run 'npm install' in its own directory";
    throw new Error(`koffi was not found: ${advice}`, { cause: error });
  }
}

const koffi = dependency();

// Calls need more room than koffi gives them.
koffi.config({ async_stack_size: 2 * 1024 * 1024, async_heap_size: 256 * 1024, max_async_calls: 1024 });

/** Where the library may be: named by the user, in a clone that this is part of, or where the system has it. */
function places() {
  const clone = path.join(__dirname, '..', '..', '..', 'target');
  const extension = process.platform === 'darwin' ? 'dylib' : 'so';
  const built = ['release', 'debug'].map((profile) => path.join(clone, profile, `libremofile_c.${extension}`));
  const installed = process.platform === 'darwin' ? ['libremofile.dylib'] : ['libremofile.so.0'];
  const prefixes = ['/usr/local/lib', path.join(process.env.HOME || '/', '.local/lib')];
  return [...built.filter(fs.existsSync), ...installed, ...prefixes.map((place) => path.join(place, installed[0]))];
}

function load() {
  const named = process.env.REMOFILE_LIBRARY;
  if (named) return koffi.load(named);
  for (const place of places()) {
    try {
      return koffi.load(place);
    } catch {
      // The next one.
    }
  }
  throw new Error("libremofile was not found: 'make install-c' in a clone of Remofile installs it, REMOFILE_LIBRARY says where it is");
}

const library = load();

for (const name of ['client', 'file', 'server']) koffi.pointer(`remofile_${name}_handle`, koffi.opaque(`remofile_${name}`));

const text = (bytes) => koffi.array('char', bytes, 'String');
const structs = {
  error: { struct_size: 'size_t', code: 'int', os_error: 'int', is_remote: 'int', name: text(40), message: text(1024), path: text(4097) },
  metadata: {
    struct_size: 'size_t', kind: 'uint32_t', mode: 'uint32_t', size: 'uint64_t', modified_seconds: 'int64_t',
    modified_nanoseconds: 'uint32_t',
  },
  entry: {
    struct_size: 'size_t', path: 'const char *', target: 'const char *', code: 'int', message: 'const char *',
    metadata: 'remofile_metadata',
  },
  hashed: {
    struct_size: 'size_t', path: 'const char *', hash: 'const char *', code: 'int', message: 'const char *',
    metadata: 'remofile_metadata',
  },
  holder: {
    struct_size: 'size_t', client: 'const char *', address: 'const char *', activity: 'const char *', path: 'const char *',
    text: 'const char *', held_ms: 'uint64_t',
  },
  space: {
    struct_size: 'size_t', size: 'uint64_t', used: 'uint64_t', free: 'uint64_t', files: 'uint64_t', free_files: 'uint64_t',
  },
  event: {
    struct_size: 'size_t', kind: 'uint32_t', code: 'int', path: 'const char *', text: 'const char *', bytes: 'uint64_t',
    count: 'uint64_t',
  },
  conflict: { struct_size: 'size_t', path: 'const char *', existing: 'remofile_metadata', replacement: 'remofile_metadata' },
  report: {
    struct_size: 'size_t', files: 'uint64_t', directories: 'uint64_t', bytes: 'uint64_t', present: 'uint64_t',
    resumed_bytes: 'uint64_t', sent_bytes: 'uint64_t', received_bytes: 'uint64_t', deleted: 'uint64_t', skipped: 'uint64_t',
    failures: 'uint64_t', retries: 'uint32_t',
  },
  server_status: {
    struct_size: 'size_t', uptime_ms: 'uint64_t', round_trip_ns: 'uint64_t', holders: 'uint64_t', waiting: 'uint64_t',
    used: 'uint64_t', quota: 'uint64_t', agent: text(136), cipher: text(136), address: text(136), token: text(136),
    hides_others: 'int',
  },
  monitor: {
    struct_size: 'size_t', user: 'void *', on_event: 'void *', on_chunk: 'void *', chunk_size: 'uint32_t', on_conflict: 'void *',
  },
  client_options: {
    struct_size: 'size_t', hostname: 'const char *', token: 'const char *', public_key: 'const char *', port: 'uint16_t',
    flags: 'uint32_t', timeout_ms: 'uint64_t', stall_timeout_ms: 'uint64_t', wait_ms: 'uint64_t', on_waiting: 'void *', user: 'void *',
  },
  transfer_options: {
    struct_size: 'size_t', flags: 'uint32_t', on_conflict: 'uint32_t', links: 'uint32_t', fsync: 'uint32_t', transfers: 'uint32_t',
    retries: 'uint32_t', compress: 'uint32_t', bytes_per_second: 'uint64_t', min_size: 'uint64_t', max_size: 'uint64_t',
    exclude: 'const char *', link_dest: 'const char *', backup: 'const char *', max_delete: 'uint64_t', modify_window_ms: 'uint64_t',
  },
  server_options: {
    struct_size: 'size_t', root: 'const char *', token: 'const char *', address: 'const char *', private_key: 'const char *',
    port: 'uint16_t', flags: 'uint32_t', fsync: 'uint32_t', max_sessions: 'uint32_t', file_size_limit: 'uint64_t',
    idle_timeout_ms: 'uint64_t',
  },
};
for (const [name, fields] of Object.entries(structs)) koffi.struct(`remofile_${name}`, fields);

const callbacks = {
  on_entry: koffi.proto('int remofile_on_entry(void *user, const remofile_entry *entry)'),
  on_hash: koffi.proto('int remofile_on_hash(void *user, const remofile_hashed *hashed)'),
  on_holder: koffi.proto('int remofile_on_holder(void *user, const remofile_holder *holder)'),
  on_event: koffi.proto('int remofile_on_event(void *user, const remofile_event *event)'),
  on_conflict: koffi.proto('uint32_t remofile_on_conflict(void *user, const remofile_conflict *conflict)'),
};

const CLIENT = 'remofile_client_handle client';
const FILE = 'remofile_file_handle file';
const SERVER = 'remofile_server_handle server';
const ERROR = '_Inout_ remofile_error *error';
const TRANSFER = 'remofile_transfer_options *options, remofile_monitor *monitor, _Inout_ remofile_report *report';

const functions = {
  connect: 'remofile_client_options *options, _Out_ remofile_client_handle *client',
  client_clone: `${CLIENT}, _Out_ remofile_client_handle *clone`,
  client_close: CLIENT,
  client_cancel: CLIENT,
  status: `${CLIENT}, _Inout_ remofile_server_status *status`,
  holders: `${CLIENT}, void *on_holder, void *user`,
  disk_space: `${CLIENT}, const char *path, _Inout_ remofile_space *space`,
  hash: `${CLIENT}, const char *path, uint32_t algorithm, void *hash`,
  hashes: `${CLIENT}, const char *path, uint32_t algorithm, void *on_hash, void *user`,
  stat: `${CLIENT}, const char *path, _Inout_ remofile_metadata *metadata`,
  lstat: `${CLIENT}, const char *path, _Inout_ remofile_metadata *metadata, void *target`,
  create_file: `${CLIENT}, const char *path, uint32_t flags`,
  make_directory: `${CLIENT}, const char *path, uint32_t flags`,
  make_link: `${CLIENT}, const char *path, const char *target, uint32_t flags`,
  set_attributes: `${CLIENT}, const char *path, uint32_t mode, remofile_metadata *modified`,
  remove: `${CLIENT}, const char *path, uint32_t flags, _Out_ uint64_t *files, _Out_ uint64_t *directories`,
  move: `${CLIENT}, const char *source, const char *destination, uint32_t flags`,
  copy: `${CLIENT}, const char *source, const char *destination, uint32_t flags, uint32_t on_conflict, _Inout_ remofile_report *report`,
  write_file: `${CLIENT}, const char *path, void *data, size_t length, uint32_t flags`,
  list: `${CLIENT}, const char *path, uint32_t flags, void *on_entry, void *user`,
  upload: `${CLIENT}, const char **sources, size_t count, const char *destination, ${TRANSFER}`,
  download: `${CLIENT}, const char **sources, size_t count, const char *destination, ${TRANSFER}`,
  sync_upload: `${CLIENT}, const char *source, const char *destination, ${TRANSFER}`,
  sync_download: `${CLIENT}, const char *source, const char *destination, ${TRANSFER}`,
  open: `${CLIENT}, const char *path, uint32_t flags, _Out_ remofile_file_handle *file`,
  read: `${FILE}, void *buffer, size_t length, _Out_ size_t *count`,
  read_at: `${FILE}, uint64_t offset, void *buffer, size_t length, _Out_ size_t *count`,
  write: `${FILE}, void *data, size_t length, _Out_ size_t *count`,
  write_at: `${FILE}, uint64_t offset, void *data, size_t length, _Out_ size_t *count`,
  seek: `${FILE}, int64_t offset, int whence, _Out_ uint64_t *position`,
  size: `${FILE}, _Out_ uint64_t *size`,
  truncate: `${FILE}, uint64_t size`,
  flush: FILE,
  close: FILE,
  abort: FILE,
  file_cancel: FILE,
  server_start: 'remofile_server_options *options, _Out_ remofile_server_handle *server',
  server_port: `${SERVER}, _Out_ uint16_t *port`,
  server_stop: SERVER,
  generate_token: 'void *token',
  generate_keys: 'void *public_key, void *private_key',
};
const calls = {};
for (const [name, parameters] of Object.entries(functions)) {
  calls[name] = library.func(`int remofile_${name}(${parameters}, ${ERROR})`);
}

/** Refuses what would not be the text at the other side that it is here: koffi takes a number for an address, and C ends at a NUL. */
function checkText(name, value) {
  // Whether it may be left out the library tells.
  if (value === null || value === undefined) return;
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`);
  if (value.includes('\0')) throw new TypeError(`${name} must not have a NUL character in it`);
  if (/\p{Surrogate}/u.test(value)) throw new TypeError(`${name} must not have half a surrogate pair in it`);
}

/** The checks of what a function is given, by the place of its parameter. */
const checks = {};
for (const [name, parameters] of Object.entries(functions)) {
  checks[name] = parameters.split(', ').map((parameter) => {
    const [, type, called] = parameter.match(/^(.*[ *])(\w+)$/);
    if (type === 'const char *') return (value) => checkText(called, value);
    if (type === 'const char **') return (values) => values.forEach((value) => checkText(called, value ?? 0));
    const fields = structs[type.match(/^remofile_(\w+_options) \*$/)?.[1]];
    const texts = Object.keys(fields ?? {}).filter((field) => fields[field] === 'const char *');
    return (value) => texts.forEach((field) => checkText(field, value[field]));
  });
}

/** Refuses parameters that are no texts where texts are wanted. */
function check(name, parameters) {
  checks[name].forEach((each, index) => each(parameters[index]));
}

/** What content is as bytes, of which a call gets the address. */
function bytesOf(content) {
  if (typeof content === 'string') return Buffer.from(content);
  if (ArrayBuffer.isView(content) || content instanceof ArrayBuffer) return content;
  throw new TypeError('content must be a string or bytes');
}

/** A struct with its size and some fields. */
function struct(name, fields = {}) {
  return { ...blank(name), ...fields };
}

/** A struct in which 0 and NULL say that nothing is chosen. */
function blank(name) {
  const made = {};
  for (const [field, type] of Object.entries(structs[name])) {
    if (typeof type !== 'string') made[field] = '';
    else if (type.includes('*')) made[field] = null;
    else if (!type.startsWith('remofile_')) made[field] = 0;
  }
  made.struct_size = koffi.sizeof(`remofile_${name}`);
  return made;
}

/** A function of C that calls one of JavaScript, to be unregistered. */
function register(name, body) {
  return koffi.register(body, koffi.pointer(callbacks[name]));
}

module.exports = {
  calls,
  check,
  bytesOf,
  struct,
  register,
  unregister: (callback) => koffi.unregister(callback),
  decode: (pointer, name) => koffi.decode(pointer, `remofile_${name}`),
  sizes: () => Object.fromEntries(Object.keys(structs).map((name) => [`remofile_${name}`, koffi.sizeof(`remofile_${name}`)])),
  version: library.func('const char *remofile_version()')(),
  openHandles: library.func('size_t remofile_open_handles()'),
};
