/* Every wrong use that can be told is told: misuse ROOT, an empty directory. */
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static remofile_client *client;

static void null_arguments(void) {
  remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
  remofile_client_options options = where();
  remofile_file *file = NULL;
  size_t count;
  uint8_t byte = 0;
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_connect(NULL, &client, &error));
  client = connected();
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_connect(&options, NULL, &error));
  options.hostname = NULL;
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_connect(&options, &(remofile_client *){NULL}, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_stat(NULL, "/", &metadata, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_stat(client, NULL, &metadata, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_stat(client, "/", NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_list(client, "/", 0, NULL, NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_hash(client, "/", REMOFILE_HASH_XXH3, NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_hashes(client, "/", REMOFILE_HASH_XXH3, NULL, NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_holders(client, NULL, NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_disk_space(client, "/", NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_upload(client, NULL, 1, "/", NULL, NULL, NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_upload(client, (const char *[]){NULL}, 1, "/", NULL, NULL, NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_write_file(client, "/x", NULL, 1, 0, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_open(client, "/x", REMOFILE_READ, NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_client_close(NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_server_start(NULL, &(remofile_server *){NULL}, &error));
  OK(remofile_open(client, "/x", REMOFILE_WRITE | REMOFILE_CREATE | REMOFILE_READ | REMOFILE_TRUNCATE, &file, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_read(file, NULL, 1, &count, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_read(file, &byte, 1, NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_read(file, &byte, SIZE_MAX, &count, &error));
  OK(remofile_read(file, NULL, 0, &count, &error));
  OK(remofile_close(file, &error));
  /* Without a place for the details. */
  CHECK(remofile_stat(NULL, "/", &metadata, NULL) == REMOFILE_NULL_ARGUMENT);
}

static void handles(void) {
  remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
  remofile_client *closed = connected();
  remofile_file *file = NULL;
  size_t count;
  int object = 0;
  OK(remofile_client_close(closed, &error));
  EXPECT(REMOFILE_CLOSED_HANDLE, remofile_stat(closed, "/", &metadata, &error));
  EXPECT(REMOFILE_CLOSED_HANDLE, remofile_client_close(closed, &error));
  EXPECT(REMOFILE_CLOSED_HANDLE, remofile_client_cancel(closed, &error));
  OK(remofile_open(client, "/x", REMOFILE_READ, &file, &error));
  EXPECT(REMOFILE_WRONG_HANDLE, remofile_stat((remofile_client *)(void *)file, "/", &metadata, &error));
  EXPECT(REMOFILE_WRONG_HANDLE, remofile_server_stop((remofile_server *)(void *)file, &error));
  OK(remofile_close(file, &error));
  EXPECT(REMOFILE_CLOSED_HANDLE, remofile_read(file, (uint8_t *)&object, 1, &count, &error));
  EXPECT(REMOFILE_CLOSED_HANDLE, remofile_abort(file, &error));
  EXPECT(REMOFILE_FOREIGN_HANDLE, remofile_stat((remofile_client *)(void *)&object, "/", &metadata, &error));
  EXPECT(REMOFILE_FOREIGN_HANDLE, remofile_stat((remofile_client *)(intptr_t)1, "/", &metadata, &error));
  EXPECT(REMOFILE_FOREIGN_HANDLE, remofile_stat((remofile_client *)UINTPTR_MAX, "/", &metadata, &error));
  EXPECT(REMOFILE_FOREIGN_HANDLE, remofile_client_close((remofile_client *)(uintptr_t)null_arguments, &error));
  EXPECT(REMOFILE_NOT_RUNNING, remofile_client_cancel(client, &error));
}

static void sizes(void) {
  static const size_t wrong[] = {0, 1, 8, 1000000};
  size_t i;
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    remofile_error details = REMOFILE_INIT(remofile_error);
    remofile_client_options options = where();
    remofile_server_options serve = REMOFILE_INIT(remofile_server_options);
    remofile_transfer_options transfer = REMOFILE_INIT(remofile_transfer_options);
    remofile_monitor monitor = REMOFILE_INIT(remofile_monitor);
    remofile_report report = REMOFILE_INIT(remofile_report);
    remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
    remofile_server_status status = REMOFILE_INIT(remofile_server_status);
    remofile_space space = REMOFILE_INIT(remofile_space);
    remofile_client *none = client;
    const char *source = "/nothing";
    details.struct_size = options.struct_size = serve.struct_size = transfer.struct_size = monitor.struct_size =
        report.struct_size = metadata.struct_size = status.struct_size = space.struct_size = wrong[i];
    CHECK(remofile_stat(client, "/", NULL, &details) == REMOFILE_WRONG_SIZE);
    EXPECT(REMOFILE_WRONG_SIZE, remofile_connect(&options, &none, &error));
    CHECK(none == NULL);
    EXPECT(REMOFILE_WRONG_SIZE, remofile_server_start(&serve, &(remofile_server *){NULL}, &error));
    EXPECT(REMOFILE_WRONG_SIZE, remofile_upload(client, &source, 1, "/", &transfer, NULL, NULL, &error));
    EXPECT(REMOFILE_WRONG_SIZE, remofile_upload(client, &source, 1, "/", NULL, &monitor, NULL, &error));
    EXPECT(REMOFILE_WRONG_SIZE, remofile_upload(client, &source, 1, "/", NULL, NULL, &report, &error));
    EXPECT(REMOFILE_WRONG_SIZE, remofile_stat(client, "/", &metadata, &error));
    EXPECT(REMOFILE_WRONG_SIZE, remofile_status(client, &status, &error));
    EXPECT(REMOFILE_WRONG_SIZE, remofile_disk_space(client, "/", &space, &error));
  }
}

static void addresses(void) {
  union {
    char bytes[sizeof(remofile_metadata) + 1];
    remofile_metadata aligned;
  } place;
  char token[REMOFILE_SECRET_BYTES];
  memset(&place, 0, sizeof place);
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_stat(client, "/", (remofile_metadata *)(void *)(place.bytes + 1), &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_generate_token(NULL, &error));
  EXPECT(REMOFILE_NULL_ARGUMENT, remofile_generate_keys(&token, NULL, &error));
}

static void texts_and_choices(void) {
  remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
  remofile_client_options options = where();
  remofile_transfer_options transfer = REMOFILE_INIT(remofile_transfer_options);
  remofile_client *none = NULL;
  remofile_file *file = NULL;
  char hash[REMOFILE_HASH_BYTES];
  const char *source = "/nothing";
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_hash(client, "/x", 6, &hash, &error));
  EXPECT(REMOFILE_NOT_UTF8, remofile_hash(client, "/\xff", 0, &hash, &error));
  EXPECT(REMOFILE_NOT_UTF8, remofile_stat(client, "/\xff\xfe", &metadata, &error));
  EXPECT(REMOFILE_NOT_UTF8, remofile_upload(client, &source, 1, "/\xc3", NULL, NULL, NULL, &error));
  options.hostname = "\xff";
  EXPECT(REMOFILE_NOT_UTF8, remofile_connect(&options, &none, &error));
  options = where();
  options.token = "";
  EXPECT(REMOFILE_BAD_TOKEN, remofile_connect(&options, &none, &error));
  options = where();
  options.public_key = "no key";
  EXPECT(REMOFILE_BAD_TOKEN, remofile_connect(&options, &none, &error));
  options = where();
  options.flags = 1u << 31;
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_connect(&options, &none, &error));
  EXPECT(REMOFILE_INVALID_NAME, remofile_stat(client, "relative", &metadata, &error));
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_make_directory(client, "/y", REMOFILE_RECURSIVE, &error));
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_open(client, "/y", 1u << 31, &file, &error));
  EXPECT(REMOFILE_USAGE, remofile_open(client, "/y", 0, &file, &error));
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_upload(client, (const char *[]){""}, 1, "/", NULL, NULL, NULL, &error));
  transfer.flags = REMOFILE_DELETE;
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_upload(client, &source, 1, "/", &transfer, NULL, NULL, &error));
  transfer.flags = 0;
  transfer.on_conflict = 9;
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_upload(client, &source, 1, "/", &transfer, NULL, NULL, &error));
  transfer.on_conflict = 0;
  transfer.transfers = 17;
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_upload(client, &source, 1, "/", &transfer, NULL, NULL, &error));
  transfer.transfers = 0;
  transfer.compress = 20;
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_upload(client, &source, 1, "/", &transfer, NULL, NULL, &error));
}

static void modes_and_times(void) {
  static const uint32_t wrong[] = {010000, 0100644, 1u << 31, UINT32_MAX - 1};
  remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
  size_t i;
  OK(remofile_set_attributes(client, "/x", 04640, NULL, &error));
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    EXPECT(REMOFILE_BAD_ARGUMENT, remofile_set_attributes(client, "/x", wrong[i], NULL, &error));
  }
  metadata.modified_seconds = 1;
  metadata.modified_nanoseconds = 1000000000;
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_set_attributes(client, "/x", 0600, &metadata, &error));
  OK(remofile_stat(client, "/x", &metadata, &error));
  CHECK(metadata.mode == 0640 && metadata.modified_seconds > 1);
}

static remofile_client *the_clone;

static int in_callback(void *user, const remofile_entry *entry) {
  remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
  (void)entry;
  EXPECT(REMOFILE_IN_CALLBACK, remofile_stat(client, "/", &metadata, &error));
  EXPECT(REMOFILE_IN_CALLBACK, remofile_client_close(client, &error));
  OK(remofile_client_clone(client, &the_clone, &error));
  OK(remofile_stat(the_clone, "/", &metadata, &error));
  OK(remofile_client_close(the_clone, &error));
  ++*(int *)user;
  return 0;
}

static void *in_thread(void *unused) {
  remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
  (void)unused;
  EXPECT(REMOFILE_IN_USE, remofile_stat(client, "/", &metadata, &error));
  EXPECT(REMOFILE_IN_USE, remofile_client_close(client, &error));
  OK(remofile_client_cancel(client, &error));
  return NULL;
}

static int with_thread(void *user, const remofile_entry *entry) {
  pthread_t thread;
  (void)user, (void)entry;
  CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  return 0;
}

static void callbacks_and_threads(void) {
  remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
  int calls = 0, code;
  OK(remofile_list(client, "/", 0, in_callback, &calls, &error));
  CHECK(calls == 1);
  /* It is cancelled when it is over already, or not: both are right. */
  code = remofile_list(client, "/", 0, with_thread, NULL, NULL);
  CHECK(code == REMOFILE_OK || code == REMOFILE_INTERRUPTED);
  OK(remofile_stat(client, "/", &metadata, &error));
}

static void processes(void) {
  int status = 0;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
    EXPECT(REMOFILE_FORKED, remofile_stat(client, "/", &metadata, &error));
    EXPECT(REMOFILE_FORKED, remofile_client_close(client, &error));
    /* Not a return: what the other process has would count as leaked. */
    execlp("true", "true", (char *)NULL);
    _exit(1);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

#ifndef __SANITIZE_THREAD__
static void *count_handles(void *is_over) {
  while (!__atomic_load_n((int *)is_over, __ATOMIC_RELAXED)) (void)remofile_open_handles();
  return NULL;
}

/* A thread may have the table of handles locked when another one forks. The thread sanitizer allows no such fork. */
static void processes_beside_threads(void) {
  enum { THREADS = 2, FORKS = 30 };
  pthread_t threads[THREADS];
  int is_over = 0, i;
  for (i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, count_handles, &is_over) == 0);
  for (i = 0; i < FORKS; i++) {
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(60);
      CHECK(remofile_open_handles() == 0);
      OK(remofile_client_close(connected(), &error));
      execlp("true", "true", (char *)NULL);
      _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
  for (i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

#else
static void processes_beside_threads(void) {}
#endif

static int stop_server(void *is_over, const remofile_chunk *chunk) {
  (void)chunk;
  if (!*(int *)is_over) OK(remofile_server_stop(server, &error));
  *(int *)is_over = 1;
  return 0;
}

/* A server that goes away in the middle of a transfer is an error, and no SIGPIPE, which would end this program. */
static void peers_that_are_gone(const char *root, uint32_t flags) {
  static const uint8_t content[3000000];
  remofile_client_options options;
  remofile_transfer_options transfer = REMOFILE_INIT(remofile_transfer_options);
  remofile_monitor monitor = REMOFILE_INIT(remofile_monitor);
  char path[4096];
  const char *source = path;
  int is_over = 0;
  start(root);
  client = connected();
  OK(remofile_write_file(client, "/large", content, sizeof content, REMOFILE_REPLACE, &error));
  OK(remofile_make_directory(client, "/there", REMOFILE_UPDATE, &error));
  OK(remofile_client_close(client, &error));
  options = where();
  options.flags = flags;
  OK(remofile_connect(&options, &client, &error));
  snprintf(path, sizeof path, "%s/large", root);
  transfer.retries = REMOFILE_NO_RETRIES;
  monitor.on_chunk = stop_server;
  monitor.user = &is_over;
  CHECK(remofile_upload(client, &source, 1, "/there", &transfer, &monitor, NULL, NULL) != REMOFILE_OK && is_over);
  OK(remofile_client_close(client, &error));
  CHECK(remofile_open_handles() == 0);
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  start(arguments[1]);
  null_arguments();
  handles();
  sizes();
  addresses();
  texts_and_choices();
  modes_and_times();
  callbacks_and_threads();
  processes();
  processes_beside_threads();
  OK(remofile_client_close(client, &error));
  stop();
  peers_that_are_gone(arguments[1], 0);
  peers_that_are_gone(arguments[1], REMOFILE_PROTOCOL_1);
  return 0;
}
