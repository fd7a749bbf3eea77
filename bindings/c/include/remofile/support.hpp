// Errors, results, options and callbacks of remofile.hpp.
#ifndef REMOFILE_SUPPORT_HPP
#define REMOFILE_SUPPORT_HPP

#include "../remofile.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace remofile {

/// The reason why a call failed.
class error : public std::runtime_error {
 public:
  explicit error(const remofile_error &raw)
      : std::runtime_error(raw.message), code_(raw.code), os_error_(raw.os_error), is_remote_(raw.is_remote != 0),
        name_(raw.name), path_(raw.path) {}

  /// One of the codes in remofile/codes.h.
  int code() const noexcept { return code_; }
  /// The number that the operating system gave; 0 if there is none.
  int os_error() const noexcept { return os_error_; }
  /// True if the server failed the call, or a file failed in a transfer.
  bool is_remote() const noexcept { return is_remote_; }
  /// The name of the code: not-found, for example.
  const std::string &name() const noexcept { return name_; }
  /// The path that it is about; empty if there is none.
  const std::string &path() const noexcept { return path_; }

 private:
  int code_;
  int os_error_;
  bool is_remote_;
  std::string name_;
  std::string path_;
};

/// A value, or an error.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  result(class error error) : content_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  /// The value; throws the error if there is none.
  T &value() & { return check(), std::get<0>(content_); }
  const T &value() const & { return check(), std::get<0>(content_); }
  T value() && { return check(), std::move(std::get<0>(content_)); }
  template <class U>
  T value_or(U &&other) && {
    return has_value() ? std::move(std::get<0>(content_)) : static_cast<T>(std::forward<U>(other));
  }
  T &operator*() & { return std::get<0>(content_); }
  const T &operator*() const & { return std::get<0>(content_); }
  T *operator->() { return &std::get<0>(content_); }
  const T *operator->() const { return &std::get<0>(content_); }
  /// The error; only if there is no value.
  const class error &error() const { return std::get<1>(content_); }

 private:
  void check() const {
    if (!has_value()) throw std::get<1>(content_);
  }

  std::variant<T, class error> content_;
};

/// Nothing, or an error.
template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(class error error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (error_) throw *error_;
  }
  const class error &error() const { return error_.value(); }

 private:
  std::optional<class error> error_;
};

/// The metadata of a file or directory.
struct metadata {
  uint32_t kind;
  std::optional<uint32_t> mode;
  uint64_t size;
  int64_t modified_seconds;
  uint32_t modified_nanoseconds;

  explicit metadata(const remofile_metadata &raw)
      : kind(raw.kind), size(raw.size), modified_seconds(raw.modified_seconds),
        modified_nanoseconds(raw.modified_nanoseconds) {
    if (raw.mode != REMOFILE_NO_MODE) mode = raw.mode;
  }
  bool is_file() const noexcept { return kind == REMOFILE_FILE; }
  bool is_directory() const noexcept { return kind == REMOFILE_DIRECTORY; }
  bool is_link() const noexcept { return kind == REMOFILE_LINK; }
};

/// An element of a listing.
struct entry : metadata {
  std::string path;
  /// The target of a link, where it can be told.
  std::string target;
  /// REMOFILE_OK, or why this path could not be listed, and that in words.
  int code;
  std::string message;

  explicit entry(const remofile_entry &raw)
      : metadata(raw.metadata), path(raw.path), target(raw.target ? raw.target : ""), code(raw.code),
        message(raw.message ? raw.message : "") {}
};

/// A file that was hashed at the server.
struct hashed : metadata {
  std::string path;
  /// In hexadecimal digits; empty if the file could not be hashed.
  std::string hash;
  /// REMOFILE_OK, or why it could not be hashed, and that in words.
  int code;
  std::string message;

  explicit hashed(const remofile_hashed &raw)
      : metadata(raw.metadata), path(raw.path), hash(raw.hash ? raw.hash : ""), code(raw.code),
        message(raw.message ? raw.message : "") {}
};

/// A client that others may have to wait for.
struct holder {
  /// User and host, as the client named itself: not proved, and of any characters.
  std::string client;
  /// Empty where others must not know it.
  std::string address;
  /// Name of its operation: upload, for example.
  std::string activity;
  /// Empty where there is none to tell.
  std::string path;
  /// All of it in a line, which is harmless to show.
  std::string text;
  /// How long it has been there.
  std::chrono::milliseconds held;

  explicit holder(const remofile_holder &raw)
      : client(raw.client), address(raw.address ? raw.address : ""), activity(raw.activity),
        path(raw.path ? raw.path : ""), text(raw.text), held(raw.held_ms) {}
};

/// The state of a server.
struct server_status : remofile_server_status {
  explicit server_status(const remofile_server_status &raw) : remofile_server_status(raw) {}
};

using space = remofile_space;
using report = remofile_report;
using event = remofile_event;
using chunk = remofile_chunk;
using conflict = remofile_conflict;

/// The callbacks of a transfer; each may be left out. One that returns false ends the transfer with REMOFILE_STOPPED.
struct monitor {
  std::function<bool(const event &)> on_event;
  std::function<bool(const chunk &)> on_chunk;
  uint32_t chunk_size = 0;
  /// Returns a REMOFILE_CONFLICT_ constant.
  std::function<uint32_t(const conflict &)> on_conflict;
};

/// Where a server is, and how calls are limited.
struct client_options {
  std::string hostname;
  uint16_t port = 0;
  std::string token;
  std::string public_key;
  uint32_t flags = 0;
  /// 0 for no limit; less is a time that is over.
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds stall_timeout{0};
  uint64_t wait_ms = 0;
  /// Called when a call that is no transfer or sync waits for others, with a text that says for whom.
  std::function<void(std::string_view)> on_waiting;
};

