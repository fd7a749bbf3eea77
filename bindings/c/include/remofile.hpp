// Remofile from C++17: see docs/c.md. Everything is in this header and the two that it includes; link with libremofile.
//
// Each call has two forms: stat() throws remofile::error, try_stat() returns a remofile::result that has a value or an error.
// What a callback throws ends its call, and is thrown again by it in both forms. Objects close themselves, are moved and not
// copied, and make one call at a time: clone() gives a client that makes calls beside another.
#ifndef REMOFILE_HPP
#define REMOFILE_HPP

#include "remofile.h"
#include "remofile/stream.hpp"
#include "remofile/support.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace remofile {

/// The options of a transfer; the defaults are those of the command. See remofile_transfer_options.
struct transfer_options {
  uint32_t flags = 0;
  uint32_t on_conflict = REMOFILE_CONFLICT_ABORT;
  uint32_t links = REMOFILE_LINKS_SKIP;
  uint32_t fsync = REMOFILE_FSYNC_END;
  uint32_t transfers = 1;
  uint32_t retries = 0;
  uint32_t compress = 0;
  uint64_t bytes_per_second = 0;
  uint64_t min_size = 0;
  uint64_t max_size = 0;
  std::vector<std::string> exclude;
  std::string link_dest;
  std::string backup;
  uint64_t max_delete = 0;
  uint64_t modify_window_ms = 0;
};

/// A client of one server.
class client {
 public:
  explicit client(const client_options &options) : client(try_connect(options).value()) {}
  client(client &&other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), waiting_(std::move(other.waiting_)) {}
  client &operator=(client &&other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(waiting_, other.waiting_);
    return *this;
  }
  ~client() {
    if (handle_) remofile_client_close(handle_, nullptr);
  }

  static result<client> try_connect(const client_options &options) {
    auto waiting = std::make_shared<detail::waiting>(options.on_waiting);
    remofile_client_options raw = REMOFILE_INIT(remofile_client_options);
    raw.port = options.port;
    raw.flags = options.flags;
    raw.timeout_ms = detail::milliseconds(options.timeout);
    raw.stall_timeout_ms = detail::milliseconds(options.stall_timeout);
    raw.wait_ms = options.wait_ms;
    if (options.on_waiting) raw.on_waiting = detail::on_waiting;
    raw.user = waiting.get();
    remofile_client *handle = nullptr;
    auto connect = [&](remofile_error *e) {
      raw.hostname = detail::text(options.hostname);
      raw.token = detail::text(options.token);
      raw.public_key = detail::optional(options.public_key);
      return remofile_connect(&raw, &handle, e);
    };
    return detail::made(connect, [&] { return client(handle, std::move(waiting)); });
  }

  /// Another client of the same server, for calls at the same time: on another thread, or in a callback.
  result<client> try_clone() const {
    remofile_client *handle = nullptr;
    return detail::made([&](remofile_error *e) { return remofile_client_clone(handle_, &handle, e); },
                        [&] { return client(handle, waiting_); });
  }
  client clone() const { return try_clone().value(); }

  /// Sets the limits of later calls, as the options of the same names do.
  result<void> try_set_limits(std::chrono::milliseconds timeout, std::chrono::milliseconds stall_timeout = {},
                              uint64_t wait_ms = 0) {
    return detail::done([&](remofile_error *e) {
      return remofile_client_set_limits(handle_, detail::milliseconds(timeout), detail::milliseconds(stall_timeout), wait_ms,
                                        e);
    });
  }
  void set_limits(std::chrono::milliseconds timeout, std::chrono::milliseconds stall_timeout = {}, uint64_t wait_ms = 0) {
    try_set_limits(timeout, stall_timeout, wait_ms).value();
  }

  /// Ends the call that runs, from any thread: false if there is none.
  bool cancel() noexcept { return remofile_client_cancel(handle_, nullptr) == REMOFILE_OK; }

  result<void> try_close() {
    return detail::done([&](remofile_error *e) { return remofile_client_close(handle_, e); },
                        [&] { handle_ = nullptr; });
  }
  void close() { try_close().value(); }

