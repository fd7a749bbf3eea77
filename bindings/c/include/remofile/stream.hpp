// Open files of remofile.hpp, and streams over them.
#ifndef REMOFILE_STREAM_HPP
#define REMOFILE_STREAM_HPP

#include "support.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <streambuf>
#include <vector>

namespace remofile {

class client;

/// An open remote file. It outlives the client that opened it. Destroyed without close(), one that is written anew leaves nothing,
/// and of one that is changed in place the bytes that wait are lost.
class file {
 public:
  file(file &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)), waiting_(std::move(other.waiting_)) {}
  file &operator=(file &&other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(waiting_, other.waiting_);
    return *this;
  }
  ~file() {
    if (handle_) remofile_abort(handle_, nullptr);
  }

  /// Reads into a buffer from the position: fewer bytes than its size only at the end of the file.
  result<size_t> try_read(void *buffer, size_t size) {
    size_t count = 0;
    auto data = static_cast<uint8_t *>(buffer);
    return detail::made([&](remofile_error *e) { return remofile_read(handle_, data, size, &count, e); },
                        [&] { return count; });
  }
  size_t read(void *buffer, size_t size) { return try_read(buffer, size).value(); }

  /// Reads from an offset; the position stays.
  result<size_t> try_read_at(uint64_t offset, void *buffer, size_t size) {
    size_t count = 0;
    auto data = static_cast<uint8_t *>(buffer);
    return detail::made([&](remofile_error *e) { return remofile_read_at(handle_, offset, data, size, &count, e); },
                        [&] { return count; });
  }
  size_t read_at(uint64_t offset, void *buffer, size_t size) { return try_read_at(offset, buffer, size).value(); }

  result<void> try_write(const void *bytes, size_t size) {
    auto data = static_cast<const uint8_t *>(bytes);
    return detail::done([&](remofile_error *e) { return remofile_write(handle_, data, size, nullptr, e); });
  }
  void write(const void *bytes, size_t size) { try_write(bytes, size).value(); }
  void write(std::string_view text) { write(text.data(), text.size()); }

  result<void> try_write_at(uint64_t offset, const void *bytes, size_t size) {
    auto data = static_cast<const uint8_t *>(bytes);
    return detail::done([&](remofile_error *e) { return remofile_write_at(handle_, offset, data, size, nullptr, e); });
  }
  void write_at(uint64_t offset, const void *bytes, size_t size) { try_write_at(offset, bytes, size).value(); }

  /// Moves the position: SEEK_SET, SEEK_CUR or SEEK_END.
  result<uint64_t> try_seek(int64_t offset, int whence = SEEK_SET) {
    uint64_t position = 0;
    return detail::made([&](remofile_error *e) { return remofile_seek(handle_, offset, whence, &position, e); },
                        [&] { return position; });
  }
  uint64_t seek(int64_t offset, int whence = SEEK_SET) { return try_seek(offset, whence).value(); }

  result<uint64_t> try_size() const {
    uint64_t size = 0;
    return detail::made([&](remofile_error *e) { return remofile_size(handle_, &size, e); }, [&] { return size; });
  }
  uint64_t size() const { return try_size().value(); }

  result<void> try_truncate(uint64_t size) {
    return detail::done([&](remofile_error *e) { return remofile_truncate(handle_, size, e); });
  }
  void truncate(uint64_t size) { try_truncate(size).value(); }

  result<void> try_flush() {
    return detail::done([&](remofile_error *e) { return remofile_flush(handle_, e); });
  }
  void flush() { try_flush().value(); }

  /// Sends what waits; what was written anew becomes visible. If it fails, the file stays open.
  result<void> try_close() {
    return detail::done([&](remofile_error *e) { return remofile_close(handle_, e); }, [&] { handle_ = nullptr; });
  }
  void close() { try_close().value(); }

  /// Ends the call that runs, from any thread: false if there is none.
  bool cancel() noexcept { return remofile_file_cancel(handle_, nullptr) == REMOFILE_OK; }

  /// The handle, for functions of C. It stays this object's.
  remofile_file *handle() const noexcept { return handle_; }

