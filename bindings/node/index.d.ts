/// <reference types="node" />
import { Readable, Writable } from 'node:stream';

/** The version of libremofile. */
export const version: string;
/** A token that nobody guesses. */
export function generateToken(): string;
/** The keys of a server. */
export function generateKeys(): { publicKey: string; privateKey: string };

/** The reason why a call failed. */
export class RemofileError extends Error {
  /** Its name: `not-found`, for example. */
  readonly code: string;
  /** Its number, as in remofile/codes.h. */
  readonly number: number;
  readonly path?: string;
  /** The number that the operating system gave. */
  readonly errno?: number;
  /** True if the server failed the call. */
  readonly isRemote: boolean;
  /** What a transfer moved before it failed. */
  report?: Report;
}

export interface Abortable {
  /** Ends the call, which rejects with the signal's reason. */
  signal?: AbortSignal;
}

export type Kind = 'file' | 'directory' | 'link' | 'special';
export type ConflictRule = 'abort' | 'replace' | 'skip' | 'newer' | 'rename';

export interface Metadata {
  kind: Kind;
  /** Bytes of a regular file. */
  size: number | bigint;
  modified: Date;
  /** The same in nanoseconds since 1970. */
  modifiedNs: bigint;
  /** Permission bits, where there are any. */
  mode?: number;
}

export interface Entry extends Metadata {
  path: string;
  /** The target of a link, where it can be told. */
  target?: string;
  /** Why this path could not be listed: then nothing else of it is known. */
  error?: { number: number; message: string };
}

export interface Status {
  agent: string;
  cipher: string;
  address: string;
  /** The name of the token. */
  token?: string;
  /** Clients that hold a lease, and operations that wait for one, of those that the token is shown: with fewer rights than `all`, its own at most. */
  holders: number | bigint;
  waiting: number | bigint;
  /** True if `holders` and `waiting` have at most those who use the same token, since the token is shown no others. */
  hidesOthers: boolean;
  /** Milliseconds for which the server has been serving. */
  uptime: number | bigint;
  /** Milliseconds from the request to the answer. */
  roundTrip: number;
  used?: number | bigint;
  quota?: number | bigint;
}

/** A client that others may have to wait for. */
export interface Holder {
  /** User and host, as the client named itself: not proved, and of any characters. */
  client: string;
  /** Nothing where others must not know it. */
  address?: string;
  /** Name of its operation: `upload`, for example. */
  activity: string;
  path?: string;
  /** All of it in a line, which is harmless to show. */
  text: string;
  /** Milliseconds for which it has been there. */
  held: number | bigint;
}

/** The room of a disk, in bytes. What is used and what is free may be less than all. */
export interface DiskSpace {
  size: number | bigint;
  used: number | bigint;
  free: number | bigint;
  /** Files and directories that it can have in all, and that may still be made, where there are such numbers. */
  files?: number | bigint;
  freeFiles?: number | bigint;
}

export type HashAlgorithm = 'xxh3' | 'blake3' | 'sha256' | 'sha512' | 'sha1' | 'md5';

export interface Event {
  kind:
    | 'waiting' | 'retrying' | 'planned' | 'total' | 'present' | 'started' | 'moved' | 'finished' | 'skipped' | 'failed' | 'unknown';
  /** The path below the destination. */
  path?: string;
  text?: string;
  /** Bytes: of the file, of the total, or that moved. */
  bytes?: number | bigint;
  /** Files of the total; bytes that the receiver has already; the number of the attempt. */
  count: number | bigint;
  /** The number of the reason of a failure. */
  number?: number;
}

export interface Report {
  files: number | bigint;
  directories: number | bigint;
  bytes: number | bigint;
  present: number | bigint;
  resumedBytes: number | bigint;
  sentBytes: number | bigint;
  receivedBytes: number | bigint;
  deleted: number | bigint;
  skipped: number | bigint;
  failures: number | bigint;
  retries: number;
}

export interface CommonOptions extends Abortable {
  dryRun?: boolean;
  /** False to move everything anew. */
  resume?: boolean;
  preserveMode?: boolean;
  archive?: boolean;
  owner?: boolean;
  xattrs?: boolean;
  hardLinks?: boolean;
  sparse?: boolean;
  strict?: boolean;
  encodeNames?: boolean;
  links?: 'skip' | 'follow' | 'copy' | 'keep';
  fsync?: 'end' | 'each' | 'none';
  /** Lines in the notation of gitignore. */
  exclude?: string | readonly string[];
  minSize?: number | bigint;
  maxSize?: number | bigint;
  transfers?: number;
  retries?: number;
  compress?: number;
  bytesPerSecond?: number | bigint;
  linkDest?: string;
  /** Called with each event; false ends the call. */
  onEvent?: (event: Event) => boolean | void;
}

export interface TransferOptions extends CommonOptions {
  recursive?: boolean;
  total?: boolean;
  onConflict?: ConflictRule;
  /** Decides about each file in the way, in place of onConflict. */
  resolve?: (conflict: { path: string; existing: Metadata; replacement: Metadata }) => ConflictRule;
}

export interface SyncOptions extends CommonOptions {
  delete?: boolean;
  /** With `delete`: 1 or more; if more were to be deleted, nothing is. */
  maxDelete?: number;
  checksum?: boolean;
  sizeOnly?: boolean;
  update?: boolean;
  existing?: boolean;
  ignoreExisting?: boolean;
  wholeFile?: boolean;
  /** Milliseconds. */
  modifyWindow?: number;
  backup?: string;
}