  result<server_status> try_status() {
    remofile_server_status raw = REMOFILE_INIT(remofile_server_status);
    return detail::made([&](remofile_error *e) { return remofile_status(handle_, &raw, e); },
                        [&] { return server_status(raw); });
  }
  server_status status() { return try_status().value(); }

  /// The clients that others may have to wait for.
  result<std::vector<holder>> try_holders() {
    std::vector<holder> holders;
    const std::function<bool(const holder &)> each = [&](const holder &told) {
      holders.push_back(told);
      return true;
    };
    detail::guarded<std::function<bool(const holder &)>> guarded{each};
    auto told = detail::done([&](remofile_error *e) { return remofile_holders(handle_, detail::on_holder, &guarded, e); });
    guarded.rethrow();
    if (!told) return told.error();
    return holders;
  }
  std::vector<holder> holders() { return try_holders().value(); }

  /// The room of the disk that a path is on; of its quota, if the token has one.
  result<space> try_disk_space(const std::string &path = "/") {
    space told = REMOFILE_INIT(remofile_space);
    return detail::made([&](remofile_error *e) { return remofile_disk_space(handle_, detail::text(path), &told, e); },
                        [&] { return told; });
  }
  space disk_space(const std::string &path = "/") { return try_disk_space(path).value(); }

  result<metadata> try_stat(const std::string &path) {
    remofile_metadata raw = REMOFILE_INIT(remofile_metadata);
    return detail::made([&](remofile_error *e) { return remofile_stat(handle_, detail::text(path), &raw, e); },
                        [&] { return metadata(raw); });
  }
  metadata stat(const std::string &path) { return try_stat(path).value(); }

  /// What a path names itself, and the target of a link.
  result<std::pair<metadata, std::string>> try_lstat(const std::string &path) {
    remofile_metadata raw = REMOFILE_INIT(remofile_metadata);
    char target[REMOFILE_PATH_BYTES];
    return detail::made([&](remofile_error *e) { return remofile_lstat(handle_, detail::text(path), &raw, &target, e); },
                        [&] { return std::make_pair(metadata(raw), std::string(target)); });
  }
  std::pair<metadata, std::string> lstat(const std::string &path) { return try_lstat(path).value(); }

  /// Calls a function with each element of a listing, until it returns false.
  result<void> try_walk(const std::string &path, uint32_t flags, const std::function<bool(const entry &)> &each) {
    detail::guarded<std::function<bool(const entry &)>> guarded{each};
    auto listed = detail::done([&](remofile_error *e) {
      return remofile_list(handle_, detail::text(path), flags, detail::on_entry, &guarded, e);
    });
    guarded.rethrow();
    return listed;
  }
  void walk(const std::string &path, uint32_t flags, const std::function<bool(const entry &)> &each) {
    try_walk(path, flags, each).value();
  }

  /// The elements of a directory; what cannot be listed is among them, with its code.
  result<std::vector<entry>> try_list(const std::string &path, uint32_t flags = 0) {
    std::vector<entry> entries;
    auto listed = try_walk(path, flags, [&](const entry &each) {
      entries.push_back(each);
      return true;
    });
    if (!listed) return listed.error();
    return entries;
  }
  std::vector<entry> list(const std::string &path, uint32_t flags = 0) { return try_list(path, flags).value(); }

  /// The hash of a file in hexadecimal digits, made by the server.
  result<std::string> try_hash(const std::string &path, uint32_t algorithm = REMOFILE_HASH_XXH3) {
    char hash[REMOFILE_HASH_BYTES];
    return detail::made(
        [&](remofile_error *e) { return remofile_hash(handle_, detail::text(path), algorithm, &hash, e); },
        [&] { return std::string(hash); });
  }
  std::string hash(const std::string &path, uint32_t algorithm = REMOFILE_HASH_XXH3) {
    return try_hash(path, algorithm).value();
  }

