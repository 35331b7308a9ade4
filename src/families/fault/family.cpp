// SPDX-License-Identifier: Apache-2.0
#include "families/fault/family.h"

#include "families/fault/campaign_trial.h"
#include "families/fault/clean_trial.h"
#include "families/fault/declarations.h"
#include "families/fault/overhead_trial.h"
#include "families/fault/request.h"

namespace plumb::families::fault {

namespace {

class FaultFamily final : public lab::Family {
  public:
    std::string name() const override { return "fault"; }
    std::string summary() const override {
        return "Attention protected against hardware faults: what each scheme costs, and what it finds and repairs when faults are "
               "injected";
    }
    int version() const override { return 1; }
    const lab::Schema& schema() const override { return fault::schema(); }
    const std::vector<lab::Metric>& metrics() const override { return fault::metrics(); }
    const std::vector<lab::Figure>& figures() const override { return fault::figures(); }
    lab::Settings resolve(lab::Settings settings) const override { return fault::resolve(std::move(settings)); }
    std::unique_ptr<lab::Trial> prepare(const lab::Point& point, const lab::Context& context) const override {
        const Request request = read_request(point.settings, context.seed);
        require_possible(request);
        switch (request.task) {
            case Task::overhead:
                return std::make_unique<OverheadTrial>(request);
            case Task::campaign:
                return std::make_unique<CampaignTrial>(request, context);
            case Task::clean:
                break;
        }
        return std::make_unique<CleanTrial>(request, context);
    }
};

}  // namespace

std::shared_ptr<const lab::Family> make_family() {
    return std::make_shared<FaultFamily>();
}

}  // namespace plumb::families::fault
