// Appends a line to a remote file of notes, and shows them all with numbers: notes REMOTE-FILE LINE
#include "connect.hpp"

int main(int count, char **arguments) {
  if (count != 3) {
    std::cerr << "usage: notes REMOTE-FILE LINE\n";
    return 2;
  }
  return run([&] {
    auto client = connect_from_environment();

    remofile::stream added(client.open(arguments[1], REMOFILE_APPEND | REMOFILE_CREATE));
    added << arguments[2] << '\n';
    added.close();

    remofile::stream notes(client.open(arguments[1]));
    notes.exceptions(std::ios::badbit);
    std::string line;
    for (int number = 1; std::getline(notes, line); number++) std::cout << number << ": " << line << '\n';
  });
}