  /// Calls a function with each file below a path, hashed, until it returns false. The first that could not be hashed is the error
  /// when all are told.
  result<void> try_walk_hashes(const std::string &path, uint32_t algorithm,
                               const std::function<bool(const hashed &)> &each) {
    detail::guarded<std::function<bool(const hashed &)>> guarded{each};
    auto told = detail::done([&](remofile_error *e) {
      return remofile_hashes(handle_, detail::text(path), algorithm, detail::on_hash, &guarded, e);
    });
    guarded.rethrow();
    return told;
  }
  void walk_hashes(const std::string &path, uint32_t algorithm, const std::function<bool(const hashed &)> &each) {
    try_walk_hashes(path, algorithm, each).value();
  }

  /// All files below a path, hashed.
  result<std::vector<hashed>> try_hashes(const std::string &path, uint32_t algorithm = REMOFILE_HASH_XXH3) {
    std::vector<hashed> files;
    auto told = try_walk_hashes(path, algorithm, [&](const hashed &each) {
      files.push_back(each);
      return true;
    });
    if (!told) return told.error();
    return files;
  }
  std::vector<hashed> hashes(const std::string &path, uint32_t algorithm = REMOFILE_HASH_XXH3) {
    return try_hashes(path, algorithm).value();
  }

  result<void> try_create_file(const std::string &path, uint32_t flags = 0) {
    return detail::done([&](remofile_error *e) { return remofile_create_file(handle_, detail::text(path), flags, e); });
  }
  void create_file(const std::string &path, uint32_t flags = 0) { try_create_file(path, flags).value(); }

  result<void> try_make_directory(const std::string &path, uint32_t flags = 0) {
    return detail::done([&](remofile_error *e) { return remofile_make_directory(handle_, detail::text(path), flags, e); });
  }
  void make_directory(const std::string &path, uint32_t flags = 0) { try_make_directory(path, flags).value(); }

  result<void> try_make_link(const std::string &path, const std::string &target, uint32_t flags = 0) {
    return detail::done(
        [&](remofile_error *e) { return remofile_make_link(handle_, detail::text(path), detail::text(target), flags, e); });
  }
  void make_link(const std::string &path, const std::string &target, uint32_t flags = 0) {
    try_make_link(path, target, flags).value();
  }

  /// Sets permission bits and the time of last modification in seconds since 1970 and nanoseconds, those that are given.
  result<void> try_set_attributes(const std::string &path, std::optional<uint32_t> mode,
                                  std::optional<std::pair<int64_t, uint32_t>> modified = {}) {
    remofile_metadata time = REMOFILE_INIT(remofile_metadata);
    if (modified) std::tie(time.modified_seconds, time.modified_nanoseconds) = *modified;
    return detail::done([&](remofile_error *e) {
      return remofile_set_attributes(handle_, detail::text(path), mode.value_or(REMOFILE_NO_MODE),
                                     modified ? &time : nullptr, e);
    });
  }
  void set_attributes(const std::string &path, std::optional<uint32_t> mode,
                      std::optional<std::pair<int64_t, uint32_t>> modified = {}) {
    try_set_attributes(path, mode, modified).value();
  }

  /// How many files and how many directories were removed.
  result<std::pair<uint64_t, uint64_t>> try_remove(const std::string &path, uint32_t flags = 0) {
    std::pair<uint64_t, uint64_t> removed;
    return detail::made(
        [&](remofile_error *e) {
          return remofile_remove(handle_, detail::text(path), flags, &removed.first, &removed.second, e);
        },
        [&] { return removed; });
  }
  std::pair<uint64_t, uint64_t> remove(const std::string &path, uint32_t flags = 0) {
    return try_remove(path, flags).value();
  }

  result<void> try_move(const std::string &source, const std::string &destination, uint32_t flags = 0) {
    return detail::done(
        [&](remofile_error *e) { return remofile_move(handle_, detail::text(source), detail::text(destination), flags, e); });
  }
  void move(const std::string &source, const std::string &destination, uint32_t flags = 0) {
    try_move(source, destination, flags).value();
  }

