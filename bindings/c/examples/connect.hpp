// The base of the examples: a client of the server that REMOFILE_HOSTNAME, REMOFILE_PORT and REMOFILE_TOKEN name.
#ifndef CONNECT_HPP
#define CONNECT_HPP

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <remofile.hpp>
#include <string>

inline std::string environment(const char *name, const char *otherwise = "") {
  const char *value = std::getenv(name);
  return value ? value : otherwise;
}

inline remofile::client connect_from_environment() {
  remofile::client_options options;
  options.hostname = environment("REMOFILE_HOSTNAME");
  options.port = static_cast<uint16_t>(std::strtoul(environment("REMOFILE_PORT", "6768").c_str(), nullptr, 10));
  options.token = environment("REMOFILE_TOKEN");
  options.timeout = std::chrono::minutes(1);
  return remofile::client(options);
}

// Runs a program: what is wrong is told, and makes it end with 1.
template <class F>
int run(F &&program) {
  try {
    program();
    return 0;
  } catch (const remofile::error &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

#endif
