// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/family.h"

#include "families/cotrain/declarations.h"
#include "families/cotrain/trial.h"

namespace plumb::families::cotrain {

namespace {

class CotrainFamily final : public lab::Family {
  public:
    std::string name() const override { return "cotrain"; }
    std::string summary() const override {
        return "Two views of the same samples teach each other labels: accuracy beside that of the labels alone, every pseudo-label on "
               "record";
    }
    int version() const override { return 1; }
    const lab::Schema& schema() const override { return cotrain::schema(); }
    const std::vector<lab::Metric>& metrics() const override { return cotrain::metrics(); }
    const std::vector<lab::Figure>& figures() const override { return cotrain::figures(); }
    lab::Settings resolve(lab::Settings settings) const override { return cotrain::resolve(std::move(settings)); }
    std::map<std::string, std::string> inputs(const lab::Settings& settings) const override { return digest_files(settings); }
    std::unique_ptr<lab::Trial> prepare(const lab::Point& point, const lab::Context& context) const override {
        return std::make_unique<CotrainTrial>(read_request(point.settings), context);
    }
};

}  // namespace

std::shared_ptr<const lab::Family> make_family() {
    return std::make_shared<CotrainFamily>();
}

}  // namespace plumb::families::cotrain
