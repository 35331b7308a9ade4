// SPDX-License-Identifier: Apache-2.0
// A study: experiments as data. Read from TOML (`format = 1`), changed by command-line overrides, expanded to points by plan.h.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lab/family.h"
#include "lab/figure.h"
#include "lab/meter.h"

namespace plumb::lab {

/// Where a value came from: "default", "studies/demo.toml:12", "command line".
using Origin = std::string;

/// Keys that vary together: values[i] holds one value per key. An axis is a zip of one key.
struct Axis {
    std::vector<std::string> keys;
    std::vector<std::vector<Value>> values;
    Origin origin;
    std::string typed;  ///< right-hand side as typed, for the command that repeats it; empty unless it came from the command line
};

/// A point is dropped when every named key has one of the listed values.
struct Exclude {
    std::vector<std::pair<std::string, std::vector<Value>>> match;
    Origin origin;
    std::string typed;  ///< as Axis::typed
};

struct Experiment {
    std::string name;
    std::string family;
    std::vector<Axis> axes;  ///< in order of the file; first varies slowest
    std::vector<Exclude> excludes;
    std::vector<std::string> interleave;  ///< points that differ only in these keys are measured together
    std::vector<std::string> figures;     ///< names of the family's figures to draw; empty = all
    std::uint64_t seed = 1;
    int repeats = 1;
    StopRule stop;
    double timeout_seconds = 0;     ///< 0: none. Above 0 a point runs in a process of its own, which can be stopped
    std::int64_t memory_limit = 0;  ///< bytes; 0: none. Implies a process of its own
    bool isolate = false;
    Origin origin;
    /// Key -> origin for every axis key and, unless they are defaults, "seed", "repeats", "interleave", "figures", "timeout",
    /// "memory_limit", "isolate", "stop.half_width", "stop.max_seconds", "stop.min_seconds", "stop.min_samples", "stop.max_samples",
    /// "stop.warmup", "stop.warmup_calls".
    std::vector<std::pair<std::string, Origin>> origins;

    /// Origin of an experiment's own key, "default" where it was never set.
    Origin origin_of(const std::string& key) const;
    void set_origin(const std::string& key, const Origin& where);
    /// The axis that varies `key`, or nullptr.
    const Axis* axis_of(const std::string& key) const;
};

struct Study {
    std::string name;
    std::string title;    ///< the question
    std::string summary;  ///< one or two sentences
    std::vector<Experiment> experiments;
    std::vector<Answer> answers;
    std::filesystem::path file;  ///< empty for a study made from a family name
};

/// What the command line changes. `assignments` are raw "key=value" words:
///   key=v   key=a,b,c   key=1..9   key=1..9+2 (step)   key=4KiB..16MiB*4 (geometric)   (k1,k2)=(a,1),(b,2)   (k1,k2)=32..8192*2 (both
///   alike)
/// An assignment replaces the axis of that key in every experiment whose family knows the key; unknown everywhere: usage error with nearest
/// name. Reserved keys: none; seed, repeats, time-out and stop rule have flags of their own.
struct Overrides {
    std::vector<std::string> assignments;
    std::vector<std::string> excludes;     ///< "codec=bitcomp chunk=4KiB,8KiB"
    std::vector<std::string> experiments;  ///< keep only these; empty = all
    std::optional<std::uint64_t> seed;
    std::optional<int> repeats;
    std::optional<double> timeout_seconds;
    std::optional<double> max_seconds;  ///< of the stop rule
    std::optional<double> half_width;   ///< of the stop rule
    std::optional<std::int64_t> memory_limit;
    bool isolate = false;
};

/// Expands one right-hand side ("32..8192*2", "a,b") for a parameter. Throws usage naming key and text. Ranges include both ends where the
/// step meets the last one; a range of bytes needs a step or a factor; text is never read as a range; 'a,b' in quotes is one value; at most
/// 100000 values.
std::vector<Value> expand_values(const Schema& schema, const std::string& key, std::string_view text);

/// Reads and checks a study file against the families. Errors name file, line and column, nearest name and allowed values.
Study read_study(const std::filesystem::path& file, const Families& families);
/// The study that `plumb run FAMILY key=value` means: named "family-<name>", one experiment, defaults for the rest. Keys to which a figure
/// of the family relates its values (Figure::relative) are interleaved, so that those ratios are paired.
Study study_of_family(const Family& family);
/// All or nothing: a study that an override does not fit stays as it was. Dropping experiments drops the answers that refer to them.
/// A key that stands in a zip of the file leaves that zip when its new value is a single one; several values are an error, unless the
/// override names all keys of the zip.
void apply(const Overrides& overrides, Study& study, const Families& families);

}  // namespace plumb::lab
