// SPDX-License-Identifier: Apache-2.0
// The one error type of plumb. Library code throws it; it never prints and never exits. The message names the thing and the value, the hint
// is the next useful command or the allowed values. To add a kind: extend the enum and the two tables in error.cpp (name, exit code).
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace plumb::base {

enum class ErrorKind {
    check_failed,  ///< an output differs from its reference; exit code 1
    usage,         ///< wrong command line, study file or value; exit code 2
    failed,        ///< a point could not be finished; exit code 3
    unsupported,   ///< this implementation cannot do this point, by design; exit code 3
    timed_out,     ///< a point exceeded its time-out; exit code 3
    missing,       ///< data, device or optional part is not here; exit code 4
    internal,      ///< a defect of plumb; exit code 5
    interrupted    ///< the user asked to stop; exit code 130
};

std::string_view name(ErrorKind kind);
int exit_code(ErrorKind kind);

class Error : public std::runtime_error {
  public:
    Error(ErrorKind kind, const std::string& message, std::string hint = {});

    ErrorKind kind() const { return kind_; }
    /// The next useful command, or the allowed values; empty where there is none.
    const std::string& hint() const { return hint_; }

  private:
    ErrorKind kind_;
    std::string hint_;
};

}  // namespace plumb::base
