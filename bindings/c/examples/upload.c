/* Uploads files and directories, and shows how far it is. Ctrl-C ends it: upload SOURCE... REMOTE-DIRECTORY */
#include "connect.h"

#include <signal.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

struct progress {
  uint64_t moved, total;
};

static int on_event(void *user, const remofile_event *event) {
  struct progress *progress = user;
  switch (event->kind) {
    case REMOFILE_EVENT_TOTAL: progress->total = event->bytes; break;
    case REMOFILE_EVENT_MOVED: progress->moved += event->bytes; break;
    case REMOFILE_EVENT_FINISHED:
      printf("%s (%llu of %llu bytes)\n", event->path, (unsigned long long)progress->moved,
             (unsigned long long)progress->total);
      break;
    case REMOFILE_EVENT_FAILED:
    case REMOFILE_EVENT_WAITING:
    case REMOFILE_EVENT_RETRYING: fprintf(stderr, "%s\n", event->text); break;
    default: break;
  }
  return interrupted;
}

int main(int count, char **arguments) {
  remofile_error error = REMOFILE_INIT(remofile_error);
  remofile_transfer_options options = REMOFILE_INIT(remofile_transfer_options);
  remofile_monitor monitor = REMOFILE_INIT(remofile_monitor);
  remofile_report report = REMOFILE_INIT(remofile_report);
  struct progress progress = {0, 0};
  remofile_client *client;
  int code;

  if (count < 3) return fprintf(stderr, "usage: upload SOURCE... REMOTE-DIRECTORY\n"), 2;
  client = connect_from_environment();
  if (client == NULL) return 1;
  signal(SIGINT, on_signal);
  monitor.user = &progress;
  monitor.on_event = on_event;
  options.flags = REMOFILE_RECURSIVE | REMOFILE_TOTAL;
  options.on_conflict = REMOFILE_CONFLICT_REPLACE;
  code = remofile_upload(client, (const char *const *)arguments + 1, (size_t)count - 2, arguments[count - 1], &options,
                         &monitor, &report, &error);
  if (code) fprintf(stderr, "%s\n", error.message);
  printf("%llu files, %llu there already, %llu failed\n", (unsigned long long)report.files,
         (unsigned long long)report.present, (unsigned long long)report.failures);
  remofile_client_close(client, NULL);
  return code != 0;
}
