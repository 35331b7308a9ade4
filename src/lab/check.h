// SPDX-License-Identifier: Apache-2.0
// What stands between an output and a number: a comparison with a reference, and the proof that it was made.
// To add a kind of comparison that families share: a function here that ends in at_most(), and mistrust() where a pass proves little.
#pragma once
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plumb::lab {

class Trial;

enum class CheckStatus {
    passed,
    mistrusted,  ///< passed, but proves little: all zeros, fewer than two distinct outputs, nothing compared
    failed
};
std::string_view name(CheckStatus status);

struct Check {
    std::string name;       ///< "accuracy rule", "allclose to loop"
    std::string reference;  ///< what it was compared with: "fp64 attention", "slow form"
    std::string metric;     ///< what was measured: "max |error| / plain error"
    double measured = 0;
    double bound = 0;
    std::string unit;
    CheckStatus status = CheckStatus::failed;
    std::string note;   ///< why mistrusted or failed; empty when passed
    std::string repro;  ///< one shell line that repeats this check alone; filled by the runner where the trial leaves it empty
};

/// passed when measured <= bound, failed otherwise (NaN fails). `note` is kept for failures.
Check at_most(std::string name, std::string reference, std::string metric, double measured, double bound, std::string unit = {},
              std::string note_if_failed = {});
/// Turns a passed check into a mistrusted one with the reason; failed stays failed.
Check mistrust(Check check, std::string why);

/// Why an output proves little whatever it is compared with: it is empty, all zeros, or has fewer than two distinct finite values. Empty
/// text: it does not.
std::string why_mistrusted(std::span<const float> output);

/// The rule of numpy.allclose and torch.allclose: |got - expected| <= absolute + relative * |expected| for every element; equal infinities
/// agree, NaN never does. `measured` is the largest |got - expected| / (absolute + relative * |expected|), the bound is 1; the note of a
/// failure names the worst element, both values and how many are outside. Unequal sizes fail. A pass on an output that proves little is
/// mistrusted.
Check compare_allclose(std::string name, std::string reference_name, std::span<const float> got, std::span<const float> expected,
                       double relative, double absolute);

/// Proof that a trial's output was checked: at least one check, none failed. Only verify() makes it, so an unchecked number does not
/// compile.
class Verified {
  public:
    const std::vector<Check>& checks() const { return checks_; }
    bool mistrusted() const;

  private:
    explicit Verified(std::vector<Check> checks) : checks_(std::move(checks)) {}
    friend Verified verify(Trial& trial);
    std::vector<Check> checks_;
};

/// The checks that failed, carried out of verify().
class CheckFailure : public std::exception {
  public:
    explicit CheckFailure(std::vector<Check> checks);
    const char* what() const noexcept override { return message_.c_str(); }
    const std::vector<Check>& checks() const { return checks_; }

  private:
    std::vector<Check> checks_;
    std::string message_;
};

/// Runs the trial's checks. Throws CheckFailure when one failed or when there is none.
Verified verify(Trial& trial);

}  // namespace plumb::lab
