/* Many threads with clones of one client and with files, and calls that are cancelled: threads ROOT, an empty directory. */
#include "check.h"

#include <pthread.h>

#ifndef ROUNDS
#define ROUNDS 20
#endif

enum { THREADS = 8 };

static remofile_client *client;

static void *work(void *number) {
  remofile_client *own = NULL;
  char path[64], expected[64];
  int round;
  snprintf(path, sizeof path, "/file%d", *(int *)number);
  OK(remofile_client_clone(client, &own, &error));
  for (round = 0; round < ROUNDS; round++) {
    remofile_file *file = NULL;
    uint8_t buffer[64];
    size_t length;
    int wanted = snprintf(expected, sizeof expected, "%d in round %d", *(int *)number, round);
    OK(remofile_write_file(own, path, (const uint8_t *)expected, (size_t)wanted, REMOFILE_REPLACE, &error));
    OK(remofile_open(own, path, REMOFILE_READ, &file, &error));
    OK(remofile_read(file, buffer, sizeof buffer, &length, &error));
    CHECK(length == (size_t)wanted && memcmp(buffer, expected, length) == 0);
    OK(remofile_close(file, &error));
  }
  OK(remofile_client_close(own, &error));
  return NULL;
}

/* All threads make calls with one handle: each is made, or told that another is. */
static void *collide(void *made) {
  int round;
  for (round = 0; round < ROUNDS * 10; round++) {
    remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
    int code = remofile_stat(client, "/", &metadata, NULL);
    CHECK(code == REMOFILE_OK || code == REMOFILE_IN_USE);
    *(int *)made += code == REMOFILE_OK;
  }
  return NULL;
}

/* A read at the end of a file that is followed waits until it is cancelled. */
static void *follow(void *file) {
  uint8_t buffer[16];
  size_t count;
  EXPECT(REMOFILE_INTERRUPTED, remofile_read(file, buffer, sizeof buffer, &count, &error));
  return NULL;
}

static void cancelled(void) {
  remofile_file *file = NULL;
  pthread_t thread;
  OK(remofile_create_file(client, "/followed", 0, &error));
  OK(remofile_open(client, "/followed", REMOFILE_READ | REMOFILE_FOLLOW, &file, &error));
  CHECK(pthread_create(&thread, NULL, follow, file) == 0);
  while (remofile_file_cancel(file, NULL) == REMOFILE_NOT_RUNNING) {
  }
  CHECK(pthread_join(thread, NULL) == 0);
  OK(remofile_close(file, &error));
}

int main(int count, char **arguments) {
  pthread_t threads[THREADS];
  int numbers[THREADS], made[THREADS] = {0}, i, all = 0;
  CHECK(count == 2);
  start(arguments[1]);
  client = connected();
  for (i = 0; i < THREADS; i++) {
    numbers[i] = i;
    CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
  }
  for (i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  for (i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, collide, &made[i]) == 0);
  for (i = 0; i < THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    all += made[i];
  }
  CHECK(all > 0);
  cancelled();
  OK(remofile_client_close(client, &error));
  stop();
  return 0;
}