  result<report> try_copy(const std::string &source, const std::string &destination, uint32_t flags = 0,
                          uint32_t on_conflict = REMOFILE_CONFLICT_ABORT) {
    report copied = REMOFILE_INIT(remofile_report);
    return detail::made(
        [&](remofile_error *e) {
          return remofile_copy(handle_, detail::text(source), detail::text(destination), flags, on_conflict, &copied, e);
        },
        [&] { return copied; });
  }
  report copy(const std::string &source, const std::string &destination, uint32_t flags = 0,
              uint32_t on_conflict = REMOFILE_CONFLICT_ABORT) {
    return try_copy(source, destination, flags, on_conflict).value();
  }

  /// Makes a file of some content.
  result<void> try_write_file(const std::string &path, std::string_view content, uint32_t flags = 0) {
    auto data = reinterpret_cast<const uint8_t *>(content.data());
    return detail::done(
        [&](remofile_error *e) { return remofile_write_file(handle_, detail::text(path), data, content.size(), flags, e); });
  }
  void write_file(const std::string &path, std::string_view content, uint32_t flags = 0) {
    try_write_file(path, content, flags).value();
  }

  /// Uploads files and directories of this machine into a remote directory.
  result<report> try_upload(const std::vector<std::filesystem::path> &sources, const std::string &destination,
                            const transfer_options &options = {}, const monitor &callbacks = {}) {
    std::vector<std::string> texts;
    for (const auto &source : sources) texts.push_back(detail::native(source));
    return transfer(options, callbacks, [&](auto *raw, auto *told, auto *moved, auto *e) {
      auto pointers = detail::pointers(texts);
      return remofile_upload(handle_, pointers.data(), pointers.size(), detail::text(destination), raw, told, moved, e);
    });
  }
  report upload(const std::vector<std::filesystem::path> &sources, const std::string &destination,
                const transfer_options &options = {}, const monitor &callbacks = {}) {
    return try_upload(sources, destination, options, callbacks).value();
  }

  /// Downloads remote files and directories into a directory of this machine.
  result<report> try_download(const std::vector<std::string> &sources, const std::filesystem::path &destination,
                              const transfer_options &options = {}, const monitor &callbacks = {}) {
    auto place = detail::native(destination);
    return transfer(options, callbacks, [&](auto *raw, auto *told, auto *moved, auto *e) {
      auto pointers = detail::pointers(sources);
      return remofile_download(handle_, pointers.data(), pointers.size(), detail::text(place), raw, told, moved, e);
    });
  }
  report download(const std::vector<std::string> &sources, const std::filesystem::path &destination,
                  const transfer_options &options = {}, const monitor &callbacks = {}) {
    return try_download(sources, destination, options, callbacks).value();
  }

  /// Makes a remote directory like one of this machine.
  result<report> try_sync_upload(const std::filesystem::path &source, const std::string &destination,
                                 const transfer_options &options = {}, const monitor &callbacks = {}) {
    auto place = detail::native(source);
    return transfer(options, callbacks, [&](auto *raw, auto *told, auto *moved, auto *e) {
      return remofile_sync_upload(handle_, detail::text(place), detail::text(destination), raw, told, moved, e);
    });
  }
  report sync_upload(const std::filesystem::path &source, const std::string &destination,
                     const transfer_options &options = {}, const monitor &callbacks = {}) {
    return try_sync_upload(source, destination, options, callbacks).value();
  }

  /// Makes a directory of this machine like a remote one.
  result<report> try_sync_download(const std::string &source, const std::filesystem::path &destination,
                                   const transfer_options &options = {}, const monitor &callbacks = {}) {
    auto place = detail::native(destination);
    return transfer(options, callbacks, [&](auto *raw, auto *told, auto *moved, auto *e) {
      return remofile_sync_download(handle_, detail::text(source), detail::text(place), raw, told, moved, e);
    });
  }
  report sync_download(const std::string &source, const std::filesystem::path &destination,
                       const transfer_options &options = {}, const monitor &callbacks = {}) {
    return try_sync_download(source, destination, options, callbacks).value();
  }

  /// Opens a remote file: REMOFILE_READ, REMOFILE_WRITE, REMOFILE_CREATE and so on.
  result<file> try_open(const std::string &path, uint32_t flags = REMOFILE_READ) {
    remofile_file *opened = nullptr;
    return detail::made([&](remofile_error *e) { return remofile_open(handle_, detail::text(path), flags, &opened, e); },
                        [&] { return file(opened, waiting_); });
  }
  file open(const std::string &path, uint32_t flags = REMOFILE_READ) { return try_open(path, flags).value(); }

