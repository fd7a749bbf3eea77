/* What the test programs share: checks that end the program, and a server with a client in this process. */
#ifndef CHECK_H
#define CHECK_H

#include <remofile.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
      exit(1);                                                                    \
    }                                                                             \
  } while (0)

/* A call with &error as its last argument that returns that code, and says so in the details. */
#define EXPECT(wanted, call)                                                                                   \
  do {                                                                                                         \
    remofile_error error = REMOFILE_INIT(remofile_error);                                                      \
    int code_ = (call);                                                                                        \
    if (code_ != (wanted) || error.code != (wanted)) {                                                         \
      fprintf(stderr, "%s:%d: %s returned %d (%s: %s), not %d\n", __FILE__, __LINE__, #call, code_, error.name, \
              error.message, (int)(wanted));                                                                   \
      exit(1);                                                                                                 \
    }                                                                                                          \
    CHECK(code_ == REMOFILE_OK || (error.name[0] != 0 && error.message[0] != 0));                              \
  } while (0)

#define OK(call) EXPECT(REMOFILE_OK, call)

static remofile_server *server;
static char token[REMOFILE_SECRET_BYTES];
static uint16_t port;

static inline remofile_client_options where(void) {
  remofile_client_options options = REMOFILE_INIT(remofile_client_options);
  options.hostname = "127.0.0.1";
  options.token = token;
  options.port = port;
  return options;
}

/* Serves a directory. */
static inline void start(const char *root) {
  remofile_server_options options = REMOFILE_INIT(remofile_server_options);
  OK(remofile_generate_token(&token, &error));
  options.root = root;
  options.token = token;
  options.address = "127.0.0.1";
  OK(remofile_server_start(&options, &server, &error));
  OK(remofile_server_port(server, &port, &error));
}

static inline remofile_client *connected(void) {
  remofile_client_options options = where();
  remofile_client *client = NULL;
  OK(remofile_connect(&options, &client, &error));
  CHECK(client != NULL);
  return client;
}

/* Stops the server; every handle is closed by then. */
static inline void stop(void) {
  OK(remofile_server_stop(server, &error));
  CHECK(remofile_open_handles() == 0);
}

#endif
