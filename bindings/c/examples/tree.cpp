// Makes a local directory like a remote one and shows it: tree REMOTE-DIRECTORY LOCAL-DIRECTORY
#include "connect.hpp"

int main(int count, char **arguments) {
  if (count != 3) {
    std::cerr << "usage: tree REMOTE-DIRECTORY LOCAL-DIRECTORY\n";
    return 2;
  }
  return run([&] {
    auto client = connect_from_environment();
    for (const auto &entry : client.list(arguments[1], REMOFILE_RECURSIVE)) {
      std::cout << entry.path << (entry.is_directory() ? "/" : "") << '\n';
    }
    auto report = client.sync_download(arguments[1], arguments[2]);
    std::cout << report.files << " files\n";
  });
}
