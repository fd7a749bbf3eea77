'use strict';

/** The reason why a call failed. */
class RemofileError extends Error {
  constructor(details) {
    super(details.message);
    this.name = 'RemofileError';
    /** The name of the reason: `not-found`, for example. */
    this.code = details.name;
    /** Its number, as in remofile/codes.h. */
    this.number = details.code;
    /** The path that it is about. */
    this.path = details.path || undefined;
    /** The number that the operating system gave. */
    this.errno = details.os_error || undefined;
    /** True if the server failed the call. */
    this.isRemote = details.is_remote !== 0;
  }
}

module.exports = { RemofileError };