  /// The handle, for functions of C. It stays this object's.
  remofile_client *handle() const noexcept { return handle_; }

 private:
  client(remofile_client *handle, std::shared_ptr<detail::waiting> waiting)
      : handle_(handle), waiting_(std::move(waiting)) {}

  template <class F>
  result<report> transfer(const transfer_options &options, const monitor &callbacks, F &&body) {
    remofile_transfer_options raw = REMOFILE_INIT(remofile_transfer_options);
    std::string rules;
    for (const auto &rule : options.exclude) rules += rule + "\n";
    raw.flags = options.flags;
    raw.on_conflict = options.on_conflict;
    raw.links = options.links;
    raw.fsync = options.fsync;
    raw.transfers = options.transfers;
    raw.retries = options.retries;
    raw.compress = options.compress;
    raw.bytes_per_second = options.bytes_per_second;
    raw.min_size = options.min_size;
    raw.max_size = options.max_size;
    raw.max_delete = options.max_delete;
    raw.modify_window_ms = options.modify_window_ms;
    detail::guarded<monitor> guarded{callbacks};
    remofile_monitor told = detail::monitor_of(guarded);
    report moved = REMOFILE_INIT(remofile_report);
    auto call = [&](remofile_error *e) {
      raw.exclude = detail::optional(rules);
      raw.link_dest = detail::optional(options.link_dest);
      raw.backup = detail::optional(options.backup);
      return body(&raw, &told, &moved, e);
    };
    auto result = detail::made(call, [&] { return moved; });
    guarded.rethrow();
    return result;
  }

  remofile_client *handle_;
  std::shared_ptr<detail::waiting> waiting_;
};

/// A server in this process, until it is destroyed.
class server {
 public:
  explicit server(const server_options &options) : server(try_start(options).value()) {}
  server(server &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  server &operator=(server &&other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~server() {
    if (handle_) remofile_server_stop(handle_, nullptr);
  }

  static result<server> try_start(const server_options &options) {
    remofile_server_options raw = REMOFILE_INIT(remofile_server_options);
    auto root = detail::native(options.root);
    raw.port = options.port;
    raw.flags = options.flags;
    raw.fsync = options.fsync;
    raw.max_sessions = options.max_sessions;
    raw.file_size_limit = options.file_size_limit;
    raw.idle_timeout_ms = detail::milliseconds(options.idle_timeout);
    remofile_server *handle = nullptr;
    auto start = [&](remofile_error *e) {
      raw.root = detail::text(root);
      raw.token = detail::text(options.token);
      raw.address = detail::optional(options.address);
      raw.private_key = detail::optional(options.private_key);
      return remofile_server_start(&raw, &handle, e);
    };
    return detail::made(start, [&] { return server(handle); });
  }

  uint16_t port() const {
    uint16_t port = 0;
    detail::done([&](remofile_error *e) { return remofile_server_port(handle_, &port, e); }).value();
    return port;
  }

  result<void> try_stop() {
    return detail::done([&](remofile_error *e) { return remofile_server_stop(std::exchange(handle_, nullptr), e); });
  }
  void stop() { try_stop().value(); }

 private:
  explicit server(remofile_server *handle) : handle_(handle) {}

  remofile_server *handle_;
};

/// A token that nobody guesses.
inline std::string generate_token() {
  char token[REMOFILE_SECRET_BYTES];
  detail::done([&](remofile_error *e) { return remofile_generate_token(&token, e); }).value();
  return token;
}

/// A public and a private key for a server.
inline std::pair<std::string, std::string> generate_keys() {
  char public_key[REMOFILE_SECRET_BYTES], private_key[REMOFILE_SECRET_BYTES];
  detail::done([&](remofile_error *e) { return remofile_generate_keys(&public_key, &private_key, e); }).value();
  return {public_key, private_key};
}

}  // namespace remofile

#endif
