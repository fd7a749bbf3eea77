// The C++ wrapper: wrapper ROOT LOCAL, two empty directories.
#undef NDEBUG
#include <atomic>
#include <cassert>
#include <fstream>
#include <iostream>
#include <remofile.hpp>
#include <sstream>
#include <thread>
#include <type_traits>

#ifndef LINES
#define LINES 50000
#endif

namespace fs = std::filesystem;

static_assert(!std::is_copy_constructible_v<remofile::client> && std::is_nothrow_move_constructible_v<remofile::client>);
// A function that may throw is no callback of C: its type says so.
int may_throw(void *, const remofile_entry *);
static_assert(!std::is_convertible_v<decltype(&may_throw), remofile_on_entry>);

template <class F>
static int code_of(F &&body) {
  try {
    body();
    return REMOFILE_OK;
  } catch (const remofile::error &error) {
    assert(*error.what() && !error.name().empty());
    return error.code();
  }
}

static void results(remofile::client &client) {
  auto missing = client.try_stat("/missing");
  assert(!missing && missing.error().code() == REMOFILE_NOT_FOUND && missing.error().path() == "/missing");
  assert(missing.error().is_remote() && missing.error().name() == "not-found");
  assert(code_of([&] { client.stat("/missing"); }) == REMOFILE_NOT_FOUND);
  assert(client.try_list("/").value().empty());
  assert(std::move(missing).value_or(client.stat("/")).is_directory());
  client.make_directory("/d/e", REMOFILE_PARENTS);
  client.write_file("/d/f", "content");
  auto entries = client.list("/", REMOFILE_RECURSIVE);
  assert(entries.size() == 3 && entries[2].path == "/d/f" && entries[2].is_file() && entries[2].size == 7);
  assert(client.hash("/d/f", REMOFILE_HASH_MD5) == "9a0364b9e99bb480dd25e1f0284c8555");
  auto hashed = client.hashes("/", REMOFILE_HASH_SHA1);
  assert(hashed.size() == 1 && hashed[0].path == "/d/f" && hashed[0].size == 7 && hashed[0].hash.size() == 40);
  assert(client.try_hash("/d").error().code() == REMOFILE_NOT_A_FILE);
  assert(client.try_hashes("/missing").error().code() == REMOFILE_NOT_FOUND);
  assert(client.disk_space().size > 0 && !client.try_disk_space("/missing"));
  assert(client.holders().empty());
  client.make_link("/d/l", "f");
  assert(client.lstat("/d/l").second == "f" && client.stat("/d/l").size == 7);
  client.move("/d/f", "/d/g");
  assert(client.copy("/d", "/c", REMOFILE_RECURSIVE).files == 2);
  assert(client.remove("/c", REMOFILE_RECURSIVE).second == 2);
  assert(client.status().round_trip_ns > 0);
}

static void attributes_and_limits(remofile::client &client) {
  client.set_attributes("/d/g", 0600, std::make_pair(int64_t{-5}, uint32_t{7}));
  auto changed = client.stat("/d/g");
  assert(changed.mode == 0600u && changed.modified_seconds == -5 && changed.modified_nanoseconds == 7);
  client.set_attributes("/d/g", 0640);
  changed = client.stat("/d/g");
  assert(changed.mode == 0640u && changed.modified_seconds == -5);
  client.set_attributes("/d/g", std::nullopt, std::make_pair(int64_t{5}, uint32_t{0}));
  assert(client.stat("/d/g").mode == 0640u && client.stat("/d/g").modified_seconds == 5);
  assert(client.try_set_attributes("/d/g", 0100600).error().code() == REMOFILE_BAD_ARGUMENT);
  // A file that is followed gives nothing: a time that is over already ends the call, and is not taken for no limit.
  auto limited = client.clone();
  limited.set_limits(std::chrono::milliseconds(-1));
  client.create_file("/quiet");
  auto quiet = limited.try_open("/quiet", REMOFILE_READ | REMOFILE_FOLLOW);
  char byte;
  assert((quiet ? quiet->try_read(&byte, 1).error() : quiet.error()).code() == REMOFILE_TIMEOUT);
}