 private:
  friend class client;
  file(remofile_file *handle, std::shared_ptr<detail::waiting> waiting)
      : handle_(handle), waiting_(std::move(waiting)) {}

  remofile_file *handle_;
  std::shared_ptr<detail::waiting> waiting_;
};

/// A buffer of a stream over an open file. Its errors are remofile::error, which a stream keeps as badbit, or throws again if
/// exceptions(std::ios::badbit) says so.
class filebuf : public std::streambuf {
 public:
  explicit filebuf(file opened) : file_(std::move(opened)), room_(64 * 1024) {}

  /// Sends what waits and closes the file.
  void close() {
    if (failed_) std::rethrow_exception(failed_);
    send();
    file_.close();
  }
  file &opened() noexcept { return file_; }

 protected:
  int_type underflow() override {
    send();
    size_t count = file_.read(room_.data(), room_.size());
    setg(room_.data(), room_.data(), room_.data() + count);
    return count == 0 ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }

  std::streamsize xsgetn(char *to, std::streamsize size) override {
    std::streamsize here = std::min<std::streamsize>(size, egptr() - gptr());
    if (here > 0) {
      std::memcpy(to, gptr(), static_cast<size_t>(here));
      gbump(static_cast<int>(here));
    }
    if (size - here < static_cast<std::streamsize>(room_.size())) {
      return here + (size > here ? std::streambuf::xsgetn(to + here, size - here) : 0);
    }
    send();
    forget();
    return here + static_cast<std::streamsize>(file_.read(to + here, static_cast<size_t>(size - here)));
  }

  int_type overflow(int_type byte) override {
    send();
    if (!traits_type::eq_int_type(byte, traits_type::eof())) {
      begin_to_write();
      *pptr() = traits_type::to_char_type(byte);
      pbump(1);
    }
    return traits_type::not_eof(byte);
  }

  std::streamsize xsputn(const char *from, std::streamsize size) override {
    if (size < static_cast<std::streamsize>(room_.size())) return std::streambuf::xsputn(from, size);
    send();
    forget();
    write(from, static_cast<size_t>(size));
    return size;
  }

  int sync() override {
    bool has_written = pptr() != pbase();
    send();
    forget();
    if (has_written) file_.flush();
    return 0;
  }

  pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override {
    send();
    forget();
    int whence = from == std::ios_base::beg ? SEEK_SET : from == std::ios_base::cur ? SEEK_CUR : SEEK_END;
    auto moved = file_.try_seek(offset, whence);
    return moved ? pos_type(static_cast<off_type>(*moved)) : pos_type(off_type(-1));
  }

  pos_type seekpos(pos_type position, std::ios_base::openmode which) override {
    return seekoff(off_type(position), std::ios_base::beg, which);
  }

 private:
  /// Writes what waits in the buffer.
  void send() {
    size_t size = static_cast<size_t>(pptr() - pbase());
    if (size > 0) {
      const char *from = pbase();
      setp(nullptr, nullptr);
      write(from, size);
    }
    setp(nullptr, nullptr);
  }

  /// Writes bytes. They are lost if that fails, so that the file must not be closed as if it were whole.
  void write(const char *from, size_t size) {
    try {
      file_.write(from, size);
    } catch (...) {
      failed_ = std::current_exception();
      throw;
    }
  }

  /// Forgets what was read ahead, and moves back before it.
  void forget() {
    off_type ahead = egptr() - gptr();
    setg(nullptr, nullptr, nullptr);
    if (ahead > 0) file_.seek(-ahead, SEEK_CUR);
  }

  void begin_to_write() {
    forget();
    setp(room_.data(), room_.data() + room_.size());
  }

  file file_;
  std::vector<char> room_;
  std::exception_ptr failed_ = nullptr;
};

/// A stream over an open file: std::getline, operator<< and so on. close() tells whether everything was written; without it what
/// was written anew is not seen by others.
class stream : public std::iostream {
 public:
  explicit stream(file opened) : std::iostream(nullptr), buffer_(std::move(opened)) { rdbuf(&buffer_); }

  void close() { buffer_.close(); }
  file &opened() noexcept { return buffer_.opened(); }

 private:
  filebuf buffer_;
};

}  // namespace remofile

#endif
