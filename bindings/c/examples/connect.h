/* The base of the examples: a client of the server that REMOFILE_HOSTNAME, REMOFILE_PORT and REMOFILE_TOKEN name. */
#ifndef CONNECT_H
#define CONNECT_H

#include <remofile.h>
#include <stdio.h>
#include <stdlib.h>

static inline remofile_client *connect_from_environment(void) {
  remofile_error error = REMOFILE_INIT(remofile_error);
  remofile_client_options options = REMOFILE_INIT(remofile_client_options);
  remofile_client *client = NULL;
  const char *port = getenv("REMOFILE_PORT");

  options.hostname = getenv("REMOFILE_HOSTNAME");
  options.port = (uint16_t)(port ? strtoul(port, NULL, 10) : 6768);
  options.token = getenv("REMOFILE_TOKEN");
  options.timeout_ms = 60000;
  if (remofile_connect(&options, &client, &error)) fprintf(stderr, "%s\n", error.message);
  return client;
}

#endif