/// A text that C would cut at a NUL byte names something else: it is refused, and nothing is done.
static void nul_bytes(remofile::client &client, const fs::path &local) {
  using namespace std::string_literals;
  auto code = [](const auto &result) { return result ? REMOFILE_OK : result.error().code(); };
  const auto directory = "/d\0/x"s;
  assert(code(client.try_remove(directory, REMOFILE_RECURSIVE)) == REMOFILE_BAD_ARGUMENT);
  assert(code(client.try_move(directory, "/e")) == REMOFILE_BAD_ARGUMENT);
  assert(code(client.try_move("/d", "/e\0"s)) == REMOFILE_BAD_ARGUMENT);
  assert(code(client.try_open("/d/g\0"s)) == REMOFILE_BAD_ARGUMENT);
  assert(code(client.try_upload({local.string() + "\0x"s}, "/")) == REMOFILE_BAD_ARGUMENT);
  assert(code(client.try_download({"/d/g\0"s}, local)) == REMOFILE_BAD_ARGUMENT);
  remofile::transfer_options options;
  options.exclude = {"*.o\0"s};
  auto refused = client.try_sync_upload(local, "/d", options);
  assert(code(refused) == REMOFILE_BAD_ARGUMENT && refused.error().name() == "bad-argument");
  assert(std::string(refused.error().what()) == "a text has a NUL byte in it");
  remofile::client_options where;
  where.hostname = "127.0.0.1\0"s;
  where.token = "x";
  assert(code(remofile::client::try_connect(where)) == REMOFILE_BAD_ARGUMENT);
  assert(client.stat("/d/g").size == 7 && !client.try_stat("/e"));
}

struct own : std::runtime_error {
  using std::runtime_error::runtime_error;
};

static void callbacks(remofile::client &client, const fs::path &local) {
  std::ofstream(local / "large") << std::string(300000, 'x');
  // What a callback throws is what comes of the call, and the client goes on.
  auto thrown = [](auto &&body) {
    try {
      body();
    } catch (const own &error) {
      return std::string(error.what()) == "mine";
    }
    return false;
  };
  assert(thrown([&] { client.walk("/", 0, [](const remofile::entry &) -> bool { throw own("mine"); }); }));
  assert(thrown([&] { client.walk_hashes("/d", REMOFILE_HASH_MD5, [](const remofile::hashed &) -> bool { throw own("mine"); }); }));
  remofile::monitor monitor;
  monitor.on_event = [](const remofile::event &) -> bool { throw own("mine"); };
  assert(thrown([&] { client.upload({local / "large"}, "/", {}, monitor); }));
  monitor = {};
  monitor.on_chunk = [](const remofile::chunk &) -> bool { throw own("mine"); };
  assert(thrown([&] { (void)client.try_upload({local / "large"}, "/", {}, monitor); }));
  client.write_file("/large", "in the way");
  monitor = {};
  monitor.on_conflict = [](const remofile::conflict &) -> uint32_t { throw own("mine"); };
  assert(thrown([&] { client.upload({local / "large"}, "/", {}, monitor); }));
  monitor.on_conflict = [](const remofile::conflict &) { return REMOFILE_CONFLICT_REPLACE; };
  uint64_t moved = 0;
  monitor.on_event = [&](const remofile::event &event) {
    if (event.kind == REMOFILE_EVENT_MOVED) moved += event.bytes;
    return true;
  };
  assert(client.upload({local / "large"}, "/", {}, monitor).files == 1 && moved == 300000);
  assert(!client.try_walk("/", 0, [](const remofile::entry &) { return false; }));
  remofile::transfer_options options;
  options.exclude = {"*.o", "/build"};
  fs::create_directory(local / "tree");
  std::ofstream(local / "tree" / "a.o") << "x";
  std::ofstream(local / "tree" / "a.c") << "x";
  // A sync that has planned has its directory for itself.
  std::vector<remofile::holder> holders;
  monitor = {};
  monitor.on_event = [&](const remofile::event &event) {
    if (event.kind == REMOFILE_EVENT_PLANNED) holders = client.clone().holders();
    return true;
  };
  assert(client.sync_upload(local / "tree", "/tree", options, monitor).files == 1);
  assert(holders.size() == 1 && holders[0].activity == "sync" && holders[0].path == "/tree");
  assert(!holders[0].client.empty() && holders[0].held < std::chrono::minutes(1));
  assert(holders[0].text.find("sync at /tree") != std::string::npos);
  assert(client.sync_download("/tree", local / "back").files == 1);
  assert(fs::file_size(local / "back" / "a.c") == 1);
  assert(client.download({"/large"}, local / "back").bytes == 300000);
}

