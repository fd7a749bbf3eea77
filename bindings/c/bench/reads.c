/* Reads of a remote file through remofile_open: reads PATH, with the server in the environment. Prints a line for each measurement. */
#include "../examples/connect.h"

#include <time.h>

enum { RANDOM_READS = 5000, BLOCK = 4096, LARGE = 1 << 20 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check(int code, const remofile_error *error) {
  if (code) {
    fprintf(stderr, "%s\n", error->message);
    exit(1);
  }
}

/* Seconds of a processor that this program has used, whatever others do. */
static double used(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* Reads the whole file in pieces of that size, through a file of its own. */
static void stream(remofile_client *client, const char *path, uint8_t *buffer, size_t piece) {
  remofile_error error = REMOFILE_INIT(remofile_error);
  remofile_file *file = NULL;
  uint64_t all = 0;
  size_t count;
  double begun = seconds(), took, before = used();
  check(remofile_open(client, path, REMOFILE_READ, &file, &error), &error);
  do {
    check(remofile_read(file, buffer, piece, &count, &error), &error);
    all += count;
  } while (count == piece);
  check(remofile_close(file, &error), &error);
  took = seconds() - begun;
  printf("stream, reads of %zu bytes: %.0f MB/s, %.0f MB for a second of processor\n", piece, (double)all / took / 1e6,
         (double)all / (used() - before) / 1e6);
}

int main(int count, char **arguments) {
  remofile_error error = REMOFILE_INIT(remofile_error);
  remofile_client *client = connect_from_environment();
  remofile_file *file = NULL;
  uint8_t *buffer = malloc(LARGE);
  uint64_t size = 0, state = 88172645463325252u;
  size_t length;
  double begun, took, before;
  int i;

  if (count != 2 || client == NULL || buffer == NULL) return 1;
  check(remofile_open(client, arguments[1], REMOFILE_READ, &file, &error), &error);
  check(remofile_size(file, &size, &error), &error);
  if (size <= BLOCK) return fprintf(stderr, "the file is too small\n"), 1;
  begun = seconds(), before = used();
  for (i = 0; i < RANDOM_READS; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    check(remofile_read_at(file, state % (size - BLOCK), buffer, BLOCK, &length, &error), &error);
  }
  took = seconds() - begun;
  printf("random reads of %d bytes: %.1f us each, %.1f us of processor\n", BLOCK, took * 1e6 / RANDOM_READS,
         (used() - before) * 1e6 / RANDOM_READS);
  before = used();
  for (i = 0; i < 1000000; i++) check(remofile_seek(file, i, SEEK_SET, NULL, &error), &error);
  printf("a call that asks nobody (seek): %.0f ns of processor\n", (used() - before) * 1e3);
  check(remofile_close(file, &error), &error);
  stream(client, arguments[1], buffer, BLOCK);
  stream(client, arguments[1], buffer, 65536);
  stream(client, arguments[1], buffer, LARGE);
  remofile_client_close(client, NULL);
  free(buffer);
  return 0;
}