export interface ClientOptions {
  hostname?: string;
  port?: number;
  token: string;
  publicKey?: string;
  /** Milliseconds for a whole call. */
  timeout?: number;
  /** Milliseconds that a call may go without progress. */
  stallTimeout?: number;
  /** Milliseconds to wait while others use the paths of a call: 0 for not at all, Infinity for ever. */
  wait?: number;
  plain?: boolean;
  protocol?: 1 | 2;
}

export type Content = string | Uint8Array;
export type Mode = 'r' | 'r+' | 'w' | 'w+' | 'x' | 'x+' | 'a' | 'a+';

/** A client of one server. Calls may be made at the same time. */
export class Client {
  private constructor();
  static connect(options: ClientOptions): Promise<Client>;
  close(): Promise<void>;
  status(options?: Abortable): Promise<Status>;
  /** The clients that others may have to wait for. */
  holders(options?: Abortable): Promise<Holder[]>;
  /** The room of the disk that a path is on; of its quota, if the token has one. */
  diskSpace(path?: string, options?: Abortable): Promise<DiskSpace>;
  /** The hash of a file in hexadecimal digits, made by the server. */
  hash(path: string, options?: { algorithm?: HashAlgorithm } & Abortable): Promise<string>;
  /** The hashes of all files below a path, by their paths. */
  hashes(path?: string, options?: { algorithm?: HashAlgorithm } & Abortable): Promise<Map<string, string>>;
  stat(path: string, options?: Abortable): Promise<Metadata>;
  /** What a path names itself: a link is not followed. */
  lstat(path: string, options?: Abortable): Promise<Metadata & { target?: string }>;
  list(path?: string, options?: { recursive?: boolean } & Abortable): Promise<Entry[]>;
  createFile(path: string, options?: { update?: boolean } & Abortable): Promise<void>;
  makeDirectory(path: string, options?: { update?: boolean; parents?: boolean } & Abortable): Promise<void>;
  makeLink(path: string, target: string, options?: { replace?: boolean } & Abortable): Promise<void>;
  setAttributes(path: string, attributes: { mode?: number; modified?: Date | bigint } & Abortable): Promise<void>;
  remove(path: string, options?: { recursive?: boolean } & Abortable): Promise<{ files: number; directories: number }>;
  move(source: string, destination: string, options?: { replace?: boolean } & Abortable): Promise<void>;
  copy(
    source: string,
    destination: string,
    options?: { recursive?: boolean; parents?: boolean; onConflict?: ConflictRule } & Abortable,
  ): Promise<Report>;
  readFile(path: string, options: BufferEncoding | ({ encoding: BufferEncoding } & Abortable)): Promise<string>;
  readFile(path: string, options?: Abortable): Promise<Buffer>;
  writeFile(path: string, content: Content, options?: { replace?: boolean } & Abortable): Promise<void>;
  upload(sources: string | readonly string[], destination: string, options?: TransferOptions): Promise<Report>;
  download(sources: string | readonly string[], destination: string, options?: TransferOptions): Promise<Report>;
  syncUpload(source: string, destination: string, options?: SyncOptions): Promise<Report>;
  syncDownload(source: string, destination: string, options?: SyncOptions): Promise<Report>;
  open(path: string, mode?: Mode, options?: { strict?: boolean; follow?: boolean } & Abortable): Promise<RemoteFile>;
  /** A part is told by `start` and `end`, both included. */
  createReadStream(
    path: string,
    options?: {
      start?: number; end?: number; highWaterMark?: number; strict?: boolean; follow?: boolean; encoding?: BufferEncoding;
    } & Abortable,
  ): Readable;
  /** Others see the file when the stream has finished. */
  createWriteStream(path: string, options?: { flags?: Mode; highWaterMark?: number } & Abortable): Writable;
}

/** An open remote file. Its calls are made one after the other. */
export class RemoteFile {
  private constructor();
  /** Fewer bytes only at the end of the file. */
  read(length: number, options?: { position?: number | null } & Abortable): Promise<Buffer>;
  readInto(buffer: Uint8Array, options?: { position?: number | null } & Abortable): Promise<number>;
  write(content: Content, options?: { position?: number | null } & Abortable): Promise<number>;
  /** Moves the position to an offset. */
  seek(position: number): Promise<void>;
  size(): Promise<number>;
  truncate(size?: number, options?: Abortable): Promise<void>;
  flush(options?: Abortable): Promise<void>;
  close(options?: Abortable): Promise<void>;
  abort(): Promise<void>;
}

export interface ServerOptions {
  root: string;
  /** One is made if none is given. */
  token?: string;
  /** 0 for a free one. */
  port?: number;
  address?: string;
  privateKey?: string;
  readOnly?: boolean;
  plain?: boolean;
  requireEncryption?: boolean;
  exclusive?: boolean;
  posixNames?: boolean;
  fsync?: 'end' | 'each' | 'none';
  maxSessions?: number;
  fileSizeLimit?: number | bigint;
  /** Milliseconds. */
  idleTimeout?: number;
}

/** A server in this process. */
export class Server {
  private constructor();
  static start(options: ServerOptions): Promise<Server>;
  readonly port: number;
  readonly token: string;
  stop(): Promise<void>;
}
