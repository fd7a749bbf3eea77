/* Lists what is below a remote directory: list [PATH] */
#include "connect.h"

static int show(void *user, const remofile_entry *entry) {
  unsigned *unlisted = user;
  if (entry->code != REMOFILE_OK) {
    fprintf(stderr, "%s\n", entry->message);
    ++*unlisted;
  } else if (entry->metadata.kind == REMOFILE_DIRECTORY) {
    printf("%20s %s/\n", "", entry->path);
  } else {
    printf("%20llu %s\n", (unsigned long long)entry->metadata.size, entry->path);
  }
  return 0; /* Go on. */
}

int main(int count, char **arguments) {
  remofile_error error = REMOFILE_INIT(remofile_error);
  remofile_client *client = connect_from_environment();
  unsigned unlisted = 0;
  int code;

  if (client == NULL) return 1;
  code = remofile_list(client, count > 1 ? arguments[1] : "/", REMOFILE_RECURSIVE, show, &unlisted, &error);
  if (code) fprintf(stderr, "%s\n", error.message);
  remofile_client_close(client, NULL);
  return code != 0 || unlisted > 0;
}
