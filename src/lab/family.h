// SPDX-License-Identifier: Apache-2.0
// A family of experiments: what can be varied, what is measured, how it is drawn, how a point becomes a trial.
// To add one: a folder under src/families and one line in src/families/families.cpp.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lab/figure.h"
#include "lab/point.h"
#include "lab/schema.h"
#include "lab/trial.h"

namespace plumb::lab {

class Family {
  public:
    virtual ~Family() = default;
    virtual std::string name() const = 0;
    virtual std::string summary() const = 0;  ///< one sentence
    virtual int version() const = 0;          ///< raised when the meaning of a result changes: points then run again
    virtual const Schema& schema() const = 0;
    virtual const std::vector<Metric>& metrics() const = 0;
    virtual const std::vector<Figure>& figures() const = 0;
    /// Settings that mean the same become the same ("8 chunks of 64 KiB" and "chunks of 8 KiB"), so that they are one point. Throws missing
    /// where that takes data that is not here.
    virtual Settings resolve(Settings settings) const { return settings; }
    /// Digests of the files that a point reads; empty for generated inputs. Throws missing with how to get the data.
    virtual std::map<std::string, std::string> inputs(const Settings& settings) const {
        (void)settings;
        return {};
    }
    /// Throws Error{unsupported} with the reason where the implementation cannot do this point.
    virtual std::unique_ptr<Trial> prepare(const Point& point, const Context& context) const = 0;
};

using Families = std::vector<std::shared_ptr<const Family>>;
/// Throws usage with the nearest name.
const Family& family_named(const Families& families, std::string_view name);

}  // namespace plumb::lab
