/* Every call once, as it is meant to be used: calls ROOT LOCAL, two empty directories. */
#include "check.h"

#include <stddef.h>

struct listing {
  unsigned count;
  uint64_t bytes;
  char last[REMOFILE_PATH_BYTES];
  char target[REMOFILE_PATH_BYTES];
};

static int on_entry(void *user, const remofile_entry *entry) {
  struct listing *listing = user;
  CHECK(entry->struct_size == sizeof *entry && entry->code == REMOFILE_OK && entry->message == NULL);
  listing->count++;
  listing->bytes += entry->metadata.size;
  strcpy(listing->last, entry->path);
  if (entry->target) strcpy(listing->target, entry->target);
  return 0;
}

static int at_once(void *user, const remofile_entry *entry) {
  (void)entry;
  ++*(unsigned *)user;
  return 1;
}

static void directories(remofile_client *client) {
  remofile_metadata metadata = REMOFILE_INIT(remofile_metadata);
  char target[REMOFILE_PATH_BYTES];
  uint64_t files = 0, made = 0;
  unsigned calls = 0;
  struct listing listing = {0};
  OK(remofile_make_directory(client, "/a/b", REMOFILE_PARENTS, &error));
  OK(remofile_make_directory(client, "/a/b", REMOFILE_UPDATE, &error));
  EXPECT(REMOFILE_ALREADY_EXISTS, remofile_make_directory(client, "/a/b", 0, &error));
  OK(remofile_create_file(client, "/a/empty", 0, &error));
  OK(remofile_write_file(client, "/a/b/text", (const uint8_t *)"hello", 5, 0, &error));
  OK(remofile_make_link(client, "/a/link", "b/text", 0, &error));
  OK(remofile_stat(client, "/a/link", &metadata, &error));
  CHECK(metadata.kind == REMOFILE_FILE && metadata.size == 5 && metadata.modified_seconds > 1600000000);
  OK(remofile_lstat(client, "/a/link", &metadata, &target, &error));
  CHECK(metadata.kind == REMOFILE_LINK && strcmp(target, "b/text") == 0);
  metadata.modified_seconds = 1000000000;
  metadata.modified_nanoseconds = 5;
  OK(remofile_set_attributes(client, "/a/b/text", 0640, &metadata, &error));
  OK(remofile_stat(client, "/a/b/text", &metadata, &error));
  CHECK(metadata.mode == 0640 && metadata.modified_seconds == 1000000000 && metadata.modified_nanoseconds == 5);
  OK(remofile_list(client, "/a", 0, on_entry, &listing, &error));
  CHECK(listing.count == 3 && strcmp(listing.last, "/a/link") == 0 && strcmp(listing.target, "b/text") == 0);
  memset(&listing, 0, sizeof listing);
  OK(remofile_list(client, "/", REMOFILE_RECURSIVE, on_entry, &listing, &error));
  CHECK(listing.count == 5 && listing.bytes == 5);
  EXPECT(REMOFILE_STOPPED, remofile_list(client, "/", REMOFILE_RECURSIVE, at_once, &calls, &error));
  CHECK(calls == 1);
  OK(remofile_move(client, "/a/empty", "/a/moved", 0, &error));
  EXPECT(REMOFILE_ALREADY_EXISTS, remofile_move(client, "/a/moved", "/a/b/text", 0, &error));
  OK(remofile_copy(client, "/a", "/copy", REMOFILE_RECURSIVE, REMOFILE_CONFLICT_ABORT, NULL, &error));
  OK(remofile_stat(client, "/copy/b/text", &metadata, &error));
  EXPECT(REMOFILE_NOT_EMPTY, remofile_remove(client, "/copy", 0, NULL, NULL, &error));
  OK(remofile_remove(client, "/copy", REMOFILE_RECURSIVE, &files, &made, &error));
  CHECK(files == 3 && made == 2);
  OK(remofile_remove(client, "/a", REMOFILE_RECURSIVE, NULL, NULL, &error));
}

