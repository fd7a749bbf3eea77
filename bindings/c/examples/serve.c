/* Serves a directory until standard input ends: serve DIRECTORY */
#include <remofile.h>
#include <stdio.h>

int main(int count, char **arguments) {
  remofile_error error = REMOFILE_INIT(remofile_error);
  remofile_server_options options = REMOFILE_INIT(remofile_server_options);
  remofile_server *server;
  char token[REMOFILE_SECRET_BYTES];
  uint16_t port;

  if (count != 2) return fprintf(stderr, "usage: serve DIRECTORY\n"), 2;
  if (remofile_generate_token(&token, &error)) return fprintf(stderr, "%s\n", error.message), 1;
  options.root = arguments[1];
  options.token = token;
  options.address = "127.0.0.1";
  if (remofile_server_start(&options, &server, &error)) return fprintf(stderr, "%s\n", error.message), 1;
  remofile_server_port(server, &port, NULL);
  printf("%u %s\n", port, token);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  if (remofile_server_stop(server, &error)) return fprintf(stderr, "%s\n", error.message), 1;
  return 0;
}
