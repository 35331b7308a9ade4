// SPDX-License-Identifier: Apache-2.0
#include "families/attention/family.h"

#include "base/digest.h"
#include "base/error.h"
#include "families/attention/backward_trial.h"
#include "families/attention/declarations.h"
#include "families/attention/request.h"
#include "families/attention/trial.h"

namespace plumb::families::attention {

namespace {

class AttentionFamily final : public lab::Family {
  public:
    std::string name() const override { return "attention"; }
    std::string summary() const override {
        return "Attention, from a loop over queries to a fused kernel, and its gradients: time, share of peak, error against fp64";
    }
    int version() const override { return 4; }
    const lab::Schema& schema() const override { return attention::schema(); }
    const std::vector<lab::Metric>& metrics() const override { return attention::metrics(); }
    const std::vector<lab::Figure>& figures() const override { return attention::figures(); }
    lab::Settings resolve(lab::Settings settings) const override { return attention::resolve(std::move(settings)); }
    std::map<std::string, std::string> inputs(const lab::Settings& settings) const override {
        const std::string& file = std::get<std::string>(*lab::find(settings, "input"));
        if (file.empty()) return {};
        return {{file, base::known_file_xxh3_hex(file)}};
    }
    std::unique_ptr<lab::Trial> prepare(const lab::Point& point, const lab::Context& context) const override {
        if (inputs(point.settings) != point.inputs)
            throw base::Error(base::ErrorKind::failed, "the input file has changed since the point was planned",
                              "run the same command again");
        Request request = read_request(point.settings, context.seed);
        if (request.cases.backward) return std::make_unique<BackwardTrial>(std::move(request));
        return std::make_unique<AttentionTrial>(std::move(request));
    }
};

}  // namespace

std::shared_ptr<const lab::Family> make_family() {
    return std::make_shared<AttentionFamily>();
}

}  // namespace plumb::families::attention
