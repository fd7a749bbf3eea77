/* Made of bindings/c/src by a test: REMOFILE_UPDATE_HEADERS=1 cargo test -p remofile-c headers */
#ifndef REMOFILE_CODES_H
#define REMOFILE_CODES_H

/* The results of functions. The numbers are never given to anything else. */
enum remofile_code {
  /* The call did what it was to do. */
  REMOFILE_OK = 0,
  /* Anything that no other code names; the detail tells. */
  REMOFILE_OTHER = 1000,
  /* The path names nothing. */
  REMOFILE_NOT_FOUND = 1001,
  /* The name is taken, and the request said not to overwrite. */
  REMOFILE_ALREADY_EXISTS = 1002,
  /* A file was needed. */
  REMOFILE_NOT_A_FILE = 1003,
  /* A directory was needed. */
  REMOFILE_NOT_A_DIRECTORY = 1004,
  /* The directory has entries, and the request was not recursive. */
  REMOFILE_NOT_EMPTY = 1005,
  /* The name or path is not valid under the rules. */
  REMOFILE_INVALID_NAME = 1006,
  /* The path leads out of the root directory, by a link. */
  REMOFILE_OUTSIDE_ROOT = 1007,
  /* The operating system denied access. */
  REMOFILE_PERMISSION_DENIED = 1008,
  /* The server or its file system is read-only. */
  REMOFILE_READ_ONLY = 1009,
  /* The disk, or what its user may have on it, is full. */
  REMOFILE_NO_SPACE = 1010,
  /* The file exceeds the server's limit. */
  REMOFILE_FILE_TOO_LARGE = 1011,
  /* The source changed while it was sent, or is not the version that was asked for. */
  REMOFILE_SOURCE_CHANGED = 1012,
  /* The bytes that arrived are not those that were sent. */
  REMOFILE_INTEGRITY_FAILURE = 1013,
  /* Somebody else has a path, or waits for it. */
  REMOFILE_BUSY = 1014,
  /* The client asked for it. */
  REMOFILE_CANCELLED = 1015,
  /* The server is stopping. */
  REMOFILE_SHUTTING_DOWN = 1016,
  /* The request is not known to this version. */
  REMOFILE_UNSUPPORTED = 1017,
  /* The request contradicts itself or the protocol. */
  REMOFILE_BAD_REQUEST = 1018,
  /* Too many operations in flight. */
  REMOFILE_TOO_MANY = 1019,
  /* The disk failed. */
  REMOFILE_DISK_FAILURE = 1020,
  /* Links form a loop, or there are too many. */
  REMOFILE_LINK_LOOP = 1021,
  /* Of two directories, such as source and destination, one is inside the other. */
  REMOFILE_INTO_ITSELF = 1022,
  /* Too many files are open, or the operation would need more memory than the session, or all of them, may use. */
  REMOFILE_OUT_OF_RESOURCES = 1023,
  /* The request needs the peer to be on one file system. */
  REMOFILE_CROSS_DEVICE = 1024,
  /* Left out as the rules for conflicts, links and special files say. No failure of the transfer. */
  REMOFILE_SKIPPED = 1025,
  /* Something is at, or was kept of, a name that was to be new: the client looks first. */
  REMOFILE_OCCUPIED = 1026,
  /* No file or directory matches the pattern. */
  REMOFILE_NO_MATCH = 1027,
  /* A pattern or a rule cannot be read. */
  REMOFILE_BAD_PATTERN = 1028,
  /* The partial of an interrupted transfer is not what it was. */
  REMOFILE_PARTIAL_CHANGED = 1029,
  /* The operation had its lease for longer than the server allows without progress. */
  REMOFILE_LEASE_EXPIRED = 1030,
  /* The room that the token may use below its directory is used up. */
  REMOFILE_QUOTA_EXCEEDED = 1031,
  /* The token was removed, has expired, or gives other rights now: the server has ended its sessions. */
  REMOFILE_TOKEN_REVOKED = 1032,
  /* The same client has begun another session, so the server has ended this one. */
  REMOFILE_SESSION_REPLACED = 1033,
  /* The server cannot reach its coordinator, and changes nothing meanwhile. Nothing was done; of an upload, nothing that was not told. */
  REMOFILE_COORDINATOR_LOST = 1034,
  /* The server takes no chunks of the size that was asked for. */
  REMOFILE_INCORRECT_CHUNK_SIZE = 1040,
  /* An answer came that the protocol does not have. */
  REMOFILE_CORRUPTED_RESPONSE = 1041,
  /* The server does not know the token. */
  REMOFILE_WRONG_TOKEN = 2001,
  /* No version that both sides speak. */
  REMOFILE_UNSUPPORTED_VERSION = 2002,
  /* A plain session was asked for, and the server wants encryption. */
  REMOFILE_ENCRYPTION_REQUIRED = 2003,
  /* The server has a private key, and the client did not use its public key. */
  REMOFILE_KEY_REQUIRED = 2004,
  /* The client used a public key, and it is not this server's. */
  REMOFILE_WRONG_KEY = 2005,
  /* The client used a public key, and the server has no private key. */
  REMOFILE_NO_KEY = 2006,
  /* The server has as many sessions as it takes. */
  REMOFILE_TOO_MANY_SESSIONS = 2007,
  /* The server is stopping. */
  REMOFILE_REFUSED_SHUTTING_DOWN = 2008,
  /* The preface or the hello made no sense. */
  REMOFILE_MALFORMED_HANDSHAKE = 2009,
  /* A message came over ZeroMQ that belongs to no session. */
  REMOFILE_NO_SESSION = 2010,
  /* The time of the token is over. Only who has proved the token is told. */
  REMOFILE_EXPIRED_TOKEN = 2011,
  /* A reason that this version does not know. */
  REMOFILE_REFUSED = 2255,
  /* Another service answers at that port. */
  REMOFILE_NOT_REMOFILE = 3001,
  /* Something accepts connections there and says nothing. */
  REMOFILE_NO_ANSWER = 3002,
  /* The host name cannot be resolved. */
  REMOFILE_HOST_NOT_FOUND = 3003,
  /* No connection to the server. */
  REMOFILE_CANNOT_CONNECT = 3004,
  /* The connection broke. */
  REMOFILE_CONNECTION_LOST = 3005,
  /* A server of protocol 1 has not answered the first request. */
  REMOFILE_UNANSWERED = 3006,
  /* The server was not heard of for too long. */
  REMOFILE_PEER_SILENT = 3007,
  /* The server broke the protocol. */
  REMOFILE_PROTOCOL = 3008,
  /* The timeout is over. */
  REMOFILE_TIMEOUT = 3009,
  /* Nothing has moved for the stall timeout. */
  REMOFILE_STALLED = 3010,
  /* A callback wanted no more. */
  REMOFILE_STOPPED = 3011,
  /* A callback failed. */
  REMOFILE_CALLBACK = 3012,
  /* Files are in the way; nothing was changed. */
  REMOFILE_CONFLICTS = 3013,
  /* The call was cancelled. */
  REMOFILE_INTERRUPTED = 3014,
  /* The server cannot listen there. */
  REMOFILE_CANNOT_LISTEN = 3015,
  /* The directory cannot be served. */
  REMOFILE_CANNOT_SERVE = 3016,
  /* Options contradict each other, or come at a wrong moment. */
  REMOFILE_USAGE = 3017,
  /* The operating system failed at something that is neither file nor connection. */
  REMOFILE_SYSTEM = 3018,
  /* An argument is NULL that must not be. */
  REMOFILE_NULL_ARGUMENT = 4001,
  /* A handle is none of this library. */
  REMOFILE_FOREIGN_HANDLE = 4002,
  /* A handle is closed already. */
  REMOFILE_CLOSED_HANDLE = 4003,
  /* A handle is of another type. */
  REMOFILE_WRONG_HANDLE = 4004,
  /* The struct_size of a struct is none that this version knows: use REMOFILE_INIT. */
  REMOFILE_WRONG_SIZE = 4005,
  /* A text is not UTF-8. */
  REMOFILE_NOT_UTF8 = 4006,
  /* The handle waits for the callback that uses it: use a clone. */
  REMOFILE_IN_CALLBACK = 4007,
  /* Another thread makes a call with the handle: use a clone. */
  REMOFILE_IN_USE = 4008,
  /* A flag, number or choice has no meaning. */
  REMOFILE_BAD_ARGUMENT = 4009,
  /* A text is no token, or no key. */
  REMOFILE_BAD_TOKEN = 4010,
  /* The handle belongs to the process that this one was forked from. */
  REMOFILE_FORKED = 4011,
  /* There is no call to cancel. */
  REMOFILE_NOT_RUNNING = 4012,
  /* There are too many open handles. */
  REMOFILE_TOO_MANY_HANDLES = 4013,
  /* The library met an error of its own. The handle can only be closed. */
  REMOFILE_PANIC = 4014,
};

#endif