/// The options of a server.
struct server_options {
  std::filesystem::path root;
  std::string token;
  /// Where it listens; empty for all addresses.
  std::string address = "127.0.0.1";
  std::string private_key;
  uint16_t port = 0;
  uint32_t flags = 0;
  uint32_t fsync = REMOFILE_FSYNC_END;
  uint32_t max_sessions = 0;
  uint64_t file_size_limit = 0;
  std::chrono::milliseconds idle_timeout{0};
};

namespace detail {

/// The exception that text() throws, and nobody but made() and done() catches.
struct has_nul {};

/// A text for C, which ends at a NUL byte there: one that has any in it would name something else.
inline const char *text(const std::string &text) {
  if (text.find('\0') != std::string::npos) throw has_nul{};
  return text.c_str();
}

inline const char *optional(const std::string &optional) { return optional.empty() ? nullptr : text(optional); }

inline std::vector<const char *> pointers(const std::vector<std::string> &texts) {
  std::vector<const char *> pointers;
  for (const auto &each : texts) pointers.push_back(text(each));
  return pointers;
}

/// Makes a call, which makes its texts itself.
template <class F>
int checked(F &&call, remofile_error &raw) {
  try {
    return call(&raw);
  } catch (const has_nul &) {
    static const char why[] = "a text has a NUL byte in it";
    std::copy(std::begin(why), std::end(why), raw.message);
    remofile_describe_code(REMOFILE_BAD_ARGUMENT, &raw.name, nullptr, nullptr);
    return raw.code = REMOFILE_BAD_ARGUMENT;
  }
}

template <class F, class V>
auto made(F &&call, V &&value) -> result<decltype(value())> {
  remofile_error raw = REMOFILE_INIT(remofile_error);
  if (checked(call, raw) != REMOFILE_OK) return error(raw);
  return value();
}

template <class F>
result<void> done(F &&call) {
  remofile_error raw = REMOFILE_INIT(remofile_error);
  if (checked(call, raw) != REMOFILE_OK) return error(raw);
  return {};
}

template <class F, class D>
result<void> done(F &&call, D &&then) {
  auto made = done(std::forward<F>(call));
  if (made) then();
  return made;
}

inline std::string native(const std::filesystem::path &path) { return path.string(); }

/// Milliseconds for C, where 0 is no limit. What is left of a time that is over already is none, and must not be taken for that.
inline uint64_t milliseconds(std::chrono::milliseconds time) {
  return time.count() < 0 ? 1 : static_cast<uint64_t>(time.count());
}

/// Callbacks, and what one of them has thrown: no exception may go through the library.
template <class F>
struct guarded {
  const F &functions;
  std::exception_ptr thrown = nullptr;

  template <class B, class R>
  R attempt(R otherwise, B &&body) noexcept {
    try {
      return body();
    } catch (...) {
      if (!thrown) thrown = std::current_exception();
      return otherwise;
    }
  }
  void rethrow() const {
    if (thrown) std::rethrow_exception(thrown);
  }
};

inline int on_entry(void *user, const remofile_entry *raw) noexcept {
  auto &guarded = *static_cast<detail::guarded<std::function<bool(const entry &)>> *>(user);
  return guarded.attempt(1, [&] { return guarded.functions(entry(*raw)) ? 0 : 1; });
}

inline int on_hash(void *user, const remofile_hashed *raw) noexcept {
  auto &guarded = *static_cast<detail::guarded<std::function<bool(const hashed &)>> *>(user);
  return guarded.attempt(1, [&] { return guarded.functions(hashed(*raw)) ? 0 : 1; });
}

inline int on_holder(void *user, const remofile_holder *raw) noexcept {
  auto &guarded = *static_cast<detail::guarded<std::function<bool(const holder &)>> *>(user);
  return guarded.attempt(1, [&] { return guarded.functions(holder(*raw)) ? 0 : 1; });
}

inline int on_event(void *user, const remofile_event *raw) noexcept {
  auto &guarded = *static_cast<detail::guarded<monitor> *>(user);
  return guarded.attempt(1, [&] { return guarded.functions.on_event(*raw) ? 0 : 1; });
}

inline int on_chunk(void *user, const remofile_chunk *raw) noexcept {
  auto &guarded = *static_cast<detail::guarded<monitor> *>(user);
  return guarded.attempt(1, [&] { return guarded.functions.on_chunk(*raw) ? 0 : 1; });
}

inline uint32_t on_conflict(void *user, const remofile_conflict *raw) noexcept {
  auto &guarded = *static_cast<detail::guarded<monitor> *>(user);
  return guarded.attempt(UINT32_MAX, [&] { return guarded.functions.on_conflict(*raw); });
}

inline remofile_monitor monitor_of(guarded<monitor> &guarded) {
  remofile_monitor raw = REMOFILE_INIT(remofile_monitor);
  raw.user = &guarded;
  if (guarded.functions.on_event) raw.on_event = on_event;
  if (guarded.functions.on_chunk) raw.on_chunk = on_chunk;
  raw.chunk_size = guarded.functions.chunk_size;
  if (guarded.functions.on_conflict) raw.on_conflict = on_conflict;
  return raw;
}

/// The callback that is told while a call waits. What it throws is passed over: it tells and does not decide.
struct waiting {
  std::function<void(std::string_view)> tell;
  explicit waiting(std::function<void(std::string_view)> function) : tell(std::move(function)) {}
};

inline void on_waiting(void *user, const char *holders) noexcept {
  try {
    static_cast<waiting *>(user)->tell(holders);
  } catch (...) {
  }
}

}  // namespace detail
}  // namespace remofile

#endif