struct hashes {
  unsigned good, bad;
  char last[REMOFILE_HASH_BYTES];
};

static int on_hash(void *user, const remofile_hashed *hashed) {
  struct hashes *hashes = user;
  CHECK(hashed->struct_size == sizeof *hashed && hashed->path[0] == '/');
  CHECK((hashed->code == REMOFILE_OK) == (hashed->hash != NULL) && (hashed->code == REMOFILE_OK) == (hashed->message == NULL));
  if (hashed->code) hashes->bad++;
  else hashes->good++, strcpy(hashes->last, hashed->hash);
  return 0;
}

static int one_hash(void *user, const remofile_hashed *hashed) {
  (void)hashed;
  return ++*(unsigned *)user;
}

static void hashing(remofile_client *client) {
  static const struct {
    uint32_t algorithm;
    const char *of_abc;
  } known[] = {
      {REMOFILE_HASH_XXH3, "06b05ab6733a618578af5f94892f3950"},
      {REMOFILE_HASH_BLAKE3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"},
      {REMOFILE_HASH_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {REMOFILE_HASH_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                             "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
      {REMOFILE_HASH_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {REMOFILE_HASH_MD5, "900150983cd24fb0d6963f7d28e17f72"},
  };
  char hash[REMOFILE_HASH_BYTES];
  struct hashes hashes = {0};
  unsigned calls = 0;
  size_t i;
  OK(remofile_make_directory(client, "/h/a", REMOFILE_PARENTS, &error));
  OK(remofile_write_file(client, "/h/a/abc", (const uint8_t *)"abc", 3, 0, &error));
  OK(remofile_write_file(client, "/h/b", (const uint8_t *)"b", 1, 0, &error));
  for (i = 0; i < sizeof known / sizeof *known; i++) {
    OK(remofile_hash(client, "/h/a/abc", known[i].algorithm, &hash, &error));
    CHECK(strcmp(hash, known[i].of_abc) == 0);
  }
  EXPECT(REMOFILE_NOT_FOUND, remofile_hash(client, "/h/nothing", REMOFILE_HASH_MD5, &hash, &error));
  EXPECT(REMOFILE_NOT_A_FILE, remofile_hash(client, "/h", REMOFILE_HASH_MD5, &hash, &error));
  OK(remofile_hashes(client, "/h/a/abc", REMOFILE_HASH_MD5, on_hash, &hashes, &error));
  CHECK(hashes.good == 1 && strcmp(hashes.last, known[5].of_abc) == 0);
  memset(&hashes, 0, sizeof hashes);
  OK(remofile_hashes(client, "/h", REMOFILE_HASH_MD5, on_hash, &hashes, &error));
  CHECK(hashes.good == 2 && hashes.bad == 0);
  EXPECT(REMOFILE_STOPPED, remofile_hashes(client, "/h", REMOFILE_HASH_MD5, one_hash, &calls, &error));
  CHECK(calls == 1);
  memset(&hashes, 0, sizeof hashes);
  EXPECT(REMOFILE_NOT_FOUND, remofile_hashes(client, "/nothing", REMOFILE_HASH_MD5, on_hash, &hashes, &error));
  CHECK(hashes.good == 0 && hashes.bad == 1);
  OK(remofile_remove(client, "/h", REMOFILE_RECURSIVE, NULL, NULL, &error));
}

static void room(remofile_client *client) {
  remofile_space space = REMOFILE_INIT(remofile_space);
  OK(remofile_disk_space(client, "/", &space, &error));
  CHECK(space.size >= space.used && space.size > 0 && space.free <= space.size && space.files >= space.free_files);
  EXPECT(REMOFILE_NOT_FOUND, remofile_disk_space(client, "/nothing", &space, &error));
}

static int on_holder(void *user, const remofile_holder *holder) {
  CHECK(holder->struct_size == sizeof *holder && holder->client[0] && strstr(holder->address, "127.0.0.1"));
  CHECK(strcmp(holder->activity, "sync") == 0 && strcmp(holder->path, "/tree") == 0);
  CHECK(strstr(holder->text, "sync at /tree for ") && holder->held_ms < 60000);
  ++*(unsigned *)user;
  return 0;
}

static int no_holder(void *user, const remofile_holder *holder) {
  (void)user, (void)holder;
  return 1;
}

/* A sync that has planned has its directory for itself. */
static int who_is_in_the_way(void *user, const remofile_event *event) {
  remofile_client *clone = NULL;
  unsigned holders = 0;
  if (event->kind != REMOFILE_EVENT_PLANNED) return 0;
  OK(remofile_client_clone(user, &clone, &error));
  OK(remofile_holders(clone, on_holder, &holders, &error));
  CHECK(holders == 1);
  EXPECT(REMOFILE_STOPPED, remofile_holders(clone, no_holder, NULL, &error));
  OK(remofile_client_close(clone, &error));
  return 0;
}

struct told {
  unsigned started, finished, asked, totals;
  uint64_t moved, seen;
  uint32_t answer;
};

static int on_event(void *user, const remofile_event *event) {
  struct told *told = user;
  CHECK(event->struct_size == sizeof *event);
  if (event->kind == REMOFILE_EVENT_STARTED) told->started++;
  if (event->kind == REMOFILE_EVENT_FINISHED) told->finished++;
  if (event->kind == REMOFILE_EVENT_MOVED) told->moved += event->bytes;
  if (event->kind == REMOFILE_EVENT_TOTAL) told->totals++;
  return 0;
}

static int on_chunk(void *user, const remofile_chunk *chunk) {
  struct told *told = user;
  CHECK(chunk->length <= 1000 && chunk->remaining_bytes >= chunk->length && chunk->file_size == 100000);
  CHECK(strcmp(chunk->file_name, "large") == 0 && chunk->data[0] == 'x');
  told->seen += chunk->length;
  return 0;
}

static int no_more(void *user, const remofile_event *event) {
  (void)user;
  return event->kind == REMOFILE_EVENT_STARTED;
}

static uint32_t on_conflict(void *user, const remofile_conflict *conflict) {
  struct told *told = user;
  CHECK(conflict->existing.kind == REMOFILE_FILE && conflict->replacement.size == 100000 && conflict->path[0]);
  told->asked++;
  return told->answer;
}

static void make_local(const char *path, size_t size) {
  FILE *file = fopen(path, "wb");
  CHECK(file);
  while (size--) fputc('x', file);
  CHECK(fclose(file) == 0);
}

static void transfers(remofile_client *client, const char *local) {
  char large[4096], nothing[4096], back[4096];
  const char *source = large, *sources[2], *remote = "/large";
  struct told told = {0};
  remofile_report report = REMOFILE_INIT(remofile_report);
  remofile_monitor monitor = REMOFILE_INIT(remofile_monitor);
  remofile_transfer_options options = REMOFILE_INIT(remofile_transfer_options);
  snprintf(large, sizeof large, "%s/large", local);
  snprintf(nothing, sizeof nothing, "%s/nothing", local);
  snprintf(back, sizeof back, "%s/back", local);
  make_local(large, 100000);
  monitor.user = &told;
  monitor.on_event = on_event;
  options.flags = REMOFILE_TOTAL;
  OK(remofile_upload(client, &source, 1, "/", &options, &monitor, &report, &error));
  CHECK(report.files == 1 && report.bytes == 100000 && report.failures == 0 && report.sent_bytes > 100000);
  CHECK(told.started == 1 && told.finished == 1 && told.moved == 100000 && told.totals == 1);
  /* A file is in the way of itself only if it is another one. */
  make_local(large, 100000);
  monitor.on_event = NULL;
  monitor.on_conflict = on_conflict;
  options.flags = REMOFILE_NO_RESUME;
  told.answer = REMOFILE_CONFLICT_SKIP;
  OK(remofile_upload(client, &source, 1, "/", &options, &monitor, &report, &error));
  CHECK(told.asked == 1 && report.files == 0 && report.skipped == 1);
  told.answer = 77;
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_upload(client, &source, 1, "/", &options, &monitor, &report, &error));
  monitor.on_conflict = NULL;
  EXPECT(REMOFILE_CONFLICTS, remofile_upload(client, &source, 1, "/", &options, &monitor, &report, &error));
  /* Chunks. */
  monitor.on_chunk = on_chunk;
  monitor.chunk_size = 1000;
  options.on_conflict = REMOFILE_CONFLICT_REPLACE;
  OK(remofile_upload(client, &source, 1, "/", &options, &monitor, &report, &error));
  CHECK(told.seen == 100000);
  /* A callback that wants no more. */
  monitor.on_chunk = NULL;
  monitor.on_event = no_more;
  EXPECT(REMOFILE_STOPPED, remofile_upload(client, &source, 1, "/", &options, &monitor, &report, &error));
  OK(remofile_status(client, &(remofile_server_status)REMOFILE_INIT(remofile_server_status), &error));
  /* What fails does not keep the others from it. */
  sources[0] = nothing;
  sources[1] = large;
  remove(back);
  EXPECT(REMOFILE_NOT_FOUND, remofile_upload(client, sources, 2, "/", &options, NULL, &report, &error));
  EXPECT(REMOFILE_ALREADY_EXISTS, remofile_make_directory(client, "/large", 0, &error));
  snprintf(back, sizeof back, "%s/down", local);
  OK(remofile_make_directory(client, "/tree", 0, &error));
  monitor = (remofile_monitor)REMOFILE_INIT(remofile_monitor);
  monitor.user = client;
  monitor.on_event = who_is_in_the_way;
  OK(remofile_sync_upload(client, local, "/tree", NULL, &monitor, &report, &error));
  CHECK(report.files == 1);
  OK(remofile_sync_download(client, "/tree", back, NULL, NULL, &report, &error));
  CHECK(report.files == 1 && report.bytes == 100000);
  OK(remofile_remove(client, "/tree/large", 0, NULL, NULL, &error));
  options = (remofile_transfer_options)REMOFILE_INIT(remofile_transfer_options);
  options.flags = REMOFILE_DELETE | REMOFILE_DRY_RUN;
  OK(remofile_sync_download(client, "/tree", back, &options, NULL, &report, &error));
  CHECK(report.deleted == 1);
  options.flags = 0;
  options.max_delete = 1;
  EXPECT(REMOFILE_USAGE, remofile_sync_download(client, "/tree", back, &options, NULL, &report, &error));
  EXPECT(REMOFILE_USAGE, remofile_sync_upload(client, back, "/tree", &options, NULL, &report, &error));
  options.flags = REMOFILE_DELETE;
  OK(remofile_sync_download(client, "/tree", back, &options, NULL, &report, &error));
  CHECK(report.deleted == 1);
  OK(remofile_download(client, &remote, 1, back, NULL, NULL, &report, &error));
  CHECK(report.files == 1 && report.received_bytes > 100000);
}

static void files(remofile_client *client) {
  remofile_file *file = NULL, *second = NULL;
  uint8_t buffer[16];
  size_t count = 99;
  uint64_t number = 0;
  OK(remofile_open(client, "/file", REMOFILE_WRITE | REMOFILE_CREATE | REMOFILE_TRUNCATE, &file, &error));
  OK(remofile_write(file, (const uint8_t *)"0123456789", 10, &count, &error));
  CHECK(count == 10);
  EXPECT(REMOFILE_USAGE, remofile_read(file, buffer, sizeof buffer, &count, &error));
  EXPECT(REMOFILE_NOT_FOUND, remofile_open(client, "/file", REMOFILE_READ, &second, &error));
  CHECK(second == NULL);
  OK(remofile_close(file, &error));
  OK(remofile_open(client, "/file", REMOFILE_READ | REMOFILE_WRITE, &file, &error));
  OK(remofile_read(file, buffer, 4, &count, &error));
  CHECK(count == 4 && memcmp(buffer, "0123", 4) == 0);
  OK(remofile_read_at(file, 8, buffer, 16, &count, &error));
  CHECK(count == 2 && memcmp(buffer, "89", 2) == 0);
  OK(remofile_seek(file, 0, SEEK_CUR, &number, &error));
  CHECK(number == 4);
  OK(remofile_write_at(file, 2, (const uint8_t *)"ab", 2, NULL, &error));
  OK(remofile_seek(file, -3, SEEK_END, &number, &error));
  CHECK(number == 7);
  EXPECT(REMOFILE_USAGE, remofile_seek(file, -30, SEEK_END, &number, &error));
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_seek(file, 0, 9, &number, &error));
  OK(remofile_truncate(file, 6, &error));
  OK(remofile_size(file, &number, &error));
  CHECK(number == 6);
  OK(remofile_flush(file, &error));
  OK(remofile_seek(file, 0, SEEK_SET, NULL, &error));
  OK(remofile_read(file, buffer, 16, &count, &error));
  CHECK(count == 6 && memcmp(buffer, "01ab45", 6) == 0);
  OK(remofile_read(file, buffer, 16, &count, &error));
  CHECK(count == 0);
  OK(remofile_close(file, &error));
  OK(remofile_open(client, "/file", REMOFILE_APPEND, &file, &error));
  OK(remofile_write(file, (const uint8_t *)"!", 1, NULL, &error));
  EXPECT(REMOFILE_BAD_ARGUMENT, remofile_write_at(file, 0, buffer, 1, NULL, &error));
  OK(remofile_close(file, &error));
  OK(remofile_open(client, "/gone", REMOFILE_WRITE | REMOFILE_CREATE_NEW, &file, &error));
  OK(remofile_write(file, buffer, 5, NULL, &error));
  OK(remofile_abort(file, &error));
  EXPECT(REMOFILE_NOT_FOUND, remofile_open(client, "/gone", REMOFILE_READ, &file, &error));
  /* A file outlives its client. */
  OK(remofile_open(client, "/file", REMOFILE_READ, &file, &error));
  OK(remofile_client_close(client, &error));
  OK(remofile_read(file, buffer, 16, &count, &error));
  CHECK(count == 7);
  OK(remofile_close(file, &error));
}

/* A program that was compiled when the struct ended before hides_others. */
static void earlier(remofile_client *client) {
  const size_t size = offsetof(remofile_server_status, hides_others);
  remofile_server_status status;
  memset(&status, 0x5a, sizeof status);
  status.struct_size = size;
  OK(remofile_status(client, &status, &error));
  CHECK(status.struct_size == size && strstr(status.agent, "remofile") && status.hides_others == 0x5a5a5a5a);
  status.struct_size = size - 1;
  EXPECT(REMOFILE_WRONG_SIZE, remofile_status(client, &status, &error));
}

int main(int count, char **arguments) {
  remofile_client *client;
  remofile_server_status status = REMOFILE_INIT(remofile_server_status);
  char name[REMOFILE_NAME_BYTES], meaning[REMOFILE_MESSAGE_BYTES];
  CHECK(count == 3);
  start(arguments[1]);
  client = connected();
  OK(remofile_status(client, &status, &error));
  CHECK(strstr(status.agent, "remofile") && strstr(status.address, "127.0.0.1") && status.cipher[0]);
  CHECK(!status.hides_others);
  earlier(client);
  OK(remofile_describe_code(REMOFILE_NOT_FOUND, &name, &meaning, &error));
  CHECK(strcmp(name, "not-found") == 0 && meaning[0]);
  CHECK(strchr(remofile_version(), '.'));
  directories(client);
  hashing(client);
  room(client);
  transfers(client, arguments[2]);
  files(client);
  stop();
  return 0;
}