static void streams(remofile::client &client) {
  remofile::stream out(client.open("/lines", REMOFILE_WRITE | REMOFILE_CREATE | REMOFILE_TRUNCATE));
  for (int line = 0; line < LINES; line++) out << "line " << line << '\n';
  out << std::string(200000, 'y') << '\n';
  assert(out);
  assert(!client.try_stat("/lines"));
  out.close();
  remofile::stream in(client.open("/lines"));
  std::string line;
  for (int number = 0; number < LINES; number++) {
    assert(std::getline(in, line) && line == "line " + std::to_string(number));
  }
  assert(std::getline(in, line) && line.size() == 200000);
  assert(!std::getline(in, line) && in.eof());
  in.clear();
  in.seekg(7);
  assert(in >> line && line == "line" && in.tellg() == 11);
  // Reading and writing in turns.
  remofile::stream both(client.open("/lines", REMOFILE_READ | REMOFILE_WRITE));
  assert(both.get() == 'l');
  both.seekp(1);
  both << "I";
  both.seekg(0);
  assert(both >> line && line == "lIne");
  both.close();
  // Errors are badbit, or thrown.
  remofile::stream bad(client.open("/lines", REMOFILE_APPEND));
  assert(!std::getline(bad, line) && bad.bad());
  bad.clear();
  assert(code_of([&] {
           bad.exceptions(std::ios::badbit);
           bad.get();
         }) == REMOFILE_USAGE);
}

static void cancelled(remofile::client &client) {
  client.create_file("/followed");
  auto file = client.open("/followed", REMOFILE_READ | REMOFILE_FOLLOW);
  std::thread reader([&] {
    char byte;
    assert(file.try_read(&byte, 1).error().code() == REMOFILE_INTERRUPTED);
  });
  while (!file.cancel()) std::this_thread::yield();
  reader.join();
}

int main(int count, char **arguments) {
  assert(count == 3);
  {
    remofile::server_options serve;
    serve.root = arguments[1];
    serve.token = remofile::generate_token();
    auto keys = remofile::generate_keys();
    serve.private_key = keys.second;
    remofile::server server(serve);
    remofile::client_options options;
    options.hostname = "127.0.0.1";
    options.port = server.port();
    options.token = serve.token;
    assert(remofile::client::try_connect(options).error().code() == REMOFILE_KEY_REQUIRED);
    options.public_key = keys.first;
    options.token = remofile::generate_token();
    assert(code_of([&] { remofile::client wrong(options); }) == REMOFILE_WRONG_TOKEN);
    options.token = serve.token;
    remofile::client client(options);
    results(client);
    attributes_and_limits(client);
    nul_bytes(client, arguments[2]);
    callbacks(client, arguments[2]);
    streams(client);
    cancelled(client);
    auto other = client.clone();
    client.close();
    assert(other.stat("/").is_directory() && client.try_stat("/").error().code() == REMOFILE_NULL_ARGUMENT);
    auto moved = std::move(other);
    assert(moved.stat("/").is_directory());
  }
  assert(remofile_open_handles() == 0);
}
